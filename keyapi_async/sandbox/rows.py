"""The rows: what the properties of an operation say of an id, typed as the specification does."""

import functools
import math
import re
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

import orjson

from keyapi_async.sandbox.entities import SNAPSHOT, Entities, Facts, chance
from keyapi_async.sandbox.lists import Entry, Lists
from keyapi_async.sandbox.specification import Operation
from keyapi_async.sandbox.words import CATEGORIES

__all__ = ["Row", "Shape", "compare"]

Row = Mapping[str, Any]
Reader = Callable[[Facts], Any]
Schema = Mapping[str, Any]

_WINDOW: Final = re.compile(r"_([0-9]+)d(?=_)")
_GMV: Final = re.compile("(sale_)?gmv")
_COUNT: Final = re.compile(r"total_\w+_cnt")
_NEWS: Final = 0.1
"""The share of a creator's videos with fields that the specification lacks."""
_IMAGES: Final = "https://echosell-images.tos-ap-southeast-1.volces.com"
_SNAPSHOT: Final = int(datetime(2025, 11, 1, tzinfo=UTC).timestamp())


class Shape:
    """The rows of one operation: each property is read from the facts by its name and its kind.

    A count over so many days is a share of the whole; an amount is a price times a count; in a
    trend a total grows by the day; in a ranking it is what the period added. A property that
    nothing is known of gets a value of its kind that depends on the id alone.
    """

    def __init__(self, operation: Operation, entities: Entities, lists: Lists) -> None:
        self._entities = entities
        self._lists = lists
        self._operation = operation
        self._ranks = "date" in operation.key
        self._trends = "dt" in operation.row_key
        self._keys = [name for name in operation.key if name.endswith("_id")]
        self._fields = {name: self._field(name) for name in operation.properties}
        self._has_news = operation.subject == "video_id" and "user_id" in operation.key

    def facts(self, entry: Entry) -> Facts:
        """All that is known where this row stands: of its owner, of the list's key, of itself."""
        one, context = entry
        if "category_id" in context:
            return context
        subject = context.get("_subject", self._operation.subject)
        own = self._entities.facts(subject, one)
        above: dict[str, Any] = {}
        for name in self._keys:
            if name in context and name != subject:
                above |= self._entities.facts(name, context[name])
        if subject in {"video_id", "room_id"}:
            above |= self._entities.facts("user_id", own["user_id"])
        return {**above, **own, **context}

    def row(self, entry: Entry) -> Row:
        """One row as it goes over the wire; shared: never to be changed."""
        if "_row" in entry[1]:
            shown: Row = entry[1]["_row"]
            return shown
        facts = self.facts(entry)
        row = {}
        for name, (schema, read, write) in self._fields.items():
            if "x-when" in schema and facts["_type"] not in schema["x-when"]["type"]:
                continue
            value = read(facts)
            if value is not None:
                row[name] = write(value)
            elif "null" in schema["type"]:
                row[name] = None
        if self._has_news and chance(facts["_id"], "news") < _NEWS:
            row |= {"is_ad": int(_MADE_UP["flag"](self._operation, "is_ad", facts))}
            row["video_products"] = self._derived["video_products"](facts)
        return row

    def value(self, name: str, entry: Entry) -> Any:
        """One field of a row, also one that the row does not show."""
        if "_row" in entry[1]:
            return entry[1]["_row"].get(name)
        if name in self._fields:
            _, read, write = self._fields[name]
            value = read(self.facts(entry))
            return None if value is None else write(value)
        return self._reader(name, "count")(self.facts(entry))

    def _field(self, name: str) -> tuple[Schema, Reader, Callable[[Any], Any]]:
        schema = self._operation.properties[name]
        return schema, self._reader(name, schema["x-kind"]), _writer(schema)

    def _reader(self, name: str, kind: str) -> Reader:
        """What reads the field of that name; the reader of a total serves its windows too."""
        if "gmv" in name:
            count = self._reader(_GMV.sub("sale", name[:-4]) + "_cnt", "count")
            return lambda facts: count(facts) * facts["_price"]
        if window := _WINDOW.search(name):
            return self._in_days(name.replace(window[0], ""), int(window[1]), kind)
        if self._ranks and _COUNT.fullmatch(name):
            if "_history" in name:
                return self._known(name.replace("_history", ""), kind)
            return self._in_period(name, self._known(name, kind))
        if self._trends and _COUNT.fullmatch(name):
            return self._on_day(name, self._known(name, kind), "dt")
        return self._known(name, kind)

    def _known(self, name: str, kind: str) -> Reader:
        derive = self._derived.get(name)
        make = _MADE_UP[kind]

        def read(facts: Facts) -> Any:
            if name in facts:
                return facts[name]
            return derive(facts) if derive is not None else make(self._operation, name, facts)

        if kind in {"url", "text"} and name == "cover_url":
            return functools.partial(_cover, kind)
        return read

    def _in_days(self, name: str, days: int, kind: str) -> Reader:
        base = self._known(name, kind)
        if self._trends:
            now, before = self._on_day(name, base, "dt"), self._on_day(name, base, "_before")
            return lambda facts: now(facts) - before(facts)
        if "_avg_" in name or kind == "amount":
            return base

        def read(facts: Facts) -> int:
            drift = facts["_drift"] if "followers" in name else 1
            return int(base(facts) * drift * (1 - math.exp(-facts["_rate"] * days)))

        return read

    @staticmethod
    def _in_period(name: str, base: Reader) -> Reader:
        """What a period added: the share of its days, more or less by luck."""

        def read(facts: Facts) -> int:
            part = 1 - math.exp(-facts["_rate"] * facts["_days"])
            return int(base(facts) * part * chance(name, facts["_date"], facts["_id"]))

        return read

    @staticmethod
    def _on_day(name: str, base: Reader, day: str) -> Reader:
        """The total up to a day: it grows by a steady rate, some days more than others."""

        def read(facts: Facts) -> int | None:
            if (total := base(facts)) is None:
                return None
            passed = (facts[day] - SNAPSHOT).days + 0.9 * chance(facts["_id"], facts[day])
            drift = facts["_drift"] if "followers" in name else 1
            return int(total * math.exp(min(facts["_rate"], 1 / 400) * drift * passed))

        return read

    @functools.cached_property
    def _derived(self) -> Mapping[str, Reader]:
        """Fields that take more than a look at the facts."""
        lists, entities = self._lists, self._entities

        def paths(facts: Facts) -> list[tuple[str, str, str]]:
            products = [
                entities.facts("product_id", one)
                for one in lists.products_of_user(facts["user_id"])[:100]
            ]
            names = ("category_id", "category_l2_id", "category_l3_id")
            found = dict.fromkeys(tuple(str(one[name]) for name in names) for one in products)
            return [(a, b, c) for a, b, c in found]

        def ranked(facts: Facts) -> str:
            ways = enumerate(paths(facts), 1)
            return ",".join(f"{'-'.join(way)}:{rank}" for rank, way in ways)

        def most(level: int) -> Reader:
            return lambda facts: next((way[level] for way in paths(facts)), "0")

        def categories(facts: Facts) -> str:
            if "video_id" in facts:
                ids = [entities.facts("product_id", one) for one in lists.products_in(facts["_id"])]
                return _categories(one["category_id"] for one in ids)
            return (
                ranked(facts) if "seller_name" not in facts else _categories([facts["category_id"]])
            )

        def products(facts: Facts) -> int:
            if "seller_name" in facts:
                return len(lists.products_of_shop(facts["seller_id"]))
            return len(lists.products_of_user(facts["user_id"]))

        def sold(facts: Facts) -> int:
            luck = chance(facts["product_id"], facts["user_id"])
            return 0 if luck < 0.5 else int(3 * (2 - 2 * luck + 1e-5) ** -0.7)

        return {
            "product_category_list": categories,
            "most_category_id": most(0),
            "most_category_l2_id": most(1),
            "most_category_l3_id": most(2),
            "most_category_product": lambda facts: _categories(w[0] for w in paths(facts)[:3]),
            "most_product_category_list": lambda facts: _categories([facts["category_id"]]),
            "most_views_video": lambda facts: next(
                lists.media_of_user("video_id", facts["user_id"]), ""
            ),
            "video_products": lambda facts: f"[{','.join(lists.products_in(facts['_id']))}]",
            "total_product_cnt": products,
            "per_product_ifl_sale_cnt": sold,
            "avg_30d_price": lambda facts: facts["_price"],
            "finish_time": lambda facts: facts["create_time"] + facts["duration"],
            **_JSON,
        }


