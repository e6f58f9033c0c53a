"""The world: creators, products, videos and live streams, each a function of its id."""

import bisect
import itertools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Final

import attrs

from keyapi_async.sandbox import examples
from keyapi_async.sandbox.cast import (
    CIRCLE,
    CREATORS,
    GIVEN_HANDLES,
    GIVEN_SALES,
    ITEMS,
    JULIO,
    POP_MART,
    SHELF,
    SNAPSHOT,
    USERS,
    Creator,
    Product,
    make_creator,
    make_product,
    pick,
)
from keyapi_async.sandbox.ids import mix, read_media_id, split, write_media_id
from keyapi_async.sandbox.rows import (
    GIVEN_FILMS,
    GIVEN_VIDEOS,
    Offers,
    Rows,
    Shop,
    Video,
    ranked_row,
    room_row,
    seller_row,
    shoot,
)
from keyapi_async.sandbox.words import Row

__all__ = ["Row", "Rows", "World", "world_of"]

_UNSOLD: Final = 0.55
"""The share of pairs of creator and product that have sold nothing."""
_DAY: Final = 86_400
_EPOCH: Final = int(datetime(2016, 9, 1, tzinfo=UTC).timestamp())
_FIRST_RANKING: Final = date(2021, 1, 1)

_USER, _PRODUCT, _VIDEO, _ROOM, _RANKING, _PAIR, _STRAY = range(1, 8)

_CREATOR_SORT: Final = {
    1: "total_followers_cnt",
    2: "total_digg_cnt",
    3: "per_product_ifl_sale_cnt",
    4: "per_product_ifl_gmv_amt",
    5: "total_post_video_cnt",
    6: "total_views_cnt",
    7: "total_live_views_cnt",
}
_VIDEO_SORT: Final = {
    1: "total_views_cnt",
    2: "total_video_sale_cnt",
    3: "total_video_sale_gmv_amt",
    4: "create_time",
}
_RANK_SORT: Final = {1: "total_followers_cnt", 2: "total_sale_cnt"}
_RANK_DAYS: Final = {1: 1, 2: 7, 3: 30}


@attrs.frozen(eq=False)
class _Market:
    """One region from the other side: what each creator sells."""

    products: Sequence[Product]
    assortments: Sequence[Sequence[Product]]


