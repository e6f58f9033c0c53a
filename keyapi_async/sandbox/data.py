"""The data: the ids that lead from one endpoint to the next, and what is known of each.

`facts.json` holds what needs no program: values to pick from, by language where that matters, with
other facts in braces; and counts and prices, each with its median, its spread, and the others that
it is a multiple of.
"""

import math
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache, lru_cache, partial
from itertools import chain, islice
from operator import itemgetter
from statistics import NormalDist
from typing import Any, Final

from keyapi_async.sandbox.specification import examples, operations, read

TABLES: Final = read("facts.json")
SNAPSHOT: Final = date(2025, 11, 1)
"""The day of the totals; nothing made up is younger."""
NOW: Final = int(datetime(2025, 11, 1, tzinfo=UTC).timestamp())
_bell: Final = NormalDist().inv_cdf
MARKETS: Final[Sequence[str]] = TABLES["markets"]
"""A region for each market: the larger ones have several."""

_WINDOW: Final = re.compile(r"_([0-9]+)d(?=_)|_history")
"""The days that a count is the sum of."""
_SERIAL_BITS: Final = 12
_EARLIEST: Final = 1_472_688_000
_MOST: Final = 4000
"""The longest list of one creator or product."""
_FEWEST: Final = 320
"""The lists of what the documentation shows have at least so many rows."""
_LENGTHS: Final = {"total_ifl_cnt", "total_post_video_cnt", "total_live_cnt", "review_count"}
_COUNTED: Final = {
    "video_id": "total_post_video_cnt",
    "room_id": "total_live_cnt",
    "review_id": "review_count",
}
"""How many a creator or a product has."""
_OF_ALL: Final = {"region", "unique_id", "nick_name"}
"""What a row also says of a creator, product or shop that it is not about."""

Rule = Callable[[Any, float], Any]
"""Makes one fact of the others, by their names, and of a number between 0 and 1."""


def chance(text: str) -> float:
    """A number between 0 and 1, always the same for the same text."""
    mixed = zlib.crc32(text.encode()) * 0x9E3779B97F4A7C15
    return (mixed >> 12 & (1 << 52) - 1 | 1) / (1 << 52)


@cache
def _known() -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """The categories, and what the examples say of each id: what a source shows before the rest."""
    known = {("category_id", one["category_id"]): {**one} for one in TABLES["categories"]}
    rows = [
        (at >= one["shown"], operations()[path], row)
        for path, one in examples().items()
        for at, row in enumerate(one["rows"])
    ]
    for _, operation, row in sorted(rows, key=itemgetter(0)):
        subject = operation.subject or "user_id"
        for kind in {subject, *TABLES["ids"]} & {name for name in row if row[name]}:
            facts = known.setdefault((kind, row[kind]), {})
            for name, value in row.items():
                is_fact = operation.properties[name]["x-kind"] in {"id", "text", "moment"}
                if name in _OF_ALL or (kind == subject and is_fact):
                    facts.setdefault(name, int(value) if name == "create_time" else value)
    return known


class Ids(list[str]):
    """The ids of one kind, market by market in turn; those of the examples among the first."""

    def __init__(self, kind: str) -> None:
        base, modulus, in_market = TABLES["ids"][kind]
        places = range(1, in_market * len(MARKETS) + 1)
        super().__init__(str(base + 618_033_988_749_895 * at % modulus) for at in places)
        self.given: list[str] = [one for field, one in _known() if field == kind]
        for at, one in enumerate(self.given):
            market = MARKETS.index(_known()[kind, one].get("region") or "US")
            self[at * len(MARKETS) + market] = one
        self._places = {one: place for place, one in enumerate(self)}

    def place(self, one: str) -> int:
        """The place of an id; for an unknown one, that of another."""
        return self._places.get(one, zlib.crc32(one.encode()) % len(self))

    def at(self, place: int) -> str:
        """The id at a place; after the last comes the first."""
        return self[place % len(self)]

    def walk(self) -> Iterator[str]:
        """All ids, those of the examples first, the others from all markets."""
        others = (self[at * 7919 % len(self)] for at in range(len(self)))
        return iter(dict.fromkeys(chain(self.given, others)))


ids_of: Final = cache(Ids)


