"""Reading the ledger, also while a run writes to it: each question sees the last committed page."""

import sqlite3
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, repeat, zip_longest
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import orjson

from keyapi_async.bookmark import Bookmark
from keyapi_async.errors import DecodeError, InvalidParameterError
from keyapi_async.harvest.columns import FUNCTIONS, Column, plain, quoted, wire_of
from keyapi_async.harvest.file import (
    FileThread,
    LedgerError,
    RunLock,
    bytes_of,
    damage_reported,
    open_to_read,
    readable_errors,
)
from keyapi_async.harvest.progress import ListFailure, Progress, Status
from keyapi_async.harvest.rows import row_of
from keyapi_async.harvest.schema import About, State, about, count_lists
from keyapi_async.records.codec import is_record
from keyapi_async.records.converter import page_reader_of, reader_of

T = TypeVar("T")

_PAGES = 100
"""Pages of records read at a time."""

_FAILURES = 100
_SENT = "(SELECT difference FROM as_sent WHERE as_sent.id = record._as_sent)"
_RUN = ("before", "pages", "rows", "rejects", "spent", "uncertain", "requests", "qps", "budget")
_PARTS = (
    "SELECT json_extract(value, '$[0]') AS first, json_extract(value, '$[1]') AS last,"
    " json_extract(value, '$[2]') AS head FROM json_each(?)"
)

Place = tuple[int, int, int]
START: Place = (0, 0, 0)


class StoredPage(NamedTuple):
    """Where a page's rows are: ``rows`` valid ones from row ``first`` of the file on.

    ``place`` is its list, reading and page, by which pages are ordered; ``fetched_at`` is in Unix
    seconds; ``key`` has the values that tell its list from others.
    """

    place: Place
    fetched_at: int
    first: int
    rows: int
    rejects: int
    key: tuple[str | None, ...]


class Reading:
    """A ledger opened to be read.

    Every method blocks; a LedgerError says why the file cannot be used.
    """

    def __init__(self, file: Path) -> None:
        self.file: Path = file
        self._db = open_to_read(file)
        for name, function in FUNCTIONS.items():
            self._db.create_function(name, 1, function, deterministic=True)

    def close(self) -> None:
        """Close the file."""
        with readable_errors(self.file):
            self._db.close()

    def about(self) -> About:
        """Tell what the lists have in common; a LedgerError says that there are none yet."""
        with damage_reported(self.file):
            found = about(self._db)
        if found is None:
            raise LedgerError(self.file, "holds nothing yet: no harvest has begun")
        return found

    def status(self) -> Status:
        """Count what it holds, at once: the counts are kept as pages are written."""
        running = RunLock(self.file).is_taken()
        with damage_reported(self.file):
            known = about(self._db)
            lists, counts = {"done": 0, "failed": 0, "left": 0}, (0, 0, 0)
            first = last = run = None
            if known is not None:
                lists = count_lists(self._db)
                *counts, first, last = self._db.execute(
                    "SELECT sum(pages), sum(rows), sum(rejects), min(started_at), max(updated_at)"
                    " FROM run"
                ).fetchone()
            if first is not None:
                run = self._run(lists, running=running)
        pages, rows, rejects = (count or 0 for count in counts)
        return Status(
            listing=dict(known.facts) if known else {}, keys=known.keys if known else (),
            **lists, pages=pages, rows=rows, rejects=rejects, size=bytes_of(self.file),
            first=_moment(first), last=_moment(last), running=running, run=run,
        )  # fmt: skip

    def _run(self, lists: dict[str, Any], *, running: bool) -> Progress:
        started, updated, paused, *counts = self._db.execute(
            f"SELECT started_at, updated_at, paused, {', '.join(_RUN)}"  # noqa: S608
            " FROM run ORDER BY id DESC LIMIT 1"
        ).fetchone()
        return Progress(
            **lists, **dict(zip(_RUN, counts, strict=True)),
            elapsed=max(0.0, (time.time() if running else updated) - started),
            paused=paused if running else None,
        )  # fmt: skip

    def failures(self) -> tuple[ListFailure, ...]:
        """List the first of the lists that ended with an error."""
        with damage_reported(self.file):
            found = about(self._db)
            return () if found is None else failures(self._db, found)

    def pages(self, known: About, after: Place, most: int, *, snapshots: bool) -> list[StoredPage]:
        """Give pages in their order, after a place.

        Of each list those of its last complete reading, or of its first one while that goes on;
        with ``snapshots`` those of every reading. A list that is read on to the end of a new
        reading meanwhile is not changed under way.
        """
        keys = "".join(f", list.{quoted(name)}" for name in known.key_columns)
        query = (
            "SELECT page.list, page.reading, page.page_num, page.fetched_at, page.first, page.rows,"  # noqa: S608
            f" page.rejects{keys} FROM page CROSS JOIN list ON list.id = page.list"
            " WHERE (page.list, page.reading, page.page_num) > (:list, :reading, :page)"
            " AND (:all OR page.list > :list AND page.reading = list.shown"
            " OR page.list = :list AND page.reading = :reading)"
            " ORDER BY page.list, page.reading, page.page_num LIMIT :most"
        )
        place = dict(zip(("list", "reading", "page"), after, strict=True))
        with damage_reported(self.file):
            rows = self._db.execute(query, {**place, "all": snapshots, "most": most}).fetchall()
            columns = list(zip(*rows, strict=True))
            if set(map(type, chain(*columns[3:7]))) - {int}:
                raise TypeError("counts that are not whole numbers")
        if not rows:
            return []
        places = zip(*columns[:3], strict=True)
        of_lists = zip(*columns[7:], strict=True) if known.keys else repeat(())
        return list(map(StoredPage, places, *columns[3:7], of_lists))

    def rows(
        self, expressions: Sequence[str], pages: Sequence[StoredPage], heads: Iterable[str] = ()
    ) -> list[Any]:
        """Give the valid rows of some pages, as tuples of SQL expressions.

        In these ``part.head`` is the text of ``heads`` that goes with the page.
        """
        parts: list[list[object]] = []
        for page, head in zip_longest(pages, heads):
            last = page.first + page.rows - 1
            if head is None and parts and parts[-1][1] == page.first - 1:
                parts[-1][1] = last
            else:
                parts.append([page.first, last, head])
        with damage_reported(self.file):
            return self._db.execute(
                f"WITH part AS MATERIALIZED ({_PARTS}) SELECT {', '.join(expressions)} FROM part"  # noqa: S608
                " CROSS JOIN record ON record._id BETWEEN part.first AND part.last",
                (orjson.dumps(parts).decode(),),
            ).fetchall()

    def arrays(
        self, expressions: Iterable[str], pages: Sequence[StoredPage]
    ) -> Iterator[list[Any]]:
        """Give SQL expressions over the valid rows of some pages, each as a list.

        Each comes as one JSON array, which costs half of what value after value does.
        """
        asked = [f"CAST(json_group_array({one}) AS BLOB)" for one in expressions]
        (texts,) = self.rows(asked, pages)
        return map(orjson.loads, texts)

    def invalid(self, page: StoredPage) -> list[tuple[int, str | None]]:
        """Give the invalid rows of a page: place from 0, and the row as JSON."""
        with damage_reported(self.file):
            return self._db.execute(
                "SELECT place, row FROM reject WHERE list = ? AND reading = ? AND page_num = ?"
                " ORDER BY place",
                page.place,
            ).fetchall()

    def values(self, field: str) -> Generator[list[Any], None, None]:
        """Give the distinct values of a column of the view, some at a time."""
        names = self.about().names
        if field not in names:
            raise InvalidParameterError("field", field, f"one of {', '.join(names)}")
        with damage_reported(self.file):
            name = quoted(field)
            found = self._db.execute(
                f"SELECT DISTINCT {name} FROM records WHERE {name} IS NOT NULL"  # noqa: S608
            )
            while some := found.fetchmany(1000):
                yield [value for (value,) in some]


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


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


