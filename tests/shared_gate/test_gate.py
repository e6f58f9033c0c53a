"""One gate, many limiters of one process: order, pace, pauses, keys."""

import asyncio
import logging
import time

import pytest

from keyapi_async import ConfigurationError, KeyAPI, RedisLimiter
from keyapi_async.limiter import Bound, Connected, Limiter
from keyapi_async.sandbox import Sandbox
from tests.gates import LOOPBACK, SERVERS, ask, take, worst_second
from tests.redis_server import RedisServer
from tests.shared_gate.sharing import GATE, KEY, PLACES, Gates, calls, crowd, until, way_to

OTHER_KEY = "another-key"


async def test_permits_are_granted_in_the_order_of_asking_for_a_round_trip_each(
    redis: RedisServer, gates: Gates
) -> None:
    gate, order = gates(1000), list[int]()
    assert all(isinstance(gate, protocol) for protocol in (Limiter, Bound, Connected))
    await take(gate)
    before = calls(redis)
    for _ in range(50):
        await take(gate)
    assert calls(redis) - before == 50

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
    await crowd(gate, 4, 1.5, [])
    assert gate.limit > 7


async def test_another_plan_begins_anew(gates: Gates) -> None:
    small, large = gates(5), gates(500)
    for _ in range(2):
        await take(small)
        await take(large)
        assert (small.limit, large.limit) == (5, 500)


@pytest.mark.parametrize("server", ["sliding", "spaced"])
async def test_servers_that_count_are_kept_to_and_nobody_starves(server: str, gates: Gates) -> None:
    window, ours = SERVERS[server](50.0), [gates(50), gates(50)]
    seen = await asyncio.gather(
        *(ask(gate, window, 2.0, latency=LOOPBACK, callers=8) for gate in ours)
    )
    served = sorted(at for one in seen for at in one.served)
    assert worst_second(served) <= 51
    assert sum(len(one.refused) for one in seen) <= (0 if server == "sliding" else 8)
    assert len(served) > 2.0 * 50 * (0.8 if server == "sliding" else 0.2)
    if server == "sliding":
        one, other = (len(one.served) for one in seen)
        assert abs(one - other) <= 6


async def test_a_permit_for_far_ahead_is_not_granted_yet(redis: RedisServer, gates: Gates) -> None:
    gate = gates(1.5)
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
    gate = gates(10)
    for _ in range(10):
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
    times: list[float] = []
    async with (
        way_to(redis, seconds=0.02) as port,
        RedisLimiter(f"redis://127.0.0.1:{port}/0", name="plan", qps=50) as gate,
    ):
        await crowd(gate, 32, 1.8, times)
        assert gate.sharing
    settled = [at for at in times if at > times[0] + 0.8]
    assert len(settled) / (settled[-1] - settled[0]) > 40  # one at a time: 24
    assert worst_second(times) <= 50


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
    with pytest.raises(ConfigurationError, match="make one for each key"):
        KeyAPI(OTHER_KEY, limiter=gate)
    named = RedisLimiter(redis.url, name="plan")
    for key in (KEY, OTHER_KEY):
        KeyAPI(key, limiter=named)
    with pytest.raises(ConfigurationError, match="give it to a client"):
        await RedisLimiter(redis.url).acquire()
    names = redis.ask("KEYS", "*:gate")
    assert names.count(":gate") == 2
    assert KEY not in names + caplog.text
