"""Pages, as a user sees them and as a stream reads them."""

from typing import Generic, NamedTuple, TypeVar, cast

import attrs

from keyapi_async.errors import DecodeError
from keyapi_async.jsontext import JSON

__all__ = ["Page", "Reject"]

T = TypeVar("T")


@attrs.frozen
class Reject:
    """An invalid row: one that cannot be a record, and why.

    Attributes:
        row: the row as the API sent it.
        error: what is wrong with it.
        offset: its place in the page, from 0.
    """

    row: JSON
    error: DecodeError
    offset: int = 0


@attrs.frozen
class Page(Generic[T]):
    """One page of a list; it cost what one call of its endpoint costs.

    Attributes:
        records: the valid rows, as records, in order.
        rejects: the invalid rows.
        page_num: its number, from 1.
        page_size: how many rows were asked for.
        request_id: the API's id of the answer, or None.
        is_last: whether the list ends here.
    """

    records: tuple[T, ...]
    rejects: tuple[Reject, ...]
    page_num: int
    page_size: int
    request_id: str | None
    is_last: bool


class Place(NamedTuple):
    """Which page of which part; places compare in the order in which they are read."""

    part: int
    page_num: int


@attrs.define(eq=False)
class FetchedPage(Generic[T]):
    """A page as it came: every row in its place, as a record or as a reject."""

    place: Place
    rows: list[JSON]
    items: list[T | Reject]
    has_rejects: bool
    request_id: str | None
    following: Place | None

    def between(self, begin: int, end: int, page_size: int) -> Page[T]:
        """Show the rows between two offsets as a page."""
        items = self.items[begin:end]
        rejects = [item for item in items if isinstance(item, Reject)] if self.has_rejects else ()
        records = [item for item in items if not isinstance(item, Reject)] if rejects else items
        return Page(
            tuple(cast("list[T]", records)),
            tuple(rejects),
            self.place.page_num,
            page_size,
            self.request_id,
            self.following is None,
        )
