"""Walks ``page_num``: pages, and streams of records that lose no row and repeat none."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import takewhile
from types import TracebackType
from typing import Generic, NamedTuple, Self, TypeVar, cast

import attrs

from keyapi_async import params
from keyapi_async.bookmark import Bookmark
from keyapi_async.call.core import Caller
from keyapi_async.call.wire import JSON, Envelope, Request
from keyapi_async.errors import DecodeError, KeyAPIError, PaginationError, ResponseError, UsageError
from keyapi_async.params import MAX_PAGE_NUM, Until
from keyapi_async.records.codec import ReadRows
from keyapi_async.records.converter import page_reader_of, reader_of

T = TypeVar("T")

log = logging.getLogger("keyapi_async")


@attrs.frozen
class Reject:
    """A row that cannot be a record, and why.

    Attributes:
        row: the row as the API sent it.
        error: what is wrong with it.
        offset: its place in the page, from 0.
    """

    row: JSON
    error: DecodeError
    offset: int = 0


@attrs.frozen
class Page(Generic[T]):
    """One page of a list; it cost one credit.

    Attributes:
        records: the rows that are records, in order.
        rejects: the rows that are none.
        page_num: its number, from 1.
        page_size: how many rows were asked for.
        request_id: the API's id of the answer, or None.
        is_last: whether the list ends here.
    """

    records: tuple[T, ...]
    rejects: tuple[Reject, ...]
    page_num: int
    page_size: int
    request_id: str | None
    is_last: bool


@attrs.frozen
class Listing(Generic[T]):
    """What an endpoint declares: its path, the record that a row becomes, and the query.

    Attributes:
        path: the documented endpoint.
        into: the record type.
        queries: the query of each part; a list has one part, unless its ids go in groups.
    """

    path: str
    into: type[T]
    queries: tuple[str, ...]


class _Place(NamedTuple):
    """Which page of which part; places compare in the order in which they are read."""

    part: int
    page_num: int


@attrs.define(eq=False)
class _Leaf(Generic[T]):
    """A page as it is turned: every row in its place, as a record or as a reject."""

    place: _Place
    rows: list[JSON]
    items: list[T | Reject]
    rejects: bool
    request_id: str | None
    following: _Place | None

    def page(self, begin: int, end: int, page_size: int) -> Page[T]:
        """Show the rows between two offsets as a page."""
        items = self.items[begin:end]
        return Page(
            tuple(item for item in items if not isinstance(item, Reject)),
            tuple(item for item in items if isinstance(item, Reject)),
            self.place.page_num,
            page_size,
            self.request_id,
            self.following is None,
        )


class _Book(Generic[T]):
    """Fetches any page of one listing, and knows which one follows it."""

    def __init__(
        self, caller: Caller, listing: Listing[T], page_size: int, until: Until = Until.SHORT_PAGE
    ) -> None:
        self.page_size = page_size
        self._caller = caller
        self._listing = listing
        self._queries = [f"{query}&" if query else "" for query in listing.queries]
        self._until = until
        self._read = reader_of(listing.into)
        self._read_all = cast("ReadRows[T | Reject]", page_reader_of(listing.into))

    async def fetch(self, place: _Place) -> _Leaf[T]:
        """Buy one page."""
        part, page_num = place
        if page_num > MAX_PAGE_NUM:
            raise PaginationError(f"the list goes on, but the API has no page after {MAX_PAGE_NUM}")
        request = Request(
            self._listing.path,
            f"{self._queries[part]}page_num={page_num}&page_size={self.page_size}",
        )
        envelope = await self._caller.call(request)
        try:
            rows = envelope.rows
        except ResponseError as error:
            error.path, error.params, error.attempts = request.path, request.params, 1
            raise
        self._caller.core.records += len(rows)
        first = (page_num - 1) * self.page_size + 1
        rejects = False
        try:
            items = self._read_all(rows, first)
        except DecodeError:
            rejects = True
        if rejects:
            items = self._sorted(request, envelope, rows, first)
        return _Leaf(
            place,
            rows,
            items,
            rejects,
            envelope.request_id,
            self._following(place, len(rows)),
        )

    def _sorted(
        self, request: Request, envelope: Envelope, rows: list[JSON], first: int
    ) -> list[T | Reject]:
        """Make records of the rows one by one, as some row is none."""
        items: list[T | Reject] = []
        for position, row in enumerate(rows, first):
            try:
                items.append(self._read(row, position))
            except DecodeError as error:
                error.path, error.params, error.attempts = request.path, request.params, 1
                error.status, error.request_id = 200, envelope.request_id
                error.page_num = (first - 1) // self.page_size + 1
                items.append(Reject(row, error.with_traceback(None), position - first))
                log.warning("a row is no record: %s", error)
        return items

    def _following(self, place: _Place, rows: int) -> _Place | None:
        if rows >= self.page_size or (rows and self._until is Until.EMPTY_PAGE):
            return _Place(place.part, place.page_num + 1)
        following = _Place(place.part + 1, 1)
        return following if following.part < len(self._listing.queries) else None

    def likely_after(self, place: _Place) -> Iterator[_Place]:
        """List the pages that are worth fetching from a place on.

        Where parts are still to come, their beginnings are certain to be needed, and nothing else
        is fetched on the mere hope that a list goes on.
        """
        yield place
        for part in range(place.part + 1, len(self._listing.queries)):
            yield _Place(part, 1)
        if place.part + 1 == len(self._listing.queries) and place.page_num > 1:
            for page_num in range(place.page_num + 1, MAX_PAGE_NUM + 1):
                yield _Place(place.part, page_num)


class _Ahead(Generic[T]):
    """Keeps some pages in flight before they are asked for; opens up as the list goes on."""

    def __init__(self, fetch: Callable[[_Place], Awaitable[_Leaf[T]]], most: int) -> None:
        self._fetch = fetch
        self._most = most
        self._opening = 0
        self._tasks: dict[_Place, asyncio.Task[_Leaf[T]]] = {}

    def holds(self, place: _Place) -> bool:
        """Say whether a page is in flight."""
        return place in self._tasks

    async def take(self, place: _Place) -> _Leaf[T]:
        """Wait for a page that is in flight.

        Whoever waits may be cancelled: the pages in flight stay in flight.
        """
        task = self._tasks[place]
        await asyncio.wait((task,))
        self._tasks.pop(place, None)
        if task.cancelled():
            raise UsageError("this stream was closed while it was read")
        return task.result()

    async def go_on(self, places: Iterator[_Place], pages: int) -> None:
        """Send for more, at most for ``pages``."""
        self._opening = min(self._most, self._opening * 2 or 1)
        for place in takewhile(lambda _: len(self._tasks) < min(self._opening, pages), places):
            if place not in self._tasks:
                task = asyncio.ensure_future(self._fetch(place))
                task.add_done_callback(_look_at)
                self._tasks[place] = task

    def __del__(self) -> None:
        """Leave the pages in flight of a stream that nobody has closed and nobody holds."""
        for task in self._tasks.values():
            loop = task.get_loop()
            if not loop.is_closed():
                loop.call_soon_threadsafe(task.cancel)

    async def close(self) -> None:
        """Leave every page in flight, and see it end."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._tasks.clear()


