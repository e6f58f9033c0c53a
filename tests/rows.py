"""Rows as the API documents them, and as the wild sends them: strategies for both."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from enum import IntEnum
from pathlib import Path
from typing import Any, TypeAlias, get_args

import orjson
from hypothesis import settings
from hypothesis import strategies as st

from keyapi_async.api import endpoints
from keyapi_async.api.endpoint import Endpoint
from keyapi_async.records import fields as kinds
from keyapi_async.records.codec import kinds_of
from keyapi_async.records.fields import Kind

Row: TypeAlias = dict[str, Any]


class Number:
    """A whole number of another library, as numpy's are."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


steady = settings(derandomize=True, deadline=None, max_examples=100)
"""Hypothesis, the same on every run."""

_HERE = Path(__file__).parent
_PATHS = json.loads((_HERE / "openapi.json").read_text(encoding="utf-8"))["paths"]
OPERATIONS: Mapping[str, Row] = {path: about["get"] for path, about in _PATHS.items()}
"""What the specification says of each path."""


def lacks(where: str, declared: Iterable[str], specified: Iterable[str]) -> str:
    """Say which names one side lacks, for who changes either."""
    more, missing = sorted({*declared} - {*specified}), sorted({*specified} - {*declared})
    return f"the specification of {where} lacks {more}; the declaration lacks {missing}"


def answer_of(path: str) -> Row:
    """Give the documented example of an answer."""
    file = _HERE / "examples" / f"{OPERATIONS[path]['operationId']}.json"
    answer: Row = json.loads(file.read_text(encoding="utf-8"))
    return answer


def fields_of(path: str) -> Mapping[str, Mapping[str, Any]]:
    """Give what the specification says of a row's fields."""
    answer = OPERATIONS[path]["responses"]["200"]["content"]["application/json"]["schema"]
    found: Mapping[str, Mapping[str, Any]] = answer["properties"]["data"]["items"]["properties"]
    return found


DECLARED: Mapping[type, list[Endpoint]] = {
    one.record: [other for other in endpoints() if other.record is one.record]
    for one in endpoints()
    if one.record is not dict
}
"""Which endpoints answer with rows of which record."""


def _whole(cls: type) -> Row:
    row: Row = {}
    for one in DECLARED[cls]:
        known = kinds_of(cls) if one.resource == "search" else fields_of(one.path)
        for name, value in answer_of(one.path)["data"][0].items():
            if name in known and row.get(name) is None:
                row[name] = value
    return row


DOCUMENTED: Mapping[type, Row] = {cls: _whole(cls) for cls in DECLARED}
"""A row of each shape with every field that any of its examples has."""

RECORDS = list(DOCUMENTED)
STRICT = {
    cls
    for cls, found in DECLARED.items()
    if any(OPERATIONS[one.path]["x-evidence"] == "documented" for one in found)
}
"""Shapes that are documented, so that a misfit makes a row invalid."""

MISSING: Any = object()
"""In a row: the field is not there at all."""

EXACT = 2**53
EARLIEST, LATEST = -62135596800, 253402300799  # the years 1 and 9999, in Unix seconds

KINDS: Mapping[str, Kind] = {
    name: kind
    for name, said in vars(kinds).items()
    for kind in getattr(said, "__metadata__", ())[:1]
    if isinstance(kind, Kind)
}
"""Every kind of field by its name, such as ``CountText``."""

CHOICES: Mapping[Kind, type[IntEnum]] = {
    kind: next(one for one in get_args(kind.becomes) if isinstance(one, type))
    for cls in RECORDS
    for kind in kinds_of(cls).values()
    if kind.name == "choice" and kind not in KINDS.values()
}
"""Every kind of listed code, and its enum."""

_NAMES = {kind: name for name, kind in KINDS.items()}
ALL_KINDS = [*(kind for kind in KINDS.values() if kind.on_wire), *CHOICES]


def name_of(kind: Kind) -> str:
    """Name a kind."""
    return _NAMES.get(kind, "choice")


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
_days = st.dates(min_value=date(1000, 1, 1))
_counts = st.integers(-(2**70), 2**70)

json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        _words,
        st.text("0123456789+-.eE,: ", max_size=12),
        st.sampled_from(
            ("", "0", "1", "true", "12", "1.5", "1e3", "-", "nan", "7-8-9:1", "2" * 30, "20250104")
        ),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=3),
    max_leaves=4,
)
"""Whatever JSON can carry."""

_JSON_TEXTS = json_values.filter(lambda value: value is not None and not isinstance(value, str))
_PLAIN = ("", "-", "[{index=1, url=https://a.example}]", '"quoted"', "{")

