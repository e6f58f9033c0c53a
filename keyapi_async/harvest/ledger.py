"""The ledger: one SQLite file that holds every page bought, and how far each list is.

A page and the mark that it was read are one transaction, synced to the disk before anyone is told.
The file is locked as long as it is open; the lock goes with the process, however that ends.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple, TypeVar

import attrs
import orjson

from keyapi_async.api.params import in_groups
from keyapi_async.bookmark import Bookmark
from keyapi_async.errors import DecodeError, KeyAPIError, printable
from keyapi_async.harvest.job import SUBJECTS, AnySubject, Job
from keyapi_async.harvest.report import ListFailure, Status
from keyapi_async.records.converter import Reader

T = TypeVar("T")

FORMAT = 1
"""Of the file; a file of a later one is refused."""

_APPLICATION = 0x6B657941  # "keyA": tells a ledger from other SQLite files
_FAILURES = 100

_SCHEMA = f"""
CREATE TABLE job (identity TEXT NOT NULL);
CREATE TABLE list (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    state INTEGER NOT NULL DEFAULT 0,
    page_num INTEGER NOT NULL DEFAULT 1,
    pages INTEGER NOT NULL DEFAULT 0,
    rows INTEGER NOT NULL DEFAULT 0,
    rejects INTEGER NOT NULL DEFAULT 0,
    error TEXT
);
CREATE TABLE grouped (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE page (
    list INTEGER NOT NULL REFERENCES list,
    page_num INTEGER NOT NULL,
    request_id TEXT,
    rows BLOB NOT NULL,
    PRIMARY KEY (list, page_num)
);
CREATE TABLE reject (
    list INTEGER NOT NULL,
    page_num INTEGER NOT NULL,
    place INTEGER NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (list, page_num, place)
) WITHOUT ROWID;
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {FORMAT};
"""


class LedgerError(KeyAPIError):
    """The ledger cannot be used, or not for this job; what it holds is untouched.

    Attributes:
        file: the ledger.
    """

    def __init__(self, file: Path, message: str) -> None:
        """Name the file, and say what is wrong with it."""
        super().__init__(f"{printable(str(file), 4096)}: {printable(message, 1000)}")
        self.args = (file, message)
        self.file = file


class State(IntEnum):
    """How far a list is."""

    LEFT = 0
    DONE = 1
    FAILED = 2


class Unread(NamedTuple):
    """A list that is not read to its end."""

    list_id: int
    key: str
    page_num: int


class Stored(NamedTuple):
    """A page as it is kept."""

    list_id: int
    key: str
    page_num: int
    rows: bytes

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands; pages are given in the order of their places."""
        return self.list_id, self.page_num

    def records(self, read: Reader[T], page_size: int) -> list[T | None]:
        """Make records of its rows; None stands for a row that is none."""
        records: list[T | None] = []
        first = (self.page_num - 1) * page_size + 1
        for position, row in enumerate(orjson.loads(self.rows), first):
            try:
                records.append(read(row, position))
            except DecodeError:
                records.append(None)
        return records


@attrs.frozen
class Bought:
    """A page to be written down.

    Attributes:
        list_id: its list.
        page_num: its number.
        is_last: whether its list ends here.
        request_id: the API's id of the answer, or None.
        rows: the rows as the API sent them, as JSON.
        count: how many they are.
        rejects: the rows that are no record: place in the page from 0, and why.
    """

    list_id: int
    page_num: int
    is_last: bool
    request_id: str | None
    rows: bytes
    count: int
    rejects: Sequence[tuple[int, str]]


@attrs.frozen
class Failed:
    """A list's end with an error, to be written down."""

    list_id: int
    error: str


class Ledger:
    """The open file. Every method blocks, and all must be called in the same thread.

    Args:
        file: where it is.
        create: whether to make a new one where none is.

    Raises (here and in every method):
        LedgerError: the file cannot be used; it names the reason.
    """

    def __init__(self, file: Path, *, create: bool) -> None:
        self._file = file
        if file.is_dir():
            raise LedgerError(file, "is a folder")
        if not create and not file.exists():
            raise LedgerError(file, "there is no such ledger")
        if not file.absolute().parent.is_dir():
            raise LedgerError(file, "there is no such folder")
        # Without a log beside it the file is a number of whole pages, or was cut.
        size = 0 if Path(f"{file}-wal").exists() or not file.exists() else file.stat().st_size
        with self._told():
            self._db = sqlite3.connect(file, timeout=0.1, isolation_level=None)
        try:
            with self._told():
                self._lock(size)
        except BaseException:
            self._db.close()
            raise

    def _lock(self, size: int) -> None:
        """Take the file for ourselves, see that it is a ledger, and make it one if it is empty."""
        db = self._db
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        (page_size,) = db.execute("PRAGMA page_size").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if not (application or version or tables):
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
        elif application != _APPLICATION:
            raise LedgerError(self._file, "is no ledger: it is the database of something else")
        elif version > FORMAT:
            raise LedgerError(
                self._file,
                f"was written by a newer keyapi-async: its format is {version}, and this one"
                f" reads {FORMAT}; upgrade to use it",
            )
        elif size % page_size:
            raise LedgerError(self._file, _REASONS[sqlite3.SQLITE_CORRUPT])
        db.execute("COMMIT")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")

    def close(self) -> None:
        """Close the file, and let others have it."""
        with self._told():
            self._db.close()

    def plan(self, job: Job) -> None:
        """Write down the lists of a job, all or, where an id is refused, none; known ones stay.

        Raises:
            LedgerError: the ledger is of another job.
            InvalidParameterError: an id is refused.
        """
        with self._transaction():
            known = self._identity()
            if not known:
                text = orjson.dumps(job.identity).decode()
                self._db.execute("INSERT INTO job VALUES (?)", (text,))
            elif known != job.identity:
                raise LedgerError(self._file, _difference(known, job.identity))
            keys = (
                in_groups(self._new_of_groups(job.keys)) if job.subject.grouped else iter(job.keys)
            )
            self._db.executemany(
                "INSERT OR IGNORE INTO list (key) VALUES (?)", ((key,) for key in keys)
            )

    def _new_of_groups(self, ids: Iterable[str]) -> Iterator[str]:
        for one in ids:
            insert = "INSERT OR IGNORE INTO grouped VALUES (?)"
            if self._db.execute(insert, (one,)).rowcount:
                yield one

    def write(self, entries: Sequence[Bought | Failed]) -> None:
        """Write down pages and failures, in one transaction."""
        with self._transaction():
            for entry in entries:
                if isinstance(entry, Bought):
                    self._write_page(entry)
                else:
                    self._db.execute(
                        "UPDATE list SET state = ?, error = ? WHERE id = ?",
                        (State.FAILED, entry.error, entry.list_id),
                    )

    def _write_page(self, page: Bought) -> None:
        here = (page.list_id, page.page_num)
        self._db.execute(
            "INSERT INTO page VALUES (?, ?, ?, ?)", (*here, page.request_id, page.rows)
        )
        self._db.execute(
            "UPDATE list SET state = ?, page_num = ?, pages = pages + 1, rows = rows + ?,"
            " rejects = rejects + ?, error = NULL WHERE id = ?",
            (
                State.DONE if page.is_last else State.LEFT,
                page.page_num if page.is_last else page.page_num + 1,
                page.count,
                len(page.rejects),
                page.list_id,
            ),
        )
        if page.rejects:
            self._db.executemany(
                "INSERT INTO reject VALUES (?, ?, ?, ?)",
                [(*here, place, error) for place, error in page.rejects],
            )

    def unread(self, after: int, most: int) -> list[Unread]:
        """List what is not read to its end, behind a list."""
        with self._told():
            rows = self._db.execute(
                "SELECT id, key, page_num FROM list WHERE id > ? AND state <> ? ORDER BY id"
                " LIMIT ?",
                (after, State.DONE, most),
            )
            return [Unread(*row) for row in rows]

    def pages(self, after: tuple[int, int], most: int) -> list[Stored]:
        """Give pages in their order, behind a place."""
        with self._told():
            rows = self._db.execute(
                "SELECT page.list, list.key, page.page_num, page.rows"
                " FROM page JOIN list ON list.id = page.list"
                " WHERE (page.list, page.page_num) > (?, ?)"
                " ORDER BY page.list, page.page_num LIMIT ?",
                (*after, most),
            )
            return [Stored(*row) for row in rows]

    def subject(self) -> tuple[AnySubject, int]:
        """Say what the rows are about, and how many a page has at most."""
        with self._told():
            identity = self._identity()
        if not identity:
            raise LedgerError(self._file, "holds no job yet")
        return SUBJECTS[str(identity["job"])], int(identity["page_size"])

    def status(self) -> Status:
        """Count what it holds."""
        with self._told():
            counts = self._db.execute(
                "SELECT total(state = 1), total(state = 2), total(state = 0),"
                " total(pages), total(rows), total(rejects) FROM list"
            ).fetchone()
            return Status(self._identity(), *map(int, counts))

    def failures(self) -> tuple[ListFailure, ...]:
        """List the first of the lists that ended with an error."""
        with self._told():
            page_size = int(self._identity().get("page_size", 10))
            rows = self._db.execute(
                "SELECT key, error, page_num FROM list WHERE state = ? ORDER BY id LIMIT ?",
                (State.FAILED, _FAILURES),
            )
            return tuple(
                ListFailure(key, error, Bookmark(page_num, 0, page_size))
                for key, error, page_num in rows
            )

    def _identity(self) -> dict[str, int | str]:
        row = self._db.execute("SELECT identity FROM job").fetchone()
        return {} if row is None else dict(orjson.loads(row[0]))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk has rolled back by itself
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say in our words what SQLite says."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            raise LedgerError(self._file, _REASONS.get(code, f"SQLite says: {error}")) from error


_REASONS = {
    sqlite3.SQLITE_BUSY: "is in use by another run; wait for its end, or stop it",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: may it be written?",
    sqlite3.SQLITE_CORRUPT: "is damaged: a part of the file is missing or was overwritten",
    sqlite3.SQLITE_FULL: "the disk is full; what was written so far is safe: make room, and run"
    " again",
    sqlite3.SQLITE_IOERR: "cannot be read or written (SQLite says: disk I/O error): is the disk"
    " well, and may files be made in the folder?",
    sqlite3.SQLITE_NOTADB: "is no ledger, or a damaged one",
    sqlite3.SQLITE_READONLY: "may not be written",
}


def _difference(known: dict[str, int | str], other: dict[str, int | str]) -> str:
    unequal = [
        f"{name} is {known.get(name, 'not set')} there, and {other.get(name, 'not set')} here"
        for name in {**known, **other}
        if known.get(name) != other.get(name)
    ]
    return f"holds another job: {', '.join(unequal)}; use another file for this one"
