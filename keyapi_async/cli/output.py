"""Records on standard output: a table, JSON Lines or CSV, page after page."""

import csv
import io
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TextIO, cast

import attrs
from rich.console import JustifyMethod
from rich.table import Table

from keyapi_async.cli.choices import Format
from keyapi_async.cli.columns import GAP, cell, fitting
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


class Output(Protocol):
    """Where records go."""

    def add(self, records: Sequence[object]) -> None:
        """Write some records, behind the head if there is one."""
        ...


def output(record: type, kind: Format | None) -> Output:
    """Choose what suits standard output, unless a format is given."""
    if kind is None:
        kind = Format.TABLE if sys.stdout.isatty() else Format.JSONL
    if kind is Format.TABLE:
        return TableOutput(record)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="replace", newline="")
    if kind is Format.JSONL:
        return JsonLinesOutput(sys.stdout)
    return CsvOutput(sys.stdout, record)


class TableOutput:
    """A table whose columns keep their widths from page to page."""

    def __init__(self, record: type) -> None:
        self._console = console(sys.stdout)
        self._columns = fitting(record, self._console.width)
        self._headed = False

    def add(self, records: Sequence[object]) -> None:
        """Write some rows."""
        if self._headed and not records:
            return
        table = Table(
            box=None,
            padding=(0, GAP, 0, 0),
            pad_edge=False,
            show_header=not self._headed,
            header_style="bold",
        )
        for column in self._columns:
            justify: JustifyMethod = "right" if column.is_number else "left"
            width = min(column.width, self._console.width)
            table.add_column(
                column.head, width=width, no_wrap=True, overflow="ellipsis", justify=justify
            )
        for record in records:
            table.add_row(*(cell(column, record) for column in self._columns))
        self._console.print(table)
        self._headed = True


class JsonLinesOutput:
    """A record a line, as ``unstructure`` gives it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def add(self, records: Sequence[object]) -> None:
        """Write some lines."""
        for record in records:
            self._stream.write(_json(unstructure(record)).translate(_CONTROLS) + "\n")
        self._stream.flush()


class CsvOutput:
    """RFC 4180: every documented field in its order, and what is beyond them as JSON."""

    def __init__(self, stream: TextIO, record: type) -> None:
        self._stream = stream
        self._writer = csv.writer(stream)
        fields = attrs.fields(cast("type[attrs.AttrsInstance]", record))
        self._names = [field.name for field in fields]
        self._safe = stream.isatty()
        self._headed = False

    def add(self, records: Sequence[object]) -> None:
        """Write some rows."""
        if not self._headed:
            self._writer.writerow(self._names)
            self._headed = True
        for record in records:
            self._writer.writerow(self._row(record))
        self._stream.flush()

    def _row(self, record: object) -> list[object]:
        wire = unstructure(record)
        extra: dict[str, object] = getattr(record, "extra")  # noqa: B009  # every record has one
        cells = [
            _cell(getattr(record, name), None if name in extra else wire.get(name))
            for name in self._names
        ]
        return [plain(one) if self._safe and isinstance(one, str) else one for one in cells]


def _cell(value: object, wire: object) -> object:
    if isinstance(value, (bool, datetime)):
        return csv_text(value)
    if isinstance(value, dict):
        return _json(value) if value else None
    return value if wire is None else wire


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        raise ResponseError("a row is nested deeper than can be written") from None
