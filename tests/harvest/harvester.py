"""A harvest in a process of its own, to be killed: URL, ledger, lists at a time, ids.

Lists whose last complete reading is older than a day are read again.
"""

# ruff: noqa: T201  # it tells its parent

import asyncio
import sys
from datetime import timedelta

from keyapi_async import KeyAPI, RetryPolicy
from keyapi_async.harvest import Harvest


async def main(url: str, ledger: str, concurrency: str, ids: str) -> None:
    retry = RetryPolicy(attempts=6, initial=0.01, maximum=0.05)
    api = KeyAPI("sandbox-key", base_url=url, qps=1e4, retry=retry, proxy="")
    print("running", flush=True)
    async with api, Harvest.open(ledger) as harvest:
        read, most, day = api.tiktok.product.iter_creators, int(concurrency), timedelta(days=1)
        report = await harvest.run(ids.split(","), read, concurrency=most, max_age=day)
    print(report.done, report.failed, report.left, report.pages, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
