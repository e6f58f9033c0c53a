"""What there is to ask for, and the lists that answers are cut from, sorted and filtered."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from itertools import chain, islice
from typing import Final

from keyapi_async.sandbox.entities import Entities
from keyapi_async.sandbox.lists import Entry, Lists
from keyapi_async.sandbox.rows import Shape, compare
from keyapi_async.sandbox.specification import Operation, operations
from keyapi_async.sandbox.words import nodes

__all__ = ["Reader", "Samples", "data_of"]

_FIELDS: Final = {
    "influencer_category_name": "category",
    "influencer_language": "language",
    "product_category_id": "product_category_list",
    "product_id": "video_products",
}
"""Filters that are not called as the field that they look at."""
_CONTAINED: Final = {"product_category_list", "video_products"}


class Samples:
    """What there is to ask for: ids, and the whole lists that the pages are cut from."""

    _lists: Lists
    _entities: Entities

    def product_ids(self, count: int) -> list[str]:
        """Some products, lists of all lengths among them; the documented ones first."""
        return self._entities.products.sample(count)

    def user_ids(self, count: int) -> list[str]:
        """Some creators; the documented ones first."""
        return self._entities.users.sample(count)

    def seller_ids(self, count: int) -> list[str]:
        """Some shops; the documented ones first."""
        return self._entities.sellers.sample(count)

    def unique_ids(self, count: int) -> list[str]:
        """The handles of `user_ids(count)`."""
        return [self._entities.facts("user_id", one)["unique_id"] for one in self.user_ids(count)]

    def video_ids(self, count: int) -> list[str]:
        """Some videos, at most five of one creator."""
        found = (
            islice(self._lists.media_of_user("video_id", user_id), 5)
            for user_id in self._entities.users.walk()
        )
        return list(islice(chain.from_iterable(found), count))

    def category_ids(self, count: int) -> list[str]:
        """Some categories, those of the first level first."""
        return [one for one, _, _, _ in sorted(nodes(), key=lambda node: node[2])][:count]


class Reader:
    """Lists that are sorted and filtered as asked, the latest of them remembered."""

    def __init__(self, entities: Entities, lists: Lists) -> None:
        self._entities, self._lists = entities, lists
        self._shapes: dict[str, Shape] = {}
        self.read = lru_cache(256)(self._read)

    def _read(
        self, operation: Operation, kept: tuple[tuple[str, str], ...], today: date
    ) -> tuple[Shape, Sequence[Entry]]:
        params = dict(kept)
        entries = self._lists.entries(operation, params, today)
        shape = self._shape(_shown_by(operation, params))
        for name, value in params.items():
            if name not in operation.key:
                entries = self._filtered(shape, operation, entries, name, value)
        sorting = operation.sorting
        field = sorting and operation.value(params, sorting.name)
        if field:
            entries = sorted(
                entries,
                key=lambda entry: compare(shape.value(field, entry)),
                reverse=operation.value(params, "sort_type") != "asc",
            )
        return shape, entries

    def _shape(self, operation: Operation) -> Shape:
        if operation.path not in self._shapes:
            self._shapes[operation.path] = Shape(operation, self._entities, self._lists)
        return self._shapes[operation.path]

    @staticmethod
    def _filtered(
        shape: Shape, operation: Operation, entries: Sequence[Entry], name: str, value: str
    ) -> Sequence[Entry]:
        """The rows that a parameter allows: all, where it is about no field of theirs."""
        for prefix, sign in (("min_", 1), ("max_", -1)):
            field = name.removeprefix(prefix)
            if field != name and field in operation.properties:
                bound = sign * float(value)
                return [e for e in entries if sign * compare(shape.value(field, e)) >= bound]
        field = name if name in operation.properties else _FIELDS.get(name, name)
        if field not in operation.properties:
            return entries
        if field in _CONTAINED:
            return [e for e in entries if value in str(shape.value(field, e))]
        return [e for e in entries if str(shape.value(field, e)) == value]


def _shown_by(operation: Operation, params: Mapping[str, str]) -> Operation:
    """The operation whose rows are shown: in a search for what nobody documents, that of a list."""
    kind = params.get("type")
    whens = [schema.get("x-when") for schema in operation.properties.values()]
    if "sk" not in params or any(int(kind or 0) in when["type"] for when in whens if when):
        return operation
    wanted = Lists.searched(operation, params)
    return next(one for one in operations().values() if one.row_key == [wanted])


@lru_cache(4)
def data_of(seed: int) -> tuple[Entities, Lists, Reader]:
    """The data of that seed: once for each process, so that what it remembers serves all."""
    entities = Entities(seed)
    lists = Lists(entities, seed)
    return entities, lists, Reader(entities, lists)
