"""The records of the five endpoints, and the converter that makes and unmakes them.

A field carries the API's own name. Identity fields are the ids that a row is about: a row without
one is no record. Everything else may be None, because the API promises nothing about its rows.
Amounts are in the currency that the API uses; it does not say which. Sales and GMV are estimates.
Fields that the API sends beyond its documentation are kept in ``extra``, untouched.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, TypeVar, cast

import attrs

from keyapi_async.errors import DecodeError, InvalidParameterError, printable
from keyapi_async.records.codec import ReadRow, ReadRows, readers, with_kinds, writer
from keyapi_async.records.fields import (
    Amount,
    Categories,
    Count,
    CountText,
    Flag,
    FlagText,
    Id,
    Kind,
    Moment,
    MomentText,
    Sales,
    Text,
)

if TYPE_CHECKING:
    from cattrs import Converter

    converter: Converter
    """The cattrs converter of the five records: ``converter.structure(row, ProductCreator)``."""

T = TypeVar("T")
Reader = ReadRow[T]

# No record has a weakref slot: it would stand in the way of the codec's twin class.


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=with_kinds)
class ProductCreator:
    """One influencer who promoted a product.

    What the influencer has sold of this product, beside totals over everything.

    Source: ``GET /v1/tiktok/product/creators/analytics``.

    Attributes:
        product_id: id of the product.
        user_id: permanent id of the influencer.
        avatar: URL of the profile picture; not publicly readable.
        category: category of the influencer.
        nick_name: name shown; any script, emoji included.
        per_product_ifl_gmv_amt: GMV that the influencer made with this product, estimated.
        per_product_ifl_sale_cnt: units of this product sold by the influencer, estimated.
        region: two-letter region code.
        total_digg_cnt: likes of the influencer.
        total_followers_cnt: followers.
        total_following_cnt: accounts followed.
        total_live_cnt: live streams.
        total_live_views_cnt: views of live streams.
        total_post_video_cnt: videos published.
        total_views_cnt: views of videos.
        extra: fields that the documentation lacks, as they came.
    """

    product_id: Id
    user_id: Id
    avatar: Text = None
    category: Text = None
    nick_name: Text = None
    per_product_ifl_gmv_amt: Amount = None
    per_product_ifl_sale_cnt: Count = None
    region: Text = None
    total_digg_cnt: Count = None
    total_followers_cnt: Count = None
    total_following_cnt: Count = None
    total_live_cnt: Count = None
    total_live_views_cnt: Count = None
    total_post_video_cnt: Count = None
    total_views_cnt: Count = None
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=with_kinds)
class InfluencerVideo:
    """One video of an influencer, as it stands now.

    Source: ``GET /v1/tiktok/influencer/videos/analytics``.

    Attributes:
        user_id: permanent id of the influencer.
        video_id: id of the video.
        create_time: when it was published, UTC (on the wire: Unix seconds).
        created_by_ai: whether it is labelled as made by AI.
        data_size: bytes of the video file.
        duration: seconds.
        height: pixels.
        ratio: resolution class, such as ``540p``.
        reflow_cover: URL of the cover image; not publicly readable.
        region: two-letter region code.
        sales_flag: whether it sells anything.
        total_comments_cnt: comments.
        total_digg_1d_cnt: likes gained in the past 1 day.
        total_digg_30d_cnt: likes gained in the past 30 days.
        total_digg_7d_cnt: likes gained in the past 7 days.
        total_digg_cnt: likes.
        total_favorites_cnt: times saved as a favorite.
        total_shares_cnt: shares.
        total_video_sale_cnt: units sold through the video, estimated.
        total_video_sale_gmv_amt: GMV of the video, estimated.
        total_views_1d_cnt: views gained in the past 1 day.
        total_views_30d_cnt: views gained in the past 30 days.
        total_views_7d_cnt: views gained in the past 7 days.
        total_views_cnt: views.
        unique_id: public handle without ``@``; it can change.
        video_desc: caption.
        width: pixels.
        extra: fields that the documentation lacks, as they came.
    """

    user_id: Id
    video_id: Id
    create_time: MomentText = None
    created_by_ai: FlagText = None
    data_size: CountText = None
    duration: Count = None
    height: CountText = None
    ratio: Text = None
    reflow_cover: Text = None
    region: Text = None
    sales_flag: Flag = None
    total_comments_cnt: Count = None
    total_digg_1d_cnt: Count = None
    total_digg_30d_cnt: Count = None
    total_digg_7d_cnt: Count = None
    total_digg_cnt: Count = None
    total_favorites_cnt: Count = None
    total_shares_cnt: Count = None
    total_video_sale_cnt: Count = None
    total_video_sale_gmv_amt: Amount = None
    total_views_1d_cnt: Count = None
    total_views_30d_cnt: Count = None
    total_views_7d_cnt: Count = None
    total_views_cnt: Count = None
    unique_id: Text = None
    video_desc: Text = None
    width: CountText = None
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=with_kinds)
class RankedInfluencer:
    """One place of an influencer ranking.

    ``total_*`` is the increment within the period, ``total_*_history_*`` is all-time.

    Source: ``GET /v1/tiktok/influencer/ranking/analytics``.

    Attributes:
        user_id: permanent id of the influencer.
        avatar: URL of the profile picture; not publicly readable.
        category: category of the influencer.
        ec_score: the vendor's e-commerce rating.
        most_category_id: id of the top-level category promoted most.
        most_category_l2_id: id of the second-level category promoted most.
        most_category_l3_id: id of the third-level category promoted most.
        nick_name: name shown; any script, emoji included.
        product_category_list: product categories, best first; from none to over a hundred.
        region: two-letter region code.
        sales_flag: how the influencer sells.
        total_digg_cnt: likes within the period.
        total_digg_history_cnt: likes all-time.
        total_followers_cnt: followers within the period.
        total_followers_history_cnt: followers all-time.
        total_live_cnt: live streams within the period.
        total_live_history_cnt: live streams all-time.
        total_post_video_cnt: videos published within the period.
        total_post_video_history_cnt: videos published all-time.
        total_product_cnt: products promoted within the period.
        total_product_history_cnt: products promoted all-time.
        total_sale_cnt: units sold within the period, estimated.
        total_sale_gmv_amt: GMV within the period, estimated.
        total_sale_gmv_history_amt: GMV all-time, estimated.
        total_sale_history_cnt: units sold all-time, estimated.
        unique_id: public handle without ``@``; it can change.
        rank: place in the list, from 1; computed, as the row does not say it.
        extra: fields that the documentation lacks, as they came.
    """

    user_id: Id
    avatar: Text = None
    category: Text = None
    ec_score: Amount = None
    most_category_id: Text = None
    most_category_l2_id: Text = None
    most_category_l3_id: Text = None
    nick_name: Text = None
    product_category_list: Categories = None
    region: Text = None
    sales_flag: Sales = None
    total_digg_cnt: Count = None
    total_digg_history_cnt: Count = None
    total_followers_cnt: Count = None
    total_followers_history_cnt: Count = None
    total_live_cnt: Count = None
    total_live_history_cnt: Count = None
    total_post_video_cnt: Count = None
    total_post_video_history_cnt: Count = None
    total_product_cnt: Count = None
    total_product_history_cnt: Count = None
    total_sale_cnt: Count = None
    total_sale_gmv_amt: Amount = None
    total_sale_gmv_history_amt: Amount = None
    total_sale_history_cnt: Count = None
    unique_id: Text = None
    rank: int | None = None
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=with_kinds)
class InfluencerLivestream:
    """One past live stream of an influencer.

    Source: ``GET /v1/tiktok/influencer/livestreams/analytics``.

    Attributes:
        room_id: id of the live room.
        user_id: permanent id of the influencer.
        cover_url: URL of the cover image; not publicly readable.
        create_time: start, UTC (on the wire: Unix seconds).
        duration: seconds.
        finish_time: end, UTC (on the wire: Unix seconds).
        nick_name: name shown; any script, emoji included.
        region: two-letter region code.
        title: title of the live stream.
        total_comments_cnt: comments.
        total_digg_cnt: likes.
        total_followers_cnt: followers gained.
        total_joins_cnt: viewers who joined.
        total_product_cnt: products shown.
        total_sale_cnt: units sold, estimated.
        total_sale_gmv_amt: GMV, estimated.
        total_views_cnt: views.
        extra: fields that the documentation lacks, as they came.
    """

    room_id: Id
    user_id: Id
    cover_url: Text = None
    create_time: Moment = None
    duration: Count = None
    finish_time: Moment = None
    nick_name: Text = None
    region: Text = None
    title: Text = None
    total_comments_cnt: Count = None
    total_digg_cnt: Count = None
    total_followers_cnt: Count = None
    total_joins_cnt: Count = None
    total_product_cnt: Count = None
    total_sale_cnt: Count = None
    total_sale_gmv_amt: Amount = None
    total_views_cnt: Count = None
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True, weakref_slot=False, field_transformer=with_kinds)
class VideoProduct:
    """One product that one video shows.

    A video with three products is three records, each with the figures of the video.

    Source: ``GET /v1/tiktok/video/products/analytics``.

    Attributes:
        product_id: id of the product.
        video_id: id of the video.
        create_time: when the video was published, UTC (on the wire: Unix seconds).
        data_size: bytes of the video file.
        duration: seconds.
        hash_tag: hash tags of the caption, separated by spaces.
        height: pixels.
        play_addr: URL of the video file; it expires within hours.
        ratio: resolution class, such as ``540p``.
        reflow_cover: URL of the cover image; not publicly readable.
        region: two-letter region code.
        total_comments_cnt: comments.
        total_digg_cnt: likes.
        total_favorites_cnt: times saved as a favorite.
        total_shares_cnt: shares.
        total_video_sale_cnt: units sold through the video, estimated.
        total_video_sale_gmv_amt: GMV of the video, estimated.
        total_views_cnt: views.
        user_id: permanent id of the influencer who published it.
        video_desc: caption.
        width: pixels.
        extra: fields that the documentation lacks, as they came.
    """

    product_id: Id
    video_id: Id
    create_time: MomentText = None
    data_size: CountText = None
    duration: Count = None
    hash_tag: Text = None
    height: CountText = None
    play_addr: Text = None
    ratio: Text = None
    reflow_cover: Text = None
    region: Text = None
    total_comments_cnt: Count = None
    total_digg_cnt: Count = None
    total_favorites_cnt: Count = None
    total_shares_cnt: Count = None
    total_video_sale_cnt: Count = None
    total_video_sale_gmv_amt: Amount = None
    total_views_cnt: Count = None
    user_id: Text = None
    video_desc: Text = None
    width: CountText = None
    extra: dict[str, object] = attrs.field(factory=dict, hash=False)


_RECORDS = (ProductCreator, InfluencerVideo, RankedInfluencer, InfluencerLivestream, VideoProduct)
_OURS = [dict, *_RECORDS]
_CODECS: dict[type, tuple[ReadRow[object], ReadRows[object]]] = {}


def unstructure(record: object) -> dict[str, object]:
    """Give back the row of a record as the API sends it, without the fields that are None."""
    return cast("dict[str, object]", _converter().unstructure(record))


@cache
def _converter() -> "Converter":
    # Imported here, as the codecs are made where they are used: importing the client is cheap.
    from cattrs import Converter  # noqa: PLC0415

    made = Converter()
    for scalar, annotated in ((int, Count), (float, Amount), (bool, Flag), (str, Text)):
        made.register_structure_hook(scalar, _scalar(annotated))
    for cls in _RECORDS:
        names = [field.name for field in attrs.fields(cast("type[attrs.AttrsInstance]", cls))]
        made.register_structure_hook(cls, _hook(cls, names))
        made.register_unstructure_hook(cls, writer(cls))
    return made


def __getattr__(name: str) -> object:
    if name == "converter":
        return _converter()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _scalar(annotated: object) -> Callable[[object, Callable[..., T]], T]:
    """Read numbers, flags and texts into the users' classes with the same care; None is none."""
    kind: Kind = getattr(annotated, "__metadata__")[0]  # noqa: B009  # of Annotated, which has no type

    def structured(value: object, into: Callable[..., T]) -> T:
        if (found := kind.read(value)) is None:
            raise ValueError("is missing")
        into(value)  # what cattrs would refuse is refused
        return into(found)  # an enum of numbers is made here, too

    return structured


