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

log: logging.Logger = logging.getLogger("keyapi_async")

DEFAULT_PAUSE = 0.5
"""Seconds that every request waits after a 429 that names no time."""

MAX_PAUSE = 120.0
"""Seconds of Retry-After that the gate obeys at most."""

_BURST = 0.055
"""Of a second's permits may go at once: what a late timer loses with a burst of one is lost."""


def checked_qps(qps: float | None) -> float | None:
    """Give back queries a second.

    Raises:
        ConfigurationError: they are no positive number.
    """
    if qps is not None and (
        isinstance(qps, bool) or not isinstance(qps, (int, float)) or not 0 < qps < math.inf
    ):
        raise ConfigurationError(f"qps={qps!r}: queries a second, above 0, or None for unknown")
    return qps


def pause_of(retry_after: float | None) -> float:
    """Say for how many seconds everyone waits after a 429."""
    return DEFAULT_PAUSE if retry_after is None else min(retry_after, MAX_PAUSE)


class QpsLimiter:
    """The gate of one process: first come first served, one pause for all.

    Permits are paced at 95 % of the limit in bursts of a twentieth of a second, and never more than
    the limit are granted in any second. A 429 pauses everyone, and lowers the limit believed in; it
    rises again while there is demand, never above ``qps``.

    Args:
        qps: queries a second that the plan allows; None where that is unknown: find it.

    Raises:
        ConfigurationError: ``qps`` is no positive number.
    """

    def __init__(self, qps: float | None = 10.0) -> None:
        self.qps = checked_qps(qps)
        # aiolimiter lets newcomers overtake those who wait; behind a lock one waits at a time.
        self._turn = asyncio.Lock()
        self._queue = 0
        self._running = RunningLoop()
        self._belief = Belief(qps)
        self._window = Window()
        # The bucket that paces is one number, when it will have run empty; it is aiolimiter's where
        # somebody has to wait.
        self._empty_at = 0.0
        self._pace: AsyncLimiter | None = None
        self._set_pace()
        self._paused_until = 0.0

    @property
    def limit(self) -> float:
        """Queries a second that the gate believes are allowed."""
        return self._belief.limit

    async def acquire(self) -> Permit:
        """Wait for a permit; a cancelled waiter gives its place back."""
        loop = self._running()
        asked = loop.time()
        if (permit := self.at_once(asked)) is not None:
            return permit
        self._queue += 1
        try:
            async with self._turn:
                await self._wait(loop)
                now = loop.time()
                return self._grant(now, waited=now > asked)
        finally:
            self._queue -= 1

    def at_once(self, now: float) -> Permit | None:
        """Grant a permit where nobody has to wait, which costs no coroutine; None elsewhere."""
        if self._queue or self._belief.rate != self._pace_of:
            return None
        if self._empty_at > now + self._slack or self._opens_at(now) > now:
            return None
        self._pour(now)
        self._pace = None  # it knows nothing of this permit
        return self._grant(now, waited=False)

    async def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        if self._belief.rate != self._pace_of:
            self._set_pace()
            # The new bucket is full, or each change of pace would grant a burst for nothing.
            self._empty_at = now + self._burst / self._pace_of
        if self._pace is None:
            self._pace = await self._paced(self._empty_at - now)
        await self._pace.acquire()
        self._pour(loop.time())
        while (wait := self._opens_at(now := loop.time()) - now) > 0:
            await asyncio.sleep(wait)

    def _grant(self, now: float, *, waited: bool) -> Permit:
        self._belief.granted(now, waited=waited)
        permit = Permit(now)
        self._window.enter(permit)
        return permit

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
        pause = pause_of(retry_after)
        self._paused_until = max(self._paused_until, now + pause)
        if self._belief.refused(permit.at, now):
            log.info(
                "throttled: waiting %.1f s, then %.3g queries a second", pause, self._belief.rate
            )

    def _set_pace(self) -> None:
        self._pace, self._pace_of = None, self._belief.rate
        self._burst = max(1, math.ceil(_BURST * self._belief.limit))
        self._each = 1 / self._pace_of
        self._slack = (self._burst - 1) / self._pace_of

    def _pour(self, now: float) -> None:
        """Put a permit into the bucket."""
        self._empty_at = max(self._empty_at, now) + self._each

    async def _paced(self, left: float) -> "AsyncLimiter":
        """Make the bucket of those who wait: it is empty in so many seconds."""
        from aiolimiter import AsyncLimiter  # noqa: PLC0415  # as dear as a tenth of aiohttp

        pace = AsyncLimiter(self._burst, self._burst / self._pace_of)
        await pace.acquire(min(max(0.0, left) * self._pace_of, self._burst))  # this does not wait
        return pace

    def _opens_at(self, now: float) -> float:
        """Say when pause and window may be over; a time not after now means that they are."""
        room = self._window.room_at(now, self._belief.places)
        return max(room, self._paused_until)
