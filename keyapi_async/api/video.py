"""Videos: what they show, and how they go."""

from datetime import date as Date  # noqa: N812  # a parameter has the API's name for it
from enum import IntEnum
from typing import Annotated, Final, Unpack

import attrs

from keyapi_async.api import params
from keyapi_async.api.declaration import Resource, endpoint, page_of
from keyapi_async.api.params import Id, Ids, RankType, Region, SortType
from keyapi_async.api.shared import VideoProduct, finds_latest
from keyapi_async.records.codec import documented, inferred
from keyapi_async.records.fields import (
    Amount,
    AmountDecimals,
    Count,
    CountDecimals,
    CountText,
    Day,
    Flag,
    FlagText,
    Identity,
    JSONText,
    MomentText,
    OtherId,
    Position,
    Sales,
    Text,
    Url,
    doc,
    gmv,
    sold,
)
from keyapi_async.streams.paging import Paging
from keyapi_async.streams.stream import RecordStream

__all__ = [
    "RankedVideo", "Video", "VideoRankField", "VideoSalesFlag", "VideoSortField", "VideoTrend",
]  # fmt: skip


class VideoSortField(IntEnum):
    """What ``video_sort_field`` sorts videos by."""

    TOTAL_DIGG_CNT = 1
    CREATE_TIME = 2
    TOTAL_VIEWS_CNT = 3


class VideoSalesFlag(IntEnum):
    """Whether a video sells, as a filter."""

    NONE = 0
    VIDEO = 1


class VideoRankField(IntEnum):
    """What ``video_rank_field`` ranks videos by: the increment within the period."""

    TOTAL_VIEWS_CNT = 1
    TOTAL_VIDEO_SALE_CNT = 2


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=documented)
class Video:
    """A video as it stands now."""

    video_id: Annotated[Identity, "Video id."]
    create_time: MomentText = doc("Published, or started for a livestream; Unix seconds.")
    created_by_ai: FlagText = doc("Made with AI; 'true' or 'false' as text.")
    data_size: CountText = doc("Size of the video file in bytes.")
    duration: Count = doc("Length in seconds.")
    height: CountText = doc("Height in pixels.")
    ratio: Text = doc("Resolution class, such as 720p.")
    reflow_cover: Url = doc("Cover picture; the vendor's image host is not publicly readable.")
    region: Text = doc("Market as a two-letter code.")
    sales_flag: Sales = doc("Main way of selling.")
    total_comments_cnt: Count = doc("Comments; all-time.")
    total_digg_1d_cnt: Count = doc("Likes gained in the last day.")
    total_digg_30d_cnt: Count = doc("Likes gained in the last 30 days.")
    total_digg_7d_cnt: Count = doc("Likes gained in the last 7 days.")
    total_digg_cnt: Count = doc("Likes; all-time.")
    total_favorites_cnt: Count = doc("Times saved; all-time.")
    total_shares_cnt: Count = doc("Shares; all-time.")
    total_video_sale_cnt: Count = sold("through video, all-time")
    total_video_sale_gmv_amt: Amount = gmv("through video, all-time")
    total_views_1d_cnt: Count = doc("Views gained in the last day.")
    total_views_30d_cnt: Count = doc("Views gained in the last 30 days.")
    total_views_7d_cnt: Count = doc("Views gained in the last 7 days.")
    total_views_cnt: Count = doc("Views; all-time.")
    unique_id: OtherId = doc("Public handle without @; it can change.")
    user_id: OtherId = doc("Permanent numeric id of the TikTok account.")
    video_desc: Text = doc("Caption of the video.")
    width: CountText = doc("Width in pixels.")
    avatar: Url = doc("Profile picture; the vendor's image host is not publicly readable.")
    is_ad: Flag = doc("Paid advertisement.")
    product_category_list: JSONText = doc("Categories sold.")
    video_products: JSONText = doc("Ids of the products shown, as a JSON list of numbers.")
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=inferred)
class RankedVideo:
    """A place of a video ranking; ``_history_`` is all-time, else the period's."""

    video_id: Annotated[Identity, "Video id."]
    rank: Position = doc("Place in the ranking, from 1; computed, as the row does not say it.")
    avatar: Url = doc("Profile picture; the vendor's image host is not publicly readable.")
    category: Text = doc("Field of the creator, such as Beauty.")
    create_time: MomentText = doc("Published, or started for a livestream; Unix seconds.")
    duration: Count = doc("Length in seconds.")
    nick_name: Text = doc("Display name of the account.")
    product_category_list: JSONText = doc("Categories sold.")
    reflow_cover: Url = doc("Cover picture; the vendor's image host is not publicly readable.")
    region: Text = doc("Market as a two-letter code.")
    sales_flag: Sales = doc("Main way of selling.")
    total_comments_cnt: Count = doc("Comments within the period.")
    total_digg_cnt: Count = doc("Likes within the period.")
    total_favorites_cnt: Count = doc("Times saved within the period.")
    total_shares_cnt: Count = doc("Shares within the period.")
    total_video_sale_cnt: Count = sold("through video within the period")
    total_video_sale_gmv_amt: Amount = gmv("through video within the period")
    total_views_cnt: Count = doc("Views within the period.")
    unique_id: OtherId = doc("Public handle without @; it can change.")
    user_id: OtherId = doc("Permanent numeric id of the TikTok account.")
    video_desc: Text = doc("Caption of the video.")
    video_products: JSONText = doc("Ids of the products shown, as a JSON list of numbers.")
    created_by_ai: FlagText = doc("Made with AI; 'true' or 'false' as text.")
    total_views_history_cnt: Count = doc("Views; all-time.")
    total_digg_history_cnt: Count = doc("Likes; all-time.")
    total_comments_history_cnt: Count = doc("Comments; all-time.")
    total_favorites_history_cnt: Count = doc("Times saved; all-time.")
    total_shares_history_cnt: Count = doc("Shares; all-time.")
    total_video_sale_history_cnt: Count = sold("through video, all-time")
    total_video_sale_gmv_history_amt: Amount = gmv("through video, all-time")
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=inferred)
class VideoTrend:
    """A day of a video: totals up to it."""

    video_id: Annotated[Identity, "Video id."]
    dt: Day = doc("Day that the figures belong to.")
    total_comments_cnt: Count = doc("Comments; all-time.")
    total_digg_cnt: Count = doc("Likes; all-time.")
    total_favorites_cnt: Count = doc("Times saved; all-time.")
    total_shares_cnt: Count = doc("Shares; all-time.")
    total_video_sale_cnt: CountDecimals = sold("through video, all-time")
    total_video_sale_gmv_amt: AmountDecimals = gmv("through video, all-time")
    total_views_cnt: Count = doc("Views; all-time.")
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