def _look_at(task: "asyncio.Task[_Leaf[T]]") -> None:
    """Take note of an error, so that one which nobody comes to see is not reported as lost."""
    if not task.cancelled():
        task.exception()


class RecordStream(AsyncIterator[T]):
    """The records of a list, one by one: lazy, in order, and able to go on where it stopped.

    Nothing is asked for before the first item is. An error leaves the stream usable: it carries
    the bookmark, and asking for the next item goes on where it failed. Use it in ``async for``; in
    ``async with`` or ``contextlib.aclosing`` where ``prefetch`` is on and it may be left early.

    Cost:
        One credit a page, and at most ``prefetch`` more at the end of a list.

    Attributes:
        rejected: rows so far that were no record.
        run_begin: where the last ``next_run`` began.
    """

    def __init__(
        self,
        caller: Caller,
        listing: Listing[T],
        *,
        page_size: int,
        start: Bookmark | int | None,
        limit: int | None,
        prefetch: int,
        until: Until,
        skip_invalid: bool,
    ) -> None:
        """Check the paging parameters; endpoints make streams, users rarely do."""
        page_size = params.page_size(page_size)
        self.rejected = 0
        self.run_begin = Bookmark(1)
        self._start = params.start(start, page_size, len(listing.queries))
        self._left = None if limit is None else params.number("limit", limit, 0)
        self._skip_invalid = params.boolean("skip_invalid", skip_invalid)
        self._book = _Book(caller, listing, page_size, params.until(until))
        self._ahead = _Ahead(self._book.fetch, params.number("prefetch", prefetch, 0, MAX_PAGE_NUM))
        self._prefetches = prefetch > 0
        self._leaf: _Leaf[T] | None = None
        self._offset = self._start.offset
        self._first = _Place(self._start.part, self._start.page_num)
        self._ended = not listing.queries
        self._run: list[T] = []
        self._fence = 0
        self._alike = 1
        self._reading = self._asking = self._closed = False

    @property
    def bookmark(self) -> Bookmark:
        """Where the next item is; ``start=`` of an equal call takes it."""
        leaf, offset = self._leaf, self._offset
        if leaf is None:
            return self._start
        part, page_num = leaf.place
        if offset >= len(leaf.items) and leaf.following is not None:
            (part, page_num), offset = leaf.following, 0
        return Bookmark(page_num, offset, self._book.page_size, part)

    def _mark(self, offset: int) -> Bookmark:
        """Mark a row of the page that is being read."""
        leaf = self._leaf
        assert leaf is not None  # noqa: S101  # it has given a row
        return Bookmark(leaf.place.page_num, offset, self._book.page_size, leaf.place.part)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """Give the next record.

        Raises:
            DecodeError: the next row is no record; the stream stands behind it.
            KeyAPIError: the next page could not be had; the stream stands before it.
        """
        while self._offset >= self._fence:
            leaf = self._leaf
            if leaf is None or self._at_end_of(leaf):
                if not await self._turn():
                    raise StopAsyncIteration
            elif not self._skip_invalid:
                raise self._pass_reject(leaf)
            else:
                self._pass_reject(leaf)
        record = self._run[self._offset]
        self._offset += 1
        return record

    def _pass_reject(self, leaf: _Leaf[T]) -> DecodeError:
        """Step over a row that is no record; give its error."""
        reject = leaf.items[self._offset]
        assert isinstance(reject, Reject)  # noqa: S101  # a fence that is not the end is one
        error = reject.error
        error.bookmark = self._mark(self._offset)
        self._offset += 1
        self.rejected += 1
        self._set_fence(leaf)
        return error

    def _set_fence(self, leaf: _Leaf[T]) -> None:
        """Find how far records can be given without a question: to a reject, limit or page end."""
        begin, items = self._offset, leaf.items
        end = len(items)
        if self._left is not None:
            end = min(end, begin + self._left)
        if leaf.rejects:
            places = (n for n in range(begin, end) if isinstance(items[n], Reject))
            end = next(places, end)
        if self._left is not None:
            self._left -= max(0, end - begin)
        self._fence = end
        self._run = items  # type: ignore[assignment]  # there is no reject before the fence

    async def _turn(self) -> bool:
        """Turn to the next page; say whether there is one."""
        if self._closed:
            raise UsageError("this stream is closed: begin another at its bookmark")
        if self._reading:
            raise UsageError("this stream is being read by another task")
        leaf = self._leaf
        place = self._first if leaf is None else leaf.following
        if self._left == 0 or self._ended or place is None:
            await self._ahead.close()
            return False
        self._reading = True
        try:
            if self._ahead.holds(place):
                new = await self._ahead.take(place)
            else:
                self._asking = True
                new = await self._book.fetch(place)
            self._see_progress(leaf, new)
            self._leaf, self._offset = new, self._offset if leaf is None else 0
            self._set_fence(new)
            if self._prefetches:
                await self._go_on(new)
        except KeyAPIError as error:
            error.bookmark = self.bookmark
            raise
        finally:
            self._reading = self._asking = False
        return True

    async def _go_on(self, leaf: _Leaf[T]) -> None:
        if leaf.following is None:
            await self._ahead.close()  # what was sent for lies behind the end
            return
        pages = MAX_PAGE_NUM
        if self._left is not None:
            pages = -(-self._left // self._book.page_size)
        await self._ahead.go_on(self._book.likely_after(leaf.following), pages)

    def _see_progress(self, old: _Leaf[T] | None, new: _Leaf[T]) -> None:
        """Refuse a server that ignores ``page_num``; lists shift, so one row may come twice."""
        alike = old is not None and old.place.part == new.place.part and _equal(old.rows, new.rows)
        run = self._alike + 1 if alike else 1
        if run >= (3 if len(new.rows) == 1 else 2):
            raise PaginationError(
                f"page {new.place.page_num} is page {new.place.page_num - 1} again:"
                " the server seems to ignore page_num"
            )
        self._alike = run

    def pages(self) -> "PageStream[T]":
        """Walk the list page by page from where the stream stands; rejects are in their pages."""
        return PageStream(self)

    async def next_page(self) -> Page[T] | None:
        """Give the next page, or what is left of the page under the bookmark; None at the end."""
        leaf = self._leaf
        if leaf is None or self._at_end_of(leaf):
            if not await self._turn():
                return None
            leaf = self._leaf
        assert leaf is not None  # noqa: S101  # _turn said so
        begin = self._offset
        self._offset = max(begin, self._fence)
        while not self._at_end_of(leaf):
            self._pass_reject(leaf)
            self._offset = self._fence
        return leaf.page(begin, self._offset, self._book.page_size)

    def _at_end_of(self, leaf: _Leaf[T]) -> bool:
        """Say whether the page, or the limit, has nothing more to give."""
        if self._offset < self._fence:
            return False
        return self._left == 0 or self._offset >= len(leaf.items) or self._closed

    async def next_run(self) -> list[T]:
        """Give the records up to the end of a page or the next reject; none at the end of all.

        Raises:
            As asking for the next record does.
        """
        async for first in self:
            self.run_begin = self._mark(self._offset - 1)
            run = [first, *self._run[self._offset : self._fence]]
            self._offset = self._fence
            return run
        return []

    async def collect(self) -> list[T]:
        """Read the rest into a list; where it fails, what was read is lost, so mind its length."""
        return [record async for record in self]

    async def aclose(self) -> None:
        """Leave the stream: when this returns, nothing of it is running.

        Raises:
            UsageError: another task waits for a page that it asked for: cancel that task.
        """
        if self._asking:
            raise UsageError("this stream is being read by another task: cancel that one")
        self._closed = True
        self._fence = 0
        await self._ahead.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


class PageStream(AsyncIterator[Page[T]]):
    """The pages of a stream; both stand at the same place."""

    def __init__(self, stream: RecordStream[T]) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def aclose(self) -> None:
        """Leave the stream and its pages."""
        await self._stream.aclose()

    async def __anext__(self) -> Page[T]:
        page = await self._stream.next_page()
        if page is None:
            raise StopAsyncIteration
        return page


async def one_page(caller: Caller, listing: Listing[T], page_num: int, page_size: int) -> Page[T]:
    """Buy one page of a list, for one credit."""
    book = _Book(caller, listing, params.page_size(page_size))
    leaf = await book.fetch(_Place(0, params.page_num(page_num)))
    return leaf.page(0, len(leaf.items), book.page_size)


def _equal(old: list[JSON], new: list[JSON]) -> bool:
    try:
        return bool(new) and old == new
    except RecursionError:  # rows nested deeper than Python compares are no list that repeats
        return False
