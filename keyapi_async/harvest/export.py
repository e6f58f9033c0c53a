"""The ledger's rows as a file: whole, or not there at all."""

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

import attrs

from keyapi_async.errors import ConfigurationError, InvalidParameterError
from keyapi_async.harvest.file import FileError, damage_reported
from keyapi_async.harvest.reading import Reading, StoredPage
from keyapi_async.harvest.schema import About
from keyapi_async.harvest.text import Csv, JsonLines


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


class RowWriter(Protocol):
    """A file under way, in one format."""

    def add(self, reading: Reading, pages: Sequence[StoredPage]) -> None:
        """Write the rows of some pages."""
        ...

    def end(self) -> None:
        """Write what is left to write."""
        ...


class Export:
    """A file under way: it has another name until it is complete."""

    def __init__(self, file: Path, writer: Callable[[BinaryIO], RowWriter]) -> None:
        self._file = file
        self._draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
        self._make = writer
        self._stream: BinaryIO | None = None
        self._writer: RowWriter | None = None
        self._rows = self._rejected = 0

    def begin(self, reading: Reading) -> None:
        """Open the draft."""
        with damage_reported(reading.file), self._readable_errors():
            self._stream = self._draft.open("xb")
            self._writer = self._make(self._stream)

    def write(self, reading: Reading, pages: Sequence[StoredPage]) -> None:
        """Add the rows of some pages."""
        assert self._writer is not None  # noqa: S101  # begin() came first
        rows = sum(page.rows for page in pages)
        self._rows += rows
        self._rejected += sum(page.rejects for page in pages)
        if rows:
            with damage_reported(reading.file), self._readable_errors():
                self._writer.add(reading, pages)

    def finish(self) -> Exported:
        """Put the file in its place, synced to the disk."""
        assert self._stream is not None  # noqa: S101  # begin() came first
        with self._readable_errors():
            self._end()
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
            self._draft.replace(self._file)
            _sync(self._file.parent)
        return Exported(self._file, self._rows, self._rejected)

    def abandon(self) -> None:
        """Leave nothing behind."""
        if self._stream is not None:
            with suppress(OSError):  # what is buffered may not fit on the disk
                self._end()
            with suppress(OSError):
                self._stream.close()
            self._draft.unlink(missing_ok=True)

    def _end(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.end()

    @contextmanager
    def _readable_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ExportError(self._file, error.strerror or str(error)) from error


def check_export(path: str | os.PathLike[str]) -> None:
    """See that a file can be exported to, as far as one can tell before there is anything.

    Raises:
        InvalidParameterError: its suffix names no format.
        ConfigurationError: pyarrow is missing.
        ExportError: there is no such folder.
    """
    file = Path(path)
    open_export(file, About({}, (), ()), escape_formulas=False)
    if not file.absolute().parent.is_dir():
        raise ExportError(file, "its folder does not exist")


def open_export(file: Path, known: About, *, escape_formulas: bool) -> Export:
    """Choose the format by the suffix.

    Raises:
        InvalidParameterError: no such format.
        ConfigurationError: pyarrow is missing.
    """
    writers: dict[str, Callable[[BinaryIO], RowWriter]] = {
        ".csv": lambda stream: Csv(stream, known, escape_formulas=escape_formulas),
        ".jsonl": lambda stream: JsonLines(stream, known),
    }
    suffix = file.suffix.lower()
    if suffix == ".parquet":
        parquet = _parquet()
        writers[suffix] = lambda stream: parquet(stream, known)
    if suffix not in writers:
        raise InvalidParameterError("path", str(file), "a name with .parquet, .csv or .jsonl")
    return Export(file, writers[suffix])


def _parquet() -> Callable[[BinaryIO, About], RowWriter]:
    try:
        from keyapi_async.harvest.parquet import Parquet  # noqa: PLC0415  # pyarrow is an extra
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "Parquet needs pyarrow: pip install 'keyapi-async[parquet]'"
        ) from error
    return Parquet


def _sync(folder: Path) -> None:
    """Make a new name in a folder survive a pulled plug."""
    with suppress(PermissionError):  # Windows opens no folders, and needs none
        here = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(here)
        finally:
            os.close(here)
