"""What to harvest: many lists of one endpoint, with the parameters that they share."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import partial
from typing import Any, Generic, Self, TypeVar, cast

import attrs

from keyapi_async.api import params
from keyapi_async.api.declaration import Endpoint
from keyapi_async.api.influencer import (
    InfluencerLivestream,
    InfluencerRankField,
    InfluencerResource,
    InfluencerVideoSortField,
    RankedInfluencer,
)
from keyapi_async.api.params import RankType, SortType
from keyapi_async.api.product import (
    ProductCreator,
    ProductInfluencerSortField,
    ProductResource,
    VideoProduct,
)
from keyapi_async.api.video import Video, VideoResource
from keyapi_async.call.wire import Request
from keyapi_async.checks import number
from keyapi_async.errors import InvalidParameterError
from keyapi_async.streams.listing import MAX_PAGE_SIZE
from keyapi_async.streams.paging import Until

Id = str | int
T = TypeVar("T")


@attrs.frozen
class Subject(Generic[T]):
    """What lists are about.

    Attributes:
        name: its name in a ledger.
        record: what a row becomes.
        key: the names of what tells one list from another; a list's key has their values, with
            spaces between them.
        grouped: whether one list takes ten ids, separated by commas.
    """

    name: str
    record: type[T]
    key: tuple[str, ...]
    grouped: bool = False


CREATORS = Subject("product_creators", ProductCreator, ("product_id",))
VIDEOS = Subject("influencer_videos", Video, ("user_id",))
VIDEOS_OF_HANDLES = Subject("influencer_videos_by_unique_id", Video, ("unique_id",))
RANKING = Subject("influencer_ranking", RankedInfluencer, ("date", "region"))
LIVESTREAMS = Subject("influencer_livestreams", InfluencerLivestream, ("user_id",))
PRODUCTS = Subject("video_products", VideoProduct, ("video_ids",), grouped=True)

_CREATORS, _VIDEOS, _RANKING, _LIVESTREAMS, _PRODUCTS = (
    cast("Endpoint", getattr(method, "endpoint"))  # noqa: B009  # which the decorator put there
    for method in (
        ProductResource.iter_creators,
        InfluencerResource.iter_videos,
        InfluencerResource.iter_ranking,
        InfluencerResource.iter_livestreams,
        VideoResource.iter_products,
    )
)
_TYPED = {
    "product_influencer_sort_field": int,
    "influencer_video_sort_field": int,
    "influencer_rank_field": int,
    "rank_type": int,
    "sort_type": int,
}

AnySubject = (
    Subject[ProductCreator]
    | Subject[Video]
    | Subject[RankedInfluencer]
    | Subject[InfluencerLivestream]
    | Subject[VideoProduct]
)

SUBJECTS: Mapping[str, AnySubject] = {
    subject.name: subject
    for subject in (CREATORS, VIDEOS, VIDEOS_OF_HANDLES, RANKING, LIVESTREAMS, PRODUCTS)
}


def _page_size(value: int) -> int:
    return number("page_size", value, 1, MAX_PAGE_SIZE)


@attrs.frozen(eq=False, repr=False)
class Job:
    """Many lists of one endpoint; made by the method that is named after them.

    Ids come from any iterable. A collection is checked here; an iterator is read by the run, in a
    thread of its own, and checked to its end before a credit is spent. Equal ids count once.

    Attributes:
        subject: what the lists are about.
        parameters: what all lists are asked for with; those that are None are left out.
        page_size: rows a page.
        until: where a list ends.
        keys: of the lists, or of what is grouped into lists.
        request: how the list of a key is asked for, without its page.
    """

    subject: AnySubject
    parameters: Mapping[str, str]
    page_size: int = attrs.field(converter=_page_size)
    until: Until = attrs.field()
    keys: Iterable[str]
    request: Callable[[str], Request]

    @until.validator
    def _is_rule(self, _: object, value: object) -> None:
        if not isinstance(value, Until):
            raise InvalidParameterError("until", value, "Until.SHORT_PAGE or Until.EMPTY_PAGE")

    @property
    def identity(self) -> dict[str, int | str]:
        """What makes it the same job as another, whatever their ids are."""
        return {
            "job": self.subject.name,
            **self.parameters,
            "page_size": self.page_size,
            "until": self.until.value,
        }

    def __repr__(self) -> str:
        """Show what it asks for, but no ids: they may be a million."""
        facts = (f"{name}={value!r}" for name, value in self.identity.items())
        return f"<Job {', '.join(facts)}>"

    @classmethod
    def product_creators(
        cls,
        ids: Id | Iterable[Id],
        *,
        product_influencer_sort_field: ProductInfluencerSortField | int | None = None,
        sort_type: SortType | int | None = None,
        page_size: int = 10,
        until: Until = Until.SHORT_PAGE,
    ) -> Self:
        """Take the influencers who promoted each of many products.

        Raises:
            InvalidParameterError: a parameter is refused.

        Source: ``GET /v1/tiktok/product/creators/analytics``.
        """
        shared = _shared(
            _CREATORS,
            product_influencer_sort_field=product_influencer_sort_field,
            sort_type=sort_type,
        )
        return cls(
            CREATORS,
            shared,
            page_size,
            until,
            _checked("ids", ids, params.identifier),
            lambda key: _request(_CREATORS, {"product_id": key, **shared}),
        )

    @classmethod
    def influencer_videos(
        cls,
        *,
        user_ids: Id | Iterable[Id] | None = None,
        unique_ids: str | Iterable[str] | None = None,
        influencer_video_sort_field: InfluencerVideoSortField | int | None = None,
        sort_type: SortType | int | None = None,
        page_size: int = 10,
        until: Until = Until.SHORT_PAGE,
    ) -> Self:
        """Take the videos of many influencers, by their permanent ids or by their handles.

        Raises:
            InvalidParameterError: a parameter is refused, or not exactly one kind of id is given.

        Source: ``GET /v1/tiktok/influencer/videos/analytics``.
        """
        parameters = _shared(
            _VIDEOS, influencer_video_sort_field=influencer_video_sort_field, sort_type=sort_type
        )
        if user_ids is not None and unique_ids is None:
            return cls(
                VIDEOS,
                parameters,
                page_size,
                until,
                _checked("user_ids", user_ids, params.identifier),
                lambda key: _request(_VIDEOS, {"user_id": key, **parameters}),
            )
        if unique_ids is not None and user_ids is None:
            return cls(
                VIDEOS_OF_HANDLES,
                parameters,
                page_size,
                until,
                _checked("unique_ids", unique_ids, params.handle),
                lambda key: _request(_VIDEOS, {"unique_id": key, **parameters}),
            )
        raise InvalidParameterError("user_ids, unique_ids", None, "exactly one of the two")

    @classmethod
    def influencer_ranking(
        cls,
        *,
        dates: date | str | Iterable[date | str],
        regions: str | Iterable[str],
        rank_type: RankType | int,
        influencer_rank_field: InfluencerRankField | int,
        influencer_category_name: str | None = None,
        product_category_id: Id | None = None,
        page_size: int = 10,
        until: Until = Until.SHORT_PAGE,
    ) -> Self:
        """Take the rankings of every date in every region.

        Raises:
            InvalidParameterError: a parameter is refused.

        Source: ``GET /v1/tiktok/influencer/ranking/analytics``.
        """
        shared = _shared(
            _RANKING,
            rank_type=rank_type,
            influencer_rank_field=influencer_rank_field,
            influencer_category_name=influencer_category_name,
            product_category_id=product_category_id,
        )
        days = list(_checked("dates", dates, partial(_ranking_date, shared["rank_type"])))
        areas = list(_checked("regions", regions, params.region))

        def request(key: str) -> Request:
            day, area = key.split()
            return _request(_RANKING, {"date": day, "region": area, **shared})

        return cls(
            RANKING,
            shared,
            page_size,
            until,
            [f"{day} {area}" for day in days for area in areas],
            request,
        )

    @classmethod
    def influencer_livestreams(
        cls,
        user_ids: Id | Iterable[Id],
        *,
        page_size: int = 10,
        until: Until = Until.SHORT_PAGE,
    ) -> Self:
        """Take the past live streams of many influencers.

        Raises:
            InvalidParameterError: a parameter is refused.

        Source: ``GET /v1/tiktok/influencer/livestreams/analytics``.
        """
        return cls(
            LIVESTREAMS,
            {},
            page_size,
            until,
            _checked("user_ids", user_ids, params.identifier),
            lambda key: _request(_LIVESTREAMS, {"user_id": key}),
        )

    @classmethod
    def video_products(
        cls,
        video_ids: Id | Iterable[Id],
        *,
        page_size: int = 10,
        until: Until = Until.SHORT_PAGE,
    ) -> Self:
        """Take the products that many videos show; ten videos are one list.

        Raises:
            InvalidParameterError: a parameter is refused.

        Source: ``GET /v1/tiktok/video/products/analytics``.
        """
        return cls(
            PRODUCTS,
            {},
            page_size,
            until,
            _checked("video_ids", video_ids, params.identifier),
            lambda key: _request(_PRODUCTS, {"video_ids": key.split(",")}),
        )


def _shared(endpoint: Endpoint, **given: object) -> dict[str, str]:
    """Check the parameters that all lists share, and give them as they are sent."""
    kinds = {one.name: one for one in endpoint.parameters}
    return {
        name: kinds[name].kind.check(name, value)
        for name, value in given.items()
        if value is not None or kinds[name].required
    }


def _request(endpoint: Endpoint, given: Mapping[str, Any]) -> Request:
    """Say how a list is asked for, of parameters as they are sent."""
    listing = endpoint.listing(
        {name: _TYPED[name](value) if name in _TYPED else value for name, value in given.items()}
    )
    return Request(listing.path, listing.queries[0])


def _ranking_date(rank_type: str, name: str, value: date | str) -> str:
    day = params.day(name, value)
    try:
        params.period({"date": day, "rank_type": rank_type})
    except InvalidParameterError as error:
        raise InvalidParameterError(name, value, error.allowed) from None
    return day


def _checked(name: str, values: object, check: Callable[[str, T], str]) -> Iterable[str]:
    """Check one value or many: those of a collection now, those of an iterator as it is read."""
    if isinstance(values, (Mapping, bytes, bytearray, memoryview, type)):
        raise InvalidParameterError(name, values, "one value, or an iterable of them")
    if isinstance(values, Iterator):
        return map(partial(check, name), values)
    if isinstance(values, str) or not isinstance(values, Iterable):
        return [check(name, cast("T", values))]
    return list(dict.fromkeys(check(name, value) for value in values))
