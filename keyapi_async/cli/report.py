"""What the demo ends with: the best creators, what they cost, and where they are."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
from rich import box
from rich.bar import Bar
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from keyapi_async.api.product import ProductCreator
from keyapi_async.cli.progress import Glance
from keyapi_async.cli.terminal import plain
from keyapi_async.errors import printable

_BEST = 10
_NAME = 22
"""Columns of a name at most."""


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
    """What a harvest brought.

    Attributes:
        sellers: every creator met.
        failures: the products whose list could not be read to its end, and why.
        glance: how far the job came.
        missing: rows of the lists that are not there.
        surplus: rows that are there too often.
        least: credits that the lists had to cost: one a page.
        lost: credits of answers that were lost on their way.
        unkept: credits of answers that nobody was there to keep.
        killed: whether the harvest was killed on its way.
        at_once: lists that were read at a time.
        qps: requests a second that were allowed.
        files: where it all is.
    """

    sellers: Sequence[Seller]
    failures: Mapping[str, str]
    glance: Glance
    missing: int
    surplus: int
    least: int
    lost: int
    unkept: int
    killed: bool
    at_once: int
    qps: float
    files: Sequence[Path]


def print_report(console: Console, report: Report) -> None:
    """Print the best creators, the costs, and where the files are; it fits 80 columns."""
    best = sorted(report.sellers, key=lambda seller: -seller.gmv)[:_BEST]
    console.print(_table(best, len(report.sellers)))
    console.print(Padding(_chart(best), (0, 0, 0, 1)))
    console.print()
    console.print(_costs(report))
    for file in report.files:
        what = "ledger" if file.suffix == ".db" else "export"
        console.print(Text.assemble((f"{what:<10}", "dim"), str(file)), soft_wrap=True)
    for product_id, error in report.failures.items():
        console.print(Text(f"product {product_id} failed: {printable(error)}", "red"))


def _table(best: Sequence[Seller], of: int) -> Table:
    table = Table(
        title=f"The best of {of:,} creators by GMV, over all products",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("creator", no_wrap=True, max_width=_NAME)
    table.add_column("region")
    for name in ("followers", "products", "sales", "GMV"):
        table.add_column(name, justify="right", no_wrap=True)
    for seller in best:
        table.add_row(
            _name(seller),
            Text(plain(seller.creator.region or "")),
            _whole(seller.creator.total_followers_cnt),
            _whole(seller.products),
            _whole(seller.sales),
            Text(f"{seller.gmv:,.0f}", "bold green"),
        )
    return table


def _chart(best: Sequence[Seller]) -> Table:
    most = max((seller.gmv for seller in best), default=0.0)
    chart = Table.grid(padding=(0, 2, 0, 0), expand=True)
    chart.add_column(no_wrap=True, max_width=_NAME)
    chart.add_column(ratio=1)
    chart.add_column(justify="right", no_wrap=True)
    for seller in best:
        chart.add_row(
            _name(seller),
            Bar(most or 1.0, 0.0, seller.gmv, color="green"),
            Text(f"{seller.gmv:,.0f}"),
        )
    return chart


def _name(seller: Seller) -> Text:
    return Text(plain(seller.creator.nick_name or seller.creator.user_id), overflow="ellipsis")


def _whole(number: int | None) -> Text:
    return Text("" if number is None else f"{number:,}")


def _costs(report: Report) -> Table:
    glance = report.glance
    lines = Table.grid(padding=(0, 2, 0, 0))
    lines.add_column(style="dim", width=8)
    lines.add_column()
    rate = f"{glance.requests / glance.elapsed:.1f} requests/s, {report.qps:g} allowed"
    read = f"{glance.rows:,} rows of {glance.done} products in {glance.elapsed:.1f} s"
    lines.add_row("read", f"{read}; {rate}")
    survived = f"{glance.retries} failures, {glance.throttles} of them 429"
    lines.add_row("survived", f"{survived}; one SIGKILL" if report.killed else survived)
    lines.add_row("lost", _lost(report))
    lines.add_row("least", f"{report.least:,} credits: the pages of the lists")
    lines.add_row("spent", f"{glance.credits:,} credits")
    if report.lost:
        lines.add_row("", f"{report.lost:,} of them for answers that were lost on their way")
    if report.killed:
        lines.add_row(
            "",
            f"{report.unkept:,} of them for what the kill interrupted; never more than"
            f" {report.at_once}",
        )
    return lines


def _lost(report: Report) -> Text:
    if report.missing or report.surplus:
        return Text(f"{report.missing:,} rows are missing, {report.surplus:,} too many", "red")
    return Text("nothing: every row is there, and none twice", "green")
