"""What several resources share: the codes of filters, and the search for the latest ranking."""

from collections.abc import Awaitable, Callable
from datetime import date as Date  # noqa: N812  # a parameter has the API's name for it
from enum import IntEnum
from typing import Annotated, Any

from keyapi_async.api import params
from keyapi_async.api.params import (
    RankType,
)
from keyapi_async.records.fields import (
    choice,
)
from keyapi_async.streams.page import Page


class FromFlag(IntEnum):
    """Where a shop sells from."""

    LOCAL = 1
    CROSS_BORDER = 2


class SalesTrendFlag(IntEnum):
    """Course of sales over the last 7 days."""

    STABLE = 0
    UP = 1
    DOWN = 2


class ProductSalesFlag(IntEnum):
    """Main way of selling of a product or shop, as a filter."""

    VIDEO = 1
    LIVE = 2


class SalesRankField(IntEnum):
    """What products and shops are ranked by: units sold, or creators who promoted."""

    TOTAL_SALE_CNT = 1
    TOTAL_IFL_CNT = 2


SalesTrend = Annotated[SalesTrendFlag | int | None, choice(SalesTrendFlag)]
From = Annotated[FromFlag | int | None, choice(FromFlag)]


async def latest_date(
    rank_type: RankType | int, ranking: Callable[[Date], Awaitable[Page[Any]]]
) -> Date | None:
    """Find the latest period whose ranking has rows; None where the last three have none."""
    period = RankType(int(params.choice(RankType).check("rank_type", rank_type)))
    day = period.latest()
    for _ in range(3):
        page = await ranking(day)
        if page.records or page.rejects:
            return day
        day = period.latest(day)
    return None
