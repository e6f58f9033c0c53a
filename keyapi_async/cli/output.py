"""Rows on standard output: a table, JSON Lines or CSV, page after page."""

import csv
import io
import json
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from keyapi_async.cli import columns
from keyapi_async.cli.columns import GAP, TableColumn, value_of
from keyapi_async.cli.options import Format
from keyapi_async.cli.terminal import console, plain
from keyapi_async.errors import ResponseError
from keyapi_async.records.converter import unstructure

_CONTROLS = {
    code: f"\\u{code:04x}"
    for codes in (
        range(0x7F, 0xA0),  # control characters
        (0xAD, 0x061C, 0x180E, 0x200B, 0x200E, 0x200F, 0xFEFF),  # what is not seen
        range(0x2028, 0x202F),  # ends of lines, and what turns the reading direction
        range(0x2060, 0x2070),
    )
    for code in codes
}
"""What JSON may hold as it is, and a terminal may obey or hide."""

Write = Callable[[Sequence[object]], None]
"""Writes some rows."""


class Output:
    """Rows of a class on their way to standard output, in the form that suits it or is given.

    ``wanted`` names the fields to show; of ``known`` ones every row has the same value.
    """

    def __init__(
        self, record: type, kind: Format | None, wanted: str | None, known: Collection[str] = ()
    ) -> None:
        self._record, self._wanted, self._known = record, wanted, known
        self._kind = kind or (Format.TABLE if sys.stdout.isatty() else Format.JSONL)
        if self._kind is not Format.TABLE and isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", errors="replace", newline="")
        self._write: Write | None = None
        if record is not dict and wanted is not None:
            columns.named(columns.fields_of(record, ()), wanted)

    def add(self, rows: Sequence[object]) -> None:
        """Write some rows; the first ones decide about the columns, before which the head goes."""
        if self._write is None and (rows or self._record is not dict):
            self._write = self._begun(rows)
        if self._write is not None and rows:
            self._write(rows)
        sys.stdout.flush()

    def _begun(self, rows: Sequence[object]) -> Write:
        """Choose the columns, and write the head."""
        fields = columns.fields_of(self._record, rows)
        wanted = None if self._wanted is None else columns.named(fields, self._wanted)
        if self._kind is Format.JSONL:
            return _json_lines([n for n, kind in fields.items() if kind == "position"], wanted)
        if self._kind is Format.CSV:
            extra = [] if self._record is dict else ["extra"]
            return _csv_rows(wanted or [*fields, *extra])
        heads = {name: columns.head_of(name) for name in wanted or fields}
        if wanted is None:
            heads = columns.important(self._record, fields, self._known) or heads
        return _table_rows(columns.fitting(heads, fields, rows, console(sys.stdout).width))


def _table_rows(shown: Sequence[TableColumn]) -> Write:
    """Write a table whose columns keep their widths from page to page."""
    screen = console(sys.stdout)

    def write(rows: Sequence[object], *, head: bool = False) -> None:
        table = Table(
            box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold", show_header=head
        )
        for one in shown:
            table.add_column(
                Text(plain(one.head)), justify="right" if one.is_number else "left",
                width=min(one.width, screen.width), no_wrap=True, overflow="ellipsis",
            )  # fmt: skip
        for row in rows:
            table.add_row(*(Text(columns.cell(one, row)) for one in shown))
        screen.print(table)

    write((), head=True)
    return write


def _json_lines(positions: Sequence[str], wanted: Sequence[str] | None) -> Write:
    """Write a row a line, as ``unstructure`` gives it, after its position if it has one."""

    def write(rows: Sequence[object]) -> None:
        for row in rows:
            wire = {**{name: value_of(row, name) for name in positions}, **_wire(row)}
            if wanted is not None:
                wire = {name: wire.get(name, value_of(row, name)) for name in wanted}
            sys.stdout.write(_json(wire).translate(_CONTROLS) + "\n")

    return write


def _csv_rows(names: Sequence[str]) -> Write:
    """Write RFC 4180: fields in their order, and what is beyond them as JSON."""
    writer = csv.writer(sys.stdout)
    text = plain if sys.stdout.isatty() else str
    writer.writerow(map(text, names))

    def write(rows: Sequence[object]) -> None:
        for row in rows:
            wire, extra = _wire(row), getattr(row, "extra", {})
            values = (
                _cell(value_of(row, name), None if name in extra else wire.get(name))
                for name in names
            )
            writer.writerow("" if one is None else text(str(one)) for one in values)

    return write


def _wire(row: Any) -> Mapping[str, object]:
    return row if isinstance(row, dict) else unstructure(row)


def _cell(value: object, wire: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, (dict, list)):
        return _json(value) if value else None
    return value if wire is None or isinstance(value, date) else wire


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        raise ResponseError("a row is nested deeper than can be written") from None
