"""The gate: every request takes a permit here, so that the plan's queries per second are kept."""

import asyncio
import logging
import math
from typing import Protocol, runtime_checkable

from aiolimiter import AsyncLimiter

from keyapi_async.errors import ConfigurationError

log = logging.getLogger("keyapi_async")

DEFAULT_PAUSE = 0.5
"""Seconds that every request waits after a 429 that names no time."""

MAX_PAUSE = 120.0
"""Seconds of Retry-After that the gate obeys at most."""

_SHARE = 0.95  # of the limit: a server's window may see two bursts that the client sent apart
_UNKNOWN = 5.0


@runtime_checkable
class Limiter(Protocol):
    """What a gate does; implement it to pace requests in a way of your own.

    A permit is the time of its grant on the event loop's clock. Each permit is given back by
    exactly one call of ``answered``; a request that met a 429 calls ``throttled`` before that.
    """

    async def acquire(self) -> float:
        """Wait for a permit to send one request, in the order of asking."""
        ...

    def answered(self, permit: float) -> None:
        """Take note that the answer is there, or that there will be none."""
        ...

    def throttled(self, permit: float, retry_after: float | None) -> None:
        """Take note of a 429, and hold back every request for ``retry_after`` seconds."""
        ...


class QpsLimiter:
    """The gate of one process: small bursts, first come first served, one pause for all.

    Permits are granted at 95 % of ``qps``, in bursts of 5 % of a second, because no client knows
    where the server's window begins.

    Args:
        qps: queries a second that the plan allows; None where that is unknown.

    Raises:
        ConfigurationError: ``qps`` is no positive number.
    """

    def __init__(self, qps: float | None = 10.0) -> None:
        if qps is not None and (
            isinstance(qps, bool) or not isinstance(qps, (int, float)) or not 0 < qps < math.inf
        ):
            raise ConfigurationError(f"qps={qps!r}: queries a second, above 0, or None for unknown")
        self.qps = qps
        rate = _SHARE * (_UNKNOWN if qps is None else qps)
        burst = max(1, math.ceil(0.05 * rate / _SHARE))
        # aiolimiter lets newcomers overtake those who wait; behind a lock one waits at a time.
        self._turn = asyncio.Lock()
        self._pace = AsyncLimiter(burst, burst / rate)
        self._paused_until = 0.0

    async def acquire(self) -> float:
        """Wait for a permit; a cancelled waiter gives its place back."""
        loop = asyncio.get_running_loop()
        async with self._turn:
            await self._pace.acquire()
            while (wait := self._paused_until - loop.time()) > 0:
                await asyncio.sleep(wait)
            return loop.time()

    def answered(self, permit: float) -> None:  # noqa: ARG002  # part of the protocol
        """Take note that the answer is there."""

    def throttled(
        self,
        permit: float,
        retry_after: float | None,  # noqa: ARG002  # part of the protocol
    ) -> None:
        """Hold back every request for ``retry_after`` seconds, half a second where it is None."""
        pause = DEFAULT_PAUSE if retry_after is None else min(retry_after, MAX_PAUSE)
        until = asyncio.get_running_loop().time() + pause
        if until > self._paused_until:
            self._paused_until = until
            log.info("throttled: every request waits for %.1f s", pause)
