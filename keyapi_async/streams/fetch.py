"""Fetches any page of a listing, finds the one that follows it, and keeps some in flight."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from itertools import takewhile
from typing import Generic, TypeVar, cast

from keyapi_async.call.core import Caller
from keyapi_async.call.wire import Envelope, Request
from keyapi_async.errors import DecodeError, PaginationError, ResponseError, UsageError
from keyapi_async.jsontext import JSON
from keyapi_async.records.codec import ReadRows
from keyapi_async.records.converter import page_reader_of, reader_of
from keyapi_async.streams.listing import Listing
from keyapi_async.streams.page import FetchedPage, Place, Reject
from keyapi_async.streams.paging import Until

T = TypeVar("T")

log: logging.Logger = logging.getLogger("keyapi_async")


class Fetcher(Generic[T]):
    """Fetches the pages of one listing."""

    def __init__(self, caller: Caller, listing: Listing[T], page_size: int, until: Until) -> None:
        self._core, self._options = caller
        self._listing = listing
        self._page_size = page_size
        self._until = until
        self._read = reader_of(listing.into)
        self._read_all = cast("ReadRows[T | Reject]", page_reader_of(listing.into))

    async def fetch(self, place: Place) -> FetchedPage[T]:
        """Buy one page."""
        listing = self._listing
        request = Request(listing.path, self._query(place))
        envelope, attempts = await self._core.call(request, self._options, listing.credits)
        try:
            rows = envelope.rows(listing.rows)
        except ResponseError as error:
            error.path, error.params, error.attempts = request.path, request.params, attempts
            raise
        self._core.records += len(rows)
        first = (place.page_num - 1) * self._page_size + 1
        has_rejects = False
        try:
            items = self._read_all(rows, first)
        except DecodeError:
            has_rejects = True
        if has_rejects:
            items = self._one_by_one(request, envelope, attempts, rows, place)
        following = self._following(place, len(rows), envelope)
        return FetchedPage(place, rows, items, has_rejects, envelope.request_id, following)

    def _query(self, place: Place) -> str:
        query, pages = self._listing.queries[place.part], self._listing.pages
        if pages is None:
            return query
        if place.page_num > pages.maximum:
            raise PaginationError(
                f"the list goes on, but the API has no page after {pages.maximum}"
            )
        paging = pages.query(place.page_num, self._page_size)
        return f"{query}&{paging}" if query else paging

    def _one_by_one(
        self, request: Request, envelope: Envelope, attempts: int, rows: list[JSON], place: Place
    ) -> list[T | Reject]:
        """Make records of the rows one by one, as some row is invalid."""
        items: list[T | Reject] = []
        first = (place.page_num - 1) * self._page_size + 1
        for offset, row in enumerate(rows):
            try:
                items.append(self._read(row, first + offset))
            except DecodeError as error:
                error.path, error.params, error.attempts = request.path, request.params, attempts
                error.status, error.request_id = 200, envelope.request_id
                error.page_num = place.page_num
                items.append(Reject(row, error.with_traceback(None), offset))
                log.warning("invalid row: %s", error)
        return items

    def _following(self, place: Place, rows: int, envelope: Envelope) -> Place | None:
        pages = self._listing.pages
        says = None if pages is None else pages.goes_on
        goes_on = None if says is None else says(envelope)
        if goes_on is None:
            goes_on = rows >= self._page_size or self._until is Until.EMPTY_PAGE
        if pages is not None and goes_on and rows:
            return Place(place.part, place.page_num + 1)
        following = Place(place.part + 1, 1)
        return following if following.part < len(self._listing.queries) else None

    def likely_after(self, place: Place) -> Iterator[Place]:
        """List the pages that are worth fetching from a place on.

        The first pages of the parts to come are needed in any case. Other pages are fetched ahead
        only in the last part, once its first page was full: elsewhere they might not exist.
        """
        yield place
        parts, pages = len(self._listing.queries), self._listing.pages
        for part in range(place.part + 1, parts):
            yield Place(part, 1)
        if pages is not None and place.part + 1 == parts and place.page_num > 1:
            for page_num in range(place.page_num + 1, pages.maximum + 1):
                yield Place(place.part, page_num)


class Prefetch(Generic[T]):
    """Keeps pages in flight ahead of the reader: one at first, then two, four, up to ``most``."""

    def __init__(self, fetch: Callable[[Place], Awaitable[FetchedPage[T]]], most: int) -> None:
        self._fetch = fetch
        self.most: int = most
        self._opening = 0
        self._tasks: dict[Place, asyncio.Task[FetchedPage[T]]] = {}

    def holds(self, place: Place) -> bool:
        """Say whether a page is in flight."""
        return place in self._tasks

    async def take(self, place: Place) -> FetchedPage[T]:
        """Wait for a page that is in flight; cancelling the wait leaves it there."""
        task = self._tasks[place]
        await asyncio.wait((task,))
        self._tasks.pop(place, None)
        if task.cancelled():
            raise UsageError("this stream was closed while it was read")
        return task.result()

    async def go_on(self, places: Iterator[Place], pages: int) -> None:
        """Ask for more, at most for ``pages``."""
        self._opening = min(self.most, self._opening * 2 or 1)
        for place in takewhile(lambda _: len(self._tasks) < min(self._opening, pages), places):
            if place not in self._tasks:
                task = asyncio.ensure_future(self._fetch(place))
                task.add_done_callback(_note_error)
                self._tasks[place] = task

    def __del__(self) -> None:
        """Cancel the pages in flight of a stream that is dropped without being closed."""
        for task in self._tasks.values():
            loop = task.get_loop()
            if not loop.is_closed():
                loop.call_soon_threadsafe(task.cancel)

    async def close(self) -> None:
        """Cancel every page in flight, and wait until all have ended."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._tasks.clear()


def _note_error(task: "asyncio.Task[FetchedPage[T]]") -> None:
    """Retrieve the error, or asyncio would log that of a page that is never taken."""
    if not task.cancelled():
        task.exception()
