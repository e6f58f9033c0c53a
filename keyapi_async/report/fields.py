"""Which fields of a row a report shows, and as what: told by their kinds and the API's names."""

import re
from collections.abc import Mapping
from enum import Enum
from typing import get_args

import attrs

from keyapi_async.api import endpoints
from keyapi_async.harvest.schema import About
from keyapi_async.records.codec import DOC, KIND
from keyapi_async.report.markup import is_personal

_NUMBERS = frozenset({"count", "amount", "rate"})
_FAMILIES = tuple(
    (re.compile(pattern), adds_up)
    for pattern, adds_up in (
        (r"gmv|revenue", True),
        (r"sale|sold", True),
        (r"follower", False),
        (r"view|play_c", True),
        (r"rating|score", False),
        (r"digg|like", True),
        (r"ifl_", False),
        (r"price", False),
    )
)
"""What is measured, what matters most first, and whether it may be summed up over rows."""

_NAMES = tuple(map(re.compile, (r"(^|_)title$", r"_(desc|text)$", r"(^|_)name$")))
_PARTS = tuple(map(re.compile, (r"(^|_)region$", r"(^|_)category$", r"^category_id$", r"category_id$")))
_FEW = re.compile(r"language|gender|level")
_NO_MEASURE = re.compile(r"(^|_)(ids?|time|at|width|height|size|code|page|flag)$", re.IGNORECASE)
_MOST_MEASURES, _MOST_PARTS = 6, 6


@attrs.frozen
class Field:
    """A field of the rows.

    Attributes:
        name: the API's.
        kind: what its values are.
        label: what it is, in a few words.
        doc: what it is, in full; empty where nobody has said it.
        is_key: whether it tells one thing from another.
        choices: what its codes mean, if it has such.
        adds_up: whether a sum over rows means something.
    """

    name: str
    kind: str
    label: str
    doc: str = ""
    is_key: bool = False
    choices: Mapping[int, str] = {}
    adds_up: bool = False

    @property
    def is_personal(self) -> bool:
        """Whether it is never shown."""
        return is_personal(self.name, self.doc)


@attrs.frozen
class Shape:
    """What a report shows of rows.

    Attributes:
        title: the name of the endpoint.
        about: what a row is, in one sentence.
        fields: all fields.
        keys: those that tell one thing from another.
        names: those by which people know it.
        measures: what is measured, the most telling first.
        parts: what divides the rows into groups.
        day: the day that a row's figures belong to, in a trend.
        moment: the time of what the row is about, such as the publishing of a video.
    """

    title: str
    about: str
    fields: tuple[Field, ...]
    keys: tuple[Field, ...]
    names: tuple[Field, ...]
    measures: tuple[Field, ...]
    parts: tuple[Field, ...]
    day: Field | None
    moment: Field | None


def shape_of(known: About) -> Shape:
    """Choose what to show of the rows of a ledger."""
    told = next((one for one in endpoints() if one.path == known.facts["path"]), None)
    record = told.record if told and told.record.__name__ == known.record else dict
    described = {one.name: one for one in getattr(record, "__attrs_attrs__", ())}
    fields = tuple(
        _field(column.name, column.kind, described.get(column.name)) for column in known.columns
    )
    shown = [field for field in fields if not field.is_personal]
    day = next((one for one in shown if one.name == "dt" and one.kind == "date"), None)
    name = str(known.facts["name"])
    return Shape(
        title=name[:1].upper() + name[1:],
        about="" if record is dict else (record.__doc__ or "").partition("\n")[0],
        fields=fields,
        keys=tuple(one for one in shown if one.is_key),
        names=tuple(_matching(shown, _NAMES, {"text"}))[:2],
        measures=tuple(_measures(shown, is_trend=day is not None)),
        parts=tuple(_parts(shown)),
        day=day,
        moment=next((one for one in shown if one.kind.startswith("moment")), None),
    )


def _field(name: str, kind: str, described: "attrs.Attribute[object] | None") -> Field:
    if described is None or KIND not in described.metadata:
        return Field(name, kind, label_of(name))
    doc, known = described.metadata[DOC], described.metadata[KIND]
    enums = [one for one in get_args(known.becomes) if isinstance(one, type) and issubclass(one, Enum)]
    label = re.split(r"[,;.]", doc)[0] if kind in _NUMBERS else label_of(name)
    choices = {int(one.value): label_of(one.name.lower()) for enum in enums for one in enum}
    return Field(name, kind, label, doc, known.required, choices)


def label_of(name: str) -> str:
    """Write a name as words."""
    words = " ".join(word for word in name.split("_") if word not in {"cnt", "amt"})
    return words[:1].upper() + words[1:]


def _matching(
    fields: list[Field], patterns: tuple[re.Pattern[str], ...], kinds: set[str]
) -> list[Field]:
    found = [
        field
        for pattern in patterns
        for field in fields
        if field.kind in kinds and pattern.search(field.name)
    ]
    return list(dict.fromkeys(found))


def _measures(fields: list[Field], *, is_trend: bool) -> list[Field]:
    """Choose one field of each family: the plainest, and of a trend what the day has added."""
    numbers = [one for one in fields if one.kind in _NUMBERS and not _NO_MEASURE.search(one.name)]
    left, found = list(numbers), []
    for pattern, adds_up in _FAMILIES:
        family = [one for one in left if pattern.search(one.name)]
        left = [one for one in left if one not in family]
        if family:
            best = min(family, key=lambda one: _rank(one.name, is_trend=is_trend))
            sums = adds_up and (not is_trend or "_1d_" in best.name)
            found.append(attrs.evolve(best, adds_up=sums))
    return (found or numbers)[:_MOST_MEASURES]


def _rank(name: str, *, is_trend: bool) -> tuple[bool, bool, int]:
    return (is_trend and "_1d_" not in name, not name.startswith(("total", "per")), name.count("_"))


def _parts(fields: list[Field]) -> list[Field]:
    """Choose what divides the rows: region and category first, then codes and flags."""
    found = _matching(fields, _PARTS[:1], {"text"})
    found += _matching(fields, _PARTS[1:], {"text", "id"})[:1]
    found += [
        one
        for one in fields
        if one.kind in {"choice", "flag"} or (one.kind == "text" and _FEW.search(one.name))
    ]
    return [one for one in dict.fromkeys(found) if not one.is_key][:_MOST_PARTS]
