"""The lists: which ids stand in the answer to which question, sorted and filtered as asked."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from typing import Any, Final, NamedTuple

from keyapi_async.sandbox.data import RULES, TABLES, Facts, chance, facts_of, in_region, user_of
from keyapi_async.sandbox.specification import Operation, RefusedError, examples, singular, written

Row = dict[str, Any]


class Entry(NamedTuple):
    """What a row is about, what its list says besides, and, of an example, the row."""

    facts: Facts
    said: Mapping[str, Any] = {}
    shown: Row | None = None


class List:
    """The answer to one question, whole: what the documentation shows of it first."""

    def __init__(
        self, operation: Operation, params: tuple[tuple[str, str], ...], today: date, seed: int
    ) -> None:
        self._operation, self._today, self._seed = operation, today, seed
        self._params = asked = dict(params)
        for name in {"unique_id", "unique_ids"} & asked.keys():
            found = [user_of(handle, seed) for handle in asked.pop(name).split(",")]
            if name == "unique_id" and None in found:
                raise RefusedError("unique_id is invalid", 200)
            asked[name.replace("unique", "user")] = ",".join(filter(None, found))
        searched = operation.value(asked, "type") or ""
        self._subject, *self._names = TABLES["searched"].get(searched, [operation.subject])
        self._properties = operation.row(self._subject, int(asked.get("type", 0)))
        self._entries = self._all()
        for name in asked.keys() - {*operation.key}:
            self._filter(name, asked[name])
        self._sort()

    def __len__(self) -> int:
        return len(self._entries)

    def rows(self, start: int, stop: int) -> list[Row]:
        """Some rows as they go over the wire; shared: never to be changed."""
        return [self._row(entry) for entry in self._entries[start:stop]]

    def _row(self, entry: Entry) -> Row:
        if entry.shown is not None:
            return entry.shown
        row = ((name, self._value(name, entry)) for name in self._properties)
        return {name: value for name, value in row if value is not None}

    def _value(self, name: str, entry: Entry) -> Any:
        """One field of a row, also one that the row does not show."""
        if entry.shown is not None:
            return entry.shown.get(name)
        value = self._fact(name, entry.facts, entry.said)
        schema = self._properties.get(name)
        return value if value is None or schema is None else written(schema, value)

    def _fact(self, name: str, facts: Facts, said: Mapping[str, Any]) -> Any:
        if name in said:
            return said[name]
        if name.startswith("total_") and "dt" in said:
            return facts.on(name, said["dt"], said["_from"], is_sum=said["_is_sum"])
        if name.startswith("per_product_ifl_"):
            luck = chance(said["product_id"] + facts.id)  # nothing is sold by half of them
            count = 0 if luck < 0.5 else int(3 * (2 - 2 * luck + 1e-5) ** -0.7)
            return count * facts["spu_avg_price"] if "gmv" in name else count
        return facts[name]

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
        made: Iterable[Entry] = ()
        if "date" in operation.key:
            made = self._ranking()
            shown = shown if made else []
        elif "sk" in operation.key:
            made = self._found()
            shown = [row for row in shown if subject in row and self._matches(row)]
        elif "language" in operation.key:
            made = self._categories()
        elif subject in RULES:  # to ids of another kind nothing leads but the examples
            made = self._by_id()
        known = {tuple(row[name] for name in key) for row in shown}
        rest = (e for e in made if tuple(e.said.get(name, e.facts.id) for name in key) not in known)
        return [*(Entry(self._facts(row[subject]), {}, row) for row in shown), *rest]

    def _facts(self, one: str) -> Facts:
        return facts_of(self._subject, one, self._seed)

    def _by_id(self) -> Iterable[Entry]:
        """The details of some ids, or what one id leads to."""
        subject = self._subject
        name = next(name for name in self._operation.key if name in self._params)
        kind, value = singular(name), self._params[name]
        if kind == "region":
            return [Entry(self._facts(one)) for one in in_region(subject, value, self._seed)]
        ids = dict.fromkeys(filter(None, value.split(",")))
        asked = [facts_of(kind, one, self._seed) for one in ids]
        if self._operation.row_key == [kind]:
            return [Entry(one) for one in asked if one["_has_detail"]]
        if kind == subject:
            found = ((one, product) for one in asked for product in one.related("product_id"))
            return [Entry(one, {"product_id": product}) for one, product in found]
        return [Entry(self._facts(one), {kind: value}) for one in asked[0].related(subject)]

    def _ranking(self) -> Sequence[Entry]:
        """Nothing unless the date begins a period, and that is over."""
        day = min(date.fromisoformat(self._params["date"]), self._today)
        next_month = (day.replace(day=1) + timedelta(31)).replace(day=1)
        begins, end = {
            "day": (True, day + timedelta(1)),
            "week": (day.weekday() == 0, day + timedelta(7)),
            "month": (day.day == 1, next_month),
        }[self._operation.value(self._params, "rank_type") or ""]
        if not begins or end > self._today:
            return []
        ids = sorted(
            in_region(self._subject, self._params["region"], self._seed),
            key=lambda one: chance(f"{self._seed}{self._operation.path}{day}{end}{one}"),
        )
        said = {"_from": day, "dt": end, "_is_sum": True}
        return [Entry(self._facts(one), said) for one in ids[:120]]

    def _days(self, one: str) -> Sequence[Entry]:
        """The days of a trend; some are missing: then nothing changed."""
        begin, end = (date.fromisoformat(self._params[f"{name}_date"]) for name in ("start", "end"))
        first = max(begin, self._today - timedelta(self._operation.max_days))
        last = min(end, self._today - timedelta(1))
        days = (first + timedelta(number) for number in range(-30, (last - first).days + 1))
        known = (day for day in days if chance(f"{self._seed} {one} {day}") > 0.15)
        return [
            Entry(self._facts(one), {"_from": before, "dt": day, "_is_sum": False})
            for before, day in pairwise(known)
            if day >= first
        ]

    def _found(self) -> Iterable[Entry]:
        """What a search finds among the first two thousand."""
        ids = in_region(self._subject, self._params.get("region"), self._seed)
        facts = (self._facts(one) for one in islice(ids, 2000))
        return (Entry(one) for one in facts if self._matches(one))

    def _matches(self, facts: Mapping[str, Any]) -> bool:
        """Whether a name has the text; or is the text, if the search is precise."""
        texts = [facts[name].casefold() for name in self._names]
        precise = self._operation.value(self._params, "searchType") == "precise"
        return self._params["sk"].casefold() in (texts if precise else " ".join(texts))

    def _categories(self) -> Iterable[Entry]:
        level = ["primary", "secondary", "tertiary"].index(self._operation.path.split("/")[-2])
        for one in TABLES["categories"]:
            parent = self._params.get("parent_id", one["parent_id"])
            if (one["category_level"], one["parent_id"]) == (level + 1, parent):
                yield Entry(self._facts(one["category_id"]), {"language": self._params["language"]})

    def _filter(self, name: str, value: str) -> None:
        """Keep the rows that a parameter allows: all, where it is about no field of theirs."""
        field = name if name in self._properties else TABLES["filters"].get(name, name)
        allows: Callable[[Any], bool]
        if name.startswith(("min_", "max_")):
            field, sign, bound = name[4:], 1 if name.startswith("min") else -1, float(value)
            allows = lambda its: sign * float(its or 0) >= sign * bound  # noqa: E731
        elif field not in self._properties:
            return
        else:
            contained = field in {"product_category_list", "video_products"}
            allows = lambda its: value in str(its) if contained else str(its) == value  # noqa: E731
        self._entries = [entry for entry in self._entries if allows(self._value(field, entry))]

    def _sort(self) -> None:
        field = self._operation.value(self._params, self._operation.sorting)
        if field and field != "relevance":
            self._entries = sorted(
                self._entries,
                key=lambda entry: float(self._value(field, entry) or 0),
                reverse=self._operation.value(self._params, "sort_type") != "asc",
            )


list_of: Final = lru_cache(256)(List)
"""The list that pages are cut from; the latest are remembered."""
