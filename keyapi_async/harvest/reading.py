"""Reading the ledger, also while a run writes to it: each question sees the last committed page."""

import sqlite3
import time
from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from keyapi_async.bookmark import Bookmark
from keyapi_async.errors import InvalidParameterError
from keyapi_async.harvest.columns import REAL, TEXTS, Column, quoted
from keyapi_async.harvest.file import LedgerError, RunLock, bytes_of, open_to_read, told
from keyapi_async.harvest.report import ListFailure, Progress, Status
from keyapi_async.harvest.schema import About, State, about

_FAILURES = 100

Place = tuple[int, int, int]
START: Place = (0, 0, 0)


class StoredPage(NamedTuple):
    """Where a page's rows are.

    Attributes:
        place: list, reading and page, by which pages are ordered.
        fetched_at: when it came, in Unix seconds.
        first: the number of its first valid row in the file.
        rows: how many valid rows it has.
        rejects: how many invalid ones.
        key: the values that tell its list from others.
    """

    place: Place
    fetched_at: int
    first: int
    rows: int
    rejects: int
    key: tuple[str | None, ...]


class Way(Enum):
    """How a column comes out of SQLite: value by value, or as one JSON array, in half the time."""

    VALUES = 1
    """Digits of floats, or blobs, would be lost in SQLite's JSON."""
    ARRAY = 2
    DIGITS = 3
    """Numbers, dates and times as they are written: they need not be made to be written again."""


class Wanted(NamedTuple):
    """What is wanted of each row, in SQL."""

    sql: str
    way: Way


def wanted(column: Column, sql: str, *, digits: bool) -> Wanted:
    """Choose the way of a column."""
    if column.wire == "any" or column.kind in REAL:
        return Wanted(sql, Way.VALUES)
    return Wanted(sql, Way.DIGITS if digits and column.kind not in TEXTS else Way.ARRAY)


EXTRA = Wanted("record.extra", Way.ARRAY)


