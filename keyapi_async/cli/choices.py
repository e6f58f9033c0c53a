"""Words on the command line for what the API numbers."""

from collections.abc import Callable, Mapping
from enum import Enum, StrEnum
from typing import Annotated, TypeVar

import typer

from keyapi_async.api.influencer import InfluencerRankField, InfluencerVideoSortField
from keyapi_async.api.params import RankType, SortType
from keyapi_async.api.product import ProductInfluencerSortField
from keyapi_async.streams.paging import Until

E = TypeVar("E", bound=Enum)


class Format(StrEnum):
    """What a list is written as."""

    TABLE = "table"
    JSONL = "jsonl"
    CSV = "csv"


def one_of(members: Mapping[str, E]) -> Callable[[str | E], E]:
    """Make the parser of an option that takes one of some words."""

    def word(text: str | E) -> E:
        if not isinstance(text, str):
            return text  # an option's default
        try:
            return members[text.lower()]
        except KeyError:
            raise typer.BadParameter(f"{text!r} is none of {', '.join(members)}.") from None

    return word


def _named(choices: type[E]) -> dict[str, E]:
    return {choice.name.lower(): choice for choice in choices}


def _words(choices: type[Enum]) -> str:
    return ", ".join(choice.name.lower() for choice in choices)


_RANK_FIELDS = {
    "followers": InfluencerRankField.TOTAL_FOLLOWERS_CNT,
    "sales": InfluencerRankField.TOTAL_SALE_CNT,
}
_UNTIL = {"short-page": Until.SHORT_PAGE, "empty-page": Until.EMPTY_PAGE}

CreatorsSortField = Annotated[
    ProductInfluencerSortField | None,
    typer.Option(
        "--sort-field",
        metavar="FIELD",
        parser=one_of(_named(ProductInfluencerSortField)),
        help=f"Sort by: {_words(ProductInfluencerSortField)}.",
    ),
]
VideosSortField = Annotated[
    InfluencerVideoSortField | None,
    typer.Option(
        "--sort-field",
        metavar="FIELD",
        parser=one_of(_named(InfluencerVideoSortField)),
        help=f"Sort by: {_words(InfluencerVideoSortField)}.",
    ),
]
Direction = Annotated[
    SortType | None,
    typer.Option(
        "--sort-type",
        metavar="asc|desc",
        parser=one_of(_named(SortType)),
        help="Direction of the sort.",
    ),
]
Period = Annotated[
    RankType,
    typer.Option(
        "--rank-type",
        metavar="PERIOD",
        parser=one_of(_named(RankType)),
        help="What it is a ranking of: day, week or month.",
    ),
]
RankField = Annotated[
    InfluencerRankField,
    typer.Option(
        "--rank-field",
        metavar="FIELD",
        parser=one_of(_RANK_FIELDS),
        help="What the period has added most of: followers or sales.",
    ),
]
ListEnd = Annotated[
    Until,
    typer.Option(
        "--until",
        metavar="RULE",
        parser=one_of(_UNTIL),
        show_default="short-page",
        help="Where a list ends: short-page, or empty-page for lists that are filtered, which costs"
        " a credit more.",
    ),
]
