"""The rate windows, on plain numbers."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_async.sandbox.windows import Window, rate_window

KINDS = [*((window, None) for window in Window), (Window.GCRA, 1), (Window.GCRA, 3)]
EXACT = (0.5, 1, 2, 4)
"""Rates whose periods floats have exactly, as they have these times."""
clocks = st.lists(st.integers(0, 7), max_size=120).map(
    lambda gaps: [at / 16 for at in itertools.accumulate(gaps)]
)


def allows(kind: tuple[Window, int | None], qps: float, passed: list[float], now: float) -> bool:
    """Say whether one more may be admitted after those that were, as the window promises."""
    window, burst = kind
    limit = max(1, math.floor(qps))
    period = limit / qps
    if window == "fixed":
        return sum(math.floor(one / period) == math.floor(now / period) for one in passed) < limit
    if window == "sliding":
        return sum(now - one < period for one in passed) < limit
    most = {"token": limit, "gcra": burst or math.ceil(limit / 2), "spaced": 1}[window]
    since = enumerate(reversed(passed), 2)
    return all(number <= most + (now - one) * qps for number, one in since)


@given(st.sampled_from(KINDS), st.sampled_from([*EXACT, 2.5, 3, 10, 50]), clocks)
def test_a_window_admits_all_that_it_promises_and_names_the_wait(
    kind: tuple[Window, int | None], qps: float, times: list[float]
) -> None:
    gate, passed = rate_window(kind[0], qps, kind[1]), list[float]()
    slack = 0.0 if qps in EXACT else 1e-6
    for now in times:
        if (wait := gate.admit(now)) is None:
            assert allows(kind, qps, passed, now + slack)
            passed.append(now)
        else:
            assert wait > -slack
            assert not allows(kind, qps, passed, now + wait - 1e-6)
            assert allows(kind, qps, passed, now + wait + slack)


@pytest.mark.parametrize(
    ("window", "qps", "burst", "told"),
    [
        *(("fixed", qps, None, "qps must be a finite") for qps in (0, -1, math.nan, math.inf)),
        ("leaky", 5, None, r"one of .*, gcra, spaced, not 'leaky'"),
        *((*one, "burst must be 1 or more, and only gcra has one")
          for one in (("gcra", 5, 0), ("spaced", 5, 2), ("fixed", 5, 1))),
    ],
)  # fmt: skip
def test_what_no_window_can_be_is_refused(
    window: str, qps: float, burst: int | None, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        rate_window(window, qps, burst)
