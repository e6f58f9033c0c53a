"""The gate that processes share, on a real Redis: its use of the limit, and its worst second.

Four processes ask a KeyAPI on loopback for pages as fast as `RedisLimiter` lets them, while Redis
is left alone, restarted, flushed or stopped, or the hosts' clocks differ. The figures are those of
the server, which limits nothing: use of the limit in %, the most requests in any second, the
longest time that any process went without an answer, and how many requests were sent without Redis.

    python -m benchmarks.shared_gate [--seconds 12]
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
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
    """What the server and the processes have seen.

    Attributes:
        use: of the limit, in %.
        worst: requests in the worst second.
        stall: seconds that any process went without an answer, at most.
        alone: requests that were sent without Redis.
        throttles: answers with 429.
        sharing: whether all processes share the gate at the end.
    """

    use: float
    worst: int
    stall: float
    alone: int
    throttles: int
    sharing: bool


@contextlib.asynccontextmanager
async def hammers(
    box: Sandbox, redis: str, expected: int, skews: Sequence[float]
) -> AsyncIterator[list[Process]]:
    """Run a process for each skew of its clocks, all of them asking."""
    env = {**os.environ, "KEYAPI_TOKEN": box.api_key, "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.hammer", str(skew)),
            *(box.url, redis, str(QPS), str(expected)),
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
    expected: int = PROCESSES,
) -> Outcome:
    """Let processes ask for so many seconds, and disturb Redis after a third of them."""
    with redis_server() as redis:
        async with Sandbox() as box, hammers(box, redis.url, expected, skews) as processes:
            await asyncio.sleep(SETTLED)
            clock = asyncio.get_running_loop().time
            begin = clock()
            await asyncio.sleep(seconds / 3)
            await disturb(redis)
            await asyncio.sleep(max(0.0, begin + seconds - clock()))
            end = clock()
            told: list[dict[str, Any]] = [
                json.loads((await process.communicate(b""))[0]) for process in processes
            ]
        times = [asked.at for asked in box.requests]
    counted = sum(begin <= at < end for at in times)
    return Outcome(
        use=100 * counted / (end - begin) / QPS,
        worst=worst_second(times),
        stall=max(one["stall"] for one in told),
        alone=sum(one["alone"] for one in told),
        throttles=sum(one["throttles"] for one in told),
        sharing=all(one["sharing"] for one in told),
    )


SCENES: dict[str, Callable[[float], Coroutine[None, None, Outcome]]] = {
    "left alone": measure,
    "clocks two seconds apart": lambda s: measure(s, skews=(0.0, 2.0, -2.0, 0.0)),
    "Redis restarted": lambda s: measure(s, restarted),
    "Redis flushed": lambda s: measure(s, flushed),
    "Redis hung for 3 s": lambda s: measure(s, hung),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="The gate that processes share.")
    parser.add_argument("--seconds", type=float, default=12.0, help="of each scene")
    seconds = parser.parse_args().seconds
    print(f"{PROCESSES} processes, {QPS:g} queries a second, {seconds:g} s each\n")
    print(f"{'':26}{'use %':>7}{'worst second':>14}{'stall s':>9}{'without Redis':>15}")
    for name, scene in SCENES.items():
        seen = asyncio.run(scene(seconds))
        print(f"{name:26}{seen.use:7.1f}{seen.worst:14}{seen.stall:9.2f}{seen.alone:15}")


if __name__ == "__main__":
    main()
