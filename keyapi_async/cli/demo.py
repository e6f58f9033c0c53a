"""``keyapi-async demo``: the main job against a KeyAPI of its own, killed once on the way."""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Annotated

import typer
from rich.console import Console

from keyapi_async.api.product import ProductCreator
from keyapi_async.cli.demo_worker import Order, Word, Worker
from keyapi_async.cli.exits import ExitCode, InputError
from keyapi_async.cli.options import positive
from keyapi_async.cli.progress import Glance, Progress, progress_on
from keyapi_async.cli.report import Report, Seller, print_report
from keyapi_async.cli.shelf import shelf
from keyapi_async.cli.terminal import console
from keyapi_async.errors import ConfigurationError
from keyapi_async.harvest import Harvest
from keyapi_async.sandbox import Fault, Faults, Sandbox

_LATENCY = 0.08
_AT_ONCE = 16
"""Lists read side by side: enough to fill the limit at that latency, and no more."""
_FAULTS = {
    Fault.TOO_MANY_REQUESTS: 0.001,  # each one slows the client down, as it should
    Fault.SERVER_ERROR: 0.010,
    Fault.BAD_GATEWAY: 0.005,
    Fault.RESET: 0.003,
    Fault.TRUNCATE: 0.003,
    Fault.BAD_JSON: 0.002,
}
_PAGE = 10
_KILLED_AT = 0.4
"""The share of the pages after which the harvest is killed."""
_FORMATS = (".csv", ".jsonl", ".parquet")


def demo(
    *,
    products: Annotated[
        int, typer.Option(min=1, max=500, help="Products to ask the creators of.")
    ] = 160,
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
    with _folder(into) as folder:
        report = asyncio.run(_demo(products, qps, seed, folder))
        print_report(console(sys.stdout), report)
    if report.failures or report.missing or report.surplus:
        raise typer.Exit(ExitCode.INCOMPLETE)


@contextmanager
def _folder(into: Path | None) -> Iterator[Path]:
    """Make the folder; one of our own stays only if it comes to be told where it is."""
    if into is not None:
        try:
            into.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"--into {into}: {error.strerror}") from error
        if _ledger_in(into).exists():
            raise InputError(f"--into {into}: there is a {_ledger_in(into).name} already")
        yield into
        return
    folder = Path(mkdtemp(prefix="keyapi-demo-"))
    try:
        yield folder
    except BaseException:
        rmtree(folder)
        raise


def _ledger_in(folder: Path) -> Path:
    return folder / "creators.db"


async def _demo(products: int, qps: float, seed: int, folder: Path) -> Report:
    screen = console(sys.stderr)
    async with failing_sandbox(qps, seed) as box:
        order = Order(
            url=box.url,
            api_key=box.api_key,
            ledger=str(_ledger_in(folder)),
            product_ids=shelf(box, products),
            qps=qps,
            concurrency=_AT_ONCE,
        )
        show = Show(box, order, screen)
        with progress_on(screen, qps) as progress:
            await show.run(progress)
        return await _reported(show, folder)


def failing_sandbox(qps: float, seed: int) -> Sandbox:
    """Give a KeyAPI that takes its time, limits, and fails now and then."""
    return Sandbox(qps=qps, latency=_LATENCY, seed=seed, faults=Faults(rates=_FAULTS, seed=seed))


class Show:
    """The harvest: in one process until that is killed, and in another one to the end."""

    def __init__(self, box: Sandbox, order: Order, screen: Console) -> None:
        self.box = box
        self.order = order
        self.lists = {one: box.world.product_creators(one) for one in order.product_ids}
        self.least = sum(len(rows) // _PAGE + 1 for rows in self.lists.values())
        self.killed = False
        self.failures: Mapping[str, str] = {}
        self._screen = screen
        self._begun = asyncio.get_running_loop().time()
        self._rows_before = 0
        self._word = Word()

    @property
    def lost(self) -> int:
        """Credits of answers that were lost on their way."""
        return sum(asked.billed and asked.fault is not None for asked in self.box.requests)

    @property
    def glance(self) -> Glance:
        """How far it is, with what the sandbox knows of it."""
        asked = self.box.requests
        return Glance(
            done=self._word.done,
            total=len(self.lists),
            rows=self._rows_before + self._word.rows,
            credits=self.box.billed,
            requests=len(asked),
            retries=sum(one.status != 200 or one.fault is not None for one in asked),
            throttles=sum(one.status == 429 for one in asked),
            elapsed=asyncio.get_running_loop().time() - self._begun,
        )

    async def run(self, progress: Progress) -> None:
        """Harvest, and show how far it is."""
        self._screen.print(
            f"The creators of {len(self.lists)} products, from a sandbox on {self.box.url}\nthat"
            f" allows {self.order.qps:g} requests a second and fails now and then, on purpose.\n",
        )
        work = asyncio.create_task(self._harvest())
        try:
            while not work.done():
                progress.show(self.glance)
                await asyncio.wait((work,), timeout=progress.every)
            await work
        finally:
            work.cancel()
            await asyncio.wait((work,))

    async def _harvest(self) -> None:
        await self._begin_and_kill()
        async with Worker(self.order) as worker:
            while (word := await worker.next_word()).failures is None:
                self._word = word
        self._word, self.failures = word, word.failures

    async def _begin_and_kill(self) -> None:
        """Harvest until there are enough pages; where too many lists fail, until the end."""
        enough = self.least * _KILLED_AT
        async with Worker(self.order) as worker:
            while self._word.pages < enough and self._word.failures is None:
                self._word = await worker.next_word()
            await worker.kill()
        self.killed = self._word.failures is None
        async with Harvest.open(self.order.ledger, create=False) as harvest:
            kept = await harvest.status()
        self._word = Word(done=kept.done)
        self._rows_before = kept.rows
        if self.killed:
            self._screen.print(
                f"Process {worker.pid} was killed with SIGKILL. The ledger has {kept.pages:,} pages"
                f" and {kept.rows:,}\nrows, and another process goes on from there.\n",
                style="bold",
            )


async def _reported(show: Show, folder: Path) -> Report:
    """Compare what the ledger holds with what it should, and write it to files."""
    glance = show.glance
    sellers: dict[str, Seller] = {}
    found = Counter[tuple[str, str]]()
    async with Harvest.open(show.order.ledger, create=False) as harvest:
        pages = (await harvest.status()).pages
        async for creator in harvest.records(ProductCreator):
            sellers.setdefault(creator.user_id, Seller(creator)).add(creator)
            found[creator.product_id, creator.user_id] += 1
        files = await _exported(harvest, folder)
    wanted = Counter(
        (product_id, str(row["user_id"])) for product_id, rows in show.lists.items() for row in rows
    )
    return Report(
        sellers=list(sellers.values()),
        failures=show.failures,
        glance=glance,
        missing=(wanted - found).total(),
        surplus=(found - wanted).total(),
        least=show.least,
        lost=show.lost,
        unkept=show.box.billed - show.lost - pages,
        killed=show.killed,
        at_once=show.order.concurrency,
        qps=show.order.qps,
        files=[Path(show.order.ledger), *files],
    )


async def _exported(harvest: Harvest, folder: Path) -> list[Path]:
    files: list[Path] = []
    for suffix in _FORMATS:
        with suppress(ConfigurationError):  # Parquet needs an extra
            files.append((await harvest.export(folder / f"creators{suffix}")).file)
    return files
