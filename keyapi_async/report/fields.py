"""Which fields of a row a report shows, and as what, judged by their kinds and the API's names."""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, IntFlag
from typing import Any, get_args

import attrs

from keyapi_async.api import endpoints
from keyapi_async.harvest.schema import About
from keyapi_async.records.codec import DOC, KIND

NUMBERS = frozenset({"count", "amount", "rate", "position"})
_FAMILIES = (
    ("GMV", "gmv|revenue", "sum"),
    ("Units sold", "sale|sold", "sum"),
    ("Followers", "follower", "last"),
    ("Views", "view|play_c", "sum"),
    ("Rating", "rating|score", "mean"),
    ("Likes", "digg|like", "sum"),
    ("Creators", "ifl_", "last"),
    ("Price", "price", "mean"),
)
"""What is measured, what matters most first: its name, how fields of it are called, and what means
something over rows: their sum, each thing's last value, or their mean."""

_NAMES = ("(^|_)title$", "_(desc|text)$", "(^|_)name$")
_DIMENSIONS = ("(^|_)region$", "(^|_)category$|category_id$")
_FEW = re.compile("language|gender|level")
_WORDS = {"id": "ID", "ids": "IDs", "ai": "AI", "desc": "description", "cnt": "count", "s": "S",
          "sk": "keyword"}  # fmt: skip
_NO_MEASURE = re.compile("(^|_)(ids?|time|at|width|height|size|code|page|rank)$", re.IGNORECASE)


@attrs.frozen
class Field:
    """A field of the rows: its name, the kind of its values, what it is in a few words and in full.

    Attributes:
        is_key: whether it tells one thing from another.
        choices: what its codes mean, if it has such.
        sums: what means something over rows: "sum", "last" (value of each thing) or "mean".
    """

    name: str
    kind: str
    label: str
    doc: str = ""
    is_key: bool = False
    choices: Mapping[object, str] = attrs.field(factory=dict, eq=False)
    sums: str = "mean"


def fields_of(known: About) -> tuple[str, list[Field]]:
    """Say in one sentence what a row of a ledger is, and describe its fields."""
    records = {one.record.__name__: one.record for one in endpoints() if one.record is not dict}
    record = records.get(known.record)
    fields = getattr(record, "__attrs_attrs__", ())
    described = {one.name: one.metadata for one in fields if KIND in one.metadata}
    kinds = {(name, one[KIND].name) for name, one in described.items()}
    if not kinds.issuperset((one.name, one.kind) for one in known.columns):
        record, described = None, {}  # it is a class of the user's own that has the name of ours
    doc = str(record.__doc__).partition("\n")[0].replace("``", "") if record else ""
    return doc, [_field(one.name, one.kind, described.get(one.name)) for one in known.columns]


def _field(name: str, kind: str, described: Mapping[object, Any] | None) -> Field:
    choices: dict[object, str] = {"true": "Yes", "false": "No"} if kind == "flag" else {}
    if described is None:
        return Field(name, kind, label_of(name), choices=choices)
    known = described[KIND]
    for enum in get_args(known.becomes):
        if isinstance(enum, type) and issubclass(enum, Enum):
            names = {int(one.value): label_of(one.name.lower()) for one in enum}
            choices.update(names.items())
            for code in range(sum(names) + 1) if issubclass(enum, IntFlag) else ():
                choices[code] = ", ".join(names[n] for n in names if n & code) or "Not at all"
    return Field(name, kind, label_of(name), str(described[DOC]), known.required, choices)


def label_of(name: str) -> str:
    """Write a name as words."""
    words = " ".join(_WORDS.get(word, word) for word in name.replace("_", " ").split())
    return words[:1].upper() + words[1:]


def keys_of(fields: Sequence[Field]) -> list[Field]:
    """Choose what tells one thing from another; of rows that nobody is sure of, the first id."""
    ids = [one for one in fields if one.name.endswith("_id") and "category" not in one.name]
    return [one for one in fields if one.is_key] or ids[:1]


def names_of(fields: Iterable[Field]) -> list[Field]:
    """Choose by what people know a row: a title, a caption, a name."""
    return _called([one for one in fields if one.kind == "text"], _NAMES)[:2]


def dimensions_of(fields: Iterable[Field]) -> list[Field]:
    """Choose what divides rows into groups: region, category, codes and flags."""
    free = [one for one in fields if not one.is_key]
    named = _called([one for one in free if one.kind in {"text", "id"}], _DIMENSIONS)
    coded = [one for one in free if one.kind in {"choice", "flag"}]
    coded += [one for one in free if one.kind in {"text", "count"} and _FEW.search(one.name)]
    return named + [one for one in coded if one not in named][:4]


def _called(fields: Iterable[Field], patterns: Iterable[str]) -> list[Field]:
    found = (next((one for one in fields if re.search(p, one.name)), None) for p in patterns)
    return [one for one in found if one]


def measures_of(fields: Iterable[Field], *, is_trend: bool) -> list[Field]:
    """Choose one field of each family: the plainest, and of a trend what the day has added."""

    def rank(one: Field) -> tuple[bool, bool, int]:
        plain = one.name.startswith(("total", "per"))
        return is_trend and "_1d_" not in one.name, not plain, one.name.count("_")

    left = [one for one in fields if one.kind in NUMBERS and not _NO_MEASURE.search(one.name)]
    others, found = left, []
    for label, called, sums in _FAMILIES:
        if family := [one for one in left if re.search(called, one.name)]:
            best = min(family, key=rank)
            is_daily = is_trend and "_1d_" in best.name
            if sums == "last" and is_daily:
                label, sums = f"New {label.lower()}", "sum"  # noqa: PLW2901
            elif sums == "sum" and is_trend and not is_daily:
                sums = "last"  # noqa: PLW2901  # up to the day
            found.append(attrs.evolve(best, label=label, sums=sums))
            left = [one for one in left if one not in family]
    return (found or others)[:6]
