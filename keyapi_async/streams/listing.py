"""What a stream walks, and how its API pages."""

from collections.abc import Mapping
from functools import cached_property
from hashlib import blake2b
from typing import Generic, TypeVar

import attrs

from keyapi_async.call.wire import Envelope
from keyapi_async.checks import number

__all__ = ["PageLimit", "PageNum"]

T = TypeVar("T")

MAX_PAGE_NUM = 100_000
MAX_PAGE_SIZE = 10


def _checked(_: object, __: object, maximum: int) -> None:
    number("maximum", maximum, 1)


@attrs.frozen
class PageNum:
    """Pages by ``page_num`` and ``page_size``, as every analytics list has them.

    Attributes:
        maximum: the last page that the API serves.
    """

    maximum: int = attrs.field(default=MAX_PAGE_NUM, validator=_checked)
    most_rows = MAX_PAGE_SIZE

    def query(self, page_num: int, page_size: int) -> str:
        """Write what asks for one page."""
        return f"page_num={page_num}&page_size={page_size}"

    goes_on = None  # no answer of theirs says that


@attrs.frozen
class PageLimit:
    """Pages by ``page`` and ``limit``, as the trending and insights lists have them.

    The list ends where the answer's ``data.pagination.has_more`` is false, or at a page without
    rows; where it is true, a short page is no end, as a server may give fewer rows than asked for.

    Attributes:
        maximum: the last page that is asked for.
    """

    maximum: int = attrs.field(default=MAX_PAGE_NUM, validator=_checked)
    most_rows = 100

    def query(self, page_num: int, page_size: int) -> str:
        """Write what asks for one page."""
        return f"page={page_num}&limit={page_size}"

    def goes_on(self, envelope: Envelope) -> bool | None:
        """Say whether the answer itself says that the list goes on, if it does."""
        return envelope.has_more


Pages = PageNum | PageLimit


@attrs.frozen(kw_only=True, slots=False)
class Listing(Generic[T]):
    """What a stream walks: made by the declaration of an endpoint, or by ``iter_records``.

    Attributes:
        name: resource and name of the endpoint, such as ``product creators``, or a path.
        path: where it is asked for.
        into: what a row becomes.
        queries: the query of each part, paging left out; ids go in groups, all else is one part.
        key: the parameters that tell one list from another, as they are sent.
        shared: all other parameters, as they are sent.
        ids: what the API calls the parameter that takes several ids a call, or None.
        ids_per_call: how many it takes.
        pages: how it is paged, or None where each part is one call.
        rows: where the rows stand in the answer.
        credits: what one call costs.
    """

    name: str
    path: str
    into: type[T]
    queries: tuple[str, ...]
    key: Mapping[str, str] = {}
    shared: Mapping[str, str] = {}
    ids: str | None = None
    ids_per_call: int = 10
    pages: Pages | None = PageNum()
    rows: str = "data"
    credits: int = 1

    @cached_property
    def fingerprint(self) -> str:
        """What tells this listing from every other, for its bookmarks."""
        text = "\n".join((self.path, self.rows, *self.queries))
        return blake2b(text.encode(), digest_size=6).hexdigest()
