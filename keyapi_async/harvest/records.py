"""The rows of a ledger as records again."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, TypeVar

import orjson

from keyapi_async.errors import DecodeError, InvalidParameterError
from keyapi_async.harvest.columns import Column, plain, wire_of
from keyapi_async.harvest.file import damage_reported
from keyapi_async.harvest.reading import START, Place, Reading, StoredPage
from keyapi_async.harvest.rows import row_of
from keyapi_async.harvest.schema import About
from keyapi_async.harvest.writer import FileThread
from keyapi_async.records.codec import is_record
from keyapi_async.records.converter import page_reader_of, reader_of

T = TypeVar("T")

_PAGES = 100
"""Pages read at a time."""

_SENT = "(SELECT difference FROM as_sent WHERE as_sent.id = record._as_sent)"


class Records(AsyncIterator[T]):
    """The records of a ledger, in the order of its lists; made by ``Harvest.records``.

    Attributes:
        rejected: invalid rows so far.
    """

    def __init__(
        self,
        opened: Callable[[], tuple[Reading, FileThread]],
        into: type[T],
        *,
        snapshots: bool,
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
