"""``keyapi-async harvest``: many lists into a ledger, with a display of how far it is."""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import attrs
import typer
from rich.console import Console

from keyapi_async.api import params
from keyapi_async.cli.choices import (
    CreatorsSortField,
    Direction,
    ListEnd,
    Period,
    RankField,
    VideosSortField,
)
from keyapi_async.cli.exits import ExitCode, InputError
from keyapi_async.cli.facts import counted, duration, facts
from keyapi_async.cli.gauge import Gauge, Moment, gauge_on
from keyapi_async.cli.keys import read_keys
from keyapi_async.cli.options import (
    CategoryName,
    Column,
    Dates,
    IdsFile,
    MaxCredits,
    ProductCategory,
    Qps,
    Regions,
    split,
)
from keyapi_async.cli.terminal import console
from keyapi_async.client import KeyAPI
from keyapi_async.errors import printable
from keyapi_async.harvest import Exported, Harvest, HarvestReport, HarvestStoppedError, Job
from keyapi_async.harvest.export import open_export
from keyapi_async.limiter import RedisLimiter
from keyapi_async.streams.paging import Until

harvest_app = typer.Typer(
    help="Read many lists into a ledger; run again, it goes on where it ended.",
    rich_markup_mode="rich",
)

_FAILURES = 10
"""Failed lists named at the end."""

LedgerFile = Annotated[
    Path | None,
    typer.Option("--db", metavar="LEDGER", help="The ledger; the noun with .db if not given."),
]
ExportFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--export", metavar="FILE", help="Export to .parquet, .csv or .jsonl at the end; repeat it."
    ),
]
Concurrency = Annotated[
    int, typer.Option("--concurrency", metavar="N", min=1, help="Lists read side by side.")
]

SharedGate = Annotated[
    str | None,
    typer.Option(
        "--redis",
        metavar="URL",
        envvar="KEYAPI_REDIS",
        help="Share the limit with the other processes of the key, through this Redis.",
    ),
]


@attrs.frozen(kw_only=True)
class _Order:
    """How a job is done."""

    job: Job
    ledger: Path
    exports: Sequence[Path]
    qps: float
    concurrency: int
    max_credits: int | None
    redis: str | None

    def check(self) -> None:
        """See that every export can be written, as far as one can tell before."""
        for file in self.exports:
            open_export(file, self.job.subject, self.job.page_size, escape_formulas=False)
            if not file.absolute().parent.is_dir():
                raise InputError(f"{file}: there is no such folder")


@harvest_app.command(
    epilog="Example:  keyapi-async harvest creators --ids products.txt --export creators.parquet"
)
def creators(
    *,
    ids: IdsFile,
    column: Column = None,
    db: LedgerFile = None,
    export: ExportFiles = None,
    sort_field: CreatorsSortField = None,
    sort_type: Direction = None,
    qps: Qps = 10.0,
    concurrency: Concurrency = 16,
    max_credits: MaxCredits = None,
    redis: SharedGate = None,
    until: ListEnd = Until.SHORT_PAGE,
) -> None:
    """Harvest the influencers who promoted each of many products."""
    job = Job.product_creators(
        read_keys(ids, column, params.identifier),
        product_influencer_sort_field=sort_field,
        sort_type=sort_type,
        until=until,
    )
    _do("creators", job, db, export, qps, concurrency, max_credits, redis)


@harvest_app.command(
    epilog="Example:  keyapi-async harvest videos --handles people.csv --column handle"
)
def videos(
    *,
    ids: Annotated[
        str | None, typer.Option(metavar="FILE", help="Permanent ids, as in harvest creators.")
    ] = None,
    handles: Annotated[
        str | None, typer.Option(metavar="FILE", help="Or public handles, in the same way.")
    ] = None,
    column: Column = None,
    db: LedgerFile = None,
    export: ExportFiles = None,
    sort_field: VideosSortField = None,
    sort_type: Direction = None,
    qps: Qps = 10.0,
    concurrency: Concurrency = 16,
    max_credits: MaxCredits = None,
    redis: SharedGate = None,
    until: ListEnd = Until.SHORT_PAGE,
) -> None:
    """Harvest the videos of many influencers."""
    if (ids is None) == (handles is None):
        raise InputError("give either --ids or --handles")
    job = Job.influencer_videos(
        user_ids=None if ids is None else read_keys(ids, column, params.identifier),
        unique_ids=None if handles is None else read_keys(handles, column, params.handle),
        influencer_video_sort_field=sort_field,
        sort_type=sort_type,
        until=until,
    )
    _do("videos", job, db, export, qps, concurrency, max_credits, redis)


