"""Four hosts at 50 queries a second, their clocks apart, while things happen to their Redis.

Each is an event loop of its own, and knows of the others by Redis alone. Processes do the same in
`benchmarks.shared_gate`, and as Dask's workers in `tests.test_dask`.
"""

import asyncio
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from keyapi_async import RedisLimiter
from tests.gates import worst_second
from tests.redis_server import redis_server
from tests.shared_gate.sharing import crowd

AHEAD = (0.0, 2.0, -2.0, 0.0)
"""Seconds by which their clocks are wrong."""
TRIES = 4
"""A busy machine may starve a thread; what is wrong stays wrong."""


class HostLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock is wrong."""

    def __init__(self, ahead: float) -> None:
        self.ahead = ahead
        super().__init__()

    def time(self) -> float:
        return super().time() + self.ahead


async def ask(url: str, ahead: float, over: threading.Event) -> tuple[list[float], bool]:
    """Ask as fast as the gate allows; give when, and whether it was alone and shared again."""
    times: list[float] = []
    alone = False
    async with RedisLimiter(url, name="plan", qps=50, expected_processes=4) as gate:
        while not over.is_set():
            await crowd(gate, 8, 0.1, times)
            alone |= not gate.sharing
        return [at - ahead for at in times], alone and gate.sharing


def host(url: str, ahead: float, over: threading.Event) -> tuple[list[float], bool]:
    with asyncio.Runner(loop_factory=lambda: HostLoop(ahead)) as runner:
        return runner.run(ask(url, ahead, over))


def kept() -> bool:
    """Let all hosts ask while things happen to their Redis; say whether they kept the limit."""
    over, marks = threading.Event(), [time.monotonic()]
    with redis_server() as redis, ThreadPoolExecutor(len(AHEAD)) as threads:
        running = [threads.submit(host, redis.url, ahead, over) for ahead in AHEAD]
        for seconds, happens in (
            (1.3, redis.kill),
            (0.5, redis.start),
            (1.2, lambda: redis.ask("FLUSHALL") + redis.ask("SCRIPT", "FLUSH")),
            (0.6, lambda: redis.send(signal.SIGSTOP)),
            (0.7, lambda: redis.send(signal.SIGCONT)),
            (1.2, over.set),
        ):
            time.sleep(seconds)
            marks.append(time.monotonic())
            happens()
        hosts = [one.result() for one in running]
    begin, away, *_, end = marks
    times = sorted(at for host_times, _ in hosts for at in host_times)
    stalls = [later - sooner for host_times, _ in hosts for sooner, later in pairwise(host_times)]
    before = sum(begin + 0.3 <= at < away for at in times)
    return (
        worst_second(times) <= 51
        and before >= 0.8 * 50 * (away - begin - 0.3)
        and len(times) >= 0.45 * 50 * (end - begin)
        and max(stalls) < 1.5
        and all(came_back for _, came_back in hosts)
    )


def test_whatever_their_clocks_say_and_redis_does_they_go_on_and_keep_the_limit() -> None:
    assert any(kept() for _ in range(TRIES))
