"""Whether and when to try again: the table of failures, the bounds of the waits, Retry-After."""

import math
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import attrs
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_async import (
    APIError,
    AttemptTimeoutError,
    ConfigurationError,
    ConnectionFailedError,
    CreditBudgetError,
    DeadlineExceededError,
    DecodeError,
    Envelope,
    InvalidParameterError,
    KeyAPIError,
    PaginationError,
    QuotaExceededError,
    RateLimitError,
    ResponseError,
    RetryPolicy,
    TransportError,
    UsageError,
)
from keyapi_async.call.retry import is_transient
from keyapi_async.call.wire import Answer, classify, retry_after
from keyapi_async.limiter.local import MAX_RETRY_AFTER
from tests.rows import steady


@pytest.fixture(autouse=True)
def dice() -> Iterator[None]:
    """Throw the same dice on every run, and leave those of others alone."""
    state = random.getstate()
    random.seed(0)
    yield
    random.setstate(state)


def failure(status: int, code: int | None = None, message: str = "?") -> KeyAPIError:
    """Make the failure that an answer is; without a code it is no envelope."""
    body = b"<html>?" if code is None else orjson.dumps({"code": code, "message": message})
    found = classify(Answer(status, {}, body))
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
            assert isinstance(found, QuotaExceededError)
            assert not is_transient(found)


@pytest.mark.parametrize("cls", [TransportError, AttemptTimeoutError, ConnectionFailedError])
@pytest.mark.parametrize("sent", [True, False])
def test_transport_failures_are_retried_four_times(cls: type[KeyAPIError], *, sent: bool) -> None:
    error: Any = cls("?")
    error.sent = sent
    retried = [RetryPolicy()(attempt, error) is not None for attempt in range(1, 6)]
    assert retried == [True] * 4 + [False]


@pytest.mark.parametrize(
    "cls",
    [
        ConfigurationError, UsageError, DeadlineExceededError, PaginationError, CreditBudgetError,
        KeyAPIError, APIError,
    ],
)  # fmt: skip
def test_what_will_not_go_away_is_not_retried(cls: type[KeyAPIError]) -> None:
    assert RetryPolicy()(1, cls("?")) is None
    assert RetryPolicy()(1, InvalidParameterError("a", 1, "b")) is None
    assert RetryPolicy()(1, DecodeError("a", 1, "?")) is None


def test_a_success_that_is_no_envelope_is_retried_while_it_is_repeatable() -> None:
    """The core lets each call have one of them; a redirect is none."""
    found = failure(200)
    assert isinstance(found, ResponseError)
    assert RetryPolicy()(1, found) is not None
    found.repeatable = False
    assert RetryPolicy()(1, found) is None
    assert RetryPolicy()(1, failure(302)) is None
    assert RetryPolicy()(1, failure(302, 500)) is None


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


@given(st.floats(0, MAX_RETRY_AFTER), st.integers(1, 4))
@steady
def test_retry_after_is_obeyed_exactly(seconds: float, attempt: int) -> None:
    """No jitter shortens it, and no maximum."""
    error = RateLimitError("?")
    error.status, error.retry_after = 429, seconds
    assert RetryPolicy(maximum=0.1)(attempt, error) == seconds
    assert RetryPolicy(attempts=attempt)(attempt, error) is None


@pytest.mark.parametrize("seconds", [120.001, 3600.0, 1e9])
def test_a_longer_retry_after_is_raised_at_once(seconds: float) -> None:
    error = failure(503)
    assert isinstance(error, APIError)
    error.retry_after = seconds
    assert RetryPolicy()(1, error) is None


def test_retry_after_retries_nothing_that_is_final() -> None:
    error = failure(403)
    assert isinstance(error, APIError)
    error.retry_after = 1.0
    assert RetryPolicy()(1, error) is None


def test_the_policy_is_a_frozen_value_with_the_documented_defaults() -> None:
    assert RetryPolicy() == RetryPolicy(attempts=5, initial=0.5, maximum=30.0)
    assert hash(RetryPolicy()) == hash(RetryPolicy(5))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        RetryPolicy().attempts = 6  # type: ignore[misc]


@pytest.mark.parametrize("attempts", [0, -1, 1.0, True, "5", None, math.nan])
def test_attempts_are_a_whole_number_from_one(attempts: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"attempts=.*: a whole number, 1 or more"):
        RetryPolicy(attempts=attempts)


@pytest.mark.parametrize("name", ["initial", "maximum"])
@pytest.mark.parametrize("seconds", [-0.1, math.nan, math.inf, "1", None, True, 1j, [1]])
def test_waits_are_finite_seconds(name: str, seconds: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"{name}=.*: seconds, 0 or more"):
        RetryPolicy(**{name: seconds})


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


@given(st.text() | st.text("0123456789 :,-+GMTSunNov"), st.floats(0, 4e9))
@steady
def test_any_retry_after_is_seconds_or_nothing(value: str, now: float) -> None:
    wait = retry_after(value, now)
    assert wait is None or wait >= 0


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001
    st.integers(0, 4 * 10**9),
    st.integers(-12, 14),
)
@steady
def test_a_date_is_as_far_away_as_it_is(date: datetime, now: int, hours: int) -> None:
    zoned = date.replace(tzinfo=timezone(timedelta(hours=hours)), microsecond=0)
    for value in (format_datetime(zoned), format_datetime(zoned.astimezone(UTC), usegmt=True)):
        assert retry_after(value, float(now)) == max(0.0, zoned.timestamp() - now)
