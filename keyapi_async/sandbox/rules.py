"""The rules that make the facts: plausible values, one that follows from another among them.

`facts.json` holds what needs no program: values to pick from, by language where that matters, with
other facts in braces; and counts and prices, each with its median, its spread, and the others that
it is a multiple of.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import NormalDist
from typing import Any, Final

import orjson

from keyapi_async.sandbox.data import IN_MARKET, MARKETS, NOW, Facts, Rule
from keyapi_async.sandbox.specification import read

__all__ = ["CATEGORIES", "RULES"]

_TABLES: Final = read("facts.json")
CATEGORIES: Final[Mapping[str, Sequence[Any]]] = {one[0]: one for one in _TABLES["categories"]}
"""Id, name, level and parent of each category."""
_THIRD: Final = [one for one, _, level, _ in CATEGORIES.values() if level == 3]
_EARLIEST: Final = 1_472_688_000
_bell: Final = NormalDist().inv_cdf


def _amount(median: float, spread: float, *of: str) -> Rule:
    """A number with a long tail: around so much, or around so many times the others."""

    def rule(f: Facts, luck: float) -> float:
        base: float = math.prod(f[name] for name in of)
        return round(base * median * math.exp(spread * _bell(luck)), 2)

    return rule


def _count(*amount: Any) -> Rule:
    rule = _amount(*amount)
    return lambda f, luck: int(rule(f, luck))


def _pick(values: Sequence[Any] | Mapping[str, Sequence[Any]]) -> Rule:
    def rule(f: Facts, luck: float) -> Any:
        some = values[f["language"]] if isinstance(values, Mapping) else values
        value = some[int(luck * len(some))]
        return value.format_map(f) if isinstance(value, str) and "{" in value else value

    return rule


def _categories(ids: Iterable[str]) -> str:
    """Categories as JSON."""
    found = (CATEGORIES.get(one, (one, "")) for one in dict.fromkeys(ids))
    named = [{"category_name": name, "category_id": one} for one, name, *_ in found]
    return orjson.dumps(named).decode()


def _path(_: Facts, luck: float) -> Sequence[str]:
    """A category of the third level and those above it, the first level first."""
    third = _THIRD[int(luck * len(_THIRD))]
    second = CATEGORIES[third][3]
    return CATEGORIES[second][3], second, third


def _paths(f: Facts, _: float) -> Sequence[Sequence[str]]:
    """The categories of what a creator promotes."""
    found = (f.data.facts("product_id", one) for one in f.data.products_of_user(f.id)[:100])
    levels = ("category_id", "category_l2_id", "category_l3_id")
    return [*dict.fromkeys(tuple(one[name] for name in levels) for one in found)]


def _near(f: Facts, kind: str, luck: float) -> int:
    """The place of a creator or of a shop in the same market."""
    place: int = f["_place"]
    return place % len(MARKETS) + len(MARKETS) * int(luck * IN_MARKET[kind])


def _create_time(f: Facts, luck: float) -> int:
    seconds = int(f.id[-19:]) >> 32
    return seconds if _EARLIEST <= seconds < NOW else NOW - 1 - int(luck * 900 * 86_400)


def _categories_shown(f: Facts, _: float) -> str:
    products = (f.data.facts("product_id", one) for one in f.data.products_in(f))
    return _categories(one["category_id"] for one in products)


_SELLING: Final[Mapping[str, Rule]] = {
    "_place": lambda f, _: f.data.ids[f.kind].place(f.id),
    "region": lambda f, _: MARKETS[f["_place"] % len(MARKETS)],
    "total_live_sale_cnt": lambda f, luck: int(luck**2 * f["total_sale_cnt"]),
    "total_video_sale_cnt": lambda f, _: f["total_sale_cnt"] - f["total_live_sale_cnt"],
    "sales_flag": lambda f, luck: (f["total_sale_cnt"] > 0) * (1 + (luck > 0.7)),
    "_path": _path,
    "category_id": lambda f, _: f["_path"][0],
    "category_l2_id": lambda f, luck: f["_path"][1] if luck > 0.2 else "0",
    "category_l3_id": lambda f, luck: f["_path"][2] if luck > 0.3 else "0",
    "_first_name": lambda f, _: CATEGORIES[f["_path"][0]][1],
    "_second_name": lambda f, _: CATEGORIES[f["_path"][1]][1],
    "_kind": lambda f, _: CATEGORIES[f["_path"][2]][1],
}
_SHOWING: Final[Mapping[str, Rule]] = {
    "user_id": lambda f, _: f.data.owner(f.id)[0],
    "_serial": lambda f, _: f.data.owner(f.id)[1],
    "_owner": lambda f, _: f.data.facts("user_id", f["user_id"]),
    "create_time": _create_time,
    "finish_time": lambda f, _: f["create_time"] + f["duration"],
    "total_views_cnt": lambda f, luck: _count(0.4, 1.4, "per_views_avg_cnt")(f["_owner"], luck),
}
_MADE: Final[Mapping[str, Mapping[str, Rule]]] = {
    "user_id": {
        **_SELLING,
        "total_product_cnt": lambda f, _: len(f.data.products_of_user(f.id)),
        "most_views_video": lambda f, _: next(f.data.media_of_user("video_id", f.id), ""),
        "_paths": _paths,
        "_path": lambda f, _: (*f["_paths"], ("0", "0", "0"))[0],
        "most_category_product": lambda f, _: _categories(path[0] for path in f["_paths"][:3]),
        "product_category_list": lambda f, _: ",".join(
            f"{'-'.join(path)}:{rank}" for rank, path in enumerate(f["_paths"], 1)
        ),
    },
    "product_id": {
        **_SELLING,
        "_first": lambda f, luck: _near(f, "user_id", luck),
        "_seller": lambda f, luck: _near(f, "seller_id", luck**3),
        "seller_id": lambda f, _: f.data.ids["seller_id"][f["_seller"]],
    },
    "seller_id": {
        **_SELLING,
        "user_id": lambda f, _: f.data.ids["user_id"][f["_place"]],
        "total_product_cnt": lambda f, _: len(f.data.products_of_shop(f.id)),
    },
    "video_id": {
        **_SHOWING,
        "sales_flag": lambda f, _: int(f["total_video_sale_cnt"] > 0),
        "product_category_list": _categories_shown,
        "video_products": lambda f, _: f"[{','.join(f.data.products_in(f))}]",
    },
    "room_id": _SHOWING,
    "review_id": {"review_timestamp": lambda f, _: int(f.id) >> 32},
    "category_id": {
        "category_level": lambda f, _: CATEGORIES[f.id][2],
        "parent_id": lambda f, _: CATEGORIES[f.id][3],
    },
}
RULES: Final[Mapping[str, Mapping[str, Rule]]] = {
    kind: {
        "_rate": lambda _, luck: 1 / (60 + 2000 * luck**2),  # the share that a total gains a day
        "_drift": lambda f, luck: f["_rate"] * (1.2 * luck - 0.2),  # followers may leave, too
        "language": lambda f, _: _TABLES["languages"][f["region"]],
        **{name: _pick(values) for name, values in _TABLES["values"][kind].items()},
        **{name: _count(*amount) for name, amount in _TABLES["counts"][kind].items()},
        **{name: _amount(*amount) for name, amount in _TABLES["prices"].items()},
        **made,
    }
    for kind, made in _MADE.items()
}
"""How the facts of each kind of id are made, by the names of the API; `_` stands before others."""
