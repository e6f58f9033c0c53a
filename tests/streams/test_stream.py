"""Streams and pages, in memory and on a virtual clock."""

import asyncio
import functools
import json
import sys
from contextlib import nullcontext
from typing import Any

import attrs
import orjson
import pytest

from keyapi_async import Bookmark, Page, RankedInfluencer, RetryPolicy, Until, errors
from keyapi_async.call.wire import Answer
from tests import virtual
from tests.call.script import Script
from tests.rows import DOCUMENTED
from tests.streams.lists import PATH, Lists, all_ids, client, ids, parts, read_on, stream

LOOP = virtual.VirtualLoop


async def test_pages_longer_than_asked_for_lose_nothing_where_a_stream_is_taken_up_again() -> None:
    lists = Lists([5])
    lists.rows = {(0, 1): [{"id": f"0.{n}"} for n in range(15)], (0, 2): []}
    rows = stream(lists)
    seen = [await anext(rows) for _ in range(12)]
    assert rows.bookmark == Bookmark(1, 12)
    assert ids(seen + await stream(lists, start=rows.bookmark).collect()) == all_ids([15])


async def test_a_stream_goes_on_after_break_and_its_end_costs_nothing_more() -> None:
    lists = Lists([25])
    rows = stream(lists)
    await asyncio.sleep(10)
    assert (lists.asked, rows.bookmark) == ([], Bookmark(1))
    seen: list[object] = []
    for stop in (7, 14, 99):
        async for row in rows:
            seen.append(row["id"])
            if len(seen) == stop:
                break
    assert seen == all_ids([25])
    assert await rows.collect() == []
    assert rows.bookmark == Bookmark(3, 5)
    assert len(lists.asked) == 3


async def test_the_bookmark_is_the_place_of_the_next_item_at_every_moment() -> None:
    rows = parts(Lists([20, 0, 3]))
    assert rows.bookmark == Bookmark(1, 0)
    first, second = ([Bookmark(page, n) for n in range(1, 10)] for page in (1, 2))
    last = [Bookmark(1, n, 10, 2) for n in range(1, 4)]
    marks = [rows.bookmark async for _ in rows]
    assert [*marks, rows.bookmark] == [*first, Bookmark(2), *second, Bookmark(3), *last, last[-1]]


async def test_a_bookmark_knows_its_listing_and_is_refused_by_another() -> None:
    api = virtual.client(Lists([25]))

    def open_list(start: Bookmark | None = None) -> Any:
        return api.iter_records(PATH, {"key": 1}, start=start)

    rows = open_list()
    for _ in range(13):
        await anext(rows)
    mark = Bookmark(**json.loads(json.dumps(attrs.asdict(rows.bookmark))))
    assert ids(await open_list(mark).collect()) == all_ids([25])[13:]
    assert open_list(mark).bookmark.listing == mark.listing
    more: Any
    for path, key, more in ((PATH, 2, {}), (PATH, 1, {"rows": "data.list"}), ("/v1/other", 1, {})):
        with pytest.raises(errors.InvalidParameterError, match=r"^start=.* to another list"):
            api.iter_records(path, {"key": key}, start=mark, **more)


async def test_empty_page_rule_walks_past_short_pages() -> None:
    lists = Lists([40])
    lists.rows[0, 2] = [{"id": "short"}]
    rows = await stream(lists, until=Until.EMPTY_PAGE, prefetch=3).collect()
    assert ids(rows) == [*all_ids([40])[:10], "short", *all_ids([40])[20:]]


@pytest.mark.parametrize("prefetch", [0, 4])
async def test_a_server_that_ignores_page_num_is_found_out(prefetch: int) -> None:
    lists = Lists([100])
    page = [{"id": str(n)} for n in range(10)]
    lists.rows = {(0, n): page for n in range(1, 20)}
    rows = stream(lists, prefetch=prefetch)
    with pytest.raises(errors.PaginationError, match="page 2 is page 1 again") as caught:
        await rows.collect()
    assert caught.value.bookmark == rows.bookmark == Bookmark(2)
    await rows.aclose()


