"""``keyapi-async demo``: the main job against a KeyAPI of its own, killed once on the way."""

import asyncio
import os
import sqlite3
import sys
import threading
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from itertools import islice
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated, Any, Final

import attrs
import typer
from rich.bar import Bar
from rich.console import Console
from rich.table import Table
from rich.text import Text

from keyapi_async.api import endpoints
from keyapi_async.api.declaration import Endpoint
from keyapi_async.cli.display import display_on, follow
from keyapi_async.cli.exits import ExitCode, InputError
from keyapi_async.cli.ledger import status_lines
from keyapi_async.cli.options import positive
from keyapi_async.cli.terminal import console, counted, pairs, plain
from keyapi_async.errors import ConfigurationError, KeyAPIError
from keyapi_async.harvest import Harvest, Status
from keyapi_async.sandbox import Fault, Faults, Sandbox

_HARVEST: Final = ("product", "creators")
_LATENCY, _AT_ONCE = 0.08, 16
"""Seconds before an answer, and lists read at a time: enough of them to fill the limit."""
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
_BEST: Final = """
    select coalesce(nick_name, user_id), region, max(total_followers_cnt),
    sum(per_product_ifl_sale_cnt), sum(per_product_ifl_gmv_amt) as gmv
    from records group by user_id order by gmv desc limit 10
"""


def demo(
    *,
    products: Annotated[
        int, typer.Option(min=1, max=500, help="Products to ask the creators of.")
    ] = 300,
    qps: Annotated[
        float, typer.Option(max=1000, callback=positive, help="Queries a second allowed.")
    ] = 50.0,
    seed: Annotated[int, typer.Option(min=0, help="Which made-up data and faults.")] = 0,
    into: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where the files go; a new temporary folder if not given."
        ),
    ] = None,
) -> None:
    """Harvest the creators of many products, with no key and no network.

    A KeyAPI on this machine answers; it limits the queries a second, and fails
    now and then on purpose. The harvest is killed once, and goes on where it
    was. It takes about half a minute.
    """
    if into is None:
        into = Path(mkdtemp(prefix="keyapi-demo-"))
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--into {into}: {error.strerror}") from error
    (endpoint,) = (one for one in endpoints() if (one.resource, one.name) == _HARVEST)
    show = _Show(endpoint, into / f"{endpoint.name}.db", qps, console(sys.stderr))
    if show.ledger.exists():
        raise InputError(f"--into {into}: there is a {show.ledger.name} already")
    if not asyncio.run(show.run(products, seed)):
        raise typer.Exit(ExitCode.INCOMPLETE)


