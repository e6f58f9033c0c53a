"""A harvest under way: displayed, stopped by signals, reported."""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs
import typer
from rich.console import Console

from keyapi_async.cli.display import EVERY, display_on
from keyapi_async.cli.exits import ExitCode
from keyapi_async.cli.harvest import HarvestOptions
from keyapi_async.cli.ledger import check_files, count_lines, print_failures, run_lines
from keyapi_async.cli.selection import Selection
from keyapi_async.cli.terminal import console, counted, pairs
from keyapi_async.client import KeyAPI
from keyapi_async.errors import printable
from keyapi_async.harvest import Harvest, HarvestReport, HarvestStoppedError, Progress
from keyapi_async.limiter.shared import RedisLimiter


def run(chosen: Selection, how: HarvestOptions) -> None:
    """Do a harvest, and say how it went."""
    check_files(how.export, how.report)
    endpoint = chosen.endpoint
    ledger = how.db or Path(f"{endpoint.resource}-{endpoint.name}.db")
    screen = console(sys.stderr)
    exports = ", and exports at its end" if how.export or how.report else ""
    way_on = f"Kept in {printable(str(ledger))}; the same command goes on from there{exports}."
    try:
        report = asyncio.run(_harvest(chosen, how, ledger, screen))
    except HarvestStoppedError as error:
        _print_report(error.report, [ledger])
        screen.print(way_on, soft_wrap=True)
        raise
    except (asyncio.CancelledError, KeyboardInterrupt):
        report = None
    if report is None or report.stopped:
        screen.print(way_on, soft_wrap=True)
        raise typer.Exit(ExitCode.INTERRUPTED)
    if report.failed:
        print_failures(report.failures, report.failed, screen)
        screen.print("The same command tries the failed lists again.")
        raise typer.Exit(ExitCode.INCOMPLETE)


async def _harvest(
    chosen: Selection, how: HarvestOptions, ledger: Path, screen: Console
) -> HarvestReport:
    gate = None if how.redis is None else RedisLimiter(how.redis, qps=how.qps)
    async with (
        KeyAPI(qps=how.qps, limiter=gate, max_credits=how.max_credits) as api,
        Harvest.open(ledger) as harvest,
    ):
        with _stopped_by_signals(harvest, screen):
            report = await _watched(chosen, how, api, harvest, screen)
        files: list[object] = [ledger]
        if not report.stopped:
            exported = [await harvest.export(file) for file in how.export]
            files += [f"{one.file} ({counted(one.rows, 'row')})" for one in exported]
            if how.report is not None:
                files.append(await harvest.write_report(how.report))
    _print_report(report, files)
    return report


async def _watched(
    chosen: Selection, how: HarvestOptions, api: KeyAPI, harvest: Harvest, screen: Console
) -> HarvestReport:
    """Run the harvest, and show how far it is."""
    now = asyncio.get_running_loop().time
    seen: list[tuple[float, Progress]] = []
    run = harvest.run(
        chosen,
        lambda key: chosen.endpoint.open(api.tiktok, {**key, **chosen.shared}, until=how.until),
        concurrency=how.concurrency,
        max_age=how.max_age,
        patience=how.patience,
        progress=lambda progress: seen.append((now(), progress)),
    )
    work = asyncio.create_task(run)
    try:
        with display_on(screen) as show:
            while not work.done():
                del seen[:-1]
                for at, progress in seen:
                    show(attrs.evolve(progress, elapsed=progress.elapsed + now() - at))
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


def _print_report(report: HarvestReport, files: Sequence[object]) -> None:
    names = ["ledger", *["file"] * len(files)]
    lines = [*count_lines(report), *run_lines(report), *zip(names, map(str, files), strict=False)]
    console(sys.stdout).print(pairs(lines))