@harvest_app.command(
    epilog="Example:  keyapi-async harvest ranking --dates 2026-06-01,2026-07-01 --regions US,GB"
    " --rank-type month --rank-field sales"
)
def ranking(
    *,
    dates: Dates,
    regions: Regions,
    rank_type: Period,
    rank_field: RankField,
    influencer_category_name: CategoryName = None,
    product_category_id: ProductCategory = None,
    db: LedgerFile = None,
    export: ExportFiles = None,
    qps: Qps = 10.0,
    concurrency: Concurrency = 16,
    max_credits: MaxCredits = None,
    redis: SharedGate = None,
    until: ListEnd = Until.SHORT_PAGE,
) -> None:
    """Harvest the ranking of every date in every region."""
    job = Job.influencer_ranking(
        dates=split(dates),
        regions=split(regions),
        rank_type=rank_type,
        influencer_rank_field=rank_field,
        influencer_category_name=influencer_category_name,
        product_category_id=product_category_id,
        until=until,
    )
    _do("ranking", job, db, export, qps, concurrency, max_credits, redis)


@harvest_app.command(epilog="Example:  keyapi-async harvest livestreams --ids users.txt --qps 50")
def livestreams(
    *,
    ids: IdsFile,
    column: Column = None,
    db: LedgerFile = None,
    export: ExportFiles = None,
    qps: Qps = 10.0,
    concurrency: Concurrency = 16,
    max_credits: MaxCredits = None,
    redis: SharedGate = None,
    until: ListEnd = Until.SHORT_PAGE,
) -> None:
    """Harvest the past live streams of many influencers."""
    job = Job.influencer_livestreams(read_keys(ids, column, params.identifier), until=until)
    _do("livestreams", job, db, export, qps, concurrency, max_credits, redis)


@harvest_app.command(
    epilog="Example:  keyapi-async harvest products --ids videos.csv --column video_id"
)
def products(
    *,
    ids: IdsFile,
    column: Column = None,
    db: LedgerFile = None,
    export: ExportFiles = None,
    qps: Qps = 10.0,
    concurrency: Concurrency = 16,
    max_credits: MaxCredits = None,
    redis: SharedGate = None,
    until: ListEnd = Until.SHORT_PAGE,
) -> None:
    """Harvest the products that many videos show; ten videos are one list."""
    job = Job.video_products(read_keys(ids, column, params.identifier), until=until)
    _do("products", job, db, export, qps, concurrency, max_credits, redis)


def _do(  # noqa: PLR0917  # the options that all five have, in their order
    noun: str,
    job: Job,
    db: Path | None,
    export: Sequence[Path] | None,
    qps: float,
    concurrency: int,
    max_credits: int | None,
    redis: str | None,
) -> None:
    order = _Order(
        job=job,
        ledger=db or Path(f"{noun}.db"),
        exports=export or (),
        qps=qps,
        concurrency=concurrency,
        max_credits=max_credits,
        redis=redis,
    )
    order.check()
    screen = console(sys.stderr)
    try:
        report = asyncio.run(_harvest(order, screen))
    except HarvestStoppedError as error:
        _print_report(order, error.report, ())
        _print_way_on(order, screen)
        raise
    except (asyncio.CancelledError, KeyboardInterrupt):
        _print_way_on(order, screen)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if report.stopped:
        _print_way_on(order, screen)
        raise typer.Exit(ExitCode.INTERRUPTED)
    if report.failed:
        _print_failures(report, screen)
        raise typer.Exit(ExitCode.INCOMPLETE)


