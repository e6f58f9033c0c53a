"""The rows and lists, over all operations: typed, steady, sorted, filtered, and leading on."""

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from keyapi_async.sandbox.rows import compare
from keyapi_async.sandbox.specification import Operation, examples
from tests.sandbox.calls import OPERATIONS, TODAY, Row, ask, envelope, path_of, required, service

BOX = service()
LISTS = {path: one for path, one in OPERATIONS.items() if one.paging == "page_num"}
SORTED = [path for path, one in OPERATIONS.items() if one.sorting]
RANKINGS = [path for path, one in OPERATIONS.items() if "date" in one.key]
TRENDS = [path for path, one in OPERATIONS.items() if "dt" in one.row_key]
SEARCHES = {2: "product_id", 3: "seller_id", 4: "video_id", 5: "room_id"}
RATES = {"interaction_rate": 1, "rating": 5, "product_rating": 5, "ec_score": 10}
TYPES = {"integer": int, "number": int | float, "string": str, "null": type(None)}


def listed(name: str, **params: object) -> list[Row]:
    return BOX.rows(path_of(name), **params)


def some(path: str, most: int = 300, number: int = 60) -> list[Row]:
    return BOX.rows(path, **required(OPERATIONS[path], number))[:most]


def assert_typed(operation: Operation, row: Row) -> None:
    for name, value in row.items():
        if name not in operation.properties:
            assert name in {"is_ad", "video_products"}
            continue
        schema = operation.properties[name]
        types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        assert any(isinstance(value, TYPES[one]) for one in types), (name, value)
        assert_plausible(name, schema, value)


def assert_plausible(name: str, schema: Mapping[str, Any], value: Any) -> None:
    kind = schema["x-kind"]
    if value is None:
        return
    if kind == "json":
        json.loads(value)
    elif kind in {"choice", "flag"}:
        assert str(value) in schema["x-names"] or "x-open" in schema, name
    elif kind in {"count", "amount"}:
        assert float(value) >= 0 or "followers" in name, name
    elif kind == "rate":
        assert 0 <= value <= RATES.get(name, 100), name
    elif kind in {"moment", "moment_ms"}:
        seconds = int(value) / (1000 if kind == "moment_ms" else 1)
        assert datetime.fromtimestamp(seconds, UTC).year in range(2016, 2027)
    elif kind == "date":
        date.fromisoformat(str(value))  # which reads both forms
    elif kind == "categories":
        assert re.fullmatch(r"([0-9]+-[0-9]+-[0-9]+:[0-9]+,?)*", value)


@pytest.mark.parametrize("path", OPERATIONS)
def test_rows_are_what_the_specification_says(path: str) -> None:
    """Types, codes, JSON in strings, moments; the ids that must be there are; no row twice."""
    operation = OPERATIONS[path]
    rows = [row for number in (3, 20, 60) for row in some(path, 100, number)]
    assert rows
    for row in rows:
        assert_typed(operation, row)
        assert row.keys() >= set(operation.identity)
        if row.get("finish_time"):
            assert row["create_time"] <= row["finish_time"]
    for number in (3, 20, 60):
        keys = [tuple(row[name] for name in operation.row_key) for row in some(path, 5000, number)]
        assert len(set(keys)) == len(keys) or not operation.row_key


@pytest.mark.parametrize("path", OPERATIONS)
def test_the_same_question_has_the_same_answer(path: str) -> None:
    """In another process too, so after all is forgotten; another seed answers otherwise."""
    params = required(OPERATIONS[path], 3)
    rows = BOX.rows(path, **params)[:20]
    BOX._entities.facts.cache_clear()
    BOX._reader.read.cache_clear()
    assert BOX.rows(path, **params)[:20] == rows
    if "category" not in path:
        assert service(seed=1).rows(path, **params)[:20] != rows


@pytest.mark.parametrize("path", [path for path in OPERATIONS if path not in TRENDS])
def test_the_examples_are_served_as_they_are(path: str) -> None:
    """Each row where its key is asked; first, where nothing sorts."""
    operation = OPERATIONS[path]
    for example in examples()[path]["rows"]:
        params = required(operation)
        for name in params:
            value = example.get(name.removesuffix("s")) or example.get(name)
            params[name] = params[name] if value is None else str(value)
        if operation.one_of:
            params = {operation.one_of[0]: example["user_id"]}
        params["sk"] = example.get("nick_name", "")
        answer = BOX.rows(path, **{k: v for k, v in params.items() if k in operation.parameters})
        assert example in answer
        assert example in answer[: len(examples()[path]["rows"])] or operation.sorting