class World:
    """A data set that is the same for the same seed, whoever asks and in whatever order.

    An id of a pool (40,000 creators, 20,000 products) answers consistently at every endpoint. Any
    other digits answer too, always the same, but nothing else in the world knows of them.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._creator = lru_cache(16_384)(self._make_creator)
        self._shop = lru_cache(16_384)(self._make_shop)
        self._market = lru_cache(None)(self._make_market)
        self._film = lru_cache(64)(self._make_film)
        self._rooms = lru_cache(64)(self._make_rooms)
        self._sellers = lru_cache(128)(self._make_sellers)
        self._ranking = lru_cache(64)(self._make_ranking)

    # What the endpoints answer

    def product_creators(
        self, product_id: str, sort_field: int | None = None, sort_type: int | None = None
    ) -> Rows:
        """The creators who sell a product."""
        return self._sellers(product_id, _CREATOR_SORT.get(sort_field or 0), sort_type)

    def influencer_videos(
        self, user_id: str, sort_field: int | None = None, sort_type: int | None = None
    ) -> Rows:
        """A creator's videos."""
        rows = [video.row for video in self._film(user_id)]
        return _sorted(rows, _VIDEO_SORT.get(sort_field or 0), sort_type)

    def ranking(
        self,
        day: date,
        region: str,
        rank_type: int,
        rank_field: int,
        *,
        today: date,
        category: str | None = None,
        product_category: str | None = None,
    ) -> Rows:
        """The creators of a region who gained most in a period that is complete by `today`."""
        if not _FIRST_RANKING <= day < today or not _starts_complete_period(day, rank_type, today):
            return []
        rows = self._ranking(region, day.toordinal(), rank_type, _RANK_SORT[rank_field])
        return [
            row
            for row in rows
            if category in {None, row["category"]}
            and (product_category is None or product_category in _category_ids(row))
        ]

    def livestreams(self, user_id: str) -> Rows:
        """A creator's live streams."""
        return self._rooms(user_id)

    def video_products(self, video_ids: Iterable[str]) -> Rows:
        """A row for each product of each video, in the order of the ids."""
        return [row for video_id in dict.fromkeys(video_ids) for row in self._offers(video_id)]

    def user_id_of(self, unique_id: str) -> str | None:
        """Whose handle that is, or `None` if nobody's."""
        handle = unique_id.lower()
        if handle in GIVEN_HANDLES:
            return GIVEN_HANDLES[handle]
        if match := re.fullmatch("user([0-9]{1,20})", handle):
            user_id = match[1]
        elif (match := re.fullmatch(".+_([0-9a-z]{1,4})", handle)) and int(match[1], 36) < CREATORS:
            user_id = USERS.id_of(int(match[1], 36))
        else:
            return None
        return user_id if self._creator(user_id).unique_id == handle else None

    # Ids to ask for

    def product_ids(self, count: int) -> list[str]:
        """Some products, lists of all lengths among them; the documented ones first."""
        return list(ITEMS.sample(count))

    def user_ids(self, count: int) -> list[str]:
        """Some creators; the documented ones first."""
        return list(USERS.sample(count))

    def unique_ids(self, count: int) -> list[str]:
        """The handles of `user_ids(count)`."""
        return [self._creator(user_id).unique_id for user_id in self.user_ids(count)]

    def video_ids(self, count: int) -> list[str]:
        """Some videos, at most five of one creator; the documented ones first."""
        if count < 0:
            raise ValueError(f"can sample 0 or more ids, not {count}")
        first = [str(examples.VIDEO["video_id"]), str(examples.VIDEO_PRODUCT["video_id"])]
        others = (
            str(video.row["video_id"])
            for user_id in USERS.sample(CREATORS)
            for video in self._film(user_id)[:5]
        )
        unique = dict.fromkeys(first) | dict.fromkeys(itertools.islice(others, count))
        return list(unique)[:count]

    # How the world is made

    def _rng(self, *keys: int) -> Random:
        return Random(mix(self._seed, *keys))

    def _make_creator(self, user_id: str) -> Creator:
        return make_creator(self._rng(_USER, int(user_id)), user_id)

    def _make_product(self, product_id: str) -> Product:
        return make_product(self._rng(_PRODUCT, int(product_id)), product_id)

    def _make_market(self, region: str) -> _Market:
        circle = CIRCLE.region(region)
        products = [self._make_product(ITEMS.id_of(index)) for index in SHELF.region(region)]
        assortments: list[list[Product]] = [[] for _ in circle]
        for product in products:
            for place in product.sellers:
                assortments[place % len(circle)].append(product)
        return _Market(products, assortments)

    def _assortment(self, creator: Creator) -> Sequence[Product]:
        market = self._market(creator.region)
        if creator.index is not None:
            return market.assortments[creator.index - CIRCLE.region(creator.region).start]
        rng = self._rng(_PAIR, creator.number)
        count = min(60, int(rng.lognormvariate(2, 1)))
        return list(dict.fromkeys(pick(rng, market.products) for _ in range(count)))

    def _sold(self, product: Product, creator: Creator) -> int:
        """How many of a product a creator has sold: often none, seldom many (Pareto)."""
        if (pair := (product.product_id, creator.user_id)) in GIVEN_SALES:
            return GIVEN_SALES[pair]
        luck = mix(self._seed, product.number, creator.number) / 2**64
        if luck < _UNSOLD:
            return 0
        scarcity = max(1e-5, (1 - luck) / (1 - _UNSOLD))
        return round(3 * math.pow(scarcity, -0.7) * product.appeal * creator.trust)

    def _make_sellers(self, product_id: str, field: str | None, sort_type: int | None) -> Rows:
        if field is not None:
            return _sorted(self._sellers(product_id, None, None), field, sort_type)
        product = self._make_product(product_id)
        circle = CIRCLE.region(product.region)
        places = _strided(product.sellers)
        ids = (USERS.id_of(circle.start + place % len(circle)) for place in places)
        creators = map(self._creator, ids)
        return [seller_row(product, creator, self._sold(product, creator)) for creator in creators]

    def _make_film(self, user_id: str) -> Sequence[Video]:
        creator = self._creator(user_id)
        rng = self._rng(_VIDEO, creator.number)
        film = [GIVEN_FILMS[user_id]] if user_id in GIVEN_FILMS else []
        count = creator.videos - len(film)
        views, likes, last = creator.views, creator.likes, SNAPSHOT
        for video in film:
            views -= int(video.row["total_views_cnt"])
            likes -= int(video.row["total_digg_cnt"])
            last = int(video.row["create_time"])
        weights = [rng.lognormvariate(0, 1.4) for _ in range(count)]
        shots = zip(
            _times(rng, count, last),
            split(views, weights),
            split(likes, [weight * (0.5 + rng.random()) for weight in weights]),
            self._place_products(rng, creator, weights, film),
            strict=True,
        )
        for seconds, seen, liked, sold in shots:
            video_id = write_media_id(seconds, _owner(creator), len(film))
            film.append(
                shoot(rng, creator, video_id, seconds, views=seen, likes=liked, offers=sold)
            )
        return film

    def _place_products(
        self, rng: Random, creator: Creator, weights: Sequence[float], film: Sequence[Video]
    ) -> Sequence[Offers]:
        """The products in each video, and what it sold of the creator's sales of them."""
        assortment = self._assortment(creator)
        shown_in: defaultdict[Product, list[int]] = defaultdict(list)
        for place in range(len(weights)):
            count = _count(rng, (0.4, 0.8, 0.92, 0.97, 0.99)) if assortment else 0
            for product in dict.fromkeys(pick(rng, assortment) for _ in range(count)):
                shown_in[product].append(place)
        sold = Counter[str]()
        for video in film:
            for offer in video.offers:
                sold[str(offer["product_id"])] += int(offer["total_video_sale_cnt"])
        offers: list[list[tuple[Product, int]]] = [[] for _ in weights]
        for product, places in shown_in.items():
            sales = self._sold(product, creator) - sold[product.product_id]
            for place, share in zip(
                places, split(sales, [weights[p] for p in places]), strict=True
            ):
                offers[place].append((product, share))
        return offers

    def _offers(self, video_id: str) -> Rows:
        """The products of one video: its creator's, or a stranger's if nobody made it."""
        if video_id in GIVEN_VIDEOS:
            return GIVEN_VIDEOS[video_id].offers
        seconds, owner, sequence = read_media_id(video_id)
        if owner < CREATORS:
            film = self._film(USERS.id_of(owner))
            if sequence < len(film) and film[sequence].row["video_id"] == video_id:
                return film[sequence].offers
        rng = self._rng(_STRAY, int(video_id))
        creator = self._creator(USERS.id_of(int(rng.random() * CREATORS)))
        if not _EPOCH <= seconds <= SNAPSHOT:
            seconds = _EPOCH + int(rng.random() * (SNAPSHOT - _EPOCH))
        views = int(rng.lognormvariate(7, 2))
        likes = int(views * rng.random() * 0.1)
        offers = [
            (product, round(self._sold(product, creator) * rng.random()))
            for product in self._assortment(creator)[: _count(rng, (0.3, 0.8, 0.95))]
        ]
        return shoot(
            rng, creator, video_id, seconds, views=views, likes=likes, offers=offers
        ).offers

    def _make_rooms(self, user_id: str) -> Rows:
        creator = self._creator(user_id)
        rng = self._rng(_ROOM, creator.number)
        rooms = [examples.LIVESTREAM] if user_id == POP_MART else []
        count = creator.lives - len(rooms)
        views, last = creator.live_views, SNAPSHOT - _DAY
        for room in rooms:
            views -= int(room["total_views_cnt"])
            last = int(room["create_time"])
        sales, gmv = self._live_sales(creator)
        weights = [rng.lognormvariate(0, 1) for _ in range(count)]
        shares = split(sales, weights)
        takings = split(round(gmv * 97.3), shares) if sales and count else [0] * count
        evenings = zip(
            _times(rng, count, last), split(views, weights), shares, takings, strict=True
        )
        for seconds, seen, sold, cents in evenings:
            room_id = write_media_id(seconds, _owner(creator), len(rooms))
            rooms.append(
                room_row(rng, creator, room_id, seconds, views=seen, sales=sold, cents=cents)
            )
        return rooms

    def _live_sales(self, creator: Creator) -> tuple[int, int]:
        """What the creator sold of products that are in none of the videos: number, amount."""
        filmed = {
            offer["product_id"] for video in self._film(creator.user_id) for offer in video.offers
        }
        rest = [
            (self._sold(product, creator), product.price)
            for product in self._assortment(creator)
            if product.product_id not in filmed
        ]
        return sum(sold for sold, _ in rest), sum(sold * price for sold, price in rest)

    def _make_shop(self, user_id: str) -> Shop:
        creator = self._creator(user_id)
        assortment = self._assortment(creator)
        sold = [(self._sold(product, creator), product.price) for product in assortment]
        ranks = [path for path, _ in Counter(product.path for product in assortment).most_common()]
        return Shop(
            sales=sum(sales for sales, _ in sold),
            gmv=sum(sales * price for sales, price in sold),
            products=len(assortment),
            categories=",".join(f"{path}:{rank}" for rank, path in enumerate(ranks, 1)),
            top=ranks[0] if ranks else "--",
        )

    def _make_ranking(self, region: str, day: int, rank_type: int, field: str) -> Rows:
        circle = CIRCLE.region(region)
        rng = self._rng(_RANKING, circle.start, day, rank_type)
        count = min(len(circle), 200 + int(rng.random() ** 2 * 1000))
        stars = _strided(circle)[: count + count // 4]
        ids = [USERS.id_of(index) for index in rng.sample(stars, count)]
        rows = [
            ranked_row(rng, self._creator(user_id), self._shop(user_id), _RANK_DAYS[rank_type])
            for user_id in ids
            if user_id != JULIO
        ]
        if region == examples.RANKED["region"]:
            rows.append(examples.RANKED)
        return _sorted(rows, field, 1)


@lru_cache(4)
def world_of(seed: int) -> World:
    """The world of that seed: one per process, so that what it remembers serves all."""
    return World(seed)


def _starts_complete_period(day: date, rank_type: int, today: date) -> bool:
    if rank_type == 1:
        return True
    if rank_type == 2:
        return day.weekday() == 0 and day + timedelta(7) <= today
    return day.day == 1 and (day + timedelta(31)).replace(day=1) <= today


def _category_ids(row: Row) -> set[str]:
    paths = str(row["product_category_list"]).split(",")
    return {level for path in paths for level in path.partition(":")[0].split("-")}


def _sorted(rows: Rows, field: str | None, sort_type: int | None) -> Rows:
    """Rows by a numeric field, largest first unless asked otherwise; ties stay in their order."""
    if field is None:
        return rows
    return sorted(rows, key=lambda row: float(row[field]), reverse=sort_type != 0)


def _strided(places: range) -> list[int]:
    """The same places, the first one first, the rest as if shuffled."""
    count = len(places)
    stride = next(
        (step for step in range(count * 618 // 1000, 1, -1) if math.gcd(step, count) == 1), 1
    )
    return [places[step * stride % count] for step in range(count)]


def _times(rng: Random, count: int, last: int) -> list[int]:
    """Unix seconds from the latest to the oldest, within two years and a half before `last`."""
    return sorted(
        (last - 1 - int(rng.random() ** 1.5 * 900 * _DAY) for _ in range(count)), reverse=True
    )


def _count(rng: Random, thresholds: Sequence[float]) -> int:
    return bisect.bisect(thresholds, rng.random())


def _owner(creator: Creator) -> int:
    """The owner to write into a media id: one that cannot be for creators of no pool."""
    return CREATORS if creator.index is None else creator.index
