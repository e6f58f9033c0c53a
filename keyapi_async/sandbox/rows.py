"""The rows: creators, products, videos and live streams as they go over the wire."""

import math
from collections.abc import Sequence
from random import Random
from typing import Final

import attrs

from keyapi_async.sandbox import examples
from keyapi_async.sandbox.cast import (
    GIVEN_CREATORS,
    GLOW,
    GLOW_SPRAY,
    SNACKS,
    SNAPSHOT,
    Creator,
    Product,
    chance,
    image,
    pick,
    token,
)
from keyapi_async.sandbox.words import EMOJI, LANGUAGES, LIVE_TITLES, PHRASES, TAGS, Row

__all__ = [
    "GIVEN_FILMS",
    "GIVEN_VIDEOS",
    "Offers",
    "Rows",
    "Shop",
    "Video",
    "ranked_row",
    "room_row",
    "seller_row",
    "shoot",
]

Rows = Sequence[Row]
"""Rows as they go over the wire. They are shared: never change one in place."""

_DAY: Final = 86_400


@attrs.frozen(eq=False)
class Video:
    """A video as its creator's list shows it, and a row for each of its products."""

    row: Row
    offers: Rows


@attrs.frozen(eq=False)
class Shop:
    """All that a creator sells: totals, and its categories, most frequent first."""

    sales: int
    gmv: int
    products: int
    categories: str
    top: str


Offers = Sequence[tuple[Product, int]]
"""Products in a video, and how many of each it sold."""

_SHARED: Final = [key for key in examples.VIDEO if key in examples.VIDEO_PRODUCT]
GIVEN_FILMS: Final = {
    GLOW: Video(
        examples.VIDEO,
        [
            {key: examples.VIDEO[key] for key in _SHARED}
            | {
                "hash_tag": str(examples.VIDEO["video_desc"]).partition("🤪 ")[2],
                "play_addr": examples.VIDEO_PRODUCT["play_addr"],
                "product_id": GLOW_SPRAY,
            }
        ],
    ),
    SNACKS: Video(
        examples.VIDEO
        | {key: examples.VIDEO_PRODUCT[key] for key in _SHARED}
        | {
            "total_video_sale_gmv_amt": round(
                float(examples.VIDEO_PRODUCT["total_video_sale_gmv_amt"])
            ),
            "unique_id": GIVEN_CREATORS[SNACKS]["unique_id"],
        },
        [examples.VIDEO_PRODUCT],
    ),
}


GIVEN_VIDEOS: Final = {str(video.row["video_id"]): video for video in GIVEN_FILMS.values()}


def seller_row(product: Product, creator: Creator, sales: int) -> Row:
    """A creator among those who sell a product."""
    return {
        "avatar": creator.avatar,
        "category": creator.category,
        "nick_name": creator.nick_name,
        "per_product_ifl_gmv_amt": sales * product.price,
        "per_product_ifl_sale_cnt": sales,
        "product_id": product.product_id,
        "region": creator.region,
        "total_digg_cnt": creator.likes,
        "total_followers_cnt": creator.followers,
        "total_following_cnt": creator.following,
        "total_live_cnt": creator.lives,
        "total_live_views_cnt": creator.live_views,
        "total_post_video_cnt": creator.videos,
        "total_views_cnt": creator.views,
        "user_id": creator.user_id,
    }


def shoot(
    rng: Random,
    creator: Creator,
    video_id: str,
    seconds: int,
    *,
    views: int,
    likes: int,
    offers: Offers,
) -> Video:
    """One video, as both endpoints show it."""
    duration, age = 5 + int(rng.lognormvariate(3.2, 0.8)), (SNAPSHOT - seconds) / _DAY
    chosen = dict.fromkeys(
        pick(rng, TAGS[creator.category]) for _ in range(1 + int(3 * rng.random()))
    )
    tags = "".join(f"#{tag} " for tag in chosen)
    phrase = pick(rng, PHRASES[LANGUAGES[creator.region]])
    month, week, day = (min(1.0, days / (age + 1) * rng.random()) for days in (30, 7, 1))
    week, day = min(month, week), min(month, week, day)
    shared: Row = {
        "create_time": str(seconds),
        "data_size": str(duration * 41_000 + int(rng.random() * 400_000)),
        "duration": duration,
        "height": "1024",
        "ratio": "540p",
        "reflow_cover": image("video-cover", int(video_id) % 900, f"{video_id}.jpeg"),
        "region": creator.region,
        "total_comments_cnt": int(likes * rng.random() * 0.06),
        "total_digg_cnt": likes,
        "total_favorites_cnt": int(likes * rng.random() * 0.2),
        "total_shares_cnt": int(likes * rng.random() * 0.05),
        "total_views_cnt": views,
        "user_id": creator.user_id,
        "video_desc": f"{phrase} {pick(rng, EMOJI)} {tags}",
        "video_id": video_id,
        "width": "576",
    }
    row = shared | {
        "created_by_ai": "true" if chance(rng, 0.03) else "false",
        "sales_flag": int(bool(offers)),
        "total_digg_1d_cnt": int(likes * day),
        "total_digg_30d_cnt": int(likes * month),
        "total_digg_7d_cnt": int(likes * week),
        "total_video_sale_cnt": sum(sales for _, sales in offers),
        "total_video_sale_gmv_amt": sum(sales * product.price for product, sales in offers),
        "total_views_1d_cnt": int(views * day),
        "total_views_30d_cnt": int(views * month),
        "total_views_7d_cnt": int(views * week),
        "unique_id": creator.unique_id,
    }
    address = {"hash_tag": tags, "play_addr": _play_addr(int(video_id), seconds)}
    return Video(
        row,
        [
            shared
            | address
            | {
                "product_id": product.product_id,
                "total_video_sale_cnt": sales,
                "total_video_sale_gmv_amt": sales * product.price,
            }
            for product, sales in offers
        ],
    )


