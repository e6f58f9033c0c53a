"""Keeps pages in flight ahead of the reader."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import takewhile
from typing import Generic, TypeVar

from keyapi_async.errors import UsageError
from keyapi_async.streams.page import FetchedPage, Place

T = TypeVar("T")


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
        """Wait for a page that is in flight.

        Cancelling the wait leaves the pages in flight.
        """
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
