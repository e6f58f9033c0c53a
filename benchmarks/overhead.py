"""CPU of a page through the client against bare aiohttp + orjson, on the same pages, in one run.

Both clients live in one process and take turns, with one stream and with many side by side; a
round's figure is the process' CPU time divided by its pages, and the ratio compares medians. nginx
serves the pages from loopback, so that no Python server shares the figure. Everything of the client
is included: typed records, gate, retries, metering, time limits.

The last row is a page of ten products, each of 106 fields: read into records, every field looked
at, against ``orjson.loads`` and every field of the dicts looked at.

    python -m benchmarks.overhead [--rounds 40] [--pages 16] [--json]
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping

import aiohttp
import attrs
import orjson

from benchmarks.serving import KEY, PATH, PRODUCT, nginx
from keyapi_async import KeyAPI, Product
from keyapi_async.records.converter import page_reader_of
from keyapi_async.sandbox import Service

STREAMS = (1, 4, 16, 64)
DETAIL = "/v1/tiktok/product/detail/analytics"
WARM = 3
"""Rounds that warm up both, and are not counted."""


async def bare(session: aiohttp.ClientSession, base: str) -> int:
    """Walk the pages as the shortest program with aiohttp and orjson does."""
    rows = 0
    page = 0
    while True:
        page += 1
        query = {"product_id": PRODUCT, "page_num": str(page), "page_size": "10"}
        async with session.get(base + PATH, params=query) as response:
            data = orjson.loads(await response.read())["data"]
        rows += sum(1 for _ in data)
        if len(data) < 10:
            return rows


async def client(api: KeyAPI) -> int:
    """Walk the pages as a user of the client does."""
    rows = 0
    async for _ in api.tiktok.product.iter_creators(PRODUCT):
        rows += 1
    return rows


async def measure(base: str, rounds: int, pages: int) -> dict[int, dict[str, float]]:
    """Let the two take turns; give the median CPU of a page in µs, by the number of streams."""
    spent: dict[int, dict[str, list[float]]] = {n: {"bare": [], "client": []} for n in STREAMS}
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        KeyAPI(KEY, base_url=base, qps=1e6, proxy="") as api,
    ):
        walks: Mapping[str, Callable[[], Awaitable[int]]] = {
            "bare": lambda: bare(session, base),
            "client": lambda: client(api),
        }
        for turn in range(rounds + WARM):
            for streams, figures in spent.items():
                for name, walk in walks.items():
                    begin = time.process_time()
                    rows = await asyncio.gather(*(walk() for _ in range(streams)))
                    cost = time.process_time() - begin
                    if set(rows) != {pages * 10 - 1}:
                        raise AssertionError(f"{name} read {rows} rows of {pages * 10 - 1}")
                    if turn >= WARM:
                        figures[name].append(cost / (pages * streams) * 1e6)
    return {
        streams: {name: statistics.median(one) for name, one in figures.items()}
        for streams, figures in spent.items()
    }


def products(rounds: int) -> dict[str, float]:
    """Let records and dicts of ten products take turns; give the median CPU of a page in µs."""
    box = Service()
    rows = [row for one in box.product_ids(10) for row in box.rows(DETAIL, product_ids=one)]
    body = orjson.dumps(rows)
    read = page_reader_of(Product)
    # Programs name the fields in their code; any may be missing, so a dict is asked with get.
    of_record = _looks_at_all("record.{}")
    of_dict = _looks_at_all("record.get('{}')")
    ways: dict[str, Callable[[], None]] = {
        "bare": lambda: of_dict(orjson.loads(body)),
        "client": lambda: of_record(read(orjson.loads(body), 1)),
    }
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, work in ways.items():
            begin = time.process_time()
            for _ in range(20):
                work()
            spent[name].append((time.process_time() - begin) / 20 * 1e6)
    return {name: statistics.median(figures) for name, figures in spent.items()}


def _looks_at_all(way: str) -> Callable[[Iterable[object]], None]:
    """Write the program that looks at every field of some products."""
    names = [field.name for field in attrs.fields(Product) if field.name != "extra"]
    lines = [f"        {way.format(name)}" for name in names]
    code = "\n".join(["def look(records):", "    for record in records:", *lines])
    program: dict[str, Callable[[Iterable[object]], None]] = {}
    exec(code, program)  # noqa: S102  # our own lines, made of our own field names
    return program["look"]


def main() -> None:
    """Print the medians and their ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--pages", type=int, default=16)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    args = parser.parse_args()
    with nginx({PRODUCT: args.pages}) as base:
        found = asyncio.run(measure(base, args.rounds, args.pages))
    figures = {f"{streams} streams": one for streams, one in found.items()}
    figures["product page"] = products(args.rounds)
    told = {name: {**one, "ratio": one["client"] / one["bare"]} for name, one in figures.items()}
    if args.json:
        print(json.dumps(told))
        return
    for name, one in told.items():
        print(
            f"{name:13} {one['bare']:6.0f} µs of CPU a page bare, {one['client']:6.0f} µs through"
            f" the client: {one['ratio']:.2f} times"
        )


if __name__ == "__main__":
    main()
