"""The endpoints, against a KeyAPI in memory: what goes out, what comes back, what it costs."""

import itertools
import operator
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyapi_async import (
    BadRequestError,
    Bookmark,
    CreditBudgetError,
    DecodeError,
    InfluencerLivestream,
    InfluencerRankField,
    InfluencerVideo,
    InfluencerVideoSortField,
    InvalidParameterError,
    KeyAPI,
    NotFoundError,
    Page,
    ProductCreator,
    ProductInfluencerSortField,
    RankedInfluencer,
    RankType,
    RecordStream,
    SortType,
    Until,
    VideoProduct,
    params,
    unstructure,
)
from keyapi_async.call.wire import Answer, Request
from keyapi_async.errors import KeyAPIError
from keyapi_async.sandbox.desk import Desk
from keyapi_async.sandbox.endpoints import ENDPOINTS
from keyapi_async.sandbox.faults import Faults
from tests import virtual

T = TypeVar("T")

CREATORS = "/v1/tiktok/product/creators/analytics"
VIDEOS = "/v1/tiktok/influencer/videos/analytics"
RANKING = "/v1/tiktok/influencer/ranking/analytics"
LIVESTREAMS = "/v1/tiktok/influencer/livestreams/analytics"
PRODUCTS = "/v1/tiktok/video/products/analytics"

PRODUCT = "1729614642131597210"  # 82 creators
USER = "7021533244754593514"  # 119 videos
STREAMER = "7288986759428588590"  # 412 live streams
SOLD = "7456066022957665553"  # a video with one product
WEDNESDAY = date(2025, 1, 8)

FIRST_PAGE = {"page_num": "1", "page_size": "10"}
RANKED: dict[str, Any] = {
    "date": WEDNESDAY,
    "region": "US",
    "rank_type": RankType.DAY,
    "influencer_rank_field": InfluencerRankField.TOTAL_SALE_CNT,
}
RANKED_QUERY = {
    "date": "2025-01-08",
    "region": "US",
    "rank_type": "1",
    "influencer_rank_field": "2",
}


