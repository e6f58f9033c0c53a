"""Shops: what they sell, and who sells for them."""

from datetime import date as Date  # noqa: N812  # a parameter has the API's name for it
from enum import IntEnum
from typing import Annotated, Final, Unpack

import attrs

from keyapi_async.api.declaration import Resource, endpoint, page_of
from keyapi_async.api.params import Day as DayParam
from keyapi_async.api.params import Id, RankType, Region, SortType
from keyapi_async.api.product_record import Product
from keyapi_async.api.shared import (
    From,
    FromFlag,
    ProductSalesFlag,
    SalesRankField,
    SalesTrend,
    SalesTrendFlag,
    finds_latest,
)
from keyapi_async.records.codec import documented, inferred
from keyapi_async.records.fields import (
    Amount,
    Count,
    Day,
    DayNumber,
    Identity,
    JSONText,
    Moment,
    MomentText,
    OtherId,
    Position,
    Rate,
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
    "RankedShop", "SellerInfluencerSortField", "SellerLiveSortField", "SellerProductSortField",
    "SellerRankField", "SellerSortField", "SellerVideoSortField", "Shop", "ShopCreator",
    "ShopLivestream", "ShopTrend", "ShopVideo",
]  # fmt: skip

SellerRankField = SalesRankField


class SellerSortField(IntEnum):
    """What ``seller_sort_field`` sorts shops by."""

    TOTAL_SALE_CNT = 1
    TOTAL_SALE_GMV_AMT = 2
    SPU_AVG_PRICE = 3


class SellerProductSortField(IntEnum):
    """What ``seller_product_sort_field`` sorts the products of a shop by."""

    TOTAL_SALE_CNT = 1
    TOTAL_SALE_GMV_AMT = 2
    SPU_AVG_PRICE = 3
    TOTAL_SALE_7D_CNT = 4
    TOTAL_SALE_GMV_7D_AMT = 5


class SellerInfluencerSortField(IntEnum):
    """What ``seller_influencer_sort_field`` sorts the creators of a shop by."""

    TOTAL_FOLLOWERS_CNT = 1
    TOTAL_SALE_CNT = 2
    TOTAL_SALE_GMV_AMT = 3


class SellerVideoSortField(IntEnum):
    """What ``seller_video_sort_field`` sorts the videos of a shop by."""

    TOTAL_VIEWS_CNT = 1
    TOTAL_VIDEO_SALE_CNT = 2
    TOTAL_VIDEO_SALE_GMV_AMT = 3


