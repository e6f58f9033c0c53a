"""The gate, on a virtual clock."""

import asyncio
import math
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.gate import simulate
from benchmarks.shared_gate import worst_second
from keyapi_async import ConfigurationError, Limiter, Permit, QpsLimiter
from keyapi_async.limiter.belief import Belief
from keyapi_async.sandbox.windows import Window
from tests import virtual


async def take(gate: QpsLimiter, trip: float = 0.01) -> float:
    permit = await gate.acquire()
    await asyncio.sleep(trip)
    gate.answered(permit)
    return permit.at


def test_it_fulfils_the_protocol() -> None:
    assert isinstance(QpsLimiter(), Limiter)


def test_permits_are_granted_in_the_order_of_asking() -> None:
    async def main() -> None:
        gate = QpsLimiter(20)
        order: list[int] = []

        async def one(number: int) -> None:
            await asyncio.sleep(number * 0.001)
            await take(gate)
            order.append(number)

        await asyncio.gather(*(one(number) for number in reversed(range(100))))
        assert order == list(range(100))

    virtual.run(main)


def test_a_cancelled_waiter_gives_its_place_back() -> None:
    async def main() -> None:
        gate = QpsLimiter(10)
        waiters = [asyncio.create_task(take(gate)) for _ in range(60)]
        await asyncio.sleep(0.5)
        for waiter in waiters[::2]:
            waiter.cancel()
        done = await asyncio.gather(*waiters, return_exceptions=True)
        granted = [at for at in done if isinstance(at, float)]
        assert 30 <= len(granted) <= 36
        assert max(granted) < len(granted) / 9.0 + 0.5

    virtual.run(main)


@settings(max_examples=60, deadline=None)
@given(
    qps=st.floats(0.4, 40),
    arrivals=st.lists(st.floats(0, 6), max_size=120),
    trips=st.lists(st.floats(0, 3), min_size=1, max_size=7),
    cancelled=st.sets(st.integers(0, 119), max_size=20),
)
@example(qps=1.5, arrivals=[0.0] * 40, trips=[1.0], cancelled=set())  # all answers are overdue
@example(qps=5.0, arrivals=[0.0] * 80, trips=[0.9, 0.0], cancelled=set())
def test_never_more_than_the_limit_in_any_second_for_any_arrivals(
    qps: float, arrivals: list[float], trips: list[float], cancelled: set[int]
) -> None:
    granted: list[float] = []

    async def main() -> None:
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

    virtual.run(main)
    assert granted == sorted(granted)
    assert worst_second(granted) <= max(1, math.floor(qps))


@pytest.mark.parametrize("window", Window)
@pytest.mark.parametrize("qps", [5.0, 50.0])
def test_told_the_truth_it_meets_no_429_and_uses_88_percent(window: Window, qps: float) -> None:
    use, refused, _ = simulate(lambda: QpsLimiter(qps), qps, window, seconds=60, seed=1)
    assert refused == 0
    assert use >= 88


@pytest.mark.parametrize("window", Window)
def test_told_50_where_30_is_true_it_learns(window: Window) -> None:
    use, refused, early = simulate(lambda: QpsLimiter(50), 30, window, seconds=300, seed=1)
    assert early <= 15
    assert refused - early <= 10
    assert use >= 80


@pytest.mark.parametrize("window", Window)
def test_told_nothing_it_finds_the_limit(window: Window) -> None:
    use, refused, _ = simulate(lambda: QpsLimiter(None), 50, window, seconds=120, seed=1)
    assert use >= 80
    assert refused <= 60


def test_on_loopback_it_uses_93_percent() -> None:
    use, refused, _ = simulate(
        lambda: QpsLimiter(50), 50, Window.SLIDING, seconds=60, seed=1, latency=(0.0005, 0.001)
    )
    assert refused == 0
    assert use >= 93


def test_what_is_granted_at_once_counts_for_those_who_wait() -> None:
    async def main() -> None:
        gate = QpsLimiter(40)  # bursts of three
        loop = asyncio.get_running_loop()
        at_once = [gate.at_once(loop.time()) for _ in range(4)]
        assert [permit is not None for permit in at_once] == [True, True, True, False]
        times = [await take(gate, trip=0.0) for _ in range(3)]
        assert times == pytest.approx([n / 38 for n in (1, 2, 3)])

    virtual.run(main)


def test_nothing_is_granted_at_once_where_somebody_waits() -> None:
    async def main() -> None:
        gate = QpsLimiter(10)
        loop = asyncio.get_running_loop()
        gate.throttled(await gate.acquire(), 3.0)
        assert gate.at_once(loop.time()) is None
        waiter = asyncio.create_task(take(gate))
        await asyncio.sleep(1.0)
        assert gate.at_once(loop.time() + 2.5) is None  # it would be open then, if nobody waited
        assert await waiter >= 3.0

    virtual.run(main)


def test_one_429_pauses_every_waiter_for_its_retry_after() -> None:
    async def main() -> None:
        gate = QpsLimiter(100)
        permit = await gate.acquire()
        waiters = [asyncio.create_task(take(gate)) for _ in range(5)]
        gate.throttled(permit, 3.0)
        gate.answered(permit)
        assert min(await asyncio.gather(*waiters)) >= 3.0
        permit = await gate.acquire()
        now = asyncio.get_running_loop().time()
        gate.throttled(permit, None)
        assert await take(gate) == pytest.approx(now + 0.5, abs=0.05)
        gate.throttled(permit, 9999.0)
        assert await take(gate) == pytest.approx(now + 0.5 + 120, abs=1)

    virtual.run(main)


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    async def main() -> None:
        gate = QpsLimiter(100)
        first, second = await gate.acquire(), await gate.acquire()
        gate.throttled(first, 10.0)
        gate.throttled(second, 1.0)
        assert await take(gate) >= 10.0

    virtual.run(main)


