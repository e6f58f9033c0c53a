"""Rows as the API documents them, and as the wild sends them: strategies for both."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from hypothesis import settings
from hypothesis import strategies as st

from keyapi_async import (
    InfluencerLivestream,
    InfluencerVideo,
    ProductCreator,
    RankedInfluencer,
    VideoProduct,
)
from keyapi_async.records import fields as kinds
from keyapi_async.records.codec import kinds_of
from keyapi_async.records.fields import Kind
from keyapi_async.sandbox import examples

Row: TypeAlias = dict[str, Any]

steady = settings(derandomize=True, deadline=None, max_examples=100)
"""Hypothesis, the same on every run."""

DOCUMENTED: Mapping[type, Row] = {
    ProductCreator: dict(examples.PRODUCT_CREATOR),
    InfluencerVideo: dict(examples.VIDEO),
    RankedInfluencer: dict(examples.RANKED),
    InfluencerLivestream: dict(examples.LIVESTREAM),
    VideoProduct: dict(examples.VIDEO_PRODUCT),
}
RECORDS = list(DOCUMENTED)

MISSING: Any = object()
"""In a row: the field is not there at all."""

EXACT = 2**53
EARLIEST, LATEST = -62135596800, 253402300799  # the years 1 and 9999, in Unix seconds


def kind_of(annotated: Any) -> Kind:
    """Give the kind that an annotation such as ``kinds.Count`` stands for."""
    (kind,) = annotated.__metadata__
    assert isinstance(kind, Kind)
    return kind


ID, TEXT = kind_of(kinds.Id), kind_of(kinds.Text)
COUNT, COUNT_TEXT = kind_of(kinds.Count), kind_of(kinds.CountText)
AMOUNT = kind_of(kinds.Amount)
MOMENT, MOMENT_TEXT = kind_of(kinds.Moment), kind_of(kinds.MomentText)
FLAG, FLAG_TEXT = kind_of(kinds.Flag), kind_of(kinds.FlagText)
SALES, CATEGORIES = kind_of(kinds.Sales), kind_of(kinds.Categories)
KINDS = [
    ID, TEXT, COUNT, COUNT_TEXT, AMOUNT, MOMENT, MOMENT_TEXT, FLAG, FLAG_TEXT, SALES, CATEGORIES,
]  # fmt: skip

_words = st.text(st.characters(codec="utf-8"), max_size=12)
_ids = st.integers(0, 2**63 - 1).map(str)
_entries = st.tuples(
    st.lists(st.integers(0, 10**7).map(str), min_size=1, max_size=3), st.integers(0, 300)
)
_categories = st.lists(_entries, max_size=5).map(
    lambda entries: ",".join(f"{'-'.join(levels)}:{rank}" for levels, rank in entries)
)
_amounts = st.one_of(
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: not x.is_integer()),
)
_moments = st.integers(EARLIEST, LATEST)

CANONICAL: Mapping[Kind, st.SearchStrategy[Any]] = {
    ID: _ids,
    TEXT: _words,
    COUNT: st.integers(-(2**70), 2**70),
    COUNT_TEXT: st.integers(-(2**70), 2**70).map(str),
    AMOUNT: _amounts,
    MOMENT: _moments,
    MOMENT_TEXT: _moments.map(str),
    FLAG: st.sampled_from((0, 1)),
    FLAG_TEXT: st.sampled_from(("false", "true")),
    SALES: st.integers(0, 255),
    CATEGORIES: _categories,
}
"""For each kind, values as the documentation writes them."""


def forms(kind: Kind, canonical: Any) -> list[Any]:
    """List the ways in which the wild writes a value that the documentation writes so."""
    if canonical is None:
        blank = ["", "  "] if kind not in {TEXT, CATEGORIES} else []
        return [None, MISSING, *blank]
    if kind is ID:
        return [canonical, int(canonical)] if canonical == str(int(canonical)) else [canonical]
    if kind is TEXT:
        return [canonical]
    if kind in {FLAG, FLAG_TEXT}:
        yes = canonical in {1, "true"}
        word = "true" if yes else "false"
        return [yes, int(yes), str(int(yes)), word, word.title(), word.upper(), f" {word} "]
    if kind is CATEGORIES:
        return [canonical, canonical.replace(",", " , "), f" {canonical}\n"]
    written = str(canonical)
    listed: list[Any] = [canonical, written, f" {written}\t"]
    number = float(canonical) if kind is AMOUNT else int(canonical)
    if not written.startswith("-"):
        listed.append(f"+{written}")
    if isinstance(number, int):
        listed.append(number)
    if abs(number) < EXACT:
        listed += [float(number)]
        listed += [f"{written}.0", f"{written}.", f"{written}e0"] if "." not in repr(number) else []
    return listed


def canonical_rows(cls: type) -> st.SearchStrategy[Row]:
    """Give rows in the documented form, None where a field is missing."""
    return st.fixed_dictionaries(
        {
            name: CANONICAL[kind] if kind.required else st.none() | CANONICAL[kind]
            for name, kind in kinds_of(cls).items()
        }
    )


@st.composite
def written(draw: st.DrawFn, cls: type, row: Row) -> Row:
    """Write a documented row in any mixture of the forms that the wild uses."""
    wild = {
        name: draw(st.sampled_from(forms(kind, row[name]))) for name, kind in kinds_of(cls).items()
    }
    shuffled = draw(st.permutations(list(wild)))
    return {name: wild[name] for name in shuffled if wild[name] is not MISSING}


json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        _words,
        st.sampled_from(
            ("", "0", "1", "true", "12", "1.5", "1e3", "-", "nan", "7-8-9:1", "2" * 30)
        ),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=3),
    max_leaves=4,
)
"""Whatever JSON can carry."""

extras = st.dictionaries(
    st.sampled_from(("is_ad", "video_products", "rank", "extra", "", "ß")), json_values, max_size=3
)


@st.composite
def arbitrary_rows(draw: st.DrawFn, cls: type) -> Row:
    """Give rows in which some fields are good and some are anything."""
    row = dict(draw(extras))
    for name, kind in kinds_of(cls).items():
        luck = draw(st.integers(0, 40))
        if luck == 0:
            row[name] = draw(json_values)
        elif luck > 2 or kind.required:
            row[name] = draw(st.sampled_from(forms(kind, draw(CANONICAL[kind]))))
    return row