class SellerLiveSortField(IntEnum):
    """What ``seller_live_sort_field`` sorts the live streams of a shop by."""

    TOTAL_VIEWS_CNT = 1
    TOTAL_SALE_CNT = 2
    TOTAL_SALE_GMV_AMT = 3


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=inferred)
class Shop:
    """A shop as it stands now."""

    seller_id: Annotated[Identity, "Numeric id of the shop; not its shop code."]
    category_id: OtherId = doc("Product category; the first level where the API has several.")
    category_l2_id: OtherId = doc("Second-level product category; '0' when unknown.")
    category_l3_id: OtherId = doc("Third-level product category; '0' when unknown.")
    cover_url: Url = doc("Cover: one address, or for products a JSON list of them.")
    first_crawl_dt: DayNumber = doc("Day on which the vendor first saw it.")
    from_flag: From = doc("Where the shop sells from.")
    most_product_category_list: JSONText = doc("Category with most products, as JSON list.")
    product_category_list: JSONText = doc("Categories sold.")
    rating: Rate = doc("Stars.")
    region: Text = doc("Market as a two-letter code.")
    sales_flag: Sales = doc("Main way of selling.")
    sales_trend_flag: SalesTrend = doc("Course of sales over the last 7 days.")
    seller_link: Url = doc("Only ever seen as null.")
    seller_name: Text = doc("Seller name.")
    spu_avg_price: Amount = doc("Mean price over the variants; currency unstated.")
    total_crawl_product_cnt: Count = doc("Products now listed in the shop; some shops lack it.")
    total_ifl_cnt: Count = doc("Creators who promoted it.")
    total_live_cnt: Count = doc("Livestreams; all-time.")
    total_product_cnt: Count = doc("Products shown, promoted or ever listed, by kind of row.")
    total_sale_1d_cnt: Count = sold("in the last day")
    total_sale_30d_cnt: Count = sold("in the last 30 days")
    total_sale_7d_cnt: Count = sold("in the last 7 days")
    total_sale_90d_cnt: Count = sold("in the last 90 days")
    total_sale_cnt: Count = doc("Units sold, estimated; all-time.")
    total_sale_gmv_1d_amt: Amount = gmv("of the last day")
    total_sale_gmv_30d_amt: Amount = gmv("of the last 30 days")
    total_sale_gmv_7d_amt: Amount = gmv("of the last 7 days")
    total_sale_gmv_90d_amt: Amount = gmv("of the last 90 days")
    total_sale_gmv_amt: Amount = doc("GMV, estimated; all-time; currency unstated.")
    total_video_cnt: Count = doc("Videos that promote it.")
    user_id: OtherId = doc("Permanent numeric id of the TikTok account.")
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=inferred)
class RankedShop:
    """A place of a shop ranking; figures are what the period added."""

    seller_id: Annotated[Identity, "Numeric id of the shop; not its shop code."]
    rank: Position = doc("Place in the ranking, from 1; computed, as the row does not say it.")
    category_id: OtherId = doc("Product category; the first level where the API has several.")
    category_l2_id: OtherId = doc("Second-level product category; '0' when unknown.")
    category_l3_id: OtherId = doc("Third-level product category; '0' when unknown.")
    cover_url: Url = doc("Cover: one address, or for products a JSON list of them.")
    most_product_category_list: JSONText = doc("Category with most products, as JSON list.")
    rating: Rate = doc("Stars.")
    region: Text = doc("Market as a two-letter code.")
    seller_name: Text = doc("Seller name.")
    total_ifl_cnt: Count = doc("Creators who promoted it; those of the period.")
    total_live_cnt: Count = doc("Livestreams within the period.")
    total_product_cnt: Count = doc("Products shown, promoted or listed within the period.")
    total_sale_cnt: Count = sold("within the period")
    total_sale_gmv_amt: Amount = gmv("within the period")
    total_video_cnt: Count = doc("Videos that promote it; those of the period.")
    user_id: OtherId = doc("Permanent numeric id of the TikTok account.")
    from_flag: From = doc("Where the shop sells from.")
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=inferred)
class ShopTrend:
    """A day of a shop: ``_1d_`` is what it added, all else the total up to it."""

    seller_id: Annotated[Identity, "Numeric id of the shop; not its shop code."]
    dt: Day = doc("Day that the figures belong to.")
    total_crawl_product_cnt: Count = doc("Products now listed in the shop; some shops lack it.")
    total_live_cnt: Count = doc("Livestreams; all-time.")
    total_live_ifl_cnt: Count = doc("Creators who sold for the shop in livestreams.")
    total_product_cnt: Count = doc("Products shown, promoted or ever listed, by kind of row.")
    total_sale_1d_cnt: Count = sold("in the last day")
    total_sale_cnt: Count = doc("Units sold, estimated; all-time.")
    total_sale_gmv_1d_amt: Amount = gmv("of the last day")
    total_sale_gmv_amt: Amount = doc("GMV, estimated; all-time; currency unstated.")
    total_video_cnt: Count = doc("Videos that promote it.")
    total_video_ifl_cnt: Count = doc("Creators who sold for the shop through videos.")
    user_id: OtherId = doc("Permanent numeric id of the TikTok account.")
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=inferred)
class ShopCreator:
    """An influencer who promoted products of a shop."""

    seller_id: Annotated[Identity, "Numeric id of the shop; not its shop code."]
    user_id: Annotated[Identity, "Permanent numeric id of the TikTok account."]
    avatar: Url = doc("Profile picture; the vendor's image host is not publicly readable.")
    nick_name: Text = doc("Display name of the account.")
    region: Text = doc("Market as a two-letter code.")
    total_digg_cnt: Count = doc("Likes; all-time.")
    total_followers_cnt: Count = doc("Followers.")
    total_following_cnt: Count = doc("Accounts that this one follows.")
    total_sale_cnt: Count = doc("Units sold, estimated; all-time.")
    total_sale_gmv_amt: Amount = doc("GMV, estimated; all-time; currency unstated.")
    unique_id: OtherId = doc("Public handle without @; it can change.")
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=inferred)
class ShopVideo:
    """A video that shows products of a shop."""

    seller_id: Annotated[Identity, "Numeric id of the shop; not its shop code."]
    video_id: Annotated[Identity, "Video id."]
    avatar: Url = doc("Profile picture; the vendor's image host is not publicly readable.")
    create_time: MomentText = doc("Published, or started for a livestream; Unix seconds.")
    nick_name: Text = doc("Display name of the account.")
    reflow_cover: Url = doc("Cover picture; the vendor's image host is not publicly readable.")
    region: Text = doc("Market as a two-letter code.")
    total_comments_cnt: Count = doc("Comments; all-time.")
    total_digg_cnt: Count = doc("Likes; all-time.")
    total_shares_cnt: Count = doc("Shares; all-time.")
    total_video_sale_cnt: Count = sold("through video, all-time")
    total_video_sale_gmv_amt: Amount = gmv("through video, all-time")
    total_views_cnt: Count = doc("Views; all-time.")
    user_id: OtherId = doc("Permanent numeric id of the TikTok account.")
    video_desc: Text = doc("Caption of the video.")
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=documented)
class ShopLivestream:
    """A live stream that showed products of a shop."""

    seller_id: Annotated[Identity, "Numeric id of the shop; not its shop code."]
    room_id: Annotated[Identity, "Id of the livestream."]
    avatar: Url = doc("Profile picture; the vendor's image host is not publicly readable.")
    cover_url: Url = doc("Cover: one address, or for products a JSON list of them.")
    create_time: Moment = doc("Published, or started for a livestream; Unix seconds.")
    duration: Count = doc("Length in seconds.")
    finish_time: Moment = doc("End of the livestream; Unix seconds.")
    max_views_cnt: Count = doc("Most viewers at one time.")
    nick_name: Text = doc("Display name of the account.")
    region: Text = doc("Market as a two-letter code.")
    title: Text = doc("Title of the livestream.")
    total_joins_cnt: Count = doc("Entries into the livestream.")
    total_sale_cnt: Count = doc("Units sold, estimated; all-time.")
    total_sale_gmv_amt: Amount = doc("GMV, estimated; all-time; currency unstated.")
    total_views_cnt: Count = doc("Views; all-time.")
    user_id: OtherId = doc("Permanent numeric id of the TikTok account.")
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


