"""The lists, over all operations: what stands in them, sorted, filtered, and leading on."""

import itertools
import json
import operator
import re
from datetime import date, timedelta

import attrs
import pytest

from keyapi_async.sandbox import lists
from keyapi_async.sandbox.specification import examples, singular
from tests.sandbox import calls
from tests.sandbox.calls import OPERATIONS, Row, ask, envelope, no_rows, path_of, required, service
from tests.sandbox.calls import rows as rows_of

BOX = service()
LISTS = {path: one for path, one in OPERATIONS.items() if one.paging == "page_num"}
SORTED = [path for path, one in OPERATIONS.items() if one.sorting]
SEARCH = path_of("search")
RANKINGS = [path for path, one in OPERATIONS.items() if "date" in one.key]
TRENDS = [path for path, one in OPERATIONS.items() if "dt" in one.row_key]


def listed(name: str, **params: object) -> list[Row]:
    return BOX.rows(path_of(name), **params)


@pytest.mark.parametrize("path", [path for path in OPERATIONS if path not in TRENDS])
def test_the_examples_are_served_as_they_are(path: str) -> None:
    operation = OPERATIONS[path]
    for example in examples()[path]["rows"]:
        params = required(operation)
        for name in params:
            value = example.get(singular(name)) or example.get(name)
            params[name] = params[name] if value is None else str(value)
        if operation.one_of:
            params = {operation.one_of[0]: example["user_id"]}
        params["sk"] = example.get("nick_name", "")
        params = {name: params[name] for name in params.keys() & operation.parameters}
        ranked = "date" in operation.key
        assert example in (BOX.rows(path, **params) if ranked else rows_of(ask(BOX, path, params)))


@pytest.mark.parametrize("path", LISTS)
def test_every_id_of_the_examples_has_a_list(path: str) -> None:
    [name, *_] = LISTS[path].key
    field = singular(name)
    if name.endswith("_id"):
        rows = itertools.chain(*(one["rows"] for one in examples().values()))
        for one in {row[field] for row in rows if row.get(field)}:
            params = required(LISTS[path]) | {name: one}
            assert rows_of(ask(BOX, path, params)) or field == "video_id", no_rows(path, params)


@pytest.mark.parametrize("path", SORTED)
def test_a_list_is_sorted_as_asked(path: str) -> None:
    operation = OPERATIONS[path]
    assert operation.sorting
    for code, field in operation.parameters[operation.sorting]["x-names"].items():
        for sort_type in [{"sort_type": 0}, {}] if "sort_type" in operation.parameters else [{}]:
            params = required(operation) | {operation.sorting: code, **sort_type}
            if path == SEARCH:
                params["type"] = "2"
            values = [float(row[field]) for row in BOX.rows(path, **params) if field in row]
            assert values == sorted(values, reverse=not sort_type), field


