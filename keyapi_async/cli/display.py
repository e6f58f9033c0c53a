"""Shows how far a run is: lines that move on a terminal, a line now and then elsewhere."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from keyapi_async.cli.terminal import clock, plain
from keyapi_async.harvest import Harvest, Progress, Status

EVERY: Final = 0.1
"""Seconds after which a display wants to see how far the run is."""
_LINE_EVERY: Final = 5.0
_RECENT: Final = 2.0
"""Seconds over which the rate of now is taken."""


class Display(AbstractContextManager["Display"]):
    """A line every few seconds, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = _LINE_EVERY
        self._paused: str | None = None

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave what was written."""

    def show(self, run: Progress) -> None:
        """Write a line, if it is time for one; that a pause begins is told at once, and once."""
        if run.paused != self._paused and run.paused is not None:
            self._console.print(plain(run.paused), soft_wrap=True)
        self._paused = run.paused
        if run.requests and run.elapsed >= self._next and run.paused is None:
            self._next = run.elapsed + _LINE_EVERY
            ended = f"{run.done:,} of {run.total:,} lists, {run.failed:,} failed"
            rate = f"{run.rate:.1f}{_of(run.qps)} requests/s, {clock(run.time_left)} left"
            self._console.print(f"{ended}, {', '.join(_bought(run))}, {rate}", soft_wrap=True)


class _LiveDisplay(Display):
    """Four lines that move, and are wiped at the end; they fit 80 columns."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._marks = deque([(0.0, 0)])
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

    def show(self, run: Progress) -> None:
        """Draw the display anew."""
        ended, rate = run.done + run.failed, self._rate(run)
        most = run.qps or max(rate, 1.0)
        grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
        grid.add_column(width=10, no_wrap=True)
        grid.add_column(ratio=1)
        grid.add_column(no_wrap=True, justify="right", min_width=10)
        grid.add_row(
            "lists",
            ProgressBar(run.total or 1, ended, complete_style="green", finished_style="green"),
            Text.assemble((f"{ended:,}", "bold"), (f"/{run.total:,}", "dim")),
        )
        grid.add_row(
            "requests/s",
            ProgressBar(most, min(rate, most), complete_style="cyan", finished_style="cyan"),
            Text.assemble((f"{rate:.1f}", "bold"), (f"/{run.qps:g}" if run.qps else "", "dim")),
        )
        lists = [
            Text(f"{run.done:,} done"),
            Text(f"{run.failed:,} failed", "red" if run.failed else ""),
            Text(f"{clock(run.elapsed)} gone, {clock(run.time_left)} left"),
        ]
        if run.paused is not None:
            lists = [Text(plain(run.paused), "yellow")]
        bought = _joined([Text(one, "bold") for one in _bought(run)])
        self._live.update(Group(grid, bought, _joined(lists)), refresh=True)

    def _rate(self, run: Progress) -> float:
        """Give the requests a second of late."""
        marks = self._marks
        if run.elapsed > marks[-1][0]:
            marks.append((run.elapsed, run.requests))
        while len(marks) > 2 and marks[1][0] < run.elapsed - _RECENT:
            marks.popleft()
        (start, before), (end, requests) = marks[0], marks[-1]
        return (requests - before) / (end - start) if end > start else 0.0


def display_on(console: Console) -> Display:
    """Choose the display that suits what is behind the console."""
    moves = console.file.isatty() and not console.is_dumb_terminal
    return _LiveDisplay(console) if moves else Display(console)


async def follow(harvest: Harvest, console: Console, over: Callable[[Status], bool]) -> Status:
    """Show how far the run of a ledger is, in whatever process, until something is over."""
    with display_on(console) as display:
        while not over(held := await harvest.status()):
            if held.run is not None:
                display.show(held.run)
            await asyncio.sleep(EVERY)
    return held


def _bought(run: Progress) -> list[str]:
    credits_ = f"{run.spent:,}{_of(run.budget)} credits"
    return [f"{run.rows:,} rows", f"{run.pages:,} pages", credits_]


def _of(limit: float | None) -> str:
    return "" if limit is None else f" of {limit:,g}"


def _joined(texts: list[Text]) -> Text:
    return Text(" · ", "dim", no_wrap=True, overflow="ellipsis").join(texts)
