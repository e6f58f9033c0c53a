"""One gate, many limiters of one process: order, pace, pauses, outages, and what is left."""

import asyncio
import gc
import logging
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from itertools import pairwise

import pytest

from keyapi_async import ConfigurationError, KeyAPI, Permit, RedisLimiter, UsageError
from keyapi_async.limiter import Bound, Connected, Limiter
from keyapi_async.sandbox import Fault, Faults, Sandbox
from tests.gates import LOOPBACK, SERVERS, Seen, ask, worst_second
from tests.redis_server import RedisServer, redis_server

GATE, PLACES = "keyapi_async:2:{plan}:gate", "keyapi_async:2:{plan}:places"
KEY, OTHER_KEY = "the-key-of-the-plan", "another-key"
Gates = Callable[..., RedisLimiter]


@pytest.fixture
async def gates(redis: RedisServer) -> AsyncIterator[Gates]:
    made: list[RedisLimiter] = []

    def gate(qps: float | None = 50, **options: int) -> RedisLimiter:
        made.append(RedisLimiter(redis.url, name="plan", qps=qps, **options))
        return made[-1]

    yield gate
    for one in made:
        await one.aclose()


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


def test_it_fulfils_the_protocols() -> None:
    assert isinstance(RedisLimiter("redis://localhost"), Limiter)
    assert isinstance(RedisLimiter("redis://localhost"), Bound)
    assert isinstance(RedisLimiter("redis://localhost"), Connected)


async def test_a_permit_costs_one_round_trip(redis: RedisServer, gates: Gates) -> None:
    gate = gates(1000)
    await take(gate)
    before = calls(redis)
    for _ in range(50):
        await take(gate)
    assert calls(redis) - before == 50


async def test_no_second_has_more_than_the_limit_and_nobody_starves(gates: Gates) -> None:
    taken: list[list[float]] = [[], [], []]
    await asyncio.gather(*(crowd(gates(20), 4, 2.0, times) for times in taken))
    together = sorted(at for times in taken for at in times)
    assert worst_second(together) <= 20
    assert len(together) > 2 * 20 * 0.8
    assert max(map(len, taken)) - min(map(len, taken)) <= 4


async def test_permits_are_granted_in_the_order_of_asking(gates: Gates) -> None:
    gate = gates(200)
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
    for _ in range(2):
        await take(gate)
    before = calls(redis)
    for pause in (0.0, 0.05):  # while Redis is asked, and while its promise is waited for
        waiter = asyncio.create_task(take(gate))
        await asyncio.sleep(pause)
        waiter.cancel()
        await asyncio.wait((waiter,))
    await take(gate)
    assert calls(redis) - before <= 2


async def test_a_429_of_one_makes_all_wait_and_spaces_the_permits_of_all(gates: Gates) -> None:
    one, other = gates(50), gates(50)
    for gate in (one, other):
        await take(gate)
    permit = await one.acquire()
    begin = time.monotonic()
    one.throttled(permit, 0.7)
    one.answered(permit)
    await asyncio.sleep(0.05)
    await take(other)
    assert time.monotonic() - begin >= 0.7
    permit = await one.acquire()
    one.throttled(permit, 0.0)  # so soon that spacing has not helped
    one.answered(permit)
    await until(lambda: one.limit < 50)
    await take(other)
    assert other.limit == one.limit


async def test_retry_after_of_a_429_is_obeyed_for_two_minutes_at_most(
    redis: RedisServer, gates: Gates
) -> None:
    gate = gates()
    permits = [await gate.acquire() for _ in range(2)]
    for permit, retry_after in zip(permits, (1e9, 60.0), strict=True):
        gate.throttled(permit, retry_after)
        await asyncio.sleep(0)
    await gate.aclose()
    due = float(redis.ask("HGET", GATE, "due").split()[1])
    assert 115 < due - float(redis.ask("TIME").split()[2]) < 125


async def test_the_limit_is_found_where_it_is_unknown(gates: Gates) -> None:
    gate = gates(None)
    assert gate.limit == 5
    await crowd(gate, 4, 2.5, [])
    assert gate.limit > 7