class Facts(dict[str, Any]):
    """What is known of one id, by the names of the API: made when asked for, by the rules."""

    __slots__ = ("id", "is_known", "kind", "seed")

    def __init__(self, kind: str, one: str, seed: int) -> None:
        known = _known().get((kind, one))
        super().__init__(known or {})
        self[kind] = one
        self.kind: str = kind
        self.id: str = one
        self.seed: int = seed
        self.is_known: bool = known is not None

    def __missing__(self, name: str) -> Any:
        if (rule := RULES[self.kind].get(name)) is not None:
            value = rule(self, self.luck(name))
        elif (count := _sold(name)) != name:
            value = self[count] * self["spu_avg_price"]
        elif window := _WINDOW.search(name):
            value = self[name.replace(window[0], "")]
            if name.startswith("total_") and window[1]:
                value = int(value * (1 - math.exp(self["_rate"] * -int(window[1]))))
        else:
            value = 0 if name.startswith("total_") else None
        if name in _LENGTHS:
            value = min(_MOST, value + _FEWEST * self.is_known)
        self[name] = value
        return value

    def luck(self, name: str) -> float:
        """A number between 0 and 1, for that name."""
        return chance(f"{self.seed}:{self.id}:{name}")

    def on(self, name: str, day: date, since: date, *, is_sum: bool) -> float:
        """A total as it stood on a day, or, where a name without days is a sum, what was added."""
        if (count := _sold(name)) != name:
            price: float = self["spu_avg_price"]
            return self.on(count, day, since, is_sum=is_sum) * price
        total = _WINDOW.sub("", name)
        rate = self["_drift" if "followers" in name else "_rate"]
        growth = [rate * ((at - SNAPSHOT).days + 0.9 * self.luck(str(at))) for at in (day, since)]
        now, then = (int(self[total] * (math.exp(g) if g < 0 else 1 + g)) for g in growth)
        return now - then if is_sum == (total == name) else now

    def related(self, wanted: str) -> Iterable[str]:
        """The ids of another kind that this one leads to."""
        match self.kind, wanted:
            case _, "product_id":
                products: Iterable[str] = self["_products"]
                return products
            case ("user_id", _) | (_, "review_id"):
                return self._posted(wanted)
            case "product_id", "user_id":
                return self._creators()
            case "product_id", _:
                return self._shown_in(wanted)
        facts = (facts_of("product_id", one, self.seed) for one in self["_products"][:5])
        return islice(dict.fromkeys(chain(*(one.related(wanted) for one in facts))), _MOST)

    def _creators(self) -> Iterator[str]:
        """The creators who promote a product: they stand in a row, in its market."""
        users = ids_of("user_id")
        for step in range(self["total_ifl_cnt"]):
            yield users.at(self["_first"] + step * len(MARKETS))

    def _posted(self, kind: str) -> Iterator[str]:
        """A creator's videos or streams, or a product's reviews: an id is a time, whose, which."""
        count = self[_COUNTED[kind]]
        for serial in range(count):
            code = self["_place"] << _SERIAL_BITS | serial
            late = (serial + (code * 40_503 % 1009) / 1009) / count
            seconds = NOW - 1 - int(900 * 86_400 * late**1.5)
            yield str(seconds << 32 | code << 1 | (kind == "room_id"))

    def _shown_in(self, kind: str) -> Iterator[str]:
        """The videos or live streams of a product's first 200 creators that show it."""
        for user_id in islice(self._creators(), 200):
            user = facts_of("user_id", user_id, self.seed)
            for serial, one in enumerate(islice(user.related(kind), 60)):
                if self.id in _shown(user["_products"], serial):
                    yield one


facts_of: Final = lru_cache(8192)(Facts)


@cache
def _sold(amount: str) -> str:
    """The count whose price an amount is."""
    return re.sub("(sale_)?gmv(.*)_amt", r"sale\2_cnt", amount)


def user_of(unique_id: str, seed: int) -> str | None:
    """The user id of a handle; `None` if it is unknown."""
    for one in (*ids_of("user_id").given, unique_id.rpartition("_")[2]):
        if one.isdecimal() and facts_of("user_id", one, seed)["unique_id"] == unique_id:
            return one
    return None


@lru_cache(64)
def in_region(kind: str, region: str | None, seed: int) -> Sequence[str]:
    """The first 400 of each market of a region, or of all; of videos, two of each creator."""
    listed = ids_of("user_id" if kind in _COUNTED else kind)[: 400 * len(MARKETS)]
    found = [one for at, one in enumerate(listed) if region in {None, MARKETS[at % len(MARKETS)]}]
    if kind not in _COUNTED:
        return found
    media = (islice(facts_of("user_id", one, seed).related(kind), 2) for one in found)
    return [*chain.from_iterable(media)]


@cache
def _products_in(market: int, seed: int) -> Sequence[Facts]:
    ids = ids_of("product_id")[market :: len(MARKETS)]
    return [facts_of("product_id", one, seed) for one in ids]


def _of_user(f: Facts, _: float) -> Sequence[str]:
    """The products that a creator promotes: all whose creators he is one of."""
    place, size = f["_place"], len(ids_of("user_id"))
    return [
        one.id
        for one in _products_in(place % len(MARKETS), f.seed)
        if (place - one["_first"]) % size < one["total_ifl_cnt"] * len(MARKETS)
    ]


def _of_shop(f: Facts, _: float) -> Sequence[str]:
    ours = ids_of("seller_id")[f["_place"]]
    products = _products_in(f["_place"] % len(MARKETS), f.seed)
    return [one.id for one in products if one["seller_id"] == ours]


