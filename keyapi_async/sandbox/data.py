"""The ids that lead from one endpoint to the next, what is known of each, and what leads where."""

import itertools
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from typing import Any, Final

from keyapi_async.sandbox.specification import examples, operations, read

__all__ = ["IN_MARKET", "MARKETS", "NOW", "SNAPSHOT", "Data", "Facts", "Rule", "chance"]

MARKETS: Final[Sequence[str]] = read("facts.json")["markets"]
"""A region for each market: the larger ones have several."""
IN_MARKET: Final = {"user_id": 4001, "product_id": 400, "seller_id": 60}
"""How many there are in each market."""
SNAPSHOT: Final = date(2025, 11, 1)
"""The day of the totals; nothing made up is younger."""
NOW: Final = int(datetime(2025, 11, 1, tzinfo=UTC).timestamp())

_FACTOR: Final = 618_033_988_749_895
_ODD: Final = 0x9E3779B1
_INVERSE: Final = pow(_ODD, -1, 1 << 32)
_SERIAL_BITS: Final = 12
_MOST: Final = 4000
"""The longest list of one creator or product."""
_FEWEST: Final = 320
"""The lists of what the documentation shows have at least so many rows."""
_LENGTHS: Final = {"total_ifl_cnt", "total_post_video_cnt", "total_live_cnt", "review_count"}
_COUNTED: Final = {"video_id": "total_post_video_cnt", "room_id": "total_live_cnt"}
_LISTED: Final = 400
"""How many creators of each market are in the lists of a region."""
_LOOKED_AT: Final = 200
"""How many creators of a product are looked at for its videos and live streams."""
_OF_OTHERS: Final = {"region", "unique_id", "nick_name"}
"""What a row also says of a creator, product or shop that it is not about."""


def chance(text: str) -> float:
    """A number between 0 and 1, always the same for the same text."""
    mixed = zlib.crc32(text.encode()) * 0x9E3779B97F4A7C15
    return (mixed >> 12 & (1 << 52) - 1 | 1) / (1 << 52)


@cache
def _known() -> Mapping[tuple[str, str], dict[str, Any]]:
    """What the examples say of each id; where they contradict each other, what a source shows."""
    known: dict[tuple[str, str], dict[str, Any]] = {}
    found = [(operations()[path], one["shown"], one["rows"]) for path, one in examples().items()]
    shown = [(operation, row) for operation, many, rows in found for row in rows[:many]]
    made_up = [(operation, row) for operation, many, rows in found for row in rows[many:]]
    for operation, row in shown + made_up:
        subject = operation.subject or "user_id"
        for kind in {subject, *IN_MARKET} & {name for name in row if row[name]}:
            facts = known.setdefault((kind, row[kind]), {})
            for name, value in row.items():
                says = operation.properties[name]["x-kind"] in {"id", "text", "moment"}
                if says if kind == subject else name in _OF_OTHERS:
                    facts.setdefault(name, int(value) if name == "create_time" else value)
    return known


class Ids(list[str]):
    """The ids of one kind, market by market in turn; those of the examples come first."""

    def __init__(self, kind: str, base: int, modulus: int) -> None:
        size = IN_MARKET[kind] * len(MARKETS)
        super().__init__(str(base + at * _FACTOR % modulus) for at in range(1, size + 1))
        self.given: list[str] = [one for field, one in _known() if field == kind]
        taken: set[int] = set()
        for one in self.given:
            market = MARKETS.index(_known()[kind, one].get("region") or "US")
            place = next(at for at in range(market, size, len(MARKETS)) if at not in taken)
            taken.add(place)
            self[place] = one
        self._places = {one: place for place, one in enumerate(self)}

    def place(self, one: str) -> int:
        """The place of an id; for an unknown one, that of another."""
        return self._places.get(one, zlib.crc32(one.encode()) % len(self))

    def walk(self) -> Iterator[str]:
        """All ids, those of the examples first, the others from all markets."""
        all_ids = (self[at * 7919 % len(self)] for at in range(len(self)))
        return itertools.chain(self.given, (one for one in all_ids if one not in self.given))


