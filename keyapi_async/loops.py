"""The running loop, time limits and slots in it, at a small part of their usual price.

Before Python 3.12, asyncio makes a system call whenever it is asked for the running loop; a timer
for each time limit costs as much as a tenth of a page, and a semaphore needs a coroutine even where
it is free.
"""

import asyncio
import math
from collections import deque
from threading import get_ident
from types import TracebackType
from typing import Self


class RunningLoop:
    """Gives the running loop: one that runs in this thread is it, and that can simply be seen."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

    def __call__(self) -> asyncio.AbstractEventLoop:
        """Give the running loop."""
        loop = self._loop
        if loop is None or not loop.is_running() or get_ident() != self._thread:
            loop = self._loop = asyncio.get_running_loop()
            self._thread = get_ident()
        return loop


class Slots:
    """A number of slots: first come, first served, and a free one is taken without a coroutine."""

    def __init__(self, number: int) -> None:
        self._free = number
        self._waiters: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Take a slot; say whether one was free."""
        if not self._free:
            return False
        self._free -= 1
        return True

    async def wait(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for a slot where none is free, and take it."""
        waiter = loop.create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():
                self.give_back()  # it was handed over just before
            raise

    def give_back(self) -> None:
        """Hand a slot to the first who waits, so that no newcomer overtakes, or leave it free."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free += 1


class Limit:
    """Cuts a block short at a time, or when told to; then ``expired`` is true behind the block.

    It keeps asyncio.timeout's rule: a cancellation from elsewhere goes through, one of its own
    ends here. ``waits`` says whether the block may be cut short by ``Watch.interrupt``, too.
    """

    __slots__ = ("_cancelling", "_task", "_watch", "end", "expired", "waits")

    def __init__(self, watch: "Watch", loop: asyncio.AbstractEventLoop, end: float | None) -> None:
        task = asyncio.current_task(loop)
        if task is None:
            raise RuntimeError("a time limit needs a task to cut short")
        self._task = task
        self._watch = watch
        self._cancelling = 0
        self.end: float = math.inf if end is None else end
        self.expired: bool = False
        self.waits: bool = True

    def __enter__(self) -> Self:
        self._cancelling = self._task.cancelling()
        self._watch.limits.add(self)
        if self.end < self._watch.rings_at:
            self._watch.ring_at(self.end)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self._watch.limits.discard(self)  # its timer may ring for nothing
        if not self.expired:
            return False
        ours = self._task.uncancel() <= self._cancelling
        return ours and exc_type is asyncio.CancelledError

    def move(self, end: float) -> None:
        """Cut the block short at another time; from now on no interruption does."""
        self.end = end
        self.waits = False
        if end < self._watch.rings_at:
            self._watch.ring_at(end)

    def expire(self) -> None:
        """Cut the block short now."""
        if not self.expired:
            self.expired = True
            self._task.cancel()


class Watch:
    """One timer for all limits of a loop; it is set anew only for what ends sooner.

    Attributes:
        limits: what is watched.
        rings_at: when the timer is to ring.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self.limits: set[Limit] = set()
        self.rings_at: float = math.inf

    def ring_at(self, when: float) -> None:
        """Set the timer."""
        if self._timer is not None:
            self._timer.cancel()
        self.rings_at = when
        self._timer = self._loop.call_at(when, self._ring)

    def interrupt(self) -> None:
        """Cut short every block that still waits."""
        self._expire([limit for limit in self.limits if limit.waits])

    def rest(self) -> None:
        """Let the timer go where nothing is watched."""
        if self._timer is not None and not self.limits:
            self._timer.cancel()
            self._timer, self.rings_at = None, math.inf

    def _ring(self) -> None:
        now = max(self.rings_at, self._loop.time())
        self._timer, self.rings_at = None, math.inf
        self._expire([limit for limit in self.limits if limit.end <= now])
        soonest = min((limit.end for limit in self.limits), default=math.inf)
        if soonest < math.inf:
            self.ring_at(soonest)

    def _expire(self, limits: list[Limit]) -> None:
        for limit in limits:
            self.limits.discard(limit)
            limit.expire()
