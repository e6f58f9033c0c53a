"""The search: one answer of up to thirty rows."""

from collections.abc import Callable
from enum import IntEnum
from typing import Final, Unpack

import attrs

from keyapi_async.api import params
from keyapi_async.api.declaration import Declared, P, Resource, Rows, S, T, endpoint, page_of
from keyapi_async.api.params import Region
from keyapi_async.records.codec import inferred
from keyapi_async.records.fields import Amount, Count, OtherId, Text, Url, doc
from keyapi_async.streams.paging import Paging
from keyapi_async.streams.stream import RecordStream

__all__ = ["FoundInfluencer", "SearchSortType", "SearchType"]


class SearchType(IntEnum):
    """How ``searchType`` compares words."""

    FUZZY = 0
    PRECISE = 1


class SearchSortType(IntEnum):
    """What ``sortType`` sorts what is found by."""

    RELEVANCE = 0
    SPU_AVG_PRICE = 1
    TOTAL_SALE_7D_CNT = 2
    TOTAL_SALE_GMV_7D_AMT = 3
    TOTAL_SALE_CNT = 4
    TOTAL_SALE_GMV_AMT = 5
    TOTAL_IFL_CNT = 6
    TOTAL_VIDEO_CNT = 7


def _searched(kind: int) -> Callable[[Declared[S, P, T]], Declared[S, P, T]]:
    """Make the method that opens the stream of a search; the API numbers what is searched for."""
    return endpoint(
        "/v1/tiktok/search/analytics",
        key="sk",
        evidence="inferred",
        pages=None,
        wire={"search_type": "searchType", "sort_type": "sortType"},
        fixed={"type": str(kind)},
    )


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=inferred)
class FoundInfluencer:
    """An influencer that a search found."""

    avatar: Url = doc("Profile picture; the vendor's image host is not publicly readable.")
    category: Text = doc("Field of the creator, such as Beauty.")
    region: Text = doc("Market as a two-letter code.")
    highlight: Text = doc("Only ever seen as null.")
    contact_email: Text = doc("Address shown on the profile; personal data.")
    influencer_level: Text = doc("Size class as a number; its scale is unstated.")
    nick_name: Text = doc("Display name of the account.")
    total_digg_cnt: Count = doc("Likes; all-time.")
    total_followers_cnt: Count = doc("Followers.")
    total_live_cnt: Count = doc("Livestreams; all-time.")
    total_live_views_cnt: Count = doc("Views of livestreams; all-time.")
    total_post_video_cnt: Count = doc("Videos published; all-time.")
    total_product_cnt: Count = doc("Products shown, promoted or ever listed, by kind of row.")
    total_sale_cnt: Count = doc("Units sold, estimated; all-time.")
    total_sale_gmv_amt: Amount = doc("GMV, estimated; all-time; currency unstated.")
    total_views_cnt: Count = doc("Views; all-time.")
    unique_id: OtherId = doc("Public handle without @; it can change.")
    user_id: OtherId = doc("Permanent numeric id of the TikTok account.")
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


class SearchResource(Resource):
    """Endpoints of ``/v1/tiktok/search``."""

    @_searched(1)
    def iter_influencers(
        self,
        sk: params.Text,
        *,
        size: params.SearchSize = 30,
        region: Region | None = None,
        search_type: SearchType | int | None = None,
        sort_type: SearchSortType | int | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[FoundInfluencer]:
        """Stream the influencers that a search finds.

        At most thirty rows, in one answer, with few fields; details endpoints have the rest.
        """
        raise NotImplementedError

    influencers: Final = page_of(iter_influencers)

    @_searched(2)
    def iter_products(
        self,
        sk: params.Text,
        *,
        size: params.SearchSize = 30,
        region: Region | None = None,
        search_type: SearchType | int | None = None,
        sort_type: SearchSortType | int | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[Rows]:
        """Stream the products that a search finds, as dicts.

        At most thirty rows, in one answer, with few fields; details endpoints have the rest.
        """
        raise NotImplementedError

    products: Final = page_of(iter_products)

    @_searched(3)
    def iter_shops(
        self,
        sk: params.Text,
        *,
        size: params.SearchSize = 30,
        region: Region | None = None,
        search_type: SearchType | int | None = None,
        sort_type: SearchSortType | int | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[Rows]:
        """Stream the shops that a search finds, as dicts.

        At most thirty rows, in one answer, with few fields; details endpoints have the rest.
        """
        raise NotImplementedError

    shops: Final = page_of(iter_shops)

    @_searched(4)
    def iter_videos(
        self,
        sk: params.Text,
        *,
        size: params.SearchSize = 30,
        region: Region | None = None,
        search_type: SearchType | int | None = None,
        sort_type: SearchSortType | int | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[Rows]:
        """Stream the videos that a search finds, as dicts.

        At most thirty rows, in one answer, with few fields; details endpoints have the rest.
        """
        raise NotImplementedError

    videos: Final = page_of(iter_videos)

    @_searched(5)
    def iter_livestreams(
        self,
        sk: params.Text,
        *,
        size: params.SearchSize = 30,
        region: Region | None = None,
        search_type: SearchType | int | None = None,
        sort_type: SearchSortType | int | None = None,
        **paging: Unpack[Paging],
    ) -> RecordStream[Rows]:
        """Stream the live streams that a search finds, as dicts.

        At most thirty rows, in one answer, with few fields; details endpoints have the rest.
        """
        raise NotImplementedError

    livestreams: Final = page_of(iter_livestreams)