async def test_another_plan_begins_anew(gates: Gates) -> None:
    small, large = gates(5), gates(500)
    for _ in range(2):
        await take(small)
        await take(large)
        assert (small.limit, large.limit) == (5, 500)


@pytest.mark.parametrize("server", ["sliding", "spaced"])
async def test_servers_that_count_are_kept_to(server: str, gates: Gates) -> None:
    window, ours = SERVERS[server](50.0), [gates(50), gates(50)]
    seen = Seen()
    for one in await asyncio.gather(
        *(ask(gate, window, 2.5, latency=LOOPBACK, callers=8) for gate in ours)
    ):
        seen.served += one.served
        seen.refused += one.refused
    assert worst_second(sorted(seen.served)) <= 51
    assert len(seen.refused) <= (0 if server == "sliding" else 8)
    assert len(seen.served) > 2.5 * 50 * (0.8 if server == "sliding" else 0.2)


async def test_a_permit_for_far_ahead_is_not_granted_yet(redis: RedisServer, gates: Gates) -> None:
    gate = gates(1)
    await take(gate)
    before = calls(redis)
    await take(gate)
    assert calls(redis) - before == 2


async def test_a_permit_that_comes_too_late_is_asked_for_again(
    redis: RedisServer, gates: Gates
) -> None:
    gate = gates(4)
    await take(gate)
    before = calls(redis)
    waiter = asyncio.create_task(take(gate))
    await until(lambda: calls(redis) > before)
    await asyncio.sleep(0.05)
    time.sleep(0.7)  # noqa: ASYNC251  # the loop is busy
    await waiter
    assert calls(redis) - before >= 2


async def test_a_clock_that_is_put_back_stops_nobody(redis: RedisServer, gates: Gates) -> None:
    gate = gates(5)
    for _ in range(5):
        await take(gate)
    for field in ("seen", "due"):
        redis.ask("HINCRBYFLOAT", GATE, field, "3600")
    for member in redis.ask("ZRANGE", PLACES, "0", "-1").split()[2::2]:
        redis.ask("ZINCRBY", PLACES, "3600", member)
    async with asyncio.timeout(3):
        await take(gate)
        await take(gate)


async def test_what_nobody_uses_is_forgotten_and_a_process_that_leaves_no_longer_counts(
    redis: RedisServer,
) -> None:
    for _ in range(5):  # as the partitions of a cluster do, one after the other
        async with RedisLimiter(redis.url, name="plan", qps=100) as gate:
            await take(gate)
    assert redis.ask("ZCARD", "keyapi_async:2:{plan}:processes").startswith(":0")
    assert 0 < int(redis.ask("TTL", GATE).strip(":\r\n")) <= 3600


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

    times: list[float] = []
    async with await asyncio.start_server(far, "127.0.0.1", 0) as server:
        url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
        async with RedisLimiter(url, name="plan", qps=50) as gate:
            await crowd(gate, 32, 2.5, times)
            assert gate.sharing
    settled = [at for at in times if at > times[0] + 1]
    assert len(settled) / (settled[-1] - settled[0]) > 40  # one at a time: 24
    assert worst_second(times) <= 50


# Keys


