"""The ledger's rows as text: CSV and JSON Lines."""

import csv
from collections.abc import Callable, Sequence
from datetime import datetime
from io import TextIOWrapper
from typing import BinaryIO

from keyapi_async.harvest.table import Column, Key, Table, json_text
from keyapi_async.records.converter import unstructure
from keyapi_async.records.fields import csv_text

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001
"""What some spreadsheet takes as the beginning of a formula."""


class JsonLines:
    """A record a line, as ``unstructure`` gives it, behind the key of its list."""

    def __init__(self, stream: BinaryIO, table: Table) -> None:
        self._stream = stream
        self._keys = table.keys
        self._ranked = any(field.name == "rank" for field in table.fields)

    def add(self, keys: Sequence[Key], records: Sequence[object]) -> None:
        """Write some lines."""
        lines = []
        for key, record in zip(keys, records, strict=True):
            keyed = dict(zip(self._keys, key, strict=True))
            row = {**keyed, **unstructure(record), **keyed}  # first, and whatever a row calls so
            if self._ranked:
                row.setdefault("rank", getattr(record, "rank"))  # noqa: B009  # of ranked ones only
            lines.append(json_text(row))
        self._stream.writelines(line + b"\n" for line in lines)

    def end(self) -> None:
        """Leave it: every line is whole."""


class Csv:
    """RFC 4180 in UTF-8, with the mark at its beginning without which Excel reads other letters."""

    def __init__(self, stream: BinaryIO, table: Table, *, escape_formulas: bool) -> None:
        # Its owner closes the stream, so the wrapper must be detached, or it would do so too.
        self._text = TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._text)
        self._writer.writerow(table.head)
        self._escapes = escape_formulas
        text = _escaped if escape_formulas else None
        self._cells = [
            (field.name, text if field.of in {str, str | None} else _cell_of(field, text))
            for field in table.fields
        ]

    def add(self, keys: Sequence[Key], records: Sequence[object]) -> None:
        """Write some rows."""
        columns: list[Sequence[object]] = list(zip(*keys, strict=True))
        if self._escapes:
            columns = [list(map(_escaped, column)) for column in columns]
        for name, cell in self._cells:
            values: list[object] = [getattr(record, name) for record in records]
            if cell is not None:
                values = [None if value is None else cell(value) for value in values]
            columns.append(values)
        columns.append([_extra(record) for record in records])
        self._writer.writerows(zip(*columns, strict=True))

    def end(self) -> None:
        """Write what is buffered."""
        self._text.detach()


def _extra(record: object) -> str | None:
    """Give the fields that the documentation lacks, as JSON; None where there are none."""
    extra: dict[str, object] = getattr(record, "extra")  # noqa: B009  # every record has one
    return json_text(extra).decode() if extra else None


def _escaped(value: object) -> object:
    return f"'{value}" if str(value).startswith(_FORMULA) else value


def _cell_of(
    field: Column, text: Callable[[object], object] | None
) -> Callable[..., object] | None:
    """Find how a value is written in a CSV; None where it is as it is."""
    if field.of is object and field.kind is not None and field.kind.write is not None:
        write = field.kind.write
        return write if text is None else lambda value: text(write(value))
    if field.of in (bool | None, datetime | None):
        return csv_text
    if field.of == int | None:
        return None
    return None if field.kind is None else field.kind.write
