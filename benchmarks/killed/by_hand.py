"""A harvest as a careful user writes it: aiohttp, aiolimiter, backoff and sqlite3.

One transaction a page; run again, it goes on behind the last page of each list.
"""

import asyncio
import json
import os
import sqlite3
import sys

import aiohttp
import backoff
from aiolimiter import AsyncLimiter

PATH = "/v1/tiktok/product/creators/analytics"


class RetryableError(Exception):
    """What may go better next time."""


async def main(ids: list[str], file: str, qps: float) -> None:
    """Read every list into the file."""
    db = sqlite3.connect(file)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE IF NOT EXISTS page (id, page_num, last, PRIMARY KEY (id, page_num))")
    db.execute("CREATE TABLE IF NOT EXISTS row (id, row)")
    limiter, slots = AsyncLimiter(qps, 1), asyncio.Semaphore(16)
    headers = {"Authorization": f"Bearer {os.environ['KEYAPI_TOKEN']}"}
    async with aiohttp.ClientSession(os.environ["KEYAPI_BASE_URL"], headers=headers) as session:

        @backoff.on_exception(
            backoff.expo, (RetryableError, aiohttp.ClientError, TimeoutError), max_tries=6
        )
        async def page(one: str, page_num: int) -> list[dict[str, object]]:
            params = {"product_id": one, "page_num": str(page_num), "page_size": "10"}
            async with limiter, session.get(PATH, params=params) as response:
                answer = await response.json()
                if response.status in (429, 500, 502, 503) or answer["code"] in (429, 500):
                    raise RetryableError
                rows: list[dict[str, object]] = answer["data"]
                return rows

        async def read(one: str) -> None:
            found = db.execute("SELECT max(page_num), max(last) FROM page WHERE id = ?", (one,))
            page_num, last = found.fetchone()
            page_num = page_num or 0
            while not last:
                page_num += 1
                async with slots:
                    rows = await page(one, page_num)
                last = len(rows) < 10
                with db:
                    db.execute("INSERT INTO page VALUES (?, ?, ?)", (one, page_num, last))
                    db.executemany(
                        "INSERT INTO row VALUES (?, ?)", [(one, json.dumps(row)) for row in rows]
                    )

        await asyncio.gather(*map(read, ids))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[3].split(","), sys.argv[1], float(sys.argv[2])))
