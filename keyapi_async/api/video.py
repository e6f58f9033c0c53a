"""What is known of a video."""

from collections.abc import Iterable

from keyapi_async import params
from keyapi_async.bookmark import Bookmark
from keyapi_async.call.core import Caller
from keyapi_async.call.wire import query_of
from keyapi_async.errors import InvalidParameterError
from keyapi_async.params import IDS_A_CALL, Id, Until
from keyapi_async.records.converter import VideoProduct
from keyapi_async.streams.stream import Listing, Page, RecordStream, one_page


class Video:
    """Endpoints below ``/v1/tiktok/video``."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def iter_products(
        self,
        video_ids: Id | Iterable[Id],
        *,
        page_size: int = 10,
        start: Bookmark | int | None = None,
        limit: int | None = None,
        prefetch: int = 0,
        until: Until = Until.SHORT_PAGE,
        skip_invalid: bool = False,
    ) -> RecordStream[VideoProduct]:
        """Stream the products that videos show, one record for each video and product.

        Args:
            video_ids: one id, or any number of them; equal ones count once, ten go in one request.
            page_size: rows a page, 1 to 10.
            start: a bookmark of the same call, or a page number; the beginning where None.
            limit: records at most; 0 asks for nothing.
            prefetch: pages kept in flight ahead of the reader; it may cost as many credits more
                at the end of the list.
            until: where the list ends.
            skip_invalid: pass over rows that are no record, counting them in ``stream.rejected``.

        Cost:
            One credit a page.

        Raises:
            InvalidParameterError: at once, before anything is sent.

        Source: ``GET /v1/tiktok/video/products/analytics``.
        """
        return RecordStream(
            self._caller,
            products_listing(video_ids),
            page_size=page_size,
            start=start,
            limit=limit,
            prefetch=prefetch,
            until=until,
            skip_invalid=skip_invalid,
        )

    async def products(
        self,
        video_ids: Id | Iterable[Id],
        page_num: int = 1,
        page_size: int = 10,
    ) -> Page[VideoProduct]:
        """Get one page of the products that up to ten videos show.

        Cost:
            One credit.

        Raises:
            InvalidParameterError: a parameter is refused; nothing was sent.
            KeyAPIError: the page could not be had.

        Source: ``GET /v1/tiktok/video/products/analytics``.
        """
        listing = products_listing(video_ids)
        if len(listing.queries) != 1:
            allowed = f"1 to {IDS_A_CALL} ids; iter_products takes any number"
            raise InvalidParameterError("video_ids", video_ids, allowed)
        return await one_page(self._caller, listing, page_num, page_size)


def products_listing(video_ids: Id | Iterable[Id]) -> Listing[VideoProduct]:
    """Say how the products that videos show are asked for."""
    ids = params.identifiers("video_ids", video_ids)
    queries = tuple(query_of({"video_ids": group}) for group in params.in_groups(ids))
    return Listing("/v1/tiktok/video/products/analytics", VideoProduct, queries)
