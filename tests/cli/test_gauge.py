"""What shows how far a harvest is."""

import io

import attrs
import pytest

from keyapi_async.cli.facts import clock, duration
from keyapi_async.cli.gauge import LineGauge, LiveGauge, Moment, gauge_on
from tests.cli.terminals import Terminal, screen

MOMENT = Moment(
    done=40,
    failed=2,
    left=118,
    before=12,
    pages=1_234,
    rows=12_345,
    credits=1_236,
    requests=1_300,
    elapsed=30.0,
)


def test_the_display_suits_the_console() -> None:
    assert isinstance(gauge_on(screen(Terminal()), 10.0), LiveGauge)
    assert isinstance(gauge_on(screen(Terminal(), "dumb"), 10.0), LineGauge)
    assert isinstance(gauge_on(screen(io.StringIO()), 10.0), LineGauge)


def test_time_left_is_judged_by_what_this_run_ended() -> None:
    assert MOMENT.time_left == pytest.approx(118.0)
    assert attrs.evolve(MOMENT, done=10).time_left is None


def test_a_line_says_all() -> None:
    stream = io.StringIO()
    with LineGauge(screen(stream), 50.0) as gauge:
        gauge.show(attrs.evolve(MOMENT, requests=0))
        gauge.show(MOMENT)
    assert stream.getvalue() == (
        "40 of 160 lists, 2 failed, 12,345 rows, 1,234 pages, 1,236 credits,"
        " 43.3 of 50 requests/s, 1:58 left\n"
    )


def test_the_live_display_says_all_in_80_columns_and_is_wiped() -> None:
    stream = Terminal()
    with LiveGauge(screen(stream), 50.0) as gauge:
        gauge.show(MOMENT)
        gauge.show(attrs.evolve(MOMENT, failed=0, done=0, left=0))
    shown = stream.getvalue()
    for told in ("42/160", "/50", "12,345 rows · 1,234 pages · 1,236 credits", "2 failed"):
        assert told in shown
    assert "0:30 gone, 1:58 left" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
    assert max(len(line) for line in shown.splitlines() if "\x1b" not in line) <= 80


def test_times() -> None:
    assert [clock(None), clock(59.2), clock(3661)] == ["-:--", "1:00", "1:01:01"]
    assert [duration(1), duration(90), duration(5400), duration(172800)] == [
        "1.0 s",
        "1.5 min",
        "1.5 h",
        "2.0 days",
    ]
