"""The kinds of stream, and the lists of the sandbox that are read with each."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import attrs

from keyapi_async import KeyAPI, PageLimit, Product, ProductCreator, RecordStream, Shop
from keyapi_async.sandbox import Service

Key = str | tuple[str, ...]
Rows = Sequence[Mapping[str, Any]]
CREATORS = "/v1/tiktok/product/creators/analytics"
PRODUCTS = "/v1/tiktok/product/detail/analytics"
SHOPS = "/v1/tiktok/shop/detail/analytics"
HASHTAGS = "/v1/tiktok/trending/hashtags"
SHORT, FAULTY, OTHER = "1729973449587838580", "1729687131622926179", "1729250063695775978"

_service = Service()


class Phase(StrEnum):
    """When a fault strikes."""

    FIRST = "the first page"
    MIDDLE = "a middle page"
    LAST = "the last page"
    AHEAD = "a page that nobody waits for yet"
    CANCELLED = "a page whose reader is cancelled"
    LEFT = "a page whose reader leaves"

    @property
    def cut(self) -> bool:
        """Whether the reader goes away while the page is under way."""
        return self in {Phase.CANCELLED, Phase.LEFT}


@attrs.frozen
class Call:
    """One call that a list takes: what it asks for, and the ids of the rows that come."""

    asks: Mapping[str, str]
    ids: Sequence[str]


@attrs.frozen(kw_only=True)
class Kind:
    """A kind of stream."""

    open: Callable[..., RecordStream[Any]]  # makes the stream of a key
    calls: Mapping[Any, Sequence[Call]]  # the lists by their keys, each as the calls that it takes
    faulty: Key  # of the list that goes wrong
    record: type  # what its rows become
    identity: str  # the field that tells a row from others
    told_by: str  # the field of a row that tells its list
    price: int = 1  # credits of a call

    @property
    def paged(self) -> bool:
        """Whether a list ends where a call brings nothing."""
        return any("page" in name for call in self.calls[self.faulty] for name in call.asks)

    def struck(self, phase: Phase) -> Call:
        """Give the call that goes wrong."""
        calls = self.calls[self.faulty]
        places = {Phase.FIRST: 0, Phase.LAST: len(calls) - 1}
        return calls[places.get(phase, (len(calls) - 1) // 2)]

    def bought(self, key: Key, empty: Call | None = None) -> list[Call]:
        """List the calls that a list takes, where one of them may bring nothing."""
        calls = list(self.calls[key])
        if empty in calls:
            place = calls.index(empty)
            calls[place:] = [Call(empty.asks, ()), *([] if self.paged else calls[place + 1 :])]
        return calls

    def wanted(self, key: Key, empty: Call | None = None) -> list[str]:
        """List the ids of the rows of a list, where a call may bring nothing."""
        return [one for call in self.bought(key, empty) for one in call.ids]

    def id_of(self, row: Any) -> str:
        """Tell which row it is."""
        return str(_value(row, self.identity))

    def key_of(self, row: Any) -> Key:
        """Tell which list it is of."""
        told = str(_value(row, self.told_by))
        found: Key = next(key for key in self.calls if told == key or told in self.wanted(key))
        return found


def _value(row: Any, name: str) -> object:
    return row[name] if isinstance(row, dict) else getattr(row, name)


def _pages(asks: Mapping[str, str], page: str, rows: Rows, identity: str) -> list[Call]:
    """List the calls of a list of pages: the last is not full."""
    ids = _ids(rows, identity)
    return [
        Call({**asks, page: f"{number}"}, ids[10 * number - 10 : 10 * number])
        for number in range(1, len(ids) // 10 + 2)
    ]


def _creators(key: str) -> list[Call]:
    asks = {"product_id": key}
    return _pages(asks, "page_num", _service.rows(CREATORS, **asks), "user_id")


def _products(key: tuple[str, ...]) -> list[Call]:
    groups = [",".join(key[place : place + 10]) for place in range(0, len(key), 10)]
    return [_single(PRODUCTS, "product_id", product_ids=ids) for ids in groups]


def _single(path: str, identity: str, **asks: str) -> Call:
    return Call(asks, _ids(_service.rows(path, **asks), identity))


def _ids(rows: Rows, identity: str) -> list[str]:
    return [str(row[identity]) for row in rows]


def _trending(api: KeyAPI, _: Key, **paging: Any) -> RecordStream[Any]:
    return api.iter_records(HASHTAGS, rows="data.list", pages=PageLimit(), **paging)


_IDS = _service.product_ids(45)
_GROUPS = (tuple(_IDS[:10]), tuple(_IDS[10:20]), tuple(_IDS[20:]))
_SELLERS = _service.seller_ids(3)
_LISTS = {key: _creators(key) for key in (SHORT, FAULTY, OTHER)}

LIST = Kind(
    open=lambda api, key, **paging: api.tiktok.product.iter_creators(key, **paging),
    calls=_LISTS, faulty=FAULTY, record=ProductCreator, identity="user_id", told_by="product_id",
)  # fmt: skip
KINDS: Mapping[str, Kind] = {
    "list": LIST,
    "any path": attrs.evolve(
        LIST,
        open=lambda api, key, **paging: api.iter_records(CREATORS, {"product_id": key}, **paging),
        record=dict,
    ),
    "single calls": Kind(
        open=lambda api, key, **paging: api.tiktok.shop.iter_detail(key, **paging),
        calls={key: [_single(SHOPS, "seller_id", seller_id=key)] for key in _SELLERS},
        faulty=_SELLERS[1], record=Shop, identity="seller_id", told_by="seller_id",
    ),
    "ids in tens": Kind(
        open=lambda api, key, **paging: api.tiktok.product.iter_detail(key, **paging),
        calls={key: _products(key) for key in _GROUPS},
        faulty=_GROUPS[2], record=Product, identity="product_id", told_by="product_id",
    ),
    "page and limit": Kind(
        open=_trending,
        calls={"": _pages({}, "page", _service.rows(HASHTAGS), "hashtag_id")},
        faulty="", record=dict, identity="hashtag_id", told_by="hashtag_id", price=2,
    ),
}  # fmt: skip
