"""Four processes at 50 queries a second, while things happen to their Redis."""

import asyncio
import shutil
from collections.abc import Sequence

import pytest

from benchmarks.shared_gate import (
    Disturb,
    Outcome,
    RedisServer,
    flushed,
    hung,
    measure,
    restarted,
    undisturbed,
)

pytestmark = pytest.mark.skipif(
    shutil.which("redis-server") is None,
    reason="redis-server is not installed: apt-get install redis-server",
)
TRIES = 3
"""A busy machine may starve a process for a while; the limit is kept in each try all the same."""


async def best_of(seconds: float, least: float, disturb: Disturb, skews: Sequence[float]) -> float:
    best = 0.0
    for _ in range(TRIES):
        seen: Outcome = await measure(seconds, disturb, skews=skews)
        assert seen.worst <= 51
        assert seen.stall < 2
        assert seen.throttles == 0
        assert seen.sharing
        assert (seen.alone > 0) == (disturb is not undisturbed)
        if (best := max(best, seen.use)) >= least:
            break
    return best


async def everything(redis: RedisServer) -> None:
    await restarted(redis)
    await asyncio.sleep(3.0)  # so that all are back
    await flushed(redis)
    await asyncio.sleep(1.0)
    await hung(redis)


async def test_together_they_use_the_whole_limit_and_no_more_whatever_their_clocks_say() -> None:
    assert await best_of(5, 97, undisturbed, (0.0, 2.0, -2.0, 0.0)) >= 97


async def test_whatever_happens_to_redis_they_go_on_and_keep_the_limit() -> None:
    assert await best_of(13, 75, everything, (0.0,) * 4) >= 75
