"""The ledger's rows as text: CSV, whose cells SQLite writes, and JSON Lines, whose lines it does.

What it cannot write exactly, such as floats, it asks for value by value (``columns.FUNCTIONS``).
"""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import chain, repeat
from typing import BinaryIO

import orjson

from keyapi_async.harvest.columns import (
    REAL,
    Column,
    csv_cells,
    json_text,
    plain,
    shown,
    wire_of,
    without_formula,
)
from keyapi_async.harvest.reading import Reading, StoredPage
from keyapi_async.harvest.schema import About

_TEXTS = {"id", "text", "url", "categories", "json"}
"""Kinds whose values are foreign texts, which may need quoting; all others never do."""


def iso(moment: int) -> str:
    """Write Unix seconds as ISO text, in UTC."""
    return datetime.fromtimestamp(moment, UTC).isoformat()[:19] + "Z"


class Csv:
    """RFC 4180 in UTF-8, with a byte order mark, without which Excel guesses another encoding."""

    def __init__(self, stream: BinaryIO, known: About, *, escape_formulas: bool) -> None:
        self._stream = stream
        self._own = without_formula if escape_formulas else str
        cells = [_cell(column, escape_formulas=escape_formulas) for column in known.columns]
        self._cells = [*cells, "ifnull(record.extra, '')"]
        self._quoted = [*map(_is_foreign, known.columns), True]
        stream.write(f"\ufeff{','.join(self._texts(known.names))}\r\n".encode())

    def _texts(self, texts: Iterable[str | None]) -> Sequence[str]:
        return csv_cells([self._own(text or "") for text in texts])

    def add(self, reading: Reading, pages: Sequence[StoredPage]) -> None:
        """Write the rows of some pages."""
        heads = [",".join([*self._texts(page.key), iso(page.fetched_at)]) for page in pages]
        columns: list[Iterable[str]] = [
            chain.from_iterable(
                repeat(head, page.rows) for head, page in zip(heads, pages, strict=True)
            )
        ]
        arrays = reading.arrays(self._cells, pages)
        for quoted, texts in zip(self._quoted, arrays, strict=True):
            columns.append(csv_cells(texts) if quoted else texts)
        rows = map(",".join, zip(*columns, strict=True))
        self._stream.write("\r\n".join([*rows, ""]).encode())

    def end(self) -> None:
        """Leave it: every line is whole."""


def _is_foreign(column: Column) -> bool:
    return column.wire == "any" or column.kind in _TEXTS


def _cell(column: Column, *, escape_formulas: bool) -> str:
    """Write the SQL of a cell as text, not yet quoted."""
    value = plain(column)
    own = f"without_formula({value})" if escape_formulas else value
    if column.wire == "any":
        return (
            f"CASE typeof({value}) WHEN 'text' THEN {own} WHEN 'real' THEN float_text({value})"
            f" ELSE ifnull(CAST({shown(column)} AS TEXT), '') END"
        )
    if column.kind in _TEXTS:
        return f"CASE WHEN {value} IS NULL THEN '' ELSE {own} END"
    if column.kind in REAL:
        text = _real(value, 1e15, "||'.0'")
    else:
        text = f"CAST({shown(column)} AS TEXT)"
    return f"ifnull({text}, '')"


def _real(value: str, below: float, fraction: str = "") -> str:
    """Write the SQL of a float as text: SQLite itself writes only whole ones exactly."""
    whole = f"CAST({value} AS INTEGER)"
    easy = f"abs({value}) < {below} AND {value} = {whole}"
    return f"CASE WHEN {easy} THEN {whole}{fraction} ELSE float_text({value}) END"


class JsonLines:
    """A row a line, as the API would send it, after the key of its list."""

    def __init__(self, stream: BinaryIO, known: About) -> None:
        self._stream = stream
        self._keys = known.key_columns
        self._ours = {*self._keys, "fetched_at"}
        self._names = {*self._ours, *(column.name for column in known.columns)}
        self._line = f"part.head{''.join(f'||{_member(column)}' for column in known.columns)}"

    def add(self, reading: Reading, pages: Sequence[StoredPage]) -> None:
        """Write the rows of some pages."""
        heads = []
        for page in pages:
            key = {
                name: one for name, one in zip(self._keys, page.key, strict=True) if one is not None
            }
            heads.append(json_text({**key, "fetched_at": iso(page.fetched_at)})[:-1].decode())
        rows = reading.rows([f"CAST({self._line} AS BLOB)", "record.extra"], pages, heads)
        lines = [line if extra is None else self._whole(line, extra) for line, extra in rows]
        self._stream.write(b"}\n".join([*lines, b""]))

    def _whole(self, line: bytes, extra: str) -> bytes:
        """Write unknown fields after the others, or in place of those that have their names."""
        fields = orjson.loads(extra)
        if self._names.isdisjoint(fields):
            return line + b"," + extra[1:-1].encode()
        row = json.loads(line + b"}")  # whole numbers stay whole
        ours = {name: value for name, value in row.items() if name in self._ours}
        return json_text({**row, **fields, **ours})[:-1]

    def end(self) -> None:
        """Leave it: every line is whole."""


def _member(column: Column) -> str:
    """Write the SQL of a member of an object, with a comma before it; nothing for a null."""
    value, name = plain(column), json_text(column.name).decode().replace("'", "''")
    return f"ifnull(CASE WHEN {value} NOT NULL THEN ',{name}:'||{_json(column, value)} END, '')"


def _json(column: Column, value: str) -> str:
    wire = wire_of(column)
    if column.wire == "any":
        return (
            f"CASE typeof({value}) WHEN 'blob' THEN nullif(CAST({value} AS TEXT), 'null')"
            f" WHEN 'real' THEN float_text({value}) ELSE json_quote({value}) END"
        )
    if column.kind in REAL and column.wire == "number":
        return _real(value, 2.0**63)
    if wire in {None, int}:
        return f"json_quote({value})" if column.wire == "text" else value
    return f"json_quote({column.kind}_{column.wire}({value}))"
