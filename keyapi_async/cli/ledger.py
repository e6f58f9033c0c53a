"""``keyapi-async export``, ``status`` and ``report``: a ledger, also while it is written."""

import asyncio
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from keyapi_async.cli.display import follow, out_of
from keyapi_async.cli.exits import InputError
from keyapi_async.cli.terminal import clock, console, counted, pairs
from keyapi_async.errors import printable
from keyapi_async.harvest import (
    Exported,
    ExportError,
    Harvest,
    ListFailure,
    Progress,
    Status,
    check_export,
)
from keyapi_async.harvest.harvest import Snapshots

_FAILURES = 10
"""Failed lists named one by one."""

_SHOWN = {"name", "key", "until"}
"""Facts of a ledger's lists that are shown besides the parameters they share."""
Ledger = Annotated[Path, typer.Argument(metavar="LEDGER", help="What a harvest wrote.")]


def export(
    ledger: Ledger,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A name with .parquet, .csv or .jsonl.")
    ],
    *,
    snapshots: Annotated[
        Snapshots, typer.Option(help="Of lists read again: the latest complete reading, or all.")
    ] = "latest",
    escape: Annotated[
        bool,
        typer.Option(
            "--escape-formulas", help="In a CSV, put ' before what a spreadsheet would run."
        ),
    ] = False,
) -> None:
    """Write the rows of a ledger to a file, also while a harvest runs. It costs nothing."""
    check_files([file])

    async def written() -> Exported:
        async with Harvest.open(ledger, read_only=True) as harvest:
            return await harvest.export(file, snapshots=snapshots, escape_formulas=escape)

    done = asyncio.run(written())
    left_out = f", {done.rejected:,} left out as invalid" if done.rejected else ""
    lines = [("file", str(done.file)), ("rows", f"{done.rows:,}{left_out}")]
    console(sys.stdout).print(pairs(lines))


def check_files(exports: Iterable[Path], page: Path | None = None) -> None:
    """See that files can be written, as far as one can tell before there is anything to write."""
    try:
        for file in exports:
            check_export(file)
        if page is not None:
            from keyapi_async.report import check_report  # noqa: PLC0415  # it needs an extra

            check_report(page)
    except ExportError as error:
        raise InputError(str(error)) from error


def report(
    ledger: Ledger, file: Annotated[Path, typer.Argument(metavar="FILE", help="A name with .html.")]
) -> None:
    """Write what a ledger holds as one page to look at, also while a harvest runs.

    The page asks for nothing from anywhere. It costs nothing, and needs the extra report.
    """
    check_files([], file)

    async def written() -> Path:
        async with Harvest.open(ledger, read_only=True) as harvest:
            return await harvest.write_report(file)

    console(sys.stdout).print(pairs([("file", str(asyncio.run(written())))]))


def status(
    ledger: Ledger,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show how far the run is, until it ends.")
    ] = False,
) -> None:
    """Show what a ledger holds, what is left to be read, and what failed. It costs nothing.

    It holds up no harvest: any number of these may look at one that runs.
    """

    async def held() -> tuple[Status, Sequence[ListFailure]]:
        async with Harvest.open(ledger, read_only=True) as harvest:
            if watch:
                await follow(harvest, console(sys.stderr), lambda now: not now.running)
            return await harvest.status(), await harvest.failures()

    now, failures = asyncio.run(held())
    console(sys.stdout).print(pairs(status_lines(now)))
    print_failures(failures, now.failed, console(sys.stdout))


def status_lines(held: Status) -> list[tuple[str, str]]:
    """Say what a ledger holds."""
    lines = [
        (name.removeprefix("parameter "), str(value))
        for name, value in held.listing.items()
        if name in _SHOWN or name.startswith("parameter ")
    ]
    lines += [*count_lines(held), ("size", f"{held.size / 1e6:,.1f} MB")]
    if held.first is not None and held.last is not None:
        lines.append(("written", f"{held.first:%Y-%m-%d %H:%M} to {held.last:%Y-%m-%d %H:%M} UTC"))
    if held.run is not None:
        ended = "ended before its time; the same command goes on" if held.left else "ended"
        state = held.run.paused or ("under way" if held.running else ended)
        lines += [("run", state), *run_lines(held.run)]
    return lines


def count_lines(held: Status | Progress) -> list[tuple[str, str]]:
    """Say how many lists were read, and what came of it."""
    rejects = f", {held.rejects:,} of them invalid" if held.rejects else ""
    rows = f"{counted(held.rows, 'row')} in {counted(held.pages, 'page')}{rejects}"
    return [
        ("lists", f"{held.done:,} done, {held.failed:,} failed, {held.left:,} left"),
        ("read", f"{rows}, by this run" if isinstance(held, Progress) else rows),
    ]


def run_lines(run: Progress) -> list[tuple[str, str]]:
    """Say what a run has spent, and how fast it was."""
    uncertain = f", {run.uncertain:,} more are uncertain" if run.uncertain else ""
    rate = f"{run.rate:.1f}{out_of(run.qps)} requests/s for {clock(run.elapsed)}"
    if run.elapsed < 1:
        rate = f"{counted(run.requests, 'request')} in less than a second"
    return [
        ("credits", f"{run.spent:,}{out_of(run.budget)} spent by this run{uncertain}"),
        ("rate", rate),
    ]


def print_failures(failures: Sequence[ListFailure], count: int, screen: Console) -> None:
    """Name the first of the lists that failed, and why."""
    for failure in failures[:_FAILURES]:
        line = f"{printable(failure.key)} failed: {printable(failure.error)}"
        screen.print(line, style="red", soft_wrap=True)
    if count > _FAILURES:
        screen.print(f"… and {count - _FAILURES:,} more", style="red")
