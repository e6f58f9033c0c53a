"""Products: what sells, who promotes it, and how it goes."""

from datetime import date as Date  # noqa: N812  # a parameter has the API's name for it
from enum import IntEnum
from typing import Annotated, Final, Unpack

import attrs

from keyapi_async.api import params
from keyapi_async.api.declaration import Resource, endpoint, page_of
from keyapi_async.api.params import Day, Id, Ids, RankType, Region, SortType
from keyapi_async.api.product_record import Product, ProductReview, ProductTrend, RankedProduct
from keyapi_async.api.shared import (
    FromFlag,
    ProductSalesFlag,
    SalesRankField,
    SalesTrendFlag,
    VideoProduct,
    finds_latest,
)
from keyapi_async.records.codec import documented, inferred
from keyapi_async.records.fields import (
    Amount,
    Count,
    Identity,
    Moment,
    OtherId,
    Text,
    Url,
    doc,
    gmv,
)
from keyapi_async.streams.paging import Paging
from keyapi_async.streams.stream import RecordStream

__all__ = [
    "ProductCreator", "ProductInfluencerSortField", "ProductLiveSortField", "ProductLivestream",
    "ProductRankField", "ProductSortField", "ProductVideoSortField",
]  # fmt: skip

ProductRankField = SalesRankField


class ProductSortField(IntEnum):
    """What ``product_sort_field`` sorts products by."""

    TOTAL_SALE_CNT = 1
    TOTAL_SALE_GMV_AMT = 2
    SPU_AVG_PRICE = 3
    TOTAL_SALE_7D_CNT = 4
    TOTAL_SALE_30D_CNT = 5
    TOTAL_SALE_GMV_7D_AMT = 6
    TOTAL_SALE_GMV_30D_AMT = 7


class ProductInfluencerSortField(IntEnum):
    """What ``product_influencer_sort_field`` sorts the creators of a product by."""

    TOTAL_FOLLOWERS_CNT = 1
    TOTAL_DIGG_CNT = 2
    PER_PRODUCT_IFL_SALE_CNT = 3
    PER_PRODUCT_IFL_GMV_AMT = 4
    TOTAL_POST_VIDEO_CNT = 5
    TOTAL_VIEWS_CNT = 6
    TOTAL_LIVE_VIEWS_CNT = 7


class ProductVideoSortField(IntEnum):
    """What ``product_video_sort_field`` sorts the videos of a product by."""

    TOTAL_VIEWS_CNT = 1
    TOTAL_DIGG_CNT = 2
    TOTAL_SHARES_CNT = 3
    TOTAL_VIDEO_SALE_CNT = 4
    TOTAL_VIDEO_SALE_GMV_AMT = 5
    CREATE_TIME = 6


class ProductLiveSortField(IntEnum):
    """What ``product_live_sort_field`` sorts the live streams of a product by."""

    MAX_VIEWS_CNT = 1
    TOTAL_PRODUCT_CNT = 2
    TOTAL_SALE_CNT = 3
    TOTAL_SALE_GMV_AMT = 4
    TOTAL_VIEWS_CNT = 5


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=documented)
class ProductCreator:
    """An influencer who promoted a product: what was sold of it, beside totals over everything."""

    product_id: Annotated[Identity, "Id of the product."]
    user_id: Annotated[Identity, "Permanent numeric id of the TikTok account."]
    avatar: Url = doc("Profile picture; the vendor's image host is not publicly readable.")
    category: Text = doc("Field of the creator, such as Beauty.")
    nick_name: Text = doc("Display name of the account.")
    per_product_ifl_gmv_amt: Amount = gmv("of this product through this creator")
    per_product_ifl_sale_cnt: Count = doc("Units of this product sold by this creator, estimated.")
    region: Text = doc("Market as a two-letter code.")
    total_digg_cnt: Count = doc("Likes; all-time.")
    total_followers_cnt: Count = doc("Followers.")
    total_following_cnt: Count = doc("Accounts that this one follows.")
    total_live_cnt: Count = doc("Livestreams; all-time.")
    total_live_views_cnt: Count = doc("Views of livestreams; all-time.")
    total_post_video_cnt: Count = doc("Videos published; all-time.")
    total_views_cnt: Count = doc("Views; all-time.")
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=inferred)
class ProductLivestream:
    """A live stream that showed a product."""

    product_id: Annotated[Identity, "Id of the product."]
    room_id: Annotated[Identity, "Id of the livestream."]
    category_id: OtherId = doc("Product category; the first level where the API has several.")
    cover_url: Url = doc("Cover: one address, or for products a JSON list of them.")
    create_time: Moment = doc("Published, or started for a livestream; Unix seconds.")
    max_views_cnt: Count = doc("Most viewers at one time.")
    region: Text = doc("Market as a two-letter code.")
    spu_avg_price: Amount = doc("Mean price over the variants; currency unstated.")
    total_product_cnt: Count = doc("Products shown, promoted or ever listed, by kind of row.")
    total_sale_cnt: Count = doc("Units sold, estimated; all-time.")
    total_sale_gmv_amt: Amount = doc("GMV, estimated; all-time; currency unstated.")
    total_views_cnt: Count = doc("Views; all-time.")
    user_id: OtherId = doc("Permanent numeric id of the TikTok account.")
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


