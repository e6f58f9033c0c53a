"""The rate windows, on plain numbers."""

import itertools
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_async.sandbox.windows import Window, rate_window

windows = st.sampled_from(list(Window))
rates = st.sampled_from([0.5, 1, 2.5, 3, 10, 50])
clocks = st.lists(st.floats(0, 0.4), max_size=120).map(
    lambda gaps: list(itertools.accumulate(gaps))
)


def admitted(window: str, qps: float, times: list[float]) -> list[float]:
    gate = rate_window(window, qps)
    return [now for now in times if gate.admit(now) is None]


@given(rates, clocks)
def test_fixed_admits_the_limit_in_each_period_of_the_clock(qps: float, times: list[float]) -> None:
    limit = max(1, math.floor(qps))
    period = limit / qps
    counts = [math.floor(now / period) for now in admitted("fixed", qps, times)]
    asked = [math.floor(now / period) for now in times]
    assert all(counts.count(p) == min(limit, asked.count(p)) for p in set(asked))


@given(rates, clocks)
def test_sliding_never_admits_more_than_the_limit_in_any_period(
    qps: float, times: list[float]
) -> None:
    limit = max(1, math.floor(qps))
    passed = admitted("sliding", qps, times)
    assert all(
        later - earlier >= limit / qps - 1e-9
        for earlier, later in zip(passed, passed[limit:], strict=False)
    )


BURSTS: dict[str, Callable[[int], int]] = {
    "token": lambda limit: limit,
    "gcra": lambda limit: math.ceil(limit / 2),
    "spaced": lambda _: 1,
}


@given(st.sampled_from(sorted(BURSTS)), rates, clocks)
def test_buckets_never_admit_more_than_burst_and_rate(
    window: str, qps: float, times: list[float]
) -> None:
    burst = BURSTS[window](max(1, math.floor(qps)))
    passed = admitted(window, qps, times)
    for first, last in itertools.combinations(range(len(passed)), 2):
        assert last - first + 1 <= burst + (passed[last] - passed[first]) * qps + 1e-6


@pytest.mark.parametrize(("window", "burst", "passed"), [("gcra", 3, 3), ("spaced", None, 1)])
def test_so_many_are_admitted_at_once(window: str, burst: int | None, passed: int) -> None:
    gate = rate_window(window, 4, burst)
    assert [gate.admit(8.0) for _ in range(passed + 1)] == [None] * passed + [0.25]
    assert gate.admit(8.25) is None


@pytest.mark.parametrize(("window", "burst"), [("gcra", 0), ("spaced", 2), ("fixed", 1)])
def test_a_burst_that_a_window_cannot_have_is_refused(window: str, burst: int) -> None:
    with pytest.raises(ValueError, match="burst must be 1 or more, and only gcra has one"):
        rate_window(window, 5, burst)


@given(windows, rates, clocks)
def test_asking_again_after_the_named_wait_is_useful(
    window: Window, qps: float, times: list[float]
) -> None:
    gate = rate_window(window, qps)
    for now in times:
        if (wait := gate.admit(now)) is not None:
            assert 0 <= wait <= max(1, 1 / qps) + 1e-9
            assert gate.admit(now + wait + 1e-6) is None
            break


@pytest.mark.parametrize("window", Window)
def test_rejected_requests_do_not_count(window: Window) -> None:
    gate = rate_window(window, 2)
    for moment in range(100):
        gate.admit(moment / 1000)
    assert gate.admit(1.2) is None


def test_a_rate_that_is_no_positive_number_and_an_unknown_window_are_refused() -> None:
    for qps in (0, -1, math.nan, math.inf):
        with pytest.raises(ValueError, match="qps must be a finite number above 0"):
            rate_window("fixed", qps)
    with pytest.raises(ValueError, match=r"one of .*, gcra, spaced, not 'leaky'"):
        rate_window("leaky", 5)
