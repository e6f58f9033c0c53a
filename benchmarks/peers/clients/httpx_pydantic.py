"""httpx, and pydantic that validates the JSON as it came."""

# mypy: disable-error-code="import-not-found, misc, unused-ignore"

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
from pydantic import BaseModel

from benchmarks.peers.walking import PATH, ThrottledError, Walk, query, walker

LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=100)


class Creator(BaseModel):
    """A row."""

    product_id: str
    user_id: str
    avatar: str | None = None
    category: str | None = None
    nick_name: str | None = None
    per_product_ifl_gmv_amt: float | None = None
    per_product_ifl_sale_cnt: int | None = None
    region: str | None = None
    total_digg_cnt: int | None = None
    total_followers_cnt: int | None = None
    total_following_cnt: int | None = None
    total_live_cnt: int | None = None
    total_live_views_cnt: int | None = None
    total_post_video_cnt: int | None = None
    total_views_cnt: int | None = None


class Answer(BaseModel):
    """A page of rows."""

    code: int
    message: str
    data: list[Creator]


@asynccontextmanager
async def reading(base: str, key: str, qps: float | None) -> AsyncIterator[Walk]:
    """Open a client."""
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=base, headers=headers, limits=LIMITS) as client:

        async def page(product_id: str, page_num: int) -> Sequence[Creator]:
            response = await client.get(PATH, params=query(product_id, page_num))
            if response.status_code == 429:
                raise ThrottledError
            return Answer.model_validate_json(response.content).data

        yield walker(page, qps)
