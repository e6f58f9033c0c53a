"""What the demo ends with: the best creators, and what they cost."""

from collections.abc import Sequence

import attrs
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from keyapi_async.cli.progress import Glance
from keyapi_async.cli.terminal import plain
from keyapi_async.errors import KeyAPIError, printable
from keyapi_async.records import ProductCreator

_BEST = 10


@attrs.define
class Seller:
    """A creator, with what all products together sold."""

    creator: ProductCreator
    products: int = 0
    sales: int = 0
    gmv: float = 0.0

    def add(self, creator: ProductCreator) -> None:
        """Add what the creator sold of one product."""
        self.products += 1
        self.sales += creator.per_product_ifl_sale_cnt or 0
        self.gmv += creator.per_product_ifl_gmv_amt or 0.0


@attrs.frozen(kw_only=True)
class Report:
    """What a run brought.

    Attributes:
        sellers: every creator met.
        failures: the products whose list could not be read to its end.
        glance: how far the job came.
        least: credits that the rows received had to cost at least.
        uncertain: credits of answers that were lost on the way.
        qps: requests a second that were allowed.
    """

    sellers: Sequence[Seller]
    failures: dict[str, KeyAPIError]
    glance: Glance
    least: int
    uncertain: int
    qps: float


def print_report(console: Console, report: Report) -> None:
    """Print the best creators and the costs; it fits 80 columns."""
    console.print(_best(report))
    console.print(_costs(report))
    for product_id, error in report.failures.items():
        console.print(Text(f"product {product_id} failed: {printable(str(error))}", "red"))


def _best(report: Report) -> Table:
    table = Table(
        title=f"The best of {len(report.sellers):,} creators by GMV",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("creator", no_wrap=True, max_width=22)
    table.add_column("region")
    for name in ("followers", "products", "sales", "GMV"):
        table.add_column(name, justify="right", no_wrap=True)
    for seller in sorted(report.sellers, key=lambda seller: -seller.gmv)[:_BEST]:
        creator = seller.creator
        table.add_row(
            Text(plain(creator.nick_name or creator.user_id)),
            Text(plain(creator.region or "")),
            _whole(creator.total_followers_cnt),
            _whole(seller.products),
            _whole(seller.sales),
            Text(f"{seller.gmv:,.0f}", "bold green"),
        )
    return table


def _whole(number: int | None) -> Text:
    return Text("" if number is None else f"{number:,}")


def _costs(report: Report) -> Table:
    glance = report.glance
    lines = Table.grid(padding=(0, 2, 0, 0))
    lines.add_column(style="dim")
    lines.add_column()
    ended = glance.done - len(report.failures)
    lines.add_row("read", f"{glance.rows:,} rows of {ended} products in {glance.elapsed:.1f} s")
    lines.add_row(
        "credits", f"{glance.credits:,} spent, the least it had to cost: {report.least:,}"
    )
    if report.uncertain:
        lines.add_row("", f"{report.uncertain} more where the answer was lost on its way")
    rate = glance.requests / glance.elapsed
    lines.add_row("rate", f"{rate:.1f} requests/s, {report.qps:g} allowed")
    lines.add_row("survived", f"{glance.retries} failures retried, {glance.throttles} of them 429")
    return lines
