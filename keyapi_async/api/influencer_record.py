"""The records of an influencer: as it stands, by day and by rank."""

from typing import Annotated

import attrs

from keyapi_async.records.codec import documented, inferred
from keyapi_async.records.fields import (
    Amount,
    Categories,
    Code,
    Count,
    Day,
    DayNumber,
    Flag,
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

__all__ = ["Influencer", "InfluencerTrend", "RankedInfluencer"]


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=inferred)
class Influencer:
    """An influencer as they stand now."""

    user_id: Annotated[Identity, "Permanent numeric id of the TikTok account."]
    avatar: Url = doc("Profile picture; the vendor's image host is not publicly readable.")
    avg_30d_price: Amount = doc("Mean price of sales of the last 30 days; currency unstated.")
    category: Text = doc("Field of the creator, such as Beauty.")
    contact_email: Text = doc("Address shown on the profile; personal data.")
    ec_score: Rate = doc("The vendor's own score of an influencer; scale unstated.")
    first_crawl_dt: DayNumber = doc("Day on which the vendor first saw it.")
    gender: Text = doc("Guessed from picture and videos; only for the US market.")
    influencer_video_duration_level: JSONText = doc("Videos by length class, as JSON object.")
    influencer_video_publish_hour: JSONText = doc("Videos by hour of day, as JSON object.")
    influencer_video_publish_week: JSONText = doc("Videos by weekday 1 to 7, as JSON object.")
    interaction_rate: Rate = doc("How much viewers react; its formula and unit are unstated.")
    language: Text = doc("Language code, such as en or en-US.")
    most_category_product: JSONText = doc("Category that sells best, as JSON list.")
    most_views_video: OtherId = doc("Id of the account's most viewed video.")
    nick_name: Text = doc("Display name of the account.")
    off_mark: Code = doc("0 is active; higher can mean taken down or closed.")
    per_video_product_views_avg_7d_cnt: Count = doc(
        "Mean views of a promoting video in the last 7 days."
    )
    region: Text = doc("Market as a two-letter code.")
    sales_flag: Sales = doc("Main way of selling.")
    seller_id: OtherId = doc("Numeric id of the shop; not its shop code.")
    show_case_flag: Flag = doc("Product showcase is open.")
    signature: Text = doc("Text of the profile.")
    total_comments_cnt: Count = doc("Comments; all-time.")
    total_digg_1d_cnt: Count = doc("Likes gained in the last day.")
    total_digg_30d_cnt: Count = doc("Likes gained in the last 30 days.")
    total_digg_7d_cnt: Count = doc("Likes gained in the last 7 days.")
    total_digg_90d_cnt: Count = doc("Likes gained in the last 90 days.")
    total_digg_cnt: Count = doc("Likes; all-time.")
    total_followers_1d_cnt: Count = doc("Followers gained in the last day; can be negative.")
    total_followers_30d_cnt: Count = doc("Followers gained in the last 30 days; can be negative.")
    total_followers_7d_cnt: Count = doc("Followers gained in the last 7 days; can be negative.")
    total_followers_90d_cnt: Count = doc("Followers gained in the last 90 days; can be negative.")
    total_followers_cnt: Count = doc("Followers.")
    total_following_cnt: Count = doc("Accounts that this one follows.")
    total_live_cnt: Count = doc("Livestreams; all-time.")
    total_live_sale_gmv_30d_amt: Amount = gmv("from livestreams in the last 30 days")
    total_post_video_cnt: Count = doc("Videos published; all-time.")
    total_product_30d_cnt: Count = doc("Products promoted in the last 30 days.")
    total_product_cnt: Count = doc("Products shown, promoted or ever listed, by kind of row.")
    total_sale_cnt: Count = doc("Units sold, estimated; all-time.")
    total_sale_gmv_30d_amt: Amount = gmv("of the last 30 days")
    total_sale_gmv_amt: Amount = doc("GMV, estimated; all-time; currency unstated.")
    total_shares_cnt: Count = doc("Shares; all-time.")
    total_video_product_30d_cnt: Count = doc("Products promoted by video in the last 30 days.")
    total_video_sale_30d_cnt: Count = sold("through video in the last 30 days")
    total_video_sale_gmv_30d_amt: Amount = gmv("through video in the last 30 days")
    total_views_cnt: Count = doc("Views; all-time.")
    unique_id: OtherId = doc("Public handle without @; it can change.")
    total_likes_cnt: Count = doc("Likes as well; why it differs from total_digg_cnt is unstated.")
    per_views_avg_30d_cnt: Count = doc("Mean views of a video in the last 30 days.")
    per_video_product_views_avg_30d_cnt: Count = doc(
        "Mean views of a promoting video in the last 30 days."
    )
    product_category_list: Categories = doc("Categories sold.")
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=documented)
class RankedInfluencer:
    """A place of an influencer ranking; ``_history_`` is all-time, else the period's."""

    user_id: Annotated[Identity, "Permanent numeric id of the TikTok account."]
    rank: Position = doc("Place in the ranking, from 1; computed, as the row does not say it.")
    avatar: Url = doc("Profile picture; the vendor's image host is not publicly readable.")
    category: Text = doc("Field of the creator, such as Beauty.")
    ec_score: Rate = doc("The vendor's own score of an influencer; scale unstated.")
    nick_name: Text = doc("Display name of the account.")
    region: Text = doc("Market as a two-letter code.")
    sales_flag: Sales = doc("Main way of selling.")
    total_digg_cnt: Count = doc("Likes within the period.")
    total_digg_history_cnt: Count = doc("Likes; all-time.")
    total_followers_cnt: Count = doc("Followers gained within the period.")
    total_followers_history_cnt: Count = doc("Followers; all-time.")
    total_live_cnt: Count = doc("Livestreams within the period.")
    total_live_history_cnt: Count = doc("Livestreams; all-time.")
    total_post_video_cnt: Count = doc("Videos published within the period.")
    total_post_video_history_cnt: Count = doc("Videos published; all-time.")
    total_product_cnt: Count = doc("Products shown, promoted or listed within the period.")
    total_product_history_cnt: Count = doc("Products promoted; all-time.")
    total_sale_cnt: Count = sold("within the period")
    total_sale_gmv_amt: Amount = gmv("within the period")
    total_sale_gmv_history_amt: Amount = doc("GMV, estimated; all-time; currency unstated.")
    total_sale_history_cnt: Count = doc("Units sold, estimated; all-time.")
    unique_id: OtherId = doc("Public handle without @; it can change.")
    product_category_list: Categories = doc("Categories sold.")
    most_category_id: OtherId = doc("First-level category in which the influencer sells most.")
    most_category_l2_id: OtherId = doc("Second-level category in which the influencer sells most.")
    most_category_l3_id: OtherId = doc("Third-level category in which the influencer sells most.")
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=inferred)
class InfluencerTrend:
    """A day of an influencer: ``_1d_`` is what it added, all else the total up to it."""

    user_id: Annotated[Identity, "Permanent numeric id of the TikTok account."]
    dt: Day = doc("Day that the figures belong to.")
    total_comments_cnt: Count = doc("Comments; all-time.")
    total_digg_1d_cnt: Count = doc("Likes gained in the last day.")
    total_digg_cnt: Count = doc("Likes; all-time.")
    total_followers_1d_cnt: Count = doc("Followers gained in the last day; can be negative.")
    total_followers_cnt: Count = doc("Followers.")
    total_live_cnt: Count = doc("Livestreams; all-time.")
    total_post_video_cnt: Count = doc("Videos published; all-time.")
    total_sale_1d_cnt: Count = sold("in the last day")
    total_sale_gmv_1d_amt: Amount = gmv("of the last day")
    total_shares_cnt: Count = doc("Shares; all-time.")
    total_views_cnt: Count = doc("Views; all-time.")
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)
