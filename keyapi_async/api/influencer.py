"""What is known of an influencer."""

from datetime import date as Date  # noqa: N812  # a parameter has the API's name for it

from keyapi_async import params
from keyapi_async.bookmark import Bookmark
from keyapi_async.call.core import Caller
from keyapi_async.call.wire import query_of
from keyapi_async.params import (
    Id,
    InfluencerRankField,
    InfluencerVideoSortField,
    RankType,
    SortType,
    Until,
)
from keyapi_async.records.converter import InfluencerLivestream, InfluencerVideo, RankedInfluencer
from keyapi_async.streams.stream import Listing, Page, RecordStream, one_page


class Influencer:
    """Endpoints below ``/v1/tiktok/influencer``."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def iter_videos(
        self,
        *,
        user_id: Id | None = None,
        unique_id: str | None = None,
        influencer_video_sort_field: InfluencerVideoSortField | int | None = None,
        sort_type: SortType | int | None = None,
        page_size: int = 10,
        start: Bookmark | int | None = None,
        limit: int | None = None,
        prefetch: int = 0,
        until: Until = Until.SHORT_PAGE,
        skip_invalid: bool = False,
    ) -> RecordStream[InfluencerVideo]:
        """Stream the videos of an influencer.

        Args:
            user_id: permanent id; exactly one of this and unique_id.
            unique_id: public handle; a leading ``@`` is dropped.
            influencer_video_sort_field: what to sort by.
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

        Source: ``GET /v1/tiktok/influencer/videos/analytics``.
        """
        return RecordStream(
            self._caller,
            videos_listing(user_id, unique_id, influencer_video_sort_field, sort_type),
            page_size=page_size,
            start=start,
            limit=limit,
            prefetch=prefetch,
            until=until,
            skip_invalid=skip_invalid,
        )

    async def videos(
        self,
        *,
        user_id: Id | None = None,
        unique_id: str | None = None,
        influencer_video_sort_field: InfluencerVideoSortField | int | None = None,
        sort_type: SortType | int | None = None,
        page_num: int = 1,
        page_size: int = 10,
    ) -> Page[InfluencerVideo]:
        """Get one page of the videos of an influencer.

        Cost:
            One credit.

        Raises:
            InvalidParameterError: a parameter is refused; nothing was sent.
            KeyAPIError: the page could not be had.

        Source: ``GET /v1/tiktok/influencer/videos/analytics``.
        """
        listing = videos_listing(user_id, unique_id, influencer_video_sort_field, sort_type)
        return await one_page(self._caller, listing, page_num, page_size)

    def iter_ranking(
        self,
        *,
        date: Date | str,
        region: str,
        rank_type: RankType | int,
        influencer_rank_field: InfluencerRankField | int,
        influencer_category_name: str | None = None,
        product_category_id: Id | None = None,
        page_size: int = 10,
        start: Bookmark | int | None = None,
        limit: int | None = None,
        prefetch: int = 0,
        until: Until = Until.SHORT_PAGE,
        skip_invalid: bool = False,
    ) -> RecordStream[RankedInfluencer]:
        """Stream a ranking of influencers, first place first.

        Args:
            date: the day, the Monday of the week, or the 1st of the month; a date or yyyy-MM-dd.
            region: two-letter code.
            rank_type: day, week or month.
            influencer_rank_field: what to rank by.
            influencer_category_name: only influencers of this category.
            product_category_id: only influencers who sell in this product category.
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

        Source: ``GET /v1/tiktok/influencer/ranking/analytics``.
        """
        return RecordStream(
            self._caller,
            ranking_listing(
                date,
                region,
                rank_type,
                influencer_rank_field,
                influencer_category_name,
                product_category_id,
            ),
            page_size=page_size,
            start=start,
            limit=limit,
            prefetch=prefetch,
            until=until,
            skip_invalid=skip_invalid,
        )

    async def ranking(
        self,
        *,
        date: Date | str,
        region: str,
        rank_type: RankType | int,
        influencer_rank_field: InfluencerRankField | int,
        influencer_category_name: str | None = None,
        product_category_id: Id | None = None,
        page_num: int = 1,
        page_size: int = 10,
    ) -> Page[RankedInfluencer]:
        """Get one page of a ranking of influencers.

        Cost:
            One credit.

        Raises:
            InvalidParameterError: a parameter is refused; nothing was sent.
            KeyAPIError: the page could not be had.

        Source: ``GET /v1/tiktok/influencer/ranking/analytics``.
        """
        listing = ranking_listing(
            date,
            region,
            rank_type,
            influencer_rank_field,
            influencer_category_name,
            product_category_id,
        )
        return await one_page(self._caller, listing, page_num, page_size)

    async def latest_ranking_date(
        self,
        *,
        region: str,
        rank_type: RankType | int,
        influencer_rank_field: InfluencerRankField | int,
    ) -> Date | None:
        """Find the latest period whose ranking has rows; None where the last three have none.

        Data is a day behind, and the latest period may not be ranked yet.

        Cost:
            One credit for each period asked for, three at most.

        Raises:
            InvalidParameterError: a parameter is refused; nothing was sent.
            KeyAPIError: a page could not be had.

        Source: ``GET /v1/tiktok/influencer/ranking/analytics``.
        """
        period = RankType(params.choice("rank_type", rank_type, RankType))
        day = period.latest()
        for _ in range(3):
            page = await self.ranking(
                date=day,
                region=region,
                rank_type=period,
                influencer_rank_field=influencer_rank_field,
                page_size=1,
            )
            if page.records or page.rejects:
                return day
            day = period.latest(day)
        return None

    def iter_livestreams(
        self,
        user_id: Id,
        *,
        page_size: int = 10,
        start: Bookmark | int | None = None,
        limit: int | None = None,
        prefetch: int = 0,
        until: Until = Until.SHORT_PAGE,
        skip_invalid: bool = False,
    ) -> RecordStream[InfluencerLivestream]:
        """Stream the past live streams of an influencer.

        Args:
            user_id: permanent id of the influencer.
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

        Source: ``GET /v1/tiktok/influencer/livestreams/analytics``.
        """
        return RecordStream(
            self._caller,
            livestreams_listing(user_id),
            page_size=page_size,
            start=start,
            limit=limit,
            prefetch=prefetch,
            until=until,
            skip_invalid=skip_invalid,
        )

    async def livestreams(
        self,
        user_id: Id,
        page_num: int = 1,
        page_size: int = 10,
    ) -> Page[InfluencerLivestream]:
        """Get one page of the past live streams of an influencer.

        Cost:
            One credit.

        Raises:
            InvalidParameterError: a parameter is refused; nothing was sent.
            KeyAPIError: the page could not be had.

        Source: ``GET /v1/tiktok/influencer/livestreams/analytics``.
        """
        listing = livestreams_listing(user_id)
        return await one_page(self._caller, listing, page_num, page_size)


def videos_listing(
    user_id: Id | None,
    unique_id: str | None,
    influencer_video_sort_field: InfluencerVideoSortField | int | None,
    sort_type: SortType | int | None,
) -> Listing[InfluencerVideo]:
    """Say how the videos of an influencer are asked for."""
    query = query_of(
        {
            **params.user_or_handle(user_id, unique_id),
            "influencer_video_sort_field": params.optional_choice(
                "influencer_video_sort_field",
                influencer_video_sort_field,
                InfluencerVideoSortField,
            ),
            "sort_type": params.optional_choice("sort_type", sort_type, SortType),
        }
    )
    return Listing("/v1/tiktok/influencer/videos/analytics", InfluencerVideo, (query,))


def ranking_listing(  # noqa: PLR0917  # called by its two public sisters, in their order
    date: Date | str,
    region: str,
    rank_type: RankType | int,
    influencer_rank_field: InfluencerRankField | int,
    influencer_category_name: str | None,
    product_category_id: Id | None,
) -> Listing[RankedInfluencer]:
    """Say how a ranking of influencers is asked for."""
    period = RankType(params.choice("rank_type", rank_type, RankType))
    query = query_of(
        {
            "date": params.ranking_date("date", date, period),
            "region": params.region("region", region),
            "influencer_category_name": params.optional_text(
                "influencer_category_name", influencer_category_name
            ),
            "product_category_id": params.optional_identifier(
                "product_category_id", product_category_id
            ),
            "rank_type": period.value,
            "influencer_rank_field": params.choice(
                "influencer_rank_field", influencer_rank_field, InfluencerRankField
            ),
        }
    )
    return Listing("/v1/tiktok/influencer/ranking/analytics", RankedInfluencer, (query,))


def livestreams_listing(user_id: Id) -> Listing[InfluencerLivestream]:
    """Say how the past live streams of an influencer are asked for."""
    query = query_of({"user_id": params.identifier("user_id", user_id)})
    return Listing("/v1/tiktok/influencer/livestreams/analytics", InfluencerLivestream, (query,))
