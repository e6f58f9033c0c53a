"""The ledger's file: opened to write or to read, and locked by a run."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from keyapi_async.errors import KeyAPIError, printable

FORMAT = 2
"""Of the file; a file of another one is refused."""

APPLICATION = 0x6B657941  # "keyA": tells a ledger from other SQLite files

_BUSY = 30.0
"""Seconds to wait for another program that writes to the file; runs have a lock of their own."""


class LedgerError(KeyAPIError):
    """The ledger cannot be used, or not for this; what it holds is untouched.

    Attributes:
        file: the ledger.
    """

    def __init__(self, file: Path, message: str) -> None:
        """Name the file, and say what is wrong with it."""
        super().__init__(f"{printable(str(file), 4096)}: {printable(message, 1000)}")
        self.args = (file, message)
        self.file = file


_REASONS = {
    sqlite3.SQLITE_BUSY: "is locked by another program that writes to it; try again",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: may it be read, and its folder written?",
    sqlite3.SQLITE_CORRUPT: "is damaged: a part of the file is missing or was overwritten",
    sqlite3.SQLITE_FULL: "the disk is full; what was written so far is safe: make room, and run"
    " again",
    sqlite3.SQLITE_IOERR: "cannot be read or written (SQLite says: disk I/O error): is the disk"
    " well, and may files be made in the folder?",
    sqlite3.SQLITE_NOTADB: "is not a ledger, or a damaged one",
    sqlite3.SQLITE_READONLY: "may not be written",
}


@contextmanager
def told(file: Path) -> Iterator[None]:
    """Say in our words what SQLite says.

    Raises:
        LedgerError: SQLite said no.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise LedgerError(file, _REASONS.get(_code(error), f"SQLite says: {error}")) from error


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def open_to_write(file: Path) -> sqlite3.Connection:
    """Open a ledger, and make one where there is none.

    Raises:
        LedgerError: it cannot be used.
    """
    if not file.absolute().parent.is_dir():
        raise LedgerError(file, "there is no such folder")
    with told(file):
        size = _size(file)
        db = sqlite3.connect(file, timeout=_BUSY, isolation_level=None, check_same_thread=False)
        try:
            db.execute("BEGIN EXCLUSIVE")
            if _is_new(db):
                db.execute(f"PRAGMA application_id = {APPLICATION}")
                db.execute(f"PRAGMA user_version = {FORMAT}")
            _check(file, db, size)
            db.execute("COMMIT")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
        except BaseException:
            db.close()
            raise
        return db


def open_to_read(file: Path) -> sqlite3.Connection:
    """Open a ledger that is there; nothing is written, also where it was killed.

    Raises:
        LedgerError: it cannot be used.
    """
    size = _size(file)
    if not file.exists():
        raise LedgerError(file, "there is no such ledger")
    with told(file):
        try:
            # Who may write tidies up after himself; where a log is there, it stays as it is.
            return _opened(file, size, "mode=ro" if _log(file).exists() else "mode=rw")
        except sqlite3.OperationalError as error:
            may_be_alone = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR}
            if _code(error) not in may_be_alone or _log(file).exists():
                raise
            # A folder that may not be written has no room for the files by which readers and
            # writers speak; without a log there is no writer to speak with.
            return _opened(file, size, "immutable=1")


def _opened(file: Path, size: int, how: str) -> sqlite3.Connection:
    where = f"{file.absolute().as_uri()}?{how}"
    db = sqlite3.connect(
        where, uri=True, timeout=_BUSY, isolation_level=None, check_same_thread=False
    )
    try:
        db.execute("PRAGMA query_only = ON")
        if _is_new(db):
            raise LedgerError(file, "holds nothing yet")  # noqa: TRY301  # the file is closed
        _check(file, db, size)
    except BaseException:
        db.close()
        raise
    return db


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
    if size and size < _pragma(db, "page_count") * _pragma(db, "page_size"):
        raise LedgerError(file, _REASONS[sqlite3.SQLITE_CORRUPT])


def _pragma(db: sqlite3.Connection, name: str) -> int:
    (value,) = db.execute(f"PRAGMA {name}").fetchone()
    return int(value)


class RunLock:
    """Lets one run at a time write to a ledger; it goes with its process, however that ends.

    It is SQLite's lock on a file beside the ledger, so that readers of the ledger never meet it.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._beside = Path(f"{file}-lock")
        self._db: sqlite3.Connection | None = None

    def take(self) -> None:
        """Take it.

        Raises:
            LedgerError: another run has it.
        """
        with told(self._file):
            db = sqlite3.connect(
                self._beside, timeout=0, isolation_level=None, check_same_thread=False
            )
            try:
                db.execute("BEGIN EXCLUSIVE")
            except sqlite3.Error as error:
                db.close()
                if _code(error) == sqlite3.SQLITE_BUSY:
                    raise LedgerError(
                        self._file, "is in use by another run; wait for its end, or stop it"
                    ) from None
                raise
        self._db = db

    def release(self) -> None:
        """Give it back."""
        db, self._db = self._db, None
        if db is not None:
            with suppress(OSError):  # Windows removes no open file; an empty one stays
                os.unlink(self._beside)  # noqa: PTH108  # it is ours as long as it is locked
            db.close()

    def is_taken(self) -> bool:
        """Say whether a run has it, in whatever process."""
        if not self._beside.exists():
            return False
        with suppress(sqlite3.Error):
            db = sqlite3.connect(f"{self._beside.absolute().as_uri()}?mode=ro", uri=True, timeout=0)
            try:
                db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            except sqlite3.OperationalError as error:
                return _code(error) == sqlite3.SQLITE_BUSY
            finally:
                db.close()
        return False
