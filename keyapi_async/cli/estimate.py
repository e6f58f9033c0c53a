"""``keyapi-async estimate``: what a harvest would cost at least, before it costs anything."""

import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from keyapi_async.api import params
from keyapi_async.api.params import RankType
from keyapi_async.cli.choices import ListEnd
from keyapi_async.cli.exits import InputError
from keyapi_async.cli.facts import duration, facts
from keyapi_async.cli.keys import read_keys
from keyapi_async.cli.options import Column, Qps, split
from keyapi_async.cli.terminal import console
from keyapi_async.harvest import Job
from keyapi_async.streams.listing import MAX_PAGE_SIZE
from keyapi_async.streams.paging import Until


class Noun(StrEnum):
    """What is harvested."""

    CREATORS = "creators"
    VIDEOS = "videos"
    RANKING = "ranking"
    LIVESTREAMS = "livestreams"
    PRODUCTS = "products"


def estimate(
    noun: Annotated[Noun, typer.Argument(help="What would be harvested.")],
    *,
    ids: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Ids, one a line, or a CSV; - for standard input."),
    ] = None,
    handles: Annotated[
        str | None, typer.Option(metavar="FILE", help="Public handles instead, of videos.")
    ] = None,
    column: Column = None,
    dates: Annotated[
        list[str] | None, typer.Option(metavar="DATE,…", help="Of rankings, instead of ids.")
    ] = None,
    regions: Annotated[
        list[str] | None, typer.Option(metavar="CODE,…", help="Of rankings, instead of ids.")
    ] = None,
    rows_per_list: Annotated[
        int, typer.Option(min=0, help="Rows that a list is taken to have.")
    ] = 0,
    qps: Qps = 10.0,
    until: ListEnd = Until.SHORT_PAGE,
) -> None:
    """Say what a harvest would cost at least, and how long it would take. It costs nothing.

    Every list costs a credit for each page of ten rows, and at least one; ten videos are one list
    of products.
    """
    if noun is Noun.RANKING:
        lists = _rankings(dates, regions)
    else:
        lists = len(_keys(noun, ids, handles, column))
    if noun is Noun.PRODUCTS:
        lists = -(-lists // 10)
    credits_ = lists * _pages(rows_per_list, until)
    rows = f"{rows_per_list:,} rows a list"
    if not rows_per_list:
        rows = "no rows in any list; say --rows-per-list"
    console(sys.stdout).print(
        facts(
            [
                ("lists", f"{lists:,}"),
                ("credits", f"{credits_:,} at least, with {rows}"),
                ("time", f"{duration(credits_ / qps)} at least, at {qps:g} requests/s"),
            ]
        )
    )


def _keys(noun: Noun, ids: str | None, handles: str | None, column: str | None) -> Sequence[str]:
    if noun is Noun.VIDEOS and ids is None and handles is not None:
        return read_keys(handles, column, params.handle)
    if ids is None or handles is not None:
        raise InputError(
            "give either --ids or --handles" if noun is Noun.VIDEOS else f"{noun}: give --ids"
        )
    return read_keys(ids, column, params.identifier)


def _rankings(dates: list[str] | None, regions: list[str] | None) -> int:
    if not dates or not regions:
        raise InputError("ranking: give --dates and --regions")
    job = Job.influencer_ranking(
        dates=split(dates), regions=split(regions), rank_type=RankType.DAY, influencer_rank_field=1
    )
    return len(list(job.keys))


def _pages(rows: int, until: Until) -> int:
    """Count the pages that a list of so many rows costs, the one that shows its end included."""
    whole, rest = divmod(rows, MAX_PAGE_SIZE)
    return whole + 1 + (until is Until.EMPTY_PAGE and rest > 0)
