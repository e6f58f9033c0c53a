"""How far a harvest is: four lines that move on a terminal, a line now and then elsewhere."""

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

import attrs
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from keyapi_async.cli.facts import clock
from keyapi_async.cli.progress import Pace


@attrs.frozen(kw_only=True)
class Moment:
    """How far a harvest is at one moment.

    Attributes:
        done: lists of the ledger read to their end.
        failed: lists that ended with an error in this run.
        left: lists still to be read.
        before: lists that were done before this run.
        pages: pages of this run.
        rows: rows of this run.
        credits: credits of this run.
        requests: requests of this run, retries included.
        elapsed: seconds of this run.
    """

    done: int
    failed: int
    left: int
    before: int
    pages: int
    rows: int
    credits: int
    requests: int
    elapsed: float

    @property
    def time_left(self) -> float | None:
        """Seconds that the rest may take; None while there is nothing to judge by."""
        ended = self.done + self.failed - self.before
        return self.elapsed / ended * self.left if ended > 0 else None


class Gauge(AbstractContextManager["Gauge"], Protocol):
    """What shows how far a harvest is."""

    every: float
    """Seconds after which it wants another look."""

    def show(self, moment: Moment) -> None:
        """Show how far it is."""
        ...


def gauge_on(console: Console, qps: float) -> Gauge:
    """Choose the display that suits what is behind the console."""
    if console.file.isatty() and not console.is_dumb_terminal:
        return LiveGauge(console, qps)
    return LineGauge(console, qps)


class LineGauge:
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

    def show(self, moment: Moment) -> None:
        """Write a line."""
        if not moment.requests:
            return
        total = moment.done + moment.failed + moment.left
        self._console.print(
            f"{moment.done} of {total} lists, {moment.failed} failed, {moment.rows:,} rows,"
            f" {moment.pages:,} pages, {moment.credits:,} credits,"
            f" {moment.requests / moment.elapsed:.1f} of {self._qps:g} requests/s,"
            f" {clock(moment.time_left)} left",
            soft_wrap=True,
        )


class LiveGauge:
    """Four lines that move; they fit 80 columns."""

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

    def show(self, moment: Moment) -> None:
        """Draw the display anew."""
        self._pace.see(moment.elapsed, moment.requests)
        self._live.update(self._drawing(moment), refresh=True)

    def _drawing(self, moment: Moment) -> RenderableType:
        ended, rate = moment.done + moment.failed, self._pace.now
        total = ended + moment.left
        grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
        grid.add_column(width=10, no_wrap=True)
        grid.add_column(ratio=1)
        grid.add_column(no_wrap=True, justify="right", min_width=10)
        grid.add_row(
            "lists",
            ProgressBar(total or 1, ended, complete_style="green", finished_style="green"),
            Text.assemble((f"{ended:,}", "bold"), (f"/{total:,}", "dim")),
        )
        grid.add_row(
            "requests/s",
            ProgressBar(self._qps, rate, complete_style="cyan", finished_style="cyan"),
            Text.assemble((f"{rate:.1f}", "bold"), (f"/{self._qps:g}", "dim")),
        )
        bought = [f"{moment.rows:,} rows", f"{moment.pages:,} pages", f"{moment.credits:,} credits"]
        lists = [
            Text(f"{moment.done:,} done"),
            Text(f"{moment.failed:,} failed", "red" if moment.failed else ""),
            Text(f"{clock(moment.elapsed)} gone, {clock(moment.time_left)} left"),
        ]
        return Group(grid, _joined([Text(one, "bold") for one in bought]), _joined(lists))


def _joined(texts: list[Text]) -> Text:
    return Text(" · ", "dim", no_wrap=True, overflow="ellipsis").join(texts)