@cache
def _ids() -> Mapping[str, Ids]:
    return {
        "user_id": Ids("user_id", 6_500 * 10**15, 10**18 - 11),
        "product_id": Ids("product_id", 1_729 * 10**15, 10**15 - 11),
        "seller_id": Ids("seller_id", 7_494 * 10**15, 10**15 - 11),
    }


class Facts(dict[str, Any]):
    """What is known of one id, by the names of the API: made when asked for, by the rules."""

    __slots__ = ("data", "id", "kind", "least")

    def __init__(self, kind: str, one: str, data: "Data") -> None:
        known = _known().get((kind, one))
        super().__init__(known or {})
        self[kind] = one
        self.kind: str = kind
        self.id: str = one
        self.data: Data = data
        self.least: int = 0 if known is None else _FEWEST

    def __missing__(self, name: str) -> Any:
        value = self.data.rules[self.kind][name](self, self.luck(name))
        self[name] = min(_MOST, value + self.least) if name in _LENGTHS else value
        return self[name]

    def luck(self, name: str) -> float:
        """A number between 0 and 1, for that name."""
        return chance(f"{self.data.seed}:{self.id}:{name}")


Rule = Callable[[Facts, float], Any]
"""Makes one fact of the others and of a number between 0 and 1."""


class Data:
    """All that there is, by the seed: any id of digits has facts, made by the rules of its kind."""

    def __init__(self, seed: int, rules: Mapping[str, Mapping[str, Rule]]) -> None:
        self.seed: int = seed
        self.rules: Mapping[str, Mapping[str, Rule]] = rules
        self.ids: Mapping[str, Ids] = _ids()
        self.facts: Callable[[str, str], Facts] = lru_cache(8192)(
            lambda kind, one: Facts(kind, one, self)
        )
        self.products_of_user: Callable[[str], Sequence[str]] = lru_cache(4096)(self._of_user)
        self.of_region: Callable[[str, str], Sequence[str]] = lru_cache(64)(self._in_region)
        self._market: Callable[[int], Sequence[Facts]] = cache(self._products_of_market)

        self._leads: Mapping[tuple[str, str], Callable[[str], Iterable[str]]] = {
            ("product_id", "user_id"): self._creators,
            ("product_id", "review_id"): self._reviews,
            ("seller_id", "product_id"): self.products_of_shop,
            ("user_id", "product_id"): self.products_of_user,
        }

    def is_collected(self, kind: str, one: str) -> bool:
        """Whether there is a detail: three ids in a hundred have none."""
        return (kind, one) in _known() or chance(f"{self.seed} collected {one}") >= 0.03

    def user_of(self, unique_id: str) -> str | None:
        """The user id of a handle; `None` if it is unknown."""
        given = (one for (kind, one) in _known() if kind == "user_id")
        for one in (*given, unique_id.rpartition("_")[2]):
            if one.isdecimal() and self.facts("user_id", one)["unique_id"] == unique_id:
                return one
        return None

    def related(self, name: str, one: str, wanted: str) -> Iterable[str]:
        """The ids of a kind that an id of another kind leads to, or a region."""
        if name == "region":
            return self.of_region(wanted, one)
        if (name, wanted) in self._leads:
            return self._leads[name, wanted](one)
        if name == "user_id":
            return self.media_of_user(wanted, one)
        if name == "product_id":
            return self._media_of_product(wanted, one)
        products = self.products_of_shop(one)[:5]
        each = (self.related("product_id", product, wanted) for product in products)
        return itertools.islice(dict.fromkeys(itertools.chain(*each)), _MOST)

    def products_of_shop(self, seller_id: str) -> Sequence[str]:
        """The products of a shop."""
        place = self.ids["seller_id"].place(seller_id)
        seller_id = self.ids["seller_id"][place]
        products = self._market(place % len(MARKETS))
        return [one.id for one in products if one["seller_id"] == seller_id]

    def products_in(self, media: Facts) -> Sequence[str]:
        """The products that a video or stream shows, of those that its creator promotes."""
        products = self.products_of_user(media["user_id"])
        return [products[place] for place in _shown(media["_serial"], len(products))]

    def media_of_user(self, kind: str, user_id: str) -> Iterator[str]:
        """A creator's videos or live streams, the latest first."""
        count = self.facts("user_id", user_id)[_COUNTED[kind]]
        return (self._media(kind, user_id, serial, count) for serial in range(count))

    def owner(self, media_id: str) -> tuple[str, int]:
        """The creator of a video or stream, and its number there."""
        code = int(media_id[-19:]) * _INVERSE & 0xFFFFFFFF
        place, serial = divmod(code >> 1, 1 << _SERIAL_BITS)
        return self.ids["user_id"][place % len(self.ids["user_id"])], serial

    def _products_of_market(self, market: int) -> Sequence[Facts]:
        return [
            self.facts("product_id", one) for one in self.ids["product_id"][market :: len(MARKETS)]
        ]

    def _creators(self, product_id: str) -> Iterator[str]:
        """The creators who promote a product: they stand in a row, in its market."""
        facts, users = self.facts("product_id", product_id), self.ids["user_id"]
        for step in range(facts["total_ifl_cnt"]):
            yield users[(facts["_first"] + step * len(MARKETS)) % len(users)]

    def _of_user(self, user_id: str) -> Sequence[str]:
        """The products that a creator promotes: all whose creators he is one of."""
        place, size = self.ids["user_id"].place(user_id), len(self.ids["user_id"])
        return [
            one.id
            for one in self._market(place % len(MARKETS))
            if (place - one["_first"]) % size < one["total_ifl_cnt"] * len(MARKETS)
        ]

    def _media_of_product(self, kind: str, product_id: str) -> Iterator[str]:
        ours = self.ids["product_id"][self.ids["product_id"].place(product_id)]
        for user_id in itertools.islice(self._creators(ours), _LOOKED_AT):
            count = self.facts("user_id", user_id)[_COUNTED[kind]]
            products = self.products_of_user(user_id)
            place = products.index(ours)
            for serial in range(min(60, count)):
                if place in _shown(serial, len(products)):
                    yield self._media(kind, user_id, serial, count)

    def _media(self, kind: str, user_id: str, serial: int, count: int) -> str:
        """The id of a video or stream: its time, whose it is, and which of his."""
        code = self.ids["user_id"].place(user_id) << _SERIAL_BITS | serial
        late = (serial + (code * 40_503 % 1009) / 1009) / count
        seconds = NOW - 1 - int(900 * 86_400 * late**1.5)
        return str(seconds << 32 | ((code << 1 | (kind == "room_id")) * _ODD & 0xFFFFFFFF))

    def _reviews(self, product_id: str) -> Iterator[str]:
        for serial in range(self.facts("product_id", product_id)["review_count"]):
            low = zlib.crc32(f"{product_id}:{serial}".encode())
            yield str(1_740_000_000 - 9_973 * serial << 32 | low)

    def _in_region(self, kind: str, region: str) -> Sequence[str]:
        """What the lists of a region hold: for videos and streams, two of each creator."""
        source = kind if kind in self.ids else "user_id"
        listed = self.ids[source][: _LISTED * len(MARKETS)]
        found = [one for at, one in enumerate(listed) if MARKETS[at % len(MARKETS)] == region]
        if source == kind:
            return found
        media = (itertools.islice(self.media_of_user(kind, one), 2) for one in found)
        return list(itertools.chain.from_iterable(media))


def _shown(serial: int, count: int) -> Sequence[int]:
    """Which of so many products stand in the video of that number: one, two, or none."""
    if not count or serial % 3 == 2:
        return ()
    return sorted({serial % count, (serial + (serial % 5 == 0)) % count})
