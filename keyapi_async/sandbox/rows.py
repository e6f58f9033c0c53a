"""The rows: the facts about an id, as the properties of an operation name and type them."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import cache
from typing import Any, Final

from keyapi_async.sandbox.data import NOW, SNAPSHOT, Data, Facts, chance
from keyapi_async.sandbox.rules import RULES, url
from keyapi_async.sandbox.specification import Operation, Schema, singular

__all__ = ["Entry", "Row", "Shape", "number"]

Row = dict[str, Any]
Entry = tuple[str, Mapping[str, Any]]
"""The id that a row is about, and what else it says; an example's row stands under `_row`."""
About = Mapping[str, Any]
"""The facts that a row is made of, by kind of id; under "" what the list says of the row."""
Reader = Callable[[About], Any]

_WINDOW: Final = re.compile(r"_([0-9]+)d(?=_)")
_NEWS: Final = 0.1
"""The share of a creator's videos with fields that the specification lacks."""


class Shape:
    """The rows of one operation: each property is read from the facts by its name and its kind.

    A count over so many days is a share of the whole; an amount is a price times a count; in a
    trend a total grows by the day; in a ranking it is what the period added. A property that
    nothing is known of gets a value of its kind that depends on the id alone.

    Args:
        operation: whose rows.
        subject: the kind of id that a row is about.
        properties: what a row shows.
        data: the facts.
    """

    def __init__(
        self, operation: Operation, subject: str, properties: Mapping[str, Schema], data: Data
    ) -> None:
        self._data = data
        self._subject = subject
        self._ranks, self._trends = "date" in operation.key, "dt" in operation.row_key
        self._has_news = subject == "video_id" and "user_id" in operation.key
        keys = {*map(singular, operation.key), *operation.row_key}
        others = (keys & RULES.keys()) - {subject}
        self._said: set[str] = others | (keys & {"dt", "language"})
        """What a list says of its rows, whatever is known of their ids."""
        if subject in {"video_id", "room_id"}:
            others |= {"user_id"}
        self._kinds: list[str] = [subject, *sorted(others)]
        self.properties = properties
        self._field: Callable[[str], tuple[Schema, Reader, Callable[[Any], Any]]] = cache(
            self._make_field
        )

    def row(self, entry: Entry) -> Row:
        """One row as it goes over the wire; shared: never to be changed."""
        if "_row" in entry[1]:
            shown: Row = entry[1]["_row"]
            return shown
        about = self._about(entry)
        row: dict[str, Any] = {}
        for name in self.properties:
            schema, read, write = self._field(name)
            value = read(about)
            if value is not None:
                row[name] = write(value)
            elif "null" in schema["type"]:
                row[name] = None
        own = about[self._subject]
        if self._has_news and own.luck("news") < _NEWS:
            row |= {"is_ad": int(own.luck("is_ad") > 0.7), "video_products": own["video_products"]}
        return row

    def value(self, name: str, entry: Entry) -> Any:
        """One field of a row, also one that the row does not show."""
        if "_row" in entry[1]:
            return entry[1]["_row"].get(name)
        _, read, write = self._field(name)
        value = read(self._about(entry))
        return None if value is None else write(value)

    def _make_field(self, name: str) -> tuple[Schema, Reader, Callable[[Any], Any]]:
        schema = self.properties.get(name, _COUNT)
        return schema, self._reader(name, schema), _writer(schema)

    def _about(self, entry: Entry) -> About:
        one, said = entry
        own = self._data.facts(self._subject, one)
        about: dict[str, Any] = {"": said, self._subject: own}
        for kind in self._kinds[1:]:
            if kind in said:
                about[kind] = self._data.facts(kind, said[kind])
            elif kind == "user_id":
                about[kind] = own["_owner"]
        return about

    def _reader(self, name: str, schema: Schema) -> Reader:
        """What reads the field of that name: a total, what a time added to it, or an amount."""
        subject = self._subject
        if "gmv" in name:
            count = self._reader(re.sub("(sale_)?gmv(.*)_amt", r"sale\2_cnt", name), _COUNT)
            return lambda about: count(about) * about[subject]["spu_avg_price"]
        window = _WINDOW.search(name)
        total = name.replace(window[0], "") if window else name.replace("_history", "")
        base = self._base(total, schema)
        drifts = "followers" in name
        counted = schema["x-kind"] == "count" and "_avg_" not in name and total.startswith("total_")

        def added(about: About, days: int) -> int:
            facts = about[subject]
            share = 1 - math.exp(-facts["_rate"] * days)
            return int(base(about) * share * (facts["_drift"] if drifts else 1))

        def until(about: About, when: str) -> Any:
            day: date = about[""][when]
            facts = about[subject]
            passed = (day - SNAPSHOT).days + 0.9 * facts.luck(str(day))
            rate = min(facts["_rate"], 1 / 400) * (facts["_drift"] if drifts else 1)
            now = base(about)
            return None if now is None else int(now * math.exp(rate * passed))

        if not counted:
            return base
        if self._trends and window:
            return lambda about: until(about, "dt") - until(about, "_before")
        if self._trends:
            return lambda about: until(about, "dt")
        if window:
            days = int(window[1])
            return lambda about: added(about, days)
        if self._ranks and "_history" not in name:
            return lambda about: int(
                added(about, about[""]["_days"])
                * about[subject].luck(f"{name} {about['']['_date']}")
            )
        return base

    def _base(self, name: str, schema: Schema) -> Reader:
        """What reads a field from the facts that have it, or makes it up."""
        if name in self._said:
            return lambda about: about[""][name]
        if name == "per_product_ifl_sale_cnt":
            return _sold
        if name == "cover_url" and schema["x-kind"] == "text":  # what search makes of several
            return lambda about: f"[{{index=0, url={url(name, about[self._subject])}}}]"
        for kind in self._kinds:
            if name in RULES[kind]:
                return lambda about: about[kind][name]
        make = _MADE_UP[schema["x-kind"]]
        return lambda about: make(about[self._subject], name, schema)


