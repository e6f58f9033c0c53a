"""``keyapi-async demo``: the main job against a KeyAPI of its own."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated

import attrs
import typer

from keyapi_async.cli.exits import ExitCode
from keyapi_async.cli.options import positive
from keyapi_async.cli.progress import Glance, Progress, progress_on
from keyapi_async.cli.report import Report, Seller, print_report
from keyapi_async.cli.shelf import shelf
from keyapi_async.cli.terminal import console
from keyapi_async.client import KeyAPI
from keyapi_async.errors import KeyAPIError
from keyapi_async.records import ProductCreator
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


def demo(
    *,
    products: Annotated[
        int, typer.Option(min=1, max=500, help="Products to ask the creators of.")
    ] = 160,
    qps: Annotated[
        float, typer.Option(max=1000, callback=positive, help="Queries a second allowed.")
    ] = 50.0,
    seed: Annotated[int, typer.Option(min=0, help="Which made-up data and faults.")] = 0,
) -> None:
    """Stream the creators of many products, with no key and no network.

    A KeyAPI on this machine answers; it limits the queries a second, and fails
    now and then on purpose. It takes about half a minute.
    """
    report = asyncio.run(_demo(products, qps, seed))
    print_report(console(sys.stdout), report)
    if report.failures:
        raise typer.Exit(ExitCode.INCOMPLETE)


async def _demo(products: int, qps: float, seed: int) -> Report:
    screen = console(sys.stderr)
    faults = Faults(rates=_FAULTS, seed=seed)
    async with Sandbox(qps=qps, latency=_LATENCY, seed=seed, faults=faults) as box:
        product_ids = shelf(box, products)
        screen.print(
            f"The creators of {len(product_ids)} products, from a sandbox on {box.url}\n"
            f"that allows {qps:g} requests a second and fails now and then, on purpose.\n",
        )
        async with KeyAPI(box.api_key, base_url=box.url, qps=qps, proxy="") as api:
            tally = _Tally(asyncio.get_running_loop().time())
            with progress_on(screen, qps) as progress:
                await _watched(api, product_ids, tally, progress)
            return Report(
                sellers=list(tally.sellers.values()),
                failures=tally.failures,
                glance=tally.glance(api, len(product_ids)),
                least=tally.least,
                uncertain=api.credits.uncertain,
                qps=qps,
            )


@attrs.define
class _Tally:
    """What has come in so far."""

    started: float
    done: int = 0
    rows: int = 0
    least: int = 0
    sellers: dict[str, Seller] = attrs.field(factory=dict)
    failures: dict[str, KeyAPIError] = attrs.field(factory=dict)

    def add(self, creator: ProductCreator) -> None:
        self.rows += 1
        self.sellers.setdefault(creator.user_id, Seller(creator)).add(creator)

    def glance(self, api: KeyAPI, total: int) -> Glance:
        stats = api.stats
        return Glance(
            done=self.done,
            total=total,
            rows=self.rows,
            credits=stats.credits,
            requests=stats.requests,
            retries=stats.retries,
            throttles=stats.throttles,
            elapsed=asyncio.get_running_loop().time() - self.started,
        )


async def _watched(
    api: KeyAPI, product_ids: Sequence[str], tally: _Tally, progress: Progress
) -> None:
    """Stream all lists, and show how far they are."""
    work = asyncio.create_task(_stream_all(api, product_ids, tally))
    try:
        while not work.done():
            progress.show(tally.glance(api, len(product_ids)))
            await asyncio.wait((work,), timeout=progress.every)
        await work
    finally:
        work.cancel()
        await asyncio.wait((work,))


async def _stream_all(api: KeyAPI, product_ids: Sequence[str], tally: _Tally) -> None:
    waiting = iter(product_ids)
    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(_stream_some(api, waiting, tally))


async def _stream_some(api: KeyAPI, waiting: Iterator[str], tally: _Tally) -> None:
    """Read one list after another, of those that no other task has taken."""
    for product_id in waiting:
        try:
            count = 0
            async for creator in api.tiktok.product.iter_creators(product_id):
                tally.add(creator)
                count += 1
            tally.least += count // _PAGE + 1
        except KeyAPIError as error:
            tally.failures[product_id] = error
        tally.done += 1
