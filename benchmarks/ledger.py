"""What a harvest costs above reading, and its exports above polars; all figures are CPU.

- The harvest of many lists against ``fan_out`` over the same ones, pages served by nginx on
  loopback. Both take turns in one process; every page is committed, synced to the disk.
- Each export against polars and DuckDB, which read the JSON Lines export and write the same format,
  in turns.
- The largest memory of a process that exports a million rows, and the time that ``status`` takes.

Shown are medians of rounds. Give a folder on the disk in question.

    python -m benchmarks.ledger [--rounds 3] [--rows 1000000] [--folder .]
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from itertools import count
from multiprocessing import get_context
from pathlib import Path

from benchmarks.serving import KEY, nginx
from benchmarks.serving import PATH as CREATORS
from keyapi_async import KeyAPI, Page, ProductCreator, fan_out
from keyapi_async.harvest import Harvest
from keyapi_async.harvest.ledger import Ledger, PageRead, Unread
from keyapi_async.harvest.progress import Progress
from keyapi_async.harvest.schema import facts_of
from keyapi_async.sandbox import Service

LISTS, PAGES = 60, 20
A_LIST = 50
"""Pages of one list of the ledger that is exported."""

SUFFIXES = ("parquet", "csv", "jsonl")


async def harvests(base: str, folder: Path, rounds: int) -> dict[str, list[float]]:
    """Let reading and harvesting take turns; give the CPU of a page in µs, for each round."""
    keys = [str(1000 + one) for one in range(LISTS)]
    spent: dict[str, list[float]] = {"fan_out": [], "harvest": []}
    files = count()

    async def read(api: KeyAPI) -> int:
        async with fan_out(keys, api.tiktok.product.iter_creators, concurrency=16) as results:
            return sum([1 async for _ in results])

    async def harvest(api: KeyAPI) -> int:
        async with Harvest.open(folder / f"{next(files)}.db") as harvest:
            return (await harvest.run(keys, api.tiktok.product.iter_creators)).rows

    async with KeyAPI(KEY, base_url=base, qps=1e6, proxy="") as api:
        for turn in range(rounds + 1):
            for name, work in {"fan_out": read, "harvest": harvest}.items():
                begin = time.process_time()
                rows = await work(api)
                cost = time.process_time() - begin
                if rows != LISTS * (PAGES * 10 - 1):
                    raise AssertionError(f"{name} read {rows} rows")
                if turn:  # the first round warms up both
                    spent[name].append(cost / (LISTS * PAGES) * 1e6)
    return spent


def fill(file: Path, rows: int) -> None:
    """Write a ledger of so many rows, in commits of 500 pages."""
    box = Service()
    sample = [row for one in box.product_ids(300) for row in box.rows(CREATORS, product_id=one)]
    ledger, lists = Ledger(file), -(-rows // (10 * A_LIST))
    begun = Progress(done=0, failed=0, left=lists)
    ledger.open()
    facts = facts_of(KeyAPI("nothing is sent").tiktok.product.iter_creators("1"))
    ledger.begin(facts, ("product_id",), ProductCreator)
    ledger.add_lists([(f"product_id={one}", str(one)) for one in range(1, lists + 1)])
    ledger.finish(None)
    ledger.start(begun)
    for first in range(0, lists, 10):
        pages = [
            PageRead(
                Unread(1 + number // A_LIST, "", 1, 1),
                Page(
                    records=tuple(sample[number * 10 % (len(sample) - 9) :][:10]),
                    rejects=(),
                    page_num=1 + number % A_LIST,
                    page_size=10,
                    request_id=f"request-{number}",
                    is_last=number % A_LIST == A_LIST - 1,
                ),
                1_770_000_000 + number,
            )
            for number in range(first * A_LIST, min(first + 10, lists) * A_LIST)
        ]
        ledger.write(pages, begun)
    ledger.close()


def export(ledger: Path, file: Path) -> int:
    """Export a ledger; give the rows."""

    async def main() -> int:
        async with Harvest.open(ledger, read_only=True) as harvest:
            return (await harvest.export(file)).rows

    return asyncio.run(main())


def by_polars(source: Path, file: Path) -> None:
    """Read JSON Lines, and write a format, with polars."""
    import polars as pl  # noqa: PLC0415  # it is in no process whose memory is told

    frame = pl.read_ndjson(source)
    write: Mapping[str, Callable[[Path], None]] = {
        ".parquet": frame.write_parquet,
        ".csv": frame.write_csv,
        ".jsonl": frame.write_ndjson,
    }
    write[file.suffix](file)


def by_duckdb(source: Path, file: Path) -> None:
    """Read JSON Lines, and write a format, with DuckDB."""
    import duckdb  # noqa: PLC0415  # as above

    how = {".parquet": "PARQUET, COMPRESSION zstd", ".csv": "CSV", ".jsonl": "JSON"}[file.suffix]
    rows = f"SELECT * FROM read_json_auto('{source}')"  # noqa: S608  # files of our own
    duckdb.sql(f"COPY ({rows}) TO '{file}' (FORMAT {how})")


def exports(ledger: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Let the exports, polars and DuckDB take turns; give the seconds of each, and ratios."""
    source = ledger.with_name("source.jsonl")
    export(ledger, source)
    ways: dict[str, Callable[[Path], object]] = {
        "ours": lambda file: export(ledger, file),
        "polars": lambda file: by_polars(source, file),
        "duckdb": lambda file: by_duckdb(source, file),
    }
    figures = {}
    for suffix in SUFFIXES:
        took: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, write in ways.items():
                begin = time.process_time()
                write(ledger.with_name(f"{name}.{suffix}"))
                took[name].append(time.process_time() - begin)
        figures[suffix] = {name: statistics.median(times) for name, times in took.items()}
        for name in ("polars", "duckdb"):
            pairs = zip(took["ours"], took[name], strict=True)
            figures[suffix][f"to {name}"] = statistics.median(one / two for one, two in pairs)
    return figures