def room_row(
    rng: Random,
    creator: Creator,
    room_id: str,
    seconds: int,
    *,
    views: int,
    sales: int,
    cents: int,
) -> Row:
    """One live stream."""
    duration = min(_DAY, 300 + int(rng.lognormvariate(8.6, 0.8)))
    likes = int(views * rng.random() * 3)
    return {
        "cover_url": image("live-cover", int(room_id) % 900, f"{room_id}.jpeg"),
        "create_time": seconds,
        "duration": duration,
        "finish_time": seconds + duration,
        "nick_name": creator.nick_name,
        "region": creator.region,
        "room_id": room_id,
        "title": pick(rng, LIVE_TITLES),
        "total_comments_cnt": int(likes * rng.random() * 0.1),
        "total_digg_cnt": likes,
        "total_followers_cnt": creator.followers,
        "total_joins_cnt": int(views * (0.5 + 0.4 * rng.random())),
        "total_product_cnt": int(rng.lognormvariate(2.5, 1)),
        "total_sale_cnt": sales,
        "total_sale_gmv_amt": _amount(cents),
        "total_views_cnt": views,
        "user_id": creator.user_id,
    }


def ranked_row(rng: Random, creator: Creator, shop: Shop, days: int) -> Row:
    """A creator in a ranking of so many days: what was gained in them, and the whole."""
    share = min(0.5, days / 500 * rng.lognormvariate(0, 1.1))
    sales, videos = round(shop.sales * share), round(creator.videos * share)
    lives = round(creator.lives * share)
    gmv = _amount(round(shop.gmv * 97.3 * sales / shop.sales)) if sales else 0
    flag = ((videos > 0) + 2 * (lives > 0) or 4) if sales else 0
    level1, level2, level3 = shop.top.split("-")
    return {
        "avatar": creator.avatar,
        "category": creator.category,
        "ec_score": round(min(10.0, 2 + math.log1p(shop.gmv) / 2), 2),
        "most_category_id": level1,
        "most_category_l2_id": level2,
        "most_category_l3_id": level3,
        "nick_name": creator.nick_name,
        "product_category_list": shop.categories,
        "region": creator.region,
        "sales_flag": flag,
        "total_digg_cnt": round(creator.likes * share),
        "total_digg_history_cnt": creator.likes,
        "total_followers_cnt": round(creator.followers * share * rng.random()),
        "total_followers_history_cnt": creator.followers,
        "total_live_cnt": lives,
        "total_live_history_cnt": creator.lives,
        "total_post_video_cnt": videos,
        "total_post_video_history_cnt": creator.videos,
        "total_product_cnt": round(shop.products * share),
        "total_product_history_cnt": shop.products,
        "total_sale_cnt": sales,
        "total_sale_gmv_amt": gmv,
        "total_sale_gmv_history_amt": shop.gmv,
        "total_sale_history_cnt": shop.sales,
        "unique_id": creator.unique_id,
        "user_id": creator.user_id,
    }


def _amount(cents: int) -> int | float:
    return cents / 100 if cents % 100 else cents // 100


def _play_addr(number: int, seconds: int) -> str:
    return (
        f"https://v19.tiktokcdn-us.com/{token(number, 32)}/{SNAPSHOT:x}/video/tos/useast5/"
        f"tos-useast5-ve-0068c003-tx/{token(seconds, 38)}/"
        f"?a=1233&br={number % 3000}&mime_type=video_mp4&vvpl=1&btag=e00090000"
    )
