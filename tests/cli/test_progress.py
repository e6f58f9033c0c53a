"""The live display, the plain lines, and the numbers behind them."""

import io

import attrs
import pytest
from rich.console import Console

from keyapi_async.cli.display import Pace
from keyapi_async.cli.progress import Glance, LineProgress, LiveProgress, progress_on
from tests.cli.terminals import Terminal, screen

GLANCE = Glance(
    done=40,
    total=160,
    rows=12_345,
    credits=1_234,
    requests=1_300,
    retries=40,
    throttles=3,
    elapsed=30.0,
)


def test_time_left_is_judged_by_what_is_done() -> None:
    assert GLANCE.left == 90.0
    assert attrs.evolve(GLANCE, done=0).left is None


def test_pace_counts_in_slots_of_half_a_second() -> None:
    pace = Pace()
    assert pace.now == 0.0
    for step in range(1, 31):
        pace.see(step / 10, 5 * step)
    assert pace.rates == pytest.approx([50.0] * 6)
    assert pace.now == pytest.approx(50.0)


def test_pace_forgets_what_no_screen_can_show() -> None:
    pace = Pace()
    for step in range(1, 1000):
        pace.see(step / 2, step)
    assert len(pace.rates) == 240


def test_a_terminal_gets_the_live_display() -> None:
    assert isinstance(progress_on(screen(Terminal()), 50), LiveProgress)


def test_a_dumb_terminal_or_none_gets_lines() -> None:
    assert isinstance(progress_on(screen(Terminal(), "dumb"), 50), LineProgress)
    assert isinstance(progress_on(Console(file=io.StringIO()), 50), LineProgress)


def test_lines_say_it_in_words() -> None:
    stream = io.StringIO()
    with LineProgress(Console(file=stream, width=80), 50) as progress:
        progress.show(attrs.evolve(GLANCE, requests=0))
        progress.show(GLANCE)
    assert stream.getvalue() == (
        "40 of 160 products, 12,345 rows, 1,234 credits, 43.3 of 50 requests/s, 1:30 left\n"
    )


def test_the_live_display_fits_80_columns_and_wipes_itself() -> None:
    stream = Terminal()
    with LiveProgress(screen(stream), 50) as progress:
        progress.show(attrs.evolve(GLANCE, done=0, requests=0, elapsed=0.0))
        progress.show(attrs.evolve(GLANCE, elapsed=10.0, requests=10))
        progress.show(GLANCE)
        shown = stream.getvalue()
    assert "40/160" in shown
    assert "12,345 rows · 1,234 credits · 40 retries · 3 throttled · 0:30 gone, 1:30 left" in shown
    assert "▁" in shown
    assert "-:-- left" in shown
    assert "…" not in shown
    assert stream.getvalue().endswith("\x1b[2K")
    assert "\x1b[?25h" in stream.getvalue()
