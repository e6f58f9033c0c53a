"""Streams of records that lose no row and repeat none."""

import asyncio
from collections.abc import AsyncIterator
from typing import Self, TypeVar, Unpack, cast

import attrs

from keyapi_async.bookmark import Bookmark
from keyapi_async.call.core import Caller
from keyapi_async.errors import DecodeError, KeyAPIError, PaginationError, UsageError
from keyapi_async.streams.fetch import Fetcher, Prefetch
from keyapi_async.streams.listing import MAX_PAGE_NUM, Listing
from keyapi_async.streams.page import FetchedPage, Page, Place, Reject
from keyapi_async.streams.paging import Paging, Until, checked

__all__ = ["RecordStream"]

T = TypeVar("T")
U = TypeVar("U")


class RecordStream(AsyncIterator[T]):
    """The records of a list, one by one: lazy, in order, and able to go on where it stopped.

    Nothing is asked for before the first item is. An error leaves the stream usable: it carries
    the bookmark, and asking for the next item goes on where it failed. Use it in ``async for``; in
    ``async with`` or ``contextlib.aclosing`` where ``prefetch`` is on and it may be left early.

    Cost:
        The price of a call a page, and at most ``prefetch`` more at the end of a list.

    Attributes:
        listing: what it walks.
        page_size: rows a page.
        until: where the list ends.
        rejected: invalid rows passed so far.
        run_begin: where the last ``next_run`` began.
    """

    def __init__(self, caller: Caller, listing: Listing[T], **paging: Unpack[Paging]) -> None:
        """Check the paging options; endpoints make streams, users rarely do."""
        walk = checked(listing, **paging)
        self.listing = listing
        self.page_size: int = walk.page_size
        self.until: Until = walk.until
        self.rejected: int = 0
        self.run_begin: Bookmark = walk.start
        self._caller = caller
        self._left = walk.limit
        self._skip_invalid = walk.skip_invalid
        self._fetcher = Fetcher(caller, listing, walk.page_size, walk.until)
        self._prefetch = Prefetch(self._fetcher.fetch, walk.prefetch)
        self._page: FetchedPage[T] | None = None
        self._offset = walk.start.offset
        self._first = Place(walk.start.part, walk.start.page_num)
        self._run: list[T] = []
        self._run_end = 0
        self._alike = 1
        self._reading = self._asking = self._closed = False

    def another(
        self, queries: tuple[str, ...], *, start: Bookmark | None = None, into: type[U]
    ) -> "RecordStream[U]":
        """Make a stream of the same endpoint and options over other queries."""
        listing = cast("Listing[U]", attrs.evolve(self.listing, queries=queries, into=into))  # type: ignore[arg-type]  # another type variable
        paging: Paging = {"start": start, "until": self.until}
        if listing.pages is not None:
            paging["page_size"] = self.page_size
        return RecordStream(self._caller, listing, **paging)

    @property
    def bookmark(self) -> Bookmark:
        """Where the next item is; ``start=`` of an equal call takes it."""
        page, offset = self._page, self._offset
        if page is None:
            return self._mark(self._first, offset)
        if offset >= len(page.items) and page.following is not None:
            return self._mark(page.following, 0)
        return self._mark(page.place, offset)

    def _mark(self, place: Place, offset: int) -> Bookmark:
        """Mark a row of a page."""
        part, page_num = place
        return Bookmark(page_num, offset, self.page_size, part, self.listing.fingerprint)

    async def __anext__(self) -> T:
        """Give the next record.

        Raises:
            DecodeError: the next row is invalid; the stream is past it.
            KeyAPIError: the next page could not be fetched; the stream stands before it.
        """
        while (offset := self._offset) >= self._run_end:
            page = self._page
            if page is None or self._at_end_of(page):
                if not await self._next():
                    raise StopAsyncIteration
            elif not self._skip_invalid:
                raise self._pass_reject(page)
            else:
                self._pass_reject(page)
        self._offset = offset + 1
        return self._run[offset]

    def _pass_reject(self, page: FetchedPage[T]) -> DecodeError:
        """Step over an invalid row; give its error."""
        reject = page.items[self._offset]
        assert isinstance(reject, Reject)  # noqa: S101  # what ends a run before the page ends is one
        error = reject.error
        error.bookmark = self._mark(page.place, self._offset)
        self._offset += 1
        self.rejected += 1
        self._set_run_end(page)
        return error

    def _set_run_end(self, page: FetchedPage[T]) -> None:
        """Find how far records need no check: up to a reject, the limit or the end of the page."""
        begin, items = self._offset, page.items
        end = len(items)
        if self._left is not None:
            end = min(end, begin + self._left)
        if page.has_rejects:
            places = (n for n in range(begin, end) if isinstance(items[n], Reject))
            end = next(places, end)
        if self._left is not None:
            self._left -= max(0, end - begin)
        self._run_end = end
        self._run = items  # type: ignore[assignment]  # there is no reject before its end

    async def _next(self) -> bool:
        """Read the next page; say whether there is one."""
        if self._closed:
            raise UsageError("this stream is closed: begin another at its bookmark")
        if self._reading:
            raise UsageError("this stream is being read by another task")
        page = self._page
        place = self._first if page is None else page.following
        if self._left == 0 or place is None or not self.listing.queries:
            await self._prefetch.close()
            return False
        self._reading = True
        try:
            if self._prefetch.most and self._prefetch.holds(place):
                new = await self._prefetch.take(place)
            else:
                self._asking = True
                new = await self._fetcher.fetch(place)
            self._check_progress(page, new)
            self._page, self._offset = new, self._offset if page is None else 0
            self._set_run_end(new)
            if self._prefetch.most and not self._closed:  # it may have been closed meanwhile
                await self._go_on(new)
        except KeyAPIError as error:
            error.bookmark = self.bookmark
            raise
        finally:
            self._reading = self._asking = False
        return True

    async def _go_on(self, page: FetchedPage[T]) -> None:
        if page.following is None:
            await self._prefetch.close()  # the pages in flight are beyond the end
            return
        pages = MAX_PAGE_NUM
        if self._left is not None:
            pages = -(-self._left // self.page_size)
        await self._prefetch.go_on(self._fetcher.likely_after(page.following), pages)

    def _check_progress(self, old: FetchedPage[T] | None, new: FetchedPage[T]) -> None:
        """Refuse a server that ignores ``page_num``; lists shift, so one row may come twice."""
        try:
            alike = old is not None and old.rows == new.rows and old.place.part == new.place.part
        except RecursionError:  # rows nested deeper than Python compares are no list that repeats
            alike = False
        run = self._alike + 1 if alike and new.rows else 1
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
        page = self._page
        if page is None or self._at_end_of(page):
            if not await self._next():
                return None
            page = self._page
        assert page is not None  # noqa: S101  # _next said so
        begin = self._offset
        self._offset = max(begin, self._run_end)
        while not self._at_end_of(page):
            self._pass_reject(page)
            self._offset = self._run_end
        return page.between(begin, self._offset, self.page_size)

    def _at_end_of(self, page: FetchedPage[T]) -> bool:
        """Say whether the page, or the limit, has nothing more to give."""
        if self._offset < self._run_end:
            return False
        return self._left == 0 or self._offset >= len(page.items) or self._closed

    async def next_run(self) -> list[T]:
        """Give the records up to the end of a page or the next reject; none at the end of all.

        Raises:
            As asking for the next record does.
        """
        async for first in self:
            page = self._page
            assert page is not None  # noqa: S101  # it has just given a record
            self.run_begin = self._mark(page.place, self._offset - 1)
            run = [first, *self._run[self._offset : self._run_end]]
            self._offset = self._run_end
            return run
        return []

    async def collect(self) -> list[T]:
        """Read the rest into a list; where it fails, what was read is lost, so mind its length.

        A cancellation closes the stream.
        """
        try:
            return [record async for record in self]
        except asyncio.CancelledError:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Leave the stream: when this returns, nothing of it is running.

        Raises:
            UsageError: another task waits for a page that it asked for: cancel that task.
        """
        if self._asking:
            raise UsageError("this stream is being read by another task: cancel that one")
        self._closed = True
        self._run_end = 0
        await self._prefetch.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class PageStream(AsyncIterator[Page[T]]):
    """The pages of a stream; both stand at the same place."""

    def __init__(self, stream: RecordStream[T]) -> None:
        self._stream = stream

    async def aclose(self) -> None:
        """Leave the stream and its pages."""
        await self._stream.aclose()

    async def __anext__(self) -> Page[T]:
        page = await self._stream.next_page()
        if page is None:
            raise StopAsyncIteration
        return page