async def test_a_single_row_may_come_twice_but_not_thrice() -> None:
    lists = Lists([9])
    lists.rows = {(0, 2): [{"id": "0.0"}]}
    rows = await stream(lists, page_size=1).collect()
    assert ids(rows) == ["0.0", *(f"0.{n}" for n in (0, 2, 3, 4, 5, 6, 7, 8))]
    lists.rows = {(0, n): [{"id": "0.0"}] for n in range(1, 9)}
    seen: list[object] = []
    with pytest.raises(errors.PaginationError):
        await read_on(stream(lists, page_size=1), seen)
    assert len(seen) == 2


@pytest.mark.parametrize("rows", [10, 3])
async def test_equal_pages_of_two_parts_are_no_repetition(rows: int) -> None:
    lists = Lists([3, 3])
    page = [{"id": str(n)} for n in range(rows)]
    lists.rows = {(0, 1): page, (0, 2): [], (1, 1): page, (1, 2): []}
    assert len(await parts(lists).collect()) == 2 * rows


async def test_rows_nested_deeper_than_python_compares_do_not_break_the_walk(
    request: pytest.FixtureRequest,
) -> None:
    request.addfinalizer(functools.partial(sys.setrecursionlimit, sys.getrecursionlimit()))
    sys.setrecursionlimit(1000)  # Hypothesis may have raised it
    deep = b'{"deep":' + b"[" * 1000 + b"]" * 1000 + b"}"
    page = Answer(200, {}, b'{"code":0,"data":[' + b",".join([deep] * 10) + b"]}")
    rows = virtual.client(Script(*[page] * 3)).iter_records(PATH, limit=30)
    try:
        compares = orjson.loads(deep) == orjson.loads(deep)
    except RecursionError:
        compares = False
    with pytest.raises(errors.PaginationError) if compares else nullcontext():
        assert len(await rows.collect()) == 30


@pytest.mark.parametrize("prefetch", [0, 3])
async def test_the_need_for_page_100001_is_an_error_not_an_end(prefetch: int) -> None:
    lists = Lists([1_000_000])
    rows = stream(lists, page_num=99_999, prefetch=prefetch)
    seen: list[object] = []
    with pytest.raises(errors.PaginationError, match="100000") as caught:
        await read_on(rows, seen)
    assert seen == [f"0.{n}" for n in range(999_980, 1_000_000)]
    assert caught.value.bookmark == Bookmark(100_001)
    resumed = stream(lists, start=rows.bookmark)
    with pytest.raises(errors.PaginationError):
        await anext(resumed)
    assert lists.asked[-1] == (0, 100_000)


async def test_a_closed_stream_says_so_instead_of_seeming_empty() -> None:
    lists = Lists([25])
    async with stream(lists) as rows:
        await anext(rows)
    for closed in (rows, rows.pages()):
        with pytest.raises(errors.UsageError, match="closed"):
            await anext(closed)
    assert rows.bookmark == Bookmark(1, 1)


async def test_a_stream_begins_where_it_is_told_to_and_behind_a_page_that_shrank_it_ends() -> None:
    lists = Lists([25])
    assert ids(await stream(lists, page_num=3).collect()) == all_ids([25])[20:]
    assert await stream(lists, start=Bookmark(3, 7)).collect() == []
    assert await stream(lists, limit=0).collect() == []
    assert lists.asked == [(0, 3), (0, 3)]


async def test_an_error_carries_the_bookmark_and_the_stream_goes_on_where_it_failed() -> None:
    lists = Lists([25])
    lists.faults = [None, 500, errors.ConnectionFailedError("gone"), None]
    rows = stream(lists)
    seen: list[object] = []
    with pytest.raises(errors.ServerError) as first:
        await read_on(rows, seen)
    assert first.value.bookmark == rows.bookmark == Bookmark(2)
    with pytest.raises(errors.ConnectionFailedError) as second:
        await read_on(rows, seen)
    assert second.value.bookmark == rows.bookmark == Bookmark(2)
    await read_on(rows, seen)
    params = {"page_num": "2", "page_size": "10"}
    assert (first.value.path, first.value.params, first.value.attempts) == (PATH, params, 1)
    assert seen == all_ids([25])
    assert lists.asked == [(0, 1), (0, 2), (0, 2), (0, 2), (0, 3)]


