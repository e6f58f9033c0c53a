"""What a terminal's table shows of a row: the columns that matter most, as many as fit."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final, cast

import attrs
import orjson
from rich.cells import cell_len

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
_NUMBERS: Final = {"count", "amount", "rate", "position"}
_HIDDEN: Final = {"url", "json", "categories"}
_WORDS: Final = {
    "gmv": "GMV",
    "sale": "sales",
    "ifl": "creators",
    "digg": "likes",
    "dt": "day",
    "desc": "text",
    "create": "created",
    **dict.fromkeys(("spu", "cnt", "amt", "total", "nick"), ""),
}
_GUESSES: Final = {"id": "id", "cnt": "count", "amt": "amount", "rate": "rate", "rating": "rate"}
"""What fields probably are where they are not documented, by the last word of their names."""


@attrs.define
class TableColumn:
    """A column of a table: its field, of what kind that is, its head, its width, the best one."""

    field: str
    kind: str
    head: str
    width: int = 0
    wants: int = 0

    @property
    def is_number(self) -> bool:
        """Whether it stands to the right."""
        return self.kind in _NUMBERS


def fields_of(record: type, rows: Iterable[object]) -> dict[str, str]:
    """Give the fields of a record class, or of rows that have none, each with its kind."""
    if record is not dict:
        return {one.name: one.metadata[KIND].name for one in _declared(record)}
    kinds: dict[str, str] = {}
    for row in rows:
        for name, value in cast("Mapping[str, object]", row).items():
            guess = "url" if "url" in name else _GUESSES.get(name.rpartition("_")[2], "text")
            kinds.setdefault(name, "json" if isinstance(value, (dict, list)) else guess)
    return kinds


def _declared(record: type) -> list[Any]:
    fields = attrs.fields(cast("type[attrs.AttrsInstance]", record))
    return [one for one in fields if KIND in one.metadata]


def named(fields: Collection[str], wanted: str) -> list[str]:
    """Take apart what ``--columns`` was given; refuse it where there is no such field, or none."""
    names = [name.strip().replace("-", "_") for name in wanted.split(",") if name.strip()]
    if not names:
        raise InputError("--columns: name one field at least")
    for name in names:
        if name not in fields:
            raise InputError(f"--columns: there is no field {name!r}{meant(name, fields)}")
    return names


def important(record: type, fields: Mapping[str, str], known: Collection[str]) -> dict[str, str]:
    """Order the fields that a table may show: identity, names, main figures, times, the rest.

    Each comes with its head; ``known`` ones, of which every row has the same value, are left out.
    """
    sure = {"user_id", "product_id", "seller_id"}
    if record is not dict:
        sure = {one.name for one in _declared(record) if one.metadata[KIND].required}
    by_day = "dt" in fields  # there, what the day has added says more than the total up to it
    shown = sorted(
        (name for name, kind in fields.items() if name not in known and kind not in _HIDDEN),
        key=lambda name: (by_day and "_1d_" not in name, name.count("_")),
    )
    plainly = [name for name in shown if by_day or not _WINDOW.search(name)]
    numbers = [name for name in plainly if fields[name] in _NUMBERS]

    def of(*kinds: str) -> list[str]:
        return [name for name in plainly if fields[name] in kinds]

    heads: dict[str, str] = {}

    def take(group: Iterable[str], label: str | None = None) -> None:
        some = {*group} - heads.keys()
        for name in [name for name in shown if name in some][: 1 if label else None]:
            heads[name] = label if label and not _WINDOW.search(name) else head_of(name)

    titles = [name for name in of("text") if _TITLE.search(name)]
    for group in (of("position"), ["dt"], sure, titles, ["region"]):
        take(group)
    for label, called in _MEASURES.items():  # of each the main figure comes first
        take(filter(called.search, numbers), label)
    for group in (of("moment", "moment_ms"), numbers, of("flag", "choice"), plainly, shown):
        take(group)
    return heads


def head_of(name: str) -> str:
    """Write a field's name as a head has it."""
    words = (_WORDS.get(word, word) for word in name.split("_"))
    text = " ".join(word for word in words if word)
    return text.replace("created time", "created").replace("sales GMV", "GMV") or name


def fitting(
    heads: Mapping[str, str], fields: Mapping[str, str], rows: Sequence[object], width: int
) -> list[TableColumn]:
    """Make columns for as many fields as so many cells hold; long texts share what is left."""
    chosen: list[TableColumn] = []
    left = width
    for name, head in heads.items():
        column = TableColumn(name, fields[name], head)
        longest, title = max((cell_len(cell(column, row)) for row in rows), default=0), plain(head)
        column.wants = min(max(longest, cell_len(title)), _WIDE)
        least = max(_NARROW, cell_len(title)) if column.kind == "text" else _WIDE
        column.width = min(column.wants, least)
        needs = column.width + (GAP if chosen else 0)
        if needs > left and chosen:
            break
        left -= needs
        chosen.append(column)
    for column in chosen:
        more = max(0, min(column.wants - column.width, left))
        left -= more
        column.width += more
    return chosen


def value_of(row: object, field: str) -> Any:
    """Give a field of a row."""
    return row.get(field) if isinstance(row, Mapping) else getattr(row, field)


def cell(column: TableColumn, row: object) -> str:
    """Write a field of a row as a table has it; nothing where it has no value."""
    match value_of(row, column.field):
        case None:
            text = ""
        case Enum() as value:
            text = (value.name or str(value.value)).lower()
        case bool(value):
            text = "yes" if value else "no"
        case datetime() as value:
            text = f"{value:%Y-%m-%d %H:%M}"
        case date() as value:
            text = value.isoformat()
        case int(value) | float(value) if column.is_number:
            text = _number(value, column.width or 11)
        case dict() | list() | tuple() as value:
            text = orjson.dumps(value, default=str).decode()
        case value:
            text = str(value)
    return plain(text)


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
