"""How far the demo is."""

import math

import attrs
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from keyapi_async.cli.display import Display, LineDisplay, LiveDisplay, moves
from keyapi_async.cli.facts import clock

_BARS = "▁▂▃▄▅▆▇█"


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


Progress = Display[Glance]


def progress_on(console: Console, qps: float) -> Progress:
    """Choose the display that suits what is behind the console."""
    return LiveProgress(console, qps) if moves(console) else LineProgress(console, qps)


class LineProgress(LineDisplay[Glance]):
    """A line every few seconds, for logs and pipes."""

    def _line(self, look: Glance) -> str:
        rate = look.requests / look.elapsed
        return (
            f"{look.done} of {look.total} products, {look.rows:,} rows,"
            f" {look.credits:,} credits, {rate:.1f} of {self._qps:g} requests/s,"
            f" {clock(look.left)} left"
        )


class LiveProgress(LiveDisplay[Glance]):
    """Three lines that move."""

    def _drawing(self, look: Glance) -> RenderableType:
        grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
        grid.add_column(width=10, no_wrap=True)
        grid.add_column(ratio=1)
        grid.add_column(width=10, no_wrap=True, justify="right")
        grid.add_row(
            "products",
            ProgressBar(look.total, look.done, complete_style="green"),
            Text.assemble((str(look.done), "bold"), (f"/{look.total}", "dim")),
        )
        grid.add_row(
            "requests/s",
            _Spark(self._pace.rates, self._qps),
            Text.assemble((f"{self._pace.now:.1f}", "bold"), (f"/{self._qps:g}", "dim")),
        )
        facts = Text(" · ", "dim", no_wrap=True, overflow="ellipsis").join(
            [
                Text(f"{look.rows:,} rows", "bold"),
                Text(f"{look.credits:,} credits", "bold"),
                Text(f"{look.retries} retries"),
                Text(f"{look.throttles} throttled"),
                Text(f"{clock(look.elapsed)} gone, {clock(look.left)} left"),
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