class VideoResource(Resource):
    """Endpoints below ``/v1/tiktok/video``."""

    @endpoint("/v1/tiktok/video/list/analytics", key="region")
    def iter_list(
        self,
        *,
        region: Region,
        user_id: Id | None = None,
        sales_flag: VideoSalesFlag | int | None = None,
        created_by_ai: params.FlagText | None = None,
        min_create_time: params.Moment | None = None,
        max_create_time: params.Moment | None = None,
        min_duration: params.Count | None = None,
        max_duration: params.Count | None = None,
        min_total_views_cnt: params.Count | None = None,
        max_total_views_cnt: params.Count | None = None,
        video_sort_field: VideoSortField | int | None = None,
        sort_type: SortType | int | None = None,
        product_category_id: Id | None = None,
        is_ad: params.Flag | None = None,
        product_id: Id | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[Video]:
        """Stream the videos of a market that pass filters.

        The densest list: a row names the video, its creator with handle, and its
        products.

        Args:
            user_id: Account, by its permanent numeric id.
            is_ad: Only advertisements, or only the others.
            product_id: Product whose rows are wanted.
        """
        raise NotImplementedError

    list: Final = page_of(iter_list)

    @endpoint("/v1/tiktok/video/detail/analytics", key="video_ids", evidence="example", pages=None)
    def iter_detail(self, video_ids: Ids, **paging: Unpack[Paging]) -> RecordStream[Video]:
        """Stream what is known of videos; ids that the API has not collected are absent.

        A single row can come as an object.
        """
        raise NotImplementedError

    detail: Final = page_of(iter_detail)

    @endpoint("/v1/tiktok/video/trends/analytics", key="video_id")
    def iter_trends(
        self,
        video_id: Id,
        *,
        start_date: params.Day,
        end_date: params.Day,
        **paging: Unpack[Paging],
    ) -> RecordStream[VideoTrend]:
        """Stream the days of a video.

        Days can be missing, which usually means that nothing changed; the past 180 days at most.
        Figures are totals up to the day, not the day's own.
        """
        raise NotImplementedError

    trends: Final = page_of(iter_trends)

    @endpoint("/v1/tiktok/video/products/analytics", key="video_ids", evidence="documented")
    def iter_products(self, video_ids: Ids, **paging: Unpack[Paging]) -> RecordStream[VideoProduct]:
        """Stream the products that videos show, one record for each video and product."""
        raise NotImplementedError

    products: Final = page_of(iter_products)

    @endpoint(
        "/v1/tiktok/video/ranking/analytics",
        key=("date", "region", "rank_type", "video_rank_field"),
    )
    def iter_ranking(
        self,
        *,
        date: params.Day,
        region: Region,
        video_rank_field: VideoRankField | int,
        rank_type: RankType | int,
        product_category_id: Id | None = None,
        created_by_ai: params.FlagText | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[RankedVideo]:
        """Stream a ranking of videos, first place first.

        Figures are what the period added; the order of the rows is the ranking.
        In the sales ranking, views and likes of the period can be zero.
        """
        raise NotImplementedError

    ranking: Final = page_of(iter_ranking)

    @finds_latest
    async def latest_ranking_date(
        self, *, region: str, rank_type: RankType | int, video_rank_field: VideoRankField | int
    ) -> Date | None:
        """Find the latest period whose ranking has rows; None where the last three have none."""
        raise NotImplementedError
