"""How a list is walked: the options that every stream shares, and their checks."""

from collections.abc import Mapping
from enum import Enum
from typing import Final, TypedDict, TypeVar

import attrs

from keyapi_async.bookmark import Bookmark
from keyapi_async.checks import number
from keyapi_async.errors import InvalidParameterError
from keyapi_async.streams.listing import MAX_PAGE_NUM, Listing

__all__ = ["Paging", "Until"]

T = TypeVar("T")


class Until(Enum):
    """Where a list ends.

    ``SHORT_PAGE``: at the first page with fewer rows than asked for, as the vendor's own client has
    it; no credit is spent to see an empty page. ``EMPTY_PAGE``: only at a page without rows, for
    lists whose pages may be filtered after they were cut; it costs one credit more.
    """

    SHORT_PAGE = "short_page"
    EMPTY_PAGE = "empty_page"


class Paging(TypedDict, total=False):
    """How a stream walks its list; every ``iter_*`` takes these.

    Attributes:
        page_size: rows a page, 1 to 10.
        page_num: the page to begin with, from 1.
        start: a bookmark of the same call, to go on there; not with page_num.
        limit: records at most; 0 asks for nothing.
        prefetch: pages kept in flight ahead of the reader; it may cost as many credits more at
            the end of the list.
        until: where the list ends.
        skip_invalid: pass over invalid rows, counting them in ``stream.rejected``.
    """

    page_size: int
    page_num: int
    start: Bookmark | None
    limit: int | None
    prefetch: int
    until: Until
    skip_invalid: bool


@attrs.frozen
class Walk:
    """The checked options of one stream."""

    page_size: int
    start: Bookmark
    limit: int | None
    prefetch: int
    until: Until
    skip_invalid: bool


def checked(
    listing: Listing[T],
    *,
    page_size: int = 10,
    page_num: int = 1,
    start: Bookmark | None = None,
    limit: int | None = None,
    prefetch: int = 0,
    until: Until = Until.SHORT_PAGE,
    skip_invalid: bool = False,
) -> Walk:
    """Check the paging options of a listing.

    Raises:
        InvalidParameterError: one cannot be, or means nothing for this listing.
    """
    pages = listing.pages
    if pages is None:
        for name, value in (("page_num", page_num), ("page_size", page_size)):
            if value != DEFAULTS[name] or isinstance(value, bool):
                raise InvalidParameterError(name, value, f"{listing.name} has no pages")
    most_rows, last = (10, 1) if pages is None else (pages.most_rows, pages.maximum)
    page_size = number("page_size", page_size, 1, most_rows)
    page_num = number("page_num", page_num, 1, last)
    prefetch = number("prefetch", prefetch, 0, MAX_PAGE_NUM)
    if prefetch and pages is None and len(listing.queries) == 1:
        raise InvalidParameterError("prefetch", prefetch, f"{listing.name} is a single call")
    if not isinstance(until, Until):
        raise InvalidParameterError("until", until, "Until.SHORT_PAGE or Until.EMPTY_PAGE")
    if not isinstance(skip_invalid, bool):
        raise InvalidParameterError("skip_invalid", skip_invalid, "True or False")
    if start is None:
        begin = Bookmark(page_num, 0, page_size)
    elif page_num != 1:
        raise InvalidParameterError("page_num", page_num, "either page_num or start, not both")
    else:
        begin = _start(listing, start, page_size, last)
    limit = None if limit is None else number("limit", limit, 0)
    return Walk(page_size, begin, limit, prefetch, until, skip_invalid)


DEFAULTS: Final[Mapping[str, object]] = checked.__kwdefaults__ or {}
"""Of every option of ``Paging``."""


def _start(listing: Listing[T], start: Bookmark, page_size: int, last: int) -> Bookmark:
    if not isinstance(start, Bookmark):
        allowed = "a bookmark of the same call; page_num= begins with a page"
    elif start.page_size != page_size:
        allowed = f"a bookmark of page_size={page_size}: pages of another size begin elsewhere"
    elif start.listing and start.listing != listing.fingerprint:
        allowed = "a bookmark of this very call: this one belongs to another list or sorting"
    else:
        return Bookmark(
            # One more than there can be: a list of exactly so many pages leaves its reader there.
            number("start.page_num", start.page_num, 1, last + 1),
            number("start.offset", start.offset, 0),  # a page may have more rows than asked for
            page_size,
            number("start.part", start.part, 0, max(len(listing.queries), 1) - 1),
        )
    raise InvalidParameterError("start", start, allowed)