class ProductResource(Resource):
    """Endpoints below ``/v1/tiktok/product``."""

    @endpoint("/v1/tiktok/product/list/analytics", key="region", evidence="example")
    def iter_list(
        self,
        *,
        region: Region,
        category_id: Id | None = None,
        category_l2_id: Id | None = None,
        category_l3_id: Id | None = None,
        sales_trend_flag: SalesTrendFlag | int | None = None,
        min_total_sale_cnt: params.Count | None = None,
        max_total_sale_cnt: params.Count | None = None,
        min_total_sale_30d_cnt: params.Count | None = None,
        max_total_sale_30d_cnt: params.Count | None = None,
        min_spu_avg_price: params.Amount | None = None,
        max_spu_avg_price: params.Amount | None = None,
        min_product_commission_rate: params.Rate | None = None,
        max_product_commission_rate: params.Rate | None = None,
        min_total_ifl_cnt: params.Count | None = None,
        max_total_ifl_cnt: params.Count | None = None,
        min_total_video_cnt: params.Count | None = None,
        max_total_video_cnt: params.Count | None = None,
        min_total_views_cnt: params.Count | None = None,
        max_total_views_cnt: params.Count | None = None,
        min_product_rating: params.Rate | None = None,
        max_product_rating: params.Rate | None = None,
        min_review_count: params.Count | None = None,
        max_review_count: params.Count | None = None,
        is_s_shop: params.Flag | None = None,
        free_shipping: params.Flag | None = None,
        min_total_sale_gmv_amt: params.Amount | None = None,
        max_total_sale_gmv_amt: params.Amount | None = None,
        min_total_sale_gmv_30d_amt: params.Amount | None = None,
        max_total_sale_gmv_30d_amt: params.Amount | None = None,
        min_first_crawl_dt: params.CompactDay | None = None,
        max_first_crawl_dt: params.CompactDay | None = None,
        sales_flag: ProductSalesFlag | int | None = None,
        product_sort_field: ProductSortField | int | None = ProductSortField.TOTAL_SALE_CNT,
        sort_type: SortType | int | None = SortType.DESC,
        off_mark: params.Code | None = None,
        from_flag: FromFlag | int | None = None,
        is_hot: params.Flag | None = None,
        shop_type: params.Flag | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[Product]:
        """Stream the products of a market that pass filters, best sellers first.

        There is no search by name here: see ``search.iter_products``. Without a sorting the order
        is arbitrary, and pages lose and repeat rows, so the list is sorted by units sold, most
        first, where nothing else is asked for.

        Args:
            is_s_shop: Only shops that the platform fully manages, or only the others.
            free_shipping: Only with free shipping, or only without.
            off_mark: 0 keeps only what is on sale; other values are not listed.
            is_hot: Only best-sellers by the vendor's own mark, or only the others.
            shop_type: Only brand shops, or only the others.
        """
        raise NotImplementedError

    list: Final = page_of(iter_list)

    @endpoint("/v1/tiktok/product/detail/analytics", key="product_ids", pages=None)
    def iter_detail(self, product_ids: Ids, **paging: Unpack[Paging]) -> RecordStream[Product]:
        """Stream what is known of products; ids that the API has not collected are absent."""
        raise NotImplementedError

    detail: Final = page_of(iter_detail)

    @endpoint("/v1/tiktok/product/trends/analytics", key="product_id", evidence="example")
    def iter_trends(
        self, product_id: Id, *, start_date: Day, end_date: Day, **paging: Unpack[Paging]
    ) -> RecordStream[ProductTrend]:
        """Stream the days of a product.

        Days can be missing, which usually means that nothing changed; the past 180 days at most.
        """
        raise NotImplementedError

    trends: Final = page_of(iter_trends)

    @endpoint("/v1/tiktok/product/reviews/analytics", key="product_id")
    def iter_reviews(
        self,
        product_id: Id,
        *,
        min_rating: params.Stars | None = None,
        max_rating: params.Stars | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[ProductReview]:
        """Stream the reviews of a product.

        Not every review that TikTok shows is there.
        """
        raise NotImplementedError

    reviews: Final = page_of(iter_reviews)

    @endpoint("/v1/tiktok/product/creators/analytics", key="product_id", evidence="documented")
    def iter_creators(
        self,
        product_id: Id,
        *,
        product_influencer_sort_field: ProductInfluencerSortField | int | None = None,
        sort_type: SortType | int | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[ProductCreator]:
        """Stream the influencers who promoted a product.

        Rows carry no handle: ``influencer.iter_detail`` gives ten of them for one credit.
        """
        raise NotImplementedError

    creators: Final = page_of(iter_creators)

    @endpoint("/v1/tiktok/product/videos/analytics", key="product_id")
    def iter_videos(
        self,
        product_id: Id,
        *,
        user_id: Id | None = None,
        min_create_time: params.Moment | None = None,
        max_create_time: params.Moment | None = None,
        product_video_sort_field: ProductVideoSortField | int | None = None,
        sort_type: SortType | int | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[VideoProduct]:
        """Stream the videos that show a product.

        Rows carry no handle.

        Args:
            user_id: Account, by its permanent numeric id.
        """
        raise NotImplementedError

    videos: Final = page_of(iter_videos)

    @endpoint("/v1/tiktok/product/livestreams/analytics", key="product_id")
    def iter_livestreams(
        self,
        product_id: Id,
        *,
        min_create_time: params.Moment | None = None,
        max_create_time: params.Moment | None = None,
        product_live_sort_field: ProductLiveSortField | int | None = None,
        sort_type: SortType | int | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[ProductLivestream]:
        """Stream the live streams that showed a product.

        total_product_cnt counts the whole livestream; rows carry no handle.
        """
        raise NotImplementedError

    livestreams: Final = page_of(iter_livestreams)

    @endpoint(
        "/v1/tiktok/product/ranking/analytics",
        key=("date", "region", "rank_type", "product_rank_field"),
        evidence="example",
    )
    def iter_ranking(
        self,
        *,
        date: Day,
        region: Region,
        product_rank_field: ProductRankField | int,
        rank_type: RankType | int,
        category_id: Id | None = None,
        category_l2_id: Id | None = None,
        category_l3_id: Id | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[RankedProduct]:
        """Stream a ranking of products, first place first.

        Figures are what the period added; the order of the rows is the ranking.
        Rows carry neither picture nor shop.
        """
        raise NotImplementedError

    ranking: Final = page_of(iter_ranking)

    @finds_latest
    async def latest_ranking_date(
        self, *, region: str, rank_type: RankType | int, product_rank_field: ProductRankField | int
    ) -> Date | None:
        """Find the latest period whose ranking has rows; None where the last three have none."""
        raise NotImplementedError
