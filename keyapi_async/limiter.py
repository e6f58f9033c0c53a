"""The gate: every request takes a permit here, so that the plan's queries per second are kept.

Nobody tells a client how its server counts: by the calendar second, over any second, by a bucket.
So permits are paced in small bursts a little below the limit, and no second ever sees more of them
than the limit, the travelling time of a request included. Where the limit itself is unknown or was
told wrongly, the 429s teach it.
"""

import asyncio
import logging
import math
from collections import deque
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import attrs

from keyapi_async.errors import ConfigurationError
from keyapi_async.loops import RunningLoop

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

log = logging.getLogger("keyapi_async")

DEFAULT_PAUSE = 0.5
"""Seconds that every request waits after a 429 that names no time."""

MAX_PAUSE = 120.0
"""Seconds of Retry-After that the gate obeys at most."""

_SHARE = 0.95  # of the limit, at which permits are paced
_BURST = 0.05  # of a second's permits may go at once: timers come late, and what is late is lost
_FLIGHT = 0.3  # seconds for which an unanswered request may still be on its way to the server
_TRIPS = 20  # answers before the shortest round trip is believed
_UNKNOWN = 5.0  # queries a second, where nothing is known
_LEAST = 0.5  # queries a second, where nothing is known and the server refuses all the same


@attrs.define(eq=False)
class Permit:
    """The leave to send one request.

    Attributes:
        at: when it was granted, seconds on the event loop's clock.
        throttled: whether the request met a 429.
        landed: whether the request has surely reached the server.
    """

    at: float
    throttled: bool = False
    landed: bool = False


@runtime_checkable
class Limiter(Protocol):
    """What a gate does; implement it to pace requests in a way of your own.

    Each permit is given back by exactly one call of ``answered``; a request that met a 429 calls
    ``throttled`` before that.
    """

    async def acquire(self) -> Permit:
        """Wait for a permit to send one request, in the order of asking."""
        ...

    def answered(self, permit: Permit) -> None:
        """Take note that the answer is there, or that there will be none."""
        ...

    def throttled(self, permit: Permit, retry_after: float | None) -> None:
        """Take note of a 429, and hold back every request for ``retry_after`` seconds."""
        ...


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
        self._window = _Window()
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


class _Window:
    """Counts what a server may still count into the second that is running.

    A request reached the server before its answer came, and the one that takes its place will
    reach it some time after it is sent. So a place is free again one second after the answer, less
    what every request travels: half of the shortest round trip is taken as certain.
    """

    def __init__(self) -> None:
        self._flying: deque[Permit] = deque()
        self._leaving: deque[float] = deque()
        self._size = 0
        self._trips = 0
        self._shortest = math.inf

    def enter(self, now: float) -> Permit:
        """Grant a permit."""
        permit = Permit(now)
        self._flying.append(permit)
        self._size += 1
        return permit

    def leave(self, permit: Permit, now: float) -> None:
        """Take note of an answer, or of one overdue; its place is given back a second later."""
        if not permit.landed:
            permit.landed = True
            trip = min(now - permit.at, _FLIGHT)
            self._trips += 1
            self._shortest = min(self._shortest, trip)
            certain = self._shortest / 2 if self._trips > _TRIPS else 0.0
            when = permit.at + trip + 1.0 - certain
            self._leaving.append(max(when, self._leaving[-1]) if self._leaving else when)
            while self._flying and self._flying[0].landed:
                self._flying.popleft()

    def room_at(self, now: float, places: int) -> float:
        """Say when to look for a free place; a time not after now means that one is free."""
        while self._flying and self._flying[0].at + _FLIGHT <= now:
            self.leave(self._flying.popleft(), now)
        while self._leaving and self._leaving[0] <= now:
            self._leaving.popleft()
            self._size -= 1
        if self._size < places:
            return now
        # A place that is not leaving yet is not given back before that.
        soonest = now + 1.0 - min(self._shortest, _FLIGHT) / 2
        return min(self._leaving[0], soonest) if self._leaving else soonest


class Belief:
    """What limit to believe in, and at what rate to send: pure, of times and events.

    Attributes:
        limit: queries a second believed to be allowed.
        rate: queries a second to send at.
    """

    def __init__(self, qps: float | None) -> None:
        self.limit = _UNKNOWN if qps is None else float(qps)
        self.rate = _SHARE * self.limit
        self._most = math.inf if qps is None else float(qps)
        self._least = _LEAST if qps is None else qps / 10
        self._seeking = qps is None
        self._successes: deque[float] = deque()
        self._granted = -math.inf  # the last grant
        self._demand = 0.0  # seconds of demand since the rate rose
        self._waited = -math.inf  # the last grant that had to be waited for
        self._lowered = -math.inf  # when the limit was lowered
        self._quiet_since = 0.0  # since when no 429 and no rise of the limit
        self._interval = 15.0  # seconds of quiet before the limit rises; the first 429 makes it 30

    @property
    def places(self) -> int:
        """Requests that any second may have."""
        return max(1, int(self.limit))

    def granted(self, now: float, *, waited: bool) -> None:
        """Take note of a grant; while there is demand, the rate rises."""
        if waited:
            self._demand += min(now - self._granted, 1.0)
            self._waited = now
        self._granted = now
        if self._demand >= 1.0:
            self._rise(now)
            self._demand = 0.0

    def succeeded(self, now: float) -> None:
        """Take note of an answer that was no 429."""
        self._successes.append(now)
        while self._successes[0] < now - 2.5:
            self._successes.popleft()

    def refused(self, sent: float, now: float) -> bool:
        """Take note of a 429; say whether it lowers the limit: once for all sent before that."""
        if sent <= self._lowered:
            return False
        reached = self._reached(now) if now - self._waited < 1.0 else math.inf
        self.limit = max(self._least, 0.97 * min(self.limit, reached))
        self.rate = 0.85 * self.limit
        self._seeking = False
        self._lowered = self._quiet_since = now
        self._interval = min(2 * self._interval, 600.0)
        self._demand = 0.0
        return True

    def _rise(self, now: float) -> None:
        if self._seeking:
            self.limit *= 1.5
            self.rate = _SHARE * self.limit
            return
        if self.limit < self._most and now - self._quiet_since >= self._interval:
            self.limit = min(self._most, 1.05 * self.limit)
            self._quiet_since = now
        self.rate = min(_SHARE * self.limit, self.rate + 0.05 * self.limit * self._demand)

    def _reached(self, now: float) -> float:
        """Count the most successes in any second of the last ones."""
        times = [time for time in self._successes if time >= now - 2.5]
        most = begin = 0
        for end, time in enumerate(times):
            while times[begin] <= time - 1.0:
                begin += 1
            most = max(most, end - begin + 1)
        return most or math.inf
