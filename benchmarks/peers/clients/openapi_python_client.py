"""The client that openapi-python-client makes of the documented OpenAPI: httpx and attrs."""

# mypy: disable-error-code="import-not-found, unused-ignore"

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
from made_by_openapi_python_client import AuthenticatedClient
from made_by_openapi_python_client.api.product import product_creators as creators

from benchmarks.peers.walking import ThrottledError, Walk, walker

LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=100)


@asynccontextmanager
async def reading(base: str, key: str, qps: float | None) -> AsyncIterator[Walk]:
    """Open a client."""
    async with AuthenticatedClient(base, token=key, httpx_args={"limits": LIMITS}) as client:

        async def page(product_id: str, page_num: int) -> Sequence[object]:
            answer = await creators.asyncio_detailed(
                client=client, product_id=product_id, page_num=page_num, page_size=10
            )
            if answer.status_code == 429:
                raise ThrottledError
            rows: Sequence[object] = answer.parsed.data
            return rows

        yield walker(page, qps)