def _hook(cls: type[T], names: list[str]) -> Callable[[object, type[T]], T]:
    def structured(row: object, into: type[T]) -> T:
        record = reader_of(cls)(row, None)
        # cattrs hands a record's hook to its subclasses too.
        return record if into is cls else into(**{f: getattr(record, f) for f in names})

    return structured


def reader_of(into: type[T]) -> ReadRow[T]:
    """Find the function of (row, position in the list) that makes an ``into`` of a row.

    Raises:
        InvalidParameterError: rows cannot become that.

    Raises (the function):
        DecodeError: the row cannot be one.
    """
    return _codec_of(into)[0]


def page_reader_of(into: type[T]) -> ReadRows[T]:
    """Find the function of (rows, position of the first) that does the same for a page."""
    return _codec_of(into)[1]


def _codec_of(into: type[T]) -> tuple[ReadRow[T], ReadRows[T]]:
    if into not in _OURS:
        read = _structured(into)
        return read, _one_by_one(read)
    if into not in _CODECS:
        made = (_raw, _one_by_one(_raw)) if into is dict else readers(into)
        _CODECS[into] = cast("tuple[ReadRow[object], ReadRows[object]]", made)
    return cast("tuple[ReadRow[T], ReadRows[T]]", _CODECS[into])


def _one_by_one(read: ReadRow[T]) -> ReadRows[T]:
    return lambda rows, first: [read(row, position) for position, row in enumerate(rows, first)]


def _raw(row: object, _: int | None) -> dict[str, object]:
    if not isinstance(row, dict):
        raise DecodeError(None, row, "is no object")
    return row


def _structured(into: type[T]) -> ReadRow[T]:
    """Read rows into any class that cattrs can structure."""
    import cattrs  # noqa: PLC0415  # as above

    try:
        structure = _converter().get_structure_hook(into)
    except (TypeError, cattrs.StructureHandlerNotFoundError):
        allowed = "a record class, dict, or a class that cattrs can structure"
        raise InvalidParameterError("into", into, allowed) from None

    def read(row: object, _: int | None) -> T:
        try:
            return cast("T", structure(_raw(row, None), into))
        except cattrs.BaseValidationError as error:
            reason = "; ".join(cattrs.transform_error(error))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            reason = f"{type(error).__name__}: {error}"
        name = getattr(into, "__name__", into)
        raise DecodeError(None, row, f"is no {name}: {printable(reason)}")

    return read
