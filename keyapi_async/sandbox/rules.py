"""The rules that make the facts: plausible values, one that follows from another among them.

`facts.json` holds what needs no program: the texts, the values to pick from, and the amounts, each
with its median, its spread, and the other amounts that it is a multiple of.
"""

import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from statistics import NormalDist
from typing import Any, Final

import orjson

from keyapi_async.sandbox.data import IN_MARKET, MARKETS, NOW, Facts, Rule
from keyapi_async.sandbox.specification import read

__all__ = ["CATEGORIES", "RULES", "url"]

_TEXTS: Final = read("facts.json")
CATEGORIES: Final[Mapping[str, Sequence[Any]]] = {one[0]: one for one in _TEXTS["categories"]}
"""Id, name, level and parent of each category."""
_PATHS: Final = [
    (CATEGORIES[one[3]][3], one[3], one[0]) for one in _TEXTS["categories"] if one[2] > 2
]
_IMAGES: Final = "https://echosell-images.tos-ap-southeast-1.volces.com"
_EARLIEST: Final = 1_472_688_000
_bell: Final = NormalDist().inv_cdf


def _amount(median: float, spread: float, *of: str) -> Rule:
    """A number with a long tail: around so much, or around so many times the others."""

    def rule(facts: Facts, luck: float) -> float:
        base: float = math.prod(facts[name] for name in of)
        return round(base * median * math.exp(spread * _bell(luck)), 2)

    return rule


def _count(*amount: Any) -> Rule:
    rule = _amount(*amount)
    return lambda facts, luck: int(rule(facts, luck))


def _pick(values: Sequence[Any]) -> Rule:
    return lambda _, luck: values[int(luck * len(values))]


def _local(name: str, facts: Facts, luck: float) -> str:
    """One of the texts of that name, in the language of the region."""
    texts: Sequence[str] = _TEXTS[name][_TEXTS["languages"][facts["region"]]]
    return texts[int(luck * len(texts))]


def _nick_name(facts: Facts, luck: float) -> str:
    form: str = facts["_form"]
    first, second = _local("names", facts, luck), _local("names", facts, facts.luck("second"))
    return form.format(first, second, facts["category"], facts["_emoji"])


def url(name: str, facts: Facts) -> str:
    """The address of a picture or of a video."""
    number = zlib.crc32(facts.id.encode()) % 900
    return f"{_IMAGES}/{name.replace('_', '-')}/{number}/{facts.id}.jpeg"


def _dumps(value: object) -> str:
    return orjson.dumps(value).decode()


def _categories(ids: Iterable[str]) -> str:
    """Categories as JSON."""
    found = (CATEGORIES.get(one, (one, "")) for one in dict.fromkeys(ids))
    return _dumps([{"category_name": name, "category_id": one} for one, name, *_ in found])


def _paths(facts: Facts, _: float) -> Sequence[Sequence[str]]:
    """The categories of what a creator promotes, from the first level down."""
    products = facts.data.products_of_user(facts.id)[:100]
    found = (facts.data.facts("product_id", one) for one in products)
    names = ("category_id", "category_l2_id", "category_l3_id")
    return list(dict.fromkeys(tuple(one[name] for name in names) for one in found))


def _create_time(facts: Facts, luck: float) -> int:
    seconds = int(facts.id[-19:]) >> 32
    return seconds if _EARLIEST <= seconds < NOW else NOW - 1 - int(luck * 900 * 86_400)


def _region(facts: Facts, _: float) -> str:
    market, _position = facts.data.ids[facts.kind].place(facts.id)
    return MARKETS[market]


def _categories_shown(facts: Facts, _: float) -> str:
    shown = facts.data.products_in(facts)
    return _categories(facts.data.facts("product_id", one)["category_id"] for one in shown)


