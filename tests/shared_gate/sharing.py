"""What the tests of the shared gate share."""

import asyncio
from collections.abc import Callable

from keyapi_async import Permit, RedisLimiter
from tests.redis_server import RedisServer

GATE, PLACES = "keyapi_async:2:{plan}:gate", "keyapi_async:2:{plan}:places"
KEY, OTHER_KEY = "the-key-of-the-plan", "another-key"
Gates = Callable[..., RedisLimiter]


async def take(gate: RedisLimiter, trip: float = 0.0) -> Permit:
    permit = await gate.acquire()
    await asyncio.sleep(trip)
    gate.answered(permit)
    return permit


async def crowd(gate: RedisLimiter, callers: int, seconds: float, times: list[float]) -> None:
    """Let so many ask without a pause, and note when each permit was granted."""

    async def one() -> None:
        while True:
            times.append((await take(gate, 0.002)).at)

    tasks = [asyncio.create_task(one()) for _ in range(callers)]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def until(true: Callable[[], bool], within: float = 5.0) -> None:
    async with asyncio.timeout(within):
        while not true():
            await asyncio.sleep(0.01)


def calls(redis: RedisServer) -> int:
    stats = redis.ask("INFO", "commandstats").replace(":calls=", ",").split("cmdstat_")
    return sum(int(one.split(",")[1]) for one in stats if one.startswith(("evalsha:", "evalsha,")))


def clients(redis: RedisServer) -> int:
    return int(redis.ask("INFO", "clients").split("connected_clients:")[1].split()[0])
