"""CPU of a page through the client against bare aiohttp + orjson, on the same pages, in one run.

Both clients live in one process and take turns for a hundred rounds; a round's figure is the
process' CPU time divided by its pages, and the ratio compares medians. nginx serves the pages from
loopback, so that no Python server shares the figure. Everything of the client is included: typed
records, gate, retries, metering, time limits.

    python -m benchmarks.overhead [--rounds 100] [--pages 60]
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable

import aiohttp
import orjson

from benchmarks.serving import KEY, PATH, PRODUCT, nginx
from keyapi_async import KeyAPI


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


async def measure(base: str, rounds: int, pages: int) -> dict[str, list[float]]:
    """Let the two take turns; give the CPU of a page in µs, for each round."""
    spent: dict[str, list[float]] = {"bare": [], "client": []}
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        KeyAPI(KEY, base_url=base, qps=1e6, proxy="") as api,
    ):
        walks: dict[str, Callable[[], Awaitable[int]]] = {
            "bare": lambda: bare(session, base),
            "client": lambda: client(api),
        }
        for turn in range(rounds + 5):
            for name, walk in walks.items():
                begin = time.process_time()
                rows = await walk()
                cost = time.process_time() - begin
                if rows != pages * 10 - 1:
                    raise AssertionError(f"{name} read {rows} rows of {pages * 10 - 1}")
                if turn >= 5:  # the first rounds warm up both
                    spent[name].append(cost / pages * 1e6)
    return spent


def main() -> None:
    """Print the medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    args = parser.parse_args()
    with nginx({PRODUCT: args.pages}) as base:
        spent = asyncio.run(measure(base, args.rounds, args.pages))
    medians = {name: statistics.median(figures) for name, figures in spent.items()}
    ratio = medians["client"] / medians["bare"]
    if args.json:
        print(json.dumps({**medians, "ratio": ratio}))
        return
    for name, median in medians.items():
        print(f"{name:8} {median:7.1f} µs of CPU a page, median of {args.rounds} rounds")
    print(f"{'ratio':8} {ratio:7.2f}")


if __name__ == "__main__":
    main()
