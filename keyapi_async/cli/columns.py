"""What a terminal's table shows of a row: the columns that matter most, as many as fit."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final, cast

import attrs
import orjson

from keyapi_async.cli.commands import meant
from keyapi_async.cli.exits import InputError
from keyapi_async.cli.terminal import plain
from keyapi_async.records.codec import KIND

GAP: Final = 2
_NARROW, _WIDE = 16, 48
"""Cells of a text: what it has at least where it is longer, and at most."""

_TITLE = re.compile(r"(^|_)(name|title|desc|text)$")
_WINDOW = re.compile(r"_(\d+d|history)_|_\d+d$")
_MEASURES: Final = {
    "followers": re.compile("followers"),
    "sales": re.compile(r"sale_((\d+d|history)_)?cnt"),
    "GMV": re.compile("gmv"),
    "views": re.compile("views"),
    "rating": re.compile("rating|score"),
    "avg price": re.compile("avg_price"),
    "price": re.compile("price"),
    "likes": re.compile("digg"),
}
"""The figures that matter most, in their order, by what is in their fields' names."""
_NUMBERS = {"count", "amount", "rate", "position"}
_HIDDEN = {"url", "json", "categories"}
_WORDS = {
    "gmv": "GMV",
    "sale": "sales",
    "ifl": "creators",
    "digg": "likes",
    "spu": "",
    "cnt": "",
    "amt": "",
    "total": "",
    "dt": "day",
    "nick": "",
    "desc": "text",
}


@attrs.frozen
class Column:
    """A column of a table.

    Attributes:
        field: of the row.
        kind: the name of the field's kind; ``text`` where nobody knows.
        head: what stands above it.
        width: cells.
    """

    field: str
    kind: str
    head: str
    width: int = 0

    @property
    def is_number(self) -> bool:
        """Whether it stands to the right."""
        return self.kind in _NUMBERS


def fields_of(record: type, rows: Iterable[object]) -> dict[str, str]:
    """Give the fields of a record class, or of rows that have none, each with its kind."""
    if record is not dict:
        fields = attrs.fields(cast("type[attrs.AttrsInstance]", record))
        return {one.name: one.metadata[KIND].name for one in fields if KIND in one.metadata}
    kinds: dict[str, str] = {}
    for row in rows:
        for name, value in cast("Mapping[str, object]", row).items():
            kinds.setdefault(name, "json" if isinstance(value, (dict, list)) else _guess(name))
    return kinds


def _guess(name: str) -> str:
    last = name.rpartition("_")[2]
    guesses = {"id": "id", "cnt": "count", "amt": "amount", "rate": "rate", "rating": "rate"}
    return "url" if "url" in name or name == "avatar" else guesses.get(last, "text")


def named(fields: Collection[str], wanted: str) -> list[str]:
    """Take apart what ``--columns`` was given.

    Raises:
        InputError: there is no such field.
    """
    names = [name.strip().replace("-", "_") for name in wanted.split(",") if name.strip()]
    for name in names:
        if name not in fields:
            raise InputError(f"--columns: there is no field {name!r}{meant(name, fields)}")
    return names


def important(record: type, fields: Mapping[str, str], known: Collection[str]) -> dict[str, str]:
    """Order the fields that a table may show: identity, names, main figures, times, the rest.

    Args:
        record: the class of the rows.
        fields: their names and kinds.
        known: fields whose value is the same in every row, because it was asked for.

    Returns:
        The fields, each with what stands above it.
    """
    required: set[str] = set()
    if record is not dict:
        for one in attrs.fields(cast("type[attrs.AttrsInstance]", record)):
            if KIND in one.metadata and one.metadata[KIND].required:
                required.add(one.name)
    ranks = {
        name: (*_rank(name, kind, required, by_day="dt" in fields), place)
        for place, (name, kind) in enumerate(fields.items())
        if name not in known and kind not in _HIDDEN
    }
    main: dict[int, str] = {}
    for name in sorted(ranks, key=ranks.__getitem__):
        if _FIGURES <= ranks[name][0] < _OTHERS:
            main.setdefault(ranks[name][0], name)
    labels = dict(zip(range(_FIGURES, _OTHERS), _MEASURES, strict=False))
    heads = {name: labels.get(rank) for rank, name in main.items() if not _WINDOW.search(name)}

    def order(name: str) -> tuple[int, ...]:
        # Of each measure its main figure comes before the second one of any other.
        rank, *rest = ranks[name]
        second = _FIGURES <= rank < _OTHERS and name not in main.values()
        return (_OTHERS if second else rank, *rest)

    return {name: heads.get(name) or head_of(name) for name in sorted(ranks, key=order)}


