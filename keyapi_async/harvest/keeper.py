"""The ledger's own thread: the event loop never waits for the disk."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from keyapi_async.errors import UsageError
from keyapi_async.harvest.job import AnySubject, Job
from keyapi_async.harvest.ledger import Bought, Failed, Ledger, Stored, Unread
from keyapi_async.harvest.report import ListFailure, Status

P = ParamSpec("P")
T = TypeVar("T")


class Keeper:
    """Keeps a ledger, open from ``open`` to ``close``; its methods are the ledger's.

    Once a call has begun it is seen through, also where the one who waits is cancelled.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="keyapi-ledger")
        self._opened: Ledger | None = None

    async def open(self, file: Path, *, create: bool) -> None:
        """Open the file, and lock it."""
        try:
            await self._call(self._open, file, create=create)
        except BaseException:
            await self.close()
            raise

    def _open(self, file: Path, *, create: bool) -> None:
        self._opened = Ledger(file, create=create)

    async def close(self) -> None:
        """Close the file."""
        ledger, self._opened = self._opened, None
        try:
            if ledger is not None:
                await self._call(ledger.close)
        finally:
            self._thread.shutdown()

    async def plan(self, job: Job) -> None:
        """Write down the lists of a job."""
        await self._call(self._ledger.plan, job)

    async def write(self, entries: Sequence[Bought | Failed]) -> None:
        """Commit pages and failures."""
        await self._call(self._ledger.write, entries)

    async def unread(self, after: int, most: int) -> list[Unread]:
        """List what is not read to its end."""
        return await self._call(self._ledger.unread, after, most)

    async def pages(self, after: tuple[int, int], most: int) -> list[Stored]:
        """Give pages in their order."""
        return await self._call(self._ledger.pages, after, most)

    async def subject(self) -> tuple[AnySubject, int]:
        """Say what the rows are about, and how many a page has."""
        return await self._call(self._ledger.subject)

    async def status(self) -> Status:
        """Count what the ledger holds."""
        return await self._call(self._ledger.status)

    async def failures(self) -> tuple[ListFailure, ...]:
        """List the first of the lists that ended with an error."""
        return await self._call(self._ledger.failures)

    @property
    def _ledger(self) -> Ledger:
        if self._opened is None:
            raise UsageError("this harvest is closed: use it inside of its 'async with' block")
        return self._opened

    async def _call(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await seen_through(
            loop.run_in_executor(self._thread, partial(call, *args, **kwargs))
        )


async def seen_through(future: asyncio.Future[T]) -> T:
    """Wait for what must not be left half-way; a cancellation is obeyed when it is done.

    Where it fails, its error is raised in place of the cancellation.
    """
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait((future,))
        except asyncio.CancelledError as error:
            cancelled = error
    result = future.result()
    if cancelled is not None:
        raise cancelled
    return result
