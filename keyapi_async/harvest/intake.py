"""Between the network and the ledger: what arrives together is committed together."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from keyapi_async.harvest.keeper import seen_through
from keyapi_async.harvest.ledger import Bought, Failed

Entry = Bought | Failed


class Intake:
    """Hands entries to the ledger, one transaction after the other.

    Args:
        write: commits some entries; where it is cancelled, it has done so all the same.
        committed: is told of them afterwards.
        broken: is called when either has failed, and nothing more should come.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Entry]], Awaitable[None]],
        committed: Callable[[Sequence[Entry]], None],
        broken: Callable[[], None],
    ) -> None:
        self._write = write
        self._committed = committed
        self._broken = broken
        self._waiting: list[Entry] = []
        self._turn = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    async def put(self, entry: Entry) -> None:
        """Take an entry, and wait until it is committed.

        From the first moment on it will be, also where the one who waits is cancelled.
        """
        self.add(entry)
        await self._turn.wait()

    def add(self, entry: Entry) -> None:
        """Take an entry, and wait for nothing."""
        self._waiting.append(entry)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all())

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                await self._write_some()
        except BaseException:
            self._turn.set()
            self._broken()
            raise
        self._writer = None

    async def _write_some(self) -> None:
        entries, turn, self._turn = self._waiting[:], self._turn, asyncio.Event()
        try:
            await self._write(entries)
        except asyncio.CancelledError:
            del self._waiting[: len(entries)]
            raise
        finally:
            turn.set()
        del self._waiting[: len(entries)]
        self._committed(entries)

    async def settle(self) -> None:
        """Wait until all is committed; what a failure left waiting is tried once more."""
        try:
            if self._writer is not None:
                await seen_through(self._writer)
        finally:
            if self._waiting:
                await self._write(self._waiting)
