"""One gate, many limiters of one process: order, pace, pauses, outages, and what is left."""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from itertools import pairwise

import pytest

from benchmarks.shared_gate import RedisServer, redis_server, worst_second
from keyapi_async import ConfigurationError, KeyAPI, Limiter, Permit, RedisLimiter, UsageError
from keyapi_async.sandbox import Fault, Faults, Sandbox

KEY = "the-key-of-the-plan"
Gates = Callable[..., RedisLimiter]


@pytest.fixture
async def gates(redis: RedisServer) -> AsyncIterator[Gates]:
    made: list[RedisLimiter] = []

    def gate(qps: float | None = 50, **options: int) -> RedisLimiter:
        made.append(RedisLimiter(redis.url, key=KEY, qps=qps, **options))
        return made[-1]

    yield gate
    for one in made:
        await one.aclose()


async def take(gate: RedisLimiter, trip: float = 0.0) -> Permit:
    permit = await gate.acquire()
    await asyncio.sleep(trip)
    gate.answered(permit)
    return permit


async def until(true: Callable[[], bool], within: float = 5.0) -> None:
    async with asyncio.timeout(within):
        while not true():
            await asyncio.sleep(0.01)


def calls(redis: RedisServer) -> int:
    stats = redis.ask("INFO", "commandstats").replace(":calls=", ",").split("cmdstat_")
    return sum(int(one.split(",")[1]) for one in stats if one.startswith(("evalsha,", "eval,")))


def test_it_fulfils_the_protocol() -> None:
    assert isinstance(RedisLimiter("redis://localhost", key=KEY), Limiter)


async def test_a_permit_costs_one_round_trip(redis: RedisServer, gates: Gates) -> None:
    gate = gates(1000)
    await take(gate)
    before = calls(redis)
    for _ in range(50):
        await take(gate)
    assert calls(redis) - before == 50


async def test_no_second_has_more_than_the_limit_and_nobody_starves(gates: Gates) -> None:
    ours = [gates(20), gates(20), gates(20)]
    taken: dict[RedisLimiter, list[float]] = {gate: [] for gate in ours}

    async def one(gate: RedisLimiter) -> None:
        while True:
            taken[gate].append((await take(gate, 0.03)).at)

    tasks = [asyncio.create_task(one(gate)) for gate in ours for _ in range(4)]
    await asyncio.sleep(2)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert worst_second(sorted(at for times in taken.values() for at in times)) <= 20
    counts = [len(times) for times in taken.values()]
    assert sum(counts) > 2 * 20 * 0.8
    assert max(counts) - min(counts) <= 3


async def test_permits_are_granted_in_the_order_of_asking(gates: Gates) -> None:
    gate = gates(100)
    order: list[int] = []

    async def one(number: int) -> None:
        await take(gate)
        order.append(number)

    await asyncio.gather(*(one(number) for number in range(30)))
    assert order == list(range(30))


async def test_a_cancelled_waiter_leaves_its_place_to_the_next(
    redis: RedisServer, gates: Gates
) -> None:
    gate = gates(4)
    for _ in range(4):
        await take(gate)
    before = calls(redis)
    begin = time.monotonic()
    for pause in (0.0, 0.1):  # while Redis is asked, and while its promise is waited for
        waiter = asyncio.create_task(take(gate))
        await asyncio.sleep(pause)
        waiter.cancel()
        await asyncio.wait((waiter,))
    await take(gate)
    assert time.monotonic() - begin < 0.5
    assert calls(redis) - before <= 2


async def test_a_429_of_one_makes_all_wait_and_lowers_the_limit_for_all(gates: Gates) -> None:
    one, other = gates(50), gates(50)
    for gate in (one, other):
        await take(gate)
    permit = await one.acquire()
    begin = time.monotonic()
    one.throttled(permit, 0.7)
    one.answered(permit)
    await asyncio.sleep(0.05)
    await take(other)  # the one that was promised before, if any
    await take(other)
    assert time.monotonic() - begin >= 0.7
    await take(one)
    assert one.limit == other.limit == pytest.approx(48.5)


async def test_retry_after_of_a_429_is_obeyed_for_two_minutes_at_most(
    redis: RedisServer, gates: Gates
) -> None:
    gate = gates()
    permit = await gate.acquire()
    gate.throttled(permit, 1e9)
    await gate.aclose()
    name = gate_key(redis)
    pause = float(redis.ask("HGET", name, "pause").split()[1])
    assert 100 < pause - time.time() < 125


def gate_key(redis: RedisServer) -> str:
    (name,) = [word for word in redis.ask("KEYS", "*:gate").split() if word.endswith(":gate")]
    return name


