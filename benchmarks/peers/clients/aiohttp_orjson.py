"""The shortest program with aiohttp and orjson: rows are dicts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson

from benchmarks.peers.walking import PATH, ThrottledError, Walk, query, walker


@asynccontextmanager
async def reading(base: str, key: str, qps: float | None) -> AsyncIterator[Walk]:
    """Open a session."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:

        async def page(product_id: str, page_num: int) -> list[dict[str, Any]]:
            async with session.get(base + PATH, params=query(product_id, page_num)) as response:
                if response.status == 429:
                    raise ThrottledError
                rows: list[dict[str, Any]] = orjson.loads(await response.read())["data"]
                return rows

        yield walker(page, qps)
