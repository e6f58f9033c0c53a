"""Product categories, three levels of them."""

from enum import IntEnum
from typing import Annotated, Final, Unpack

import attrs

from keyapi_async.api.declaration import Resource, endpoint, page_of
from keyapi_async.api.params import Id, Language
from keyapi_async.records.codec import inferred
from keyapi_async.records.fields import Identity, OtherId, Text, choice, doc
from keyapi_async.streams.paging import Paging
from keyapi_async.streams.stream import RecordStream

__all__ = ["Category", "CategoryLevel"]


class CategoryLevel(IntEnum):
    """Level of a product category."""

    PRIMARY = 1
    SECONDARY = 2
    TERTIARY = 3


Level = Annotated[CategoryLevel | int | None, choice(CategoryLevel, write=lambda v: str(int(v)))]


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=inferred)
class Category:
    """A product category."""

    category_id: Annotated[Identity, "Product category; the first level where the API has several."]
    category_level: Level = doc("Level of the category, as text.")
    category_name: Text = doc("Name in the language that was asked for.")
    language: Text = doc("Language code, such as en or en-US.")
    parent_id: OtherId = doc("Category one level up; '0' at the top.")
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


class CategoryResource(Resource):
    """Endpoints below ``/v1/tiktok/category``."""

    @endpoint("/v1/tiktok/category/primary/analytics", key="language", pages=None)
    def iter_primary(
        self, *, language: Language, **paging: Unpack[Paging]
    ) -> RecordStream[Category]:
        """Stream the first-level categories; one answer holds them all."""
        raise NotImplementedError

    primary: Final = page_of(iter_primary)

    @endpoint("/v1/tiktok/category/secondary/analytics", key=("language", "parent_id"), pages=None)
    def iter_secondary(
        self, *, language: Language, parent_id: Id | None = None, **paging: Unpack[Paging]
    ) -> RecordStream[Category]:
        """Stream second-level categories; one answer holds them all."""
        raise NotImplementedError

    secondary: Final = page_of(iter_secondary)

    @endpoint("/v1/tiktok/category/tertiary/analytics", key=("language", "parent_id"), pages=None)
    def iter_tertiary(
        self, *, language: Language, parent_id: Id | None = None, **paging: Unpack[Paging]
    ) -> RecordStream[Category]:
        """Stream third-level categories.

        One answer holds all rows; some second-level categories have no children.
        """
        raise NotImplementedError

    tertiary: Final = page_of(iter_tertiary)
