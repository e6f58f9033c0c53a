"""Every parameter is checked where it enters: hostile values are named, and nothing is sent."""

import enum
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from typing import Any, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_async import InvalidParameterError, KeyAPI, RankType, SortType, Until
from keyapi_async.api import declaration, params
from keyapi_async.api.params import ParamKind
from tests.rows import Number, steady
from tests.test_errors import Loud


class Word(str, enum.Enum):  # noqa: UP042  # whose str() is not its text
    """A text that is an enum's member."""

    ID = "123"
    HANDLE = "@tiktok"
    REGION = "us"


HOSTILE: Mapping[str, Any] = {
    "none": None, "true": True, "float": 1.0, "half": 1.5, "nan": math.nan, "infinity": math.inf,
    "minus": -1, "vast": 10**5000, "decimal": Decimal(1), "complex": 1j, "empty": "", "blank": " ",
    "words": "no, thanks", "line break": "1\n", "other digits": "\uff11", "surrogate": "\ud800",
    "nul": "1\0", "endless": "1" * 10_000, "bytes": b"1", "bytearray": bytearray(b"12"),
    "memoryview": memoryview(b"12"), "object": object(), "shouting": Loud(), "function": len,
    "class": int, "enum class": SortType, "list": [None], "deep": [[[[[[[[1]]]]]]]],
    "vast inside": [10**5000], "set": {b"1"}, "dict": {"1": 1}, "date": date(2025, 10, 28),
    "until": Until.SHORT_PAGE,
}  # fmt: skip

KINDS: Mapping[str, ParamKind] = {
    name: said.__metadata__[0]
    for name, said in vars(params).items()
    if get_origin(said) is not None and hasattr(said, "__metadata__")
} | {"choice": params.choice(SortType)}

API = KeyAPI("sandbox-key")

# What each kind takes, and what is sent; every endpoint is asked for with the first.
TAKEN: Mapping[str, list[tuple[Any, str]]] = {
    "Id": [(1729492547846767618, "1729492547846767618"), ("123", "123"), (0, "0"),
           (Number(5), "5"), (2**63, str(2**63)), (Word.ID, "123")],
    "Ids": [(1729492547846767618, "1729492547846767618")],
    "Handle": [("@a.b-c", "a.b-c"), ("tiktok", "tiktok"), ("ﾌひ", "ﾌひ"), (Word.HANDLE, "tiktok")],
    "Handles": [("@a", "a")],
    "Region": [("us", "US"), ("GB", "GB"), (Word.REGION, "US")],
    "Language": [("en-US", "en-US")],
    "Text": [(one, one) for one in ("Home & Life", "天然　化粧水", "می‌خواهم", "👩🏽‍🦱", "a\xa0b")]
            + [(Word.ID, "123")],
    "Count": [(Number(7), "7"), (0, "0"), (10**32 - 1, "9" * 32)],
    "Stars": [(5, "5"), (0, "0")],
    "SearchSize": [(30, "30"), (1, "1")],
    "Code": [(4, "4")],
    "Amount": [(2.5, "2.5"), (0, "0"), (Number(3), "3"), (1e-5, "0.00001"), (1e22, f"{10**22}")],
    "Rate": [(0.5, "0.5")],
    "Flag": [(True, "1"), (False, "0"), (0, "0"), (Number(0), "0"), (Number(1), "1")],
    "FlagText": [(True, "true"), (0, "false"), ("true", "true"), (Number(0), "false")],
    "Day": [(date(2025, 1, 6), "2025-01-06"), ("2025-01-06", "2025-01-06"),
            (datetime(2025, 1, 6, 23, tzinfo=UTC), "2025-01-06"), (20250106, "2025-01-06")],
    "CompactDay": [(date(2025, 1, 6), "20250106"), (20250106, "20250106"),
                   ("2025-01-06", "20250106"), (Number(20250106), "20250106")],
    "Moment": [(1736000679, "1736000679"), (datetime.fromtimestamp(1.5, UTC), "1"),
               (datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), "0")],
    "choice": [(SortType.DESC, "1"), (0, "0"), (Number(1), "1")],
}  # fmt: skip

