"""Rows on standard output: a table, JSON Lines or CSV, page after page."""

import csv
import io
import json
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, TextIO

from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from keyapi_async.cli import columns
from keyapi_async.cli.columns import GAP, Column, value_of
from keyapi_async.cli.options import Format
from keyapi_async.cli.terminal import console, plain
from keyapi_async.errors import ResponseError
from keyapi_async.records.converter import unstructure
from keyapi_async.records.fields import csv_text

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
"""Writes some rows, behind the head if there is one; none of them write the head alone."""


class Output:
    """Rows on their way to standard output.

    Args:
        record: their class.
        kind: what they are written as; what suits standard output where None.
        wanted: the fields to show, with commas between them, or None.
        known: fields whose value is the same in every row.
    """

    def __init__(
        self, record: type, kind: Format | None, wanted: str | None, known: Collection[str] = ()
    ) -> None:
        self._record, self._wanted, self._known = record, wanted, known
        if kind is None:
            kind = Format.TABLE if sys.stdout.isatty() else Format.JSONL
        if kind is not Format.TABLE and isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", errors="replace", newline="")
        self._kind = kind
        self._write: Write | None = None
        if record is not dict and wanted is not None:
            columns.named(columns.fields_of(record, ()), wanted)

    def add(self, rows: Sequence[object]) -> None:
        """Write some rows; the first ones decide about the columns."""
        if self._write is None:
            self._write = self._begun(rows)
        elif not rows:
            return
        self._write(rows)

    def _begun(self, rows: Sequence[object]) -> Write:
        fields = columns.fields_of(self._record, rows)
        wanted = None if self._wanted is None else columns.named(fields, self._wanted)
        if self._kind is Format.JSONL:
            return json_lines(sys.stdout, wanted)
        if self._kind is Format.CSV:
            extra = [] if self._record is dict else ["extra"]
            return csv_rows(sys.stdout, wanted or [*fields, *extra])
        heads = columns.important(self._record, fields, self._known)
        if wanted is not None:
            heads = {name: columns.head_of(name) for name in wanted}
        return table_rows(columns.fitting(heads, fields, rows, console(sys.stdout).width))


def table_rows(shown: Sequence[Column]) -> Write:
    """Write a table whose columns keep their widths from page to page."""
    screen = console(sys.stdout)
    headed = False

    def write(rows: Sequence[object]) -> None:
        nonlocal headed
        if not shown:
            return
        table = Table(
            box=None,
            padding=(0, GAP, 0, 0),
            pad_edge=False,
            show_header=not headed,
            header_style="bold",
        )
        for column in shown:
            justify: JustifyMethod = "right" if column.is_number else "left"
            width = min(column.width, screen.width)
            table.add_column(
                column.head, width=width, no_wrap=True, overflow="ellipsis", justify=justify
            )
        for row in rows:
            table.add_row(*(Text(columns.cell(column, row)) for column in shown))
        screen.print(table)
        headed = True

    return write


def json_lines(stream: TextIO, wanted: Sequence[str] | None) -> Write:
    """Write a row a line, as ``unstructure`` gives it."""

    def write(rows: Sequence[object]) -> None:
        for row in rows:
            wire = _wire(row)
            if wanted is not None:
                wire = {name: wire.get(name, value_of(row, name)) for name in wanted}
            stream.write(_json(wire).translate(_CONTROLS) + "\n")
        stream.flush()

    return write


def csv_rows(stream: TextIO, names: Sequence[str]) -> Write:
    """Write RFC 4180: fields in their order, and what is beyond them as JSON."""
    writer = csv.writer(stream)
    safe = stream.isatty()
    headed = False

    def write(rows: Sequence[object]) -> None:
        nonlocal headed
        if not headed:
            writer.writerow(names)
            headed = True
        for row in rows:
            wire = _wire(row)
            extra = getattr(row, "extra", {})
            cells = [
                _cell(value_of(row, name), None if name in extra else wire.get(name))
                for name in names
            ]
            writer.writerow(plain(one) if safe and isinstance(one, str) else one for one in cells)
        stream.flush()

    return write


def _wire(row: Any) -> Mapping[str, object]:
    return row if isinstance(row, dict) else unstructure(row)


def _cell(value: object, wire: object) -> object:
    if isinstance(value, (bool, datetime)):
        return csv_text(value)
    if isinstance(value, (dict, list)):
        return _json(value) if value else None
    return value if wire is None else wire


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        raise ResponseError("a row is nested deeper than can be written") from None
