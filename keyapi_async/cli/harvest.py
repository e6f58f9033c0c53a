"""``keyapi-async harvest``: many lists into a ledger, with a display of how far it is."""

import asyncio
import inspect
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer
from rich.console import Console

from keyapi_async.api.declaration import Endpoint
from keyapi_async.cli.arguments import End, sample
from keyapi_async.cli.commands import Command, command
from keyapi_async.cli.display import EVERY, display_on
from keyapi_async.cli.exits import ExitCode
from keyapi_async.cli.ledger import print_failures, run_lines
from keyapi_async.cli.options import READING, MaxCredits, Qps, timespan
from keyapi_async.cli.selection import Selection, parameters_of, selected
from keyapi_async.cli.terminal import console, counted, pairs
from keyapi_async.client import KeyAPI
from keyapi_async.errors import printable
from keyapi_async.harvest import (
    Exported,
    Harvest,
    HarvestReport,
    HarvestStoppedError,
    Progress,
    check_export,
)
from keyapi_async.limiter import RedisLimiter
from keyapi_async.streams.paging import Until

LedgerFile = Annotated[
    Path | None,
    typer.Option(
        "--db",
        metavar="LEDGER",
        rich_help_panel=READING,
        help="The ledger; RESOURCE-NAME.db if not given.",
    ),
]
ExportFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--export",
        metavar="FILE",
        rich_help_panel=READING,
        help="Export to .parquet, .csv or .jsonl at the end; repeat it.",
    ),
]
Concurrency = Annotated[
    int,
    typer.Option(
        "--concurrency", metavar="N", min=1, rich_help_panel=READING, help="Lists read at a time."
    ),
]
MaxAge = Annotated[
    timedelta | None,
    typer.Option(
        "--max-age",
        metavar="TIME",
        parser=timespan,
        rich_help_panel=READING,
        help="Read lists again that were last read longer ago, such as 1d, 12h or 30m.",
    ),
]
Patience = Annotated[
    timedelta,
    typer.Option(
        "--patience",
        metavar="TIME",
        parser=timespan,
        rich_help_panel=READING,
        show_default="10m",
        help="How long to wait for a network that is lost on the way.",
    ),
]
SharedGate = Annotated[
    str | None,
    typer.Option(
        "--redis",
        metavar="URL",
        envvar="KEYAPI_REDIS",
        rich_help_panel=READING,
        help="Share the limit with the other processes of the key, through this Redis.",
    ),
]


@attrs.frozen(kw_only=True)
class _Order:
    """What is harvested, and how."""

    endpoint: Endpoint
    chosen: Selection
    until: Until
    ledger: Path
    exports: Sequence[Path]
    qps: float
    concurrency: int
    max_credits: int | None
    redis: str | None
    max_age: timedelta | None
    patience: timedelta


def harvest_command(endpoint: Endpoint) -> Command:
    """Make the command that harvests an endpoint."""

    def harvest(
        *,
        db: LedgerFile = None,
        export: ExportFiles = None,
        qps: Qps = 10.0,
        redis: SharedGate = None,
        concurrency: Concurrency = 16,
        max_credits: MaxCredits = None,
        max_age: MaxAge = None,
        until: End = Until.SHORT_PAGE,
        patience: Patience = timedelta(minutes=10),  # noqa: B008  # it is frozen
        **values: Any,
    ) -> None:
        for file in export or ():
            check_export(file)
        order = _Order(
            endpoint=endpoint,
            chosen=selected(endpoint, values),
            until=until,
            ledger=db or Path(f"{endpoint.resource}-{endpoint.name}.db"),
            exports=export or (),
            qps=qps,
            redis=redis,
            concurrency=concurrency,
            max_credits=max_credits,
            max_age=max_age,
            patience=patience,
        )
        _do(order)

    own = list(inspect.signature(harvest).parameters.values())[:-1]
    return command(
        endpoint.name,
        harvest,
        parameters=[*parameters_of(endpoint), *own],
        doc=f"Harvest many lists: {endpoint.doc[0].lower()}{endpoint.doc[1:]}"
        "\n\nRun again, it goes on where it ended; nothing is bought twice.",
        epilog=f"Example:  keyapi-async harvest {endpoint.resource} {endpoint.name}"
        f" {sample(endpoint, files=True)} --export {endpoint.name}.csv",
    )


def _do(order: _Order) -> None:
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
        print_failures(report.failures, report.failed, screen)
        screen.print("The same command tries the failed lists again.")
        raise typer.Exit(ExitCode.INCOMPLETE)


async def _harvest(order: _Order, screen: Console) -> HarvestReport:
    gate = None if order.redis is None else RedisLimiter(order.redis, qps=order.qps)
    async with (
        KeyAPI(qps=order.qps, limiter=gate, max_credits=order.max_credits) as api,
        Harvest.open(order.ledger) as harvest,
    ):
        with _stopped_by_signals(harvest, screen):
            report = await _watched(order, api, harvest, screen)
        files = [] if report.stopped else [await harvest.export(file) for file in order.exports]
    _print_report(order, report, files)
    return report


async def _watched(
    order: _Order, api: KeyAPI, harvest: Harvest, screen: Console
) -> HarvestReport:
    """Run the harvest, and show how far it is."""
    opened = getattr(getattr(api.tiktok, order.endpoint.resource), order.endpoint.method)
    opened = partial(opened, until=order.until, **order.chosen.shared)
    loop = asyncio.get_running_loop()
    seen: list[tuple[float, Progress]] = []

    def note(progress: Progress) -> None:
        seen[:] = [(loop.time(), progress)]

    run = harvest.run(
        order.chosen,
        lambda key: opened(**key),
        concurrency=order.concurrency,
        max_age=order.max_age,
        patience=order.patience,
        progress=note,
    )
    work = asyncio.create_task(run)
    try:
        with display_on(screen) as display:
            while not work.done():
                for at, progress in seen:
                    elapsed = progress.elapsed + loop.time() - at
                    display.show(attrs.evolve(progress, elapsed=elapsed))
                await asyncio.wait((work,), timeout=EVERY)
        return await work
    finally:
        work.cancel()
        await asyncio.wait((work,))


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
    rejects = f", {report.rejects:,} of them invalid" if report.rejects else ""
    lines = [
        ("lists", f"{report.done:,} done, {report.failed:,} failed, {report.left:,} left"),
        ("read", f"{counted(report.rows, 'row')} in {counted(report.pages, 'page')}{rejects}"),
        *run_lines(report),
        ("ledger", str(order.ledger)),
        *(("file", f"{one.file} ({counted(one.rows, 'row')})") for one in files),
    ]
    console(sys.stdout).print(pairs(lines))


def _print_way_on(order: _Order, screen: Console) -> None:
    exports = ", and exports at its end" if order.exports else ""
    screen.print(
        f"Kept in {printable(str(order.ledger))}; the same command goes on from there{exports}.",
        soft_wrap=True,
    )
