"""One gate, many limiters of one process: outages, and what is left."""

import asyncio
import gc
import logging
import signal
import sys
import time
from itertools import pairwise

import pytest

from keyapi_async import ConfigurationError, KeyAPI, RedisLimiter, UsageError
from keyapi_async.sandbox import Fault, Faults, Sandbox
from tests.gates import take
from tests.redis_server import RedisServer, redis_server
from tests.shared_gate.sharing import GATE, KEY, Gates, calls, clients, until


async def test_without_redis_each_process_keeps_to_its_share(
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = "redis://:pass-word@127.0.0.1:1"
    begin = time.monotonic()
    async with RedisLimiter(url, name="plan", qps=40, expected_processes=4) as gate:
        for _ in range(6):
            await take(gate)
    assert time.monotonic() - begin > 0.5
    assert "pass-word" not in caplog.text
    (warning,) = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert "redis://127.0.0.1:1" in warning.getMessage()
    assert "keeps to 10 queries a second by itself" in warning.getMessage()


async def test_the_share_is_of_the_processes_seen_where_none_are_expected() -> None:
    with redis_server() as own:
        ours = [RedisLimiter(own.url, name="plan", qps=12) for _ in range(3)]
        for gate in (*ours, *ours):
            await take(gate)
        first = await ours[0].acquire()
        waiter = asyncio.create_task(take(ours[0]))
        await asyncio.sleep(0.05)
        own.kill()
        ours[0].throttled(first, 0.0)  # so Redis is told, and does not answer
        ours[0].answered(first)
        await waiter
        assert ours[0].limit == 4
        assert "by itself" in repr(ours[0])
        own.start()
        for gate in ours:
            await gate.aclose()


async def test_a_redis_that_hangs_holds_nobody_up_for_long(
    redis: RedisServer, gates: Gates, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    gate = gates(20)
    await take(gate)
    redis.send(signal.SIGSTOP)
    try:
        times = [time.monotonic(), *[await take(gate) for _ in range(4)]]
        assert max(later - earlier for earlier, later in pairwise(times)) < 1
        assert not gate.sharing
        permit = await gate.acquire()
        gate.throttled(permit, 0.3)
        gate.answered(permit)
        assert await take(gate) >= permit.at + 0.3
        await asyncio.sleep(0.4)
        await take(gate)  # it is looked for again, in vain, and nobody waits for that
    finally:
        redis.send(signal.SIGCONT)
    async with asyncio.timeout(5):
        while not gate.sharing:
            await take(gate)
    assert "no answer within 0.5 s" in caplog.text
    assert "answers again: the gate is shared" in caplog.text
    assert [one.levelname for one in caplog.records].count("WARNING") == 1


@pytest.mark.parametrize(
    ("left", "told"),
    [("SET {} no-hash", "WRONGTYPE"), ("HSET {} state [50,{{}}]", "its answer makes no sense")],
)
async def test_what_something_else_left_in_redis_is_told_and_each_goes_on_alone(
    left: str, told: str, redis: RedisServer, gates: Gates, caplog: pytest.LogCaptureFixture
) -> None:
    await take(gates())
    redis.ask(left.format(GATE))
    newcomer = gates()
    await asyncio.wait_for(take(newcomer), 10)
    assert not newcomer.sharing
    assert told in caplog.text


async def test_a_redis_whose_memory_is_full_shares_the_gate_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with redis_server("--maxmemory", "1", "--maxmemory-policy", "noeviction") as full:
        async with RedisLimiter(full.url, name="plan", qps=100) as gate:
            for _ in range(5):
                await take(gate)
            assert gate.sharing
    assert not caplog.messages


async def test_a_client_that_closes_lets_the_connections_go(redis: RedisServer) -> None:
    gate = RedisLimiter(redis.url, qps=200)
    async with Sandbox(faults=Faults(script=[Fault.TOO_MANY_REQUESTS])) as box:
        for _ in range(2):  # and another one opens them again
            async with KeyAPI(box.api_key, base_url=box.url, limiter=gate, proxy="") as api:
                await api.tiktok.product.creators("1729492547846767618")
                assert clients(redis) >= 2
            assert clients(redis) == 1
    assert {task for task in asyncio.all_tasks() if task is not asyncio.current_task()} == set()


async def test_a_client_that_closes_leaves_the_gate_to_those_who_wait(gates: Gates) -> None:
    gate = gates(4)
    await take(gate)
    waiter = asyncio.create_task(take(gate))
    await asyncio.sleep(0.05)
    await gate.aclose()
    await waiter
    assert gate.sharing


async def test_a_client_that_closes_on_those_who_wait_lets_the_connections_go(
    redis: RedisServer,
) -> None:
    gate = RedisLimiter(redis.url, qps=1)
    async with KeyAPI(KEY, base_url="http://127.0.0.1:1", limiter=gate, proxy="") as api:
        await take(gate)
        waiters = [asyncio.create_task(api.get("/v1/any")) for _ in range(3)]
        await asyncio.sleep(0.1)
        assert clients(redis) == 2
    await asyncio.wait(waiters)
    assert [type(one.exception()) for one in waiters] == [UsageError] * 3
    await until(lambda: clients(redis) == 1)


async def test_closing_while_redis_hangs_leaves_nothing_and_is_no_outage(
    redis: RedisServer, gates: Gates, caplog: pytest.LogCaptureFixture
) -> None:
    gate = gates()
    await take(gate)
    redis.send(signal.SIGSTOP)
    try:
        await gate.aclose()
    finally:
        redis.send(signal.SIGCONT)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not caplog.messages


async def test_a_burst_of_429s_is_told_by_one_call_at_a_time_and_counts_once(
    redis: RedisServer, gates: Gates
) -> None:
    gate = gates(1000)
    permits = [await gate.acquire() for _ in range(100)]
    for permit in permits:
        gate.throttled(permit, 0.0)
        gate.answered(permit)
    before = calls(redis)
    await gate.aclose()
    assert clients(redis) == 1
    assert calls(redis) - before <= 5
    assert gate.limit == 1000  # they are spaced


def test_it_serves_one_event_loop_at_a_time(redis: RedisServer) -> None:
    gate = RedisLimiter(redis.url, name="plan")
    with asyncio.Runner() as one, asyncio.Runner() as other:
        one.run(take(gate))
        with pytest.raises(UsageError, match="another event loop"):
            other.run(take(gate))
        one.run(gate.aclose())
        other.run(take(gate))
        other.run(gate.aclose())
    gc.collect()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"qps": 0}, "qps=0"),
        ({"expected_processes": 0}, "expected_processes=0: a whole number, 1 or more"),
        ({"name": ""}, "name="), ({"name": "a{b}"}, "name="), ({"name": 3}, "name=3"),
        ({"url": "localhost:6379"}, "url: an address of Redis, such as redis://localhost:6379/0"),
        ({"url": "http://[::1"}, "url: an address of Redis"),
        ({"url": None}, "url: an address of Redis"),
        ({"url": "redis://:pw@host:port/0"}, "redis://host:port: "),
        ({"url": "redis+sentinel://host"}, "the path of a Sentinel address"),
        ({"url": "redis+sentinel://host/service/db"}, "the path of a Sentinel address"),
        ({"url": "redis+sentinel://:pw@,host/service"}, "names a host"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_at_once(options: dict[str, object], told: str) -> None:
    given = {"url": "redis://localhost", **options}
    with pytest.raises(ConfigurationError) as caught:
        RedisLimiter(**given)  # type: ignore[arg-type]
    assert told in str(caught.value)
    assert "pw" not in str(caught.value)


def test_without_redis_py_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "redis"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'keyapi-async\[redis\]'"):
        RedisLimiter("redis://localhost")
