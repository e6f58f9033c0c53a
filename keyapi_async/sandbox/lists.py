"""The lists: which ids stand in the answer to which question, so that ids lead on."""

import functools
import itertools
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from random import Random
from typing import Any, Final

from keyapi_async.sandbox.entities import CREATORS, MOST, PRODUCTS, SELLERS, Entities, chance
from keyapi_async.sandbox.specification import Operation, RefusedError, examples, singular
from keyapi_async.sandbox.words import MARKETS, nodes

__all__ = ["Entry", "Lists"]

Entry = tuple[str, Mapping[str, Any]]
"""The id that a row is about, and what else it says; an example's row stands under `_row`."""

Params = Mapping[str, str]

_FIRST_RANKING: Final = date(2021, 1, 1)
_KINDS: Final = {
    "influencer": "user_id",
    "product": "product_id",
    "seller": "seller_id",
    "video": "video_id",
    "live": "room_id",
}
_TEXTS: Final = {
    "user_id": ("nick_name", "unique_id"),
    "product_id": ("product_name", "category_name"),
    "seller_id": ("seller_name",),
    "video_id": ("video_desc",),
    "room_id": ("title",),
}
_LISTED: Final = 400
"""How many creators of each market are in the lists of a region."""
_LOOKED_AT: Final = 200
"""How many creators of a product are looked at for its videos and live streams."""


