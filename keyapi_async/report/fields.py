"""Which fields of a row a report shows, and as what: told by their kinds and the API's names."""

import re
from collections.abc import Iterable, Mapping
from enum import Enum, IntFlag
from typing import get_args

import attrs

from keyapi_async.api import endpoints
from keyapi_async.harvest.schema import About
from keyapi_async.records.codec import DOC, KIND

NUMBERS = frozenset({"count", "amount", "rate", "position"})
_FAMILIES = (
    ("GMV", "gmv|revenue", True),
    ("Units sold", "sale|sold", True),
    ("Followers", "follower", False),
    ("Views", "view|play_c", True),
    ("Rating", "rating|score", False),
    ("Likes", "digg|like", True),
    ("Creators", "ifl_", False),
    ("Price", "price", False),
)
"""What is measured, what matters most first: its name, how fields of it are called, and whether a
sum over rows means something."""

_NAMES = ("(^|_)title$", "_(desc|text)$", "(^|_)name$")
_PARTS = ("(^|_)region$", "(^|_)category$|category_id$")
_FEW = re.compile("language|gender|level")
_NO_MEASURE = re.compile("(^|_)(ids?|time|at|width|height|size|code|page)$|position", re.IGNORECASE)
_PERSONAL = re.compile("e_?mail|phone|mobile|whatsapp|contact|personal data", re.IGNORECASE)


@attrs.frozen
class Field:
    """A field of the rows: its name, the kind of its values, what it is in a few words and in full.

    Attributes:
        is_key: whether it tells one thing from another.
        choices: what its codes mean, if it has such.
        adds_up: whether a sum over rows means something.
    """

    name: str
    kind: str
    label: str
    doc: str = ""
    is_key: bool = False
    choices: Mapping[object, str] = attrs.field(factory=dict, eq=False)
    adds_up: bool = False


@attrs.frozen
class Shape:
    """What a report shows of rows.

    Attributes:
        about: what a row is, in one sentence.
        fields: all fields.
        shown: those that are no personal data.
        keys: those that tell one thing from another.
        names: those by which people know it.
        measures: what is measured, the most telling first.
        parts: what divides the rows into groups.
        day: the day that a row's figures belong to, in a trend.
        moment: the time of what the row is about, such as the publishing of a video.
    """

    about: str
    fields: tuple[Field, ...]
    shown: tuple[Field, ...]
    keys: list[Field]
    names: list[Field]
    measures: list[Field]
    parts: list[Field]
    day: Field | None
    moment: Field | None


def shape_of(known: About) -> Shape:
    """Choose what to show of the rows of a ledger."""
    records = {one.record.__name__: one.record for one in endpoints()}
    record = records.get(known.record, dict)
    described = {one.name: one for one in getattr(record, "__attrs_attrs__", ())}
    fields = tuple(_field(one.name, one.kind, described.get(one.name)) for one in known.columns)
    shown = tuple(one for one in fields if not is_personal(one.name, one.doc))
    days = [one for one in shown if (one.name, one.kind) == ("dt", "date")]
    few = [
        one
        for one in shown
        if one.kind in {"choice", "flag"} or (one.kind == "text" and _FEW.search(one.name))
    ]
    return Shape(
        about="" if record is dict else (record.__doc__ or "").partition("\n")[0].replace("``", ""),
        fields=fields,
        shown=shown,
        keys=[one for one in shown if one.is_key],
        names=_called(shown, _NAMES)[:2],
        measures=_measures(shown, is_trend=bool(days)),
        parts=[*(one for one in _called(shown, _PARTS) if not one.is_key)][:2] + few[:4],
        day=next(iter(days), None),
        moment=next((one for one in shown if one.kind.startswith("moment")), None),
    )


def is_personal(name: str, doc: str = "") -> bool:
    """Say whether a field holds what belongs to a person, and is never shown."""
    return _PERSONAL.search(f"{name} {doc}") is not None


def label_of(name: str) -> str:
    """Write a name as words."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def _field(name: str, kind: str, described: "attrs.Attribute[object] | None") -> Field:
    if described is None:
        return Field(name, kind, label_of(name))
    known = described.metadata[KIND]
    choices: dict[object, str] = {}
    for enum in get_args(known.becomes):
        if isinstance(enum, type) and issubclass(enum, Enum):
            names = {int(one.value): label_of(one.name.lower()) for one in enum}
            choices.update(names)
            if issubclass(enum, IntFlag):
                for code in range(sum(names) + 1):
                    choices[code] = ", ".join(names[n] for n in names if n & code) or "Not at all"
    return Field(name, kind, label_of(name), described.metadata[DOC], known.required, choices)


def _called(fields: Iterable[Field], patterns: Iterable[str]) -> list[Field]:
    """Find the first field of each name."""
    texts = [one for one in fields if one.kind in {"text", "id"}]
    found = (next((one for one in texts if re.search(p, one.name)), None) for p in patterns)
    return [one for one in found if one is not None]


def _measures(fields: Iterable[Field], *, is_trend: bool) -> list[Field]:
    """Choose one field of each family: the plainest, and of a trend what the day has added."""

    def rank(one: Field) -> tuple[bool, bool, int]:
        plain = one.name.startswith(("total", "per"))
        return is_trend and "_1d_" not in one.name, not plain, one.name.count("_")

    left = [one for one in fields if one.kind in NUMBERS and not _NO_MEASURE.search(one.name)]
    others, found = left, []
    for label, called, adds_up in _FAMILIES:
        family = [one for one in left if re.search(called, one.name)]
        left = [one for one in left if one not in family]
        if family:
            best = min(family, key=rank)
            sums = adds_up and (not is_trend or "_1d_" in best.name)
            found.append(attrs.evolve(best, label=label, adds_up=sums))
    return (found or others)[:6]
