"""What a server allows, judged by its answers: a function of times and events."""

import math
from itertools import pairwise
from typing import Any

import attrs
import pytest

from keyapi_async.limiter.estimate import RateEstimate, State


def busy(estimate: RateEstimate, seconds: float, begin: float = 0.0) -> float:
    """Let demand go on for a while; give the time after it."""
    now = begin
    while now < begin + seconds:
        now += 0.1
        estimate.granted(now, waited=True)
    return now


def served(estimate: RateEstimate, qps: float, seconds: float, begin: float = 0.0) -> float:
    """Let so many be asked for and served; give the time after them."""
    for n in range(int(qps * seconds)):
        estimate.granted(begin + n / qps, waited=True)
        estimate.succeeded(begin + n / qps)
    return begin + seconds


def test_one_decrease_an_episode() -> None:
    estimate = RateEstimate(50)
    served(estimate, 32, 1)
    assert estimate.refused(sent=1.0, now=1.1)
    once = estimate.state.limit
    assert once < 50
    assert not estimate.refused(sent=1.05, now=1.2)
    assert not estimate.refused(sent=1.1, now=1.2)
    assert estimate.state.limit == once
    assert estimate.refused(sent=4.0, now=4.1)


def test_where_few_were_sent_a_429_spaces_them_and_only_the_next_one_lowers_the_limit() -> None:
    estimate = RateEstimate(50)
    estimate.succeeded(0.9)
    assert estimate.refused(sent=1.0, now=1.1)
    assert estimate.state.spaced
    assert estimate.state.limit == estimate.slots == 50
    assert estimate.full_rate == 0.98 * 50
    unknown = RateEstimate(None)
    assert unknown.refused(sent=1.0, now=1.1)
    assert (unknown.state.spaced, unknown.state.seeking) == (True, False)
    assert estimate.refused(sent=2.2, now=2.3)
    assert estimate.state.limit == pytest.approx(0.94 * 50)
    assert estimate.state.rate == pytest.approx(0.85 * 0.94 * 50)


@pytest.mark.parametrize(("qps", "limit"), [(32, 50), (46, 0.97 * 46 / 0.95)])
def test_a_stray_429_where_they_are_spaced_slows_them_for_a_moment_and_lowers_no_limit(
    qps: int, limit: float
) -> None:
    """Where more than nine in ten of the limit were served, it is not a stray one."""
    estimate = RateEstimate(50)
    assert estimate.refused(sent=1.0, now=1.1)
    now = served(estimate, qps, 1, begin=2.0)
    assert estimate.refused(sent=now, now=now)
    assert estimate.state.limit == pytest.approx(limit)
    assert estimate.state.rate == pytest.approx(0.85 * limit)


def test_429s_in_quick_succession_lower_the_limit_by_ever_more() -> None:
    estimate = RateEstimate(50)
    limits = []
    for n in range(8):
        estimate.refused(sent=n + 0.1, now=n + 0.2)
        limits.append(estimate.state.limit)
    cuts = [1 - later / sooner for sooner, later in pairwise(limits)]
    assert cuts == pytest.approx([0.06, 0.12, 0.2, 0.2, 0.2, 0.2, 0.2])


def test_each_429_doubles_the_quiet_that_is_waited_for_up_to_ten_minutes() -> None:
    estimate = RateEstimate(50)
    now = 0.0
    for quiet in (30, 60, 120, 240, 480, 600, 600):
        now = served(estimate, round(0.7 * estimate.state.limit), 3, begin=now)
        estimate.refused(sent=now, now=now)
        low = estimate.state.limit
        assert estimate.state.wait == quiet
        now = busy(estimate, quiet - 3, begin=now)
        assert estimate.state.limit == low
        now = busy(estimate, 5, begin=now)
        assert estimate.state.limit > low


@pytest.mark.parametrize(("qps", "least"), [(50.0, 5.0), (None, 0.5)])
def test_the_limit_never_falls_below_its_floor(qps: float | None, least: float) -> None:
    estimate = RateEstimate(qps)
    for n in range(100):
        estimate.refused(sent=n + 0.5, now=n + 1.0)
    assert estimate.state.limit == least
    assert estimate.state.rate > 0


def test_an_unknown_limit_is_sought_by_half_a_second_until_the_first_429() -> None:
    estimate = RateEstimate(None)
    now = 0.0
    estimate.granted(now, waited=False)
    for number in range(1, 6):
        now = busy(estimate, 1.1 * number + 0.05 - now, begin=now)
        assert estimate.state.limit == pytest.approx(5 * 1.5**number)
    estimate.refused(sent=now, now=now + 0.1)
    found = estimate.state.limit
    busy(estimate, 1.5, begin=now)
    assert estimate.state.limit == found


