"""How many pages a second the ledger commits, synced to the disk, and what an export takes.

As many callers as there are lists at a time hand over full pages of ten creators, each its next one
when the last is committed, as a harvest does whose network costs nothing. A page and the mark that
it was read are one transaction with ``synchronous=FULL``; what arrives together is committed
together. Then the ledger is exported in each format, in a process of its own, whose largest memory
is shown. Give a folder on the disk in question.

    python -m benchmarks.ledger [--pages 100000] [--concurrency 16] [--folder .]
"""

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import orjson
from keyapi_async.harvest.intake import Entry, Intake
from keyapi_async.harvest.keeper import Keeper

from benchmarks.serving import PATH as CREATORS
from keyapi_async.harvest import Harvest, Job
from keyapi_async.harvest.ledger import Bought, Unread
from keyapi_async.sandbox import Service

A_LIST = 50
"""Pages of one list."""


def pages_of_ten() -> list[bytes]:
    """Give some thousand different pages."""
    box = Service()
    rows = [row for one in box.product_ids(300) for row in box.rows(CREATORS, product_id=one)]
    return [orjson.dumps(rows[i : i + 10]) for i in range(0, len(rows) - 9, 10)]


async def fill(file: Path, pages: int, concurrency: int) -> float:
    """Write a ledger of so many pages; give the pages a second."""
    keeper = Keeper()
    await keeper.open(file, create=True)
    lists = -(-pages // A_LIST)
    await keeper.plan(Job.product_creators(map(str, range(1, lists + 1))))
    left = iter(await keeper.unread(0, lists))
    intake = Intake(keeper.write, _unwatched, _unwatched_end)
    bodies = pages_of_ten()

    async def read() -> None:
        for one in left:
            await read_list(one)

    async def read_list(one: Unread) -> None:
        for page_num in range(1, A_LIST + 1):
            rows = bodies[(one.list_id * A_LIST + page_num) % len(bodies)]
            last = page_num == A_LIST
            await intake.put(Bought(one.list_id, page_num, last, "request", rows, 10, ()))

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in islice(range(concurrency), lists):
            group.create_task(read())
    await intake.settle()
    seconds = time.perf_counter() - begin
    await keeper.close()
    return lists * A_LIST / seconds


def _unwatched(entries: Sequence[Entry]) -> None:
    """Nobody watches."""


def _unwatched_end() -> None:
    """Nobody watches."""


def export(ledger: Path, file: Path) -> tuple[int, float, float]:
    """Export a ledger; give the rows, the seconds, and the largest memory of the process in MB."""

    async def main() -> int:
        async with Harvest.open(ledger) as harvest:
            return (await harvest.export(file)).rows

    begin = time.perf_counter()
    rows = asyncio.run(main())
    seconds = time.perf_counter() - begin
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return rows, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=int, default=100_000)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--folder", type=Path, default=Path())
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        ledger = Path(name) / "creators.db"
        rate = asyncio.run(fill(ledger, args.pages, args.concurrency))
        size = ledger.stat().st_size / 2**20
        print(f"ledger   {rate:8.0f} pages/s, {args.concurrency} lists at a time, {size:.0f} MB")
        for suffix in ("parquet", "csv", "jsonl"):
            file = ledger.with_suffix(f".{suffix}")
            with get_context("spawn").Pool(1) as pool:
                rows, seconds, memory = pool.apply(export, (ledger, file))
            size = file.stat().st_size / 2**20
            print(
                f"{suffix:8} {rows:8} rows in {seconds:.1f} s, {size:.0f} MB,"
                f" at most {memory:.0f} MB of memory"
            )


if __name__ == "__main__":
    main()
