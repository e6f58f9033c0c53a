"""The gate of one process."""

import asyncio
import logging
import math
from typing import TYPE_CHECKING

from keyapi_async.errors import ConfigurationError
from keyapi_async.limiter.belief import Belief
from keyapi_async.limiter.protocol import Permit
from keyapi_async.limiter.window import Window
from keyapi_async.loops import RunningLoop

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

log = logging.getLogger("keyapi_async")

DEFAULT_PAUSE = 0.5
"""Seconds that every request waits after a 429 that names no time."""

MAX_PAUSE = 120.0
"""Seconds of Retry-After that the gate obeys at most."""

_BURST = 0.05  # of a second's permits may go at once: timers come late, and what is late is lost


class QpsLimiter:
    """The gate of one process: first come first served, one pause for all.

    Permits are paced at 95 % of the limit in bursts of 5 % of a second, and never more than the
    limit are granted in any second. A 429 pauses everyone, and lowers the limit believed in; it
    rises again while there is demand, never above ``qps``.

    Args:
        qps: queries a second that the plan allows; None where that is unknown: find it.

    Raises:
        ConfigurationError: ``qps`` is no positive number.
    """

    def __init__(self, qps: float | None = 10.0) -> None:
        if qps is not None and (
            isinstance(qps, bool) or not isinstance(qps, (int, float)) or not 0 < qps < math.inf
        ):
            raise ConfigurationError(f"qps={qps!r}: queries a second, above 0, or None for unknown")
        self.qps = qps
        # aiolimiter lets newcomers overtake those who wait; behind a lock one waits at a time.
        self._turn = asyncio.Lock()
        self._queue = 0
        self._running = RunningLoop()
        self._belief = Belief(qps)
        self._window = Window()
        self._pace = self._paced()
        self._pace_of = self._belief.rate
        self._paused_until = 0.0

    @property
    def limit(self) -> float:
        """Queries a second that the gate believes are allowed."""
        return self._belief.limit

    async def acquire(self) -> Permit:
        """Wait for a permit; a cancelled waiter gives its place back."""
        loop = self._running()
        asked = now = loop.time()
        if self._queue or not self._is_open(now):
            self._queue += 1
            try:
                async with self._turn:
                    await self._wait(loop)
                    return self._grant(loop.time(), asked)
            finally:
                self._queue -= 1
        await self._pace.acquire()  # it has capacity: this does not wait
        return self._grant(now, asked)

    def _is_open(self, now: float) -> bool:
        """Say whether nobody has to wait."""
        same_pace = self._belief.rate == self._pace_of
        return same_pace and self._opens_at(now) <= now and self._pace.has_capacity()

    async def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._belief.rate != self._pace_of:
            self._pace, self._pace_of = self._paced(), self._belief.rate
            # The new bucket is full, or each change of pace would grant a burst for nothing.
            await self._pace.acquire(self._pace.max_rate)
        await self._pace.acquire()
        while (wait := self._opens_at(now := loop.time()) - now) > 0:
            await asyncio.sleep(wait)

    def _grant(self, now: float, asked: float) -> Permit:
        self._belief.granted(now, waited=now > asked)
        return self._window.enter(now)

    def answered(self, permit: Permit) -> None:
        """Take note that the answer is there: the server has counted the request."""
        now = self._running().time()
        self._window.leave(permit, now)
        if not permit.throttled:
            self._belief.succeeded(now)

    def throttled(self, permit: Permit, retry_after: float | None) -> None:
        """Hold back every request for ``retry_after`` seconds, half a second where it is None."""
        now = self._running().time()
        permit.throttled = True
        pause = DEFAULT_PAUSE if retry_after is None else min(retry_after, MAX_PAUSE)
        self._paused_until = max(self._paused_until, now + pause)
        if self._belief.refused(permit.at, now):
            log.info(
                "throttled: waiting %.1f s, then %.3g queries a second", pause, self._belief.rate
            )

    def _paced(self) -> "AsyncLimiter":
        from aiolimiter import AsyncLimiter  # noqa: PLC0415  # as dear as a tenth of aiohttp

        burst = max(1, math.ceil(_BURST * self._belief.limit))
        return AsyncLimiter(burst, burst / self._belief.rate)

    def _opens_at(self, now: float) -> float:
        """Say when pause and window may be over; a time not after now means that they are."""
        room = self._window.room_at(now, self._belief.places)
        return max(room, self._paused_until)
