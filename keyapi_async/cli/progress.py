"""How far a job is: a live display on a terminal, a line now and then elsewhere."""

import math
from collections import deque
from contextlib import AbstractContextManager
from itertools import pairwise
from types import TracebackType
from typing import Protocol, Self

import attrs
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

_BARS = "▁▂▃▄▅▆▇█"
_SLOT = 0.5
"""Seconds that one bar of the rate stands for."""
_SLOTS = 240
_RECENT = 4
"""Slots over which the rate of now is taken."""


@attrs.frozen
class Glance:
    """How far a job is at one moment.

    Attributes:
        done: lists read to their end, or failed.
        total: lists of the job.
        rows: records received.
        credits: credits spent.
        requests: requests sent, retries included.
        retries: requests that repeated a failed one.
        throttles: answers with 429.
        elapsed: seconds since the beginning.
    """

    done: int
    total: int
    rows: int
    credits: int
    requests: int
    retries: int
    throttles: int
    elapsed: float

    @property
    def left(self) -> float | None:
        """Seconds that the rest may take; None while there is nothing to judge by."""
        return self.elapsed / self.done * (self.total - self.done) if self.done else None


class Pace:
    """Requests a second, slot after slot."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque([(0.0, 0)], _SLOTS + 1)

    def see(self, elapsed: float, requests: int) -> None:
        """Take note of how many requests there were so far."""
        if elapsed >= self._marks[-1][0] + _SLOT:
            self._marks.append((elapsed, requests))

    @property
    def rates(self) -> list[float]:
        """The rate of each slot, oldest first."""
        return [
            (requests - before) / (end - start)
            for (start, before), (end, requests) in pairwise(self._marks)
        ]

    @property
    def now(self) -> float:
        """The rate of the last two seconds."""
        recent = list(self._marks)[-_RECENT - 1 :]
        (start, before), (end, requests) = recent[0], recent[-1]
        return (requests - before) / (end - start) if end > start else 0.0


class Progress(AbstractContextManager["Progress"], Protocol):
    """What shows a job's progress."""

    every: float
    """Seconds after which it wants another look."""

    def show(self, glance: Glance) -> None:
        """Show how far the job is."""
        ...


def progress_on(console: Console, qps: float) -> Progress:
    """Choose the display that suits what is behind the console."""
    if console.file.isatty() and not console.is_dumb_terminal:
        return LiveProgress(console, qps)
    return LineProgress(console, qps)


class LineProgress:
    """A line every few seconds, for logs and pipes."""

    every = 5.0

    def __init__(self, console: Console, qps: float) -> None:
        self._console = console
        self._qps = qps

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave what was written."""

    def show(self, glance: Glance) -> None:
        """Write a line."""
        if not glance.requests:
            return
        rate = glance.requests / glance.elapsed
        self._console.print(
            f"{glance.done} of {glance.total} products, {glance.rows:,} rows,"
            f" {glance.credits:,} credits, {rate:.1f} of {self._qps:g} requests/s,"
            f" {_clock(glance.left)} left",
            soft_wrap=True,
        )


class LiveProgress:
    """Three lines that move."""

    every = 0.1

    def __init__(self, console: Console, qps: float) -> None:
        self._qps = qps
        self._pace = Pace()
        # Refreshed by show() alone: rich's own thread could not report a closed terminal.
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wipe the display, and give the cursor back."""
        self._live.stop()

    def show(self, glance: Glance) -> None:
        """Draw the display anew."""
        self._pace.see(glance.elapsed, glance.requests)
        self._live.update(self._drawing(glance), refresh=True)

    def _drawing(self, glance: Glance) -> RenderableType:
        grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
        grid.add_column(width=10, no_wrap=True)
        grid.add_column(ratio=1)
        grid.add_column(width=10, no_wrap=True, justify="right")
        grid.add_row(
            "products",
            ProgressBar(glance.total, glance.done, complete_style="green"),
            Text.assemble((str(glance.done), "bold"), (f"/{glance.total}", "dim")),
        )
        grid.add_row(
            "requests/s",
            _Spark(self._pace.rates, self._qps),
            Text.assemble((f"{self._pace.now:.1f}", "bold"), (f"/{self._qps:g}", "dim")),
        )
        facts = Text(" · ", "dim", no_wrap=True, overflow="ellipsis").join(
            [
                Text(f"{glance.rows:,} rows", "bold"),
                Text(f"{glance.credits:,} credits", "bold"),
                Text(f"{glance.retries} retries"),
                Text(f"{glance.throttles} throttled"),
                Text(f"{_clock(glance.elapsed)} gone, {_clock(glance.left)} left"),
            ]
        )
        return Group(grid, facts)


class _Spark:
    """A row of bars, the newest at the right end of what is filled."""

    def __init__(self, rates: list[float], full: float) -> None:
        self._rates = rates
        self._full = full

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        bars = (
            _BARS[max(0, min(len(_BARS), math.ceil(rate / self._full * len(_BARS))) - 1)]
            for rate in self._rates[-options.max_width :]
        )
        yield Text("".join(bars), "cyan")


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return "-:--"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes}:{rest:02}"
