"""The rows: the facts about an id, as the properties of an operation name and type them."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

from keyapi_async.sandbox.data import NOW, SNAPSHOT, Data, Facts, chance
from keyapi_async.sandbox.rules import RULES
from keyapi_async.sandbox.specification import Operation, Schema, operations, singular

__all__ = ["Entry", "Row", "shape_of"]

Row = dict[str, Any]
Entry = tuple[str, Mapping[str, Any]]
"""The id that a row is about, and what else it says; an example's row stands under `_row`."""
About = Mapping[str, Any]
"""The facts that a row is made of, by kind of id; under "" what the list says of the row."""
Reader = Callable[[About], Any]

_WINDOW: Final = re.compile(r"_([0-9]+)d(?=_)|_history")
_INTEGER: Final[Schema] = {"x-kind": "count", "type": "integer"}


class Shape:
    """The rows of one operation: each property is read from the facts by its name and its kind.

    Every total grows by one law, so that a total over so many days, what a ranking's period added,
    and the days of a trend agree; an amount is a price times a count. A property that nothing is
    known of gets a value of its kind that depends on the id alone.
    """

    def __init__(
        self, operation: Operation, subject: str, properties: Mapping[str, Schema], data: Data
    ) -> None:
        self.properties = properties
        self._data = data
        self._subject = subject
        self._ranks, self._trends = "date" in operation.key, "dt" in operation.row_key
        keys = {*map(singular, operation.key), *operation.row_key}
        kinds = (keys & RULES.keys()) - {subject}
        self._said: set[str] = kinds | (keys & {"dt", "language"})
        if subject in {"video_id", "room_id"}:
            kinds |= {"user_id"}
        self._kinds: list[str] = [subject, *sorted(kinds)]
        self._fields: dict[str, Reader] = {name: self._field(name) for name in properties}

    def row(self, entry: Entry) -> Row:
        """One row as it goes over the wire; shared: never to be changed."""
        if "_row" in entry[1]:
            shown: Row = entry[1]["_row"]
            return shown
        about = self._about(entry)
        row = {name: self._fields[name](about) for name in self.properties}
        if None in row.values():
            may = {name for name, schema in self.properties.items() if "null" in schema["type"]}
            row = {name: row[name] for name in row if row[name] is not None or name in may}
        return row

    def value(self, name: str, entry: Entry) -> Any:
        """One field of a row, also one that the row does not show."""
        if "_row" in entry[1]:
            return entry[1]["_row"].get(name)
        if name not in self._fields:
            self._fields[name] = self._field(name)
        return self._fields[name](self._about(entry))

    def _about(self, entry: Entry) -> About:
        one, said = entry
        own = self._data.facts(self._subject, one)
        about: dict[str, Any] = {"": said, self._subject: own}
        for kind in self._kinds[1:]:
            about[kind] = self._data.facts(kind, said[kind]) if kind in said else own["_owner"]
        return about

    def _field(self, name: str) -> Reader:
        schema = self.properties.get(name, _INTEGER)
        read, write = self._reader(name, schema), _writer(schema)
        if schema["x-kind"] == "count" and schema["type"] == "integer":
            return read  # as it is
        return lambda about: None if (value := read(about)) is None else write(value)

    def _reader(self, name: str, schema: Schema) -> Reader:
        """What reads the field of that name: a total, what some days added to it, or an amount."""
        subject = self._subject
        if "gmv" in name:
            count = self._reader(re.sub("(sale_)?gmv(.*)_amt", r"sale\2_cnt", name), _INTEGER)
            return lambda about: count(about) * about[subject]["spu_avg_price"]
        window = _WINDOW.search(name)
        total = self._total(name.replace(window[0], "") if window else name, schema)
        rate = "_drift" if "followers" in name else "_rate"

        def on(about: About, when: str) -> int:
            facts, day = about[subject], about[""][when]
            growth = facts[rate] * ((day - SNAPSHOT).days + 0.9 * facts.luck(str(day)))
            return int(total(about) * (math.exp(growth) if growth < 0 else 1 + growth))

        if not name.startswith("total_") or (self._ranks and window):
            return total
        if self._trends and not window:
            return lambda about: on(about, "dt")
        if self._trends or self._ranks:
            return lambda about: on(about, "dt") - on(about, "_from")
        if not window:
            return total
        days = int(window[1])
        return lambda about: int(total(about) * (1 - math.exp(about[subject][rate] * -days)))

    def _total(self, name: str, schema: Schema) -> Reader:
        """What reads a field from the facts that have it, or makes it up."""
        subject = self._subject
        if name in self._said:
            return lambda about: about[""][name]
        if name == "per_product_ifl_sale_cnt":
            return _sold
        for source in self._kinds:
            if name == source or name in RULES[source]:
                return lambda about: about[source][name]
        make = _MADE_UP[schema["x-kind"]]

        def made_up(about: About) -> Any:
            facts: Facts = about[subject]
            if name not in facts:
                facts[name] = make(facts.luck(name), facts, name, schema)
            return facts[name]

        return made_up


@lru_cache(256)
def shape_of(operation: Operation, subject: str, searched: int, data: Data) -> Shape:
    """The shape of the rows; that of a list where a search's own is not documented."""
    properties = {
        name: schema
        for name, schema in operation.properties.items()
        if "x-when" not in schema or searched in schema["x-when"]["type"]
    }
    listed = (one.properties for one in operations().values() if one.row_key == [subject])
    return Shape(operation, subject, properties or next(listed), data)


def _sold(about: About) -> int:
    """What a creator sold of a product: nothing, for half of them."""
    luck = chance(about["product_id"].id + about["user_id"].id)
    return 0 if luck < 0.5 else int(3 * (2 - 2 * luck + 1e-5) ** -0.7)


_MADE_UP: Final[Mapping[str, Callable[[float, Facts, str, Schema], Any]]] = {
    "id": lambda luck, *_: int(10**15 * luck),
    "text": lambda *_: "",
    "count": lambda luck, *_: int(100 * luck**4),
    "amount": lambda luck, *_: 100 * luck,
    "rate": lambda luck, *_: luck,
    "flag": lambda luck, *_: luck > 0.7,
    "choice": lambda luck, _, __, schema: int(
        [*schema["x-names"]][int(luck**2 * len(schema["x-names"]))]
    ),
    "date": lambda luck, *_: SNAPSHOT - timedelta(int(700 * luck)),
    "moment": lambda luck, *_: NOW - int(10**8 * luck),
    "moment_ms": lambda luck, *_: NOW - int(10**8 * luck),
    "url": lambda _, facts, name, __: f"https://v16.tiktokcdn.com/{name}/{facts.id}",
    "json": lambda *_: "[]",
}
"""A value of each kind, for a field that nothing is known of."""


def _writer(schema: Schema) -> Callable[[Any], Any]:
    """What writes a value in the form that the specification types."""
    kind, is_text = schema["x-kind"], "string" in schema["type"]
    if kind == "date":
        form = "%Y%m%d" if schema["x-format"] == "yyyyMMdd" else "%Y-%m-%d"
        return lambda day: day.strftime(form) if is_text else int(day.strftime(form))
    if kind == "moment_ms":
        return lambda seconds: 1000 * seconds + 410
    if kind == "flag" and is_text:
        return lambda on: str(on).lower()
    if kind in {"amount", "count"} and is_text and "x-unit" not in schema:
        return lambda amount: f"{amount:.2f}"
    if is_text:
        return str
    return round if schema["type"] == "integer" else lambda number: round(number, 4)