_CANONICAL: Mapping[str, st.SearchStrategy[Any]] = {
    "Identity": _ids,
    "OtherId": _words,
    "Text": _words,
    "Url": _words,
    "Count": _counts,
    "CountText": _counts.map(str),
    "CountDecimals": st.integers(1 - EXACT, EXACT - 1).map(lambda n: f"{n}.00"),
    "Code": _counts,
    "Amount": _amounts,
    "AmountText": _amounts.map(str),
    "AmountDecimals": st.integers(-(10**9), 10**9).map(lambda cents: f"{cents / 100:.2f}"),
    "Rate": _amounts,
    "Moment": _moments,
    "MomentText": _moments.map(str),
    "MomentMs": st.integers(EARLIEST * 1000, LATEST * 1000),
    "Day": _days.map(date.isoformat),
    "DayNumber": _days.map(lambda day: int(f"{day:%Y%m%d}")),
    "Flag": st.sampled_from((0, 1)),
    "FlagText": st.sampled_from(("false", "true")),
    "Sales": st.integers(0, 255),
    "Categories": _categories,
    "JSONText": _JSON_TEXTS.map(lambda v: orjson.dumps(v).decode()) | st.sampled_from(_PLAIN),
}


def canonical(kind: Kind) -> st.SearchStrategy[Any]:
    """Give values of a kind as the documentation writes them."""
    if kind not in CHOICES:
        return _CANONICAL[_NAMES[kind]]
    assert kind.write is not None
    return (st.sampled_from(list(CHOICES[kind])) | st.integers(0, 99)).map(kind.write)


def forms(kind: Kind, value: Any) -> Iterator[Any]:
    """Give the ways in which the wild writes a value that the documentation writes so."""
    name = name_of(kind)
    texts = name in {"OtherId", "Text", "Url", "JSONText", "Categories"}
    if value is None:
        yield from (None,) if texts else (None, "", "  ", "-")
        return
    yield value
    if name == "Identity" and value == str(int(value)):
        yield int(value)
    elif name == "JSONText" and value not in _PLAIN:
        yield from (json.loads(value), f" {value}\n")
    elif name == "Categories":
        yield from (value.replace(",", " , "), f" {value}\n")
    elif kind.name == "flag":
        yes = value in {1, "true"}
        word = "true" if yes else "false"
        yield from (yes, int(yes), str(int(yes)), word, word.title(), word.upper(), f" {word} ")
    elif kind.name == "date":
        day = str(value).replace("-", "")
        yield from (int(day), day, f"{day[:4]}-{day[4:6]}-{day[6:]}", f" {day}\t")
    elif not texts and name != "Identity":
        yield from _numbers(kind, str(value))


def _numbers(kind: Kind, written: str) -> Iterator[Any]:
    yield from (written, f" {written}\t")
    if not written.startswith("-"):
        yield f"+{written}"
    exact = float(written)
    if not exact.is_integer() or "e" in written:
        yield exact
        return
    whole = int(written.partition(".")[0])
    yield whole
    if abs(whole) < EXACT:
        yield from (exact, f"{whole}.0", f"{whole}.", f"{whole}e0")
    assert kind.name in {"count", "amount", "rate", "moment", "moment_ms", "choice"}


def canonical_rows(cls: type) -> st.SearchStrategy[Row]:
    """Give rows in the documented form, None where a field is missing."""
    return st.fixed_dictionaries(
        {
            name: canonical(kind) if kind.required else st.none() | canonical(kind)
            for name, kind in sampled(cls).items()
        }
    )


def sampled(cls: type) -> Mapping[str, Kind]:
    """Give three fields of each kind of a record, and all that are required: the rest is equal."""
    found = kinds_of(cls)
    seen = dict.fromkeys(found.values(), 0)
    chosen = {}
    for name, kind in found.items():
        seen[kind] += 1
        if kind.required or seen[kind] <= 3:
            chosen[name] = kind
    return chosen


@st.composite
def written(draw: st.DrawFn, cls: type, row: Row) -> Row:
    """Write a documented row in any mixture of the forms that the wild uses."""
    kinds_ = kinds_of(cls)
    wild = {
        name: draw(st.sampled_from([*forms(kinds_[name], value), *[MISSING] * (value is None)]))
        for name, value in row.items()
    }
    shuffled = draw(st.permutations(list(wild)))
    return {name: wild[name] for name in shuffled if wild[name] is not MISSING}


extras = st.dictionaries(
    st.sampled_from(("new", "products_of_it", "rank", "extra", "", "ß")), json_values, max_size=3
)


@st.composite
def arbitrary_rows(draw: st.DrawFn, cls: type) -> Row:
    """Give rows in which some fields are good and some are anything."""
    row = dict(draw(extras))
    for name, kind in sampled(cls).items():
        luck = draw(st.integers(0, 40))
        if luck == 0:
            row[name] = draw(json_values)
        elif luck > 2 or kind.required:
            row[name] = draw(st.sampled_from(list(forms(kind, draw(canonical(kind))))))
    return row
