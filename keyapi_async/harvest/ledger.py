"""Writing the ledger: every page bought, and how far each list is.

A page and the mark that it was read are one transaction, synced to the disk before it is reported.
"""

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import attrs

from keyapi_async.harvest.columns import Column, declared, quoted
from keyapi_async.harvest.file import (
    LedgerError,
    RunLock,
    damage_reported,
    open_to_write,
    readable_errors,
)
from keyapi_async.harvest.progress import ListFailure, Progress
from keyapi_async.harvest.reading import failures
from keyapi_async.harvest.rows import AnyRows, RecordRows, narrowed
from keyapi_async.harvest.schema import About, State, about, count_lists, create, difference, show
from keyapi_async.records.codec import is_record
from keyapi_async.streams.page import Page

_AT_ONCE = 64
"""Rows inserted with one statement, of at most 403 values each: SQLite takes 32,766 values."""


class Unread(NamedTuple):
    """A list that is not read to its end, and the page that comes next."""

    list_id: int
    query: str
    reading: int
    page_num: int


class PageRead(NamedTuple):
    """A page to be written down: of which list, what came, and when, in Unix seconds."""

    unread: Unread
    page: Page[Any]
    fetched_at: int


class Failed(NamedTuple):
    """A list's end with an error, to be written down."""

    list_id: int
    error: str


class Paused(NamedTuple):
    """A pause's beginning, to be written down with all that the progress says."""


Entry = PageRead | Failed | Paused


class Written(NamedTuple):
    """How many lists ended, and what they brought."""

    done: int
    failed: int
    pages: int
    rows: int
    rejects: int