def test_permits_are_no_longer_spaced_after_a_minute_and_then_for_twice_as_long() -> None:
    estimate = RateEstimate(50)
    now = 0.0
    for minutes in (1, 2, 4, 8, 10, 10):
        estimate.refused(sent=now + 0.01, now=now + 0.01)
        now = busy(estimate, 60 * minutes - 2, begin=now)
        assert estimate.state.spaced
        now = busy(estimate, 4, begin=now)
        assert not estimate.state.spaced


def test_what_one_process_has_found_out_another_goes_on_from() -> None:
    one, other = RateEstimate(50), RateEstimate(50)
    now = served(one, 32, 3)
    one.refused(sent=now, now=now)
    other.take_over(State.read(one.state.text(), now + 1.0))
    other.granted(now, waited=False)
    assert other.state == one.state
    assert not other.refused(sent=now - 0.1, now=now + 1.0)
    back = State.read(one.state.text(), now - 1.0)
    assert back.throttled == back.changed == now - 1.0


# Where each rule begins and ends, from a state that others have found


def known(limit: float = 40.0, **more: Any) -> RateEstimate:
    """Make an estimate under 50 queries a second that has long been at a limit."""
    estimate = RateEstimate(50)
    state = State(limit, 39.0, seeking=False, interval=15.0, throttled=0.0, wait=1e9)
    estimate.take_over(attrs.evolve(state, **more))
    return estimate


def unknown(limit: float, too_fast: float, **more: Any) -> RateEstimate:
    estimate = RateEstimate(None)
    state = State(limit, 40.0, seeking=False, interval=8.0, too_fast=too_fast, risen=9.4)
    estimate.take_over(attrs.evolve(state, changed=0.0, **more))
    return estimate


@pytest.mark.parametrize(
    ("before", "qps", "seconds", "limit", "spaced"),
    [
        (False, 55, 0.6, 0.97 * 33, False), (False, 70, 0.45, 0.97 * 50, False),
        (False, 48, 1, 50, True), (False, 25.5, 2, 0.97 * 26, False), (False, 25, 2, 50, True),
        (True, 55, 0.6, 0.97 * 50, True),
    ],
)  # fmt: skip
def test_half_a_second_of_demand_says_what_is_allowed_unless_all_that_is_was_served(
    before: bool, qps: float, seconds: float, limit: float, spaced: bool
) -> None:
    """Where they are spaced, it takes a second."""
    estimate = known(50.0, spaced=True) if before else RateEstimate(50)
    now = served(estimate, qps, seconds, begin=10.0)
    estimate.refused(sent=now, now=now)
    assert estimate.state.limit == pytest.approx(limit)
    assert estimate.state.spaced == spaced


@pytest.mark.parametrize(
    ("waits", "throttled", "limit"),
    [
        ([7.75, 8.75, 9.75], -9.0, 0.97 * 40), ([8.0, 8.25, 9.75], -9.0, 0.97 * 50),
        ([8.0, 9.0], -9.0, 0.97 * 50), ([7.75, 8.75, 9.75], 9.25, 0.94 * 50),
    ],
)  # fmt: skip
def test_demand_is_waits_with_a_second_between_them_at_most_after_the_pause(
    waits: list[float], throttled: float, limit: float
) -> None:
    estimate = known(50.0, rate=47.5, throttled=throttled)
    for now in waits:
        estimate.granted(now, waited=True)
    estimate.refused(sent=10.0, now=10.0, successes=[9 + n / 40 for n in range(1, 41)])
    assert estimate.state.limit == pytest.approx(limit)


@pytest.mark.parametrize(("old", "many", "reached"), [(7.5, 40, 40), (7.49, 40, 30), (8.95, 1, 30)])
def test_successes_count_for_two_and_a_half_seconds(old: float, many: int, reached: int) -> None:
    estimate = RateEstimate(50)
    busy(estimate, 3, begin=7.0)
    for success in (*[old] * many, *(9 + n / 30 for n in range(1, 31))):
        estimate.succeeded(success)
    estimate.refused(sent=10.0, now=10.0)
    assert estimate.state.limit == pytest.approx(0.97 * reached)


@pytest.mark.parametrize(
    ("close", "now", "spaced"), [(3.25, 4.25, True), (3.2, 4.25, False), (3.5, 4.5, False)]
)
def test_soon_after_a_pause_permits_that_came_close_are_spaced(
    close: float, now: float, spaced: bool
) -> None:
    """Within a second and a half after it, if the last close one was sent within a second."""
    estimate = RateEstimate(50)
    last = served(estimate, 32, 3)
    estimate.refused(sent=last, now=last)
    steady = [last + n / 18 for n in range(1, int((now - last) * 18))]
    sent = sorted([*(at for at in steady if abs(at - close) > 0.04), close - 1e-3, close])
    for at in sent:
        estimate.granted(at, waited=True)
    estimate.refused(sent=now, now=now, successes=sent)
    assert estimate.state.spaced == spaced


