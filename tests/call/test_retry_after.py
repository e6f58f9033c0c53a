"""How long a server asks to wait: seconds, or one of the three forms of an HTTP date."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_async.call.wire import retry_after
from tests.rows import steady


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
        (None, None),
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("999999999", 999999999.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 10.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 10.0),
        ("Sun Nov  6 08:49:37 1994", 10.0),
        ("Sun, 06 Nov 1994 09:49:37 +0100", 10.0),
        ("Sun, 06 Nov 1994 08:49:37 -0000", 10.0),
        ("Sun, 06 Nov 1994 08:49:20 GMT", 0.0),
        ("Sun, 99 Nov 1994 08:49:20 GMT", None),
        ("Sun, 06 Nov 99999 08:49:20 GMT", None),
        ("", None),
        ("-5", None),
        ("1e3", None),
        ("inf", None),
        ("nan", None),
        ("soon", None),
        ("\uff11", None),
        ("9" * 50, 1e50),
    ],
)
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
