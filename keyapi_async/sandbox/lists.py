"""The lists: which ids stand in the answer to which question, sorted and filtered as asked."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from itertools import chain, islice, pairwise
from random import Random
from typing import Any, Final

from keyapi_async.sandbox.data import MARKETS, Data, chance
from keyapi_async.sandbox.rows import Entry, Row, shape_of
from keyapi_async.sandbox.rules import CATEGORIES, RULES
from keyapi_async.sandbox.specification import Operation, RefusedError, examples, singular

__all__ = ["List", "data_of", "list_of"]

_SEARCHED: Final = {
    "influencer": ["user_id", "nick_name", "unique_id"],
    "product": ["product_id", "product_name", "category_name"],
    "seller": ["seller_id", "seller_name"],
    "video": ["video_id", "video_desc"],
    "live": ["room_id", "title"],
}
"""What a search is for, and the fields that it looks at."""
_LOOKED_AT: Final = 2000
"""How many a search looks at."""
_FIELDS: Final = {
    "influencer_category_name": "category",
    "influencer_language": "language",
    "product_category_id": "product_category_list",
    "product_id": "video_products",
}
"""Filters that are not called as the field that they look at."""
_CONTAINED: Final = {"product_category_list", "video_products"}


class List:
    """The answer to one question, whole: what the documentation shows of it first.

    Raises:
        RefusedError: no creator has the handle.
    """

    def __init__(
        self, operation: Operation, params: Mapping[str, str], today: date, data: Data
    ) -> None:
        self._operation, self._today, self._data = operation, today, data
        self._params = params = dict(params)
        for name in {"unique_id", "unique_ids"} & params.keys():
            found = [data.user_of(handle) for handle in params.pop(name).split(",")]
            if name == "unique_id" and None in found:
                raise RefusedError(200, 400, "unique_id is invalid")
            params[name.replace("unique", "user")] = ",".join(one for one in found if one)
        searched, *self._names = _SEARCHED.get(operation.value(params, "type") or "", [""])
        self._subject: str = operation.subject or searched
        self._shape = shape_of(operation, self._subject, int(params.get("type", 0)), data)
        self._entries = self._all()
        for name in params.keys() - {*operation.key}:
            self._filter(name, params[name])
        self._sort()

    def __len__(self) -> int:
        return len(self._entries)

    def rows(self, start: int, stop: int) -> list[Row]:
        """Some rows."""
        return [self._shape.row(entry) for entry in self._entries[start:stop]]

    def _all(self) -> Sequence[Entry]:
        operation, params, subject = self._operation, self._params, self._subject
        key = operation.row_key or [subject]
        if "dt" in key:
            return self._days(params[operation.key[0]])
        keys = {singular(name): params[name].split(",") for name in operation.key if name in params}
        shown = [
            row
            for row in examples()[operation.path]["rows"]
            if all(row.get(name) in keys[name] for name in keys.keys() & operation.properties)
        ]
        if "date" in operation.key:
            made = self._ranking()
            shown = shown if made else []
        elif "sk" in operation.key:
            made = self._found()
            shown = [row for row in shown if subject in row and self._matches(row)]
        elif "language" in operation.key:
            made = self._categories()
        else:
            made = self._by_id()
        known = {tuple(row[name] for name in key) for row in shown}
        rest = (e for e in made if tuple(e[1].get(name, e[0]) for name in key) not in known)
        return [*((row[subject], {"_row": row}) for row in shown), *(rest if shown else made)]

    def _by_id(self) -> Sequence[Entry]:
        """The details of some ids, or what one id leads to."""
        data, subject = self._data, self._subject
        name = next(name for name in self._operation.key if name in self._params)
        value, kind = self._params[name], singular(name)
        ids = dict.fromkeys(filter(None, value.split(",")))
        if kind != subject:
            said = {} if kind == "region" else {kind: value}
            return [(one, said) for one in data.related(kind, value, subject)]
        if self._operation.row_key == [subject]:
            return [(one, {}) for one in ids if data.is_collected(subject, one)]
        shown = ((one, data.products_in(data.facts(subject, one))) for one in ids)
        return [(one, {"product_id": product}) for one, products in shown for product in products]

    def _ranking(self) -> Sequence[Entry]:
        """Nothing unless the date begins a period, and that is over."""
        day, region = date.fromisoformat(self._params["date"]), self._params["region"]
        next_month = (day.replace(day=1) + timedelta(31)).replace(day=1)
        begins, end = {
            "day": (True, day + timedelta(1)),
            "week": (day.weekday() == 0, day + timedelta(7)),
            "month": (day.day == 1, next_month),
        }[self._operation.value(self._params, "rank_type") or ""]
        if not begins or end > self._today:
            return []
        ids = self._data.of_region(self._subject, region)
        rng = Random(f"{self._data.seed}{self._operation.path}{day}{end}{region}")
        said = {"_from": day, "dt": end}
        return [(one, said) for one in rng.sample(ids, min(len(ids), rng.randint(100, 150)))]

    def _days(self, one: str) -> Sequence[Entry]:
        """The days of a trend; some are missing: then nothing changed."""
        begin, end = (date.fromisoformat(self._params[f"{name}_date"]) for name in ("start", "end"))
        first = max(begin, self._today - timedelta(self._operation.max_days))
        last = min(end, self._today - timedelta(1))
        days = (first + timedelta(number) for number in range(-30, (last - first).days + 1))
        known = (day for day in days if chance(f"{self._data.seed} {one} {day}") > 0.15)
        return [(one, {"dt": day, "_from": b}) for b, day in pairwise(known) if day >= first]

    def _found(self) -> Sequence[Entry]:
        regions = [self._params["region"]] if "region" in self._params else dict.fromkeys(MARKETS)
        ids = chain.from_iterable(self._data.of_region(self._subject, one) for one in regions)
        facts = (self._data.facts(self._subject, one) for one in islice(ids, _LOOKED_AT))
        return [(one.id, {}) for one in facts if self._matches(one)]

    def _matches(self, facts: Mapping[str, Any]) -> bool:
        """Whether a name has the text; or is the text, if the search is precise."""
        texts = [facts[name].casefold() for name in self._names]
        precise = self._operation.value(self._params, "searchType") == "precise"
        return self._params["sk"].casefold() in (texts if precise else " ".join(texts))

    def _categories(self) -> Sequence[Entry]:
        level = ["primary", "secondary", "tertiary"].index(self._operation.path.split("/")[-2])
        return [
            (one, {"language": self._params["language"]})
            for one, _, its_level, parent in CATEGORIES.values()
            if its_level == level + 1 and self._params.get("parent_id", parent) == parent
        ]

    def _filter(self, name: str, value: str) -> None:
        """Keep the rows that a parameter allows: all, where it is about no field of theirs."""
        shape = self._shape
        field = name if name in shape.properties else _FIELDS.get(name, name)
        allows: Callable[[Any], bool]
        if name.startswith(("min_", "max_")):
            field, sign, bound = name[4:], 1 if name.startswith("min") else -1, float(value)
            allows = lambda its: sign * float(its or 0) >= sign * bound  # noqa: E731
        elif field not in shape.properties:
            return
        elif field in _CONTAINED:
            allows = lambda its: value in str(its)  # noqa: E731
        else:
            allows = lambda its: str(its) == value  # noqa: E731
        self._entries = [entry for entry in self._entries if allows(shape.value(field, entry))]

    def _sort(self) -> None:
        field = self._operation.value(self._params, self._operation.sorting)
        if field and field != "relevance":
            self._entries = sorted(
                self._entries,
                key=lambda entry: float(self._shape.value(field, entry) or 0),
                reverse=self._operation.value(self._params, "sort_type") != "asc",
            )


@lru_cache(4)
def data_of(seed: int) -> Data:
    """The data of that seed: once for each process, so that what it remembers serves all."""
    return Data(seed, RULES)


@lru_cache(256)
def list_of(
    operation: Operation, params: tuple[tuple[str, str], ...], today: date, seed: int
) -> List:
    """The list that pages are cut from; the latest are remembered."""
    return List(operation, dict(params), today, data_of(seed))