def compare(value: Any) -> float:
    """A value to sort and to filter by: numbers also where they are written as text."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return -math.inf


def _dumps(value: object) -> str:
    return orjson.dumps(value).decode()


def _categories(ids: Any) -> str:
    return _dumps(
        [
            {"category_name": CATEGORIES[one][0] if one in CATEGORIES else "", "category_id": one}
            for one in dict.fromkeys(ids)
        ]
    )


def _spread(*names: str) -> Reader:
    """A count for each of the names, as JSON."""
    return lambda facts: _dumps({one: int(9 * chance(facts["_id"], one) ** 4) for one in names})


def _url(name: str, facts: Facts) -> str:
    one = facts["user_id" if name == "avatar" else "_id"]
    folder = "user-avatar" if name == "avatar" else name.replace("_", "-")
    return f"{_IMAGES}/{folder}/{zlib.crc32(one.encode()) % 900}/{one}.jpeg"


def _cover(kind: str, facts: Facts) -> str:
    """A cover that is one address, or what search makes of several: no JSON."""
    url = _url("cover_url", facts)
    return url if kind == "url" else f"[{{index=0, url={url}}}]"


def _skus(facts: Facts) -> str:
    price = f"{facts['_price']:.2f}"
    real = {"currency": "USD", "sale_price_decimal": price, "price_val": price}
    return _dumps([{"sku_id": f"{facts['_id']}1", "sale_prop_value_ids": "1", "real_price": real}])


_JSON: Final[Mapping[str, Reader]] = {
    "cover_url": lambda facts: _dumps([{"url": _url("product-cover", facts), "index": 0}]),
    "desc_detail": lambda facts: _dumps([{"type": "text", "text": facts["product_name"]}]),
    "skus": _skus,
    "sale_props": lambda _: _dumps([{"prop_id": "100000", "prop_name": "Size"}]),
    "influencer_video_duration_level": _spread("2m", "1m-2m", "30s-60s", "15s-30s", "15s"),
    "influencer_video_publish_hour": _spread(*(f"{hour:02}" for hour in range(24))),
    "influencer_video_publish_week": _spread(*"1234567"),
}


def _choice(operation: Operation, name: str, facts: Facts) -> str:
    codes: list[str] = list(operation.properties[name].get("x-names", {"0": ""}))
    return codes[int(chance(facts["_id"], name) ** 2 * len(codes))]


_MADE_UP: Final[Mapping[str, Callable[[Operation, str, Facts], Any]]] = {
    "id": lambda _, name, facts: str(zlib.crc32(f"{facts['_id']}{name}".encode())),
    "text": lambda *_: "",
    "count": lambda _, name, facts: int(100 * chance(facts["_id"], name) ** 4),
    "amount": lambda _, name, facts: 100 * chance(facts["_id"], name),
    "rate": lambda _, name, facts: chance(facts["_id"], name),
    "flag": lambda _, name, facts: chance(facts["_id"], name) > 0.7,
    "choice": _choice,
    "moment": lambda _, name, facts: _SNAPSHOT - int(10**8 * chance(facts["_id"], name)),
    "moment_ms": lambda _, name, facts: _SNAPSHOT - int(10**8 * chance(facts["_id"], name)),
    "date": lambda _, name, facts: date.fromordinal(
        SNAPSHOT.toordinal() - int(700 * chance(facts["_id"], name))
    ),
    "url": lambda _, name, facts: _url(name, facts),
    "json": lambda *_: "[]",
    "categories": lambda *_: "",
}


def _writer(schema: Schema) -> Callable[[Any], Any]:
    """What writes a value in the form that the specification types."""
    kind, is_text = schema["x-kind"], "string" in schema["type"]
    if kind == "date":
        form = "%Y%m%d" if schema["x-format"] == "yyyyMMdd" else "%Y-%m-%d"
        return lambda day: day.strftime(form) if is_text else int(day.strftime(form))
    if is_text and kind == "flag":
        return lambda on: str(bool(on)).lower()
    if is_text and kind in {"amount", "count"} and "x-unit" not in schema:
        return lambda number: f"{number:.2f}"
    if kind == "moment_ms":
        return lambda seconds: 1000 * seconds + 410
    if is_text:
        return str
    whole = round if kind in {"count", "amount", "rate"} else int
    return whole if schema["type"] == "integer" else _decimal


def _decimal(number: float) -> float:
    """Two decimals, four below 1; none where it is whole."""
    rounded = round(number, 2 if number > 1 else 4)
    return int(rounded) if rounded == int(rounded) else rounded
