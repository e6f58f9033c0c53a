"""One run: reads all lists of a ledger that are not read to their end."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from operator import sub
from typing import Any

import attrs

from keyapi_async.bookmark import Bookmark
from keyapi_async.call.core import Caller
from keyapi_async.errors import DeadlineExceededError, KeyAPIError, TransportError, UsageError
from keyapi_async.harvest.file import FileThread
from keyapi_async.harvest.ledger import Entry, Failed, Ledger, PageRead, Paused, Unread, Written
from keyapi_async.harvest.network import Network, NoNetworkError
from keyapi_async.harvest.plan import Keys, Open, Plan
from keyapi_async.harvest.progress import HarvestReport, HarvestStoppedError, Progress
from keyapi_async.loops import seen_through
from keyapi_async.streams.fanout import FATAL
from keyapi_async.streams.stream import RecordStream

Show = Callable[[Progress], None]

_AT_A_TIME = 256
"""Lists drawn from the ledger."""

_TOGETHER = 0.001  # seconds: what arrives within them costs one commit, a quarter less CPU a page


@attrs.define(eq=False)
class OpenList:
    """A list that is to be read, and whether it has failed while others came through."""

    unread: Unread
    failed_alone: bool = False


class HarvestRun:
    """Reads lists side by side; of each, no page is asked for before the last is committed."""

    def __init__(
        self,
        ledger: Ledger,
        thread: FileThread,
        *,
        concurrency: int,
        patience: timedelta,
        show: Show | None,
    ) -> None:
        self._ledger = ledger
        self._thread = thread
        self._concurrency = concurrency
        self._show = show
        self._lists = OpenLists(lambda after, most: thread.call(ledger.unread, after, most))
        self._writer = Writer(self._write, self._committed, self.stop)
        self._network = Network(patience, self._pause, self._resume)
        self._template: RecordStream[Any]
        self._progress = Progress(done=0, failed=0, left=0)
        self._spent_before = (0, 0, 0)
        self._begun = 0.0
        self._error: Exception | None = None
        self._stopped = False

    async def read(
        self, keys: Keys[Any], open_stream: Open[Any], max_age: timedelta | None
    ) -> HarvestReport | None:
        """Plan and read; give what was done, or None where there was no key to read anything with.

        Raises:
            HarvestStoppedError: the key, the credits, the budget or the network ended it.
        """
        self._begun = asyncio.get_running_loop().time()
        plan = Plan(self._ledger, self._thread)
        self._progress = await plan.write(keys, open_stream, max_age)
        if plan.template is None:
            return None
        self._template = plan.template
        self._spent_before = self._spent()
        caller = self._caller
        qps = getattr(caller.core.limiter, "qps", None)
        self._progress = attrs.evolve(
            self._progress,
            qps=qps if isinstance(qps, (int, float)) else None,
            budget=caller.options.meter.budget,
        )
        self._network.expect(self._progress.left)
        await self._thread.call(self._ledger.start, self._progress)
        workers = [asyncio.create_task(self._work()) for _ in range(self._concurrency)]
        try:
            await self._watch(workers)
        finally:
            await self._writer.settle()
        return await self._report()

    def stop(self) -> None:
        """Ask for nothing more; what is in flight is kept."""
        self._stopped = True
        self._lists.stop()
        self._network.go_on()

    async def _watch(self, workers: list[asyncio.Task[None]]) -> None:
        """Wait for the workers to end; a cancellation here cancels them."""
        try:
            await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
        except asyncio.CancelledError:
            for worker in workers:
                worker.cancel()
            raise
        finally:
            self._lists.stop()  # nothing is left, or nothing more is wanted
            ends = await seen_through(asyncio.gather(*workers, return_exceptions=True))
        for end in ends:
            if isinstance(end, BaseException):
                raise end

    async def _work(self) -> None:
        while (one := await self._lists.next()) is not None:
            try:
                await self._read(one)
            except (*FATAL, NoNetworkError) as error:
                self._error = self._error or error
                self.stop()
            finally:
                self._lists.ended()

    async def _read(self, one: OpenList) -> None:
        """Read a list to its end, or to where it fails."""
        unread = one.unread
        start = Bookmark(unread.page_num, 0, self._template.page_size)
        stream = self._template.another((unread.query,), start=start, into=dict)
        async with stream:
            while not self._stopped:
                try:
                    page = await stream.next_page()
                except (*FATAL, UsageError):
                    raise
                except KeyAPIError as error:
                    late = isinstance(error, DeadlineExceededError)
                    reason = error.__cause__ if late else error
                    if isinstance(reason, TransportError):
                        await self._lost(one, reason)
                    else:
                        await self._writer.put(Failed(unread.list_id, str(error)))
                    return
                assert page is not None  # noqa: S101  # the last page said that it was the last
                one.failed_alone = False
                self._network.came_through()
                await self._writer.put(PageRead(unread, page, int(time.time())))
                if page.is_last:
                    return

    async def _lost(self, one: OpenList, error: TransportError) -> None:
        """Read a list later, or give it up where others come through and it does not, twice."""
        before = one.failed_alone
        try:
            alone = await self._network.failed(error.with_traceback(None), alone=before)
        except NoNetworkError:
            if not before:
                raise
            alone = True
        if alone and before and not self._stopped:
            await self._writer.put(Failed(one.unread.list_id, str(error)))
            return
        one.failed_alone = alone or before
        (one.unread,) = await self._thread.call(self._ledger.unread, one.unread.list_id - 1, 1)
        self._lists.again(one)

    async def _write(self, entries: Sequence[Entry]) -> Written:
        return await self._thread.call(self._ledger.write, entries, self._now())

    def _committed(self, written: Written) -> None:
        so_far, ended = self._progress, written.done + written.failed
        counts = {name: getattr(so_far, name) + n for name, n in written._asdict().items()}
        self._progress = attrs.evolve(so_far, left=so_far.left - ended, **counts)
        self._tell()

    async def _pause(self, reason: str) -> None:
        self._progress = attrs.evolve(self._progress, paused=reason)
        await self._writer.put(Paused())

    def _resume(self) -> None:
        self._progress = attrs.evolve(self._progress, paused=None)
        self._tell()

    def _tell(self) -> None:
        if self._show is not None:
            self._show(self._now())

    @property
    def _caller(self) -> Caller:
        return self._template._caller  # noqa: SLF001  # who asks, and pays

    def _spent(self) -> tuple[int, int, int]:
        """Count credits spent and uncertain, and requests, of the client so far."""
        meter = self._caller.options.meter
        return meter.spent, meter.uncertain, self._caller.core.requests

    def _now(self) -> Progress:
        spent, uncertain, requests = map(sub, self._spent(), self._spent_before)
        elapsed = asyncio.get_running_loop().time() - self._begun
        return attrs.evolve(
            self._progress, spent=spent, uncertain=uncertain, requests=requests, elapsed=elapsed
        )

    async def _report(self) -> HarvestReport:
        error = self._error
        facts = attrs.asdict(attrs.evolve(self._now(), paused=None), recurse=False)
        report = HarvestReport(
            **facts,
            stopped=error is not None or (self._stopped and self._progress.left > 0),
            failures=await self._thread.call(self._ledger.failures),
        )
        if error is None:
            return report
        reason = f"the harvest was stopped: {error}"
        if isinstance(error, NoNetworkError):
            raise HarvestStoppedError(f"{reason}: {error.__cause__}", report) from error.__cause__
        raise HarvestStoppedError(reason, report) from error


class OpenLists:
    """Gives out lists; those whose connection was lost come again after all others."""

    def __init__(self, draw: Callable[[int, int], Awaitable[list[Unread]]]) -> None:
        self._draw = draw
        self._ready: deque[OpenList] = deque()
        self._again: deque[OpenList] = deque()
        self._after = 0
        self._drawn = self._stopped = False
        self._out = 0
        self._turn = asyncio.Lock()
        self._change = asyncio.Event()

    async def next(self) -> OpenList | None:
        """Give the next list; None where there will be none any more."""
        async with self._turn:
            while not self._stopped:
                if not self._ready and not self._drawn:
                    lists = await self._draw(self._after, _AT_A_TIME)
                    self._ready.extend(map(OpenList, lists))
                    self._drawn = not lists
                    self._after = lists[-1].list_id if lists else self._after
                elif self._ready or self._again:
                    self._out += 1
                    return (self._ready or self._again).popleft()
                elif not self._out:
                    return None
                else:
                    self._change.clear()
                    await self._change.wait()
        return None

    def ended(self) -> None:
        """Take note that a list that was given out is done with."""
        self._out -= 1
        self._change.set()

    def again(self, one: OpenList) -> None:
        """Take a list back, to be read later."""
        self._again.append(one)

    def stop(self) -> None:
        """Give out no more."""
        self._stopped = True
        self._change.set()


class Writer:
    """Hands entries to the ledger: what arrives together is committed together.

    ``write`` has committed them also where it is cancelled; ``broken`` is called when it, or
    ``committed``, has failed.
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