# Of the hostile values, the ones that a kind takes; and what else it refuses.
FINE: Mapping[str, set[str]] = {
    "Handle": {"other digits"}, "Handles": {"other digits"},
    "Text": {"words", "other digits", "endless"}, "Amount": {"float", "half"},
    "Rate": {"float", "half"}, "Flag": {"true"}, "FlagText": {"true"}, "Day": {"date"},
    "CompactDay": {"date"},
}  # fmt: skip
REFUSED: Mapping[str, list[Any]] = {
    "Id": [10**32, "1" * 33, Number(-1), "-1", "+1", "1_0", SortType],
    "Handle": ["@", "@@tiktok", "tik tok", "a/b", "x" * 65, "tiktok\n", 5],
    "Region": ["USA", "U", "U1", "\u017f\u017f"],
    "Language": ["en", "EN-US"],
    "Text": ["\u3000", "a\x85b", "a\u2028b"],
    "Stars": [6, -1],
    "SearchSize": [0, 31],
    "FlagText": ["yes", "True", 2],
    "Day": ["2025-02-30", "2025-1-6", "06.01.2025", "20251301", 5, "\uff12025-01-06"],
    "Moment": [datetime(2025, 1, 6), 253_402_300_800, "1736000679"],  # noqa: DTZ001  # that is it
    "choice": [2, RankType.DAY, "1"],
}


def all_but(*labels: str) -> list[Any]:
    return [value for label, value in HOSTILE.items() if label not in labels]


def see_refused(name: str, values: Iterable[object], call: Callable[[Any], object]) -> None:
    """See that a call refuses each value as it should, with a message of one line."""
    for value in values:
        with pytest.raises(InvalidParameterError) as caught:
            call(value)
        error = caught.value
        assert error.parameter == name
        assert error.value is value or error.value == value
        assert str(error).startswith(f"{name}=")
        assert str(error).endswith(f" is not accepted: {error.allowed}")
        assert str(error).isprintable()
        assert len(str(error)) < 1000


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_sends_what_is_meant_and_refuses_the_rest_by_name(name: str) -> None:
    assert name in TAKEN, f"add {name!r} to TAKEN, and to REFUSED what it refuses"
    check, fine = partial(KINDS[name].check, "x"), FINE.get(name, ())
    for value, sent in TAKEN[name]:
        assert check(value) == sent
        assert type(check(value)) is str
    for label in fine:
        check(HOSTILE[label])
    see_refused("x", [*all_but(*fine), *REFUSED.get(name, ())], check)


@given(
    st.lists(st.integers(0, 30) | st.integers(0, 30).map(str)), st.sampled_from([list, tuple, iter])
)
@steady
def test_ids_keep_their_order_and_lose_their_duplicates(
    values: list[int | str], container: Callable[[list[int | str]], Any]
) -> None:
    ids = params.several("x", container(values), params.identifier)
    assert ids == list(dict.fromkeys(map(str, values)))


def test_what_is_neither_an_id_nor_many_is_refused() -> None:
    def ids(values: object) -> list[str]:
        return params.several("x", values, params.identifier)

    assert ids("123") == ["123"]
    see_refused("x", all_but("list", "deep", "vast inside", "set", "enum class"), ids)
    see_refused("x", HOSTILE.values(), lambda one: ids(["1", one]))


def test_a_least_above_its_most_is_refused() -> None:
    API.tiktok.product.iter_list(region="US", min_spu_avg_price=1.5, max_spu_avg_price=1.5)
    API.tiktok.product.iter_list(region="US", min_first_crawl_dt=20250101)
    with pytest.raises(InvalidParameterError, match=r"^min_review_count='10' .*at most 9"):
        API.tiktok.product.iter_list(region="US", min_review_count=10, max_review_count=9)


def test_exactly_one_name_of_an_influencer_is_taken() -> None:
    videos = API.tiktok.influencer.iter_videos
    assert videos(unique_id="@a").listing.key == {"unique_id": "a"}
    cases: list[Any] = [{}, {"user_id": 7, "unique_id": "a"}]
    for both in cases:
        with pytest.raises(InvalidParameterError, match="exactly one of user_id and unique_id"):
            videos(**both)


