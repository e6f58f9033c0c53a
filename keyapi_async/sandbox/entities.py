"""Products, creators, shops, videos and live streams: each a function of the seed and of its id."""

import itertools
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from random import Random
from typing import Any, Final

from keyapi_async.sandbox.specification import examples, operations
from keyapi_async.sandbox.words import (
    ADJECTIVES,
    CATEGORIES,
    EMOJI,
    LANGUAGES,
    MARKETS,
    NAMES,
    NICK_NAMES,
    PATHS,
    PHRASES,
    REVIEWS,
    SLUGS,
    TITLES,
)

__all__ = ["CREATORS", "MOST", "PRODUCTS", "SELLERS", "SNAPSHOT", "Entities", "Facts", "chance"]

Facts = Mapping[str, Any]
"""What is known of something, by the names of the API; `_price` and `_rate` are our own."""

SNAPSHOT: Final = date(2025, 11, 1)
"""The day of the totals; nothing made up is younger."""
CREATORS, PRODUCTS, SELLERS = 4001, 400, 60
"""How many there are in each market."""
MOST: Final = 4000
"""The longest list of one creator or product."""

_NOW: Final = int(datetime(2025, 11, 1, tzinfo=UTC).timestamp())
_EARLIEST: Final = int(datetime(2016, 9, 1, tzinfo=UTC).timestamp())
_DAY: Final = 86_400
_ODD: Final = 0x9E3779B1
_INVERSE: Final = pow(_ODD, -1, 1 << 32)
_SERIAL_BITS: Final = 12
_HANDLE: Final = re.compile("[a-z.]+_([0-9]{1,2})x([0-9]{1,4})|user([0-9]+)")
_FEWEST_GIVEN: Final = 320
"""What the documentation shows has lists of at least this many."""


def chance(*parts: object) -> float:
    """A number from 0 to 1, always the same for the same parts."""
    return zlib.crc32(":".join(map(str, parts)).encode()) / 2**32


def _heavy(rng: Random, mu: float, sigma: float) -> int:
    return int(rng.lognormvariate(mu, sigma))


class Pool:
    """The ids that lead from one endpoint to the next, so many to a market; some are given."""

    def __init__(self, base: int, modulus: int, size: int, given: Mapping[str, str]) -> None:
        self._base, self._modulus = base, modulus
        self._factor = 618_033_988_749_895 % modulus
        self._back = pow(self._factor, -1, modulus)
        self._size = size
        self._at: dict[int, str] = {}
        for known, region in given.items():
            free = itertools.count(MARKETS.index(region), len(MARKETS))
            self._at[next(index for index in free if index not in self._at)] = known
        self.given = {known: index for index, known in self._at.items()}

    def id_of(self, market: int, position: int) -> str:
        """The id at that place."""
        return self._id_at(market + len(MARKETS) * position)

    def _id_at(self, index: int) -> str:
        return self._at.get(index) or str(self._base + (index + 1) * self._factor % self._modulus)

    def place_of(self, known: str) -> tuple[int, int]:
        """Market and position of an id; for one that is in no list, those of another."""
        index = self.given.get(known)
        if index is None and len(known) <= 19:
            index = (int(known) - self._base) * self._back % self._modulus - 1
        if index is None or not 0 <= index < self._size * len(MARKETS):
            index = zlib.crc32(known.encode()) % (self._size * len(MARKETS))
        position, market = divmod(index, len(MARKETS))
        return market, position

    def sample(self, count: int) -> list[str]:
        """So many ids from all markets: those given come first."""
        size = self._size * len(MARKETS)
        if not 0 <= count <= size:
            raise ValueError(f"there are 0 to {size} ids to sample, not {count}")
        return list(itertools.islice(self.walk(), count))

    def walk(self) -> Iterator[str]:
        """All ids, those given first, the others from all markets."""
        size = self._size * len(MARKETS)
        spread = (index * 7919 % size for index in range(size))
        others = (self._id_at(index) for index in spread if index not in self._at)
        return itertools.chain(self.given, others)


_MENTIONED: Final = {
    "user_id": {"region", "unique_id", "nick_name"},
    "seller_id": {"region"},
    "product_id": {"region"},
}
"""What a row about something else also says of those that it mentions."""


