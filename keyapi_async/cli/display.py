"""Shows how far a run is: lines that move on a terminal, a line now and then elsewhere."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

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

Show = Callable[[Progress], None]


@contextmanager
def display_on(console: Console) -> Iterator[Show]:
    """Give what shows how far a run is, on a terminal or in a file."""
    if not console.file.isatty() or console.is_dumb_terminal:
        yield _Lines(console).show
        return
    # Refreshed by show() alone: rich's own thread could not report a closed terminal.
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield _Drawing(live).show


async def follow(harvest: Harvest, console: Console, over: Callable[[Status], bool]) -> Status:
    """Show how far the run of a ledger is, in whatever process, until something is over."""
    with display_on(console) as show:
        while not over(held := await harvest.status()):
            if held.run is not None and held.running:
                show(held.run)
            await asyncio.sleep(EVERY)
    return held


class _Lines:
    """A line every few seconds, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = _LINE_EVERY
        self._paused: str | None = None

    def show(self, run: Progress) -> None:
        """Write a line, if it is time for one; a pause is announced at once, and only once."""
        if run.paused not in {None, self._paused}:
            self._console.print(plain(run.paused or ""), soft_wrap=True)
        self._paused = run.paused
        if run.elapsed >= self._next and run.paused is None:
            self._next = run.elapsed + _LINE_EVERY
            ended = f"{run.done:,} of {run.total:,} lists, {run.failed:,} failed"
            rate = f"{run.rate:.1f}{out_of(run.qps)} requests/s, {clock(run.time_left)} left"
            bought = f"by this run {', '.join(_bought(run))}"
            self._console.print(f"{ended}; {bought}; {rate}", soft_wrap=True)


class _Drawing:
    """Four lines that move, and are wiped at the end; they fit 80 columns."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._marks = deque([(0.0, 0)])

    def show(self, run: Progress) -> None:
        """Draw the display anew."""
        ended, rate = run.done + run.failed, self._rate(run)
        grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
        grid.add_column(width=10, no_wrap=True)
        grid.add_column(ratio=1)
        grid.add_column(no_wrap=True, justify="right", min_width=10)
        qps = f"/{run.qps:g}" if run.qps else ""
        for name, most, now, shown, limit, style in (
            ("lists", run.total, ended, f"{ended:,}", f"/{run.total:,}", "green"),
            ("requests/s", run.qps or rate, rate, f"{rate:.1f}", qps, "cyan"),
        ):
            bar = ProgressBar(most or 1, now, complete_style=style, finished_style=style)
            grid.add_row(name, bar, Text.assemble((shown, "bold"), (limit, "dim")))
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
        """Give the requests a second of late; another run of the ledger begins anew."""
        if run.elapsed < self._marks[-1][0]:
            self._marks = deque([(0.0, 0)])
        self._marks.append((run.elapsed, run.requests))
        while self._marks[0][0] < run.elapsed - _RECENT:
            self._marks.popleft()
        (start, before), (end, requests) = self._marks[0], self._marks[-1]
        return (requests - before) / (end - start) if end > start else 0.0


def _bought(run: Progress) -> list[str]:
    return [
        f"{run.rows:,} rows",
        f"{run.pages:,} pages",
        f"{run.spent:,}{out_of(run.budget)} credits",
    ]


def out_of(limit: float | None) -> str:
    """Write a limit after what counts towards it, if there is one."""
    return "" if limit is None else f" of {limit:,g}"


def _joined(texts: list[Text]) -> Text:
    return Text(" · ", "dim", no_wrap=True, overflow="ellipsis").join(texts)
