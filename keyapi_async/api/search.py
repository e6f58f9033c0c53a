"""The search: one answer of up to thirty rows."""

import functools
import inspect
from enum import IntEnum
from typing import Any, Final, Unpack, cast

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


def _search(
    self: Resource,
    sk: params.Text,
    *,
    size: params.SearchSize = 30,
    region: Region | None = None,
    search_type: SearchType | int | None = None,
    sort_type: SearchSortType | int | None = None,
    **paging: Unpack[Paging],
) -> RecordStream[Any]:
    """At most thirty rows, in one answer, with few fields; details endpoints have the rest.

    Args:
        sk: Words to search for.
        size: Rows wanted, thirty at most.
        search_type: How words must match: two or more of them, or all; fuzzy by default.
        sort_type: Sorting of products, which no other search knows.
    """
    raise NotImplementedError


def _searched(
    search: Declared[S, P, Any], number: int, what: str, record: type[T]
) -> Declared[S, P, T]:
    """Declare the search for one kind of things, to which the API gives a number."""

    @functools.wraps(search)
    def declared(self: S, *args: P.args, **kwargs: P.kwargs) -> RecordStream[T]:
        raise NotImplementedError

    made = cast("Any", declared)
    made.__name__ = f"iter_{what.replace(' ', '')}"
    made.__qualname__ = f"SearchResource.{made.__name__}"
    found: Any = RecordStream[record]  # type: ignore[valid-type]  # made at run time
    made.__signature__ = inspect.signature(search).replace(return_annotation=found)
    made.__annotations__ = {**search.__annotations__, "return": found}
    dicts = ", as dicts" if record is Rows else ""
    made.__doc__ = f"Stream the {what} that a search finds{dicts}.\n\n{inspect.getdoc(search)}"
    return endpoint(
        "/v1/tiktok/search/analytics",
        key="sk",
        pages=None,
        wire={"search_type": "searchType", "sort_type": "sortType"},
        fixed={"type": str(number)},
    )(made)


class SearchResource(Resource):
    """Endpoints of ``/v1/tiktok/search``."""

    iter_influencers: Final = _searched(_search, 1, "influencers", FoundInfluencer)
    influencers: Final = page_of(iter_influencers)
    iter_products: Final = _searched(_search, 2, "products", Rows)
    products: Final = page_of(iter_products)
    iter_shops: Final = _searched(_search, 3, "shops", Rows)
    shops: Final = page_of(iter_shops)
    iter_videos: Final = _searched(_search, 4, "videos", Rows)
    videos: Final = page_of(iter_videos)
    iter_livestreams: Final = _searched(_search, 5, "live streams", Rows)
    livestreams: Final = page_of(iter_livestreams)
