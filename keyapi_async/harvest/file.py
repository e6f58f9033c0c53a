"""The ledger's file: opened to write or to read, locked by a run, and used in a thread."""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from keyapi_async.errors import KeyAPIError, printable
from keyapi_async.loops import seen_through

P = ParamSpec("P")
T = TypeVar("T")

FORMAT = 2
"""The version of the file's format; files of another version are refused."""

APPLICATION = 0x6B657941  # "keyA": tells a ledger from other SQLite files

_BUSY = 30.0
"""Seconds to wait for another program that writes to the file; runs have a lock of their own."""


class FileError(KeyAPIError):
    """A file cannot be used, or not for this; what it holds is untouched.

    Attributes:
        file: where it is.
    """

    def __init__(self, file: Path, message: str) -> None:
        """Name the file, and say what is wrong with it."""
        super().__init__(f"{printable(str(file), 4096)}: {printable(message, 1000)}")
        self.args: tuple[Any, ...] = (file, message)
        self.file = file


class LedgerError(FileError):
    """The ledger cannot be used, or not for this; what it holds is untouched."""


_REASONS = {
    sqlite3.SQLITE_BUSY: "is locked by another program that writes to it; try again",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: may it be read, and its folder written?",
    sqlite3.SQLITE_CORRUPT: "is damaged: a part of the file is missing or was overwritten",
    sqlite3.SQLITE_FULL: "the disk is full; what was written so far is safe: make room, and run"
    " again",
    sqlite3.SQLITE_IOERR: "cannot be read or written (SQLite says: disk I/O error): is the disk"
    " healthy, and may files be made in the folder?",
    sqlite3.SQLITE_NOTADB: "is not a ledger, or a damaged one",
    sqlite3.SQLITE_READONLY: "may not be written",
}