class Lists:
    """What stands in which list; the order is that of a request that does not sort.

    Args:
        entities: what there is.
        seed: other seeds have other rankings and other days without a row.
    """

    def __init__(self, entities: Entities, seed: int) -> None:
        self._entities = entities
        self._seed = seed
        self._market = lru_cache(None)(self._make_market)
        self._of_region = lru_cache(64)(self._make_of_region)
        self.products_of_user = lru_cache(4096)(self._make_products_of_user)
        self._videos_of_product = lru_cache(256)(self._make_videos_of_product)
        self._makers: Mapping[str, Callable[[Operation, Params, date], Sequence[Entry]]] = {
            "sk": self._found,
            "date": self._ranking,
            "dt": self._days,
            "language": self._categories,
        }
        self._related: Mapping[tuple[str, str], Callable[[str], Iterable[str]]] = {
            **{("region", one): functools.partial(self._of_region, one) for one in _KINDS.values()},
            ("product_id", "user_id"): self.creators_of_product,
            ("product_id", "video_id"): self._videos_of_product,
            ("product_id", "room_id"): self._rooms_of_product,
            ("product_id", "review_id"): self._reviews_of_product,
            ("seller_id", "product_id"): self.products_of_shop,
            ("seller_id", "user_id"): lambda one: self._of_shop(one, self.creators_of_product),
            ("seller_id", "video_id"): lambda one: self._of_shop(one, self._videos_of_product),
            ("seller_id", "room_id"): lambda one: self._of_shop(one, self._rooms_of_product),
            ("user_id", "product_id"): self.products_of_user,
            ("user_id", "video_id"): functools.partial(self.media_of_user, "video_id"),
            ("user_id", "room_id"): functools.partial(self.media_of_user, "room_id"),
        }

    def entries(self, operation: Operation, params: Params, today: date) -> Sequence[Entry]:
        """What the answer lists: what the documentation shows of it comes first."""
        for marker, make in self._makers.items():
            if marker in operation.key or marker in operation.row_key:
                return make(operation, params, today)
        name = next(name for name in operation.key if name in params)
        ids = list(dict.fromkeys(params[name].split(",")))
        if "unique_id" in name:
            ids, name = self._users(name, ids), "user_id"
        if singular(name) == operation.subject:
            is_detail = operation.row_key == [operation.subject]
            return (self._details if is_detail else self._products_in_videos)(operation, ids)
        related = self._related[name, operation.subject](ids[0])
        context = {} if name == "region" else {name: ids[0]}
        return self._with_examples(operation, {name: ids[0]}, related, context)

    # What leads from one thing to the next

    def creators_of_product(self, product_id: str) -> Iterator[str]:
        """The creators who promote a product: they stand in a row, in its market."""
        facts = self._entities.facts("product_id", product_id)
        market, _ = self._entities.products.place_of(product_id)
        for step in range(facts["total_ifl_cnt"]):
            yield self._entities.users.id_of(market, (facts["_start"] + step) % CREATORS)

    def _make_products_of_user(self, user_id: str) -> Sequence[str]:
        """The products that a creator promotes: all whose creators he is one of."""
        market, position = self._entities.users.place_of(user_id)
        return [
            product_id
            for product_id, _, start, count in self._market(market)
            if (position - start) % CREATORS < count
        ]

    def products_in(self, video_id: str) -> Sequence[str]:
        """The products that a video shows, of those that its creator promotes."""
        facts = self._entities.facts("video_id", video_id)
        return self._shown(self.products_of_user(facts["user_id"]), facts["_serial"])

    def products_of_shop(self, seller_id: str) -> Sequence[str]:
        """The products of a shop."""
        pool = self._entities.sellers
        market, position = pool.place_of(seller_id)
        seller_id = pool.id_of(market, position)
        return [product_id for product_id, one, _, _ in self._market(market) if one == seller_id]

    def media_of_user(self, field: str, user_id: str) -> Iterator[str]:
        """A creator's videos or live streams, latest first."""
        name = "total_post_video_cnt" if field == "video_id" else "total_live_cnt"
        count = self._entities.facts("user_id", user_id)[name]
        place = self._entities.users.place_of(user_id)
        for serial in range(count):
            yield self._entities.media_id(field, *place, serial, count)

    def _make_market(self, market: int) -> Sequence[tuple[str, str, int, int]]:
        """The products of a market: id, seller, its first creator's position, how many."""
        products = (self._entities.products.id_of(market, place) for place in range(PRODUCTS))
        listed = [(one, self._entities.facts("product_id", one)) for one in products]
        return [(one, f["seller_id"], f["_start"], f["total_ifl_cnt"]) for one, f in listed]

    @staticmethod
    def _shown(products: Sequence[str], serial: int) -> Sequence[str]:
        if not products or serial % 3 == 2:
            return []
        shown = range(serial, serial + 1 + (serial % 5 == 0))
        return list(dict.fromkeys(products[place % len(products)] for place in shown))

    def _make_videos_of_product(self, product_id: str) -> Sequence[str]:
        pool = self._entities.products
        ours = pool.id_of(*pool.place_of(product_id))
        return [
            video_id
            for user_id in itertools.islice(self.creators_of_product(ours), _LOOKED_AT)
            for serial, video_id in enumerate(
                itertools.islice(self.media_of_user("video_id", user_id), 60)
            )
            if ours in self._shown(self.products_of_user(user_id), serial)
        ]

    def _rooms_of_product(self, product_id: str) -> Iterator[str]:
        for user_id in itertools.islice(self.creators_of_product(product_id), _LOOKED_AT):
            for room_id in itertools.islice(self.media_of_user("room_id", user_id), 20):
                if zlib.crc32(f"{product_id}{room_id}".encode()) % 4 == 0:
                    yield room_id

    def _reviews_of_product(self, product_id: str) -> Iterator[str]:
        count = self._entities.facts("product_id", product_id)["review_count"]
        for serial in range(count):
            low = zlib.crc32(f"{product_id}:{serial}".encode())
            yield str(1_740_000_000 - 9_973 * serial << 32 | low)

    def _of_shop(self, seller_id: str, related: Callable[[str], Iterable[str]]) -> Iterable[str]:
        products = self.products_of_shop(seller_id)[:5]
        ids = itertools.chain.from_iterable(map(related, products))
        return itertools.islice(dict.fromkeys(ids), MOST)

    # What is asked for by other means than an id

    def _make_of_region(self, subject: str, region: str) -> Sequence[str]:
        return list(self._walk(subject, region))

    def _walk(self, subject: str, region: str) -> Iterator[str]:
        entities = self._entities
        pools = {
            "user_id": (entities.users, _LISTED),
            "product_id": (entities.products, PRODUCTS),
            "seller_id": (entities.sellers, SELLERS),
        }
        markets = [market for market, one in enumerate(MARKETS) if one == region]
        pool, count = pools.get(subject, pools["user_id"])
        for position, market in itertools.product(range(count), markets):
            one = pool.id_of(market, position)
            if subject in pools:
                yield one
            else:
                yield from itertools.islice(self.media_of_user(subject, one), 2)

    def _ranking(self, operation: Operation, params: Params, today: date) -> Sequence[Entry]:
        day = date.fromisoformat(params["date"])
        period = operation.value(params, "rank_type")
        begins = {"day": True, "week": day.weekday() == 0, "month": day.day == 1}
        last = {"day": day, "week": day + timedelta(6), "month": _month_end(day)}
        if not (period and begins[period] and day >= _FIRST_RANKING and last[period] < today):
            return []
        ids = self._of_region(operation.subject, params["region"])
        rng = Random(f"{self._seed}{operation.path}{day}{period}{params['region']}")
        ranked = rng.sample(ids, min(len(ids), rng.randint(100, 150)))
        context = {"_date": params["date"], "_days": (last[period] - day).days + 1}
        return self._with_examples(operation, {"region": params["region"]}, ranked, context)

    def _days(self, operation: Operation, params: Params, today: date) -> Sequence[Entry]:
        first = max(date.fromisoformat(params["start_date"]), today - timedelta(operation.max_days))
        last = min(date.fromisoformat(params["end_date"]), today - timedelta(1))
        one = params[operation.key[0]]
        days = (first + timedelta(days) for days in range((last - first).days + 1))
        return [
            (one, {"dt": day, "_before": self._day_before(one, day)})
            for day in days
            if self._has_row(one, day)
        ]

    def _has_row(self, one: str, day: date) -> bool:
        return chance(self._seed, one, day) >= 0.15

    def _day_before(self, one: str, day: date) -> date:
        """The day of the row before: what has no row did not change."""
        before = day - timedelta(1)
        while not self._has_row(one, before):
            before -= timedelta(1)
        return before

    def _categories(self, operation: Operation, params: Params, _: date) -> Sequence[Entry]:
        wanted = {"primary": 1, "secondary": 2, "tertiary": 3}[operation.path.split("/")[-2]]
        facts = [
            {
                "_id": one,
                "category_id": one,
                "category_level": level,
                "category_name": name,
                "parent_id": parent,
                "language": params["language"],
            }
            for one, name, level, parent in nodes()
            if level == wanted and params.get("parent_id", parent) == parent
        ]
        shown = self._examples(operation, params)
        known = {row["category_id"] for row in shown}
        return [
            *((row["category_id"], {"_row": row}) for row in shown),
            *((str(one["_id"]), one) for one in facts if one["_id"] not in known),
        ]

    @staticmethod
    def searched(operation: Operation, params: Params) -> str:
        """The id of what a search is for."""
        return _KINDS[operation.value(params, "type") or ""]

    def _found(self, operation: Operation, params: Params, _: date) -> Sequence[Entry]:
        subject = self.searched(operation, params)
        context = {"_subject": subject, "_type": int(params["type"])}
        precise = operation.value(params, "searchType") == "precise"
        wanted = params["sk"].casefold()

        def matches(facts: Mapping[str, Any]) -> bool:
            texts = [str(facts.get(name, "")).casefold() for name in _TEXTS[subject]]
            return wanted in (texts if precise else " ".join(texts))

        regions = [params["region"]] if "region" in params else dict.fromkeys(MARKETS)
        ids = itertools.chain.from_iterable(self._of_region(subject, one) for one in regions)
        shown = [
            row
            for row in self._examples(operation, params)
            if subject in row and matches(row) and row["region"] in regions
        ]
        known = {row[subject] for row in shown}
        return [
            *((str(row[subject]), {"_row": row}) for row in shown),
            *(
                (one, context)
                for one in itertools.islice(ids, 2000)
                if one not in known and matches(self._entities.facts(subject, one))
            ),
        ]

    # Details and examples

    def _users(self, name: str, handles: Sequence[str]) -> list[str]:
        found = [self._entities.user_of(handle) for handle in handles]
        if name == "unique_id" and None in found:
            raise RefusedError(200, 400, "unique_id is invalid")
        return list(dict.fromkeys(one for one in found if one is not None))

    def _details(self, operation: Operation, ids: Sequence[str]) -> Sequence[Entry]:
        subject = operation.subject
        shown = {row[subject]: row for row in examples()[operation.path]["rows"]}
        return [
            (one, {"_row": shown[one]} if one in shown else {})
            for one in ids
            if self._entities.is_known(subject, one)
        ]

    def _products_in_videos(self, operation: Operation, ids: Sequence[str]) -> Sequence[Entry]:
        entries: list[Entry] = []
        for video_id in ids:
            shown = self._examples(operation, {"video_id": video_id})
            known = {row["product_id"] for row in shown}
            entries += [(video_id, {"_row": row}) for row in shown]
            entries += [
                (video_id, {"product_id": product_id})
                for product_id in self.products_in(video_id)
                if product_id not in known
            ]
        return entries

    def _with_examples(
        self,
        operation: Operation,
        params: Params,
        ids: Iterable[str],
        context: Mapping[str, Any],
    ) -> Sequence[Entry]:
        shown = self._examples(operation, params)
        known = {row[operation.subject] for row in shown}
        return [
            *((str(row[operation.subject]), {"_row": row}) for row in shown),
            *((one, context) for one in ids if one not in known),
        ]

    @staticmethod
    def _examples(operation: Operation, params: Params) -> Sequence[Mapping[str, Any]]:
        """The rows that the documentation shows, as far as they answer that question."""
        keys = {singular(name) for name in operation.key}
        wanted = {name: params[name] for name in params if name in keys}
        rows: Sequence[Mapping[str, Any]] = examples()[operation.path]["rows"]
        return [
            row
            for row in rows
            if all(row[name] == value for name, value in wanted.items() if name in row)
        ]


def _month_end(day: date) -> date:
    return (day.replace(day=1) + timedelta(31)).replace(day=1) - timedelta(1)
