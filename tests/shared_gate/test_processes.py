"""Four processes at 50 queries a second, while things happen to their Redis."""

import asyncio
import signal

from tests.processes import Outcome, flushed, measure, restarted
from tests.redis_server import RedisServer

TRIES = 6
"""A busy machine may starve processes, and the server that counts; what is wrong stays wrong.

For the same reason less is asked for here than what `benchmarks.shared_gate` shows.
"""


async def everything(redis: RedisServer) -> None:
    await restarted(redis)
    await asyncio.sleep(1.5)  # so that all are back
    await flushed(redis)
    await asyncio.sleep(1.0)
    redis.send(signal.SIGSTOP)
    await asyncio.sleep(1.0)
    redis.send(signal.SIGCONT)


async def test_together_they_use_the_whole_limit_and_no_more_whatever_their_clocks_say() -> None:
    for _ in range(TRIES):
        seen = await measure(4, skews=(0.0, 2.0, -2.0, 0.0), window="sliding", settled=0.5)
        if kept(seen, least=80) and seen.alone == 0 and seen.throttles == 0:
            return
    raise AssertionError(seen)


async def test_whatever_happens_to_redis_they_go_on_and_keep_the_limit() -> None:
    for _ in range(TRIES):
        seen = await measure(7.5, everything, settled=0.5)
        if kept(seen, least=60) and seen.alone > 0 and seen.sharing:
            return
    raise AssertionError(seen)


def kept(seen: Outcome, least: float) -> bool:
    return seen.worst <= 51 and seen.stall < 2 and seen.use >= least