class ShopResource(Resource):
    """Endpoints below ``/v1/tiktok/shop``."""

    @endpoint("/v1/tiktok/shop/list/analytics", key="region")
    def iter_list(
        self,
        *,
        region: Region,
        category_id: Id | None = None,
        category_l2_id: Id | None = None,
        category_l3_id: Id | None = None,
        from_flag: FromFlag | int | None = None,
        sales_flag: ProductSalesFlag | int | None = None,
        sales_trend_flag: SalesTrendFlag | int | None = None,
        seller_sort_field: SellerSortField | int | None = None,
        sort_type: SortType | int | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[Shop]:
        """Stream the shops of a market that pass filters."""
        raise NotImplementedError

    list: Final = page_of(iter_list)

    @endpoint("/v1/tiktok/shop/detail/analytics", key="seller_id", pages=None)
    def iter_detail(self, seller_id: Id, **paging: Unpack[Paging]) -> RecordStream[Shop]:
        """Stream what is known of a shop, one record at most.

        data is a list of one row; an empty one means that the vendor has not collected the shop,
        not that it does not exist.
        """
        raise NotImplementedError

    detail: Final = page_of(iter_detail)

    @endpoint("/v1/tiktok/shop/trends/analytics", key="seller_id")
    def iter_trends(
        self, seller_id: Id, *, start_date: DayParam, end_date: DayParam, **paging: Unpack[Paging]
    ) -> RecordStream[ShopTrend]:
        """Stream the days of a shop.

        Days can be missing, which usually means that nothing changed; the past 180 days at most.
        """
        raise NotImplementedError

    trends: Final = page_of(iter_trends)

    @endpoint("/v1/tiktok/shop/products/analytics", key="seller_id", evidence="example")
    def iter_products(
        self,
        seller_id: Id,
        *,
        seller_product_sort_field: SellerProductSortField | int | None = None,
        sort_type: SortType | int | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[Product]:
        """Stream the products of a shop, those taken down included."""
        raise NotImplementedError

    products: Final = page_of(iter_products)

    @endpoint("/v1/tiktok/shop/creators/analytics", key="seller_id")
    def iter_creators(
        self,
        seller_id: Id,
        *,
        seller_influencer_sort_field: SellerInfluencerSortField | int | None = None,
        sort_type: SortType | int | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[ShopCreator]:
        """Stream the influencers who promoted products of a shop.

        Whether sales and GMV are those for this shop or the creator's own is unstated.
        """
        raise NotImplementedError

    creators: Final = page_of(iter_creators)

    @endpoint("/v1/tiktok/shop/videos/analytics", key="seller_id")
    def iter_videos(
        self,
        seller_id: Id,
        *,
        seller_video_sort_field: SellerVideoSortField | int | None = None,
        sort_type: SortType | int | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[ShopVideo]:
        """Stream the videos that show products of a shop; rows carry no handle."""
        raise NotImplementedError

    videos: Final = page_of(iter_videos)

    @endpoint("/v1/tiktok/shop/livestreams/analytics", key="seller_id", evidence="documented")
    def iter_livestreams(
        self,
        seller_id: Id,
        *,
        seller_live_sort_field: SellerLiveSortField | int | None = None,
        sort_type: SortType | int | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[ShopLivestream]:
        """Stream the live streams that showed products of a shop; rows carry no handle."""
        raise NotImplementedError

    livestreams: Final = page_of(iter_livestreams)

    @endpoint(
        "/v1/tiktok/shop/ranking/analytics",
        key=("date", "region", "rank_type", "seller_rank_field"),
    )
    def iter_ranking(
        self,
        *,
        date: DayParam,
        region: Region,
        seller_rank_field: SellerRankField | int,
        rank_type: RankType | int,
        category_id: Id | None = None,
        category_l2_id: Id | None = None,
        category_l3_id: Id | None = None,
        from_flag: FromFlag | int | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[RankedShop]:
        """Stream a ranking of shops, first place first.

        Figures are what the period added; the order of the rows is the ranking.
        """
        raise NotImplementedError

    ranking: Final = page_of(iter_ranking)

    @finds_latest
    async def latest_ranking_date(
        self, *, region: str, rank_type: RankType | int, seller_rank_field: SellerRankField | int
    ) -> Date | None:
        """Find the latest period whose ranking has rows; None where the last three have none."""
        raise NotImplementedError
