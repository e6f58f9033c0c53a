"""Between the event loop and the file: a thread for the file, and commits in batches."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from keyapi_async.harvest.ledger import Entry, Written

_TOGETHER = 0.001  # seconds: what arrives within them costs one commit, a quarter less CPU a page

P = ParamSpec("P")
T = TypeVar("T")


class FileThread:
    """A thread for one file: the event loop never waits for the disk."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="keyapi-ledger")

    async def call(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function there; it runs to its end, also where the caller is cancelled."""
        loop = asyncio.get_running_loop()
        return await seen_through(
            loop.run_in_executor(self._thread, partial(call, *args, **kwargs))
        )

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()


async def seen_through(future: asyncio.Future[T]) -> T:
    """Wait for a future to the end; a cancellation is obeyed only after that.

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


class Writer:
    """Hands entries to the ledger: what arrives together is committed together.

    Args:
        write: commits some entries; where it is cancelled, it has done so all the same.
        committed: is called with what they brought.
        broken: is called when either has failed, and nothing more should come.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Entry]], Awaitable[Written]],
        committed: Callable[[Written], None],
        broken: Callable[[], None],
    ) -> None:
        self._write = write
        self._committed = committed
        self._broken = broken
        self._waiting: list[Entry] = []
        self._turn = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def put(self, entry: Entry) -> None:
        """Take an entry, and wait until it is committed.

        It will be committed, also where the caller is cancelled.
        """
        self._waiting.append(entry)
        if self._task is None:
            self._task = asyncio.create_task(self._write_all())
        await self._turn.wait()

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(_TOGETHER)
                await self._write_some()
        except BaseException:
            self._turn.set()
            self._broken()
            raise
        self._task = None

    async def _write_some(self) -> None:
        entries, turn, self._turn = self._waiting[:], self._turn, asyncio.Event()
        try:
            written = await self._write(entries)
        except asyncio.CancelledError:
            del self._waiting[: len(entries)]
            raise
        finally:
            turn.set()
        del self._waiting[: len(entries)]
        self._committed(written)

    async def settle(self) -> None:
        """Wait until all is committed; what a failure left waiting is tried once more."""
        try:
            if self._task is not None:
                await seen_through(self._task)
        finally:
            if self._waiting:
                self._committed(await self._write(self._waiting))
                self._waiting.clear()