def number(value: Any) -> float:
    """A value to sort and to filter by: numbers also where they are written as text."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return -math.inf


def _sold(about: About) -> int:
    """What a creator sold of a product: nothing, for half of them."""
    luck = chance(about["product_id"].id, about["user_id"].id)
    return 0 if luck < 0.5 else int(3 * (2 - 2 * luck + 1e-5) ** -0.7)


def _choice(facts: Facts, name: str, schema: Schema) -> str:
    codes: list[str] = list(schema["x-names"])
    return codes[int(facts.luck(name) ** 2 * len(codes))]


def _moment(facts: Facts, name: str, _: Schema) -> int:
    return NOW - int(10**8 * facts.luck(name))


_COUNT: Final[Schema] = {"x-kind": "count", "type": "integer"}
_MADE_UP: Final[Mapping[str, Callable[[Facts, str, Schema], Any]]] = {
    "id": lambda facts, name, _: int(10**15 * facts.luck(name)),
    "text": lambda *_: "",
    "count": lambda facts, name, _: int(100 * facts.luck(name) ** 4),
    "amount": lambda facts, name, _: 100 * facts.luck(name),
    "rate": lambda facts, name, _: facts.luck(name),
    "flag": lambda facts, name, _: facts.luck(name) > 0.7,
    "choice": _choice,
    "date": lambda facts, name, _: SNAPSHOT - timedelta(int(700 * facts.luck(name))),
    "moment": _moment,
    "url": lambda facts, name, _: url(name, facts),
    "json": lambda *_: "[]",
}
"""A value of each kind, for a field that nothing is known of."""


def _writer(schema: Schema) -> Callable[[Any], Any]:
    """What writes a value in the form that the specification types."""
    kind, is_text = schema["x-kind"], "string" in schema["type"]
    if kind == "date":
        form = "%Y%m%d" if schema["x-format"] == "yyyyMMdd" else "%Y-%m-%d"
        return lambda day: day.strftime(form) if is_text else int(day.strftime(form))
    if kind == "flag" and is_text:
        return lambda on: str(on).lower()
    if kind == "moment_ms":
        return lambda seconds: 1000 * seconds + 410
    if kind in {"amount", "count"} and is_text and "x-unit" not in schema:
        return lambda amount: f"{amount:.2f}"
    if is_text:
        return str
    return _decimal if schema["type"] == "number" else round if kind in _ROUNDED else int


_ROUNDED: Final = {"count", "amount", "rate"}


def _decimal(number: float) -> float:
    """Two decimals, four below 1; none where it is whole."""
    rounded = round(number, 2 if number > 1 else 4)
    return int(rounded) if rounded == int(rounded) else rounded