@pytest.mark.parametrize(
    ("spaced", "qps", "raised", "limit"),
    [(True, 20, 9.0, 40), (True, 20, 9.5, 38), (False, 32, 9.0, 0.97 * 32), (False, 32, 9.5, 38)],
)
def test_within_a_second_a_rise_is_taken_back(
    spaced: bool, qps: int, raised: float, limit: float
) -> None:
    estimate = known(spaced=spaced, raised=raised, changed=raised, before=38.0)
    now = served(estimate, qps, 2, begin=8.0)
    estimate.refused(sent=now, now=now)
    assert estimate.state.limit == pytest.approx(limit)


def test_what_was_reached_while_the_rate_rose_is_less_than_what_is_allowed() -> None:
    estimate = known(rate=30.0)
    now = served(estimate, 32, 2, begin=8.0)
    wanted = 0.97 * 32 * estimate.full_rate / estimate.state.rate
    estimate.refused(sent=now, now=now)
    assert estimate.state.limit == pytest.approx(wanted)
    low = estimate.state.rate
    estimate.granted(now + 5.0, waited=True)  # a pause is no more demand than a second
    assert estimate.state.rate == pytest.approx(low + 0.05 * estimate.state.limit)


def test_what_is_due_comes_with_the_grant_at_that_very_time() -> None:
    estimate = known(spaced=True, changed=0.0, wait=60.0)
    estimate.granted(60.0, waited=True)
    assert (estimate.state.spaced, estimate.state.risen) == (False, 60.0)
    assert estimate.state.limit == pytest.approx(1.05 * 40)


def test_where_no_limit_is_known_the_first_rise_comes_after_two_seconds() -> None:
    estimate = RateEstimate(None)
    estimate.granted(0.0, waited=False)
    for now in (0.25, 0.5, 0.75):
        estimate.granted(now, waited=True)
        estimate.succeeded(now)
    estimate.refused(sent=0.75, now=0.9)
    assert estimate.state.limit == pytest.approx(0.97 * 3)
    estimate.granted(2.4, waited=True)
    assert estimate.state.limit == pytest.approx(0.97 * 3)
    estimate.granted(3.4, waited=True)
    assert estimate.state.limit > 0.97 * 3


@pytest.mark.parametrize(
    ("limit", "reached", "raised", "interval"),
    [
        (50, math.inf, 8.5, 16), (51, math.inf, 8.5, 2), (44, 28, 8.5, 30), (44, 28, -9.5, 30),
        (44, 27, 8.5, 16), (44, 28, 9.0, 30), (44, 37, 8.5, 30),
    ],
)  # fmt: skip
def test_an_unknown_limit_rises_again_after(
    limit: float, reached: float, raised: float, interval: float
) -> None:
    """Two seconds if it was far too high, thirty if all that a server can do was done."""
    estimate = unknown(limit, 40.0, spaced=reached == math.inf, raised=raised, wait=1e9)
    successes = []
    if reached < math.inf:
        for now in (9.4, 10.0):
            estimate.granted(now, waited=True)
        successes = [9 + n / reached for n in range(1, int(reached) + 1)]
    estimate.refused(sent=10.0, now=10.0, successes=successes)
    assert (estimate.state.interval, estimate.state.wait) == (interval, interval)


@pytest.mark.parametrize(
    ("limit", "too_fast", "step", "goal"),
    [(20, 40, 0.05, 30), (10, 40, 0.05, 15), (36, 38, 0.05, 37.8), (38, 40, 0.2, 45.6),
     (60, 40, 0.5, 90)],
)  # fmt: skip
def test_an_unknown_limit_rises_halfway_to_the_last_429_and_then_by_growing_steps(
    limit: float, too_fast: float, step: float, goal: float
) -> None:
    estimate = unknown(limit, too_fast, step=step)
    estimate.granted(10.0, waited=True)
    assert estimate.state.limit == pytest.approx(goal)
    assert estimate.state.step == (min(2 * step, 0.5) if limit >= 38 else step)


@pytest.mark.parametrize(("limit", "slots"), [(0.5, 1), (1.69, 1), (1.7, 2), (97, 100)])
def test_a_second_has_as_many_places_as_were_served_when_the_limit_was_found(
    limit: float, slots: int
) -> None:
    assert unknown(limit, 40.0).slots == slots
    assert known(49.5).slots == 50