async def _harvest(order: _Order, screen: Console) -> HarvestReport:
    gate = None if order.redis is None else RedisLimiter(order.redis, qps=order.qps)
    async with (
        KeyAPI(qps=order.qps, limiter=gate, max_credits=order.max_credits) as api,
        Harvest.open(order.ledger) as harvest,
    ):
        with gauge_on(screen, order.qps) as gauge, _stopped_by_signals(harvest, screen):
            report = await _watched(order, api, harvest, gauge)
        files = [] if report.stopped else [await harvest.export(file) for file in order.exports]
    _print_report(order, report, files)
    return report


async def _watched(order: _Order, api: KeyAPI, harvest: Harvest, gauge: Gauge) -> HarvestReport:
    """Run the job, and show how far it is."""
    loop = asyncio.get_running_loop()
    before, started = (await harvest.status()).done, loop.time()
    seen: list[HarvestReport] = []

    def note(report: HarvestReport) -> None:
        seen[:] = [report]

    run = harvest.run(api, order.job, concurrency=order.concurrency, progress=note)
    work = asyncio.create_task(run)
    try:
        while not work.done():
            for report in seen:
                gauge.show(_moment(report, api, before, loop.time() - started))
            await asyncio.wait((work,), timeout=gauge.every)
        return await work
    finally:
        work.cancel()
        await asyncio.wait((work,))


def _moment(report: HarvestReport, api: KeyAPI, before: int, elapsed: float) -> Moment:
    return Moment(
        done=report.done,
        failed=report.failed,
        left=report.left,
        before=before,
        pages=report.pages,
        rows=report.rows,
        credits=api.credits.spent,
        requests=api.stats.requests,
        elapsed=elapsed,
    )


@contextmanager
def _stopped_by_signals(harvest: Harvest, screen: Console) -> Iterator[None]:
    """Stop at the first signal, and end at once at the second."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101  # a coroutine asks

    def stop() -> None:
        _on_signals(loop, task.cancel)
        harvest.stop()
        screen.print("stopping: what is in flight is kept; once more ends it at once")

    _on_signals(loop, stop)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)


def _on_signals(loop: asyncio.AbstractEventLoop, act: Callable[[], object]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # on Windows, where Ctrl-C cancels, which is safe too
            loop.add_signal_handler(number, act)


def _print_report(order: _Order, report: HarvestReport, files: Sequence[Exported]) -> None:
    uncertain = f", {report.uncertain:,} more are uncertain" if report.uncertain else ""
    rejects = f", {report.rejects:,} of them no record" if report.rejects else ""
    lines = [
        ("lists", f"{report.done:,} done, {report.failed:,} failed, {report.left:,} left"),
        ("read", f"{counted(report.rows, 'row')} in {counted(report.pages, 'page')}{rejects}"),
        ("credits", f"{report.spent:,} spent{uncertain}"),
        ("rate", f"{report.rate:.1f} of {order.qps:g} requests/s for {duration(report.elapsed)}"),
        ("ledger", str(order.ledger)),
        *(("file", f"{one.file} ({counted(one.rows, 'row')})") for one in files),
    ]
    console(sys.stdout).print(facts(lines))


def _print_way_on(order: _Order, screen: Console) -> None:
    exports = ", and exports at its end" if order.exports else ""
    screen.print(
        f"Kept in {printable(str(order.ledger))}; the same command goes on from there{exports}.",
        soft_wrap=True,
    )


def _print_failures(report: HarvestReport, screen: Console) -> None:
    for failure in report.failures[:_FAILURES]:
        told = f"{printable(failure.key)} failed: {printable(failure.error)}"
        screen.print(told, style="red", soft_wrap=True)
    more = report.failed - _FAILURES
    if more > 0:
        screen.print(f"… and {more:,} more", style="red")
    screen.print("The same command tries the failed lists again.")
