"""The ledger's rows as a file: whole, or not there at all.

SQLite writes the cells of CSV and the lines of JSON Lines. What it cannot write exactly, such as
floats, it asks for value by value (``columns.FUNCTIONS``).
"""

import json
import os
import secrets
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import BinaryIO

import attrs
import orjson

from keyapi_async.errors import ConfigurationError, InvalidParameterError
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
from keyapi_async.harvest.file import FileError, damage_reported
from keyapi_async.harvest.reading import START, Reading, StoredPage
from keyapi_async.harvest.schema import About

_PAGES = 250
"""Pages exported at a time."""

_TEXTS = {"id", "text", "url", "categories", "json"}
"""Kinds whose values are foreign texts, which may need quoting; all others never do."""


class ExportError(FileError):
    """The file cannot be written; what was in its place before is still there."""


@attrs.frozen
class Exported:
    """A file that was written.

    Attributes:
        file: where it is.
        rows: rows in it.
        rejected: invalid rows of the ledger, which are not in it.
    """

    file: Path
    rows: int
    rejected: int


class RowWriter:
    """A file under way, in one format."""

    def add(self, reading: Reading, pages: Sequence[StoredPage]) -> None:
        """Write the rows of some pages."""
        raise NotImplementedError

    def end(self) -> None:
        """Write what is left to write."""


def export(
    reading: Reading, file: Path, *, snapshots: bool, escape_formulas: bool
) -> Generator[Exported | None, None, None]:
    """Write a file step by step; it has another name until it is complete, and is given then.

    Raises:
        InvalidParameterError: its suffix names no format.
        ConfigurationError: pyarrow is missing.
        ExportError: the file cannot be written.
        LedgerError: the ledger holds nothing yet, or cannot be read.
    """
    known, after, rows, rejected = reading.about(), START, 0, 0
    writer_of = _format_of(file, escape_formulas=escape_formulas)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    try:
        with damage_reported(reading.file), ExitStack() as opened:
            stream = draft.open("xb")
            opened.callback(draft.unlink, missing_ok=True)
            opened.callback(_ended, stream.close)
            writer = writer_of(stream, known)
            opened.callback(_ended, writer.end)
            while pages := reading.pages(known, after, _PAGES, snapshots=snapshots):
                after = pages[-1].place
                rejected += sum(page.rejects for page in pages)
                if valid := sum(page.rows for page in pages):
                    rows += valid
                    writer.add(reading, pages)
                yield None
            writer.end()
            stream.flush()
            os.fsync(stream.fileno())
            stream.close()
            draft.replace(file)
            opened.pop_all()  # there is nothing to undo any more
            _sync(file.parent)
    except OSError as error:
        raise ExportError(file, error.strerror or str(error)) from error
    yield Exported(file, rows, rejected)


def _ended(end: Callable[[], None]) -> None:
    """End what may have failed: what is buffered may not fit on the disk."""
    with suppress(OSError):
        end()


def check_export(path: str | os.PathLike[str]) -> None:
    """See that a file can be exported to, as far as one can tell before there is anything.

    Raises:
        InvalidParameterError: its suffix names no format.
        ConfigurationError: pyarrow is missing.
        ExportError: there is no such folder.
    """
    file = Path(path)
    _format_of(file)
    if not file.absolute().parent.is_dir():
        raise ExportError(file, "its folder does not exist")


def _format_of(
    file: Path, *, escape_formulas: bool = False
) -> Callable[[BinaryIO, About], RowWriter]:
    match file.suffix.lower():
        case ".csv":
            return partial(Csv, escape_formulas=escape_formulas)
        case ".jsonl":
            return JsonLines
        case ".parquet":
            try:
                from keyapi_async.harvest.parquet import Parquet  # noqa: PLC0415  # it is an extra
            except ModuleNotFoundError as error:
                raise ConfigurationError(
                    "Parquet needs pyarrow: pip install 'keyapi-async[parquet]'"
                ) from error
            return Parquet
    raise InvalidParameterError("path", str(file), "a name with .parquet, .csv or .jsonl")


def _sync(folder: Path) -> None:
    """Make a new name in a folder survive a pulled plug."""
    with suppress(PermissionError):  # Windows opens no folders, and needs none
        here = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(here)
        finally:
            os.close(here)


def iso(moment: int) -> str:
    """Write Unix seconds as ISO text, in UTC."""
    return datetime.fromtimestamp(moment, UTC).isoformat()[:19] + "Z"


class Csv(RowWriter):
    """RFC 4180 in UTF-8, with a byte order mark, without which Excel guesses another encoding."""

    def __init__(self, stream: BinaryIO, known: About, *, escape_formulas: bool) -> None:
        self._stream = stream
        self._own = without_formula if escape_formulas else str
        cells = [_cell(column, escape_formulas=escape_formulas) for column in known.columns]
        self._cells = [*cells, "ifnull(record.extra, '')"]
        self._quoted = [*(one.wire == "any" or one.kind in _TEXTS for one in known.columns), True]
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


class JsonLines(RowWriter):
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
