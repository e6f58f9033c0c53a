"""requests in a loop, as the API's documentation shows it; many lists take a thread each."""

# mypy: disable-error-code="import-not-found, import-untyped, no-any-return, unused-ignore"

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from benchmarks.peers.walking import PATH, Walk, pause, query

THREADS = 64


@asynccontextmanager
async def reading(base: str, key: str, qps: float | None) -> AsyncIterator[Walk]:
    """Open a session."""
    loop = asyncio.get_running_loop()
    with requests.Session() as session, ThreadPoolExecutor(THREADS) as threads:
        session.headers["Authorization"] = f"Bearer {key}"
        session.mount("http://", HTTPAdapter(pool_maxsize=THREADS))

        def page(product_id: str, page_num: int) -> list[dict[str, Any]]:
            for tries in count():
                response = session.get(base + PATH, params=query(product_id, page_num), timeout=30)
                if response.status_code != 429 or qps is None:
                    break
                time.sleep(pause(tries))
            response.raise_for_status()
            return response.json()["data"]

        def walk(product_id: str) -> int:
            rows = 0
            for page_num in count(1):
                data = page(product_id, page_num)
                rows += sum(1 for _ in data)
                if len(data) < 10:
                    break
            return rows

        async def in_a_thread(product_id: str) -> int:
            return await loop.run_in_executor(threads, walk, product_id)

        yield in_a_thread