class Whole:
    """A whole number that is no int, as numpy's are."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __index__(self) -> int:
        return self._number


class Text(str):
    """A text that prints as something else."""

    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


Call = Callable[..., Any]


def creators(api: KeyAPI) -> tuple[Call, Call]:
    return api.tiktok.product.iter_creators, api.tiktok.product.creators


def videos(api: KeyAPI) -> tuple[Call, Call]:
    return api.tiktok.influencer.iter_videos, api.tiktok.influencer.videos


def ranking(api: KeyAPI) -> tuple[Call, Call]:
    return api.tiktok.influencer.iter_ranking, api.tiktok.influencer.ranking


def livestreams(api: KeyAPI) -> tuple[Call, Call]:
    return api.tiktok.influencer.iter_livestreams, api.tiktok.influencer.livestreams


def products(api: KeyAPI) -> tuple[Call, Call]:
    return api.tiktok.video.iter_products, api.tiktok.video.products


Endpoint = Callable[[KeyAPI], tuple[Call, Call]]

USUAL: list[Any] = [
    pytest.param(creators, (PRODUCT,), {}, CREATORS, ProductCreator, id="creators"),
    pytest.param(videos, (), {"user_id": USER}, VIDEOS, InfluencerVideo, id="videos"),
    pytest.param(ranking, (), RANKED, RANKING, RankedInfluencer, id="ranking"),
    pytest.param(livestreams, (STREAMER,), {}, LIVESTREAMS, InfluencerLivestream, id="livestreams"),
    pytest.param(products, (SOLD,), {}, PRODUCTS, VideoProduct, id="products"),
]
EVERY = pytest.mark.parametrize(("endpoint", "args", "options", "path", "record"), USUAL)
CALLS = pytest.mark.parametrize(
    ("endpoint", "args", "options"),
    [pytest.param(*usual.values[:3], id=usual.id) for usual in USUAL],
)


class Session(virtual.DeskTransport):
    """A desk, a client on it, and the query of every request as it was written."""

    def __init__(self, desk: Desk | None = None, **options: Any) -> None:
        super().__init__(Desk() if desk is None else desk)
        self.api = virtual.client(self, **options)
        self.asked: list[tuple[str, list[tuple[str, str]]]] = []

    async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
        pairs = parse_qsl(request.query, keep_blank_values=True, strict_parsing=True)
        self.asked.append((request.path, pairs))
        return await super().send(request, within)

    @property
    def queries(self) -> list[dict[str, str]]:
        """What was asked, with every parameter at most once."""
        for _, pairs in self.asked:
            assert len(dict(pairs)) == len(pairs)
        return [dict(pairs) for _, pairs in self.asked]

    def run(self, main: Callable[[KeyAPI], Coroutine[Any, Any, T]]) -> T:
        """Run on a virtual clock, and see that what it cost was counted."""

        async def counted() -> T:
            value = await main(self.api)
            credits_ = self.api.credits
            assert credits_.spent <= self.desk.billed <= credits_.spent + credits_.uncertain
            return value

        return virtual.run(counted)


async def first(stream: RecordStream[T]) -> T | None:
    return await anext(stream, None)


# What goes out


@pytest.mark.parametrize(
    ("endpoint", "args", "options", "query"),
    [
        (creators, (PRODUCT,), {}, {"product_id": PRODUCT}),
        (creators, (int(PRODUCT),), {}, {"product_id": PRODUCT}),
        (creators, (Whole(int(PRODUCT)),), {}, {"product_id": PRODUCT}),
        (creators, (Text(PRODUCT),), {}, {"product_id": PRODUCT}),
        (creators, (2**63,), {}, {"product_id": "9223372036854775808"}),
        (
            creators,
            (PRODUCT,),
            {
                "product_influencer_sort_field": ProductInfluencerSortField.TOTAL_VIEWS_CNT,
                "sort_type": SortType.ASC,
            },
            {"product_id": PRODUCT, "product_influencer_sort_field": "6", "sort_type": "0"},
        ),
        (
            creators,
            (PRODUCT,),
            {"product_influencer_sort_field": 7, "sort_type": 1},
            {"product_id": PRODUCT, "product_influencer_sort_field": "7", "sort_type": "1"},
        ),
        (
            creators,
            (PRODUCT,),
            {"product_influencer_sort_field": Whole(1), "sort_type": Whole(0)},
            {"product_id": PRODUCT, "product_influencer_sort_field": "1", "sort_type": "0"},
        ),
        (creators, (PRODUCT,), {"sort_type": 0}, {"product_id": PRODUCT, "sort_type": "0"}),
        (videos, (), {"user_id": int(USER)}, {"user_id": USER}),
        (videos, (), {"user_id": Whole(int(USER))}, {"user_id": USER}),
        (videos, (), {"unique_id": "iamjuliocr"}, {"unique_id": "iamjuliocr"}),
        (videos, (), {"unique_id": "@iamjuliocr"}, {"unique_id": "iamjuliocr"}),
        (
            videos,
            (),
            {
                "user_id": USER,
                "influencer_video_sort_field": InfluencerVideoSortField.CREATE_TIME,
                "sort_type": SortType.DESC,
            },
            {"user_id": USER, "influencer_video_sort_field": "4", "sort_type": "1"},
        ),
        (
            videos,
            (),
            {"user_id": USER, "influencer_video_sort_field": 1, "sort_type": 0},
            {"user_id": USER, "influencer_video_sort_field": "1", "sort_type": "0"},
        ),
        (ranking, (), RANKED, RANKED_QUERY),
        (ranking, (), {**RANKED, "date": "2025-01-08"}, RANKED_QUERY),
        (ranking, (), {**RANKED, "date": datetime(2025, 1, 8, 23, 59, tzinfo=UTC)}, RANKED_QUERY),
        (ranking, (), {**RANKED, "region": "us"}, RANKED_QUERY),
        (ranking, (), {**RANKED, "rank_type": 1, "influencer_rank_field": 2}, RANKED_QUERY),
        (
            ranking,
            (),
            {**RANKED, "rank_type": Whole(1), "influencer_rank_field": Whole(2)},
            RANKED_QUERY,
        ),
        (
            ranking,
            (),
            {**RANKED, "date": "2025-01-06", "rank_type": RankType.WEEK},
            {**RANKED_QUERY, "date": "2025-01-06", "rank_type": "2"},
        ),
        (
            ranking,
            (),
            {**RANKED, "date": date(2025, 1, 1), "rank_type": 3, "influencer_rank_field": 1},
            {
                "date": "2025-01-01",
                "region": "US",
                "rank_type": "3",
                "influencer_rank_field": "1",
            },
        ),
        (
            ranking,
            (),
            {
                **RANKED,
                "influencer_category_name": "Beauty & Care, 100% + ü",
                "product_category_id": 601450,
            },
            {
                **RANKED_QUERY,
                "influencer_category_name": "Beauty & Care, 100% + ü",
                "product_category_id": "601450",
            },
        ),
        (livestreams, (STREAMER,), {}, {"user_id": STREAMER}),
        (livestreams, (Whole(int(STREAMER)),), {}, {"user_id": STREAMER}),
        (products, (SOLD,), {}, {"video_ids": SOLD}),
        (products, (int(SOLD),), {}, {"video_ids": SOLD}),
        (products, (Whole(int(SOLD)),), {}, {"video_ids": SOLD}),
        (products, (["1", 2, Whole(3), "2", 1],), {}, {"video_ids": "1,2,3"}),
        (products, (iter((3, 1, 2)),), {}, {"video_ids": "3,1,2"}),
        (products, ({"7": "a mapping's keys"}.keys(),), {}, {"video_ids": "7"}),
    ],
)
@pytest.mark.parametrize("sister", [False, True], ids=["stream", "page"])
def test_the_query_is_the_documented_one_and_no_more(
    endpoint: Endpoint, args: Any, options: Any, query: dict[str, str], *, sister: bool
) -> None:
    session = Session()
    if args and isinstance(args[0], Iterator):
        args = (iter((3, 1, 2)),)

    async def main(api: KeyAPI) -> None:
        stream, page = endpoint(api)
        if sister:
            await page(*args, **options)
        else:
            await first(stream(*args, **options))

    session.run(main)
    assert session.queries == [{**query, **FIRST_PAGE}]
    assert [asked.status for asked in session.desk.requests] == [200]


@EVERY
def test_the_path_is_the_documented_one_and_what_comes_back_is_its_record(
    endpoint: Endpoint, args: Any, options: Any, path: str, record: type
) -> None:
    session = Session()

    async def main(api: KeyAPI) -> None:
        stream, page = endpoint(api)
        one = await page(*args, **options)
        assert isinstance(one, Page)
        assert not one.rejects
        assert {type(row) for row in one.records} == {record}
        rows = stream(*args, **options, limit=len(one.records))
        assert isinstance(rows, RecordStream)
        assert await rows.collect() == list(one.records)
        assert not any(row.extra for row in one.records)

    session.run(main)
    assert [asked for asked, _ in session.asked] == [path, path]
    assert path in ENDPOINTS


@EVERY
def test_records_are_the_rows_that_were_sent(
    endpoint: Endpoint, args: Any, options: Any, path: str, record: type
) -> None:
    session = Session()

    async def main(api: KeyAPI) -> None:
        stream, _ = endpoint(api)
        rows = await stream(*args, **options, limit=25).collect()
        query = {name: value for name, value in session.queries[0].items() if "page" not in name}
        raw: RecordStream[dict[str, Any]] = api.iter_records(path, query, limit=25)
        assert [unstructure(row) for row in rows] == await raw.collect()

    session.run(main)


@CALLS
def test_a_page_is_the_one_asked_for_and_costs_one_credit(
    endpoint: Endpoint, args: Any, options: Any
) -> None:
    session = Session()

    async def main(api: KeyAPI) -> None:
        stream, page = endpoint(api)
        second = await page(*args, page_num=2, page_size=3, **options)
        assert (second.page_num, second.page_size) == (2, 3)
        assert second.is_last == (len(second.records) < 3)
        assert second.request_id
        assert api.credits.spent == 1
        rows = await stream(*args, **options, limit=6, page_size=6).collect()
        assert rows[3:] == list(second.records)
        last = await page(*args, page_num=100_000, page_size=1, **options)
        assert (last.records, last.is_last) == ((), True)

    session.run(main)
    assert session.queries[0]["page_num"] == "2"
    assert session.queries[0]["page_size"] == "3"
    assert session.queries[2]["page_num"] == "100000"


def test_the_page_may_be_named_by_its_place() -> None:
    session = Session()

    async def main(api: KeyAPI) -> None:
        assert (await api.tiktok.product.creators(PRODUCT, 2, 4)).page_num == 2
        assert (await api.tiktok.influencer.livestreams(STREAMER, 2, 4)).page_size == 4
        assert (await api.tiktok.video.products(SOLD, 2, 4)).records == ()

    session.run(main)
    assert [(q["page_num"], q["page_size"]) for q in session.queries] == [("2", "4")] * 3


@CALLS
@pytest.mark.parametrize(
    ("paging", "asked"),
    [
        ({}, [("1", "10")]),
        ({"page_size": 4, "limit": 8}, [("1", "4"), ("2", "4")]),
        ({"page_size": Whole(3), "start": Whole(5), "limit": Whole(1)}, [("5", "3")]),
        ({"start": Bookmark(2, 1, 7), "page_size": 7, "limit": 1}, [("2", "7")]),
        ({"limit": 0}, []),
        ({"limit": 0, "prefetch": 9}, []),
    ],
)
def test_paging_goes_out_as_it_is_asked_for(
    endpoint: Endpoint,
    args: Any,
    options: Any,
    paging: Any,
    asked: list[tuple[str, str]],
) -> None:
    session = Session()

    async def main(api: KeyAPI) -> None:
        stream, _ = endpoint(api)
        rows = stream(*args, **options, **paging)
        assert session.asked == []
        if "limit" in paging:
            await rows.collect()
        else:
            await first(rows)

    session.run(main)
    pages = [(query["page_num"], query["page_size"]) for query in session.queries]
    assert pages == (asked[:1] if endpoint is products else asked)  # its list has one row


@CALLS
def test_every_paging_option_is_handed_on(endpoint: Endpoint, args: Any, options: Any) -> None:
    desk = Desk(faults=Faults(script=["missing_fields"]))
    session = Session(desk)

    async def main(api: KeyAPI) -> None:
        stream, _ = endpoint(api)
        rows = stream(
            *args, **options, until=Until.EMPTY_PAGE, skip_invalid=True, prefetch=2, limit=11
        )
        length = len(await rows.collect())
        assert rows.rejected == 0
        expected = -(-length // 10) if length == 11 else 2
        assert len(session.asked) == expected

    session.run(main)


# What is refused, unsent


BAD_IDS: list[Any] = [
    "",
    " ",
    "abc",
    "12a",
    "-1",
    "+1",
    "1.0",
    "1 2",
    "1,2",
    "\u0661\u0662",
    "1" * 33,
    "1\n",
    -1,
    10**32,
    1.0,
    1e18,
    float("nan"),
    True,
    False,
    None,
    b"1",
    Fraction(1),
    object(),
]

BAD_IDS_IN_ONE: list[Any] = [{"1": 1}, [["1"]], bytearray(b"1"), memoryview(b"1"), range, int]

REFUSED: list[tuple[Endpoint, tuple[Any, ...], dict[str, Any], str]] = [
    *((creators, (bad,), {}, "product_id") for bad in BAD_IDS),
    *((livestreams, (bad,), {}, "user_id") for bad in BAD_IDS),
    *((videos, (), {"user_id": bad}, "user_id") for bad in BAD_IDS if bad is not None),
    *((products, (bad,), {}, "video_ids") for bad in BAD_IDS),
    *((products, (["1", bad],), {}, "video_ids") for bad in BAD_IDS),
    *((products, (bad,), {}, "video_ids") for bad in BAD_IDS_IN_ONE),
    (creators, (["1"],), {}, "product_id"),
    *(
        (
            creators,
            (PRODUCT,),
            {"product_influencer_sort_field": bad},
            "product_influencer_sort_field",
        )
        for bad in (0, 8, -1, "1", 1.0, True, SortType.DESC, RankType.DAY)
    ),
    *(
        (creators, (PRODUCT,), {"sort_type": bad}, "sort_type")
        for bad in (2, -1, "desc", "1", 1.0, True, False, RankType.DAY)
    ),
    (videos, (), {}, "user_id, unique_id"),
    (videos, (), {"user_id": USER, "unique_id": "tiktok"}, "user_id, unique_id"),
    *(
        (videos, (), {"unique_id": bad}, "unique_id")
        for bad in ("", "@", "@@tiktok", "a b", "a/b", "a\n", "a&b", "a?b", 7, b"tiktok", "x" * 65)
    ),
    *(
        (
            videos,
            (),
            {"user_id": USER, "influencer_video_sort_field": bad},
            "influencer_video_sort_field",
        )
        for bad in (0, 5, "1", ProductInfluencerSortField.TOTAL_DIGG_CNT)
    ),
    (videos, (), {"user_id": USER, "sort_type": 2}, "sort_type"),
    *(
        (ranking, (), {**RANKED, "date": bad}, "date")
        for bad in (
            "",
            "2025-1-8",
            "08.01.2025",
            "2025-02-30",
            "2025-13-01",
            "20250108",
            "2025-W02-3",
            "2025-01-08T00:00:00",
            " 2025-01-08",
            "2025-01-08\n",
            20250108,
            1736294400.0,
            None,
        )
    ),
    *(
        (ranking, (), {**RANKED, "region": bad}, "region")
        for bad in ("", "U", "USA", "U1", " US", "US\n", "\u00df\u00df", "\ufb01a", None, 1, b"US")
    ),
    *(
        (ranking, (), {**RANKED, "rank_type": bad}, "rank_type")
        for bad in (0, 4, "1", True, None, SortType.DESC, InfluencerRankField.TOTAL_SALE_CNT)
    ),
    *(
        (ranking, (), {**RANKED, "influencer_rank_field": bad}, "influencer_rank_field")
        for bad in (0, 3, "1", True, None, RankType.DAY)
    ),
    *(
        (ranking, (), {**RANKED, "influencer_category_name": bad}, "influencer_category_name")
        for bad in ("", "  ", "a\nb", 7, b"Beauty", "\ud800")
    ),
    *(
        (ranking, (), {**RANKED, "product_category_id": bad}, "product_category_id")
        for bad in ("", "abc", 1.5, True, -1)
    ),
]


@pytest.mark.parametrize(("endpoint", "args", "options", "name"), REFUSED)
def test_what_cannot_be_is_refused_by_name_and_nothing_is_sent(
    endpoint: Endpoint, args: Any, options: Any, name: str
) -> None:
    session = Session()

    async def main(api: KeyAPI) -> None:
        stream, page = endpoint(api)
        with pytest.raises(InvalidParameterError) as at_once:
            stream(*args, **options)
        with pytest.raises(InvalidParameterError) as awaited:
            await page(*args, **options)
        for error in (at_once.value, awaited.value):
            assert isinstance(error, ValueError)
            assert error.parameter == name
            assert error.allowed
            assert name in str(error)
            assert "\n" not in str(error)

    session.run(main)
    assert session.asked == []


@CALLS
@pytest.mark.parametrize(
    ("paging", "name"),
    [
        *(({"page_size": bad}, "page_size") for bad in (0, 11, -1, "10", 1.0, True, None)),
        *(({"limit": bad}, "limit") for bad in (-1, "1", 1.0, True)),
        *(({"prefetch": bad}, "prefetch") for bad in (-1, "1", 1.0, True, None)),
        *(({"start": bad}, "start") for bad in (0, 100_001, "1", 1.0, True, (1, 0))),
        ({"start": Bookmark(1, 0, 9)}, "start"),
        ({"start": Bookmark(1, 0, 10, 1)}, "start.part"),
        *(({"until": bad}, "until") for bad in ("short_page", None, 1)),
        *(({"skip_invalid": bad}, "skip_invalid") for bad in (None, 1, "yes")),
    ],
)
def test_paging_that_cannot_be_is_refused_when_the_stream_is_made(
    endpoint: Endpoint, args: Any, options: Any, paging: Any, name: str
) -> None:
    session = Session()

    async def main(api: KeyAPI) -> None:
        stream, _ = endpoint(api)
        with pytest.raises(InvalidParameterError) as caught:
            stream(*args, **options, **paging)
        assert caught.value.parameter == name

    session.run(main)
    assert session.asked == []


@CALLS
@pytest.mark.parametrize(
    ("paging", "name"),
    [
        *(({"page_num": bad}, "page_num") for bad in (0, 100_001, -1, "1", 1.0, True, None)),
        *(({"page_size": bad}, "page_size") for bad in (0, 11, "10", 1.0, True, None)),
    ],
)
def test_a_page_that_cannot_be_is_refused_unsent(
    endpoint: Endpoint, args: Any, options: Any, paging: Any, name: str
) -> None:
    session = Session()

    async def main(api: KeyAPI) -> None:
        _, page = endpoint(api)
        with pytest.raises(InvalidParameterError) as caught:
            await page(*args, **options, **paging)
        assert caught.value.parameter == name

    session.run(main)
    assert session.asked == []


@CALLS
def test_a_misspelt_parameter_is_pythons_own_error(
    endpoint: Endpoint, args: Any, options: Any
) -> None:
    session = Session()

    async def main(api: KeyAPI) -> None:
        for call in endpoint(api):
            with pytest.raises(TypeError, match="unexpected keyword argument"):
                call(*args, **options, category_id=7)

    session.run(main)
    assert session.asked == []


@pytest.mark.parametrize(
    ("rank_type", "day", "meant"),
    [
        (RankType.WEEK, "2025-01-08", "2025-01-06"),
        (RankType.WEEK, date(2025, 1, 5), "2024-12-30"),
        (2, datetime(2025, 3, 2, tzinfo=UTC), "2025-02-24"),
        (RankType.MONTH, "2025-01-31", "2025-01-01"),
        (3, date(2024, 2, 29), "2024-02-01"),
    ],
)
def test_a_date_inside_a_period_is_refused_with_the_one_that_was_meant(
    rank_type: int, day: Any, meant: str
) -> None:
    session = Session()

    async def main(api: KeyAPI) -> None:
        with pytest.raises(InvalidParameterError, match=meant) as caught:
            api.tiktok.influencer.iter_ranking(**{**RANKED, "date": day, "rank_type": rank_type})
        assert caught.value.parameter == "date"
        good = {**RANKED, "date": meant, "rank_type": rank_type}
        await api.tiktok.influencer.ranking(**good)

    session.run(main)
    assert session.queries[0]["date"] == meant


# What comes back


def in_order(values: Iterable[Any], *, descending: bool) -> bool:
    precedes = operator.ge if descending else operator.le
    return all(itertools.starmap(precedes, itertools.pairwise(values)))


@pytest.mark.parametrize("field", ProductInfluencerSortField)
@pytest.mark.parametrize("sort_type", SortType)
def test_creators_come_sorted_as_asked(
    field: ProductInfluencerSortField, sort_type: SortType
) -> None:
    session = Session()

    async def main(api: KeyAPI) -> list[ProductCreator]:
        return await api.tiktok.product.iter_creators(
            PRODUCT, product_influencer_sort_field=field, sort_type=sort_type
        ).collect()

    rows = session.run(main)
    values = [getattr(row, field.name.lower()) for row in rows]
    assert len(set(values)) > 1
    assert in_order(values, descending=sort_type is SortType.DESC)
    assert len({row.user_id for row in rows}) == len(rows) == 82
    assert {row.product_id for row in rows} == {PRODUCT}


@pytest.mark.parametrize("field", InfluencerVideoSortField)
@pytest.mark.parametrize("sort_type", SortType)
def test_videos_come_sorted_as_asked(field: InfluencerVideoSortField, sort_type: SortType) -> None:
    session = Session()

    async def main(api: KeyAPI) -> list[InfluencerVideo]:
        return await api.tiktok.influencer.iter_videos(
            user_id=USER, influencer_video_sort_field=field, sort_type=sort_type
        ).collect()

    rows = session.run(main)
    values = [getattr(row, field.name.lower()) for row in rows]
    assert len(set(values)) > 1
    assert in_order(values, descending=sort_type is SortType.DESC)
    assert len({row.video_id for row in rows}) == len(rows) == 119


def test_a_handle_and_its_id_are_the_same_influencer() -> None:
    session = Session()
    [handle], [user_id] = session.desk.world.unique_ids(1), session.desk.world.user_ids(1)

    async def main(api: KeyAPI) -> None:
        by_handle = await api.tiktok.influencer.iter_videos(unique_id=f"@{handle}").collect()
        by_id = await api.tiktok.influencer.iter_videos(user_id=user_id).collect()
        assert by_handle == by_id != []

    session.run(main)


def test_an_unknown_handle_is_an_error_and_no_empty_list() -> None:
    session = Session()

    async def main(api: KeyAPI) -> None:
        rows = api.tiktok.influencer.iter_videos(unique_id="nobody.at.all")
        with pytest.raises(BadRequestError, match="unique_id is invalid") as caught:
            await rows.collect()
        error = caught.value
        assert (error.status, error.code, error.attempts) == (200, 400, 1)
        assert (error.path, error.bookmark) == (VIDEOS, Bookmark(1))
        assert error.params == {"unique_id": "nobody.at.all", **FIRST_PAGE}

    session.run(main)
    assert session.desk.billed == 0


@pytest.mark.parametrize("field", InfluencerRankField)
@pytest.mark.parametrize("rank_type", RankType)
def test_ranks_count_from_one_through_all_pages(
    field: InfluencerRankField, rank_type: RankType
) -> None:
    session = Session()

    async def main(api: KeyAPI) -> list[RankedInfluencer]:
        return await api.tiktok.influencer.iter_ranking(
            date=rank_type.latest(date(2025, 3, 20)),
            region="us",
            rank_type=rank_type,
            influencer_rank_field=field,
            page_size=7,
            limit=60,
        ).collect()

    rows = session.run(main)
    assert [row.rank for row in rows] == list(range(1, 61))
    assert in_order([getattr(row, field.name.lower()) for row in rows], descending=True)
    assert {row.region for row in rows} == {"US"}


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 10), st.integers(1, 40), st.integers(0, 3))
def test_ranks_go_on_counting_from_a_bookmark(page_size: int, stop: int, prefetch: int) -> None:
    session = Session()

    async def main(api: KeyAPI) -> None:
        def rows(**paging: Any) -> RecordStream[RankedInfluencer]:
            return api.tiktok.influencer.iter_ranking(
                **RANKED, page_size=page_size, prefetch=prefetch, **paging
            )

        async with rows(limit=stop) as before:
            seen = await before.collect()
        mark = Bookmark(**attrs.asdict(before.bookmark))
        async with rows(start=mark, limit=50 - stop) as after:
            seen += await after.collect()
        assert [row.rank for row in seen] == list(range(1, 51))
        assert len({row.user_id for row in seen}) == 50

    virtual.run(lambda: main(session.api))


def test_ranks_of_a_page_and_of_a_page_number_count_from_the_beginning_of_the_list() -> None:
    session = Session()

    async def main(api: KeyAPI) -> None:
        page = await api.tiktok.influencer.ranking(**RANKED, page_num=3, page_size=4)
        assert [row.rank for row in page.records] == [9, 10, 11, 12]
        rows = api.tiktok.influencer.iter_ranking(**RANKED, start=3, page_size=4, limit=2)
        assert [row.rank async for row in rows] == [9, 10]

    session.run(main)


def test_a_row_that_is_no_record_leaves_a_gap_in_the_ranks() -> None:
    class Spoilt(Session):
        async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
            answer = await super().send(request, within)
            assert isinstance(answer, Answer)
            body = answer.body.replace(b'"user_id"', b'"nobody"', 1)
            return Answer(answer.status, answer.headers, body)

    async def main() -> None:
        rows = session.api.tiktok.influencer.iter_ranking(**RANKED, skip_invalid=True, limit=12)
        assert [row.rank async for row in rows] == [*range(2, 11), *range(12, 15)]
        assert rows.rejected == 2
        strict = session.api.tiktok.influencer.iter_ranking(**RANKED)
        with pytest.raises(DecodeError, match="user_id") as caught:
            await first(strict)
        assert (caught.value.field, caught.value.page_num) == ("user_id", 1)
        assert caught.value.request_id

    session = Spoilt()
    virtual.run(main)


def test_filters_of_a_ranking_filter() -> None:
    session = Session()

    async def main(api: KeyAPI) -> None:
        beauty = await api.tiktok.influencer.iter_ranking(
            **RANKED, influencer_category_name="Beauty"
        ).collect()
        assert {row.category for row in beauty} == {"Beauty"}
        assert [row.rank for row in beauty] == list(range(1, len(beauty) + 1))
        best = (beauty[0].product_category_list or ())[0]
        sellers = await api.tiktok.influencer.iter_ranking(
            **RANKED, product_category_id=best.category_l2_id
        ).collect()
        assert beauty[0].user_id in {row.user_id for row in sellers}
        for row in sellers:
            levels = {level.category_l2_id for level in row.product_category_list or ()}
            assert best.category_l2_id in levels

    session.run(main)


def test_live_streams_of_an_influencer_are_all_theirs() -> None:
    session = Session()

    async def main(api: KeyAPI) -> list[InfluencerLivestream]:
        return await api.tiktok.influencer.iter_livestreams(int(STREAMER), prefetch=4).collect()

    rows = session.run(main)
    assert len({row.room_id for row in rows}) == len(rows) == 412
    assert {row.user_id for row in rows} == {STREAMER}
    assert len(session.asked) <= 42 + 4
    for row in rows:
        assert row.create_time
        assert row.finish_time
        assert row.finish_time - row.create_time == timedelta(seconds=row.duration or 0)


# Videos' products: any number of ids, ten at a time


def groups(session: Session) -> list[str]:
    return [query["video_ids"] for query in session.queries]


def test_products_are_asked_for_ten_videos_at_a_time_in_order_and_once_each() -> None:
    session = Session()
    ids = session.desk.world.video_ids(33)

    async def main(api: KeyAPI) -> list[VideoProduct]:
        return await api.tiktok.video.iter_products([*ids, *reversed(ids), int(ids[0])]).collect()

    rows = session.run(main)
    tens = [",".join(ids[at : at + 10]) for at in range(0, 33, 10)]
    assert list(dict.fromkeys(groups(session))) == tens
    expected = session.desk.world.video_products(ids)
    assert [unstructure(row) for row in rows] == list(expected) != []


@pytest.mark.parametrize("prefetch", [0, 3])
def test_a_group_of_more_than_ten_rows_has_its_own_pages(prefetch: int) -> None:
    session = Session()
    ids = session.desk.world.video_ids(120)

    async def main(api: KeyAPI) -> None:
        rows = api.tiktok.video.iter_products(ids, page_size=2, prefetch=prefetch)
        pairs = [(row.video_id, row.product_id) async for row in rows]
        expected = session.desk.world.video_products(ids)
        assert pairs == [(row["video_id"], row["product_id"]) for row in expected]
        assert rows.bookmark.part == 11

    session.run(main)
    assert list(dict.fromkeys(groups(session))) == [
        ",".join(ids[at : at + 10]) for at in range(0, 120, 10)
    ]
    assert {query["page_size"] for query in session.queries} == {"2"}
    assert max(int(query["page_num"]) for query in session.queries) > 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 60), st.integers(1, 10), st.integers(0, 4))
def test_a_bookmark_of_products_knows_its_group(stop: int, page_size: int, prefetch: int) -> None:
    session = Session()
    ids = session.desk.world.video_ids(95)
    expected = [row["product_id"] for row in session.desk.world.video_products(ids)]

    async def main() -> None:
        def rows(**paging: Any) -> RecordStream[VideoProduct]:
            return session.api.tiktok.video.iter_products(
                iter(ids), page_size=page_size, prefetch=prefetch, **paging
            )

        async with rows() as before:
            seen = [row.product_id async for row in before_stop(before, stop)]
            mark = before.bookmark
        assert len(seen) == min(stop, len(expected))
        session.asked.clear()
        async with rows(start=Bookmark(**attrs.asdict(mark))) as after:
            seen += [row.product_id async for row in after]
        assert seen == expected
        part = ids[mark.part * 10 : mark.part * 10 + 10]
        assert session.queries[0]["video_ids"] == ",".join(part)
        assert session.queries[0]["page_num"] == str(mark.page_num)

    virtual.run(main)


async def before_stop(rows: RecordStream[T], stop: int) -> AsyncIterator[T]:
    for _ in range(stop):
        row = await first(rows)
        if row is None:
            break
        yield row


def test_a_bookmark_of_a_group_that_is_not_there_is_refused() -> None:
    session = Session()

    async def main(api: KeyAPI) -> None:
        api.tiktok.video.iter_products(range(20), start=Bookmark(1, part=1))
        with pytest.raises(InvalidParameterError, match=r"start\.part"):
            api.tiktok.video.iter_products(range(20), start=Bookmark(1, part=2))

    session.run(main)


def test_no_ids_are_no_rows_and_cost_nothing() -> None:
    session = Session()

    async def main(api: KeyAPI) -> None:
        rows = api.tiktok.video.iter_products([])
        assert await rows.collect() == []
        assert rows.bookmark == Bookmark(1)
        assert [page async for page in api.tiktok.video.iter_products(iter(())).pages()] == []

    session.run(main)
    assert session.asked == []


@pytest.mark.parametrize("ids", [[], (), range(11), [str(n) for n in range(25)]])
def test_a_page_of_products_takes_one_to_ten_ids(ids: Any) -> None:
    session = Session()

    async def main(api: KeyAPI) -> None:
        with pytest.raises(InvalidParameterError, match="1 to 10") as caught:
            await api.tiktok.video.products(ids)
        assert caught.value.parameter == "video_ids"
        page = await api.tiktok.video.products([*range(10), *range(10)])
        assert page.page_num == 1

    session.run(main)
    assert groups(session) == ["0,1,2,3,4,5,6,7,8,9"]


def test_ids_are_checked_before_the_first_credit_however_many_there_are() -> None:
    session = Session()

    async def main(api: KeyAPI) -> None:
        with pytest.raises(InvalidParameterError, match="'oops'"):
            api.tiktok.video.iter_products(itertools.chain(range(10_000), ["oops"]))

    session.run(main)
    assert session.asked == []


# The latest ranking


TODAY = date(2025, 1, 8)


@pytest.fixture
def wednesday(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that stands at the end of a Wednesday in UTC, when it is Thursday in Tokyo."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Clock":
            late = cls(2025, 1, 8, 23, 30, tzinfo=UTC)
            return late.astimezone(timezone(timedelta(hours=9)) if tz is None else tz)

    monkeypatch.setattr(params, "datetime", Clock)


@pytest.mark.parametrize(
    ("rank_type", "periods"),
    [
        (RankType.DAY, ["2025-01-07", "2025-01-06", "2025-01-05"]),
        (RankType.WEEK, ["2024-12-30", "2024-12-23", "2024-12-16"]),
        (RankType.MONTH, ["2024-12-01", "2024-11-01", "2024-10-01"]),
    ],
)
@pytest.mark.parametrize("empty", [0, 1, 2, 3])
@pytest.mark.parametrize("nothing", ["null_data", "missing_data"])
@pytest.mark.usefixtures("wednesday")
def test_the_latest_ranking_date_is_found_with_three_credits_at_most(
    rank_type: RankType, periods: list[str], empty: int, nothing: str
) -> None:
    session = Session(Desk(today=TODAY, faults=Faults(script=[nothing] * empty)))

    async def main(api: KeyAPI) -> date | None:
        return await api.tiktok.influencer.latest_ranking_date(
            region="us", rank_type=rank_type.value, influencer_rank_field=1
        )

    found = session.run(main)
    assert found == (date.fromisoformat(periods[empty]) if empty < 3 else None)
    assert type(found) in (date, type(None))
    asked = min(empty + 1, 3)
    assert session.api.credits.spent == asked
    assert session.queries == [
        {
            "date": period,
            "region": "US",
            "rank_type": str(rank_type.value),
            "influencer_rank_field": "1",
            "page_num": "1",
            "page_size": "1",
        }
        for period in periods[:asked]
    ]


@pytest.mark.usefixtures("wednesday")
def test_rows_that_are_no_records_are_a_ranking_all_the_same() -> None:
    class Spoilt(Session):
        async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
            answer = await super().send(request, within)
            assert isinstance(answer, Answer)
            body = answer.body.replace(b'"user_id"', b'"nobody"')
            return Answer(answer.status, answer.headers, body)

    session = Spoilt(Desk(today=TODAY))

    async def main(api: KeyAPI) -> date | None:
        return await api.tiktok.influencer.latest_ranking_date(
            region="US", rank_type=1, influencer_rank_field=2
        )

    assert session.run(main) == date(2025, 1, 7)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"region": "USA"}, "region"),
        ({"rank_type": 4}, "rank_type"),
        ({"rank_type": "DAY"}, "rank_type"),
        ({"influencer_rank_field": 3}, "influencer_rank_field"),
    ],
)
def test_the_latest_ranking_date_refuses_what_a_ranking_refuses(options: Any, name: str) -> None:
    session = Session()

    async def main(api: KeyAPI) -> None:
        with pytest.raises(InvalidParameterError) as caught:
            await api.tiktok.influencer.latest_ranking_date(
                **{"region": "US", "rank_type": 1, "influencer_rank_field": 1, **options}
            )
        assert caught.value.parameter == name

    session.run(main)
    assert session.asked == []


@pytest.mark.parametrize(
    ("rank_type", "today", "latest"),
    [
        (RankType.DAY, date(2025, 1, 1), date(2024, 12, 31)),
        (RankType.DAY, "2024-03-01", date(2024, 2, 29)),
        (RankType.WEEK, date(2025, 1, 5), date(2024, 12, 23)),  # a Sunday: its week still runs
        (RankType.WEEK, date(2025, 1, 6), date(2024, 12, 30)),
        (RankType.WEEK, datetime(2025, 1, 12, 23, tzinfo=UTC), date(2024, 12, 30)),
        (RankType.MONTH, date(2025, 1, 31), date(2024, 12, 1)),
        (RankType.MONTH, date(2025, 3, 1), date(2025, 2, 1)),
    ],
)
def test_the_latest_period_is_the_last_complete_one(
    rank_type: RankType, today: Any, latest: date
) -> None:
    found = rank_type.latest(today)
    assert (found, type(found)) == (latest, date)


@pytest.mark.usefixtures("wednesday")
def test_today_is_todays_date_in_utc() -> None:
    assert [period.latest() for period in RankType] == [
        date(2025, 1, 7),
        date(2024, 12, 30),
        date(2024, 12, 1),
    ]


@given(st.sampled_from(RankType), st.dates(min_value=date(1, 3, 1)))
def test_the_latest_period_is_one_that_a_ranking_takes(rank_type: RankType, today: date) -> None:
    latest = rank_type.latest(today)
    assert latest < today
    assert params.ranking_date("date", latest, rank_type) == latest.isoformat()
    assert rank_type.latest(latest) < latest


# Any other endpoint


def test_get_reaches_any_endpoint() -> None:
    session = Session()

    async def main(api: KeyAPI) -> None:
        envelope = await api.get(
            CREATORS,
            {
                "product_id": int(PRODUCT),
                "product_influencer_sort_field": ProductInfluencerSortField.TOTAL_DIGG_CNT,
                "sort_type": None,
                "page_num": 2,
                "page_size": Whole(3),  # type: ignore[dict-item]
            },
        )
        assert (envelope.code, envelope.message) == (0, "success")
        assert envelope.request_id
        page = await api.tiktok.product.creators(
            PRODUCT, page_num=2, page_size=3, product_influencer_sort_field=2
        )
        assert envelope.data == [unstructure(row) for row in page.records]
        with pytest.raises(NotFoundError):
            await api.get("/v1/tiktok/nothing")
        with pytest.raises(BadRequestError, match="Unknown parameter: video_id"):
            await api.get(PRODUCTS, {"video_id": "1", "page_num": 1, "page_size": 10})

    session.run(main)
    expected = {"product_id": PRODUCT, "product_influencer_sort_field": "2"}
    assert session.queries[0] == {**expected, "page_num": "2", "page_size": "3"}
    assert session.queries[0] == session.queries[1]
    assert session.queries[2] == {}


def test_iter_records_walks_any_endpoint_into_dicts_records_or_classes_of_ones_own() -> None:
    @attrs.frozen
    class Brief:
        nick_name: str
        total_followers_cnt: int

    session = Session()

    async def main(api: KeyAPI) -> None:
        rows = await api.tiktok.product.iter_creators(PRODUCT).collect()
        query = {"product_id": PRODUCT}
        records = api.iter_records(CREATORS, query, into=ProductCreator, prefetch=2)
        assert await records.collect() == rows
        dicts: RecordStream[dict[str, Any]] = api.iter_records(CREATORS, query, page_size=7)
        assert await dicts.collect() == [unstructure(row) for row in rows]
        briefs = await api.iter_records(CREATORS, query, Brief, limit=12, start=2).collect()
        assert [(b.nick_name, b.total_followers_cnt) for b in briefs] == [
            (row.nick_name, row.total_followers_cnt) for row in rows[10:22]
        ]
        ranked = api.iter_records(RANKING, RANKED_QUERY, RankedInfluencer, start=2, limit=1)
        assert [row.rank async for row in ranked] == [11]

    session.run(main)


def test_a_budget_ends_a_stream_with_its_bookmark() -> None:
    session = Session(max_credits=3)

    async def main(api: KeyAPI) -> None:
        rows = api.tiktok.product.iter_creators(PRODUCT)
        assert len([await anext(rows) for _ in range(30)]) == 30
        with pytest.raises(CreditBudgetError) as caught:
            await anext(rows)
        assert caught.value.bookmark == rows.bookmark == Bookmark(4)

    session.run(main)
    assert len(session.asked) == 3


def test_the_names_say_what_the_documentation_says() -> None:
    api = virtual.client(virtual.DeskTransport(Desk()))
    for public in (api.tiktok.product, api.tiktok.influencer, api.tiktok.video):
        for name in (name for name in dir(public) if not name.startswith("_")):
            assert "credit" in getattr(public, name).__doc__
            assert "Source: ``GET /v1/tiktok/" in getattr(public, name).__doc__
