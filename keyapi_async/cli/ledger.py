"""``keyapi-async export`` and ``status``: what a ledger holds."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from keyapi_async.cli.facts import facts
from keyapi_async.cli.terminal import console
from keyapi_async.harvest import Exported, Harvest, Status

Ledger = Annotated[Path, typer.Argument(metavar="LEDGER", help="What a harvest wrote.")]


def export(
    ledger: Ledger,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A name with .parquet, .csv or .jsonl.")
    ],
    *,
    escape_formulas: Annotated[
        bool,
        typer.Option(
            "--escape-formulas", help="In a CSV, put ' before what a spreadsheet would run."
        ),
    ] = False,
) -> None:
    """Write the records of a ledger to a file. It costs nothing."""
    written = asyncio.run(_export(ledger, file, escape_formulas=escape_formulas))
    left_out = f", {written.rejected:,} left out that are no record" if written.rejected else ""
    screen = console(sys.stdout)
    screen.print(facts([("file", str(written.file)), ("rows", f"{written.rows:,}{left_out}")]))


async def _export(ledger: Path, file: Path, *, escape_formulas: bool) -> Exported:
    async with Harvest.open(ledger, create=False) as harvest:
        return await harvest.export(file, escape_formulas=escape_formulas)


def status(ledger: Ledger) -> None:
    """Show what a ledger holds, and what is left to be read. It costs nothing."""
    held = asyncio.run(_status(ledger))
    lines = [(name, str(value)) for name, value in held.job.items()]
    rejects = f", {held.rejects:,} of them no record" if held.rejects else ""
    lines += [
        ("lists", f"{held.done:,} done, {held.failed:,} failed, {held.left:,} left"),
        ("pages", f"{held.pages:,}"),
        ("rows", f"{held.rows:,}{rejects}"),
    ]
    console(sys.stdout).print(facts(lines))


async def _status(ledger: Path) -> Status:
    async with Harvest.open(ledger, create=False) as harvest:
        return await harvest.status()