_ALL: Final[Mapping[str, Rule]] = {
    "_rate": lambda _, luck: 1 / (60 + 2000 * luck**2),  # the share that a total gains in a day
    "_drift": lambda facts, luck: facts["_rate"] * (1.2 * luck - 0.2),  # followers may also leave
}
_SELLING: Final[Mapping[str, Rule]] = {
    "region": _region,
    "total_live_sale_cnt": lambda facts, luck: int(luck**2 * facts["total_sale_cnt"]),
    "total_video_sale_cnt": lambda facts, _: facts["total_sale_cnt"] - facts["total_live_sale_cnt"],
    "sales_flag": lambda facts, luck: (facts["total_sale_cnt"] > 0) * (1 + (luck > 0.7)),
    "_path": _pick(_PATHS),
    "category_id": lambda facts, _: facts["_path"][0],
    "category_l2_id": lambda facts, luck: facts["_path"][1] if luck > 0.2 else "0",
    "category_l3_id": lambda facts, luck: facts["_path"][2] if luck > 0.3 else "0",
}
_MEDIA: Final[Mapping[str, Rule]] = {
    "user_id": lambda facts, _: facts.data.owner(facts.id)[0],
    "_serial": lambda facts, _: facts.data.owner(facts.id)[1],
    "_owner": lambda facts, _: facts.data.facts("user_id", facts["user_id"]),
    "region": lambda facts, _: facts["_owner"]["region"],
    "create_time": _create_time,
    "finish_time": lambda facts, _: facts["create_time"] + facts["duration"],
    "total_views_cnt": lambda facts, luck: _count(0.4, 1.4, "per_views_avg_cnt")(
        facts["_owner"], luck
    ),
}
_MADE: Final[Mapping[str, Mapping[str, Rule]]] = {
    "user_id": {
        **_SELLING,
        "language": lambda facts, _: _TEXTS["languages"][facts["region"]],
        "nick_name": _nick_name,
        "unique_id": lambda facts, _: f"{facts['_handle']}_{facts.id}",
        "avatar": lambda facts, _: url("user_avatar", facts),
        "signature": lambda facts, luck: _local("phrases", facts, luck),
        "contact_email": lambda facts, luck: f"hello{facts.id[:6]}@example.com" * (luck < 0.25),
        "total_product_cnt": lambda facts, _: len(facts.data.products_of_user(facts.id)),
        "most_views_video": lambda facts, _: next(
            iter(facts.data.related("user_id", facts.id, "video_id")), ""
        ),
        "_paths": _paths,
        "_path": lambda facts, _: (*facts["_paths"], ("0", "0", "0"))[0],
        "most_category_id": lambda facts, _: facts["_path"][0],
        "most_category_l2_id": lambda facts, _: facts["_path"][1],
        "most_category_l3_id": lambda facts, _: facts["_path"][2],
        "most_category_product": lambda facts, _: _categories(
            path[0] for path in facts["_paths"][:3]
        ),
        "product_category_list": lambda facts, _: ",".join(
            f"{'-'.join(path)}:{rank}" for rank, path in enumerate(facts["_paths"], 1)
        ),
    },
    "product_id": {
        **_SELLING,
        "seller_id": lambda facts, luck: facts.data.ids["seller_id"].at(
            facts.data.ids["product_id"].place(facts.id)[0], int(IN_MARKET["seller_id"] * luck**3)
        ),
        "product_name": lambda facts, _: (
            f"{facts['_adjective']} {CATEGORIES[facts['_path'][2]][1]}"
        ),
        "category_name": lambda facts, _: ", ".join(CATEGORIES[i][1] for i in facts["_path"][:2]),
        "cover_url": lambda facts, _: _dumps([{"url": url("product_cover", facts), "index": 0}]),
        "desc_detail": lambda facts, _: _dumps([{"type": "text", "text": facts["product_name"]}]),
        "_first": lambda _, luck: int(luck * IN_MARKET["user_id"]),
    },
    "seller_id": {
        **_SELLING,
        "seller_name": lambda facts, luck: (
            f"{_local('names', facts, luck)} {CATEGORIES[facts['_path'][1]][1].split()[0]}"
        ),
        "user_id": lambda facts, _: facts.data.ids["user_id"].at(
            *facts.data.ids["seller_id"].place(facts.id)
        ),
        "product_category_list": lambda facts, _: _categories([facts["category_id"]]),
        "most_product_category_list": lambda facts, _: _categories([facts["category_id"]]),
        "total_product_cnt": lambda facts, _: len(facts.data.products_of_shop(facts.id)),
    },
    "video_id": {
        **_MEDIA,
        "hash_tag": lambda facts, _: (
            f"#{facts['_owner']['category'].split()[0].lower().strip(',')} #ttshop"
        ),
        "video_desc": lambda facts, luck: (
            f"{_local('phrases', facts, luck)} {facts['hash_tag']}" * (luck > 0.1)
        ),
        "sales_flag": lambda facts, _: int(facts["total_video_sale_cnt"] > 0),
        "product_category_list": _categories_shown,
        "video_products": lambda facts, _: f"[{','.join(facts.data.products_in(facts))}]",
    },
    "room_id": {**_MEDIA, "cover_url": lambda facts, _: url("live_cover", facts)},
    "review_id": {"review_timestamp": lambda facts, _: int(facts.id) >> 32},
    "category_id": {
        "category_name": lambda facts, _: CATEGORIES[facts.id][1],
        "category_level": lambda facts, _: CATEGORIES[facts.id][2],
        "parent_id": lambda facts, _: CATEGORIES[facts.id][3],
    },
}
RULES: Final[Mapping[str, Mapping[str, Rule]]] = {
    kind: {
        **_ALL,
        **{name: _pick(values) for name, values in _TEXTS["values"][kind].items()},
        **{
            name: _amount(*amount) if name.endswith("price") else _count(*amount)
            for name, amount in _TEXTS["amounts"][kind].items()
        },
        **made,
    }
    for kind, made in _MADE.items()
}
"""How the facts of each kind of id are made, by the names of the API.

Those with an underscore in front serve others.
"""