@contextmanager
def readable_errors(file: Path) -> Iterator[None]:
    """Turn errors of SQLite into a LedgerError, which says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise LedgerError(file, _REASONS.get(_code(error), f"SQLite says: {error}")) from error
    except UnicodeDecodeError as error:  # what SQLite says quotes a damaged page
        raise LedgerError(file, _REASONS[sqlite3.SQLITE_CORRUPT]) from error


@contextmanager
def damage_reported(file: Path) -> Iterator[None]:
    """Turn contents that no harvest could have written into a LedgerError, too."""
    with readable_errors(file):
        try:
            yield
        except KeyAPIError:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise LedgerError(file, _REASONS[sqlite3.SQLITE_CORRUPT]) from error


def _code(error: BaseException | None) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def open_to_write(file: Path) -> sqlite3.Connection:
    """Open a ledger, and make one where there is none; a LedgerError says why it cannot be."""
    if not file.absolute().parent.is_dir():
        raise LedgerError(file, "its folder does not exist")
    size = _size(file)
    with _connected(file, "mode=rwc") as db:
        db.execute("BEGIN EXCLUSIVE")
        if _is_new(db):
            db.execute(f"PRAGMA application_id = {APPLICATION}")
            db.execute(f"PRAGMA user_version = {FORMAT}")
        _check(file, db, size)
        db.execute("COMMIT")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        return db


def open_to_read(file: Path) -> sqlite3.Connection:
    """Open a ledger that is there, or raise a LedgerError; nothing is written to it."""
    size = _size(file)
    if not file.exists():
        raise LedgerError(file, "there is no ledger of this name")
    # Where a log is there, it must stay as it is; else mode=rw lets SQLite remove its own files. In
    # a folder that is not writable, SQLite cannot make the files that readers and writers share;
    # without a log there is no writer, so "immutable" is safe.
    with_log = _log(file).exists()
    try:
        return _to_read(file, size, "mode=ro" if with_log else "mode=rw")
    except LedgerError as error:
        if with_log or _code(error.__cause__) not in _UNWRITABLE:
            raise
        return _to_read(file, size, "immutable=1")


_UNWRITABLE = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR}


def _to_read(file: Path, size: int, how: str) -> sqlite3.Connection:
    with _connected(file, how) as db:
        db.execute("PRAGMA query_only = ON")
        if _is_new(db):
            raise LedgerError(file, "holds nothing yet")
        _check(file, db, size)
        return db


@contextmanager
def _connected(file: Path, how: str, wait: float = _BUSY) -> Iterator[sqlite3.Connection]:
    """Connect to a file; an error in the block closes it, and becomes a LedgerError."""
    with readable_errors(file):
        where = f"{file.absolute().as_uri()}?{how}"
        db = sqlite3.connect(
            where, uri=True, timeout=wait, isolation_level=None, check_same_thread=False
        )
        try:
            yield db
        except BaseException:
            db.close()
            raise


def _log(file: Path) -> Path:
    return Path(f"{file}-wal")


def _size(file: Path) -> int:
    """Give the size of a file that has no log beside it, and so is a number of whole pages."""
    if file.is_dir():
        raise LedgerError(file, "is a folder")
    return 0 if _log(file).exists() or not file.exists() else file.stat().st_size


def bytes_of(file: Path) -> int:
    """Give the size of the ledger and of the log beside it."""
    return sum(one.stat().st_size for one in (file, _log(file)) if one.exists())


def _is_new(db: sqlite3.Connection) -> bool:
    (tables,) = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return not (tables or _pragma(db, "application_id") or _pragma(db, "user_version"))


def _check(file: Path, db: sqlite3.Connection, size: int) -> None:
    version = _pragma(db, "user_version")
    if _pragma(db, "application_id") != APPLICATION:
        raise LedgerError(file, "is not a ledger: it is the database of something else")
    if version != FORMAT:
        age = "a newer" if version > FORMAT else "an older"
        raise LedgerError(
            file,
            f"was written by {age} keyapi-async: its format is {version}, and this one reads"
            f" {FORMAT}; use that version, or another file",
        )
    is_short = size < _pragma(db, "page_count") * _pragma(db, "page_size")
    if size and is_short and size == bytes_of(file):  # else a run has begun meanwhile
        raise LedgerError(file, _REASONS[sqlite3.SQLITE_CORRUPT])


def _pragma(db: sqlite3.Connection, name: str) -> int:
    (value,) = db.execute(f"PRAGMA {name}").fetchone()
    return int(value)


_MOVED = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY}
"""What SQLite says of a file that was removed while it was waited for."""


class RunLock:
    """Lets one run at a time write to a ledger; it goes with its process, however that ends.

    It is SQLite's lock on a file beside the ledger, so that readers of the ledger never meet it.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._beside = Path(f"{file}-lock")
        self._db: sqlite3.Connection

    def take(self) -> None:
        """Take it; a LedgerError says that another run has it."""
        left = 2
        while True:
            try:
                # A process that only checks the lock holds it for a moment.
                with _connected(self._beside, "mode=rwc", wait=0.5) as db:
                    db.execute("BEGIN EXCLUSIVE")
                    self._db = db
                    return
            except LedgerError as error:
                code = _code(error.__cause__)
                if code == sqlite3.SQLITE_BUSY:
                    reason = "is in use by another run; wait for its end, or stop it"
                    raise LedgerError(self._file, reason) from None
                if not left or code not in _MOVED:
                    raise
                left -= 1

    def release(self) -> None:
        """Give it back."""
        with suppress(OSError):  # Windows removes no open file; an empty one stays
            os.unlink(self._beside)  # noqa: PTH108  # it is ours as long as it is locked
        self._db.close()

    def is_taken(self) -> bool:
        """Say whether a run has it, in whatever process."""
        if not self._beside.is_file():
            return False
        try:
            with _connected(self._beside, "mode=ro", wait=0) as db:
                db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
                db.close()
        except LedgerError as error:
            return _code(error.__cause__) == sqlite3.SQLITE_BUSY
        return False


class FileThread:
    """A thread for one file: the event loop never waits for the disk."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="keyapi-ledger")

    async def call(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function there; it runs to its end, also where the caller is cancelled."""
        loop = asyncio.get_running_loop()
        return await seen_through(
            loop.run_in_executor(self._thread, partial(call, *args, **kwargs))
        )

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()
