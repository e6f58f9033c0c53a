"""The lists: which ids stand in the answer to which question, sorted and filtered as asked."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import cache, lru_cache
from itertools import chain, islice, pairwise
from random import Random
from typing import Any, Final

from keyapi_async.sandbox.data import MARKETS, Data, chance
from keyapi_async.sandbox.rows import Entry, Shape
from keyapi_async.sandbox.rules import CATEGORIES, RULES
from keyapi_async.sandbox.specification import (
    Operation,
    RefusedError,
    examples,
    operations,
    singular,
)

__all__ = ["Lists", "lists_of"]

_FIRST_RANKING: Final = date(2021, 1, 1)
_SEARCHED: Final = {
    "influencer": ("user_id", "nick_name", "unique_id"),
    "product": ("product_id", "product_name", "category_name"),
    "seller": ("seller_id", "seller_name"),
    "video": ("video_id", "video_desc"),
    "live": ("room_id", "title"),
}
"""What a search is for, and the fields that it looks at."""
_FIELDS: Final = {
    "influencer_category_name": "category",
    "influencer_language": "language",
    "product_category_id": "product_category_list",
    "product_id": "video_products",
}
"""Filters that are not called as the field that they look at."""
_LOOKED_AT: Final = 2000
"""What a search looks at."""
_CONTAINED: Final = {"product_category_list", "video_products"}


class Lists:
    """What answers are cut from; the order is that of a request that does not sort.

    Args:
        data: what there is.
    """

    def __init__(self, data: Data) -> None:
        self.data = data
        self.read: Callable[
            [Operation, tuple[tuple[str, str], ...], date], tuple[Shape, Sequence[Entry]]
        ] = lru_cache(256)(self._read)
        self._shape: Callable[[Operation, str, int], Shape] = cache(self._make_shape)

    def _read(
        self, operation: Operation, asked: tuple[tuple[str, str], ...], today: date
    ) -> tuple[Shape, Sequence[Entry]]:
        """The whole list: what the documentation shows of it first, unless it is to be sorted."""
        params = dict(asked)
        for name in {"unique_id", "unique_ids"} & params.keys():
            params[name.replace("unique", "user")] = self._users(name, params.pop(name))
        subject = operation.subject or _SEARCHED[operation.value(params, "type") or ""][0]
        shape = self._shape(operation, subject, int(params.get("type", 0)))
        entries = self._entries(operation, subject, params, today)
        for name, value in params.items():
            if name not in operation.key:
                entries = _filtered(shape, entries, name, value)
        field = operation.value(params, operation.sorting)
        if field and field != "relevance":
            entries = sorted(
                entries,
                key=lambda entry: float(shape.value(field, entry) or 0),
                reverse=operation.value(params, "sort_type") != "asc",
            )
        return shape, entries

    def _make_shape(self, operation: Operation, subject: str, kind: int) -> Shape:
        """The rows' shape; in a search for what nobody documents that of a list."""
        properties = {
            name: schema
            for name, schema in operation.properties.items()
            if "x-when" not in schema or kind in schema["x-when"]["type"]
        }
        listed = (one.properties for one in operations().values() if one.row_key == [subject])
        return Shape(operation, subject, properties or next(listed), self.data)

    def _entries(
        self, operation: Operation, subject: str, params: Mapping[str, str], today: date
    ) -> Sequence[Entry]:
        key = operation.row_key or [subject]
        keys = {singular(name): params[name].split(",") for name in operation.key if name in params}
        shown = [
            row
            for row in examples()[operation.path]["rows"]
            if all(row.get(name) in keys[name] for name in keys.keys() & operation.properties)
        ]
        if "dt" in key:
            return self._days(params[operation.key[0]], params, today, operation.max_days)
        if "date" in operation.key:
            made = self._ranking(operation, params, today)
            shown = shown if made else []
        elif "sk" in operation.key:
            matches = _search(operation, params)
            regions = [params["region"]] if "region" in params else dict.fromkeys(MARKETS)
            ids = chain.from_iterable(self.data.of_region(subject, one) for one in regions)
            found = (one for one in islice(ids, _LOOKED_AT))
            made = [(one, {}) for one in found if matches(self.data.facts(subject, one))]
            shown = [row for row in shown if subject in row and matches(row)]
        elif "language" in operation.key:
            made = _categories(operation, params)
        else:
            made = self._by_id(operation, params)
        known = {tuple(row[name] for name in key) for row in shown}
        rest = (e for e in made if tuple(e[1].get(name, e[0]) for name in key) not in known)
        return [*((row[subject], {"_row": row}) for row in shown), *(rest if shown else made)]

    def _by_id(self, operation: Operation, params: Mapping[str, str]) -> Sequence[Entry]:
        """The details of some ids, or what one id leads to."""
        name = next(name for name in operation.key if name in params)
        ids = dict.fromkeys(filter(None, params[name].split(",")))
        kind, subject = singular(name), operation.subject
        if kind != subject:
            said = {} if kind == "region" else {kind: params[name]}
            return [(one, said) for one in self.data.related(kind, params[name], subject)]
        if operation.row_key == [subject]:
            return [(one, {}) for one in ids if self.data.is_collected(subject, one)]
        return [
            (one, {"product_id": product_id})
            for one in ids
            for product_id in self.data.products_in(self.data.facts(subject, one))
        ]

    def _users(self, name: str, handles: str) -> str:
        found = [self.data.user_of(handle) for handle in handles.split(",")]
        if name == "unique_id" and None in found:
            raise RefusedError(200, 400, "unique_id is invalid")
        return ",".join(one for one in found if one is not None)

    def _ranking(
        self, operation: Operation, params: Mapping[str, str], today: date
    ) -> Sequence[Entry]:
        """Nothing unless the date begins a period, and that is over."""
        day = date.fromisoformat(params["date"])
        next_month = (day.replace(day=1) + timedelta(31)).replace(day=1)
        begins, days = {
            "day": (True, 1),
            "week": (day.weekday() == 0, 7),
            "month": (day.day == 1, (next_month - day).days),
        }[operation.value(params, "rank_type") or ""]
        if not (begins and day >= _FIRST_RANKING and day + timedelta(days) <= today):
            return []
        ids = self.data.of_region(operation.subject, params["region"])
        rng = Random(f"{self.data.seed}{operation.path}{day}{days}{params['region']}")
        said = {"_from": day, "dt": day + timedelta(days)}
        return [(one, said) for one in rng.sample(ids, min(len(ids), rng.randint(100, 150)))]

    def _days(self, one: str, params: Mapping[str, str], today: date, most: int) -> Sequence[Entry]:
        """The days of a trend; some are missing: then nothing changed."""
        first = max(date.fromisoformat(params["start_date"]), today - timedelta(most))
        last = min(date.fromisoformat(params["end_date"]), today - timedelta(1))
        days = (first + timedelta(number) for number in range(-30, (last - first).days + 1))
        known = (day for day in days if chance(f"{self.data.seed} {one} {day}") > 0.15)
        return [(one, {"dt": day, "_from": b}) for b, day in pairwise(known) if day >= first]


