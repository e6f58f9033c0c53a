"""How far a harvest is."""

import attrs
from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from keyapi_async.cli.display import Display, LineDisplay, LiveDisplay, moves
from keyapi_async.cli.facts import clock


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


Gauge = Display[Moment]


def gauge_on(console: Console, qps: float) -> Gauge:
    """Choose the display that suits what is behind the console."""
    return LiveGauge(console, qps) if moves(console) else LineGauge(console, qps)


class LineGauge(LineDisplay[Moment]):
    """A line every few seconds, for logs and pipes."""

    def _line(self, look: Moment) -> str:
        total = look.done + look.failed + look.left
        return (
            f"{look.done} of {total} lists, {look.failed} failed, {look.rows:,} rows,"
            f" {look.pages:,} pages, {look.credits:,} credits,"
            f" {look.requests / look.elapsed:.1f} of {self._qps:g} requests/s,"
            f" {clock(look.time_left)} left"
        )


class LiveGauge(LiveDisplay[Moment]):
    """Four lines that move; they fit 80 columns."""

    def _drawing(self, look: Moment) -> RenderableType:
        ended, rate = look.done + look.failed, self._pace.now
        total = ended + look.left
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
        bought = [f"{look.rows:,} rows", f"{look.pages:,} pages", f"{look.credits:,} credits"]
        lists = [
            Text(f"{look.done:,} done"),
            Text(f"{look.failed:,} failed", "red" if look.failed else ""),
            Text(f"{clock(look.elapsed)} gone, {clock(look.time_left)} left"),
        ]
        return Group(grid, _joined([Text(one, "bold") for one in bought]), _joined(lists))


def _joined(texts: list[Text]) -> Text:
    return Text(" · ", "dim", no_wrap=True, overflow="ellipsis").join(texts)
