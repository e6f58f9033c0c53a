"""Whether and when to try again: the table of failures, the bounds of the waits, Retry-After."""

import math
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import attrs
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_async import Envelope, RetryPolicy, errors
from keyapi_async.call.retry import is_transient
from keyapi_async.call.wire import Answer, classify, retry_after
from tests.rows import steady
from tests.test_errors import CLASSES, made


@pytest.fixture(autouse=True)
def dice() -> Iterator[None]:
    """Throw the same dice on every run, and leave those of others alone."""
    state = random.getstate()
    random.seed(0)
    yield
    random.setstate(state)


def failure(status: int, code: int | None = None, message: str = "?", after: str = "") -> Any:
    """Make the failure that an answer is; without a code it is no envelope."""
    body = b"<html>?" if code is None else orjson.dumps({"code": code, "message": message})
    found = classify(Answer(status, {"Retry-After": after}, body))
    assert not isinstance(found, Envelope)
    return found


TRANSIENT = {408, 429, 500, 502, 503, 504}


def test_without_an_envelope_the_status_decides_and_every_5xx_is_retried() -> None:
    for status in range(400, 600):
        retried = RetryPolicy()(1, failure(status)) is not None
        assert retried == (status in TRANSIENT or status >= 500), status


@pytest.mark.parametrize("status", [200, 299, 400, 404, 408, 418, 429, 500, 501, 503, 599])
def test_the_code_decides_where_it_names_an_error_else_the_status(status: int) -> None:
    for code in range(-1, 700):
        if status >= 300 or code not in {0, 200}:
            deciding = code if 400 <= code < 600 else status
            assert is_transient(failure(status, code)) == (deciding in TRANSIENT), code
        if code in {402, 429, 500}:
            found = failure(status, code, "Usage Limit Exceeded")
            assert isinstance(found, errors.QuotaExceededError)
            assert not is_transient(found)


def test_transport_failures_are_retried_four_times_and_what_will_not_go_away_never() -> None:
    for cls in CLASSES:
        retried = [RetryPolicy()(attempt, made(cls)) is not None for attempt in range(1, 6)]
        assert retried == [issubclass(cls, errors.TransportError)] * 4 + [False]


def test_a_success_that_is_no_envelope_is_retried_while_it_is_repeatable() -> None:
    """The core lets each call have one of them; a redirect is none."""
    found = failure(200)
    assert RetryPolicy()(1, found) is not None
    found.repeatable = False
    assert [RetryPolicy()(1, one) for one in (found, failure(302), failure(302, 500))] == [None] * 3


policies = st.builds(
    RetryPolicy, st.integers(1, 10**6), st.floats(0, 1e6) | st.integers(0, 100), st.floats(0, 1e6)
)


@given(policies, st.integers(1, 10**6))
@steady
def test_waits_stay_within_their_bound(policy: RetryPolicy, attempt: int) -> None:
    """Full jitter: from nothing to initial, doubled with each attempt, up to maximum."""
    delay = policy(attempt, failure(503))
    if attempt >= policy.attempts:
        assert delay is None
    else:
        assert delay is not None
        assert 0 <= delay <= min(policy.initial * 2 ** min(attempt - 1, 500), policy.maximum)


@pytest.mark.parametrize(
    ("attempt", "bound"), [(1, 0.5), (2, 1.0), (3, 2.0), (7, 30.0), (99, 30.0)]
)
def test_waits_are_spread_over_the_whole_bound(attempt: int, bound: float) -> None:
    policy = RetryPolicy(attempts=100)
    waits = [policy(attempt, failure(500)) or 0.0 for _ in range(500)]
    assert min(waits) < 0.02 * bound
    assert 0.98 * bound < max(waits) <= bound
    assert 0.45 * bound < sum(waits) / len(waits) < 0.55 * bound


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (failure(429, after="0"), 0.0), (failure(503, after="119.5"), 119.5),
        (failure(429, after="120"), 120.0), (failure(429, after="120.001"), None),
        (failure(503, after="1" + "0" * 9), None), (failure(403, after="1"), None),
    ],
    ids=str,
)  # fmt: skip
def test_retry_after_is_obeyed_exactly_up_to_two_minutes(error: Any, wait: float | None) -> None:
    """No jitter shortens it, and no maximum; a longer one is raised, and nothing final retried."""
    assert RetryPolicy(maximum=0.1)(4, error) == wait
    assert RetryPolicy(attempts=4)(4, error) is None


def test_the_policy_is_a_frozen_value_with_the_documented_defaults() -> None:
    assert RetryPolicy() == RetryPolicy(attempts=5, initial=0.5, maximum=30.0)
    assert hash(RetryPolicy()) == hash(RetryPolicy(5))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        RetryPolicy().attempts = 6  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [("attempts", 0, "a whole number, 1 or more"), ("initial", -0.1, "seconds, 0 or more"),
     ("maximum", math.inf, "seconds, 0 or more")],
)  # fmt: skip
def test_what_cannot_be_is_refused(name: str, value: float, allowed: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=rf"{name}={value}.*: {allowed}"):
        RetryPolicy(**{name: value})  # type: ignore[arg-type]


@pytest.fixture(params=["UTC", "Asia/Tokyo"])
def _somewhere(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_somewhere")
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None), ("0", 0.0), ("7", 7.0), (" 7 ", 7.0), ("\x1f7", 7.0), ("1.5", 1.5),
        ("999999999", 999999999.0), ("Sun, 06 Nov 1994 08:49:37 GMT", 10.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 10.0), ("Sun Nov  6 08:49:37 1994", 10.0),
        ("Sun, 06 Nov 1994 09:49:37 +0100", 10.0), ("Sun, 06 Nov 1994 08:49:37 -0000", 10.0),
        ("Sun, 06 Nov 1994 08:49:20 GMT", 0.0), ("Sun, 99 Nov 1994 08:49:20 GMT", None),
        ("Sun, 06 Nov 99999 08:49:20 GMT", None), ("", None), ("-5", None), ("1e3", None),
        ("inf", None), ("nan", None), ("soon", None), ("\uff11", None), ("9" * 50, 1e50),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_one_of_the_three_dates(
    value: str | None, seconds: float | None
) -> None:
    """Wherever this machine is: a date without a zone is GMT."""
    now = datetime(1994, 11, 6, 8, 49, 27, tzinfo=UTC).timestamp()
    assert retry_after(value, now) == seconds


@pytest.mark.parametrize("hours_off", [-7, 0, 5])
def test_a_date_is_read_by_the_servers_clock_where_it_tells_it(
    hours_off: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp()
    monkeypatch.setattr(time, "time", lambda: noon + 3600 * hours_off)
    dates = {"Retry-After": "Wed, 01 Jul 2026 12:00:30 GMT"}
    for told, wait in (("Wed, 01 Jul 2026 12:00:00 GMT", 30), ("", 30 - 3600 * hours_off)):
        error = classify(Answer(429, {**dates, "Date": told}, b""))
        assert isinstance(error, errors.RateLimitError)
        assert error.retry_after == max(0, wait)
