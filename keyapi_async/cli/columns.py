"""What a terminal's table shows of each record: as many columns as fit."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

import attrs
from rich.text import Text

from keyapi_async.api.influencer import InfluencerLivestream, RankedInfluencer
from keyapi_async.api.product import ProductCreator, VideoProduct
from keyapi_async.api.video import Video
from keyapi_async.cli.terminal import plain

GAP = 2
_WIDEST = 48
"""Cells that a text gets at most, on however wide a terminal."""


@attrs.frozen
class Column:
    """A column of a table.

    Attributes:
        head: what stands above it.
        field: of the record.
        width: cells; what a text has at least.
        cell: writes a value in so many cells.
    """

    head: str
    field: str
    width: int
    cell: Callable[[object, int], str]

    @property
    def is_number(self) -> bool:
        """Whether it stands to the right."""
        return self.cell is _number


def _text(value: object, _: int) -> str:
    return plain(str(value))


def _number(value: object, width: int) -> str:
    if not isinstance(value, (int, float)):
        return plain(str(value))
    rest = Decimal(value)  # a whole number may be too large for a float
    text = f"{rest:,.0f}"
    for unit in ("K", "M", "G", "T", "P"):
        if len(text) <= width:
            break
        rest /= 1000
        text = f"{rest:,.1f}{unit}"
    return text


def _moment(value: object, width: int) -> str:
    return f"{value:%Y-%m-%d %H:%M}"[:width] if isinstance(value, datetime) else ""


_CREATOR = (
    Column("user id", "user_id", 19, _text),
    Column("name", "nick_name", 10, _text),
    Column("region", "region", 6, _text),
    Column("followers", "total_followers_cnt", 11, _number),
)
_SALES = (
    Column("sales", "total_video_sale_cnt", 8, _number),
    Column("GMV", "total_video_sale_gmv_amt", 10, _number),
)

_COLUMNS: dict[type, tuple[Column, ...]] = {
    ProductCreator: (
        *_CREATOR,
        Column("sales", "per_product_ifl_sale_cnt", 9, _number),
        Column("GMV", "per_product_ifl_gmv_amt", 11, _number),
        Column("videos", "total_post_video_cnt", 8, _number),
        Column("views", "total_views_cnt", 14, _number),
    ),
    Video: (
        Column("video id", "video_id", 19, _text),
        Column("caption", "video_desc", 12, _text),
        Column("published", "create_time", 10, _moment),
        Column("views", "total_views_cnt", 11, _number),
        *_SALES,
        Column("likes", "total_digg_cnt", 11, _number),
        Column("comments", "total_comments_cnt", 9, _number),
    ),
    RankedInfluencer: (
        Column("rank", "rank", 4, _number),
        *_CREATOR,
        Column("sales", "total_sale_cnt", 8, _number),
        Column("GMV", "total_sale_gmv_amt", 10, _number),
        Column("handle", "unique_id", 20, _text),
    ),
    InfluencerLivestream: (
        Column("room id", "room_id", 19, _text),
        Column("title", "title", 12, _text),
        Column("began", "create_time", 16, _moment),
        Column("seconds", "duration", 7, _number),
        Column("views", "total_views_cnt", 11, _number),
        Column("sales", "total_sale_cnt", 8, _number),
        Column("GMV", "total_sale_gmv_amt", 10, _number),
    ),
    VideoProduct: (
        Column("video id", "video_id", 19, _text),
        Column("product id", "product_id", 19, _text),
        Column("caption", "video_desc", 10, _text),
        Column("views", "total_views_cnt", 11, _number),
        *_SALES,
        Column("published", "create_time", 10, _moment),
    ),
}
_STRETCHED = {"nick_name", "video_desc", "title"}


def fitting(record: type, width: int) -> Sequence[Column]:
    """Choose the columns of a record that so many cells can hold; the text takes what is left."""
    chosen: list[Column] = []
    left = width
    for column in _COLUMNS[record]:
        left -= column.width + (GAP if chosen else 0)
        if left < 0 and chosen:
            left += column.width + GAP
            break
        chosen.append(column)
    return [_stretched(column, left) for column in chosen]


def _stretched(column: Column, more: int) -> Column:
    if column.field not in _STRETCHED:
        return column
    return attrs.evolve(column, width=min(column.width + more, _WIDEST))


def cell(column: Column, record: object) -> Text:
    """Write a field of a record as its column has it; nothing where it has no value."""
    value = getattr(record, column.field)
    return Text("" if value is None else column.cell(value, column.width))
