"""Influencers: who they are, what they publish and what they sell."""

from datetime import date as Date  # noqa: N812  # a parameter has the API's name for it
from enum import IntEnum
from typing import Annotated, Final, Unpack

import attrs

from keyapi_async.api import params
from keyapi_async.api.declaration import Resource, endpoint, page_of
from keyapi_async.api.influencer_record import Influencer, InfluencerTrend, RankedInfluencer
from keyapi_async.api.params import Day, Handle, Handles, Id, Ids, RankType, Region, SortType
from keyapi_async.api.shared import finds_latest
from keyapi_async.api.video import Video
from keyapi_async.records.codec import documented, inferred
from keyapi_async.records.fields import (
    Amount,
    Count,
    Identity,
    JSONText,
    Moment,
    OtherId,
    Text,
    Url,
    doc,
    gmv,
    sold,
)
from keyapi_async.streams.listing import PageNum
from keyapi_async.streams.paging import Paging
from keyapi_async.streams.stream import RecordStream

__all__ = [
    "InfluencerLivestream", "InfluencerProduct", "InfluencerProductSortField",
    "InfluencerRankField", "InfluencerSalesFlag", "InfluencerSortField",
    "InfluencerVideoSortField",
]  # fmt: skip


class InfluencerSortField(IntEnum):
    """What ``influencer_sort_field_v2`` sorts influencers by."""

    TOTAL_FOLLOWERS_CNT = 1
    TOTAL_FOLLOWERS_30D_CNT = 2
    TOTAL_POST_VIDEO_CNT = 3
    PER_VIEWS_AVG_CNT = 4
    INTERACTION_RATE = 5
    TOTAL_PRODUCT_CNT = 6


class InfluencerSalesFlag(IntEnum):
    """Main way of selling of an influencer, as a filter."""

    VIDEO = 1
    LIVE = 2
    VIDEO_AND_LIVE = 3
    SHOWCASE = 4


class InfluencerVideoSortField(IntEnum):
    """What ``influencer_video_sort_field`` sorts the videos of an influencer by."""

    TOTAL_VIEWS_CNT = 1
    TOTAL_VIDEO_SALE_CNT = 2
    TOTAL_VIDEO_SALE_GMV_AMT = 3
    CREATE_TIME = 4


class InfluencerProductSortField(IntEnum):
    """What ``influencer_product_sort_field`` sorts the products of an influencer by."""

    TOTAL_SALE_CNT = 1
    TOTAL_SALE_GMV_AMT = 2
    SPU_AVG_PRICE = 3
    TOTAL_VIDEO_SALE_CNT = 4
    TOTAL_VIDEO_SALE_GMV_AMT = 5


class InfluencerRankField(IntEnum):
    """What ``influencer_rank_field`` ranks by: the increment within the period."""

    TOTAL_FOLLOWERS_CNT = 1
    TOTAL_SALE_CNT = 2


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=inferred)
class InfluencerProduct:
    """A product that an influencer promoted; sales and GMV are the product's over all sellers."""

    user_id: Annotated[Identity, "Permanent numeric id of the TikTok account."]
    product_id: Annotated[Identity, "Id of the product."]
    category_id: OtherId = doc("Product category; the first level where the API has several.")
    cover_url: JSONText = doc("Cover: one address, or for products a JSON list of them.")
    product_name: Text = doc("Name of the product.")
    spu_avg_price: Amount = doc("Mean price over the variants; currency unstated.")
    total_live_cnt: Count = doc("Livestreams; all-time.")
    total_live_sale_cnt: Count = sold("in livestreams, all-time")
    total_live_sale_gmv_amt: Amount = gmv("from livestreams, all-time")
    total_sale_cnt: Count = doc("Units sold, estimated; all-time.")
    total_sale_gmv_amt: Amount = doc("GMV, estimated; all-time; currency unstated.")
    total_video_cnt: Count = doc("Videos that promote it.")
    total_video_sale_cnt: Count = sold("through video, all-time")
    total_video_sale_gmv_amt: Amount = gmv("through video, all-time")
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=documented)
class InfluencerLivestream:
    """A past live stream of an influencer."""

    user_id: Annotated[Identity, "Permanent numeric id of the TikTok account."]
    room_id: Annotated[Identity, "Id of the livestream."]
    cover_url: Url = doc("Cover: one address, or for products a JSON list of them.")
    create_time: Moment = doc("Published, or started for a livestream; Unix seconds.")
    duration: Count = doc("Length in seconds.")
    finish_time: Moment = doc("End of the livestream; Unix seconds.")
    nick_name: Text = doc("Display name of the account.")
    region: Text = doc("Market as a two-letter code.")
    title: Text = doc("Title of the livestream.")
    total_comments_cnt: Count = doc("Comments; all-time.")
    total_digg_cnt: Count = doc("Likes; all-time.")
    total_followers_cnt: Count = doc("Followers.")
    total_joins_cnt: Count = doc("Entries into the livestream.")
    total_product_cnt: Count = doc("Products shown, promoted or ever listed, by kind of row.")
    total_sale_cnt: Count = doc("Units sold, estimated; all-time.")
    total_sale_gmv_amt: Amount = doc("GMV, estimated; all-time; currency unstated.")
    total_views_cnt: Count = doc("Views; all-time.")
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


