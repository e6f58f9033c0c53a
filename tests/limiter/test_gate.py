"""The gate of one process, on a virtual clock."""

import asyncio
import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keyapi_async import ConfigurationError, Limiter, Permit, QpsLimiter
from keyapi_async.limiter import Bound, Connected, Immediate
from tests import gates, virtual
from tests.gates import LOOPBACK, SERVERS, simulate, worst_second

LOOP = virtual.VirtualLoop
COUNTED = ("fixed", "sliding", "token")


take = partial(gates.take, trip=0.01)


def test_it_fulfils_the_protocols_and_tells_its_limit() -> None:
    assert QpsLimiter().limit == 10
    assert isinstance(QpsLimiter(), Limiter)
    assert isinstance(QpsLimiter(), Immediate)
    assert not isinstance(QpsLimiter(), Bound | Connected)


async def test_permits_are_granted_in_the_order_of_asking() -> None:
    gate = QpsLimiter(20)
    order: list[int] = []

    async def one(number: int) -> None:
        await asyncio.sleep(number * 0.001)
        await take(gate)
        order.append(number)

    await asyncio.gather(*(one(number) for number in reversed(range(100))))
    assert order == list(range(100))


async def test_a_cancelled_waiter_gives_its_place_back() -> None:
    gate = QpsLimiter(10)
    waiters = [asyncio.create_task(take(gate)) for _ in range(60)]
    await asyncio.sleep(0.5)
    for waiter in waiters[::2]:
        waiter.cancel()
    done = await asyncio.gather(*waiters, return_exceptions=True)
    granted = [at for at in done if isinstance(at, float)]
    assert 30 <= len(granted) <= 36
    assert max(granted) < len(granted) / 9.0 + 0.5


async def test_an_answer_that_is_overdue_gives_its_place_back_once() -> None:
    gate = QpsLimiter(1)
    first = await gate.acquire()
    await asyncio.sleep(5.0)
    second = await gate.acquire()
    gate.answered(first)
    gate.answered(second)
    assert await take(gate) - second.at == pytest.approx(1 / 0.95)


async def test_a_subclass_with_an_acquire_of_its_own_grants_every_permit_there() -> None:
    class Own(QpsLimiter):
        async def acquire(self) -> Permit:
            return await super().acquire()

    class Both(QpsLimiter):
        acquire = Own.acquire

        def at_once(self, now: float) -> Permit | None:
            return Permit(now)

    assert Own(10).at_once(0.0) is None
    assert Both(10).at_once(0.0) is not None
    assert await take(Own(10)) < 0.01


@settings(max_examples=60, deadline=None)
@given(
    qps=st.floats(0.4, 40),
    arrivals=st.lists(st.floats(0, 6), max_size=120),
    trips=st.lists(st.floats(0, 3), min_size=1, max_size=7),
    cancelled=st.sets(st.integers(0, 119), max_size=20),
)
@example(qps=1.5, arrivals=[0.0] * 40, trips=[1.0], cancelled=set())  # all answers are overdue
@example(qps=5.0, arrivals=[0.0] * 80, trips=[0.9, 0.0], cancelled=set())
async def test_never_more_than_the_limit_in_any_second_for_any_arrivals(
    qps: float, arrivals: list[float], trips: list[float], cancelled: set[int]
) -> None:
    granted: list[float] = []
    gate = QpsLimiter(qps)

    async def one(number: int, arrival: float) -> None:
        await asyncio.sleep(arrival)
        permit = await gate.acquire()
        granted.append(permit.at)
        try:
            await asyncio.sleep(trips[number % len(trips)])
        finally:
            gate.answered(permit)

    tasks = [asyncio.create_task(one(*item)) for item in enumerate(arrivals)]
    await asyncio.sleep(3)
    for number in cancelled & set(range(len(tasks))):
        tasks[number].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(o is None or isinstance(o, asyncio.CancelledError) for o in outcomes)
    assert granted == sorted(granted)
    assert worst_second(granted) <= max(1, math.floor(qps))


async def test_what_is_granted_at_once_counts_for_those_who_wait() -> None:
    gate = QpsLimiter(40)
    loop = asyncio.get_running_loop()
    assert gate.at_once(loop.time()) is not None
    assert gate.at_once(loop.time()) is None
    times = [await take(gate, trip=0.0) for _ in range(3)]
    assert times == pytest.approx([n / 38 for n in (1, 2, 3)])
    gate = QpsLimiter(40)
    granted = [gate.at_once(at) is not None for at in (0.0, 0.99 / 38, 1 / 38)]
    assert granted == [True, False, True]
    gate = QpsLimiter(2)  # an unanswered one takes its place for 1.3 s
    granted = [gate.at_once(at) is not None for at in (0.0, 0.6, 1.2, 1.31)]
    assert granted == [True, True, False, True]


async def test_nothing_is_granted_at_once_where_somebody_waits() -> None:
    gate = QpsLimiter(10)
    loop = asyncio.get_running_loop()
    gate.throttled(await gate.acquire(), 3.0)
    assert gate.at_once(loop.time() + 2.5) is None
    waiter = asyncio.create_task(take(gate))
    await asyncio.sleep(1.0)
    assert gate.at_once(loop.time() + 2.5) is None  # it would be open then, if nobody waited
    assert await waiter >= 3.0
    assert gate.at_once(loop.time() + 1.0) is not None


