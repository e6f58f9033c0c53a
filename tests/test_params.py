"""Every parameter is checked where it enters: hostile values are named, and nothing is sent."""

import enum
import json
import math
from collections.abc import Callable, Coroutine, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_async import (
    Bookmark,
    InfluencerRankField,
    InfluencerVideoSortField,
    InvalidParameterError,
    KeyAPI,
    ProductInfluencerSortField,
    RankType,
    SortType,
    Until,
    params,
)
from keyapi_async.call.wire import query_of
from tests.rows import steady


class Shouting:
    """Shows itself in a way that no log should obey."""

    def __repr__(self) -> str:
        return "a\nb\x1b[31m"


class Number:
    """A whole number of another library, as numpy's are."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


class Word(str, enum.Enum):  # noqa: UP042  # whose str() is not its text
    """A text that is an enum's member."""

    ID = "123"
    HANDLE = "@tiktok"
    REGION = "us"
    DATE = "2025-10-27"


HOSTILE: Mapping[str, Any] = {
    "none": None,
    "true": True,
    "false": False,
    "float": 1.0,
    "half": 1.5,
    "nan": math.nan,
    "infinity": math.inf,
    "minus": -1,
    "vast": 10**5000,  # Python refuses to write it
    "decimal": Decimal(1),
    "complex": 1j,
    "empty": "",
    "blank": " ",
    "words": "no, thanks",
    "line break": "1\n",
    "other digits": "\uff11",
    "surrogate": "\ud800",
    "nul": "1\0",
    "endless": "1" * 10_000,
    "bytes": b"1",
    "bytearray": bytearray(b"12"),
    "memoryview": memoryview(b"12"),
    "object": object(),
    "shouting": Shouting(),
    "function": len,
    "class": int,
    "enum class": SortType,
    "list": [None],
    "deep": [[[[[[[[1]]]]]]]],
    "vast inside": [10**5000],
    "tuple": (1.0,),
    "set": {b"1"},
    "dict": {"1": 1},
    "date": date(2025, 10, 28),
    "until": Until.SHORT_PAGE,
    "no bookmark": {"page_num": 1, "offset": 0, "page_size": 10, "part": 0},
}


def refused(name: str, value: object, call: Callable[[], object]) -> InvalidParameterError:
    """See that a call refuses a value as it should, with a message of one line."""
    with pytest.raises(InvalidParameterError) as caught:
        call()
    error = caught.value
    assert isinstance(error, ValueError)
    assert error.parameter == name
    assert error.value is value
    assert error.allowed
    assert str(error).startswith(f"{name}=")
    assert str(error).endswith(f" is not accepted: {error.allowed}")
    assert str(error).isprintable()
    assert len(str(error)) < 1000
    return error


