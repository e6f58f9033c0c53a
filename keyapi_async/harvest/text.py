"""The ledger's rows as text: CSV and JSON Lines. Whole columns are made, block after block."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import chain, repeat
from typing import Any, BinaryIO

import orjson

from keyapi_async.harvest.columns import Column, json_text, quoted, shown, wire_of
from keyapi_async.harvest.reading import StoredPage
from keyapi_async.harvest.schema import About

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001
"""What some spreadsheet takes as the beginning of a formula."""

_SPECIAL = ('"', ",", "\n", "\r")

_TEXTS = {"id", "text", "url", "categories", "json", "any", "null"}
"""Kinds whose values may be texts of anyone's making; all others are written by us."""


def iso(moment: int) -> str:
    """Write Unix seconds as ISO text, in UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def spread(pages: Sequence[StoredPage], values: Iterable[Any]) -> list[Any]:
    """Repeat a value of each page for each of its rows."""
    return list(
        chain.from_iterable(
            repeat(value, page.rows) for page, value in zip(pages, values, strict=True)
        )
    )


class Csv:
    """RFC 4180 in UTF-8, with the mark at its beginning without which Excel reads other letters."""

    def __init__(self, stream: BinaryIO, known: About, *, escape_formulas: bool) -> None:
        self._stream = stream
        self._escapes = escape_formulas
        self._keys = len(known.keys)
        self._foreign = [column.kind in _TEXTS for column in known.columns]
        self.expressions = [*map(shown, known.columns), "record.extra"]
        head = ",".join(self._cells(known.names))
        stream.write(f"\ufeff{head}\r\n".encode())

    def add(self, pages: Sequence[StoredPage], rows: Sequence[tuple[Any, ...]]) -> None:
        """Write the rows of some pages."""
        columns: list[Iterable[str]] = [
            spread(pages, self._cells([page.key[n] for page in pages])) for n in range(self._keys)
        ]
        columns.append(spread(pages, [iso(page.fetched_at) for page in pages]))
        for values, foreign in zip(zip(*rows, strict=True), [*self._foreign, True], strict=True):
            columns.append(self._cells(values) if foreign else _written(values))
        lines = "\r\n".join(map(",".join, zip(*columns, strict=True)))
        self._stream.write(f"{lines}\r\n".encode())

    def _cells(self, values: Sequence[Any]) -> list[str]:
        """Write values that may be anything, quoted where that is needed."""
        if self._escapes:
            values = [_escaped(value) if value.__class__ is str else value for value in values]
        cells = _written(values)
        together = "".join(cells)
        if not any(special in together for special in _SPECIAL):
            return cells
        return [
            '"' + value.replace('"', '""') + '"'
            if '"' in value or "," in value or "\n" in value or "\r" in value
            else value
            for value in cells
        ]

    def end(self) -> None:
        """Leave it: every line is whole."""


def _escaped(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _written(values: Sequence[Any]) -> list[str]:
    """Write values as they are; empty where there is none."""
    if None in values:
        return ["" if value is None else str(value) for value in values]
    return list(map(str, values))


class JsonLines:
    """A row a line, as the API would send it, behind the key of its list."""

    def __init__(self, stream: BinaryIO, known: About) -> None:
        self._stream = stream
        self._keys = [*known.key_columns, "fetched_at"]
        self._names = [*self._keys, *(column.name for column in known.columns)]
        self._wire = list(map(_rewritten, known.columns))
        self.expressions = [
            *(f"record.{quoted(column.name)}" for column in known.columns),
            "record.extra",
        ]

    def add(self, pages: Sequence[StoredPage], rows: Sequence[tuple[Any, ...]]) -> None:
        """Write the rows of some pages."""
        *values, extras = zip(*rows, strict=True)
        keys = [spread(pages, [page.key[n] for page in pages]) for n in range(len(self._keys) - 1)]
        keys.append(spread(pages, [iso(page.fetched_at) for page in pages]))
        columns: list[Sequence[Any]] = [
            rewritten(column) for column, rewritten in zip(values, self._wire, strict=True)
        ]
        names = self._names
        lines = []
        for extra, row in zip(extras, zip(*keys, *columns, strict=True), strict=True):
            line = {n: value for n, value in zip(names, row, strict=True) if value is not None}
            if extra is not None:
                ours = {name: line[name] for name in self._keys if name in line}
                line.update(orjson.loads(extra))
                line.update(ours)
            lines.append(json_text(line))
        lines.append(b"")
        self._stream.write(b"\n".join(lines))

    def end(self) -> None:
        """Leave it: every line is whole."""


def _rewritten(column: Column) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """Find what makes the API's values of a stored column."""
    wire = wire_of(column)
    if wire is None:
        return tuple
    if wire is int:
        return _whole
    return lambda values: [None if value is None else wire(value) for value in values]


def _whole(values: Sequence[Any]) -> Sequence[Any]:
    """Make whole numbers of the digits of those that SQLite cannot hold."""
    return [int(value) if value.__class__ is str else value for value in values]
