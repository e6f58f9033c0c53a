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
    ends here.
    """

    __slots__ = ("_cancelling", "_task", "_watch", "end", "expired")

    def __init__(self, watch: "Watch", loop: asyncio.AbstractEventLoop, end: float | None) -> None:
        task = asyncio.current_task(loop)
        if task is None:
            raise RuntimeError("a time limit needs a task to cut short")
        self._task = task
        self._watch = watch
        self._cancelling = 0
        self.end = math.inf if end is None else end
        self.expired = False

    def __enter__(self) -> Self:
        self._cancelling = self._task.cancelling()
        self._watch.add(self)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self._watch.drop(self)
        if not self.expired:
            return False
        ours = self._task.uncancel() <= self._cancelling
        return ours and exc_type is asyncio.CancelledError

    def move(self, end: float) -> None:
        """Cut the block short at another time."""
        self.end = end
        self._watch.add(self)

    def expire(self) -> None:
        """Cut the block short now."""
        if not self.expired:
            self.expired = True
            self._task.cancel()


class Watch:
    """One timer for all limits of a loop; it is set anew only for what ends sooner."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._limits: set[Limit] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._next = math.inf

    def add(self, limit: Limit) -> None:
        """Watch a limit."""
        self._limits.add(limit)
        if limit.end < self._next:
            self._set(limit.end)

    def drop(self, limit: Limit) -> None:
        """Watch a limit no longer; its timer may ring for nothing."""
        self._limits.discard(limit)

    def rest(self) -> None:
        """Let the timer go where nothing is watched."""
        if self._timer is not None and not self._limits:
            self._timer.cancel()
            self._timer, self._next = None, math.inf

    def _set(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = when
        self._timer = self._loop.call_at(when, self._ring)

    def _ring(self) -> None:
        now = max(self._next, self._loop.time())
        self._timer, self._next = None, math.inf
        for limit in [limit for limit in self._limits if limit.end <= now]:
            self._limits.discard(limit)
            limit.expire()
        soonest = min((limit.end for limit in self._limits), default=math.inf)
        if soonest < math.inf:
            self._set(soonest)
