"""What the peers share: a walk along the pages of a list, and patience with a limit."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from itertools import count

from benchmarks.serving import KEY, PATH

__all__ = ["KEY", "PATH", "Page", "Reading", "ThrottledError", "Walk", "pause", "query", "walker"]

PAGE_SIZE = 10

Page = Callable[[str, int], Awaitable[Sequence[object]]]
"""Gives the rows of a page of a product."""

Walk = Callable[[str], Awaitable[int]]
"""Reads the whole list of a product, and tells its rows."""

Reading = Callable[[str, str, float | None], AbstractAsyncContextManager[Walk]]


class ThrottledError(Exception):
    """The server said 429."""


def query(product_id: str, page_num: int) -> dict[str, str]:
    """Make the query of a page."""
    return {"product_id": product_id, "page_num": str(page_num), "page_size": str(PAGE_SIZE)}


def walker(page: Page, qps: float | None) -> Walk:
    """Walk page by page; where there is a limit, try again after a 429."""
    return partial(walk, page if qps is None else partial(patient, page))


async def walk(page: Page, product_id: str) -> int:
    """Read pages until one is not full."""
    rows = 0
    for page_num in count(1):
        data = await page(product_id, page_num)
        rows += sum(1 for _ in data)
        if len(data) < PAGE_SIZE:
            break
    return rows


async def patient(page: Page, product_id: str, page_num: int) -> Sequence[object]:
    """Try until it goes well, with growing waits."""
    for tries in count():
        try:
            return await page(product_id, page_num)
        except ThrottledError:
            await asyncio.sleep(pause(tries))
    raise AssertionError


def pause(tries: int) -> float:
    """Choose the seconds to wait: exponential, with full jitter, as retry libraries do."""
    return random.uniform(0, min(8.0, 0.5 * 2**tries))