async def test_an_invalid_row_raises_with_its_own_bookmark_and_is_passed_by_going_on() -> None:
    lists = Lists([12])
    lists.rows[0, 1] = ["text", *({"id": f"0.{n}"} for n in range(1, 9)), 7]
    lists.faults = [500]
    rows = stream(lists, client(lists, retry=RetryPolicy(attempts=2)))
    with pytest.raises(errors.DecodeError) as caught:
        await anext(rows)
    error = caught.value
    assert (error.bookmark, error.page_num, error.value) == (Bookmark(1, 0), 1, "text")
    assert (error.path, error.params) == (PATH, {"page_num": "1", "page_size": "10"})
    assert (error.attempts, error.status, error.request_id) == (2, 200, "r-1")
    assert (rows.bookmark, rows.rejected) == (Bookmark(1, 1), 1)
    assert ids([await anext(rows) for _ in range(8)]) == all_ids([9])[1:]
    with pytest.raises(errors.DecodeError) as caught:
        await anext(rows)
    assert caught.value.bookmark == Bookmark(1, 9)
    assert rows.bookmark == Bookmark(2, 0)
    assert ids(await rows.collect()) == all_ids([12])[10:]
    assert rows.rejected == 2


async def test_skipped_rejects_count_as_rows_and_warn(caplog: pytest.LogCaptureFixture) -> None:
    lists = Lists([12])
    lists.rows[0, 1] = [*({"id": f"0.{n}"} for n in range(9)), "text"]
    rows = stream(lists, skip_invalid=True)
    assert ids(await rows.collect()) == [*all_ids([9]), "0.10", "0.11"]
    assert rows.rejected == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "invalid row: row: 'text' is not an object" in caplog.text
    limited = await stream(lists, skip_invalid=True, limit=10).collect()
    assert ids(limited) == [*all_ids([9]), "0.10"]


async def test_a_rank_counts_the_whole_list_invalid_rows_too() -> None:
    lists, row = Lists([13]), DOCUMENTED[RankedInfluencer]
    lists.rows = {(0, 1): [row] * 10, (0, 2): ["text", row, row]}
    rows = client(lists).iter_records(PATH, into=RankedInfluencer, skip_invalid=True)
    assert [one.rank for one in await rows.collect()] == [*range(1, 11), 12, 13]


async def test_pages_have_their_rejects_and_never_raise_them() -> None:
    lists = Lists([12])
    lists.rows[0, 1] = [*({"id": f"0.{n}"} for n in range(9)), None]
    rows = stream(lists)
    first, last = [page async for page in rows.pages()]
    (reject,) = first.rejects
    assert (rows.rejected, reject.row, type(reject.error)) == (1, None, errors.DecodeError)
    assert first == Page(tuple(lists.rows[0, 1][:9]), (reject,), 1, 10, "r-1", is_last=False)
    assert last == Page(({"id": "0.10"}, {"id": "0.11"}), (), 2, 10, "r-2", is_last=True)
    empty = stream(Lists([3]), until=Until.EMPTY_PAGE)
    assert [(len(p.records), p.is_last) async for p in empty.pages()] == [(3, False), (0, True)]


async def test_pages_begin_where_the_stream_stands_and_keep_its_limit() -> None:
    lists = Lists([35])
    rows = stream(lists, limit=18)
    for _ in range(3):
        await anext(rows)
    pages = [page async for page in rows.pages()]
    assert [ids(page.records) for page in pages] == [all_ids([35])[3:10], all_ids([35])[10:18]]
    assert rows.bookmark == Bookmark(2, 8)
    assert len(lists.asked) == 2
