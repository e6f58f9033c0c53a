"""The columns of a ledger: what is stored for a value, what the API sent, and what SQL shows.

A column holds the value as plain SQL: whole numbers, floats, texts; times as Unix seconds, days as
ISO dates, flags as 0 and 1. Whole numbers that 64 bits cannot hold are texts of digits. Columns of
rows without a record class hold what is neither text nor number as a blob of JSON.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import attrs
import orjson

from keyapi_async.records.fields import Kind, write_amount, write_decimals

SECOND, MILLISECOND = timedelta(seconds=1), timedelta(milliseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LARGEST = 2**63 - 1
REAL = {"amount", "rate"}
"""Kinds whose values are floats."""

_SAMPLES: Mapping[str, object] = {"date": "2024-02-03", "categories": "1:2", "json": "[1]"}


@attrs.frozen
class Column:
    """A field of a row.

    Attributes:
        name: the field's.
        kind: what its values are, as the specification calls it.
        wire: how the API writes it: "number", "text" or "decimals"; "any" where rows have no
            record class; "" where it does not write it at all.
    """

    name: str
    kind: str
    wire: str


def column_of(name: str, kind: Kind) -> Column:
    """Describe a field of a record class."""
    if not kind.on_wire:
        return Column(name, kind.name, "")
    if kind.write is None:
        written: object = "" if kind.passes is str else 0
    else:
        written = kind.write(kind.read(_SAMPLES.get(kind.name, "1")))
    if isinstance(written, str):
        return Column(name, kind.name, "decimals" if written == "1.00" else "text")
    return Column(name, kind.name, "number")


def is_narrow(value: int) -> bool:
    """Say whether 64 bits can hold a whole number."""
    return -LARGEST - 1 <= value <= LARGEST


def stored(kind: Kind, value: object) -> object:
    """Give what stands in the column of a record's value."""
    match value:
        case datetime():
            return (value - EPOCH) // (MILLISECOND if kind.name == "moment_ms" else SECOND)
        case date():
            return value.isoformat()
        case _ if kind.name in {"categories", "json"} and value is not None:
            assert kind.write is not None  # noqa: S101  # these have one
            return kind.write(value)
        case int():
            return int(value) if is_narrow(value) else str(int(value))
    return value


def _decimals(value: float | str) -> str:
    return write_decimals(int(value) if isinstance(value, str) else value)


_WIRE: Mapping[tuple[str, str], Callable[..., object]] = {
    ("count", "number"): int,
    ("count", "text"): str,
    ("count", "decimals"): _decimals,
    ("amount", "number"): write_amount,
    ("amount", "text"): lambda value: str(write_amount(value)),
    ("amount", "decimals"): _decimals,
    ("rate", "number"): write_amount,
    ("choice", "number"): int,
    ("choice", "text"): str,
    ("moment", "text"): str,
    ("moment_ms", "text"): str,
    ("date", "number"): lambda value: int(value.replace("-", "")),
    ("flag", "text"): lambda value: "true" if value else "false",
}


def wire_of(column: Column) -> Callable[..., object] | None:
    """Find what makes the API's value of a stored one; None where both are the same."""
    if column.wire == "any":
        return any_value
    return _WIRE.get((column.kind, column.wire))


def any_value(value: object) -> object:
    """Give the JSON value of a column whose rows have no record class."""
    return orjson.loads(value) if isinstance(value, bytes) else value


def quoted(name: str) -> str:
    """Write a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def plain(column: Column) -> str:
    """Write the SQL expression that gives a column as it is stored."""
    return f"record.{quoted(column.name)}"


def shown(column: Column) -> str:
    """Write the SQL expression that shows a column as a CSV file does."""
    name = plain(column)
    if column.wire == "any":
        return (
            f"CASE typeof({name}) WHEN 'blob' THEN nullif(CAST({name} AS TEXT), 'null')"
            f" ELSE {name} END"
        )
    if column.kind == "moment":
        return f"strftime('%Y-%m-%dT%H:%M:%SZ', {name}, 'unixepoch')"
    if column.kind == "moment_ms":
        part = f"(({name} % 1000 + 1000) % 1000)"
        whole = f"strftime('%Y-%m-%dT%H:%M:%S', ({name} - {part}) / 1000, 'unixepoch')"
        return f"{whole} || printf('.%03dZ', {part})"
    if column.kind == "flag":
        return f"CASE {name} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"
    return name


def declared(column: Column) -> str:
    """Write a column as CREATE TABLE has it."""
    affinity = " REAL" if column.wire != "any" and column.kind in REAL else ""
    return quoted(column.name) + affinity


def json_text(value: object) -> bytes:
    """Write JSON; whole numbers may be longer than 64 bits."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001
"""What some spreadsheet takes as the beginning of a formula."""


def without_formula(text: str) -> str:
    """Put ``'`` before a text that a spreadsheet would run."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def csv_cells(texts: Sequence[str]) -> Sequence[str]:
    """Quote the texts that need it to be cells of a CSV file."""
    if not _quoted_in("".join(texts)):
        return texts
    return ['"' + one.replace('"', '""') + '"' if _quoted_in(one) else one for one in texts]


def _quoted_in(text: str) -> bool:
    return "," in text or '"' in text or "\n" in text or "\r" in text


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "float_text": lambda value: None if value is None else str(value),
    "without_formula": without_formula,
    **{f"{kind}_{wire}": made for (kind, wire), made in _WIRE.items()},
}
"""What SQL calls to write a value that it cannot write itself."""
