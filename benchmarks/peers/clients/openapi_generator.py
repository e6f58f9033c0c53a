"""The client that openapi-generator makes of the documented OpenAPI: aiohttp and pydantic."""

# mypy: disable-error-code="import-not-found, unused-ignore"

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from made_by_openapi_generator import ApiClient, ApiException, Configuration, ProductApi

from benchmarks.peers.walking import ThrottledError, Walk, walker


@asynccontextmanager
async def reading(base: str, key: str, qps: float | None) -> AsyncIterator[Walk]:
    """Open a client; its pool has a hundred connections by itself."""
    async with ApiClient(Configuration(host=base, access_token=key)) as client:
        product = ProductApi(client)

        async def page(product_id: str, page_num: int) -> Sequence[object]:
            try:
                answer = await product.product_creators(
                    product_id=product_id, page_num=page_num, page_size=10
                )
            except ApiException as error:
                if error.status == 429:
                    raise ThrottledError from error
                raise
            rows: Sequence[object] = answer.data
            return rows

        yield walker(page, qps)
