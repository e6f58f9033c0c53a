"""The rows of a ledger as records again."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeVar

import orjson

from keyapi_async.errors import DecodeError, InvalidParameterError
from keyapi_async.harvest.columns import Column, quoted, wire_of
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
        self.rejected = 0
        self._opened = opened
        self._into = into
        self._snapshots = snapshots
        reader_of(into)
        self._about: About | None = None
        self._after: Place = START
        self._ready: deque[T] = deque()

    async def __anext__(self) -> T:
        """Give the next record."""
        while not self._ready:
            reading, thread = self._opened()
            if not await thread.call(self._fill, reading):
                raise StopAsyncIteration
        return self._ready.popleft()

    def _fill(self, reading: Reading) -> bool:
        if self._about is None:
            self._about = self._checked(reading.about())
        pages = reading.pages(self._about, self._after, _PAGES, snapshots=self._snapshots)
        if not pages:
            return False
        self._after = pages[-1].place
        # New fields of rows without a class may have come with the pages.
        columns = reading.about().columns
        if self._into.__name__ == self._about.record and is_record(self._into):
            self._ready.extend(self._own(reading, columns, pages))
            self.rejected += sum(page.rejects for page in pages)
        else:
            self._ready.extend(self._sent(reading, columns, pages))
        return True

    def _checked(self, known: About) -> About:
        """See that the rows are not those of another record class."""
        if is_record(self._into) and self._into.__name__ != known.record:
            allowed = f"{known.record}, which the ledger's rows are"
            raise InvalidParameterError("into", self._into, allowed)
        return known

    def _own(
        self, reading: Reading, columns: Sequence[Column], pages: Sequence[StoredPage]
    ) -> list[T]:
        """Make records of the very class that the rows were checked by."""
        sent = [column for column in columns if column.wire]
        position = [_plain(column) for column in columns if not column.wire][:1]
        names = [column.name for column in sent]
        found = reading.rows([*map(_plain, sent), "record.extra", *(position or ["NULL"])], pages)
        rows = []
        for *values, extra, _ in found:
            row = dict(zip(names, values, strict=True))
            if extra is not None:
                row.update(orjson.loads(extra))
            rows.append(row)
        if not position:
            return page_reader_of(self._into)(rows, 1)
        read = reader_of(self._into)
        return [read(row, values[-1]) for row, values in zip(rows, found, strict=True)]

    def _sent(
        self, reading: Reading, columns: Sequence[Column], pages: Sequence[StoredPage]
    ) -> list[T]:
        """Make records of the rows as they were sent, the invalid ones among them."""
        wire = [wire_of(column) for column in columns]
        rows = iter(reading.rows([*map(_plain, columns), "record.extra", _SENT], pages))
        read = reader_of(self._into)
        records: list[T] = []
        for page in pages:
            invalid = dict(reading.invalid(page)) if page.rejects else {}
            for place in range(page.rows + page.rejects):
                if place in invalid:
                    row: object = orjson.loads(invalid[place] or "null")
                else:
                    row = _as_sent(columns, wire, next(rows))
                try:
                    records.append(read(row, None))
                except DecodeError:
                    self.rejected += 1
        return records


def _plain(column: Column) -> str:
    return f"record.{quoted(column.name)}"


def _as_sent(
    columns: Sequence[Column], wire: Sequence[Callable[..., object] | None], found: Sequence[Any]
) -> dict[str, object]:
    *values, extra, difference = found
    row = row_of(columns, wire, values, {} if extra is None else orjson.loads(extra))
    if difference is not None:
        row.update(orjson.loads(difference))
    return row