def _shown(products: Sequence[str], serial: int) -> Sequence[str]:
    """One, two, or none of a creator's products, for the video of that number."""
    places = [serial, serial + (serial % 5 == 0)] if products and serial % 3 != 2 else []
    return [*dict.fromkeys(products[place % len(products)] for place in places)]


def _path(_: Facts, luck: float) -> Sequence[Mapping[str, Any]]:
    """A category of the third level and those above it, the first level first."""
    lowest = [one for one in TABLES["categories"] if one["category_level"] == 3]
    third = lowest[int(luck * len(lowest))]
    second = _known()["category_id", third["parent_id"]]
    return _known()["category_id", second["parent_id"]], second, third


def _of_tables(kind: str) -> Mapping[str, Rule]:
    """The rules that need no more than the tables, for a kind of id."""
    values, counts = (TABLES[name].get(kind, {}) for name in ("values", "counts"))
    in_cents = partial(round, ndigits=2)
    return {
        "_rate": lambda _, luck: 1 / (60 + 2000 * luck**2),  # the share that a total gains a day
        "_drift": lambda f, luck: f["_rate"] * (1.2 * luck - 0.2),  # followers may leave, too
        "_has_detail": lambda f, luck: f.is_known or luck >= 0.03,
        "language": lambda f, _: TABLES["languages"][f["region"]],
        **{name: _pick(some) for name, some in values.items()},
        **{name: _number(int, *one) for name, one in counts.items()},
        **{name: _number(in_cents, *one) for name, one in TABLES["prices"].items()},
    }


def _number(form: Callable[[float], float], median: float, spread: float, *of: str) -> Rule:
    """A number with a long tail: around so much, or around so many times the others."""

    def rule(facts: Any, luck: float) -> float:
        base: float = math.prod(facts[name] for name in of)
        return form(base * median * math.exp(spread * _bell(luck)))

    return rule


def _pick(values: Sequence[Any] | Mapping[str, Sequence[Any]]) -> Rule:
    def rule(facts: Any, luck: float) -> Any:
        some = values[facts["language"]] if isinstance(values, Mapping) else values
        value = some[int(luck * len(some))]
        return value.format_map(facts) if isinstance(value, str) and "{" in value else value

    return rule


_SELLING: Final[Mapping[str, Rule]] = {
    "_place": lambda f, _: ids_of(f.kind).place(f.id),
    "_path": _path,
    "region": lambda f, _: MARKETS[f["_place"] % len(MARKETS)],
    "total_live_sale_cnt": lambda f, luck: int(luck**2 * f["total_sale_cnt"]),
    "total_video_sale_cnt": lambda f, _: f["total_sale_cnt"] - f["total_live_sale_cnt"],
    "total_product_cnt": lambda f, _: len(f["_products"]),
}
_SHOWING: Final[Mapping[str, Rule]] = {
    "_bits": lambda f, _: int(f.id[-19:]),
    "_code": lambda f, _: (f["_bits"] & 0xFFFFFFFF) >> 1,
    "_owner": lambda f, _: facts_of("user_id", f["user_id"], f.seed),
    "_owner_views": lambda f, _: f["_owner"]["per_views_avg_cnt"],
    "_products": lambda f, _: _shown(f["_owner"]["_products"], f["_code"] % (1 << _SERIAL_BITS)),
    "user_id": lambda f, _: ids_of("user_id").at(f["_code"] >> _SERIAL_BITS),
    "create_time": lambda f, _: _EARLIEST + ((f["_bits"] >> 32) - _EARLIEST) % (NOW - _EARLIEST),
    "finish_time": lambda f, _: f["create_time"] + f["duration"],
    "video_products": lambda f, _: f"[{','.join(f['_products'])}]",
}
RULES: Final[Mapping[str, Mapping[str, Rule]]] = {
    kind: {**_of_tables(kind), **more}
    for kind, more in {
        "user_id": {**_SELLING, "_products": _of_user, "_second": _path},
        "product_id": {
            **_SELLING,
            "_first": lambda f, luck: f["_place"] + len(MARKETS) * int(4001 * luck),
            "seller_id": lambda f, luck: ids_of("seller_id")[
                f["_place"] % len(MARKETS) + len(MARKETS) * int(60 * luck**3)
            ],
        },
        "seller_id": {
            **_SELLING,
            "_products": _of_shop,
            "user_id": lambda f, _: ids_of("user_id")[f["_place"]],
        },
        "video_id": _SHOWING,
        "room_id": _SHOWING,
        "review_id": {"review_timestamp": lambda f, _: 1000 * (int(f.id) >> 32) + 410},
        "category_id": {},
    }.items()
}
"""How the facts of each kind of id are made, by the names of the API; `_` stands before others."""
