"""What several resources share: codes of filters, a record, the search for the latest ranking."""

import functools
import inspect
from collections.abc import Callable, Coroutine
from datetime import date as Date  # noqa: N812  # a parameter has the API's name for it
from enum import IntEnum
from typing import Annotated, Any, Concatenate, cast

import attrs

from keyapi_async.api import params
from keyapi_async.api.declaration import P, S
from keyapi_async.api.params import RankType
from keyapi_async.records.codec import documented
from keyapi_async.records.fields import (
    Amount,
    Count,
    CountText,
    Identity,
    MomentText,
    OtherId,
    Text,
    Url,
    choice,
    doc,
    gmv,
    sold,
)

__all__ = ["FromFlag", "ProductSalesFlag", "SalesTrendFlag", "VideoProduct"]


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


Finder = Callable[Concatenate[S, P], Coroutine[Any, Any, Date | None]]


def finds_latest(declared: Finder[S, P]) -> Finder[S, P]:
    """Make the method that finds the latest ranking, of a signature with what the ranking needs."""
    signature = inspect.signature(declared)

    @functools.wraps(declared)
    async def found(self: S, *args: P.args, **kwargs: P.kwargs) -> Date | None:
        signature.bind(self, *args, **kwargs)
        period = RankType(int(params.choice(RankType).check("rank_type", kwargs["rank_type"])))
        day = period.latest()
        for _ in range(3):
            page = await cast("Any", self).ranking(date=day, page_size=1, **kwargs)
            if page.records or page.rejects:
                return day
            day = period.latest(day)
        return None

    found.__doc__ = f"""{declared.__doc__}

Cost:
    One credit for each period asked for, three at most.

Raises:
    InvalidParameterError: a parameter is refused; nothing was sent.
    KeyAPIError: a page could not be fetched.
"""
    return cast("Finder[S, P]", found)


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=documented)
class VideoProduct:
    """A product that a video shows; a video with three is three records, each with its figures."""

    video_id: Annotated[Identity, "Video id."]
    product_id: Annotated[Identity, "Id of the product."]
    create_time: MomentText = doc("Published, or started for a livestream; Unix seconds.")
    data_size: CountText = doc("Size of the video file in bytes.")
    duration: Count = doc("Length in seconds.")
    hash_tag: Text = doc("Hashtags in one string, with spaces between.")
    height: CountText = doc("Height in pixels.")
    play_addr: Url = doc("Video file; the address expires within hours.")
    ratio: Text = doc("Resolution class, such as 720p.")
    reflow_cover: Url = doc("Cover picture; the vendor's image host is not publicly readable.")
    region: Text = doc("Market as a two-letter code.")
    total_comments_cnt: Count = doc("Comments; all-time.")
    total_digg_cnt: Count = doc("Likes; all-time.")
    total_favorites_cnt: Count = doc("Times saved; all-time.")
    total_shares_cnt: Count = doc("Shares; all-time.")
    total_video_sale_cnt: Count = sold("through video, all-time")
    total_video_sale_gmv_amt: Amount = gmv("through video, all-time")
    total_views_cnt: Count = doc("Views; all-time.")
    user_id: OtherId = doc("Permanent numeric id of the TikTok account.")
    video_desc: Text = doc("Caption of the video.")
    width: CountText = doc("Width in pixels.")
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)
