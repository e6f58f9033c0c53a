"""``keyapi-async creators`` and its sisters: one list, streamed to standard output."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import attrs
import typer

from keyapi_async.api.influencer import InfluencerLivestream, RankedInfluencer
from keyapi_async.api.product import ProductCreator, VideoProduct
from keyapi_async.api.video import Video
from keyapi_async.cli.choices import (
    CreatorsSortField,
    Direction,
    Format,
    ListEnd,
    Period,
    RankField,
    VideosSortField,
)
from keyapi_async.cli.exits import InputError
from keyapi_async.cli.facts import counted
from keyapi_async.cli.options import CategoryName, MaxCredits, ProductCategory, Qps
from keyapi_async.cli.output import output
from keyapi_async.cli.terminal import console
from keyapi_async.client import KeyAPI
from keyapi_async.streams.paging import Until
from keyapi_async.streams.stream import RecordStream

T = TypeVar("T")

Limit = Annotated[int | None, typer.Option("--limit", metavar="N", min=0, help="Records at most.")]
Written = Annotated[
    Format | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        show_default="table on a terminal, else jsonl",
        help="Written as table, jsonl or csv.",
    ),
]


@attrs.frozen
class _Reading:
    """How a list is read and written."""

    format: Format | None
    qps: float
    max_credits: int | None

    def print(
        self, record: type[T], opened: Callable[[KeyAPI], Awaitable[RecordStream[T]]]
    ) -> None:
        asyncio.run(self._print(record, opened))

    async def _print(
        self, record: type[T], opened: Callable[[KeyAPI], Awaitable[RecordStream[T]]]
    ) -> None:
        count = rejected = 0
        async with KeyAPI(qps=self.qps, max_credits=self.max_credits) as api:
            async with await opened(api) as stream:
                written = output(record, self.format)
                async for page in stream.pages():
                    written.add(page.records)
                    count += len(page.records)
                    rejected += len(page.rejects)
                written.add([])
            told = f"{counted(count, 'row')}, {counted(api.credits.spent, 'credit')}"
        screen = console(sys.stderr)
        if rejected:
            screen.print(f"left out, as no record: {counted(rejected, 'row')}", style="yellow")
        if sys.stdout.isatty() and screen.is_terminal:
            screen.print(told, style="dim")


def creators(
    product_id: Annotated[str, typer.Argument(metavar="PRODUCT_ID", help="Id of the product.")],
    *,
    sort_field: CreatorsSortField = None,
    sort_type: Direction = None,
    limit: Limit = None,
    format_: Written = None,
    qps: Qps = 10.0,
    max_credits: MaxCredits = None,
    until: ListEnd = Until.SHORT_PAGE,
) -> None:
    """List the influencers who promoted a product. One credit a page of ten."""

    async def opened(api: KeyAPI) -> RecordStream[ProductCreator]:
        return api.tiktok.product.iter_creators(
            product_id,
            product_influencer_sort_field=sort_field,
            sort_type=sort_type,
            limit=limit,
            until=until,
        )

    _Reading(format_, qps, max_credits).print(ProductCreator, opened)


def videos(
    *,
    user_id: Annotated[str | None, typer.Option(help="Permanent id of the influencer.")] = None,
    unique_id: Annotated[str | None, typer.Option(help="Or the public handle.")] = None,
    sort_field: VideosSortField = None,
    sort_type: Direction = None,
    limit: Limit = None,
    format_: Written = None,
    qps: Qps = 10.0,
    max_credits: MaxCredits = None,
    until: ListEnd = Until.SHORT_PAGE,
) -> None:
    """List the videos of an influencer. One credit a page of ten."""
    if (user_id is None) == (unique_id is None):
        raise InputError("give either --user-id or --unique-id")

    async def opened(api: KeyAPI) -> RecordStream[Video]:
        return api.tiktok.influencer.iter_videos(
            user_id=user_id,
            unique_id=unique_id,
            influencer_video_sort_field=sort_field,
            sort_type=sort_type,
            limit=limit,
            until=until,
        )

    _Reading(format_, qps, max_credits).print(Video, opened)


def ranking(
    *,
    region: Annotated[str, typer.Option(metavar="CODE", help="Two letters, such as US.")],
    rank_type: Period,
    rank_field: RankField,
    date: Annotated[
        str | None,
        typer.Option(
            metavar="DATE", help="yyyy-MM-dd: the first day of the period; else the latest one."
        ),
    ] = None,
    influencer_category_name: CategoryName = None,
    product_category_id: ProductCategory = None,
    limit: Limit = None,
    format_: Written = None,
    qps: Qps = 10.0,
    max_credits: MaxCredits = None,
    until: ListEnd = Until.SHORT_PAGE,
) -> None:
    """List the ranking of influencers in a region. One credit a page of ten.

    Finding the latest period costs up to three credits more.
    """

    async def opened(api: KeyAPI) -> RecordStream[RankedInfluencer]:
        influencer = api.tiktok.influencer
        day = (
            date
            if date is not None
            else await influencer.latest_ranking_date(
                region=region, rank_type=rank_type, influencer_rank_field=rank_field
            )
        )
        if day is None:
            raise InputError(f"the last three periods have no ranking in {region}: give a --date")
        return influencer.iter_ranking(
            date=day,
            region=region,
            rank_type=rank_type,
            influencer_rank_field=rank_field,
            influencer_category_name=influencer_category_name,
            product_category_id=product_category_id,
            limit=limit,
            until=until,
        )

    _Reading(format_, qps, max_credits).print(RankedInfluencer, opened)


def livestreams(
    user_id: Annotated[
        str, typer.Argument(metavar="USER_ID", help="Permanent id of the influencer.")
    ],
    *,
    limit: Limit = None,
    format_: Written = None,
    qps: Qps = 10.0,
    max_credits: MaxCredits = None,
    until: ListEnd = Until.SHORT_PAGE,
) -> None:
    """List the past live streams of an influencer. One credit a page of ten."""

    async def opened(api: KeyAPI) -> RecordStream[InfluencerLivestream]:
        return api.tiktok.influencer.iter_livestreams(user_id, limit=limit, until=until)

    _Reading(format_, qps, max_credits).print(InfluencerLivestream, opened)


def products(
    video_ids: Annotated[list[str], typer.Argument(metavar="VIDEO_ID...", help="Ids of videos.")],
    *,
    limit: Limit = None,
    format_: Written = None,
    qps: Qps = 10.0,
    max_credits: MaxCredits = None,
    until: ListEnd = Until.SHORT_PAGE,
) -> None:
    """List the products that videos show. One credit a page of ten, for up to ten videos."""

    async def opened(api: KeyAPI) -> RecordStream[VideoProduct]:
        return api.tiktok.video.iter_products(video_ids, limit=limit, until=until)

    _Reading(format_, qps, max_credits).print(VideoProduct, opened)
