"""The harvest beside one that a careful user writes by hand, each killed twenty times.

Both read the same lists from a sandbox that limits queries and fails now and then, and are killed
by SIGKILL at random moments and begun again, until they have ended by themselves. Told are their
lines of code, rows lost and rows kept twice, credits beyond those that the lists cost, and the
429s that they met.

    python -m benchmarks.killed [--kills 20] [--products 150] [--qps 60] [--seed 1]
"""

import argparse
import asyncio
import os
import random
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from keyapi_async.sandbox import Faults, Sandbox

QUERIES = {
    "by_hand": "SELECT id, json_extract(row, '$.user_id') FROM row",
    "ours": "SELECT list_product_id, user_id FROM records",
}
CREATORS = "/v1/tiktok/product/creators/analytics"
FOLDER = Path(__file__).parent


async def run(box: Sandbox, command: list[str], kill_after: float | None) -> bool:
    """Run a program; say whether it ended by itself."""
    environment = {**os.environ, "KEYAPI_TOKEN": box.api_key, "KEYAPI_BASE_URL": box.url}
    process = await asyncio.create_subprocess_exec(*command, env=environment)
    try:
        async with asyncio.timeout(kill_after):
            return await process.wait() == 0
    except TimeoutError:
        process.kill()
        await process.wait()
        return False


async def measure(name: str, args: argparse.Namespace, folder: Path) -> tuple[int, ...]:
    """Kill a program again and again; give lines, lost, twice, wasted, 429s."""
    rng = random.Random(args.seed)  # moments to kill at
    faults = Faults(rates={"500": 0.01, "truncate": 0.005}, seed=args.seed)
    async with Sandbox(qps=args.qps, latency=0.05, faults=faults) as box:
        ids = list(box.product_ids(args.products))
        lists = {one: [row["user_id"] for row in box.rows(CREATORS, product_id=one)] for one in ids}
        file = folder / f"{name}.db"
        program = (sys.executable, "-m", f"benchmarks.killed.{name}")
        command = [*program, str(file), str(args.qps), ",".join(ids)]
        for _ in range(args.kills):
            if await run(box, command, rng.uniform(1.0, 3.0)):
                raise AssertionError("it ended before it was killed often enough: --products")
        while not await run(box, command, None):
            pass  # a list may have failed
        with closing(sqlite3.connect(file)) as db:
            kept = db.execute(QUERIES[name]).fetchall()
        expected = {(one, user_id) for one, rows in lists.items() for user_id in rows}
        least = sum(len(rows) // 10 + 1 for rows in lists.values())
        lines = sum(
            bool(line.strip()) for line in (FOLDER / f"{name}.py").read_text("utf-8").splitlines()
        )
        throttled = sum(one.status == 429 for one in box.requests)
        lost, twice = len(expected - set(kept)), len(kept) - len(set(kept))
        return lines, lost, twice, box.billed - least, throttled, least


async def main() -> None:
    """Print a row for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--products", type=int, default=150)
    parser.add_argument("--qps", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    titles = ("lines", "rows lost", "rows twice", "credits wasted", "429s", "pages")
    print(f"{'':8}", *(f"{title:>15}" for title in titles))
    with tempfile.TemporaryDirectory() as folder:
        for name in QUERIES:
            found = await measure(name, args, Path(folder))
            print(f"{name:8}", *(f"{figure:15}" for figure in found), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