async def test_the_limit_is_found_where_it_is_unknown(gates: Gates) -> None:
    gate = gates(None)
    assert gate.limit == 5
    begin = time.monotonic()
    while time.monotonic() < begin + 2.5:
        await asyncio.gather(*(take(gate) for _ in range(4)))
    assert gate.limit > 7


async def test_another_plan_begins_anew(gates: Gates) -> None:
    small, large = gates(5), gates(500)
    await take(small)
    await take(large)
    assert (small.limit, large.limit) == (5, 500)


async def test_a_permit_promised_for_far_ahead_is_looked_at_again(
    redis: RedisServer, gates: Gates
) -> None:
    gate = gates(1)
    await take(gate)
    before = calls(redis)
    await take(gate)
    assert calls(redis) - before == 2


async def test_a_permit_that_comes_too_late_is_asked_for_again(
    redis: RedisServer, gates: Gates
) -> None:
    gate = gates(10)
    await take(gate)
    before = calls(redis)
    waiter = asyncio.create_task(take(gate))
    await until(lambda: calls(redis) > before)
    await asyncio.sleep(0.01)
    time.sleep(0.5)  # noqa: ASYNC251  # the loop is busy
    await waiter
    assert calls(redis) - before == 2


async def test_answers_are_told_where_no_permit_is_asked_for(
    redis: RedisServer, gates: Gates
) -> None:
    gate = gates()
    name = "keyapi_async:*:landed"
    await take(gate)
    assert "landed" not in redis.ask("KEYS", name)
    await until(lambda: "landed" in redis.ask("KEYS", name))


async def test_answers_that_are_told_already_are_not_told_again(
    redis: RedisServer, gates: Gates
) -> None:
    gate = gates()
    await take(gate)
    await gate.acquire()
    before = calls(redis)
    await asyncio.sleep(0.6)
    assert calls(redis) == before


async def test_closing_while_redis_hangs_leaves_nothing(redis: RedisServer, gates: Gates) -> None:
    gate = gates()
    await take(gate)
    redis.send(signal.SIGSTOP)
    try:
        await take(gate)
        await gate.aclose()
    finally:
        redis.send(signal.SIGCONT)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_leaving_a_redis_that_hangs_is_no_outage(
    redis: RedisServer, gates: Gates, caplog: pytest.LogCaptureFixture
) -> None:
    gate = gates()
    await take(gate)
    redis.send(signal.SIGSTOP)
    try:
        await gate.aclose()
    finally:
        redis.send(signal.SIGCONT)
    assert not caplog.messages


async def test_a_429_that_comes_while_another_is_told_is_told_after_it(
    redis: RedisServer, gates: Gates
) -> None:
    gate = gates()
    permits = [await gate.acquire() for _ in range(2)]
    gate.throttled(permits[0], 0.1)
    await asyncio.sleep(0)
    gate.throttled(permits[1], 60.0)
    for permit in permits:
        gate.answered(permit)
    await gate.aclose()
    pause = float(redis.ask("HGET", gate_key(redis), "pause").split()[1])
    assert pause - time.time() > 50


async def test_a_clock_that_is_put_back_stops_nobody(redis: RedisServer, gates: Gates) -> None:
    gate = gates(5)
    for _ in range(5):
        await take(gate)
    name, ahead = gate_key(redis), 3600.0
    for field in ("seen", "next", "granted", "waited", "quiet"):
        redis.ask("HINCRBYFLOAT", name, field, str(ahead))
    for kind in ("flying", "landed"):
        key = name.removesuffix("gate") + kind
        for member in redis.ask("ZRANGE", key, "0", "-1").split()[2::2]:
            redis.ask("ZINCRBY", key, str(ahead), member)
    async with asyncio.timeout(1.5):
        await take(gate)
        await take(gate)


