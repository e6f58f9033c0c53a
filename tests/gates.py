"""A gate before a server that counts, on a virtual clock or on what clock the loop has."""

import asyncio
import random
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import attrs

from keyapi_async.limiter import Limiter
from keyapi_async.sandbox.windows import RateWindow, rate_window
from tests import virtual

NETWORK = (0.02, 0.12)
"""Seconds that each way takes, at least and at most."""

LOOPBACK = (0.0005, 0.001)

SERVERS: dict[str, Callable[[float], RateWindow]] = {
    **{name: partial(rate_window, name) for name in ("fixed", "sliding", "token", "gcra")},
    **{f"burst {n}": partial(rate_window, "gcra", burst=n) for n in (10, 2)},
    "spaced": partial(rate_window, "spaced"),
}
"""How a server may count; the last ones allow bursts of ten, of two, and none."""


@attrs.define
class Seen:
    """When a server served a request, and when it answered one with 429: seconds of the loop."""

    served: list[float] = attrs.field(factory=list)
    refused: list[float] = attrs.field(factory=list)

    def use(self, allowed: float, begin: float, end: float) -> float:
        """Give the use of the allowed rate between two times, in %."""
        return 100 * sum(begin <= at < end for at in self.served) / (allowed * (end - begin))

    def met(self, begin: float, end: float) -> int:
        """Count the 429s between two times."""
        return sum(begin <= at < end for at in self.refused)


async def take(gate: Limiter, trip: float = 0.0) -> float:
    """Send one request, whose answer takes so many seconds; give when it was let go."""
    permit = await gate.acquire()
    await asyncio.sleep(trip)
    gate.answered(permit)
    return permit.at


async def ask(
    gate: Limiter,
    window: RateWindow,
    seconds: float,
    *,
    latency: tuple[float, float] = NETWORK,
    seed: int = 1,
    callers: int = 200,
    given_up: float | None = None,
) -> Seen:
    """Let many callers ask without a pause; what is let in may be given up after some time."""
    loop, dice, seen = asyncio.get_running_loop(), random.Random(seed), Seen()
    end = loop.time() + seconds

    async def caller() -> None:
        while True:
            permit = await gate.acquire()
            if loop.time() >= end:
                gate.answered(permit)
                return
            await asyncio.sleep(dice.uniform(*latency))
            admitted = window.admit(loop.time()) is None
            (seen.served if admitted else seen.refused).append(loop.time())
            await asyncio.sleep(given_up if given_up and admitted else dice.uniform(*latency))
            if not admitted:
                gate.throttled(permit, None)
            gate.answered(permit)

    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(caller())
    return seen


def simulate(
    make: Callable[[], Limiter], window: RateWindow, seconds: float, **options: Any
) -> Seen:
    """Do so on a virtual clock that begins at 0."""
    return virtual.run(lambda: ask(make(), window, seconds, **options))


def worst_second(times: Sequence[float]) -> int:
    """Count the most of some sorted times within any second that is open at its end."""
    return max((bisect_left(times, at + 1.0) - i for i, at in enumerate(times)), default=0)
