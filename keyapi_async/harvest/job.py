"""What to harvest: many lists of one endpoint, with the parameters that they share."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import partial
from typing import Generic, Self, TypeVar, cast

import attrs

from keyapi_async import params
from keyapi_async.api.influencer import livestreams_listing, ranking_listing, videos_listing
from keyapi_async.api.product import creators_listing
from keyapi_async.api.video import products_listing
from keyapi_async.call.wire import Request
from keyapi_async.errors import InvalidParameterError
from keyapi_async.params import (
    Id,
    InfluencerRankField,
    InfluencerVideoSortField,
    ProductInfluencerSortField,
    RankType,
    SortType,
    Until,
)
from keyapi_async.records.converter import (
    InfluencerLivestream,
    InfluencerVideo,
    ProductCreator,
    RankedInfluencer,
    VideoProduct,
)
from keyapi_async.streams.stream import Listing

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
VIDEOS = Subject("influencer_videos", InfluencerVideo, ("user_id",))
VIDEOS_OF_HANDLES = Subject("influencer_videos_by_unique_id", InfluencerVideo, ("unique_id",))
RANKING = Subject("influencer_ranking", RankedInfluencer, ("date", "region"))
LIVESTREAMS = Subject("influencer_livestreams", InfluencerLivestream, ("user_id",))
PRODUCTS = Subject("video_products", VideoProduct, ("video_ids",), grouped=True)

AnySubject = (
    Subject[ProductCreator]
    | Subject[InfluencerVideo]
    | Subject[RankedInfluencer]
    | Subject[InfluencerLivestream]
    | Subject[VideoProduct]
)

SUBJECTS: Mapping[str, AnySubject] = {
    subject.name: subject
    for subject in (CREATORS, VIDEOS, VIDEOS_OF_HANDLES, RANKING, LIVESTREAMS, PRODUCTS)
}


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
    parameters: Mapping[str, int | str | None]
    page_size: int = attrs.field(converter=params.page_size)
    until: Until = attrs.field(converter=params.until)
    keys: Iterable[str]
    request: Callable[[str], Request]

    @property
    def identity(self) -> dict[str, int | str]:
        """What makes it the same job as another, whatever their ids are."""
        given = {name: value for name, value in self.parameters.items() if value is not None}
        return {
            "job": self.subject.name,
            **given,
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
        field = params.optional_choice(
            "product_influencer_sort_field",
            product_influencer_sort_field,
            ProductInfluencerSortField,
        )
        direction = params.optional_choice("sort_type", sort_type, SortType)
        return cls(
            CREATORS,
            {"product_influencer_sort_field": field, "sort_type": direction},
            page_size,
            until,
            _checked("ids", ids, params.identifier),
            lambda key: _request(creators_listing(key, field, direction)),
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
        field = params.optional_choice(
            "influencer_video_sort_field", influencer_video_sort_field, InfluencerVideoSortField
        )
        direction = params.optional_choice("sort_type", sort_type, SortType)
        parameters = {"influencer_video_sort_field": field, "sort_type": direction}
        if user_ids is not None and unique_ids is None:
            return cls(
                VIDEOS,
                parameters,
                page_size,
                until,
                _checked("user_ids", user_ids, params.identifier),
                lambda key: _request(videos_listing(key, None, field, direction)),
            )
        if unique_ids is not None and user_ids is None:
            return cls(
                VIDEOS_OF_HANDLES,
                parameters,
                page_size,
                until,
                _checked("unique_ids", unique_ids, params.handle),
                lambda key: _request(videos_listing(None, key, field, direction)),
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
        period = RankType(params.choice("rank_type", rank_type, RankType))
        field = params.choice("influencer_rank_field", influencer_rank_field, InfluencerRankField)
        category = params.optional_text("influencer_category_name", influencer_category_name)
        products = params.optional_identifier("product_category_id", product_category_id)
        days = list(_checked("dates", dates, partial(_ranking_date, period)))
        areas = list(_checked("regions", regions, params.region))

        def request(key: str) -> Request:
            day, area = key.split()
            return _request(ranking_listing(day, area, period, field, category, products))

        return cls(
            RANKING,
            {
                "rank_type": period.value,
                "influencer_rank_field": field,
                "influencer_category_name": category,
                "product_category_id": products,
            },
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
            lambda key: _request(livestreams_listing(key)),
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
            lambda key: _request(products_listing(key.split(","))),
        )


def _request(listing: Listing[T]) -> Request:
    return Request(listing.path, listing.queries[0])


def _ranking_date(period: RankType, name: str, value: date | str) -> str:
    return params.ranking_date(name, value, period)


def _checked(name: str, values: object, check: Callable[[str, T], str]) -> Iterable[str]:
    """Check one value or many: those of a collection now, those of an iterator as it is read."""
    if isinstance(values, (Mapping, bytes, bytearray, memoryview, type)):
        raise InvalidParameterError(name, values, "one value, or an iterable of them")
    if isinstance(values, Iterator):
        return map(partial(check, name), values)
    if isinstance(values, str) or not isinstance(values, Iterable):
        return [check(name, cast("T", values))]
    return list(dict.fromkeys(check(name, value) for value in values))