@pytest.mark.parametrize("path", LISTS)
def test_every_id_of_the_examples_has_a_list(path: str) -> None:
    operation = LISTS[path]
    [name, *_] = operation.key
    for example in itertools.chain(*(one["rows"] for one in examples().values())):
        field = name.removesuffix("s")
        if name.endswith(("_id", "_ids")) and example.get(field):
            params = required(operation) | {name: example[field]}
            assert BOX.rows(path, **params) or field == "video_id", (path, example[field])


@pytest.mark.parametrize("path", SORTED)
def test_a_list_is_sorted_as_asked(path: str) -> None:
    """By each of the fields that the codes name, up and down; the rows stay the same."""
    operation = OPERATIONS[path]
    assert operation.sorting
    for code, field in operation.sorting.names.items():
        for sort_type in ["0", "1"] if "sort_type" in operation.parameters else [None]:
            params = required(operation) | {operation.sorting.name: code}
            if path == path_of("search"):
                params["type"] = "2"
            rows = BOX.rows(path, **params, **({"sort_type": sort_type} if sort_type else {}))
            if any(field in row for row in rows):
                values = [compare(row[field]) for row in rows if field in row]
                assert values == sorted(values, reverse=sort_type != "0"), field


@pytest.mark.parametrize("path", LISTS)
def test_filters_leave_what_they_allow(path: str) -> None:
    """Bounds, flags, codes and texts, each with a value that a row of the list has."""
    operation = LISTS[path]
    params = required(operation)
    rows = BOX.rows(path, **params)
    for name in operation.parameters.keys() - {*operation.key, "page_num", "page_size"}:
        field = re.sub("^(min|max)_", "", name)
        values = [row[field] for row in rows if row.get(field) not in {None, ""}]
        if not values or field not in operation.properties or name in params:
            continue
        middle = sorted(values, key=lambda value: (compare(value), str(value)))[len(values) // 2]
        if name[:4] not in {"min_", "max_"}:
            allowed = [row for row in rows if str(row.get(field)) == str(middle)]
        else:
            sign = 1 if name.startswith("min_") else -1
            bound = sign * float(middle)
            allowed = [row for row in rows if sign * compare(row.get(field)) >= bound]
        kept = BOX.rows(path, **params, **{name: middle})
        assert kept == allowed, name
        assert len(kept) > 0


def test_filters_that_are_not_called_as_a_field() -> None:
    """What a creator sells, what he is called, and what a video shows."""
    creators = listed("influencer/list", region="US", product_category_id="601450")
    assert creators
    assert all("601450" in str(row["product_category_list"]) for row in creators)
    creators = listed("influencer/list", region="US", influencer_category_name="Other")
    assert {row["category"] for row in creators} == {"Other"}
    [video, *_] = [r for r in listed("video/list", region="ID") if r["video_products"] != "[]"]
    product_id = str(json.loads(video["video_products"])[0])
    found = listed("video/list", region="ID", product_id=product_id)
    assert video in found
    assert all(product_id in row["video_products"] for row in found)
    assert listed("product/list", region="US", is_hot=1)


def test_lists_have_all_lengths() -> None:
    """From none to thousands, most of them short."""
    lengths = [len(listed("product/creators", product_id=one)) for one in BOX.product_ids(600)]
    assert min(lengths) == 0
    assert max(lengths) > 1000
    assert sorted(lengths)[300] < 50
    assert listed("product/list", region="ZZ") == []


# What leads on


def test_a_product_is_the_same_everywhere() -> None:
    """List, detail, shop and the products of a creator say the same of it, whatever they show."""
    listed_rows = listed("product/list", region="US")[40:80]
    ids = [row["product_id"] for row in listed_rows]
    details = [
        row
        for batch in range(0, 40, 10)
        for row in listed("product/detail", product_ids=",".join(ids[batch : batch + 10]))
    ]
    assert len(details) > 30
    for detail in details:
        [row] = [row for row in listed_rows if row["product_id"] == detail["product_id"]]
        assert_agree(row, detail)
        shop = listed("shop/products", seller_id=row["seller_id"])
        assert_agree(row, next(r for r in shop if r["product_id"] == row["product_id"]))


def assert_agree(one: Row, other: Row, *but: str) -> None:
    names = one.keys() & other.keys() - {*but}
    assert {name: float_of(one[name]) for name in names} == {
        name: float_of(other[name]) for name in names
    }


def float_of(value: Any) -> Any:
    return round(value) if isinstance(value, float) else value


def test_creators_of_a_product_lead_on() -> None:
    """Each promotes it, and has a detail, a handle, and as many videos and streams as he says."""
    for product_id in BOX.product_ids(200)[100:]:
        for row in listed("product/creators", product_id=product_id)[:3]:
            user_id = row["user_id"]
            for detail in listed("influencer/detail", user_ids=user_id):
                assert_agree(row, detail)
                assert listed("influencer/detail", unique_ids=detail["unique_id"]) == [detail]
            videos = listed("influencer/videos", user_id=user_id)
            assert len(videos) == row["total_post_video_cnt"]
            assert len(listed("influencer/livestreams", user_id=user_id)) == row["total_live_cnt"]
            products = [one["product_id"] for one in listed("influencer/products", user_id=user_id)]
            assert product_id in products
            if videos:
                handle = videos[0]["unique_id"]
                assert listed("influencer/videos", unique_id=handle) == videos


def test_videos_lead_on() -> None:
    """To their creator, to their products, and from those back."""
    videos = [
        v for one in BOX.user_ids(80)[60:] for v in listed("influencer/videos", user_id=one)[:4]
    ]
    for video in videos:
        video_id = video["video_id"]
        for detail in listed("video/detail", video_ids=video_id):
            assert_agree(video, detail)
            shown = [row["product_id"] for row in listed("video/products", video_ids=video_id)]
            assert json.loads(detail["video_products"]) == [int(one) for one in shown]
            for product_id in shown[:1]:
                back = listed("product/videos", product_id=product_id)
                found = [row for row in back if row["video_id"] == video_id]
                assert found or len(listed("product/creators", product_id=product_id)) > 200
                for row in found:
                    assert_agree(video, row)
    assert int(videos[0]["video_id"]) >> 32 == int(videos[0]["create_time"])


def test_shops_lead_on() -> None:
    """Their creators, videos and live streams are those of their products."""
    for seller_id in BOX.seller_ids(40)[30:]:
        products = [row["product_id"] for row in listed("shop/products", seller_id=seller_id)][:5]
        [detail] = listed("shop/detail", seller_id=seller_id) or [{}]
        assert not products or detail.get("total_product_cnt", 1) > 0
        for name, field in (
            ("creators", "user_id"),
            ("videos", "video_id"),
            ("livestreams", "room_id"),
        ):
            of_products = {
                row[field] for one in products for row in listed(f"product/{name}", product_id=one)
            }
            of_shop = [row[field] for row in listed(f"shop/{name}", seller_id=seller_id)]
            assert set(of_shop) <= of_products
            assert bool(of_shop) == bool(of_products)


def test_any_id_has_rows_and_three_in_a_hundred_no_detail() -> None:
    """Ids that nobody handed out answer too, however long they are."""
    ids = [str(10**17 + 7 * number) for number in range(1000)]
    found = [
        row["product_id"]
        for batch in range(0, 1000, 10)
        for row in listed("product/detail", product_ids=",".join(ids[batch : batch + 10]))
    ]
    assert set(found) < set(ids)
    assert 950 < len(found) < 990
    for one in ("0", "7" * 19, "9" * 40):
        assert listed("shop/detail", seller_id=one)[0]["seller_id"] == one
        assert listed("video/detail", video_ids=one)[0]["video_id"] == one
        [user] = listed("influencer/detail", user_ids=one)
        assert listed("influencer/detail", unique_ids=user["unique_id"]) == [user]
        for path, operation in LISTS.items():
            [name, *_] = operation.key
            if name.endswith("_id"):
                rows = BOX.rows(path, **required(operation) | {name: one})
                assert all(row[name] == one for row in rows if name in row)


@pytest.mark.parametrize(
    "handle", ["nobody", "user", "userx", "ava_1", "ava_x1", "ava_99x1", "ava_1x1x1", "zz_1x1"]
)
def test_an_unknown_handle(handle: str) -> None:
    """An error with HTTP 200 in the list, absent from the detail."""
    path = path_of("influencer/videos")
    response = ask(BOX, path, {"unique_id": handle})
    assert (response.status, response.code, response.billed) == (200, 400, 0)
    assert envelope(response) == {"code": 400, "data": None, "message": "unique_id is invalid"}
    assert listed("influencer/detail", unique_ids=handle) == []


# What is asked for by time, by name, and by category


@pytest.mark.parametrize("path", TRENDS)
def test_trends_go_by_the_day(path: str) -> None:
    """Sorted, with gaps, to yesterday and 180 days back; each day adds what it says."""
    params = required(OPERATIONS[path]) | {"start_date": "2025-01-01", "end_date": "2026-12-31"}
    rows = BOX.rows(path, **params)
    days = [date.fromisoformat(row["dt"]) for row in rows]
    assert days == sorted(days)
    assert TODAY - timedelta(180) <= days[0]
    assert days[-1] <= TODAY - timedelta(1)
    assert 120 < len(days) < 175
    for before, row in itertools.pairwise(rows):
        for name, value in row.items():
            total = name.replace("_1d", "")
            if total != name and total in row and "gmv" not in name:
                assert value == row[total] - before[total], name
            elif re.fullmatch("total_(?!followers).*(?<!1d)_cnt", name):
                assert float(value) >= float(before[name]), name
    assert BOX.rows(path, **params | {"end_date": "2025-01-02"}) == []


@pytest.mark.parametrize("path", RANKINGS)
def test_rankings_are_of_periods_that_are_over(path: str) -> None:
    """A day, a Monday, a first of a month; a list for each region and period."""

    def ranked(day: str, rank_type: int, **more: object) -> Sequence[Row]:
        params = {**required(OPERATIONS[path]), "date": day, "rank_type": rank_type}
        return BOX.rows(path, **params | more)

    for day, rank_type in (("2026-01-19", 1), ("2026-01-12", 2), ("2025-12-01", 3)):
        rows = ranked(day, rank_type)
        assert 90 < len(rows) <= 153
        assert {row["region"] for row in rows} == {"GB"}
        assert rows != ranked(day, rank_type, region="US") != []
    for day, rank_type in (
        ("2026-01-20", 1), ("2026-01-13", 2), ("2026-01-19", 2), ("2025-12-02", 3),
        ("2026-01-01", 3), ("2020-06-01", 1), ("2027-06-01", 1),
    ):  # fmt: skip
        assert ranked(day, rank_type) == []
    assert ranked("2026-01-18", 1) != ranked("2026-01-19", 1)


def test_categories_are_a_tree() -> None:
    """Three levels; each id that a product has is in it."""
    first = listed("category/primary", language="en-US")
    second = listed("category/secondary", language="en-US", parent_id="605248")
    third = listed("category/tertiary", language="en-US", parent_id=second[0]["category_id"])
    assert {row["parent_id"] for row in first} == {"0"}
    assert {row["parent_id"] for row in second} == {"605248"}
    assert {row["parent_id"] for row in third} == {second[0]["category_id"]}
    assert listed("category/secondary", language="th-TH", parent_id="1") == []
    ids = {
        row["category_id"]
        for level in ("primary", "secondary", "tertiary")
        for row in listed(f"category/{level}", language="th-TH")
    }
    assert set(BOX.category_ids(200)) <= ids
    assert BOX.category_ids(1)[0] in {row["category_id"] for row in first}


@pytest.mark.parametrize(("kind", "field"), SEARCHES.items())
def test_a_search_finds_by_name(kind: int, field: str) -> None:
    """What nobody documents comes as the lists show it."""
    rows = listed("search", sk="A", type=kind, size=5)
    assert rows
    assert all(field in row for row in rows)
    page = envelope(ask(BOX, path_of("search"), {"sk": "A", "type": kind, "size": 5}))["data"]
    assert page == rows[:5]


def test_a_search_for_creators() -> None:
    """Anywhere in the name, or all of it; in one region, or in all."""
    rows = listed("search", sk="amethyst", type=1)
    assert [row["nick_name"] for row in rows] == ["Spirit Amethystt 🌺", "Amethyst Example"]
    assert listed("search", sk="amethyst", type=1, searchType=1) == []
    assert listed("search", sk="spiritamethystt", type=1, searchType=1) == rows[:1]
    regions = {row["region"] for row in listed("search", sk="Ava", type=1, region="US")}
    assert regions == {"US"}


def test_samples_come_from_everywhere() -> None:
    """The documented ones first, no id twice, all regions among them."""
    for ids in (BOX.product_ids(50), BOX.user_ids(50), BOX.seller_ids(50), BOX.video_ids(50)):
        assert len(set(ids)) == 50
    assert "1729492547846767618" in BOX.product_ids(20)
    assert [BOX._entities.user_of(one) for one in BOX.unique_ids(50)] == BOX.user_ids(50)
    regions = {
        row["region"]
        for one in BOX.user_ids(99)
        for row in listed("influencer/detail", user_ids=one)
    }
    assert len(regions) > 10
    assert BOX.user_ids(0) == BOX.video_ids(0) == []
    with pytest.raises(ValueError, match="there are 0 to 9600 ids to sample, not 9601"):
        BOX.product_ids(9601)