def memory(ledger: Path, file: Path) -> tuple[int, float]:
    """Export a ledger; give the rows, and the largest memory of this process in MB."""
    rows = export(ledger, file)
    told = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return rows, int(told["VmHWM"].split()[0]) / 2**10


async def status(ledger: Path) -> tuple[int, float]:
    """Give the rows that ``status`` counts, and the milliseconds that it takes to."""
    async with Harvest.open(ledger, read_only=True) as harvest:
        begin = time.perf_counter()
        rows = (await harvest.status()).rows
        return rows, (time.perf_counter() - begin) * 1000


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path())
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        with nginx({str(1000 + one): PAGES for one in range(LISTS)}) as base:
            spent = asyncio.run(harvests(base, folder, 2 * args.rounds))
        read, kept = map(statistics.median, spent.values())
        pairs = zip(spent["harvest"], spent["fan_out"], strict=True)
        ratio = statistics.median(one / other for one, other in pairs)
        print(f"fan_out  {read:6.0f} µs of CPU a page\nharvest  {kept:6.0f} µs, {ratio:.2f} times")
        small, large = folder / "small.db", folder / "large.db"
        fill(small, args.rows // 5)
        for suffix, told in exports(small, args.rounds).items():
            print(
                f"{suffix:8} {told['ours']:6.2f} s of CPU, polars {told['polars']:.2f} s:"
                f" {told['to polars']:.2f} times, DuckDB {told['duckdb']:.2f} s:"
                f" {told['to duckdb']:.2f} times"
            )
        fill(large, args.rows)
        for suffix in SUFFIXES:
            for ledger in (small, large):
                with get_context("spawn").Pool(1) as pool:
                    rows, most = pool.apply(memory, (ledger, folder / f"rows.{suffix}"))
                print(f"{suffix:8} {rows:8} rows, at most {most:.0f} MB of memory")
        rows, milliseconds = asyncio.run(status(large))
        print(f"status   {rows:8} rows in {milliseconds:.1f} ms")


if __name__ == "__main__":
    main()