async def test_redis_sees_a_hash_of_the_key_and_logs_see_nothing(
    redis: RedisServer, gates: Gates, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    gate = gates()
    await take(gate)
    names = redis.ask("KEYS", "*")
    assert "keyapi_async:{" in names
    assert KEY not in names + repr(gate) + caplog.text


async def test_keys_have_gates_of_their_own(redis: RedisServer) -> None:
    for key in ("one", "other"):
        async with RedisLimiter(redis.url, key=key) as gate:
            await take(gate)
    assert redis.ask("KEYS", "*:gate").count(":gate") == 2


async def test_what_nobody_uses_is_forgotten(redis: RedisServer, gates: Gates) -> None:
    await take(gates())
    name = gate_key(redis)
    assert 0 < int(redis.ask("TTL", name).strip(":\r\n")) <= 3600


# Outages


async def test_without_redis_each_process_keeps_to_its_share(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate = RedisLimiter("redis://:pass-word@127.0.0.1:1", key=KEY, qps=40, expected_processes=4)
    begin = time.monotonic()
    async with gate:
        for _ in range(12):
            await take(gate)
    assert time.monotonic() - begin > 0.8
    assert "pass-word" not in caplog.text
    (warning,) = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert "redis://127.0.0.1:1" in warning.getMessage()
    assert "keeps to 10 queries a second by itself" in warning.getMessage()


async def test_the_share_is_of_the_processes_seen_where_none_are_expected(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with redis_server() as own:
        ours = [RedisLimiter(own.url, key=KEY, qps=30) for _ in range(3)]
        for gate in (*ours, *ours):
            await take(gate)
        own.kill()
        await take(ours[0])
        assert ours[0].limit == 10
        assert "by itself" in repr(ours[0])
        assert not ours[0].sharing
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
        times = [time.monotonic(), *[(await take(gate)).at for _ in range(4)]]
        assert max(later - earlier for earlier, later in pairwise(times)) < 2
        assert not gate.sharing
        await asyncio.sleep(0.6)
        await take(gate)  # it is looked for again, in vain, and nobody waits for that
    finally:
        redis.send(signal.SIGCONT)

    async def going_on() -> None:
        while not gate.sharing:
            await take(gate)

    await asyncio.wait_for(going_on(), 5)
    assert [one.levelname for one in caplog.records] == ["WARNING", "INFO"]
    assert "no answer within 0.5 s" in caplog.text
    assert "answers again: the gate is shared" in caplog.text


async def test_a_redis_that_forgets_everything_is_told_what_was_sent(
    redis: RedisServer, gates: Gates
) -> None:
    one, other = gates(10, expected_processes=2), gates(10, expected_processes=2)
    times: list[float] = []

    async def ask(gate: RedisLimiter) -> None:
        for _ in range(12):
            times.append((await take(gate)).at)
            if len(times) == 8:
                redis.ask("FLUSHALL")
                redis.ask("SCRIPT", "FLUSH")

    await asyncio.gather(ask(one), ask(other))
    assert worst_second(sorted(times)) <= 10
    assert one.sharing
    assert other.sharing


async def test_what_was_asked_without_redis_is_told_in_the_end(
    redis: RedisServer, gates: Gates
) -> None:
    gate = gates(8, expected_processes=1)
    redis.send(signal.SIGSTOP)
    try:
        times = [(await take(gate)).at for _ in range(4)]
        early = await gate.acquire()  # answered when Redis is back
    finally:
        redis.send(signal.SIGCONT)
    while not gate.sharing:
        times.append((await take(gate)).at)
    gate.answered(early)
    times += [early.at, *[(await take(gate)).at for _ in range(8)]]
    assert worst_second(sorted(times)) <= 8


async def test_a_429_without_redis_makes_the_process_wait(redis: RedisServer, gates: Gates) -> None:
    gate = gates(50)
    redis.send(signal.SIGSTOP)
    try:
        permit = await gate.acquire()
        begin = time.monotonic()
        gate.throttled(permit, 0.3)
        gate.answered(permit)
        await take(gate)
        assert time.monotonic() - begin >= 0.3
    finally:
        redis.send(signal.SIGCONT)


async def test_a_redis_that_dies_takes_its_promises_with_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with redis_server() as own:
        async with RedisLimiter(own.url, key=KEY, qps=3) as gate:
            first = await gate.acquire()
            waiter = asyncio.create_task(take(gate))
            await asyncio.sleep(0.1)
            own.kill()
            gate.throttled(first, 0.0)  # so Redis is told, and does not answer
            gate.answered(first)
            async with asyncio.timeout(2):
                await waiter
            assert not gate.sharing
        own.start()
    assert "by itself" in caplog.text


async def test_an_answer_that_goes_astray_is_an_outage(
    redis: RedisServer, gates: Gates, caplog: pytest.LogCaptureFixture
) -> None:
    gate = gates()
    await take(gate)
    redis.ask("SET", gate_key(redis), "no-hash")
    await take(gate)
    assert "WRONGTYPE" in caplog.text
    assert not gate.sharing


# Life


async def test_a_client_that_closes_lets_the_connections_go(redis: RedisServer) -> None:
    gate = RedisLimiter(redis.url, key=KEY, qps=200)
    async with Sandbox() as box:
        for _ in range(2):  # and another one opens them again
            async with KeyAPI(box.api_key, base_url=box.url, limiter=gate, proxy="") as api:
                await api.tiktok.product.creators("1729492547846767618")
                assert clients(redis) == 2
            assert clients(redis) == 1
    assert {task for task in asyncio.all_tasks() if task is not asyncio.current_task()} == set()


def clients(redis: RedisServer) -> int:
    return int(redis.ask("INFO", "clients").split("connected_clients:")[1].split()[0])


async def test_a_client_that_closes_leaves_the_gate_to_those_who_wait(gates: Gates) -> None:
    gate = gates(4)
    for _ in range(4):
        await take(gate)
    waiter = asyncio.create_task(take(gate))
    await asyncio.sleep(0.05)
    await gate.aclose()
    await waiter
    assert gate.sharing


async def test_closing_waits_for_what_is_under_way(redis: RedisServer, gates: Gates) -> None:
    gate = gates(50)
    permit = await gate.acquire()
    gate.throttled(permit, 5.0)
    gate.answered(permit)
    waiter = asyncio.create_task(take(gate))
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.wait((waiter,))
    await gate.aclose()
    assert float(redis.ask("HGET", gate_key(redis), "limit").split()[1]) == pytest.approx(48.5)


async def test_a_429_through_the_client_reaches_the_other_process_gate(gates: Gates) -> None:
    one, other = gates(50), gates(50)
    await take(other)
    async with (
        Sandbox(faults=Faults(script=[Fault.TOO_MANY_REQUESTS])) as box,
        KeyAPI(box.api_key, base_url=box.url, limiter=one, proxy="") as api,
    ):
        await api.tiktok.product.creators("1729492547846767618")
        await take(other)
        await take(other)
    assert other.limit < 50


def test_it_serves_one_event_loop_at_a_time(redis: RedisServer) -> None:
    gate = RedisLimiter(redis.url, key=KEY)

    async def used() -> None:
        await take(gate)
        told: list[BaseException] = []

        def elsewhere() -> None:
            try:
                asyncio.run(take(gate))
            except UsageError as error:
                told.append(error)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        assert "another event loop" in str(told[0])
        await gate.aclose()

    for _ in range(2):
        asyncio.run(used())
    gc.collect()


# What is refused


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"qps": 0}, "qps=0"),
        ({"qps": True}, "qps=True"),
        ({"expected_processes": 0}, "expected_processes=0: a whole number, 1 or more"),
        ({"expected_processes": 1.5}, "expected_processes=1.5"),
        ({"expected_processes": True}, "expected_processes=True"),
        ({"key": " "}, "no API key: pass key=, or set KEYAPI_TOKEN"),
        ({"url": "localhost:6379"}, "url: an address of Redis, such as redis://localhost:6379/0"),
        ({"url": "http://[::1"}, "url: an address of Redis"),
        ({"url": None}, "url: an address of Redis"),
        ({"url": "redis://:pw@host:port/0"}, "redis://host:port: "),
        ({"url": "redis+sentinel://host"}, "the path of a Sentinel address"),
        ({"url": "redis+sentinel://host/service/db"}, "the path of a Sentinel address"),
        ({"url": "redis+sentinel://:pw@,host/service"}, "names a host"),
    ],
)
def test_what_cannot_be_is_refused_at_once(options: dict[str, object], told: str) -> None:
    given = {"url": "redis://localhost", "key": KEY, **options}
    with pytest.raises(ConfigurationError) as caught:
        RedisLimiter(**given)  # type: ignore[arg-type]
    assert told in str(caught.value)
    assert "pw" not in str(caught.value)


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEYAPI_TOKEN", raising=False)
    with pytest.raises(ConfigurationError, match="no API key"):
        RedisLimiter("redis://localhost")
    monkeypatch.setenv("KEYAPI_TOKEN", KEY)
    RedisLimiter("redis://localhost")
    assert os.environ["KEYAPI_TOKEN"] == KEY