@pytest.mark.parametrize("path", LISTS)
def test_filters_leave_what_they_allow(path: str) -> None:
    operation = LISTS[path]
    params = required(operation)
    rows = BOX.rows(path, **params)
    for name in operation.parameters.keys() - {*operation.key, *params, "page_num", "page_size"}:
        bound, field = re.findall("^(min_|max_)?(.*)$", name)[0]
        values = sorted(row[field] for row in rows if row.get(field) not in {None, ""})
        if not values or field not in operation.properties:
            continue
        middle = values[len(values) // 2]
        if bound:
            fits = operator.ge if bound == "min_" else operator.le
            allowed = [row for row in rows if fits(float(row.get(field) or 0), float(middle))]
        else:
            allowed = [row for row in rows if str(row.get(field)) == str(middle)]
        assert rows_of(ask(BOX, path, params | {name: middle})) == allowed[:10] != [], name


def test_filters_that_are_not_called_as_a_field() -> None:
    every = listed("influencer/list", region="BR")
    for name, value, field in (
        ("product_category_id", "601450", "product_category_list"),
        ("influencer_category_name", "Other", "category"),
    ):
        found = listed("influencer/list", region="BR", **{name: value})
        assert found == [row for row in every if value in row[field]] != []
    assert 0 < len(listed("influencer/list", region="BR", min_total_views_7d_cnt=1000)) < len(every)
    videos = listed("video/list", region="ID")
    product_id = next(one for row in videos for one in json.loads(row["video_products"]))
    found = [row for row in videos if str(product_id) in row["video_products"]]
    assert listed("video/list", region="ID", product_id=product_id) == found


def test_lists_have_all_lengths_and_most_are_short() -> None:
    lengths = [len(listed("product/creators", product_id=one)) for one in BOX.product_ids(150)]
    assert min(lengths) == 0
    assert max(lengths) > 1000
    assert sorted(lengths)[75] < 50
    assert listed("product/list", region="ZZ") == []


DETAILS = {
    "product_id": ("product/detail", "product_ids"), "user_id": ("influencer/detail", "user_ids"),
    "video_id": ("video/detail", "video_ids"), "seller_id": ("shop/detail", "seller_id"),
}  # fmt: skip


@pytest.mark.parametrize("path", sorted(LISTS.keys() - {*RANKINGS, *TRENDS}))
def test_a_row_says_what_the_details_say(path: str) -> None:
    subject, shown = LISTS[path].subject, examples()[path]["rows"]
    rows = [one for one in BOX.rows(path, **required(LISTS[path], 3)) if one not in shown]
    for row in rows[:40:8] if subject in DETAILS else []:
        name, ids = DETAILS[subject]
        for detail in listed(name, **{ids: row[subject]}):
            for field in row.keys() & detail.keys():
                one, other = row[field], detail[field]
                assert one == other or abs(float(one) - float(other)) <= 0.5, field


def test_creators_of_a_product_lead_on() -> None:
    for product_id in BOX.product_ids(115)[100:]:
        for row in listed("product/creators", product_id=product_id)[:2]:
            user_id = row["user_id"]
            for detail in listed("influencer/detail", user_ids=user_id):
                assert listed("influencer/detail", unique_ids=detail["unique_id"]) == [detail]
            videos = listed("influencer/videos", user_id=user_id)
            assert len(videos) == row["total_post_video_cnt"]
            assert len(listed("influencer/livestreams", user_id=user_id)) == row["total_live_cnt"]
            products = [one["product_id"] for one in listed("influencer/products", user_id=user_id)]
            assert product_id in products
            for video in videos[:1]:
                assert listed("influencer/videos", unique_id=video["unique_id"]) == videos


def test_videos_and_shops_lead_on() -> None:
    users = BOX.user_ids(63)[60:]
    for video in (v for one in users for v in listed("influencer/videos", user_id=one)[:3]):
        video_id = video["video_id"]
        shown = [row["product_id"] for row in listed("video/products", video_ids=video_id)]
        for detail in listed("video/detail", video_ids=video_id):
            assert json.loads(detail["video_products"]) == [int(one) for one in shown]
        for product_id in shown[:1]:
            back = listed("product/videos", product_id=product_id)
            assert video_id in {row["video_id"] for row in back} or len(back) > 200
        assert int(video_id) >> 32 == int(video["create_time"])
    for seller_id in BOX.seller_ids(33)[30:]:
        products = [row["product_id"] for row in listed("shop/products", seller_id=seller_id)][:5]
        fields = {"creators": "user_id", "videos": "video_id", "livestreams": "room_id"}
        for name, field in fields.items():
            each = [listed(f"product/{name}", product_id=one) for one in products]
            of_shop = {row[field] for row in listed(f"shop/{name}", seller_id=seller_id)}
            assert of_shop == {row[field] for rows in each for row in rows} or len(of_shop) == 4000


def test_any_id_has_rows_and_three_in_a_hundred_no_detail() -> None:
    ids = [str(10**17 + 7 * number) for number in range(500)]
    batches = [",".join(ids[at : at + 10]) for at in range(0, 500, 10)]
    found = [row for one in batches for row in listed("product/detail", product_ids=one)]
    assert 470 < len(found) < 499
    assert {row["product_id"] for row in found} < {*ids}
    for one in ("0", "9" * 40, "9" * 5000):  # the last has more digits than Python reads at once
        assert listed("shop/detail", seller_id=one)[0]["seller_id"] == one
        [user] = listed("influencer/detail", user_ids=one)
        assert listed("influencer/detail", unique_ids=user["unique_id"]) == [user]
        for path, operation in LISTS.items():
            [name, *_] = operation.key
            if name.endswith("_id"):
                rows = BOX.rows(path, **required(operation) | {name: one})
                assert all(row[name] == one for row in rows if name in row)


def test_ids_that_the_sandbox_has_no_facts_of_have_their_examples_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = {"product_id": "1", "question_id": "7"}
    known = {path_of("product/reviews"): {"shown": 1, "rows": [row]}}
    monkeypatch.setattr(lists, "examples", lambda: known)
    told = attrs.evolve(OPERATIONS[path_of("product/reviews")], row_key=["question_id"])
    found = (lists.List(told, (("product_id", one),), calls.TODAY, 0).rows(0, 10) for one in "12")
    assert [*found] == [[row], []]


@pytest.mark.parametrize("handle", ["nobody", "user_1", "x_"])
def test_an_unknown_handle(handle: str) -> None:
    response = ask(BOX, path_of("influencer/videos"), {"unique_id": handle})
    assert (response.status, response.code, response.billed) == (200, 400, 0)
    assert envelope(response) == {"code": 400, "data": None, "message": "unique_id is invalid"}
    assert listed("influencer/detail", unique_ids=handle) == []


@pytest.mark.parametrize("path", TRENDS)
def test_trends_go_by_the_day(path: str) -> None:
    params = required(OPERATIONS[path]) | {"start_date": "2025-01-01", "end_date": "2026-12-31"}
    rows = BOX.rows(path, **params)
    days = [date.fromisoformat(row["dt"]) for row in rows]
    assert days == sorted(days)
    assert calls.TODAY - timedelta(180) <= days[0]
    assert days[-1] <= calls.TODAY - timedelta(1)
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
    def ranked(day: str, rank_type: int, **more: object) -> list[Row]:
        params = {**required(OPERATIONS[path]), "date": day, "rank_type": rank_type}
        return BOX.rows(path, **params | more)

    for day, rank_type in (("2026-01-19", 1), ("2026-01-12", 2), ("2025-12-01", 3)):
        rows = ranked(day, rank_type)
        assert 50 < len(rows) <= 153
        assert {row["region"] for row in rows} == {"BR"}
        assert rows != ranked(day, rank_type, region="US") != []
    for day, rank_type in (
        ("2026-01-20", 1), ("2026-01-13", 2), ("2026-01-19", 2), ("2025-12-02", 3),
        ("2026-01-01", 3), ("2027-06-01", 1), ("9999-12-31", 1), ("9999-12-01", 3),
    ):  # fmt: skip
        assert ranked(day, rank_type) == []


def test_categories_are_a_tree() -> None:
    first = listed("category/primary", language="en-US")
    second = listed("category/secondary", language="en-US", parent_id="605248")
    third = listed("category/tertiary", language="th-TH", parent_id=second[0]["category_id"])
    parents = [{row["parent_id"] for row in rows} for rows in (first, second, third)]
    assert parents == [{"0"}, {"605248"}, {second[0]["category_id"]}]
    assert {row["language"] for row in third} == {"th-TH"}
    assert listed("category/secondary", language="th-TH", parent_id="1") == []


def test_a_search_finds_by_name() -> None:
    rows = listed("search", sk="amethyst", type=1)
    assert [row["nick_name"] for row in rows] == ["Spirit Amethystt 🌺", "Amethyst Example"]
    assert listed("search", sk="amethyst", type=1, searchType=1) == []
    assert listed("search", sk="spiritamethystt", type=1, searchType=1) == rows[:1]
    assert {row["region"] for row in listed("search", sk="Ava", type=1, region="US")} == {"US"}
    for kind, field in {2: "product_id", 3: "seller_id", 4: "video_id", 5: "room_id"}.items():
        rows = listed("search", sk="A", type=kind, region="BR")
        assert all(field in row for row in rows)
        params = {"sk": "A", "type": kind, "size": 5, "region": "BR"}
        assert envelope(ask(BOX, path_of("search"), params))["data"] == rows[:5] != []


def test_samples_come_from_everywhere() -> None:
    for ids in (BOX.product_ids(50), BOX.user_ids(50), BOX.seller_ids(50), BOX.video_ids(50)):
        assert len(set(ids)) == 50
    assert "1729492547846767618" in BOX.product_ids(20)
    assert BOX.user_ids(0) == BOX.video_ids(0) == []
    with pytest.raises(ValueError, match="there are 0 to 9600 ids to sample, not 9601"):
        BOX.product_ids(9601)