_FIGURES, _OTHERS = 10, 50


def _rank(name: str, kind: str, required: set[str], *, by_day: bool) -> tuple[int, int]:
    """Say how much a field matters: the less, the more."""
    words = name.count("_")
    window = _WINDOW.search(name)
    if kind == "position":
        return 0, 0
    if name == "dt":
        return 1, 0
    if name in required or (not required and name in {"user_id", "product_id", "seller_id"}):
        return 2, 0
    if kind == "text" and _TITLE.search(name):
        return 3, words
    if name == "region":
        return 4, 0
    if window and not by_day:
        return 90, words
    if kind in _NUMBERS:
        found = (n for n, one in enumerate(_MEASURES.values(), _FIGURES) if one.search(name))
        return next(found, _OTHERS), 0 if window else words
    if kind in {"moment", "moment_ms"}:
        return 30, words
    return (60 if kind in {"flag", "choice"} else 80), words


def head_of(name: str) -> str:
    """Write a field's name as a head has it."""
    words = " ".join(_WORDS.get(word, word) for word in name.split("_"))
    words = words.replace("create time", "created").replace("sales GMV", "GMV")
    return " ".join(words.split()) or name


def fitting(
    heads: Mapping[str, str], fields: Mapping[str, str], rows: Sequence[object], width: int
) -> list[Column]:
    """Make columns for as many fields as so many cells hold; long texts share what is left."""
    chosen: list[Column] = []
    wanted: list[int] = []
    left = width
    for name, head in heads.items():
        column = Column(name, fields[name], head)
        longest = max((len(cell(column, row)) for row in rows), default=0)
        wants = min(max(longest, len(column.head)), _WIDE)
        least = min(wants, max(_NARROW, len(column.head))) if column.kind == "text" else wants
        needs = least + (GAP if chosen else 0)
        if needs > left and chosen:
            break
        left -= needs
        chosen.append(attrs.evolve(column, width=least))
        wanted.append(wants - least)
    for place, more in enumerate(wanted):
        extra = max(0, min(more, left))
        left -= extra
        chosen[place] = attrs.evolve(chosen[place], width=chosen[place].width + extra)
    return chosen


def value_of(row: object, field: str) -> Any:
    """Give a field of a row."""
    if isinstance(row, Mapping):
        return row.get(field)
    return getattr(row, field)


def cell(column: Column, row: object) -> str:
    """Write a field of a row as a table has it; nothing where it has no value."""
    value = value_of(row, column.field)
    if value is None:
        return ""
    if isinstance(value, Enum):
        return (value.name or str(value.value)).lower()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    if column.is_number and isinstance(value, (int, float)):
        return _number(value, column.width or 11)
    if isinstance(value, (dict, list, tuple)):
        return plain(orjson.dumps(value, default=str).decode())
    return plain(str(value))


def _number(value: float, width: int) -> str:
    if isinstance(value, float) and not value.is_integer() and abs(value) < 100:
        return f"{value:.4g}" if abs(value) < 1 else f"{value:.2f}"
    rest = Decimal(value)  # a whole number may be too large for a float
    text = f"{rest:,.0f}"
    for unit in ("K", "M", "G", "T", "P"):
        if len(text) <= width:
            break
        rest /= 1000
        text = f"{rest:,.1f}{unit}"
    return text