CHECKS: Mapping[str, tuple[Callable[[Any], object], set[str]]] = {
    "identifier": (lambda v: params.identifier("x", v), set()),
    "optional_identifier": (lambda v: params.optional_identifier("x", v), {"none"}),
    "handle": (lambda v: params.handle("x", v), {"other digits"}),
    "region": (lambda v: params.region("x", v), set()),
    "text": (lambda v: params.text("x", v), {"words", "other digits", "endless"}),
    "optional_text": (
        lambda v: params.optional_text("x", v),
        {"none", "words", "other digits", "endless"},
    ),
    "choice": (lambda v: params.choice("x", v, SortType), set()),
    "optional_choice": (lambda v: params.optional_choice("x", v, SortType), {"none"}),
    "ranking_date": (lambda v: params.ranking_date("x", v, RankType.WEEK), set()),
    "number": (lambda v: params.number("x", v, 0), {"vast"}),
    "number between": (lambda v: params.number("x", v, 0, 10), set()),
    "boolean": (lambda v: params.boolean("x", v), {"true", "false"}),
    "path": (params.path, set()),
    "query value": (
        lambda v: params.query({"x": v}),
        {"none", "float", "half", "minus", "empty", "blank", "words", "line break", "other digits",
         "nul", "endless", "until"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("label", HOSTILE)
def test_a_hostile_value_is_refused_by_name_or_is_fine(check: str, label: str) -> None:
    """Never another exception, and never a guess."""
    call, fine = CHECKS[check]
    value = HOSTILE[label]
    if label in fine:
        call(value)
    else:
        refused("path" if check == "path" else "x", value, lambda: call(value))


@pytest.mark.parametrize("label", sorted(set(HOSTILE) - {"until"}))
def test_until_is_one_of_the_two(label: str) -> None:
    value = HOSTILE[label]
    refused("until", value, lambda: params.until(value))
    assert params.until(Until.EMPTY_PAGE) is Until.EMPTY_PAGE


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_names_and_mappings_of_parameters_are_refused(label: str) -> None:
    value = HOSTILE[label]
    if label not in {"dict", "no bookmark"}:
        refused("params", value, lambda: params.query(value))
    if value.__hash__ is not None and label != "memoryview":
        refused("params", value, lambda: params.query({value: "1"}))


# Ids.


@given(st.integers(0, 10**32 - 1))
@steady
def test_an_id_is_a_digit_string_or_an_int(number: int) -> None:
    assert params.identifier("x", number) == params.identifier("x", str(number)) == str(number)
    assert params.identifier("x", Number(number)) == str(number)  # type: ignore[arg-type]
    assert params.optional_identifier("x", number) == str(number)


@pytest.mark.parametrize("value", [10**32, "1" * 33, Number(-1), Number(10**32), "-1", "+1", "1_0"])
def test_an_id_has_32_digits_at_most_and_no_sign(value: Any) -> None:
    refused("x", value, lambda: params.identifier("x", value))


def test_a_members_text_is_what_is_sent_not_its_name() -> None:
    """``str()`` of an enum's text member differs between Pythons."""
    assert query_of({"x": params.identifier("x", Word.ID)}) == "x=123"
    assert query_of({"x": params.text("x", Word.ID)}) == "x=123"
    assert query_of({"x": params.handle("x", Word.HANDLE)}) == "x=tiktok"
    assert query_of({"x": params.region("x", Word.REGION)}) == "x=US"
    assert query_of({"x": params.ranking_date("x", Word.DATE, RankType.DAY)}) == "x=2025-10-27"
    assert query_of(params.query({"x": Word.ID, "y": SortType.DESC})) == "x=123&y=1"


@given(
    st.lists(st.integers(0, 30) | st.integers(0, 30).map(str)), st.sampled_from([list, tuple, iter])
)
@steady
def test_ids_keep_their_order_and_lose_their_duplicates(
    values: list[int | str], container: Callable[[list[int | str]], Any]
) -> None:
    ids = params.identifiers("x", container(values))
    assert ids == list(dict.fromkeys(map(str, values)))
    groups = list(params.in_groups(ids))
    assert [one for group in groups for one in group.split(",")] == ids
    assert all(group.count(",") == 9 for group in groups[:-1])
    assert all(group.count(",") < 10 for group in groups)


def test_one_id_stands_for_itself() -> None:
    assert params.identifiers("x", "123") == params.identifiers("x", 123) == ["123"]
    assert params.identifiers("x", iter(())) == []
    assert params.identifiers("x", {"5": None}.keys()) == ["5"]
    assert params.identifiers("x", range(2)) == ["0", "1"]


@pytest.mark.parametrize(
    "label", sorted(set(HOSTILE) - {"list", "deep", "vast inside", "tuple", "set"})
)
def test_what_is_neither_an_id_nor_many_is_refused(label: str) -> None:
    value = HOSTILE[label]
    refused("x", value, lambda: params.identifiers("x", value))


@pytest.mark.parametrize("label", HOSTILE)
def test_a_hostile_id_among_good_ones_is_named_itself(label: str) -> None:
    value = HOSTILE[label]
    refused("x", value, lambda: params.identifiers("x", ["1", value, "2"]))


# Handles, regions, texts.


@pytest.mark.parametrize("value", ["tiktok", "@tiktok", "iamjuliocr", "mrmnaznrm_", "a.b-c", "ﾌひ"])
def test_a_handle_loses_one_leading_at(value: str) -> None:
    assert params.handle("unique_id", value) == value.removeprefix("@")


@pytest.mark.parametrize("value", ["@", "@@tiktok", "tik tok", "a/b", "a@b", "x" * 65, "tiktok\n"])
def test_what_no_profile_is_called_is_refused(value: str) -> None:
    refused("unique_id", value, lambda: params.handle("unique_id", value))


def test_exactly_one_name_of_an_influencer_is_taken() -> None:
    assert params.user_or_handle(7, None) == {"user_id": "7"}
    assert params.user_or_handle(None, "@a") == {"unique_id": "a"}
    for both in ((None, None), (7, "a"), ("", ""), ("7", "")):
        with pytest.raises(InvalidParameterError, match="exactly one of the two") as caught:
            params.user_or_handle(*both)
        assert caught.value.parameter == "user_id, unique_id"
        assert caught.value.value == {"user_id": both[0], "unique_id": both[1]}


def test_a_region_is_two_letters_sent_in_upper_case() -> None:
    assert params.region("region", "us") == params.region("region", "US") == "US"
    for value in ("USA", "U", "U1", "ÜS", "U\n", "U "):
        refused("region", value, lambda value=value: params.region("region", value))  # type: ignore[misc]


def test_a_text_is_one_line_that_is_not_blank() -> None:
    assert params.text("x", "Beauty & Personal Care") == "Beauty & Personal Care"
    assert params.optional_text("x", "美妆") == "美妆"


# Enums.

ENUMS = [
    SortType,
    ProductInfluencerSortField,
    InfluencerVideoSortField,
    InfluencerRankField,
    RankType,
]


@pytest.mark.parametrize("choices", ENUMS)
def test_a_choice_is_a_member_or_its_bare_integer(choices: type[enum.IntEnum]) -> None:
    for one in choices:
        for form in (one, one.value, Number(one.value)):
            chosen = params.choice("x", form, choices)  # type: ignore[arg-type]
            assert (chosen, type(chosen)) == (one.value, int)
    for value in (min(choices) - 1, max(choices) + 1, str(one.value)):
        error = refused("x", value, lambda value=value: params.choice("x", value, choices))  # type: ignore[misc]
        assert all(
            f"{one.value} ({choices.__name__}.{one.name})" in error.allowed for one in choices
        )


def test_a_member_of_another_enum_is_refused_though_its_number_exists() -> None:
    """Both sort fields have a TOTAL_VIEWS_CNT, and they are not the same number."""
    for choices in ENUMS:
        for other in ENUMS:
            value = other(1)
            if other is not choices:
                refused("x", value, lambda: params.choice("x", value, choices))  # noqa: B023


def test_the_enums_are_the_documented_numbers() -> None:
    documented = {
        SortType: "ASC=0 DESC=1",
        RankType: "DAY=1 WEEK=2 MONTH=3",
        InfluencerRankField: "TOTAL_FOLLOWERS_CNT=1 TOTAL_SALE_CNT=2",
        InfluencerVideoSortField: "TOTAL_VIEWS_CNT=1 TOTAL_VIDEO_SALE_CNT=2"
        " TOTAL_VIDEO_SALE_GMV_AMT=3 CREATE_TIME=4",
        ProductInfluencerSortField: "TOTAL_FOLLOWERS_CNT=1 TOTAL_DIGG_CNT=2"
        " PER_PRODUCT_IFL_SALE_CNT=3 PER_PRODUCT_IFL_GMV_AMT=4 TOTAL_POST_VIDEO_CNT=5"
        " TOTAL_VIEWS_CNT=6 TOTAL_LIVE_VIEWS_CNT=7",
    }
    for choices, numbers in documented.items():
        assert " ".join(f"{one.name}={one.value}" for one in choices) == numbers


# Ranking dates.

ranks = st.sampled_from(RankType)


@given(st.dates(date(1, 2, 1)), ranks)
@steady
def test_a_period_is_asked_for_by_its_first_day(day: date, rank: RankType) -> None:
    """Any other date is refused, with the one that was probably meant."""
    first = {
        RankType.DAY: True,
        RankType.WEEK: day.weekday() == 0,
        RankType.MONTH: day.day == 1,
    }[rank]
    for form in (day, day.isoformat(), datetime(day.year, day.month, day.day, 23, 59, tzinfo=UTC)):
        if first:
            assert params.ranking_date("date", form, rank) == day.isoformat()
        else:
            error = refused("date", form, lambda form=form: params.ranking_date("date", form, rank))  # type: ignore[misc]
            meant = error.allowed.rpartition(" ")[2]
            assert params.ranking_date("date", meant, rank) == meant
            assert 0 < (day - date.fromisoformat(meant)).days < (7 if rank is RankType.WEEK else 31)
            assert rank.name in error.allowed


@pytest.mark.parametrize("value", ["2025-02-29", "2025-13-01", "0000-01-01"])
def test_a_date_that_does_not_exist_is_refused_with_the_reason(value: str) -> None:
    error = refused("date", value, lambda: params.ranking_date("date", value, RankType.DAY))
    assert error.allowed.startswith("a date that exists (")


@pytest.mark.parametrize("value", ["20251027", "2025-W44-1", "2025-10-27T00:00", "27.10.2025", " "])
def test_a_date_in_another_form_is_refused(value: str) -> None:
    error = refused("date", value, lambda: params.ranking_date("date", value, RankType.DAY))
    assert error.allowed == "a date, or a text as yyyy-MM-dd"


@given(st.dates(date(1, 3, 1)), ranks)
@steady
def test_the_latest_period_is_the_last_that_is_over(today: date, rank: RankType) -> None:
    latest = rank.latest(today)
    assert params.ranking_date("date", latest, rank) == latest.isoformat()
    if rank is RankType.MONTH:
        assert today.year * 12 + today.month - (latest.year * 12 + latest.month) == 1
    elif rank is RankType.WEEK:
        assert timedelta(7) <= today - latest < timedelta(14)
    else:
        assert today - latest == timedelta(1)


def test_the_latest_period_takes_today_in_utc_by_itself() -> None:
    before = datetime.now(UTC).date()
    latest = RankType.DAY.latest()
    assert before - timedelta(1) <= latest <= datetime.now(UTC).date() - timedelta(1)
    assert RankType.WEEK.latest(datetime(2025, 10, 29, 23, tzinfo=UTC)) == date(2025, 10, 20)
    assert RankType.MONTH.latest("2025-01-31") == date(2024, 12, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("rank", RankType)
def test_there_is_no_period_before_the_first(rank: RankType) -> None:
    refused("today", date.min, lambda: rank.latest(date.min))
    for label in set(HOSTILE) - {"none", "date"}:
        value = HOSTILE[label]
        refused("today", value, lambda value=value: rank.latest(value))  # type: ignore[misc]


# Paging.


def test_numbers_keep_their_bounds() -> None:
    assert [params.page_size(1), params.page_size(10), params.page_num(100_000)] == [1, 10, 100_000]
    for value in (0, 11, -1):
        error = refused("page_size", value, lambda value=value: params.page_size(value))  # type: ignore[misc]
        assert error.allowed == "a whole number, 1 to 10"
    for value in (0, 100_001):
        refused("page_num", value, lambda value=value: params.page_num(value))  # type: ignore[misc]
    error = refused("limit", -1, lambda: params.number("limit", -1, 0))
    assert error.allowed == "a whole number, 0 or more"
    assert type(params.number("limit", Number(3), 0)) is int  # type: ignore[arg-type]


bookmarks = st.integers(1, 10).flatmap(
    lambda size: st.builds(
        Bookmark, st.integers(1, 100_001), st.integers(0, size), st.just(size), st.integers(0, 4)
    )
)


@given(bookmarks)
@steady
def test_a_bookmark_is_rebuilt_from_json_and_starts_where_it_stands(bookmark: Bookmark) -> None:
    again = Bookmark(**json.loads(json.dumps(attrs.asdict(bookmark))))
    assert again == bookmark
    assert params.start(again, bookmark.page_size, 5) == bookmark


def test_a_start_is_the_beginning_a_page_or_a_bookmark() -> None:
    assert params.start(None, 7, 1) == Bookmark(1, 0, 7, 0)
    assert params.start(3, 7, 1) == Bookmark(3, 0, 7, 0)
    assert Bookmark(1) == Bookmark(1, 0, 10, 0)


@pytest.mark.parametrize("label", sorted(set(HOSTILE) - {"none"}))
def test_a_start_that_is_none_of_these_is_refused(label: str) -> None:
    value = HOSTILE[label]
    error = refused("start", value, lambda: params.start(value, 10, 1))
    assert "bookmark" in error.allowed
    assert "1 to 100000" in error.allowed


@pytest.mark.parametrize("label", HOSTILE)
def test_a_bookmark_with_hostile_parts_is_refused_by_part(label: str) -> None:
    value = HOSTILE[label]
    for name in ("page_num", "offset", "part"):
        bookmark = Bookmark(**{"page_num": 1, name: value})
        refused(f"start.{name}", value, lambda: params.start(bookmark, 10, 1))  # noqa: B023
    other = Bookmark(1, 0, value)
    if label not in {"true", "float", "decimal"}:  # equal to 1, and so to a page size
        refused("start", other, lambda: params.start(other, 1, 1))


@pytest.mark.parametrize(
    ("bookmark", "name"),
    [
        (Bookmark(0), "page_num"),
        (Bookmark(100_002), "page_num"),
        (Bookmark(1, -1), "offset"),
        (Bookmark(1, 11), "offset"),
        (Bookmark(1, 0, 10, 2), "part"),
        (Bookmark(1, 0, 10, -1), "part"),
    ],
)
def test_a_bookmark_outside_the_list_is_refused(bookmark: Bookmark, name: str) -> None:
    value = getattr(bookmark, name)
    refused(f"start.{name}", value, lambda: params.start(bookmark, 10, 2))


def test_a_bookmark_of_another_page_size_is_refused() -> None:
    bookmark = Bookmark(2, 3, 5)
    error = refused("start", bookmark, lambda: params.start(bookmark, 10, 1))
    assert "page_size=10" in error.allowed


def test_a_started_bookmark_holds_plain_integers() -> None:
    """So that JSON can keep the bookmarks that follow from it."""
    strange = Bookmark(Number(2), Number(1), 10, Number(0))  # type: ignore[arg-type]
    assert params.start(strange, 10, 1) == Bookmark(2, 1, 10, 0)
    empty = params.start(Bookmark(1, 0, True), 1, 0)
    assert type(empty.page_size) is int


# Any endpoint: paths and queries.


@pytest.mark.parametrize("value", ["/v1/tiktok/product/creators/analytics", "/a", "/a.b/~c_d-e"])
def test_a_path_of_an_endpoint_is_taken(value: str) -> None:
    assert params.path(value) == value


@pytest.mark.parametrize(
    "value",
    ["", "/", "v1", "//evil.example", "/v1/", "/v1//x", "/v1/..", "/./v1", "/v1?x=1", "/v1#x",
     "/%2e",     "https://evil.example/v1", "/v1 x", "/v1\n", "/é", "/@evil"],
)  # fmt: skip
def test_a_path_that_leads_elsewhere_is_refused(value: str) -> None:
    refused("path", value, lambda: params.path(value))


names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
texts = st.text(st.characters(codec="utf-8"))


@given(st.dictionaries(names, texts | st.integers(-(10**31), 10**31) | st.none()))
@steady
def test_a_query_says_what_was_given(values: dict[str, Any]) -> None:
    query = query_of(params.query(values))
    given_values = {name: [str(value)] for name, value in values.items() if value is not None}
    assert parse_qs(query, keep_blank_values=True) == given_values


def test_numbers_of_a_query_are_written_plainly() -> None:
    values = {"a": 1.5, "b": Number(3), "c": SortType.ASC, "d": Until.EMPTY_PAGE}
    assert params.query(values) == {"a": "1.5", "b": "3", "c": "0", "d": "empty_page"}  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a&b", "1a", "a\n", "é", "x" * 65])
def test_a_name_that_no_parameter_has_is_refused(name: str) -> None:
    refused("params", name, lambda: params.query({name: 1}))


@pytest.mark.parametrize("name", ["page_num", "page_size"])
def test_a_stream_sets_its_pages_itself(name: str) -> None:
    refused(name, "3", lambda: params.no_paging({"a": "b", name: "3"}))
    params.no_paging({"a": "b"})


# The endpoints: all of it when the call is made, and without a request.


@pytest.fixture
def api() -> Iterator[KeyAPI]:
    client = KeyAPI("not-a-key", proxy="")
    yield client
    assert client.stats.requests == 0
    assert client.credits.spent == 0


RANKING: Mapping[str, Any] = {
    "date": "2025-10-27",
    "region": "US",
    "rank_type": RankType.WEEK,
    "influencer_rank_field": 1,
}
STREAMS: Mapping[str, tuple[Callable[[KeyAPI], Callable[..., Any]], Mapping[str, Any]]] = {
    "creators": (lambda api: api.tiktok.product.iter_creators, {"product_id": "1"}),
    "videos": (lambda api: api.tiktok.influencer.iter_videos, {"user_id": "1"}),
    "ranking": (lambda api: api.tiktok.influencer.iter_ranking, RANKING),
    "livestreams": (lambda api: api.tiktok.influencer.iter_livestreams, {"user_id": "1"}),
    "products": (lambda api: api.tiktok.video.iter_products, {"video_ids": ["1"]}),
    "records": (lambda api: api.iter_records, {"path": "/v1/x", "params": {"a": 1}}),
}
PAGES: Mapping[str, tuple[Callable[[KeyAPI], Callable[..., Any]], Mapping[str, Any]]] = {
    "creators": (lambda api: api.tiktok.product.creators, {"product_id": "1"}),
    "videos": (lambda api: api.tiktok.influencer.videos, {"unique_id": "a"}),
    "ranking": (lambda api: api.tiktok.influencer.ranking, RANKING),
    "livestreams": (lambda api: api.tiktok.influencer.livestreams, {"user_id": "1"}),
    "products": (lambda api: api.tiktok.video.products, {"video_ids": "1"}),
}
OWN: Mapping[str, list[tuple[str, set[str]]]] = {  # parameter, and the labels that are fine for it
    "creators": [
        ("product_id", set()),
        ("product_influencer_sort_field", {"none"}),
        ("sort_type", {"none"}),
    ],
    "videos": [("influencer_video_sort_field", {"none"}), ("sort_type", {"none"})],
    "ranking": [
        ("date", set()),
        ("region", set()),
        ("rank_type", set()),
        ("influencer_rank_field", set()),
        ("influencer_category_name", {"none", "words", "other digits", "endless"}),
        ("product_category_id", {"none"}),
    ],
    "livestreams": [("user_id", set())],
    "products": [("video_ids", {"list", "deep", "vast inside", "tuple", "set"})],
    "records": [("path", set())],
}
PAGING: list[tuple[str, set[str]]] = [
    ("page_size", set()),
    ("start", {"none"}),
    ("limit", {"none", "vast"}),
    ("prefetch", set()),
    ("until", {"until"}),
    ("skip_invalid", {"true", "false"}),
]


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_refuses_each_parameter_when_it_is_called(api: KeyAPI, name: str) -> None:
    open_stream, good = STREAMS[name]
    open_stream(api)(**good)
    for parameter, fine in OWN[name] + PAGING:
        for label in HOSTILE.keys() - fine:
            value = HOSTILE[label]
            call = {**good, parameter: value}
            refused(parameter, value, lambda call=call: open_stream(api)(**call))  # type: ignore[misc]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_refuses_each_parameter_before_it_is_sent(api: KeyAPI, name: str) -> None:
    get_page, good = PAGES[name]
    for parameter, fine in [*OWN[name], ("page_num", set()), ("page_size", set())]:
        for label in HOSTILE.keys() - fine:
            value = HOSTILE[label]
            call = {**good, parameter: value}
            refused(parameter, value, lambda call=call: at_once(get_page(api)(**call)))  # type: ignore[misc]


def at_once(coroutine: Coroutine[object, None, object]) -> None:
    """Run a coroutine that has nothing to wait for."""
    try:
        coroutine.send(None)
    finally:
        coroutine.close()


@pytest.mark.parametrize("label", sorted(HOSTILE.keys() - {"none"}))
def test_both_names_of_an_influencer_are_checked(api: KeyAPI, label: str) -> None:
    value, videos = HOSTILE[label], api.tiktok.influencer.iter_videos
    refused("user_id", value, lambda: videos(user_id=value))
    if label != "other digits":
        refused("unique_id", value, lambda: videos(unique_id=value))


def test_an_influencer_needs_exactly_one_name(api: KeyAPI) -> None:
    for names_given in ({}, {"user_id": "1", "unique_id": "a"}):
        with pytest.raises(InvalidParameterError, match="exactly one of the two"):
            api.tiktok.influencer.iter_videos(**names_given)  # type: ignore[arg-type]


def test_one_page_of_products_takes_one_to_ten_ids(api: KeyAPI) -> None:
    for ids in ([], [str(number) for number in range(11)]):
        call = api.tiktok.video.products(ids)
        error = refused("video_ids", ids, lambda call=call: at_once(call))  # type: ignore[misc]
        assert "1 to 10 ids" in error.allowed


def test_any_endpoint_refuses_before_it_is_sent(api: KeyAPI) -> None:
    refused("path", "//evil", lambda: at_once(api.get("//evil")))
    refused("a", "\ud800", lambda: at_once(api.get("/a", {"a": "\ud800"})))
    refused("page_num", "2", lambda: api.iter_records("/a", {"page_num": "2"}))
    refused("into", 5, lambda: api.iter_records("/a", into=5))  # type: ignore[call-overload]


@given(st.text())
@steady
def test_no_text_passes_that_the_query_could_not_carry(value: str) -> None:
    for check in (params.identifier, params.handle, params.region, params.text):
        try:
            checked = check("x", value)
        except InvalidParameterError:
            continue
        assert parse_qs(query_of({"x": checked})) == {"x": [checked]}