@attrs.define
class _Show:
    """A harvest in a process that is killed, and in another one that goes on."""

    endpoint: Endpoint
    ledger: Path
    qps: float
    screen: Console

    async def run(self, products: int, seed: int) -> bool:
        """Show it all; say whether every row is there once."""
        faults = Faults(rates=_FAULTS, seed=seed)
        async with Sandbox(qps=self.qps, latency=_LATENCY, seed=seed, faults=faults) as box:
            lists = self._chosen(box, products)
            pages = sum(len(rows) // 10 + 1 for rows in lists.values())
            self.screen.print(
                f"The creators of {len(lists)} products, from a sandbox on {box.url}\nthat allows"
                f" {self.qps:g} requests a second and fails now and then, on purpose.\n"
            )
            ids = self.ledger.with_suffix(".txt")
            ids.write_text("\n".join(["# products", *lists, ""]))
            async with Harvest.open(self.ledger) as harvest:
                await self._kill(box, ids, harvest, pages)
                held = await self._finish(box, ids, harvest)
                found = Counter(
                    [(one["product_id"], one["user_id"]) async for one in harvest.records(dict)]
                )
                files = [self.ledger, *await self._exported(harvest)]
            wanted = Counter(
                (product_id, row["user_id"]) for product_id, rows in lists.items() for row in rows
            )
            whole = found == wanted and held.failed == held.left == 0
            self._print_best(console(sys.stdout))
            self._print_cost(box, held, pages, files, whole=whole)
        return whole

    def _chosen(self, box: Sandbox, count: int) -> dict[str, list[Any]]:
        """Choose products whose lists are not too long."""
        (key,) = self.endpoint.key
        every = ((one, box.rows(self.endpoint.path, **{key: one})) for one in box.product_ids(1000))
        return dict(islice((one for one in every if len(one[1]) <= _LONGEST), count))

    async def _kill(self, box: Sandbox, ids: Path, harvest: Harvest, pages: int) -> None:
        """Harvest, and kill the process when there are enough pages."""
        async with self._process(box, ids) as process:
            with display_on(self.screen) as display:
                held = await follow(
                    harvest,
                    display,
                    lambda now: now.pages >= pages * _KILLED_AT or _ended(process),
                )
            self.screen.print(f"$ keyapi-async status {self.ledger.name}", style="bold")
            self.screen.print(pairs(status_lines(held)))
            process.kill()
            await process.wait()
        kept = await harvest.status()
        self.screen.print(
            f"\nProcess {process.pid} was killed with SIGKILL. The ledger has {kept.pages:,} pages"
            f" and {kept.rows:,}\nrows, and the same command goes on from there.\n",
            style="bold",
        )

    async def _finish(self, box: Sandbox, ids: Path, harvest: Harvest) -> Status:
        """Harvest what is left."""
        async with self._process(box, ids) as process:
            with display_on(self.screen) as display:
                await follow(harvest, display, lambda _: _ended(process))
            assert process.stderr is not None  # noqa: S101  # it is a pipe
            told = (await process.stderr.read()).decode(errors="replace")
        if await process.wait() not in {ExitCode.DONE, ExitCode.INCOMPLETE}:
            raise KeyAPIError(f"the harvest ended: {told.strip()[-500:] or 'it said nothing'}")
        return await harvest.status()

    @asynccontextmanager
    async def _process(self, box: Sandbox, ids: Path) -> AsyncIterator[Process]:
        """Run the command of a harvest in a process of its own, and see it gone."""
        command = ["harvest", *_HARVEST, "--ids", str(ids), "--db", str(self.ledger)]
        options = [f"--qps={self.qps}", f"--concurrency={_AT_ONCE}"]
        here = {"KEYAPI_BASE_URL": box.url, "KEYAPI_TOKEN": box.api_key}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-c", f"from {__name__} import work; work()"),
            *command,
            *options,
            stdin=PIPE,
            stdout=asyncio.subprocess.DEVNULL,
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

    async def _exported(self, harvest: Harvest) -> list[Path]:
        files: list[Path] = []
        for suffix in (".csv", ".jsonl", ".parquet"):
            with suppress(ConfigurationError):  # Parquet needs an extra
                files.append((await harvest.export(self.ledger.with_suffix(suffix))).file)
        return files

    def _print_best(self, screen: Console) -> None:
        """Ask the ledger for the best creators, as any SQL client could."""
        with closing(sqlite3.connect(self.ledger)) as db:
            best = db.execute(_BEST).fetchall()
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, expand=True)
        table.add_column("top creators", no_wrap=True, max_width=24)
        table.add_column("region")
        for head in ("followers", "sales", "GMV"):
            table.add_column(head, justify="right", no_wrap=True)
        table.add_column("", ratio=1)
        for name, region, *figures, gmv in best:
            cells = [f"{one or 0:,.0f}" for one in (*figures, gmv)]
            bar = Bar(best[0][-1] or 1.0, 0, gmv or 0, color="green")
            table.add_row(Text(plain(name), "bold"), plain(region or ""), *cells, bar)
        screen.print(table)

    def _print_cost(
        self, box: Sandbox, held: Status, pages: int, files: Sequence[Path], *, whole: bool
    ) -> None:
        failed = [one for one in box.requests if one.status != 200 or one.fault is not None]
        lost = sum(one.billed for one in failed)
        survived = f"{counted(len(failed), 'failed request')}, one SIGKILL"
        lines = [
            ("read", f"{counted(held.rows, 'row')} of {counted(held.done, 'product')}"),
            ("survived", survived),
            ("lost", "nothing: every row is there, and none twice" if whole else "rows"),
            ("spent", f"{counted(box.billed, 'credit')}: {pages:,} for the pages of the lists,"),
            ("", f"{lost:,} for answers lost on their way, {box.billed - pages - lost:,} for the"),
            ("", f"kill (never more than the {_AT_ONCE} requests in flight)"),
            *((one.suffix[1:], str(one)) for one in files),
        ]
        console(sys.stdout).print()
        console(sys.stdout).print(pairs(lines))


def _ended(process: Process) -> bool:
    return process.returncode is not None


def work() -> None:
    """Run the command line; it is what the demo's process does, as long as its parent lives."""
    from keyapi_async.cli.app import run  # noqa: PLC0415  # it imports this module

    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.exit(run())


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing comes but the end
    os._exit(1)