@pytest.mark.parametrize(
    ("rank_type", "day", "meant"),
    [
        (RankType.WEEK, "2025-01-08", "Monday: you probably mean 2025-01-06"),
        (RankType.MONTH, "2025-01-08", "first day: you probably mean 2025-01-01"),
    ],
)
def test_a_day_within_a_period_is_refused_with_its_beginning(
    rank_type: RankType, day: str, meant: str
) -> None:
    def ranking(day: object, rank_type: int) -> Any:
        return API.tiktok.influencer.iter_ranking(
            date=day, region="US", rank_type=rank_type, influencer_rank_field=1  # type: ignore[arg-type]
        )  # fmt: skip

    with pytest.raises(InvalidParameterError, match=f"^date='{day}'.*{meant}"):
        ranking(day, rank_type)
    assert ranking(day, RankType.DAY).listing.key["date"] == day
    started = rank_type.start(today := datetime.now(UTC).date())
    ranking(started, rank_type)
    ranking(today, RankType.DAY)
    coming = rank_type.start(started + timedelta(days=32))
    latest = rank_type.latest()
    with pytest.raises(InvalidParameterError, match=rf"that has begun: .* begins at {latest}$"):
        ranking(coming, rank_type)


def test_a_trend_goes_forward_and_not_too_far() -> None:
    def trends(start: str, end: str) -> Any:
        return API.tiktok.video.iter_trends("1", start_date=start, end_date=end)

    trends("2025-01-01", "2025-06-30")
    with pytest.raises(InvalidParameterError, match=r"^start_date=.* at most end_date, 2024-12-31"):
        trends("2025-01-01", "2024-12-31")
    with pytest.raises(InvalidParameterError, match=r"^start_date=.* 180 days before end_date"):
        trends("2025-01-01", "2025-07-01")
    for one, other in (("start_date", "end_date"), ("end_date", "start_date")):
        with pytest.raises(InvalidParameterError, match=f"^{other}=None .* both its ends"):
            params.trend({one: "2025-01-01"}, 180)


@given(st.dates(min_value=date(1, 3, 1)), st.sampled_from(RankType))
@steady
def test_the_latest_period_is_the_last_complete_one(today: date, rank_type: RankType) -> None:
    latest = rank_type.latest(today)
    begun = rank_type.start(today)
    assert rank_type.start(latest) == latest < begun <= today
    assert rank_type.start(begun - timedelta(days=1)) == latest
    assert rank_type.latest(f"{today}") == latest  # type: ignore[arg-type]


def test_there_is_no_period_before_the_first() -> None:
    with pytest.raises(InvalidParameterError, match=r"^today=.*after the first period"):
        RankType.DAY.latest(date.min)


def test_a_parameter_without_kind_or_description_is_no_declaration() -> None:
    def undescribed(self: object, mystery: params.Id) -> None: ...
    def unknown(self: object, product_id: bytes) -> None: ...
    def neither(self: object, product_id: bytes | None) -> None: ...

    cases = {undescribed: "^undescribed: mystery: describe it", unknown: "annotate",
             neither: "annotate"}  # fmt: skip
    for declared, match in cases.items():
        with pytest.raises(TypeError, match=match):
            declaration.endpoint_of(declared, wire={})  # type: ignore[arg-type]


def test_paths_lead_nowhere_else() -> None:
    assert params.path("/v1/tiktok/video/captions") == "/v1/tiktok/video/captions"
    paths: list[Any] = [*HOSTILE.values(), "v1", "/", "//evil.example", "/a/../b", "/a/.", "/a?b",
                        "/a#b", "/a b", "https://evil.example/a", "/a\n"]  # fmt: skip
    see_refused("path", paths, params.path)


def test_queries_of_any_endpoint_are_texts_and_numbers_by_name() -> None:
    sent = params.query({"a": None, "b": 1, "c": 1.5, "d": "", "e": SortType.DESC, "f": Word.ID})
    assert sent == {"b": "1", "c": "1.5", "d": "", "e": "1", "f": "123"}
    fine = {"none", "float", "half", "minus", "empty", "blank", "words", "line break", "nul",
            "other digits", "endless", "until"}  # fmt: skip
    params.query({label.replace(" ", "_"): HOSTILE[label] for label in fine})
    see_refused("x", all_but(*fine), lambda one: params.query({"x": one}))
    see_refused("params", all_but("dict"), params.query)
    names = ["", "a b", "1a", "a" * 65, "a&b", "a\n", 5, None]
    see_refused("params", names, lambda name: params.query({name: "1"}))


async def test_any_other_endpoint_is_asked_for_by_a_checked_path_and_query() -> None:
    for path, query, match in (
        ("//evil.example/x", None, "path"),
        ("/v1/x", {"a": True}, "a"),
        ("/v1/x", {"page_num": 3}, "page_num"),
    ):
        with pytest.raises(InvalidParameterError, match=f"^{match}="):
            API.iter_records(path, query)
        if match != "page_num":
            with pytest.raises(InvalidParameterError, match=f"^{match}="):
                await API.get(path, query)