async def test_a_gate_is_that_of_its_clients_key(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("KEYAPI_TOKEN", "not-this-one")
    for key in (KEY, OTHER_KEY, KEY):
        async with Sandbox(api_key=key) as box:
            gate = RedisLimiter(redis.url)
            async with KeyAPI(key, base_url=box.url, limiter=gate, proxy="") as api:
                await api.tiktok.product.creators("1729492547846767618")
            assert key not in repr(gate)
    names = redis.ask("KEYS", "*:gate")
    assert names.count(":gate") == 2
    assert KEY not in names + caplog.text


def test_a_limiter_of_clients_of_two_keys_is_refused_unless_it_has_a_name() -> None:
    gate = RedisLimiter("redis://localhost")
    for _ in range(2):
        KeyAPI(KEY, limiter=gate)
    with pytest.raises(ConfigurationError, match="make one for each key"):
        KeyAPI(OTHER_KEY, limiter=gate)
    named = RedisLimiter("redis://localhost", name="plan")
    KeyAPI(KEY, limiter=named)
    KeyAPI(OTHER_KEY, limiter=named)


async def test_without_a_client_it_needs_a_name() -> None:
    with pytest.raises(ConfigurationError, match="give it to a client"):
        await RedisLimiter("redis://localhost").acquire()


# Outages


async def test_without_redis_each_process_keeps_to_its_share(
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = "redis://:pass-word@127.0.0.1:1"
    begin = time.monotonic()
    async with RedisLimiter(url, name="plan", qps=40, expected_processes=4) as gate:
        for _ in range(12):
            await take(gate)
    assert time.monotonic() - begin > 1.1
    assert "pass-word" not in caplog.text
    (warning,) = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert "redis://127.0.0.1:1" in warning.getMessage()
    assert "keeps to 10 queries a second by itself" in warning.getMessage()


async def test_the_share_is_of_the_processes_seen_where_none_are_expected() -> None:
    with redis_server() as own:
        ours = [RedisLimiter(own.url, name="plan", qps=6) for _ in range(3)]
        for gate in (*ours, *ours):
            await take(gate)
        first = await ours[0].acquire()
        waiter = asyncio.create_task(take(ours[0]))
        await asyncio.sleep(0.05)
        own.kill()
        ours[0].throttled(first, 0.0)  # so Redis is told, and does not answer
        ours[0].answered(first)
        await waiter
        assert ours[0].limit == 2
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
        times = [time.monotonic(), *[(await take(gate)).at for _ in range(4)]]
        assert max(later - earlier for earlier, later in pairwise(times)) < 1
        assert not gate.sharing
        permit = await gate.acquire()
        gate.throttled(permit, 0.3)
        gate.answered(permit)
        assert (await take(gate)).at >= permit.at + 0.3
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


async def test_where_redis_forgets_everything_or_is_left_for_a_while_the_limit_is_kept(
    redis: RedisServer, gates: Gates
) -> None:
    ours = [gates(20, expected_processes=2), gates(20, expected_processes=2)]
    times: list[float] = []

    async def disturb() -> None:
        await asyncio.sleep(0.5)
        redis.ask("FLUSHALL")
        redis.ask("SCRIPT", "FLUSH")
        await asyncio.sleep(1.0)
        redis.send(signal.SIGSTOP)
        await asyncio.sleep(0.8)
        redis.send(signal.SIGCONT)

    await asyncio.gather(disturb(), *(crowd(gate, 4, 4.0, times) for gate in ours))
    assert worst_second(sorted(times)) <= 21
    assert len(times) > 4 * 20 * 0.4
    assert all(gate.sharing for gate in ours)


async def test_a_key_of_redis_that_is_something_else_is_an_outage(
    redis: RedisServer, gates: Gates, caplog: pytest.LogCaptureFixture
) -> None:
    redis.ask("SET", GATE, "no-hash")
    gate = gates()
    await take(gate)
    assert "WRONGTYPE" in caplog.text
    assert not gate.sharing


async def test_a_redis_whose_memory_is_full_shares_the_gate_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with redis_server("--maxmemory", "1", "--maxmemory-policy", "noeviction") as full:
        async with RedisLimiter(full.url, name="plan", qps=100) as gate:
            for _ in range(5):
                await take(gate)
            assert gate.sharing
    assert not caplog.messages


# Life


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
        ({"name": ""}, "name="),
        ({"name": "a{b}"}, "name="),
        ({"name": 3}, "name=3"),
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


async def test_what_another_version_left_in_redis_is_told_and_each_goes_on_alone(
    gates: Gates, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    await take(gates())
    redis.ask("HSET", GATE, "state", "[50,{}]")
    newcomer = gates()
    await asyncio.wait_for(take(newcomer), 10)
    assert not newcomer.sharing
    assert "its answer makes no sense" in caplog.text