class InfluencerResource(Resource):
    """Endpoints below ``/v1/tiktok/influencer``."""

    @endpoint("/v1/tiktok/influencer/list/analytics", key="region", pages=PageNum(10_000))
    def iter_list(
        self,
        *,
        region: Region,
        product_category_id: Id | None = None,
        influencer_category_name: params.Text | None = None,
        influencer_sort_field_v2: InfluencerSortField | int | None = None,
        sort_type: SortType | int | None = None,
        seller_id: Id | None = None,
        min_total_followers_cnt: params.Count | None = None,
        max_total_followers_cnt: params.Count | None = None,
        min_total_digg_cnt: params.Count | None = None,
        max_total_digg_cnt: params.Count | None = None,
        min_interaction_rate: params.Rate | None = None,
        max_interaction_rate: params.Rate | None = None,
        min_total_views_cnt: params.Count | None = None,
        max_total_views_cnt: params.Count | None = None,
        min_total_views_7d_cnt: params.Count | None = None,
        max_total_views_7d_cnt: params.Count | None = None,
        min_per_video_product_views_avg_cnt: params.Count | None = None,
        max_per_video_product_views_avg_cnt: params.Count | None = None,
        min_per_video_product_views_avg_7d_cnt: params.Count | None = None,
        max_per_video_product_views_avg_7d_cnt: params.Count | None = None,
        gender: params.Text | None = None,
        influencer_language: params.Text | None = None,
        show_case_flag: params.Flag | None = None,
        sales_flag: InfluencerSalesFlag | int | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[Influencer]:
        """Stream the influencers of a market that pass filters.

        Args:
            seller_id: Shop whose rows are wanted.
            gender: Only this gender, as guessed by the vendor, in the US market; the
                values are not listed.
            influencer_language: Only influencers of this language; the codes are not
                listed.
            show_case_flag: Only with an open product showcase, or only without.
        """
        raise NotImplementedError

    list: Final = page_of(iter_list)

    @endpoint(
        "/v1/tiktok/influencer/detail/analytics",
        key=("user_ids", "unique_ids"),
        pages=None,
        one_of=("user_ids", "unique_ids"),
    )
    def iter_detail(
        self,
        *,
        user_ids: Ids | None = None,
        unique_ids: Handles | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[Influencer]:
        """Stream what is known of influencers; ids that the API has not collected are absent.

        The cheap way from user_id to handle: ten a credit. An account that the vendor has
        not collected is absent from data.
        """
        raise NotImplementedError

    detail: Final = page_of(iter_detail)

    @endpoint("/v1/tiktok/influencer/trends/analytics", key="user_id", evidence="example")
    def iter_trends(
        self, user_id: Id, *, start_date: Day, end_date: Day, **paging: Unpack[Paging]
    ) -> RecordStream[InfluencerTrend]:
        """Stream the days of an influencer.

        Days can be missing, which usually means that nothing changed; the past 180 days at most.
        GMV of zero can mean that the market is not covered.
        """
        raise NotImplementedError

    trends: Final = page_of(iter_trends)

    @endpoint(
        "/v1/tiktok/influencer/videos/analytics",
        key=("user_id", "unique_id"),
        evidence="documented",
        one_of=("user_id", "unique_id"),
    )
    def iter_videos(
        self,
        *,
        user_id: Id | None = None,
        unique_id: Handle | None = None,
        influencer_video_sort_field: InfluencerVideoSortField | int | None = None,
        sort_type: SortType | int | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[Video]:
        """Stream the videos of an influencer."""
        raise NotImplementedError

    videos: Final = page_of(iter_videos)

    @endpoint("/v1/tiktok/influencer/products/analytics", key="user_id", evidence="example")
    def iter_products(
        self,
        user_id: Id,
        *,
        category_id: Id | None = None,
        influencer_product_sort_field: InfluencerProductSortField | int | None = None,
        sort_type: SortType | int | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[InfluencerProduct]:
        """Stream the products that an influencer promoted.

        By a user's finding the totals are the product's over all sellers, not this
        influencer's share; no date says when it was promoted.
        """
        raise NotImplementedError

    products: Final = page_of(iter_products)

    @endpoint("/v1/tiktok/influencer/livestreams/analytics", key="user_id", evidence="documented")
    def iter_livestreams(
        self, user_id: Id, **paging: Unpack[Paging]
    ) -> RecordStream[InfluencerLivestream]:
        """Stream the past live streams of an influencer."""
        raise NotImplementedError

    livestreams: Final = page_of(iter_livestreams)

    @endpoint(
        "/v1/tiktok/influencer/ranking/analytics",
        key=("date", "region", "rank_type", "influencer_rank_field"),
        evidence="documented",
    )
    def iter_ranking(
        self,
        *,
        date: Day,
        region: Region,
        rank_type: RankType | int,
        influencer_rank_field: InfluencerRankField | int,
        influencer_category_name: params.Text | None = None,
        product_category_id: Id | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[RankedInfluencer]:
        """Stream a ranking of influencers, first place first.

        Figures are what the period added; the order of the rows is the ranking.
        Fields with history in their name are all-time.
        """
        raise NotImplementedError

    ranking: Final = page_of(iter_ranking)

    @finds_latest
    async def latest_ranking_date(
        self,
        *,
        region: str,
        rank_type: RankType | int,
        influencer_rank_field: InfluencerRankField | int,
    ) -> Date | None:
        """Find the latest period whose ranking has rows; None where the last three have none."""
        raise NotImplementedError