@pytest.mark.parametrize("qps", [0, -1, math.nan, math.inf, "5", True])
def test_a_rate_that_cannot_be_is_refused(qps: float) -> None:
    with pytest.raises(ConfigurationError, match="qps"):
        QpsLimiter(qps)


def test_a_rate_below_one_a_second_is_kept() -> None:
    async def main() -> list[float]:
        gate = QpsLimiter(0.25)
        return [await take(gate) for _ in range(5)]

    times = virtual.run(main)
    assert all(later - sooner >= 4 for sooner, later in pairwise(times))


# What is believed: pure


def busy(belief: Belief, seconds: float, begin: float = 0.0, each: float = 0.1) -> float:
    """Let demand go on for a while; give the time after it."""
    now = begin
    while now < begin + seconds:
        now += each
        belief.granted(now, waited=True)
    return now


def test_one_decrease_an_episode() -> None:
    belief = Belief(50)
    assert belief.refused(sent=1.0, now=1.1)
    once = belief.limit
    assert not belief.refused(sent=1.05, now=1.2)
    assert belief.limit == once
    assert belief.refused(sent=1.3, now=1.4)
    assert belief.limit < once


def test_a_stray_429_without_demand_does_not_halve_the_limit() -> None:
    belief = Belief(50)
    belief.succeeded(0.9)
    belief.refused(sent=1.0, now=1.1)
    assert belief.limit == pytest.approx(0.97 * 50)
    assert belief.rate == pytest.approx(0.85 * 0.97 * 50)


def test_under_demand_the_rate_that_was_reached_is_believed() -> None:
    belief = Belief(50)
    for n in range(48):
        belief.granted(n / 16, waited=True)
        belief.succeeded(n / 16)
    belief.refused(sent=3.0, now=3.01)
    assert belief.limit == pytest.approx(0.97 * 16)


def test_a_stray_429_at_the_beginning_does_not_make_what_was_reached_so_far_the_limit() -> None:
    belief = Belief(50)
    for n in range(15):
        belief.granted(n / 50, waited=True)
        belief.succeeded(n / 50)
    belief.refused(sent=0.3, now=0.35)
    assert belief.limit == pytest.approx(0.97 * 50)


def test_demand_without_any_success_does_not_send_the_limit_to_zero() -> None:
    belief = Belief(50)
    belief.granted(0.0, waited=True)
    belief.refused(sent=0.1, now=0.2)
    assert belief.limit == pytest.approx(0.97 * 50)


def test_the_rate_rises_again_only_under_demand() -> None:
    belief = Belief(50)
    belief.refused(sent=0.0, now=0.1)
    low = belief.rate
    for second in range(20):
        belief.granted(second + 1.0, waited=False)
    assert belief.rate == low
    busy(belief, 10, begin=20)
    assert belief.rate == pytest.approx(0.95 * belief.limit)


def test_the_limit_rises_after_quiet_and_never_above_what_was_told() -> None:
    belief = Belief(50)
    belief.refused(sent=0.0, now=0.0)
    low = belief.limit
    now = busy(belief, 28)
    assert belief.limit == low
    now = busy(belief, 4, begin=now)
    assert belief.limit == 50
    busy(belief, 200, begin=now)
    assert belief.limit == 50
    assert belief.rate == pytest.approx(0.95 * 50)


def test_each_429_doubles_the_quiet_that_is_waited_for_up_to_ten_minutes() -> None:
    belief = Belief(50)
    now = 0.0
    for quiet in (30, 60, 120, 240, 480, 600, 600):
        belief.refused(sent=now + 0.01, now=now + 0.02)
        low = belief.limit
        now = busy(belief, quiet - 3, begin=now)
        assert belief.limit == low
        now = busy(belief, 5, begin=now)
        assert belief.limit > low


@pytest.mark.parametrize(("qps", "least"), [(50.0, 5.0), (None, 0.5)])
def test_the_limit_never_falls_below_its_floor(qps: float | None, least: float) -> None:
    belief = Belief(qps)
    for n in range(1000):
        belief.refused(sent=n + 0.5, now=n + 1.0)
    assert belief.limit == least
    assert belief.rate > 0


def test_an_unknown_limit_is_sought_by_half_a_second_until_the_first_429() -> None:
    belief = Belief(None)
    now = busy(belief, 5.05)
    assert belief.limit == pytest.approx(5 * 1.5**5)
    belief.refused(sent=now, now=now + 0.1)
    found = belief.limit
    busy(belief, 5, begin=now)
    assert belief.limit == found


def test_the_gate_tells_its_limit_and_follows_a_change_of_pace() -> None:
    async def main() -> None:
        gate = QpsLimiter(10)
        assert gate.limit == 10
        permit = await gate.acquire()
        gate.throttled(permit, 0.0)
        assert gate.limit == pytest.approx(9.7)
        times = [await take(gate) for _ in range(20)]
        assert len([t for t in times if t <= times[0] + 1]) <= 9

    virtual.run(main)


def test_permits_are_distinct_even_at_one_instant() -> None:
    make: Callable[[float], Permit] = Permit
    assert make(1.0) != make(1.0)