def _search(operation: Operation, params: Mapping[str, str]) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a name has the text; or is the text, if the search is precise."""
    _, *names = _SEARCHED[operation.value(params, "type") or ""]
    precise = operation.value(params, "searchType") == "precise"
    wanted = params["sk"].casefold()

    def matches(facts: Mapping[str, Any]) -> bool:
        texts = [facts[name].casefold() for name in names]
        return wanted in (texts if precise else " ".join(texts))

    return matches


def _categories(operation: Operation, params: Mapping[str, str]) -> Sequence[Entry]:
    level = ["primary", "secondary", "tertiary"].index(operation.path.split("/")[-2]) + 1
    return [
        (one, {"language": params["language"]})
        for one, _, its_level, parent in CATEGORIES.values()
        if its_level == level and params.get("parent_id", parent) == parent
    ]


def _filtered(shape: Shape, entries: Sequence[Entry], name: str, value: str) -> Sequence[Entry]:
    """The rows that a parameter allows: all, where it is about no field of theirs."""
    for prefix, sign in (("min_", 1), ("max_", -1)):
        if name.startswith(prefix):
            field, bound = name[4:], sign * float(value)
            return [e for e in entries if sign * float(shape.value(field, e) or 0) >= bound]
    field = name if name in shape.properties else _FIELDS.get(name, name)
    if field not in shape.properties:
        return entries
    if field in _CONTAINED:
        return [e for e in entries if value in str(shape.value(field, e))]
    return [e for e in entries if str(shape.value(field, e)) == value]


@lru_cache(4)
def lists_of(seed: int) -> Lists:
    """The lists of that seed: once for each process, so that what they remember serves all."""
    return Lists(Data(seed, RULES))
