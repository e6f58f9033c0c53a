"""This client, with its defaults."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.peers.walking import Walk
from keyapi_async import KeyAPI

UNLIMITED = 1e6


@asynccontextmanager
async def reading(base: str, key: str, qps: float | None) -> AsyncIterator[Walk]:
    """Open a client."""
    async with KeyAPI(key, base_url=base, qps=qps or UNLIMITED) as api:

        async def walk(product_id: str) -> int:
            rows = 0
            async for _ in api.tiktok.product.iter_creators(product_id):
                rows += 1
            return rows

        yield walk