class Records(AsyncIterator[T]):
    """The records of a ledger, in the order of its lists; made by ``Harvest.records``.

    Attributes:
        rejected: invalid rows so far.
    """

    def __init__(
        self, opened: Callable[[], tuple[Reading, FileThread]], into: type[T], *, snapshots: bool
    ) -> None:
        self.rejected: int = 0
        self._opened = opened
        self._into = into
        self._snapshots = snapshots
        self._read = reader_of(into)
        self._read_all = page_reader_of(into)
        self._after: Place = START
        self._ready: deque[T] = deque()

    async def __anext__(self) -> T:
        """Give the next record."""
        while not self._ready:
            reading, thread = self._opened()
            if not await thread.call(self._filled, reading):
                raise StopAsyncIteration
        return self._ready.popleft()

    def _filled(self, reading: Reading) -> bool:
        known = reading.about()
        self._check(known)
        pages = reading.pages(known, self._after, _PAGES, snapshots=self._snapshots)
        with damage_reported(reading.file):
            # Columns may have come with these very pages, so they are looked at again.
            rows = iter(_rows_as_sent(reading, reading.about().columns, pages))
            for page in pages:
                self._after = page.place
                self._add(reading, page, known.page_size, rows)
        return bool(pages)

    def _check(self, known: About) -> None:
        """See that the rows are not those of another record class."""
        if is_record(self._into) and self._into.__name__ != known.record:
            allowed = f"{known.record}, which the ledger's rows are"
            raise InvalidParameterError("into", self._into, allowed)

    def _add(
        self, reading: Reading, page: StoredPage, page_size: int, rows: Iterator[object]
    ) -> None:
        """Read the rows of a page, the invalid ones in their places."""
        first = (page.place[2] - 1) * page_size + 1
        invalid = dict(reading.invalid(page)) if page.rejects else {}
        if len(invalid) != page.rejects:
            raise ValueError("another number of invalid rows than was counted")
        found = [
            orjson.loads(invalid[place] or "null") if place in invalid else next(rows)
            for place in range(page.rows + page.rejects)
        ]
        try:
            self._ready.extend(self._read_all(found, first))
        except DecodeError:
            for position, row in enumerate(found, first):
                try:
                    self._ready.append(self._read(row, position))
                except DecodeError:
                    self.rejected += 1


def _rows_as_sent(
    reading: Reading, columns: Sequence[Column], pages: Sequence[StoredPage]
) -> list[dict[str, Any]]:
    """Give the valid rows of some pages as the API sent them."""
    wire = [wire_of(column) for column in columns]
    names = list(map(plain, columns))
    rows = []
    for *values, extra, difference in reading.rows([*names, "record.extra", _SENT], pages):
        rows.append(row_of(columns, wire, values, {} if extra is None else orjson.loads(extra)))
        if difference is not None:
            rows[-1].update(orjson.loads(difference))
    if len(rows) != sum(page.rows for page in pages):
        raise ValueError("another number of rows than was counted")
    return rows