async def test_one_429_pauses_every_waiter_for_its_retry_after() -> None:
    gate = QpsLimiter(100)
    permit = await gate.acquire()
    waiters = [asyncio.create_task(take(gate)) for _ in range(5)]
    gate.throttled(permit, 3.0)
    gate.throttled(permit, 1.0)  # a shorter pause does not end a longer one
    gate.answered(permit)
    assert min(await asyncio.gather(*waiters)) >= 3.0
    permit = await gate.acquire()
    now = asyncio.get_running_loop().time()
    gate.throttled(permit, None)
    assert await take(gate) == pytest.approx(now + 0.5, abs=0.05)
    gate.throttled(permit, 9999.0)
    assert await take(gate) == pytest.approx(now + 0.5 + 120, abs=1)


@pytest.mark.parametrize("qps", [0, -1, math.nan, math.inf, "5", True])
def test_a_rate_that_cannot_be_is_refused(qps: float) -> None:
    with pytest.raises(ConfigurationError, match="qps"):
        QpsLimiter(qps)


async def test_a_rate_below_one_a_second_is_kept() -> None:
    gate = QpsLimiter(0.25)
    times = [await take(gate) for _ in range(5)]
    assert all(later - sooner >= 4 for sooner, later in pairwise(times))


async def test_a_late_timer_is_made_up_for_by_55_ms_at_most() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, virtual.VirtualLoop)
    gate = QpsLimiter(20)
    waiters = [asyncio.create_task(take(gate)) for _ in range(5)]
    await asyncio.sleep(0.01)
    loop.jump.now += 0.5
    gaps = [19 * (later - sooner) for sooner, later in pairwise(await asyncio.gather(*waiters))]
    assert gaps[1:] == pytest.approx([0.0, 0.955, 1.0], abs=1e-6)


async def test_an_answer_with_429_is_no_success() -> None:
    gate, loop = QpsLimiter(None), asyncio.get_running_loop()
    refused = [await gate.acquire() for _ in range(5)]
    for permit in refused:
        gate.throttled(permit, 0.0)
        gate.answered(permit)
    while loop.time() < 2.5:
        permit = await gate.acquire()
    gate.throttled(permit, 0.0)
    assert gate.limit == 5.0  # no request was served, which says nothing of what is allowed


def test_permits_are_distinct_even_at_one_instant() -> None:
    make: Callable[[float], Permit] = Permit
    assert make(1.0) != make(1.0)


@pytest.mark.parametrize("server", [*COUNTED, "gcra"])
@pytest.mark.parametrize("qps", [5.0, 50.0])
def test_told_the_truth_it_meets_no_429_and_uses_88_percent(server: str, qps: float) -> None:
    seen = simulate(lambda: QpsLimiter(qps), SERVERS[server](qps), 60)
    assert not seen.refused
    assert seen.use(qps, 0, 60) >= 88


@pytest.mark.parametrize("server", COUNTED)
def test_told_50_where_30_is_true_it_learns(server: str) -> None:
    seen = simulate(lambda: QpsLimiter(50), SERVERS[server](30), 120)
    assert seen.met(0, 30) <= 15
    assert seen.met(30, 120) <= 3
    assert seen.use(30, 0, 120) >= 85


@pytest.mark.parametrize("server", COUNTED)
def test_told_nothing_it_uses_80_percent(server: str) -> None:
    seen = simulate(lambda: QpsLimiter(None), SERVERS[server](50), 60)
    assert seen.use(50, 0, 60) >= 80
    assert seen.met(30, 60) <= 20


@pytest.mark.parametrize("server", SERVERS)
def test_on_loopback_it_uses_93_percent_whatever_bursts_the_server_allows(server: str) -> None:
    seen = simulate(lambda: QpsLimiter(50), SERVERS[server](50), 60, latency=LOOPBACK)
    assert seen.use(50, 0, 60) >= 93
    assert not seen.refused


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("qps", [2.0, 13.0, 50.0])
def test_a_search_is_never_over_for_good(server: str, qps: float) -> None:
    seen = simulate(lambda: QpsLimiter(None), SERVERS[server](qps), 60, latency=LOOPBACK)
    assert qps < 5 or seen.use(qps, 15, 20) >= 70
    assert seen.use(qps, 40, 60) >= 80
    assert seen.met(0, 60) <= 12


async def test_timers_that_come_late_cost_a_spaced_server_five_429s_at_most() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, virtual.VirtualLoop)

    def stall(times: int) -> None:
        """Keep the loop busy now and then, so that permits come together after it."""
        loop.jump.now += 0.03
        if times:
            loop.call_later(0.21, stall, times - 1)

    stall(60)
    seen = await gates.ask(QpsLimiter(50), SERVERS["spaced"](50), 60, latency=LOOPBACK)
    assert 1 <= len(seen.refused) <= 5
    assert seen.use(50, 0, 60) >= 88


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("qps", [3.0, 20.0])
async def test_those_who_wait_through_a_suspension_do_not_burst(server: str, qps: float) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, virtual.VirtualLoop)

    def leap(*others: float) -> None:
        loop.jump.now += 3600.0
        if others:
            loop.call_later(others[0], leap, *others[1:])

    loop.call_later(0.9, leap, 0.4, 0.3, 2.0, 0.05)
    window, seconds = SERVERS[server](qps), 5 * 3600.0 + 10
    seen = await gates.ask(QpsLimiter(qps), window, seconds, latency=LOOPBACK, callers=30)
    assert len(seen.served) > 4 * qps
    assert worst_second(sorted(seen.served + seen.refused)) <= qps
    # Two that come late together are too close for a server that allows hardly any burst.
    assert len(seen.refused) <= {"spaced": 10, "burst 2": 2}.get(server, 0)


def test_what_times_out_was_let_in_and_says_what_is_allowed() -> None:
    seen = simulate(lambda: QpsLimiter(50), SERVERS["fixed"](30), 60, given_up=1.0)
    assert seen.met(30, 60) <= 5
    assert seen.use(30, 30, 60) >= 80