@cache
def _known() -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """What the examples say of each id; where they contradict each other, what a source shows."""
    known: dict[tuple[str, str], dict[str, Any]] = {}
    listed = [(operations()[path], example) for path, example in examples().items()]
    shown = [(op, row) for op, one in listed for row in one["rows"][: one["shown"]]]
    made_up = [(op, row) for op, one in listed for row in one["rows"][one["shown"] :]]
    for operation, row in shown + made_up:
        subject = operation.subject or "user_id"
        about = known.setdefault((subject, row[subject]), {})
        for name, value in row.items():
            if operation.properties[name]["x-kind"] in {"id", "text", "moment"}:
                about.setdefault(name, int(value) if name == "create_time" else value)
        for other in (name for name in _MENTIONED if row.get(name)):
            about = known.setdefault((other, row[other]), {})
            for name in _MENTIONED[other] & row.keys():
                about.setdefault(name, row[name])
    return known


def _given(name: str) -> dict[str, str]:
    return {
        one: facts.get("region") or "US"
        for (field, one), facts in _known().items()
        if field == name
    }


class Entities:
    """What is known of every id: any id of digits has facts, and always the same.

    Args:
        seed: other seeds know other facts.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.users = Pool(6_500 * 10**15, 10**18 - 11, CREATORS, _given("user_id"))
        self.products = Pool(1_729 * 10**15, 10**15 - 11, PRODUCTS, _given("product_id"))
        self.sellers = Pool(7_494 * 10**15, 10**15 - 11, SELLERS, _given("seller_id"))
        self._makers: Mapping[str, Callable[[Random, str], dict[str, Any]]] = {
            "user_id": self._user,
            "product_id": self._product,
            "seller_id": self._seller,
            "video_id": self._video,
            "room_id": self._room,
            "review_id": self._review,
        }
        self.facts = lru_cache(8192)(self._facts)

    def is_known(self, field: str, one: str) -> bool:
        """Whether the vendor has collected it: three in a hundred are in no detail."""
        return (field, one) in _known() or chance(self._seed, "known", one) >= 0.03

    def user_of(self, unique_id: str) -> str | None:
        """Whose handle that is; `None` if nobody's."""
        for (field, one), facts in _known().items():
            if field == "user_id" and facts.get("unique_id") == unique_id:
                return one
        match = _HANDLE.fullmatch(unique_id)
        if match is None:
            return None
        market, position, foreign = match.groups()
        user_id = foreign or self.users.id_of(int(market), int(position))
        return user_id if self.facts("user_id", user_id)["unique_id"] == unique_id else None

    def media_id(self, field: str, market: int, position: int, serial: int, count: int) -> str:
        """The id of a creator's video or stream: its time and whose it is."""
        code = (market + len(MARKETS) * position) << _SERIAL_BITS | serial
        late = (serial + (code * 40_503 % 1009) / 1009) / count
        seconds = _NOW - 1 - int(900 * _DAY * late**1.5)
        return str(seconds << 32 | ((code << 1 | (field == "room_id")) * _ODD & 0xFFFFFFFF))

    def owner_of(self, media_id: str) -> tuple[int, int, int]:
        """Market and position of a video's or a stream's creator, and its number there."""
        code = int(media_id[-19:]) * _INVERSE & 0xFFFFFFFF
        index, serial = divmod(code >> 1, 1 << _SERIAL_BITS)
        position, market = divmod(index, len(MARKETS))
        return market, position % CREATORS, serial

    def _facts(self, field: str, one: str) -> Facts:
        rng = Random(f"{self._seed}{field}{one}")
        facts = self._makers[field](rng, one)
        known = _known().get((field, one), {})
        facts.update({name: known[name] for name in known.keys() & facts.keys()})
        facts.update({field: one, "_id": one, "_rate": 1 / (20 + 2000 * rng.random() ** 2)})
        return facts

    def _user(self, rng: Random, one: str) -> dict[str, Any]:
        market, position = self.users.place_of(one)
        fewest = _FEWEST_GIVEN if one in self.users.given else 0
        region = MARKETS[market]
        names = NAMES[LANGUAGES[region]]
        category = rng.choice(list(CATEGORIES.values()))[1]
        nick = rng.choice(NICK_NAMES).format(
            rng.choice(names), rng.choice(names), category, rng.choice(EMOJI)
        )
        is_ours = self.users.id_of(market, position) == one
        followers = _heavy(rng, 9.2, 2.0)
        videos = min(MOST, max(fewest, int(_heavy(rng, 3.6, 1.5) * (rng.random() < 0.96))))
        lives = min(MOST, max(fewest, int(_heavy(rng, 2.4, 1.4) * (rng.random() < 0.4))))
        per_video = followers**0.8 * rng.lognormvariate(0.6, 0.8) + 20
        views = round(videos * per_video)
        sold = int(_heavy(rng, 3.0, 2.6) * (rng.random() < 0.8))
        live = int(sold * rng.random()) if lives else 0
        digg = round(views * (0.02 + 0.08 * rng.random()))
        return {
            "nick_name": nick,
            "unique_id": f"{rng.choice(SLUGS)}_{market}x{position}" if is_ours else f"user{one}",
            "region": region,
            "language": LANGUAGES[region],
            "category": category,
            "gender": rng.choice(("female", "male", "")),
            "signature": rng.choice(("", rng.choice(PHRASES[LANGUAGES[region]]))),
            "contact_email": rng.choice(("", "", "", f"hello{position}@example.com")),
            "influencer_level": str(min(6, len(str(followers)))),
            "highlight": None,
            "seller_id": None,
            "total_followers_cnt": followers,
            "total_following_cnt": _heavy(rng, 5, 1.3),
            "total_digg_cnt": digg,
            "total_likes_cnt": digg,
            "total_comments_cnt": digg // 24,
            "total_shares_cnt": digg // 31,
            "total_views_cnt": views,
            "total_post_video_cnt": videos,
            "total_live_cnt": lives,
            "total_live_views_cnt": round(lives * per_video / 3),
            "total_sale_cnt": sold,
            "total_video_sale_cnt": sold - live,
            "total_live_sale_cnt": live,
            "total_video_product_cnt": videos // 3,
            "per_views_avg_cnt": round(per_video),
            "per_video_product_views_avg_cnt": round(per_video * rng.random()),
            "sales_flag": (live < sold) + 2 * (live > 0),
            "ec_score": round(10 * rng.random(), 2),
            "interaction_rate": round(rng.random() ** 3, 4),
            "_price": round(rng.lognormvariate(2.9, 0.8), 2),
            "_drift": 1.2 * rng.random() - 0.2,
            "_place": (market, position),
        }

    def _product(self, rng: Random, one: str) -> dict[str, Any]:
        market, _ = self.products.place_of(one)
        fewest = _FEWEST_GIVEN if one in self.products.given else 0
        first, second, third, name, kind = rng.choice(PATHS)
        price = round(rng.lognormvariate(2.9, 0.8) + 0.5, 2)
        sold = int(_heavy(rng, 5.5, 2.4) * (rng.random() < 0.95))
        live = int(sold * rng.random())
        creators = min(MOST, max(fewest, int(_heavy(rng, 2.6, 1.8) * (rng.random() < 0.9))))
        videos = int(creators * rng.lognormvariate(0.5, 0.5))
        return {
            "product_name": f"{rng.choice(ADJECTIVES)} {kind}",
            "seller_id": self.sellers.id_of(market, int(SELLERS * rng.random() ** 3)),
            "region": MARKETS[market],
            "category_id": first,
            "category_l2_id": rng.choice((second, second, second, "0")),
            "category_l3_id": rng.choice((third, third, third, "0")),
            "category_name": CATEGORIES[first][0] + ", " + name,
            "discount": rng.choice(("-", None, "48%", "12%", "-")),
            "spu_avg_price": price,
            "min_price": round(price * 0.9, 2),
            "max_price": round(price * 1.2, 2),
            "shipping_price": rng.choice((0.0, 3.99)),
            "product_commission_rate": rng.choice((0, 5, 10, 12, 15, 20)),
            "product_rating": rng.choice((0, 3, 4, 4, 5, 5)),
            "review_count": min(MOST, max(fewest, sold // 40)),
            "sales_flag": (live < sold) + (live * 2 > sold),
            "total_sale_cnt": sold,
            "total_video_sale_cnt": sold - live,
            "total_live_sale_cnt": live,
            "total_ifl_cnt": creators,
            "total_ifl_video_cnt": creators * 4 // 5,
            "total_ifl_live_cnt": creators // 5,
            "total_video_cnt": videos,
            "total_live_cnt": creators // 3,
            "total_views_cnt": round(videos * rng.lognormvariate(7, 1.5)),
            "_price": price,
            "_start": rng.randrange(CREATORS),
        }

    def _seller(self, rng: Random, one: str) -> dict[str, Any]:
        market, position = self.sellers.place_of(one)
        first, second, third, _, kind = rng.choice(PATHS)
        sold = _heavy(rng, 8, 2)
        creators = _heavy(rng, 4, 1.5)
        return {
            "seller_name": f"{rng.choice(NAMES[LANGUAGES[MARKETS[market]]])} {kind.split()[0]}",
            "user_id": self.users.id_of(market, position),
            "region": MARKETS[market],
            "category_id": first,
            "category_l2_id": second,
            "category_l3_id": third,
            "seller_link": None,
            "rating": rng.choice((1, 3, 4, 4.5, 5)),
            "sales_flag": rng.choice((0, 1, 2)),
            "spu_avg_price": (price := round(rng.lognormvariate(2.9, 0.6), 2)),
            "total_crawl_product_cnt": None if rng.random() < 0.1 else _heavy(rng, 3, 1),
            "total_ifl_cnt": creators,
            "total_video_ifl_cnt": creators * 4 // 5,
            "total_live_ifl_cnt": creators // 5,
            "total_video_cnt": creators * 2,
            "total_live_cnt": creators // 3,
            "total_sale_cnt": sold,
            "_price": price,
        }

    def _media(self, rng: Random, field: str, one: str) -> tuple[dict[str, Any], Facts]:
        """The facts that videos and streams share, and those of whose it is."""
        market, position, serial = self.owner_of(one)
        known = _known().get((field, one), {})
        user_id = known.get("user_id") or self.users.id_of(market, position)
        owner = self.facts("user_id", user_id)
        seconds = int(one[-19:]) >> 32
        if not _EARLIEST <= seconds < _NOW:
            seconds = _NOW - 1 - int(rng.random() * 900 * _DAY)
        views = round(owner["per_views_avg_cnt"] * rng.lognormvariate(-1, 1.4))
        digg = round(views * 0.1 * rng.random())
        return {
            "user_id": user_id,
            "region": owner["region"],
            "create_time": seconds,
            "total_views_cnt": views,
            "total_digg_cnt": digg,
            "total_comments_cnt": int(digg * 0.06 * rng.random()),
            "total_favorites_cnt": int(digg * 0.2 * rng.random()),
            "total_shares_cnt": int(digg * 0.05 * rng.random()),
            "_price": owner["_price"],
            "_serial": serial,
        }, owner

    def _video(self, rng: Random, one: str) -> dict[str, Any]:
        shared, owner = self._media(rng, "video_id", one)
        duration = 5 + _heavy(rng, 3.2, 0.8)
        tag = f"#{owner['category'].split()[0].lower().strip(',')} #ttshop"
        text = rng.choice(("", *PHRASES[LANGUAGES[owner["region"]]]))
        sold = 0 if shared["_serial"] % 3 == 2 else int(_heavy(rng, 1, 2) * (rng.random() < 0.6))
        return shared | {
            "duration": duration,
            "data_size": duration * 41_000,
            "height": 1024,
            "width": 576,
            "ratio": "540p",
            "video_desc": text and f"{text} {tag}",
            "hash_tag": tag,
            "sales_flag": int(sold > 0),
            "total_video_sale_cnt": sold,
        }

    def _room(self, rng: Random, one: str) -> dict[str, Any]:
        shared, _ = self._media(rng, "room_id", one)
        views = shared["total_views_cnt"]
        return shared | {
            "title": rng.choice(TITLES),
            "duration": 600 + _heavy(rng, 8, 1) % 20_000,
            "max_views_cnt": views // 7,
            "total_joins_cnt": views * 4 // 5,
            "total_followers_cnt": views // 900,
            "total_product_cnt": _heavy(rng, 3, 1),
            "total_sale_cnt": int(_heavy(rng, 2, 2) * (rng.random() < 0.7)),
        }

    def _review(self, rng: Random, one: str) -> dict[str, Any]:
        return {
            "rating": rng.choice((1, 2, 3, 4, 4, 5, 5, 5)),
            "display_text": rng.choice(REVIEWS),
            "sku_id": str(int(one[:10]) * 100_000_007),
            "sku_specification": f"Item: one-size, {rng.choice(('Pink', 'Blue', ''))}",
            "review_timestamp": int(one) >> 32,
        }
