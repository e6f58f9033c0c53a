"""The records of a shop: as it stands, by day and by rank."""

from typing import Annotated

import attrs

from keyapi_async.api.shared import From, SalesTrend
from keyapi_async.records.codec import inferred
from keyapi_async.records.fields import (
    Amount,
    Count,
    Day,
    DayNumber,
    Identity,
    JSONText,
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

__all__ = ["RankedShop", "Shop", "ShopTrend"]


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
    total_product_cnt: Count = doc(
        "Products shown, promoted or ever listed, by kind of row within the period."
    )
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
