"""A peer at work: reads what it is told to over a pipe, and tells what it took.

    python -m benchmarks.peers.worker MODULE LOOP BASE KEY [QPS]

An order is a line of JSON, and so is its answer: ``{"read": product_id, "streams": n, "warm": m}``
reads one list n times at once, after m other pages; ``{"roam": [product_id, …], "streams": n}``
reads lists for ever.
"""

import asyncio
import importlib
import json
import sys
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

from benchmarks.peers.walking import Reading, Walk

ONE_PAGE = "1"
"""A product whose list is one page: what is read to open the connections."""

WARMING = 64
"""Pages read before it counts."""


async def read(walk: Walk, product_id: str, streams: int, warm: int) -> dict[str, float]:
    """Read a list, so many times at once, after some pages that do not count."""
    for _ in range(warm // streams):
        await asyncio.gather(*(walk(ONE_PAGE) for _ in range(streams)))
    began, spent = time.perf_counter(), time.process_time()
    rows = await asyncio.gather(*(walk(product_id) for _ in range(streams)))
    spent = time.process_time() - spent
    return {
        "cpu": spent,
        "all": time.process_time(),
        "seconds": time.perf_counter() - began,
        "rows": sum(rows),
        "peak": peak(),
    }


async def roam(walk: Walk, product_ids: list[str], streams: int) -> None:
    """Read one list after the other, so many at a time, until the process is ended."""

    async def stream(left: Iterator[str]) -> None:
        for product_id in left:
            await walk(product_id)

    left = cycle(product_ids)
    await asyncio.gather(*(stream(left) for _ in range(streams)))


def peak() -> float:
    """Tell the largest resident memory so far, in MiB."""
    # The resource module would tell that of the process from which this one was forked.
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    kibibytes = next(line.split()[1] for line in status if line.startswith("VmHWM"))
    return int(kibibytes) / 2**10


async def main(module: str, base: str, key: str, qps: float | None) -> None:
    reading: Reading = importlib.import_module(f"benchmarks.peers.clients.{module}").reading
    async with reading(base, key, qps) as walk:
        # Between its turns the process does nothing, so its loop may stand still.
        while line := sys.stdin.readline():
            order: dict[str, Any] = json.loads(line)
            if "roam" in order:
                await roam(walk, order["roam"], order["streams"])
            took = await read(walk, order["read"], order["streams"], order["warm"])
            print(json.dumps(took), flush=True)


if __name__ == "__main__":
    _, of_module, of_loop, of_base, of_key, *limit = sys.argv
    # A loop by its name; uvloop is there where a peer needs it.
    with asyncio.Runner(loop_factory=importlib.import_module(of_loop).new_event_loop) as runner:
        runner.run(main(of_module, of_base, of_key, float(limit[0]) if limit else None))
