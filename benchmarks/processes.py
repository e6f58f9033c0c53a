"""Four processes before one server, their gate in a Redis to which things happen."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import attrs

from keyapi_async.sandbox import Sandbox
from tests.gates import worst_second
from tests.redis_server import RedisServer, redis_server

QPS = 50.0
PROCESSES = 4
SETTLED = 1.0  # seconds after the start of the last process that are not counted


@attrs.frozen
class Outcome:
    """What the server and the processes have seen."""

    use: float  # of the limit, in %
    worst: int  # requests in the worst second
    stall: float  # seconds that any process went without an answer, at most
    alone: int  # requests that were sent without Redis
    throttles: int  # answers with 429
    sharing: bool  # whether all processes share the gate at the end


@contextlib.asynccontextmanager
async def hammers(
    box: Sandbox, redis: str, told: float | None, skews: Sequence[float]
) -> AsyncIterator[list[Process]]:
    """Run a process for each skew of its clocks, all of them asking."""
    env = {**os.environ, "KEYAPI_TOKEN": box.api_key, "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.hammer", str(skew)),
            *(box.url, redis, str(told or 0), str(PROCESSES)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=subprocess.DEVNULL,
            env=env,
        )
        for skew in skews
    ]
    try:
        for process in processes:
            assert process.stdout is not None  # noqa: S101  # it is a pipe
            await process.stdout.readline()
        yield processes
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


Disturb = Callable[[RedisServer], Awaitable[None]]


async def undisturbed(_: RedisServer) -> None:
    """Leave Redis alone."""


async def restarted(redis: RedisServer) -> None:
    """Kill Redis, and start another one with nothing in it."""
    await asyncio.to_thread(redis.kill)
    await asyncio.sleep(1.0)
    await asyncio.to_thread(redis.start)


async def flushed(redis: RedisServer) -> None:
    """Let Redis forget everything, scripts too."""
    await asyncio.to_thread(redis.ask, "FLUSHALL")
    await asyncio.to_thread(redis.ask, "SCRIPT", "FLUSH")


async def hung(redis: RedisServer) -> None:
    """Let Redis hang for three seconds."""
    redis.send(signal.SIGSTOP)
    await asyncio.sleep(3.0)
    redis.send(signal.SIGCONT)


async def measure(
    seconds: float,
    disturb: Disturb = undisturbed,
    *,
    skews: Sequence[float] = (0.0,) * PROCESSES,
    window: str | None = None,
    told: float | None = QPS,
    settled: float = SETTLED,
) -> Outcome:
    """Let processes ask for so many seconds, and disturb Redis after a third of them.

    The server limits nothing where it has no window.
    """
    with redis_server() as redis:
        limits = Sandbox(qps=QPS, window=window) if window else Sandbox()
        async with limits as box, hammers(box, redis.url, told, skews) as processes:
            await asyncio.sleep(settled)
            clock = asyncio.get_running_loop().time
            begin = clock()
            await asyncio.sleep(seconds / 3)
            await disturb(redis)
            await asyncio.sleep(max(0.0, begin + seconds - clock()))
            end = clock()
            seen: list[dict[str, Any]] = [
                json.loads((await process.communicate(b""))[0]) for process in processes
            ]
        times = [asked.at for asked in box.requests if asked.status == 200]
    counted = sum(begin <= at < end for at in times)
    return Outcome(
        use=100 * counted / (end - begin) / QPS,
        worst=worst_second(times),
        stall=max(one["stall"] for one in seen),
        alone=sum(one["alone"] for one in seen),
        throttles=sum(asked.status != 200 for asked in box.requests),
        sharing=all(one["sharing"] for one in seen),
    )