def test_without_redis_py_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "redis"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'keyapi-async\[redis\]'"):
        RedisLimiter("redis://localhost", key=KEY)


def test_slots_are_even(redis: RedisServer) -> None:
    async def main() -> list[float]:
        async with RedisLimiter(redis.url, key=KEY, qps=25) as gate:
            return [(await take(gate)).at for _ in range(20)]

    times = asyncio.run(main())
    gaps = sorted(later - earlier for earlier, later in pairwise(times[4:]))
    assert gaps[len(gaps) // 2] == pytest.approx(1 / 25, rel=0.25)


async def test_a_redis_that_is_far_away_does_not_slow_the_gate_down(redis: RedisServer) -> None:
    async def far(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Bring everything 20 ms later, each way."""
        to_redis, from_redis = await asyncio.open_connection("127.0.0.1", redis.port)
        loop = asyncio.get_running_loop()

        async def carry(source: asyncio.StreamReader, goal: asyncio.StreamWriter) -> None:
            while data := await source.read(1 << 16):
                loop.call_later(0.02, goal.write, data)
            goal.close()

        with suppress(asyncio.CancelledError):  # the server is closed
            await asyncio.gather(carry(reader, from_redis), carry(to_redis, writer))

    async with await asyncio.start_server(far, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with RedisLimiter(f"redis://127.0.0.1:{port}/0", key=KEY, qps=50) as gate:
            times: list[float] = []

            async def one() -> None:
                while True:
                    times.append((await take(gate)).at)

            tasks = [asyncio.create_task(one()) for _ in range(32)]
            await asyncio.sleep(2.5)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            assert all(task.cancelled() for task in tasks)
            assert gate.sharing
    settled = [at for at in times if at > times[0] + 1]
    assert len(settled) / (settled[-1] - settled[0]) > 30  # one at a time: 24
    assert worst_second(times) <= 50


def test_an_event_loop_that_is_gone_leaves_the_limiter_to_the_next(redis: RedisServer) -> None:
    gate = RedisLimiter(redis.url, key=KEY)

    async def main() -> None:
        await take(gate)
        await gate._link.close()  # the user forgot to close the gate itself

    for _ in range(2):
        asyncio.run(main())


async def test_a_redis_whose_memory_is_full_shares_the_gate_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with redis_server("--maxmemory", "1", "--maxmemory-policy", "noeviction") as full:
        async with RedisLimiter(full.url, key=KEY, qps=100) as gate:
            for _ in range(5):
                await take(gate)
            assert gate.sharing
    assert not caplog.messages


async def test_a_client_that_closes_on_those_who_wait_lets_the_connections_go(
    redis: RedisServer,
) -> None:
    gate = RedisLimiter(redis.url, key=KEY, qps=1)
    await take(gate)
    async with KeyAPI(KEY, base_url="http://127.0.0.1:1", limiter=gate, proxy="") as api:
        waiters = [asyncio.create_task(api.get("/v1/any")) for _ in range(3)]
        await until(lambda: gate._users == 3)
        assert clients(redis) == 2
    await asyncio.wait(waiters)
    assert [type(one.exception()) for one in waiters] == [UsageError] * 3
    await until(lambda: clients(redis) == 1)


async def test_processes_of_a_time_to_come_are_forgotten(redis: RedisServer, gates: Gates) -> None:
    ours = [gates() for _ in range(3)]
    for gate in ours:
        await take(gate)
    name = gate_key(redis)
    redis.ask("HINCRBYFLOAT", name, "seen", "3600")
    key = name.removesuffix("gate") + "processes"
    for member in redis.ask("ZRANGE", key, "0", "-1").split()[2::2]:
        redis.ask("ZINCRBY", key, "3600", member)
    await take(ours[0])
    assert redis.ask("ZCARD", key).strip() == ":1"


async def test_a_burst_of_429s_is_told_by_one_call_at_a_time_and_lowers_the_limit_once(
    redis: RedisServer, gates: Gates
) -> None:
    gate = gates(1000)
    permits = [await gate.acquire() for _ in range(150)]
    now = asyncio.get_running_loop().time()
    for permit in permits:
        permit.at = now - 0.06  # they were sent before any of the answers came
        gate.throttled(permit, 0.0)
        gate.answered(permit)
    await until(lambda: not gate._telling)
    assert clients(redis) <= 3
    assert gate.limit == pytest.approx(970)
    assert gate.sharing


async def test_what_one_client_leaves_is_not_forgotten_while_another_goes_on(gates: Gates) -> None:
    gate = gates(20, expected_processes=1)
    permits = [await gate.acquire() for _ in range(15)]
    gate.throttled(permits[0], 30.0)
    await gate.aclose()  # the first of two clients is closed, and the other has these under way
    for permit in permits:
        gate.answered(permit)
    now = asyncio.get_running_loop().time()
    assert gate._paused_until > now + 25
    assert len(gate._window.taken(now)) == 15
    gate._window.room_at(now + 3, 1)
    assert gate._window._size == 0


async def test_a_process_that_leaves_no_longer_counts(redis: RedisServer) -> None:
    for _ in range(5):  # as the partitions of a cluster do, one after the other
        async with RedisLimiter(redis.url, key=KEY, qps=100) as gate:
            await take(gate)
    assert redis.ask("KEYS", "*:processes").startswith("*0")