class Ledger:
    """The file of one run. Every method blocks; a LedgerError says why the file cannot be used."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = RunLock(file)
        self._opened = ExitStack()
        self._db: sqlite3.Connection
        self._about: About | None = None
        self._into: type = dict
        self._rows: RecordRows | AnyRows
        self._sent: dict[str, int] = {}
        self._run = 0

    def open(self) -> None:
        """Open the file, and keep other runs away from it."""
        self._lock.take()
        self._opened.callback(self._lock.release)
        self._db = open_to_write(self._file)
        self._opened.callback(self._db.close)

    def close(self) -> None:
        """Close the file, and let other runs have it."""
        with readable_errors(self._file):
            self._opened.close()

    # The plan: all lists of a run in one transaction.

    def begin(self, facts: dict[str, str | int], keys: tuple[str, ...], into: type) -> None:
        """Begin to write down the lists of a run, unless the ledger is of other lists."""
        with self._rolled_back_on_error():
            self._db.execute("BEGIN IMMEDIATE")
            with damage_reported(self._file):
                known = about(self._db)
            if known is None:
                columns = tuple(RecordRows(into).columns) if is_record(into) else ()
                create(self._db, About(facts, keys, columns))
            elif (unlike := difference(known.facts, facts, "there")) is not None:
                raise LedgerError(
                    self._file, f"holds other lists: {unlike}; use another file for these"
                )
            self._into = into
            self._load()
            if is_record(into):
                self._add_missing_columns()

    def _add_missing_columns(self) -> None:
        """Make room for fields that the record class did not have when the ledger was made."""
        assert isinstance(self._rows, RecordRows)  # noqa: S101  # the caller knows
        known = {column.name: column for column in self._known.columns}
        for column in self._rows.columns:
            if column.name not in known:
                self._column(column)
            elif known[column.name] != column:
                raise LedgerError(
                    self._file,
                    f"was written by another version: {column.name} is a"
                    f" {known[column.name].kind} there, and a {column.kind} here; use another file",
                )
        if len(known) < len(self._rows.columns):
            self._load()
            show(self._db, self._known)

    def add_lists(self, lists: Sequence[tuple[str, ...]]) -> None:
        """Write down lists, each as its query and the values of its key; known ones stay."""
        with self._rolled_back_on_error():
            names = "".join(f", {quoted(name)}" for name in self._known.key_columns)
            marks = ", ".join("?" * (1 + len(self._known.keys)))
            self._db.executemany(
                f"INSERT OR IGNORE INTO list (query{names}) VALUES ({marks})",  # noqa: S608
                lists,
            )

    def add_ids(self, ids: Sequence[str]) -> list[str]:
        """Write down ids that go in groups; give those that were not known."""
        with self._rolled_back_on_error():
            insert = "INSERT OR IGNORE INTO known_id VALUES (?)"
            return [one for one in ids if self._db.execute(insert, (one,)).rowcount]

    def finish(self, max_age: float | None) -> Progress:
        """Commit the lists; failed ones, and those read more than max_age seconds ago, are left.

        So are those read as far in the future: a clock was wrong.
        """
        with self._rolled_back_on_error():
            self._db.execute(
                "UPDATE list SET state = ? WHERE state = ?", (State.LEFT, State.FAILED)
            )
            self._db.execute(
                "UPDATE list SET state = ?, reading = reading + 1, page_num = 1"
                " WHERE state = ? AND abs(? - read_at) > ?",
                (State.LEFT, State.DONE, int(time.time()), max_age),
            )
            lists = count_lists(self._db)
            self._db.execute("COMMIT")
        return Progress(**lists, before=lists["done"])

    def abandon(self) -> None:
        """Undo what was planned."""
        with readable_errors(self._file):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    # The run.

    def start(self, progress: Progress) -> None:
        """Write down that a run begins."""
        now = time.time()
        with readable_errors(self._file):
            self._run = self._db.execute(
                "INSERT INTO run (pid, started_at, updated_at, before, qps, budget)"
                " VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
                (os.getpid(), now, now, progress.before, progress.qps, progress.budget),
            ).fetchone()[0]

    def unread(self, after: int, most: int) -> list[Unread]:
        """List what is not read to its end, after a list."""
        with readable_errors(self._file):
            rows = self._db.execute(
                "SELECT id, query, reading, page_num FROM list"
                " WHERE id > ? AND state <> ? ORDER BY id LIMIT ?",
                (after, State.DONE, most),
            )
            return [Unread(*row) for row in rows]

    def failures(self) -> tuple[ListFailure, ...]:
        """List the first of the lists that ended with an error."""
        with readable_errors(self._file):
            return failures(self._db, self._known)

    def write(self, entries: Sequence[Entry], progress: Progress) -> Written:
        """Write down pages and failures, and how far the run is, in one transaction."""
        try:
            return self._write(entries, progress, narrow=False)
        except OverflowError:  # a whole number is larger than SQLite's: this is rare
            return self._write(entries, progress, narrow=True)

    def _write(self, entries: Sequence[Entry], progress: Progress, *, narrow: bool) -> Written:
        failed = [one for one in entries if isinstance(one, Failed)]
        pages = [one for one in entries if isinstance(one, PageRead)]
        with self._rolled_back_on_error():
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "UPDATE list SET state = ?, error = ? WHERE id = ?",
                [(State.FAILED, one.error, one.list_id) for one in failed],
            )
            rows, rejects = self._write_pages(pages, narrow=narrow)
            done = sum(one.page.is_last for one in pages)
            self._db.execute(
                "UPDATE run SET updated_at = ?, pages = pages + ?, rows = rows + ?,"
                " rejects = rejects + ?, spent = ?, uncertain = ?, requests = ?, paused = ?"
                " WHERE id = ?",
                (
                    time.time(), len(pages), rows, rejects, progress.spent, progress.uncertain,
                    progress.requests, progress.paused, self._run,
                ),
            )  # fmt: skip
            self._db.execute("COMMIT")
        return Written(done, len(failed), len(pages), rows, rejects)

    def _write_pages(self, pages: Sequence[PageRead], *, narrow: bool) -> tuple[int, int]:
        """Write pages and how far their lists are; count the rows, and those that are invalid."""
        known = len(self._rows.columns)
        (last,) = self._db.execute("SELECT max(_id) FROM record").fetchone()
        beginning = (last or 0) + 1
        valid: list[list[Any]] = []
        read: list[tuple[Any, ...]] = []
        rejects: list[tuple[Any, ...]] = []
        done: list[tuple[Any, ...]] = []
        for unread, page, fetched_at in pages:
            taken = self._rows.take(page)
            here, first = (unread.list_id, unread.reading, page.page_num), beginning + len(valid)
            counts = (len(taken.valid), len(taken.invalid))
            read.append((*here, fetched_at, page.request_id, first, *counts))
            rejects += [(*here, *one) for one in taken.invalid]
            valid += taken.valid
            if page.is_last:
                done.append((State.DONE, page.page_num, fetched_at, unread.list_id))
        columns = self._rows.columns
        if len(columns) != known:  # rows before the one that brought a new column lack it
            show(self._db, attrs.evolve(self._known, columns=tuple(columns)))
            for one in valid:
                one[-2:-2] = [None] * (len(columns) + 2 - len(one))
        for row, one in enumerate(valid, beginning):
            if one[-1] is not None:
                one[-1] = self._as_sent(one[-1])
            if narrow:
                one[:] = narrowed(columns, one)
            one.append(row)
        names = "".join(f"{quoted(column.name)}, " for column in columns)
        self._insert(f"record ({names}extra, _as_sent, _id)", valid)
        self._insert("page", read)
        self._insert("reject", rejects)
        self._db.executemany(
            "UPDATE list SET state = ?, page_num = ?, shown = reading, read_at = ?, error = NULL"
            " WHERE id = ?",
            done,
        )
        self._db.executemany(
            "UPDATE list SET page_num = ? WHERE id = ?",
            [(page.page_num + 1, unread.list_id) for unread, page, _ in pages if not page.is_last],
        )
        return len(valid) + len(rejects), len(rejects)

    def _insert(self, into: str, rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows, many with one statement: at each one, threads take turns, which costs."""
        place = 0
        while left := len(rows) - place:
            count = min(_AT_ONCE, 1 << left.bit_length() - 1)
            marks = f"({', '.join('?' * len(rows[place]))})"
            self._db.execute(
                f"INSERT INTO {into} VALUES {', '.join([marks] * count)}",  # noqa: S608
                list(chain.from_iterable(rows[place : place + count])),
            )
            place += count

    def _as_sent(self, text: str) -> int:
        """Find the number of a difference; most are the same for many rows."""
        found = self._sent.get(text)
        if found is None:
            self._db.execute("INSERT OR IGNORE INTO as_sent (difference) VALUES (?)", (text,))
            (found,) = self._db.execute(
                "SELECT id FROM as_sent WHERE difference = ?", (text,)
            ).fetchone()
            if len(text) < 1000 and len(self._sent) < 1000:
                self._sent[text] = found
        return int(found)

    @property
    def _known(self) -> About:
        assert self._about is not None  # noqa: S101  # begin() came first
        return self._about

    def _load(self) -> None:
        """See what the file says, where that may be something else than what was believed."""
        self._about = about(self._db)
        self._sent.clear()
        known, into = self._about or About({}, (), ()), self._into
        self._rows = (
            RecordRows(into)
            if is_record(into)
            else AnyRows(into, known.columns, known.reserved, self._column)
        )

    def _column(self, column: Column) -> None:
        """Take note of a column that is new, or whose values are of another kind."""
        changed = self._db.execute(
            "UPDATE field SET kind = ? WHERE name = ?", (column.kind, column.name)
        ).rowcount
        if not changed:
            self._db.execute(
                "INSERT INTO field (name, kind, wire) VALUES (?, ?, ?)",
                (column.name, column.kind, column.wire),
            )
            self._db.execute(f"ALTER TABLE record ADD COLUMN {declared(column)}")

    @contextmanager
    def _rolled_back_on_error(self) -> Iterator[None]:
        """Roll the whole transaction back where something goes wrong in it."""
        try:
            with readable_errors(self._file):
                yield
        except BaseException:
            with readable_errors(self._file):
                if self._db.in_transaction:  # a full disk has rolled back by itself
                    self._db.execute("ROLLBACK")
                self._load()
            raise
