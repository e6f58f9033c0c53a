"""What the tests of the shared gate share."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from keyapi_async import RedisLimiter
from tests.gates import take
from tests.redis_server import RedisServer

GATE, PLACES = "keyapi_async:2:{plan}:gate", "keyapi_async:2:{plan}:places"
KEY = "the-key-of-the-plan"
Gates = Callable[..., RedisLimiter]


async def crowd(gate: RedisLimiter, callers: int, seconds: float, times: list[float]) -> None:
    """Let so many ask without a pause, and note when each permit was granted."""

    async def one() -> None:
        while True:
            times.append(await take(gate, 0.002))

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


@asynccontextmanager
async def way_to(
    redis: RedisServer, *, seconds: float = 0.0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Listen on a port that leads to Redis; each way takes its time, and may be encrypted."""

    async def carry(source: asyncio.StreamReader, goal: asyncio.StreamWriter) -> None:
        while data := await source.read(1 << 16):
            asyncio.get_running_loop().call_later(seconds, goal.write, data)
        goal.close()

    async def inside(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_redis, from_redis = await asyncio.open_connection("127.0.0.1", redis.port)
        with suppress(asyncio.CancelledError):  # the server is closed
            await asyncio.gather(carry(reader, from_redis), carry(to_redis, writer))

    async with await asyncio.start_server(inside, "127.0.0.1", 0, ssl=tls) as server:
        yield server.sockets[0].getsockname()[1]
