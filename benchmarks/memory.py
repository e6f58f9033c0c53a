"""Memory of a stream of a million rows, and of a fan-out over a hundred thousand keys.

Both run in memory on a virtual clock, so that nothing but the client allocates. The growth is that
of the resident memory after the first ten thousand rows, which have warmed up everything.

    python -m benchmarks.memory [--rows 1000000] [--keys 100000]
"""

import argparse
import asyncio
import resource
from pathlib import Path
from urllib.parse import parse_qsl

import orjson

from benchmarks.serving import PATH as CREATORS
from benchmarks.serving import PRODUCT
from keyapi_async import KeyAPIError, ProductCreator, RecordStream, fan_out
from keyapi_async.call.wire import Answer, Request
from keyapi_async.sandbox import Service
from tests import virtual

PATH = "/v1/rows"
WARM = 10_000


class Rows:
    """Answers with pages of creators, as many as a list has."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._row = Service().rows(CREATORS, product_id=PRODUCT)[0]

    async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
        """Answer one page after a moment."""
        await asyncio.sleep(min(within, 0.05))
        page = int(dict(parse_qsl(request.query))["page_num"])
        count = max(0, min(10, self._rows - (page - 1) * 10))
        data = [{**self._row, "user_id": str(page * 10 + n)} for n in range(count)]
        return Answer(200, {}, orjson.dumps({"code": 0, "message": "success", "data": data}))

    async def close(self) -> None:
        """Nothing is open."""


class Growth:
    """How much memory the process has taken since the rows were warm, looked at now and then."""

    def __init__(self) -> None:
        self._warm = 0.0
        self.most = 0.0
        self.seen = 0

    def row(self) -> None:
        """Count a row."""
        self.seen += 1
        if self.seen == WARM:
            self._warm = self._now()
        elif self.seen > WARM and self.seen % WARM == 0:
            self.most = max(self.most, self._now() - self._warm)

    def _now(self) -> float:
        resident = int(Path("/proc/self/statm").read_text().split()[1])
        return resident * resource.getpagesize() / 2**20


async def stream(rows: int, prefetch: int) -> float:
    """Read one long list; tell by how much the process grew."""
    api = virtual.client(Rows(rows), qps=1e4)
    growth = Growth()
    async with api.iter_records(
        PATH, into=ProductCreator, limit=rows, prefetch=prefetch
    ) as creators:
        async for _ in creators:
            growth.row()
    if growth.seen != rows:
        raise RuntimeError(f"{growth.seen} of {rows} rows came")
    return growth.most


async def fan(keys: int) -> float:
    """Read many short lists; tell by how much the process grew."""
    api = virtual.client(Rows(1), qps=1e4)

    def open_stream(key: int) -> RecordStream[ProductCreator]:
        return api.iter_records(PATH, {"key": key}, ProductCreator)

    growth = Growth()
    async with fan_out(range(keys), open_stream, concurrency=64) as results:
        async for _ in results:
            growth.row()
    if growth.seen != keys:
        raise RuntimeError(f"{growth.seen} of {keys} rows came")
    return growth.most


def main() -> None:
    """Print the growths."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--keys", type=int, default=100_000)
    args = parser.parse_args()
    for prefetch in (0, 8):
        grown = virtual.run(lambda: stream(args.rows, prefetch))  # noqa: B023  # run at once
        print(f"{args.rows:,} rows of one list, prefetch={prefetch}: {grown:.1f} MiB more")
    grown = virtual.run(lambda: fan(args.keys))
    print(f"{args.keys:,} keys at concurrency=64: {grown:.1f} MiB more")


if __name__ == "__main__":
    main()
