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

import attrs

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


@attrs.define
class Host:
    """A host that asks as fast as its gate allows; its times are those of an honest clock."""

    ahead: float
    times: list[float] = attrs.field(factory=list)
    was_alone: bool = False
    sharing: bool = False

    def work(self, url: str, over: threading.Event) -> None:
        with asyncio.Runner(loop_factory=lambda: HostLoop(self.ahead)) as runner:
            runner.run(self._ask(url, over))
        self.times = [at - self.ahead for at in self.times]

    async def _ask(self, url: str, over: threading.Event) -> None:
        async with RedisLimiter(url, name="plan", qps=50, expected_processes=4) as gate:
            while not over.is_set():
                await crowd(gate, 8, 0.1, self.times)
                self.was_alone |= not gate.sharing
            self.sharing = gate.sharing


def asked() -> tuple[list[Host], list[float]]:
    """Let all hosts ask; give them, and when what happened to their Redis."""
    hosts, over, marks = [Host(ahead) for ahead in AHEAD], threading.Event(), [time.monotonic()]
    with redis_server() as redis, ThreadPoolExecutor(len(hosts)) as threads:
        running = [threads.submit(host.work, redis.url, over) for host in hosts]
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
        for one in running:
            one.result()
    return hosts, marks


def kept(hosts: list[Host], marks: list[float]) -> bool:
    begin, away, *_, end = marks
    times = sorted(at for host in hosts for at in host.times)
    stalls = [later - sooner for host in hosts for sooner, later in pairwise(host.times)]
    before = sum(begin + 0.3 <= at < away for at in times)
    return (
        worst_second(times) <= 51
        and before >= 0.8 * 50 * (away - begin - 0.3)
        and len(times) >= 0.45 * 50 * (end - begin)
        and max(stalls) < 1.5
        and all(host.was_alone and host.sharing for host in hosts)
    )


def test_whatever_their_clocks_say_and_redis_does_they_go_on_and_keep_the_limit() -> None:
    assert any(kept(*asked()) for _ in range(TRIES))
