"""The records of a product: as it stands, by day, by rank, and its reviews."""

from typing import Annotated

import attrs

from keyapi_async.api.shared import From, SalesTrend
from keyapi_async.records.codec import inferred
from keyapi_async.records.fields import (
    Amount,
    AmountText,
    Code,
    Count,
    Day,
    DayNumber,
    Flag,
    Identity,
    JSONText,
    MomentMs,
    OtherId,
    Position,
    Rate,
    Sales,
    Text,
    doc,
    gmv,
    sold,
)

__all__ = ["Product", "ProductReview", "ProductTrend", "RankedProduct"]


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=inferred)
class Product:
    """A product as it stands now; a list, a detail and a shop tell not all of the same fields."""

    product_id: Annotated[Identity, "Id of the product."]
    category_id: OtherId = doc("Product category; the first level where the API has several.")
    category_l2_id: OtherId = doc("Second-level product category; '0' when unknown.")
    category_l3_id: OtherId = doc("Third-level product category; '0' when unknown.")
    cover_url: JSONText = doc("Cover: one address, or for products a JSON list of them.")
    desc_detail: JSONText = doc("Description as JSON blocks; it can hold raw control characters.")
    discount: Text = doc("Such as '48%'; '-' or null where there is none.")
    first_crawl_dt: DayNumber = doc("Day on which the vendor first saw it.")
    free_shipping: Flag = doc("Whether shipping is free.")
    is_s_shop: Flag = doc("Shop is fully managed by the platform.")
    max_price: Amount = doc("Highest price of its variants; currency unstated.")
    min_price: Amount = doc("Lowest price of its variants; currency unstated.")
    off_mark: Code = doc("0 is active; higher can mean taken down or closed.")
    product_commission_rate: Rate = doc("Share paid to creators; percent or fraction is unstated.")
    product_name: Text = doc("Name of the product.")
    product_rating: Rate = doc("Mean of the product's stars; 0 can mean none.")
    region: Text = doc("Market as a two-letter code.")
    review_count: Count = doc("Reviews of the product.")
    sale_props: JSONText = doc("Properties in which the variants differ, as JSON list.")
    sales_flag: Sales = doc("Main way of selling.")
    sales_trend_flag: SalesTrend = doc("Course of sales over the last 7 days.")
    seller_id: OtherId = doc("Numeric id of the shop; not its shop code.")
    skus: JSONText = doc("Variants with their price in local currency, as JSON list.")
    spu_avg_price: Amount = doc("Mean price over the variants; currency unstated.")
    total_ifl_cnt: Count = doc("Creators who promoted it.")
    total_ifl_live_15d_cnt: Count = doc("Creators who promoted it live in the last 15 days.")
    total_ifl_live_1d_cnt: Count = doc("Creators who promoted it live in the last day.")
    total_ifl_live_30d_cnt: Count = doc("Creators who promoted it live in the last 30 days.")
    total_ifl_live_60d_cnt: Count = doc("Creators who promoted it live in the last 60 days.")
    total_ifl_live_7d_cnt: Count = doc("Creators who promoted it live in the last 7 days.")
    total_ifl_live_90d_cnt: Count = doc("Creators who promoted it live in the last 90 days.")
    total_ifl_video_15d_cnt: Count = doc("Creators who promoted it by video in the last 15 days.")
    total_ifl_video_1d_cnt: Count = doc("Creators who promoted it by video in the last day.")
    total_ifl_video_30d_cnt: Count = doc("Creators who promoted it by video in the last 30 days.")
    total_ifl_video_60d_cnt: Count = doc("Creators who promoted it by video in the last 60 days.")
    total_ifl_video_7d_cnt: Count = doc("Creators who promoted it by video in the last 7 days.")
    total_ifl_video_90d_cnt: Count = doc("Creators who promoted it by video in the last 90 days.")
    total_live_15d_cnt: Count = doc("Livestreams that showed it in the last 15 days.")
    total_live_1d_cnt: Count = doc("Livestreams that showed it in the last day.")
    total_live_30d_cnt: Count = doc("Livestreams that showed it in the last 30 days.")
    total_live_60d_cnt: Count = doc("Livestreams that showed it in the last 60 days.")
    total_live_7d_cnt: Count = doc("Livestreams that showed it in the last 7 days.")
    total_live_90d_cnt: Count = doc("Livestreams that showed it in the last 90 days.")
    total_live_cnt: Count = doc("Livestreams; all-time.")
    total_live_sale_15d_cnt: Count = sold("in livestreams in the last 15 days")
    total_live_sale_1d_cnt: Count = sold("in livestreams in the last day")
    total_live_sale_30d_cnt: Count = sold("in livestreams in the last 30 days")
    total_live_sale_60d_cnt: Count = sold("in livestreams in the last 60 days")
    total_live_sale_7d_cnt: Count = sold("in livestreams in the last 7 days")
    total_live_sale_90d_cnt: Count = sold("in livestreams in the last 90 days")
    total_live_sale_cnt: Count = sold("in livestreams, all-time")
    total_live_sale_gmv_15d_amt: Amount = gmv("from livestreams in the last 15 days")
    total_live_sale_gmv_1d_amt: Amount = gmv("from livestreams in the last day")
    total_live_sale_gmv_30d_amt: Amount = gmv("from livestreams in the last 30 days")
    total_live_sale_gmv_60d_amt: Amount = gmv("from livestreams in the last 60 days")
    total_live_sale_gmv_7d_amt: Amount = gmv("from livestreams in the last 7 days")
    total_live_sale_gmv_90d_amt: Amount = gmv("from livestreams in the last 90 days")
    total_live_sale_gmv_amt: Amount = gmv("from livestreams, all-time")
    total_sale_15d_cnt: Count = sold("in the last 15 days")
    total_sale_1d_cnt: Count = sold("in the last day")
    total_sale_30d_cnt: Count = sold("in the last 30 days")
    total_sale_60d_cnt: Count = sold("in the last 60 days")
    total_sale_7d_cnt: Count = sold("in the last 7 days")
    total_sale_90d_cnt: Count = sold("in the last 90 days")
    total_sale_cnt: Count = doc("Units sold, estimated; all-time.")
    total_sale_gmv_15d_amt: Amount = gmv("of the last 15 days")
    total_sale_gmv_1d_amt: Amount = gmv("of the last day")
    total_sale_gmv_30d_amt: Amount = gmv("of the last 30 days")
    total_sale_gmv_60d_amt: Amount = gmv("of the last 60 days")
    total_sale_gmv_7d_amt: Amount = gmv("of the last 7 days")
    total_sale_gmv_90d_amt: Amount = gmv("of the last 90 days")
    total_sale_gmv_amt: Amount = doc("GMV, estimated; all-time; currency unstated.")
    total_video_15d_cnt: Count = doc("Videos that promoted it in the last 15 days.")
    total_video_1d_cnt: Count = doc("Videos that promoted it in the last day.")
    total_video_30d_cnt: Count = doc("Videos that promoted it in the last 30 days.")
    total_video_60d_cnt: Count = doc("Videos that promoted it in the last 60 days.")
    total_video_7d_cnt: Count = doc("Videos that promoted it in the last 7 days.")
    total_video_90d_cnt: Count = doc("Videos that promoted it in the last 90 days.")
    total_video_cnt: Count = doc("Videos that promote it.")
    total_video_sale_15d_cnt: Count = sold("through video in the last 15 days")
    total_video_sale_1d_cnt: Count = sold("through video in the last day")
    total_video_sale_30d_cnt: Count = sold("through video in the last 30 days")
    total_video_sale_60d_cnt: Count = sold("through video in the last 60 days")
    total_video_sale_7d_cnt: Count = sold("through video in the last 7 days")
    total_video_sale_90d_cnt: Count = sold("through video in the last 90 days")
    total_video_sale_cnt: Count = sold("through video, all-time")
    total_video_sale_gmv_15d_amt: Amount = gmv("through video in the last 15 days")
    total_video_sale_gmv_1d_amt: Amount = gmv("through video in the last day")
    total_video_sale_gmv_30d_amt: Amount = gmv("through video in the last 30 days")
    total_video_sale_gmv_60d_amt: Amount = gmv("through video in the last 60 days")
    total_video_sale_gmv_7d_amt: Amount = gmv("through video in the last 7 days")
    total_video_sale_gmv_90d_amt: Amount = gmv("through video in the last 90 days")
    total_video_sale_gmv_amt: Amount = gmv("through video, all-time")
    total_views_15d_cnt: Count = doc("Views gained in the last 15 days.")
    total_views_1d_cnt: Count = doc("Views gained in the last day.")
    total_views_30d_cnt: Count = doc("Views gained in the last 30 days.")
    total_views_60d_cnt: Count = doc("Views gained in the last 60 days.")
    total_views_7d_cnt: Count = doc("Views gained in the last 7 days.")
    total_views_90d_cnt: Count = doc("Views gained in the last 90 days.")
    total_views_cnt: Count = doc("Views; all-time.")
    specification: JSONText = doc("Specification of the product, as JSON list.")
    from_flag: From = doc("Where the shop sells from.")
    is_hot: Flag = doc("Best-seller by the vendor's own mark.")
    shop_type: Flag = doc("Brand shop.")
    shipping_price: AmountText = doc("Cost of shipping; currency unstated.")
    last_crawl_dt: DayNumber = doc("Day on which the vendor last saw it.")
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=inferred)
class RankedProduct:
    """A place of a product ranking; figures are what the period added."""

    product_id: Annotated[Identity, "Id of the product."]
    rank: Position = doc("Place in the ranking, from 1; computed, as the row does not say it.")
    category_id: OtherId = doc("Product category; the first level where the API has several.")
    category_l2_id: OtherId = doc("Second-level product category; '0' when unknown.")
    category_l3_id: OtherId = doc("Third-level product category; '0' when unknown.")
    max_price: Amount = doc("Highest price of its variants; currency unstated.")
    min_price: Amount = doc("Lowest price of its variants; currency unstated.")
    product_commission_rate: Rate = doc("Share paid to creators; percent or fraction is unstated.")
    product_name: Text = doc("Name of the product.")
    region: Text = doc("Market as a two-letter code.")
    spu_avg_price: Amount = doc("Mean price over the variants; currency unstated.")
    total_ifl_cnt: Count = doc("Creators who promoted it; those of the period.")
    total_live_cnt: Count = doc("Livestreams within the period.")
    total_sale_cnt: Count = sold("within the period")
    total_sale_gmv_amt: Amount = gmv("within the period")
    total_video_cnt: Count = doc("Videos that promote it; those of the period.")
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=inferred)
class ProductTrend:
    """A day of a product: ``_1d_`` is what it added, all else the total up to it."""

    product_id: Annotated[Identity, "Id of the product."]
    dt: Day = doc("Day that the figures belong to.")
    spu_avg_price: Amount = doc("Mean price over the variants; currency unstated.")
    total_ifl_cnt: Count = doc("Creators who promoted it.")
    total_live_cnt: Count = doc("Livestreams; all-time.")
    total_sale_1d_cnt: Count = sold("in the last day")
    total_sale_cnt: Count = doc("Units sold, estimated; all-time.")
    total_sale_gmv_1d_amt: Amount = gmv("of the last day")
    total_sale_gmv_amt: Amount = doc("GMV, estimated; all-time; currency unstated.")
    total_video_cnt: Count = doc("Videos that promote it.")
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=inferred)
class ProductReview:
    """A review of a product."""

    product_id: Annotated[Identity, "Id of the product."]
    review_id: Annotated[Identity, "Review id."]
    display_text: Text = doc("Text of the review.")
    rating: Rate = doc("Stars.")
    review_timestamp: MomentMs = doc("When the review was written; Unix milliseconds.")
    sku_id: OtherId = doc("Id of the variant that was bought.")
    sku_specification: Text = doc("The variant that was bought, in words.")
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)
