"""``keyapi-async demo``: the main job against a KeyAPI of its own, killed once on the way."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import islice
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, Final

import attrs
import typer

from keyapi_async.api import endpoints
from keyapi_async.api.product import ProductCreator
from keyapi_async.cli.display import follow
from keyapi_async.cli.exits import ExitCode, InputError
from keyapi_async.cli.ledger import status_lines
from keyapi_async.cli.options import Format, option, positive, with_options
from keyapi_async.cli.output import Output
from keyapi_async.cli.terminal import console, counted, pairs
from keyapi_async.errors import ConfigurationError, KeyAPIError
from keyapi_async.harvest import Harvest
from keyapi_async.sandbox import Fault, Faults, Sandbox

_HARVEST: Final = ("product", "creators")
_EXPORTS: Final = (".csv", ".jsonl", ".parquet")
_LATENCY: Final = 0.08
_FAULTS: Final = {
    Fault.TOO_MANY_REQUESTS: 0.001,  # each one slows the client down, as it should
    Fault.SERVER_ERROR: 0.010,
    Fault.BAD_GATEWAY: 0.005,
    Fault.RESET: 0.003,
    Fault.TRUNCATE: 0.003,
}
_LONGEST: Final = 300
"""Rows of a list at most: the pages of one list come one after another."""
_KILLED_AT: Final = 0.4
"""The share of the pages after which the harvest is killed."""


@attrs.frozen(kw_only=True)
class DemoOptions:
    """What is shown, and where it goes."""

    products: int = option(300, "Products to ask the creators of.", "N", min=1, max=500)
    qps: float = option(50.0, "Queries a second allowed.", "N", max=1000, callback=positive)
    seed: int = option(0, "Which made-up data and faults.", "N", min=0)
    into: Path | None = option(
        None, "Where the files go; a new temporary folder if not given.", "DIR"
    )


def _demo(_: object, how: DemoOptions) -> None:
    """Harvest the creators of many products, with no key and no network.

    A KeyAPI on this machine answers; it limits the queries a second, and fails
    now and then on purpose. The harvest is killed once, and goes on where it
    was. It takes about half a minute.
    """
    folder = how.into or Path(mkdtemp(prefix="keyapi-demo-"))
    ledger = folder / f"{_HARVEST[1]}.db"
    for file in map(ledger.with_suffix, (".db", ".txt", *_EXPORTS, ".html")):
        if file.exists():
            raise InputError(f"--into {folder}: {file.name} is there already: name another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ledger.touch()
    except OSError as error:
        raise InputError(f"--into {folder}: {ledger.name}: {error.strerror}") from error
    try:
        whole = asyncio.run(_shown(how.products, how.qps, how.seed, ledger))
    except BaseException:
        if how.into is None:
            rmtree(folder)
        raise
    raise typer.Exit(ExitCode.DONE if whole else ExitCode.INCOMPLETE)


demo: Callable[..., None] = with_options(DemoOptions, _demo)


async def _shown(products: int, qps: float, seed: int, ledger: Path) -> bool:
    """Show it all; say whether every row is there once."""
    screen, ids = console(sys.stderr), ledger.with_suffix(".txt")
    command = ["harvest", *_HARVEST, "--ids", str(ids), "--db", str(ledger), "--qps", f"{qps:g}"]
    command += ["--patience", "5s"]  # it ends by itself where this process is killed
    faults = Faults(rates=_FAULTS, seed=seed)
    async with Sandbox(qps=qps, latency=_LATENCY, seed=seed, faults=faults) as box:
        lists = _chosen(box, products)
        ids.write_text("\n".join(["# products", *lists, ""]))
        pages = sum(len(rows) // 10 + 1 for rows in lists.values())
        screen.print(
            f"The creators of {len(lists)} products, from a sandbox on {box.url}\nthat allows"
            f" {qps:g} requests a second and fails now and then, on purpose.\n"
        )
        async with Harvest.open(ledger) as harvest:
            async with _process(box, command) as process:
                enough = pages * _KILLED_AT
                await follow(harvest, screen, lambda now: now.pages > enough or _ended(process))
                await _check(process)
                screen.print(f"$ keyapi-async status {ledger.name}", style="bold")
                screen.print(pairs(status_lines(await harvest.status())))
            kept = await harvest.status()
            screen.print(
                f"\nProcess {process.pid} was killed with SIGKILL. The ledger has {kept.pages:,}"
                f" pages and {kept.rows:,}\nrows, and the same command goes on from there.\n",
                style="bold",
            )
            async with _process(box, command) as process:
                held = await follow(harvest, screen, lambda _: _ended(process))
                await _check(process)
            rows = [one async for one in harvest.records(ProductCreator)]
            files = [file async for file in _exported(harvest, ledger)]
        wanted = [(key, row["user_id"]) for key, found in lists.items() for row in found]
        whole = sorted((one.product_id, one.user_id) for one in rows) == sorted(wanted)
        failures = sum(one.status != 200 or one.fault is not None for one in box.requests)
        lines = [
            ("read", f"{counted(held.rows, 'row')} of {counted(held.done, 'product')}"),
            ("survived", f"{counted(failures, 'failed request')}, one SIGKILL"),
            ("lost", "nothing: every row is there, and none twice" if whole else "rows"),
            ("spent", f"{box.billed:,} credits for {pages:,} pages; those beyond went for answers"),
            ("", "lost on their way, and for what the kill interrupted"),
            *((file.suffix[1:], str(file)) for file in [ledger, *files]),
        ]
    console(sys.stdout).print("Top creators, by what they sold of a product:", style="bold")
    best = sorted(rows, key=lambda one: one.per_product_ifl_gmv_amt or 0, reverse=True)
    Output(ProductCreator, Format.TABLE, None, {"user_id", "product_id"}).add(best[:10])
    console(sys.stdout).print()
    console(sys.stdout).print(pairs(lines))
    return whole


def _chosen(box: Sandbox, count: int) -> dict[str, list[Any]]:
    """Choose products whose lists are not too long."""
    (endpoint,) = (one for one in endpoints() if (one.resource, one.name) == _HARVEST)
    every = ((one, box.rows(endpoint.path, product_id=one)) for one in box.product_ids(1000))
    return dict(islice((one for one in every if len(one[1]) <= _LONGEST), count))


@asynccontextmanager
async def _process(box: Sandbox, command: Sequence[str]) -> AsyncIterator[Process]:
    """Run a command in a process of its own, and kill it at the end."""
    here = {"KEYAPI_BASE_URL": box.url, "KEYAPI_TOKEN": box.api_key}
    here |= {"KEYAPI_REDIS": "", "NO_PROXY": "*", "no_proxy": "*"}  # what is for the real one
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "keyapi_async"),
        *command,
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=PIPE,
        env={**os.environ, **here, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,  # the terminal's Ctrl-C is the parent's alone
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def _check(process: Process) -> None:
    """See that a process goes on, or has ended well."""
    if process.returncode not in {None, ExitCode.DONE, ExitCode.INCOMPLETE}:
        assert process.stderr is not None  # noqa: S101  # it is a pipe
        output = (await process.stderr.read()).decode(errors="replace")
        raise KeyAPIError(f"the harvest ended: {output.strip()}")


def _ended(process: Process) -> bool:
    return process.returncode is not None


async def _exported(harvest: Harvest, ledger: Path) -> AsyncIterator[Path]:
    for suffix in _EXPORTS:
        with suppress(ConfigurationError):  # Parquet needs an extra
            yield (await harvest.export(ledger.with_suffix(suffix))).file
    with suppress(ConfigurationError):  # and so does the report
        yield await harvest.write_report(ledger.with_suffix(".html"))
