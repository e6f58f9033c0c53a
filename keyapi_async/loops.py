"""Timeouts and places in a running loop, at a small part of their usual price.

A ``Timeout`` costs 0.7 µs, where ``asyncio.timeout_at`` costs 4.6 on Python 3.11 and 3.6 on 3.13,
which is four per cent of a page. ``Places`` cost 0.2 µs, where ``asyncio.Semaphore`` costs 1.4.
"""

import asyncio
import math
from collections import deque
from typing import Self, TypeVar

T = TypeVar("T")


class Places:
    """So many places at once, given in the order of asking."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiters: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Take a place if one is free: then nobody waits for one."""
        if not self._free:
            return False
        self._free -= 1
        return True

    async def wait(self) -> None:
        """Wait for a place; a cancelled waiter gives it to the next one."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():
                self.release()
            raise

    def release(self) -> None:
        """Give a place to whoever waits first."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free += 1


class Timeout:
    """Cuts a block short at a time, or when interrupted; then ``expired`` is true after it.

    It keeps asyncio.timeout's rule: a cancellation from elsewhere goes through, one of its own
    ends here. Until it is moved, ``Timeouts.interrupt`` may cut the block short, too.
    """

    __slots__ = ("_cancelling", "_task", "_timeouts", "end", "expired", "interruptible")

    def __init__(
        self, timeouts: "Timeouts", loop: asyncio.AbstractEventLoop, end: float | None
    ) -> None:
        task = asyncio.current_task(loop)
        if task is None:
            raise RuntimeError("a timeout needs a task to cut short")
        self._task = task
        self._timeouts = timeouts
        self._cancelling: int
        self.end: float = math.inf if end is None else end
        self.expired: bool
        self.interruptible: bool

    def __enter__(self) -> Self:
        self.expired, self.interruptible = False, True
        self._cancelling = self._task.cancelling()
        self._timeouts.open.add(self)
        if self.end < self._timeouts.fires_at:
            self._timeouts.fire_at(self.end)
        return self

    def __exit__(self, exc_type: type[BaseException] | None, _: object, __: object) -> bool:
        self._timeouts.open.discard(self)  # the timer may fire for nothing
        if not self.expired:
            return False
        ours = self._task.uncancel() <= self._cancelling
        return ours and exc_type is asyncio.CancelledError

    def move(self, end: float) -> None:
        """Cut the block short at another time; from now on no interruption does."""
        self.end = end
        self.interruptible = False
        if end < self._timeouts.fires_at:
            self._timeouts.fire_at(end)

    def expire(self) -> None:
        """Cut the block short now."""
        if not self.expired:
            self.expired = True
            self._task.cancel()


class Timeouts:
    """One timer for all open timeouts of a loop; it is set anew only for what ends sooner."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self.open: set[Timeout] = set()
        self.fires_at: float = math.inf

    def fire_at(self, when: float) -> None:
        """Set the timer."""
        if self._timer is not None:
            self._timer.cancel()
        self.fires_at = when
        self._timer = self._loop.call_at(when, self._fire)

    def interrupt(self) -> None:
        """Cut short every block that still waits."""
        self._expire([timeout for timeout in self.open if timeout.interruptible])

    def stop_timer(self) -> None:
        """Let the timer go where nothing is watched."""
        if self._timer is not None and not self.open:
            self._timer.cancel()
            self._timer, self.fires_at = None, math.inf

    def _fire(self) -> None:
        now = max(self.fires_at, self._loop.time())
        self._timer, self.fires_at = None, math.inf
        self._expire([timeout for timeout in self.open if timeout.end <= now])
        soonest = min((timeout.end for timeout in self.open), default=math.inf)
        if soonest < math.inf:
            self.fire_at(soonest)

    def _expire(self, timeouts: list[Timeout]) -> None:
        for timeout in timeouts:
            self.open.discard(timeout)
            timeout.expire()


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
