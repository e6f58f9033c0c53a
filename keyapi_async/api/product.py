"""What is known of a product."""

from keyapi_async import params
from keyapi_async.bookmark import Bookmark
from keyapi_async.call.core import Caller
from keyapi_async.call.wire import query_of
from keyapi_async.params import Id, ProductInfluencerSortField, SortType, Until
from keyapi_async.records.converter import ProductCreator
from keyapi_async.streams.stream import Listing, Page, RecordStream, one_page


class Product:
    """Endpoints below ``/v1/tiktok/product``."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def iter_creators(
        self,
        product_id: Id,
        *,
        product_influencer_sort_field: ProductInfluencerSortField | int | None = None,
        sort_type: SortType | int | None = None,
        page_size: int = 10,
        start: Bookmark | int | None = None,
        limit: int | None = None,
        prefetch: int = 0,
        until: Until = Until.SHORT_PAGE,
        skip_invalid: bool = False,
    ) -> RecordStream[ProductCreator]:
        """Stream the influencers who promoted a product.

        Args:
            product_id: id of the product.
            product_influencer_sort_field: what to sort by.
            sort_type: direction of the sort.
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

        Source: ``GET /v1/tiktok/product/creators/analytics``.
        """
        return RecordStream(
            self._caller,
            creators_listing(product_id, product_influencer_sort_field, sort_type),
            page_size=page_size,
            start=start,
            limit=limit,
            prefetch=prefetch,
            until=until,
            skip_invalid=skip_invalid,
        )

    async def creators(
        self,
        product_id: Id,
        page_num: int = 1,
        page_size: int = 10,
        *,
        product_influencer_sort_field: ProductInfluencerSortField | int | None = None,
        sort_type: SortType | int | None = None,
    ) -> Page[ProductCreator]:
        """Get one page of the influencers who promoted a product.

        Cost:
            One credit.

        Raises:
            InvalidParameterError: a parameter is refused; nothing was sent.
            KeyAPIError: the page could not be had.

        Source: ``GET /v1/tiktok/product/creators/analytics``.
        """
        listing = creators_listing(product_id, product_influencer_sort_field, sort_type)
        return await one_page(self._caller, listing, page_num, page_size)


def creators_listing(
    product_id: Id,
    product_influencer_sort_field: ProductInfluencerSortField | int | None,
    sort_type: SortType | int | None,
) -> Listing[ProductCreator]:
    """Say how the influencers who promoted a product are asked for."""
    query = query_of(
        {
            "product_id": params.identifier("product_id", product_id),
            "product_influencer_sort_field": params.optional_choice(
                "product_influencer_sort_field",
                product_influencer_sort_field,
                ProductInfluencerSortField,
            ),
            "sort_type": params.optional_choice("sort_type", sort_type, SortType),
        }
    )
    return Listing("/v1/tiktok/product/creators/analytics", ProductCreator, (query,))
