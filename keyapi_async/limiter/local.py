"""The gate of one process."""

import asyncio
import contextlib
import logging
import math
from typing import TYPE_CHECKING

from keyapi_async.errors import ConfigurationError
from keyapi_async.limiter.estimate import DEFAULT_PAUSE, RateEstimate
from keyapi_async.limiter.protocol import Permit
from keyapi_async.limiter.slots import Slots, Spacing

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

log: logging.Logger = logging.getLogger("keyapi_async")

MAX_RETRY_AFTER = 120.0
"""Seconds of Retry-After that are obeyed: the gate pauses no longer, and no call waits longer."""

_LATENESS = 0.055  # seconds that a busy event loop may make up for by closer permits


def checked_qps(qps: float | None) -> float | None:
    """Check a rate in queries a second; a ConfigurationError says that it is not positive."""
    if qps is not None and (
        isinstance(qps, bool) or not isinstance(qps, (int, float)) or not 0 < qps < math.inf
    ):
        raise ConfigurationError(f"qps={qps!r}: queries a second, above 0, or None for unknown")
    return qps


def pause_of(retry_after: float | None) -> float:
    """Say for how many seconds everyone waits after a 429."""
    return DEFAULT_PAUSE if retry_after is None else min(retry_after, MAX_RETRY_AFTER)


class QpsLimiter:
    """The gate of one process: first come first served, one pause for all.

    Permits are spaced evenly at 95 % of the limit, closer only where a timer came late, and never
    more than the limit are granted in any second. A 429 pauses everyone; it spaces permits
    strictly, or lowers the limit, which rises again while there is demand, never above ``qps``.

    Args:
        qps: queries a second that the plan allows; None where that is unknown: find it.

    Raises:
        ConfigurationError: ``qps`` is not a positive number.
    """

    def __init__(self, qps: float | None = 10.0) -> None:
        self.qps: float | None = checked_qps(qps)
        # aiolimiter lets newcomers overtake those who wait; behind a lock one waits at a time.
        self._turn = asyncio.Lock()
        self._queue = 0
        self._estimate = RateEstimate(qps)
        self._slots = Slots()
        self._spacing = Spacing()
        self._paused_until = 0.0
        self._bucket: AsyncLimiter
        self._paced: tuple[object, ...] = ()  # what the bucket was made for

    @property
    def limit(self) -> float:
        """Queries a second that the gate believes are allowed."""
        return self._estimate.state.limit

    async def acquire(self) -> Permit:
        """Wait for a permit; a cancelled waiter gives its place back."""
        loop = asyncio.get_running_loop()
        asked = loop.time()
        if (permit := self.at_once(asked)) is not None:
            return permit
        self._queue += 1
        try:
            async with self._turn:
                await self._open()
                await self._pace(loop.time()).acquire()
                await self._open()  # a pause may have begun meanwhile
                self._estimate.granted(now := loop.time(), waited=now > asked)
                permit = self._spacing.last = self._slots.grant(now)
                return permit
        finally:
            self._queue -= 1

    def __init_subclass__(cls) -> None:
        """See that ``at_once`` does not bypass a subclass' own ``acquire``."""
        if "acquire" in vars(cls) and "at_once" not in vars(cls):
            cls.at_once = _never  # type: ignore[method-assign]

    def at_once(self, now: float) -> Permit | None:
        """Grant a permit if there is nothing to wait for, without a coroutine; else None."""
        estimate = self._estimate
        since = now - estimate.granted_at
        if self._queue or since * estimate.state.rate < 1.0 or self._opens_at(now) > now:
            return None
        self._paced = ()  # nobody waited, so there is no delay to make up for
        estimate.granted_at = now
        permit = self._spacing.last = self._slots.grant(now)
        return permit

    async def _open(self) -> None:
        """Wait until pause and window are over."""
        loop = asyncio.get_running_loop()
        while (wait := self._opens_at(now := loop.time()) - now) > 0:
            await asyncio.sleep(wait)

    def _pace(self, now: float) -> "AsyncLimiter":
        """Give the bucket that spaces permits; its burst makes up for timers that fire late."""
        state = self._estimate.state
        paced = (state.rate, state.spaced, asyncio.get_running_loop())
        if paced != self._paced:
            from aiolimiter import AsyncLimiter  # noqa: PLC0415  # a tenth of aiohttp's import

            most = 1.0 if state.spaced else 1.0 + _LATENESS * state.rate
            self._bucket, self._paced = AsyncLimiter(most, most / state.rate), paced
            # An idle time, a pause or another rate is no reason for a burst.
            _take(self._bucket, most - min(1.0, (now - self._estimate.granted_at) * state.rate))
        return self._bucket

    def answered(self, permit: Permit) -> None:
        """Take note that the answer is there: the server has counted the request."""
        now = asyncio.get_running_loop().time()
        self._slots.leave(permit, now)
        if permit is self._spacing.last:
            self._spacing.landed(now, self._slots.shortest)
        if not permit.throttled:
            self._estimate.succeeded(now)

    def throttled(self, permit: Permit, retry_after: float | None) -> None:
        """Hold back every request for ``retry_after`` seconds, half a second where it is None."""
        now = asyncio.get_running_loop().time()
        permit.throttled = True
        pause = pause_of(retry_after)
        self._paused_until = max(self._paused_until, now + pause)
        self._paced = ()
        if self._estimate.refused(permit.at, now):
            rate = self._estimate.state.rate
            log.info("throttled: waiting %.1f s, then %.3g queries a second", pause, rate)

    def _opens_at(self, now: float) -> float:
        """Say when a permit may be granted; a time not after now means now."""
        due, estimate = self._paused_until, self._estimate
        if due <= now and estimate.state.spaced:
            due = self._spacing.opens_at(now, 1.0 / self.limit, self._slots.shortest)
        if due > now or self._slots.taken < estimate.slots:
            return due
        return self._slots.room_at(now, estimate.slots)


def _take(bucket: "AsyncLimiter", amount: float) -> None:
    """Take what a bucket has room for: then there is nothing to wait for."""
    with contextlib.suppress(StopIteration):
        bucket.acquire(amount).send(None)


def _never(self: QpsLimiter, now: float) -> Permit | None:  # noqa: ARG001
    """Grant nothing: the subclass' ``acquire`` decides."""
    return None