class Reading:
    """A ledger opened to be read. Every method blocks.

    Raises (here and in every method):
        LedgerError: the file cannot be used; it names the reason.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._db = open_to_read(file)

    def close(self) -> None:
        """Close the file."""
        with told(self._file):
            self._db.close()

    def about(self) -> About:
        """Tell what the lists have in common.

        Raises:
            LedgerError: there are no lists yet.
        """
        with told(self._file):
            found = about(self._db)
        if found is None:
            raise LedgerError(self._file, "holds nothing yet: no harvest has begun")
        return found

    def status(self) -> Status:
        """Count what it holds, at once: the counts are kept as pages are written."""
        running = RunLock(self._file).is_taken()
        size = bytes_of(self._file)
        with told(self._file):
            found = about(self._db)
            if found is None:
                return Status(
                    listing={}, keys=(), done=0, failed=0, left=0, pages=0, rows=0, rejects=0,
                    size=size, first=None, last=None, running=running, run=None,
                )  # fmt: skip
            done, failed, left, pages, rows, rejects = self._db.execute(
                "SELECT done, failed, left, pages, rows, rejects FROM total"
            ).fetchone()
            first, last = self._times()
            run = self._run(Progress(done=done, failed=failed, left=left), running=running)
        return Status(
            listing=dict(found.facts),
            keys=found.keys,
            done=done,
            failed=failed,
            left=left,
            pages=pages,
            rows=rows,
            rejects=rejects,
            size=size,
            first=first,
            last=last,
            running=running,
            run=run,
        )

    def _times(self) -> tuple[datetime | None, datetime | None]:
        """Find when the first run began and when the last one wrote."""
        times = self._db.execute("SELECT min(started_at), max(updated_at) FROM run").fetchone()
        first, last = (None if one is None else datetime.fromtimestamp(one, UTC) for one in times)
        return first, last

    def _run(self, lists: Progress, *, running: bool) -> Progress | None:
        row = self._db.execute(
            "SELECT started_at, updated_at, before, qps, budget, pages, rows, rejects, spent,"
            " uncertain, requests, paused FROM run ORDER BY id DESC LIMIT 1"
        ).fetchone()
        if row is None:
            return None
        started, updated, before, qps, budget, *counts, paused = row
        pages, rows, rejects, spent, uncertain, requests = counts
        return Progress(
            done=lists.done, failed=lists.failed, left=lists.left, before=before,
            pages=pages, rows=rows, rejects=rejects,
            spent=spent, uncertain=uncertain, requests=requests,
            elapsed=max(0.0, (time.time() if running else updated) - started),
            qps=qps, budget=budget, paused=paused if running else None,
        )  # fmt: skip

    def failures(self) -> tuple[ListFailure, ...]:
        """List the first of the lists that ended with an error."""
        with told(self._file):
            found = about(self._db)
            return () if found is None else failures(self._db, found)

    def pages(self, known: About, after: Place, most: int, *, snapshots: bool) -> list[StoredPage]:
        """Give pages in their order, behind a place.

        Of each list those of its last complete reading, or of its first one while that goes on;
        with ``snapshots`` those of every reading. A list that is read on to the end of a new
        reading meanwhile is not changed under way.
        """
        keys = "".join(f", list.{quoted(name)}" for name in known.key_columns)
        columns = (
            "page.list, page.reading, page.page_num, page.fetched_at, page.first, page.rows,"
            f" page.rejects{keys}"
        )
        head = f"SELECT {columns} FROM list CROSS JOIN page ON page.list = list.id"  # noqa: S608
        tail = " ORDER BY page.list, page.reading, page.page_num LIMIT ?"
        here = " AND page.reading = ? AND page.page_num > ? WHERE list.id = ?"
        beyond = "" if snapshots else " AND page.reading = list.shown"
        with told(self._file):
            rows = self._db.execute(head + here + tail, (after[1], after[2], after[0], most))
            found = rows.fetchall()
            if snapshots and len(found) < most:
                later = " AND page.reading > ? WHERE list.id = ?"
                rows = self._db.execute(
                    head + later + tail, (after[1], after[0], most - len(found))
                )
                found += rows.fetchall()
            if len(found) < most:
                rows = self._db.execute(
                    f"{head}{beyond} WHERE list.id > ?{tail}", (after[0], most - len(found))
                )
                found += rows.fetchall()
        return [StoredPage._make((row[:3], *row[3:7], row[7:])) for row in found]

    def rows(self, expressions: Sequence[str], pages: Sequence[StoredPage]) -> list[Any]:
        """Give the valid rows of some pages, as tuples of SQL expressions."""
        ranges = orjson.dumps([(page.first, page.first + page.rows - 1) for page in pages])
        with told(self._file):
            return self._db.execute(
                f"SELECT {', '.join(expressions)} FROM json_each(?) AS range CROSS JOIN record"  # noqa: S608
                " ON record._id BETWEEN json_extract(range.value, '$[0]')"
                " AND json_extract(range.value, '$[1]')",
                (ranges.decode(),),
            ).fetchall()

    def columns(self, wanted: Sequence[Wanted], pages: Sequence[StoredPage]) -> list[Sequence[Any]]:
        """Give the valid rows of some pages as columns."""
        found: dict[int, Sequence[Any]] = {}
        if one_by_one := [n for n, one in enumerate(wanted) if one.way is Way.VALUES]:
            rows = self.rows([wanted[n].sql for n in one_by_one], pages)
            found.update(zip(one_by_one, zip(*rows, strict=True), strict=True))
        if whole := [n for n in range(len(wanted)) if n not in found]:
            arrays = [f"CAST(json_group_array({wanted[n].sql}) AS BLOB)" for n in whole]
            (texts,) = self.rows(arrays, pages)
            for n, text in zip(whole, texts, strict=True):
                found[n] = orjson.loads(text) if wanted[n].way is Way.ARRAY else _digits(text)
        return [found[n] for n in range(len(wanted))]

    def invalid(self, page: StoredPage) -> list[tuple[int, str | None]]:
        """Give the invalid rows of a page: place from 0, and the row as JSON."""
        with told(self._file):
            return self._db.execute(
                "SELECT place, row FROM reject WHERE list = ? AND reading = ? AND page_num = ?"
                " ORDER BY place",
                page.place,
            ).fetchall()

    def values(self, field: str) -> Generator[list[Any], None, None]:
        """Give the distinct values of a column of the view, some at a time.

        Raises:
            InvalidParameterError: there is no such column.
        """
        names = self.about().names
        if field not in names:
            raise InvalidParameterError("field", field, f"one of {', '.join(names)}")
        with told(self._file):
            name = quoted(field)
            found = self._db.execute(
                f"SELECT DISTINCT {name} FROM records WHERE {name} IS NOT NULL"  # noqa: S608
            )
            while some := found.fetchmany(1000):
                yield [value for (value,) in some]


def _digits(array: bytes) -> list[str | None]:
    """Split an array of numbers, dates and times, none of which has a comma in it."""
    digits: list[str | None] = array[1:-1].replace(b'"', b"").decode().split(",")  # type: ignore[assignment]
    return [None if one == "null" else one for one in digits] if "null" in digits else digits


def failures(db: sqlite3.Connection, known: About) -> tuple[ListFailure, ...]:
    """List the first of the lists that ended with an error."""
    keys = "".join(f", {quoted(name)}" for name in known.key_columns)
    rows = db.execute(
        f"SELECT error, page_num{keys} FROM list WHERE state = ? ORDER BY id LIMIT ?",  # noqa: S608
        (State.FAILED, _FAILURES),
    )
    return tuple(
        ListFailure(
            " ".join(str(value) for value in key), error, Bookmark(page_num, 0, known.page_size)
        )
        for error, page_num, *key in rows
    )
