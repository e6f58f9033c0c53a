"""Streams and pages, in memory and on a virtual clock."""

import asyncio
import contextlib
import functools
import gc
import json
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import parse_qsl

import attrs
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyapi_async import (
    Bookmark,
    DecodeError,
    InvalidParameterError,
    KeyAPI,
    KeyAPIError,
    Page,
    PaginationError,
    RecordStream,
    ResponseError,
    RetryPolicy,
    ServerError,
    Until,
    UsageError,
)
from keyapi_async.call.wire import Answer, Request
from keyapi_async.errors import ConnectionFailedError
from keyapi_async.streams.listing import Listing, PageLimit, PageNum
from tests import virtual

PATH = "/v1/list"


class Lists:
    """A server of lists of numbered rows in memory: ``{"id": "p.n"}`` for row n of part p."""

    def __init__(self, lengths: Sequence[int], latency: float = 0.01) -> None:
        self.lengths = lengths
        self.latency = latency
        self.asked: list[tuple[int, int]] = []
        self.open = 0
        self.most_open = 0
        self.rows: dict[tuple[int, int], list[Any]] = {}
        self.faults: list[KeyAPIError | int | None] = []

    def page(self, part: int, page_num: int, page_size: int) -> list[Any]:
        if (part, page_num) in self.rows:
            return self.rows[part, page_num]
        first = (page_num - 1) * page_size
        last = min(first + page_size, self.lengths[part])
        return [{"id": f"{part}.{row}"} for row in range(first, last)]

    async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
        query = dict(parse_qsl(request.query))
        part, page_num = int(query.get("part", 0)), int(query["page_num"])
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        self.asked.append((part, page_num))
        fault = self.faults.pop(0) if self.faults else None
        try:
            await asyncio.sleep(self.latency)
        finally:
            self.open -= 1
        if isinstance(fault, KeyAPIError):
            return fault
        if fault is not None:
            return Answer(fault, {}, b'{"code": %d, "message": "no", "data": null}' % fault)
        data = self.page(part, page_num, int(query["page_size"]))
        return Answer(200, {}, orjson.dumps({"code": 0, "message": "", "data": data}))

    async def close(self) -> None:
        pass


def stream(
    lists: Lists, api: KeyAPI | None = None, **paging: Any
) -> RecordStream[dict[str, object]]:
    """Open the list, or, where there are several, all of them as the parts of one."""
    api = api or virtual.client(lists, retry=RetryPolicy(attempts=1))
    if len(lists.lengths) == 1:
        return api.iter_records(PATH, **paging)
    return RecordStream(api._caller, parts_of(lists), **paging)


def parts_of(lists: Lists, pages: PageNum | None = PageNum()) -> Listing[dict[str, object]]:  # noqa: B008  # it is frozen
    """Say what is walked where each list is a part."""
    queries = tuple(f"part={part}" for part in range(len(lists.lengths)))
    return Listing(name="lists", path=PATH, into=dict, queries=queries, pages=pages)


async def read_on(rows: RecordStream[dict[str, object]], seen: list[object]) -> None:
    """Read to the end or to an error, and keep what came before it."""
    async for row in rows:
        seen.append(row["id"])  # noqa: PERF401  # a comprehension would lose it with the error


def ids(rows: Sequence[dict[str, object]]) -> list[object]:
    return [row["id"] for row in rows]


def all_ids(lengths: Sequence[int]) -> list[str]:
    return [f"{part}.{row}" for part, length in enumerate(lengths) for row in range(length)]


def least_pages(length: int, page_size: int, until: Until = Until.SHORT_PAGE) -> int:
    if until is Until.SHORT_PAGE:
        return length // page_size + 1
    return -(-length // page_size) + 1


@pytest.mark.parametrize("length", [0, 1, 9, 10, 11, 25, 30])
@pytest.mark.parametrize("until", Until)
def test_every_row_once_in_order_at_the_least_price(length: int, until: Until) -> None:
    lists = Lists([length])

    async def main() -> list[dict[str, object]]:
        return await stream(lists, until=until).collect()

    assert ids(virtual.run(main)) == all_ids([length])
    assert len(lists.asked) == least_pages(length, 10, until)


def test_nothing_is_asked_before_the_first_item() -> None:
    lists = Lists([5])

    async def main() -> None:
        rows = stream(lists, prefetch=4)
        await asyncio.sleep(10)
        assert lists.asked == []
        assert rows.bookmark == Bookmark(1)
        await anext(rows)
        assert lists.asked == [(0, 1)]

    virtual.run(main)


@pytest.mark.parametrize(("limit", "pages"), [(0, 0), (1, 1), (10, 1), (11, 2), (25, 3), (99, 4)])
@pytest.mark.parametrize("prefetch", [0, 1, 8])
def test_limit_is_never_asked_past(limit: int, pages: int, prefetch: int) -> None:
    lists = Lists([35])

    async def main() -> None:
        rows = await stream(lists, limit=limit, prefetch=prefetch).collect()
        assert ids(rows) == all_ids([35])[:limit]
        if limit < 35:
            assert len(lists.asked) == pages
        else:
            assert len(lists.asked) <= pages + prefetch

    virtual.run(main)


def test_the_end_stays_the_end_and_costs_nothing_more() -> None:
    lists = Lists([12])

    async def main() -> None:
        rows = stream(lists)
        assert len(await rows.collect()) == 12
        assert await rows.collect() == []
        assert rows.bookmark == Bookmark(2, 2)
        assert len(lists.asked) == 2

    virtual.run(main)


def test_a_stream_goes_on_after_break() -> None:
    lists = Lists([25])

    async def main() -> None:
        rows = stream(lists)
        seen: list[object] = []
        while len(seen) < 25:
            async for row in rows:
                seen.append(row["id"])
                if len(seen) % 7 == 0:
                    break
        assert seen == all_ids([25])
        assert len(lists.asked) == 3

    virtual.run(main)


def test_the_bookmark_is_the_place_of_the_next_item_at_every_moment() -> None:
    lists = Lists([20, 0, 3])

    async def main() -> None:
        rows = stream(lists)
        assert rows.bookmark == Bookmark(1, 0)
        marks = [rows.bookmark async for _ in rows]
        assert marks[:11] == [*(Bookmark(1, n) for n in range(1, 10)), Bookmark(2), Bookmark(2, 1)]
        assert marks[18:] == [
            Bookmark(2, 9),
            Bookmark(3),
            *(Bookmark(1, n, 10, 2) for n in range(1, 4)),
        ]
        assert rows.bookmark == Bookmark(1, 3, 10, 2)

    virtual.run(main)


def test_a_bookmark_survives_json() -> None:
    mark = Bookmark(page_num=3, offset=4, page_size=7, part=2, listing="a list")
    again = Bookmark(**json.loads(json.dumps(attrs.asdict(mark))))
    assert again == mark
    assert again.listing == "a list"


def test_a_bookmark_knows_its_listing_and_is_refused_by_another() -> None:
    api = virtual.client(Lists([25]))

    def open_list(key: int, start: Bookmark | None = None, **more: Any) -> Any:
        return api.iter_records(PATH, {"key": key}, start=start, **more)

    async def main() -> None:
        rows = open_list(1)
        for _ in range(13):
            await anext(rows)
        mark = Bookmark(**json.loads(json.dumps(attrs.asdict(rows.bookmark))))
        assert ids(await open_list(1, mark).collect()) == all_ids([25])[13:]
        assert open_list(1, mark).bookmark.listing == mark.listing
        for wrong in (
            lambda: open_list(2, mark),
            lambda: open_list(1, mark, rows="data.list"),
            lambda: api.iter_records("/v1/other", {"key": 1}, start=mark),
        ):
            with pytest.raises(InvalidParameterError, match="belongs to another list") as caught:
                wrong()
            assert caught.value.parameter == "start"

    virtual.run(main)


def test_a_bookmark_of_another_page_size_or_a_place_that_cannot_be_is_refused() -> None:
    api = virtual.client(Lists([5]))
    cases: list[tuple[Any, str]] = [
        (Bookmark(1, 0, 5), "start"),
        (Bookmark(0), "start.page_num"),
        (Bookmark(100_002), "start.page_num"),
        (Bookmark(1, 11), "start.offset"),
        (Bookmark(1, -1), "start.offset"),
        (Bookmark(1, 0, 10, 1), "start.part"),
        (3, "start"),
        ("3", "start"),
        (True, "start"),
        ({"page_num": 3}, "start"),
    ]
    for start, name in cases:
        with pytest.raises(InvalidParameterError) as caught:
            api.iter_records(PATH, start=start)
        assert caught.value.parameter == name


@pytest.mark.parametrize(
    ("paging", "name"),
    [
        ({"page_size": 0}, "page_size"),
        ({"page_size": 11}, "page_size"),
        ({"page_size": "10"}, "page_size"),
        ({"page_num": 0}, "page_num"),
        ({"page_num": 100_001}, "page_num"),
        ({"page_num": "3"}, "page_num"),
        ({"page_num": True}, "page_num"),
        ({"page_num": 1.0}, "page_num"),
        ({"page_num": 2, "start": Bookmark(2)}, "page_num"),
        ({"limit": -1}, "limit"),
        ({"limit": 1.5}, "limit"),
        ({"prefetch": -1}, "prefetch"),
        ({"prefetch": None}, "prefetch"),
        ({"until": "short"}, "until"),
        ({"skip_invalid": 1}, "skip_invalid"),
        ({"pages": PageLimit(), "page_size": 101}, "page_size"),
        ({"pages": PageLimit(maximum=5), "page_num": 6}, "page_num"),
        ({"pages": 3}, "pages"),
        ({"pages": PageNum}, "pages"),
        ({"pages": None, "page_num": 2}, "page_num"),
        ({"pages": None, "page_size": 5}, "page_size"),
        ({"pages": None, "page_num": True}, "page_num"),
        ({"pages": None, "prefetch": 1}, "prefetch"),
        ({"rows": "list"}, "rows"),
        ({"rows": None}, "rows"),
        ({"credits": -1}, "credits"),
        ({"credits": True}, "credits"),
    ],
)
def test_paging_parameters_are_checked_at_once(paging: dict[str, Any], name: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        virtual.client(Lists([5])).iter_records(PATH, **paging)
    assert caught.value.parameter == name


def test_page_num_is_the_page_to_begin_with() -> None:
    lists = Lists([25])

    async def main() -> list[dict[str, object]]:
        return await stream(lists, page_num=3).collect()

    assert ids(virtual.run(main)) == all_ids([25])[20:]
    assert lists.asked == [(0, 3)]


def test_a_bookmark_behind_the_rows_of_a_page_that_shrank_ends_the_list() -> None:
    lists = Lists([13])

    async def main() -> list[dict[str, object]]:
        return await stream(lists, start=Bookmark(2, 7)).collect()

    assert virtual.run(main) == []
    assert lists.asked == [(0, 2)]


def test_an_error_carries_the_bookmark_and_the_stream_goes_on_where_it_failed() -> None:
    lists = Lists([25])
    lists.faults = [None, 500, ConnectionFailedError("gone"), None]

    async def main() -> None:
        rows = stream(lists)
        seen: list[object] = []
        with pytest.raises(ServerError) as first:
            await read_on(rows, seen)
        assert first.value.bookmark == rows.bookmark == Bookmark(2)
        with pytest.raises(ConnectionFailedError) as second:
            await read_on(rows, seen)
        assert second.value.bookmark == rows.bookmark == Bookmark(2)
        await read_on(rows, seen)
        assert first.value.path == PATH
        assert first.value.params == {"page_num": "2", "page_size": "10"}
        assert first.value.attempts == 1
        assert seen == all_ids([25])
        assert lists.asked == [(0, 1), (0, 2), (0, 2), (0, 2), (0, 3)]

    virtual.run(main)


def test_an_invalid_row_raises_with_its_own_bookmark_and_is_passed_by_going_on() -> None:
    lists = Lists([12])
    lists.rows[0, 1] = ["text", *({"id": f"0.{n}"} for n in range(1, 9)), 7]

    async def main() -> None:
        rows = stream(lists)
        with pytest.raises(DecodeError) as caught:
            await anext(rows)
        error = caught.value
        assert (error.bookmark, error.page_num, error.value) == (Bookmark(1, 0), 1, "text")
        assert error.path == PATH
        assert rows.bookmark == Bookmark(1, 1)
        assert rows.rejected == 1
        assert ids([await anext(rows) for _ in range(8)]) == all_ids([9])[1:]
        with pytest.raises(DecodeError) as caught:
            await anext(rows)
        assert caught.value.bookmark == Bookmark(1, 9)
        assert rows.bookmark == Bookmark(2, 0)
        assert ids(await rows.collect()) == all_ids([12])[10:]
        assert rows.rejected == 2

    virtual.run(main)


def test_skip_invalid_passes_over_rejects_and_counts_them_as_rows_of_the_page() -> None:
    lists = Lists([12])
    lists.rows[0, 1] = [*({"id": f"0.{n}"} for n in range(9)), None]

    async def main() -> None:
        rows = stream(lists, skip_invalid=True)
        assert ids(await rows.collect()) == [*all_ids([9]), "0.10", "0.11"]
        assert rows.rejected == 1

    virtual.run(main)


def test_pages_have_their_rejects_and_never_raise_them() -> None:
    lists = Lists([12])
    lists.rows[0, 1] = [*({"id": f"0.{n}"} for n in range(9)), None]

    async def main() -> list[Page[dict[str, object]]]:
        rows = stream(lists)
        pages = [page async for page in rows.pages()]
        assert rows.rejected == 1
        return pages

    first, last = virtual.run(main)
    assert (len(first.records), len(first.rejects), first.is_last) == (9, 1, False)
    assert first.rejects[0].row is None
    assert isinstance(first.rejects[0].error, DecodeError)
    assert (first.page_num, first.page_size, first.request_id) == (1, 10, None)
    assert (ids(last.records), last.rejects, last.page_num, last.is_last) == (
        ["0.10", "0.11"],
        (),
        2,
        True,
    )


def test_pages_begin_where_the_stream_stands_and_keep_its_limit() -> None:
    lists = Lists([35])

    async def main() -> None:
        rows = stream(lists, limit=18)
        for _ in range(3):
            await anext(rows)
        pages = [page async for page in rows.pages()]
        assert [ids(page.records) for page in pages] == [
            all_ids([35])[3:10],
            all_ids([35])[10:18],
        ]
        assert rows.bookmark == Bookmark(2, 8)
        assert len(lists.asked) == 2

    virtual.run(main)


def test_every_page_asked_for_is_a_page() -> None:
    async def main() -> None:
        assert [len(p.records) async for p in stream(Lists([0])).pages()] == [0]
        assert [len(p.records) async for p in stream(Lists([10])).pages()] == [10, 0]
        empty = stream(Lists([3]), until=Until.EMPTY_PAGE)
        assert [(len(p.records), p.is_last) async for p in empty.pages()] == [(3, False), (0, True)]

    virtual.run(main)


def test_empty_page_rule_walks_past_short_pages() -> None:
    lists = Lists([40])
    lists.rows[0, 2] = [{"id": "short"}]

    async def main() -> list[dict[str, object]]:
        return await stream(lists, until=Until.EMPTY_PAGE, prefetch=3).collect()

    assert ids(virtual.run(main)) == [*all_ids([40])[:10], "short", *all_ids([40])[20:]]


@pytest.mark.parametrize("prefetch", [0, 4])
def test_a_server_that_ignores_page_num_is_found_out(prefetch: int) -> None:
    lists = Lists([100])
    page = [{"id": str(n)} for n in range(10)]
    lists.rows = {(0, n): page for n in range(1, 20)}

    async def main() -> None:
        rows = stream(lists, prefetch=prefetch)
        with pytest.raises(PaginationError, match="page 2 is page 1 again") as caught:
            await rows.collect()
        assert caught.value.bookmark == rows.bookmark == Bookmark(2)
        await rows.aclose()

    virtual.run(main)


def test_a_single_row_may_come_twice_but_not_thrice() -> None:
    lists = Lists([9])
    lists.rows = {(0, 2): [{"id": "0.0"}]}

    async def shifted() -> None:
        rows = stream(lists, page_size=1)
        assert ids(await rows.collect()) == ["0.0", *(f"0.{n}" for n in (0, 2, 3, 4, 5, 6, 7, 8))]

    virtual.run(shifted)
    lists.rows = {(0, n): [{"id": "0.0"}] for n in range(1, 9)}

    async def stuck() -> None:
        rows = stream(lists, page_size=1)
        seen: list[object] = []
        with pytest.raises(PaginationError):
            await read_on(rows, seen)
        assert len(seen) == 2

    virtual.run(stuck)


def test_equal_pages_of_two_parts_are_no_repetition() -> None:
    lists = Lists([3, 3])
    page = [{"id": str(n)} for n in range(10)]
    lists.rows = {(0, 1): page, (0, 2): [], (1, 1): page, (1, 2): []}

    async def main() -> list[dict[str, object]]:
        return await stream(lists).collect()

    assert len(virtual.run(main)) == 20


def test_equal_short_pages_of_two_parts_are_no_repetition_either() -> None:
    lists = Lists([3, 3])
    page = [{"id": str(n)} for n in range(3)]
    lists.rows = {(0, 1): page, (1, 1): page}

    async def main() -> list[dict[str, object]]:
        return await stream(lists).collect()

    assert len(virtual.run(main)) == 6


def test_rows_nested_deeper_than_python_compares_do_not_break_the_walk(
    request: pytest.FixtureRequest,
) -> None:
    request.addfinalizer(functools.partial(sys.setrecursionlimit, sys.getrecursionlimit()))
    sys.setrecursionlimit(1000)  # Hypothesis may have raised it
    deep = b'{"deep":' + b"[" * 1000 + b"]" * 1000 + b"}"
    body = b'{"code":0,"data":[' + b",".join([deep] * 10) + b"]}"

    class Deep(Lists):
        async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
            return Answer(200, {}, body)

    async def main() -> None:
        rows = stream(Deep([3]), limit=30)
        try:
            assert len(await rows.collect()) == 30
        except PaginationError:
            assert rows.bookmark == Bookmark(2)

    virtual.run(main)


@pytest.mark.parametrize("prefetch", [0, 3])
def test_the_need_for_page_100001_is_an_error_not_an_end(prefetch: int) -> None:
    lists = Lists([1_000_000])

    async def main() -> None:
        rows = stream(lists, page_num=99_999, prefetch=prefetch)
        seen: list[object] = []
        with pytest.raises(PaginationError, match="100000") as caught:
            await read_on(rows, seen)
        assert seen == [f"0.{n}" for n in range(999_980, 1_000_000)]
        assert caught.value.bookmark == Bookmark(100_001)
        resumed = stream(lists, start=rows.bookmark)
        with pytest.raises(PaginationError):
            await anext(resumed)
        assert lists.asked[-1] == (0, 100_000)

    virtual.run(main)


def test_a_closed_stream_says_so_instead_of_seeming_empty() -> None:
    lists = Lists([25])

    async def main() -> None:
        async with stream(lists) as rows:
            await anext(rows)
        with pytest.raises(UsageError, match="closed"):
            await anext(rows)
        with pytest.raises(UsageError, match="closed"):
            await anext(rows.pages())
        assert rows.bookmark == Bookmark(1, 1)
        async with contextlib.aclosing(stream(lists)) as again:
            assert len([row async for row in again]) == 25

    virtual.run(main)


def test_two_tasks_cannot_read_one_stream() -> None:
    lists = Lists([25])

    async def main() -> None:
        rows = stream(lists)
        first = asyncio.create_task(anext(rows))
        await asyncio.sleep(0)
        with pytest.raises(UsageError, match="another task"):
            await anext(rows)
        assert await first == {"id": "0.0"}

    virtual.run(main)


def test_data_that_is_no_list_is_an_error_not_an_empty_list() -> None:
    class Odd(Lists):
        async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
            return Answer(200, {}, b'{"code": 0, "data": "maintenance", "requestId": "r"}')

    async def main() -> None:
        with pytest.raises(ResponseError, match="data is not a list of rows, but str") as caught:
            await stream(Odd([3]), skip_invalid=True).collect()
        assert (caught.value.path, caught.value.bookmark) == (PATH, Bookmark(1))
        assert (caught.value.attempts, caught.value.request_id) == (1, "r")

    virtual.run(main)


# Other ways of paging


class Limited(Lists):
    """A server that pages by ``page`` and ``limit``, and says whether there is more."""

    says = True

    async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
        query = dict(parse_qsl(request.query))
        assert query.keys() == {"page", "limit"}
        page_num, size = int(query["page"]), int(query["limit"])
        self.asked.append((0, page_num))
        data: dict[str, Any] = {"list": self.page(0, page_num, size)}
        if self.says:
            data["pagination"] = {"has_more": page_num * size < self.lengths[0]}
        return Answer(200, {}, orjson.dumps({"code": 0, "data": data}))


@pytest.mark.parametrize(
    ("length", "says", "pages"), [(40, True, 2), (40, False, 3), (45, True, 3), (45, False, 3)]
)
def test_page_and_limit_end_where_the_answer_says_so(length: int, says: bool, pages: int) -> None:
    lists = Limited([length])
    lists.says = says

    async def main() -> list[dict[str, object]]:
        rows = stream(lists, pages=PageLimit(), page_size=20, rows="data.list")
        return await rows.collect()

    assert ids(virtual.run(main)) == all_ids([length])
    assert len(lists.asked) == pages


def test_page_and_limit_take_a_hundred_rows_and_have_a_last_page() -> None:
    lists = Limited([250])
    lists.says = False

    async def main() -> None:
        rows = stream(lists, pages=PageLimit(maximum=2), page_size=100, rows="data.list")
        seen: list[object] = []
        with pytest.raises(PaginationError, match="no page after 2"):
            await read_on(rows, seen)
        assert seen == all_ids([200])

    virtual.run(main)


class Whole(Lists):
    """A server without pages."""

    async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
        query = dict(parse_qsl(request.query))
        assert query.keys() <= {"part"}
        part = int(query.get("part", 0))
        self.asked.append((part, 1))
        data = self.page(part, 1, 1000)
        return Answer(200, {}, orjson.dumps({"code": 0, "data": data}))


@pytest.mark.parametrize("until", Until)
def test_a_list_without_pages_is_one_call_however_many_rows_it_has(until: Until) -> None:
    lists = Whole([30])

    async def main() -> None:
        rows = stream(lists, pages=None, until=until)
        assert ids([await anext(rows) for _ in range(25)]) == all_ids([30])[:25]
        assert rows.bookmark == Bookmark(1, 25)
        again = stream(lists, pages=None, start=rows.bookmark)
        assert ids(await again.collect()) == ids(await rows.collect()) == all_ids([30])[25:]
        (page,) = [page async for page in stream(lists, pages=None).pages()]
        assert (len(page.records), page.is_last) == (30, True)

    virtual.run(main)
    assert lists.asked == [(0, 1)] * 3


@pytest.mark.parametrize("prefetch", [0, 2])
def test_parts_without_pages_are_a_call_each(prefetch: int) -> None:
    lists = Whole([10, 0, 3, 10])

    async def main() -> list[dict[str, object]]:
        api = virtual.client(lists)
        rows = RecordStream(api._caller, parts_of(lists, None), prefetch=prefetch)
        return await rows.collect()

    assert ids(virtual.run(main)) == all_ids(lists.lengths)
    assert lists.asked == [(part, 1) for part in range(4)]


def test_a_listing_of_nothing_asks_for_nothing() -> None:
    lists = Whole([])

    async def main() -> list[dict[str, object]]:
        return await RecordStream(virtual.client(lists)._caller, parts_of(lists)).collect()

    assert virtual.run(main) == []
    assert lists.asked == []


@pytest.mark.parametrize("pages", [PageNum(), None])
def test_another_stream_walks_other_queries_in_the_same_way(pages: PageNum | None) -> None:
    lists: Lists = Whole([3, 4]) if pages is None else Lists([8, 9])

    async def main() -> None:
        api = virtual.client(lists)
        paging: dict[str, Any] = {} if pages is None else {"page_size": 7}
        first = RecordStream(api._caller, parts_of(lists, pages), until=Until.EMPTY_PAGE, **paging)
        other = first.another(("part=1",), into=dict)
        assert (other.page_size, other.until) == (first.page_size, Until.EMPTY_PAGE)
        assert other.listing == attrs.evolve(first.listing, queries=("part=1",))
        assert ids(await other.collect()) == all_ids(lists.lengths)[lists.lengths[0] :]
        mark = attrs.evolve(other.bookmark, page_num=1, offset=2)
        rest = first.another(("part=1",), start=mark, into=dict)
        assert ids(await rest.collect()) == all_ids(lists.lengths)[lists.lengths[0] + 2 :]
        with pytest.raises(InvalidParameterError, match="another list"):
            first.another(("part=0",), start=mark, into=dict)

    virtual.run(main)


# Prefetch


def test_prefetch_opens_one_two_four_and_never_more_than_n() -> None:
    lists = Lists([400])

    async def main() -> None:
        rows = stream(lists, virtual.client(lists, qps=1e6), prefetch=6)
        ahead = []
        async for page in rows.pages():
            await asyncio.sleep(0.001)
            ahead.append(lists.asked[-1][1] - page.page_num)
        assert ahead[:6] == [1, 2, 4, 6, 6, 6]
        assert len(lists.asked) <= 41 + 6
        assert lists.open == 0

    virtual.run(main)


def test_prefetch_makes_forty_pages_at_least_three_times_as_fast() -> None:
    async def seconds(prefetch: int) -> float:
        lists = Lists([399], latency=0.08)
        begin = asyncio.get_running_loop().time()
        await stream(lists, prefetch=prefetch).collect()
        return asyncio.get_running_loop().time() - begin

    async def main() -> None:
        assert await seconds(8) < await seconds(0) / 3

    virtual.run(main)


@pytest.mark.parametrize("prefetch", [1, 8, 50])
def test_a_list_of_one_page_costs_one_credit_at_any_prefetch(prefetch: int) -> None:
    lists = Lists([7])

    async def main() -> None:
        await stream(lists, prefetch=prefetch).collect()

    virtual.run(main)
    assert lists.asked == [(0, 1)]


def test_pages_behind_the_end_are_left_as_soon_as_it_is_known() -> None:
    lists = Lists([45], latency=1.0)

    async def main() -> None:
        rows = stream(lists, prefetch=8)
        for _ in range(41):
            await anext(rows)
        assert len(lists.asked) > 5
        assert lists.open == 0

    virtual.run(main)


def test_parts_that_begin_are_certain_and_prefetch_wastes_nothing_on_them() -> None:
    lists = Lists([3] * 12)

    async def main() -> None:
        rows = await stream(lists, prefetch=4).collect()
        assert ids(rows) == all_ids(lists.lengths)

    virtual.run(main)
    assert sorted(lists.asked) == [(part, 1) for part in range(12)]
    assert lists.most_open == 4


@pytest.mark.parametrize("prefetch", [1, 4, 9])
def test_prefetch_wastes_nothing_between_parts_and_at_most_n_at_the_end(prefetch: int) -> None:
    lists = Lists([25] * 9)

    async def main() -> None:
        rows = await stream(lists, prefetch=prefetch).collect()
        assert ids(rows) == all_ids(lists.lengths)

    virtual.run(main)
    assert len(lists.asked) <= 27 + prefetch
    assert all(part == 8 for part, page in lists.asked if page > 3)


def test_a_stream_that_nobody_holds_any_more_leaves_its_pages_in_flight() -> None:
    lists = Lists([1000], latency=1.0)

    async def main() -> None:
        rows = stream(lists, prefetch=4)
        for _ in range(45):
            await anext(rows)
        await asyncio.sleep(0.1)
        assert lists.open > 0
        del rows
        gc.collect()
        await asyncio.sleep(0.1)
        assert lists.open == 0

    virtual.run(main)


def test_a_stream_may_outlive_its_loop() -> None:
    kept = []

    async def main() -> None:
        rows = stream(Lists([1000], latency=1.0), prefetch=4)
        await anext(rows)
        kept.append(rows)

    with asyncio.Runner(loop_factory=virtual.VirtualLoop) as runner:
        runner.run(main())
    kept.clear()
    gc.collect()


def test_a_stream_is_not_closed_under_a_task_that_waits_for_its_own_request() -> None:
    lists = Lists([50], latency=1.0)

    async def main() -> None:
        rows = stream(lists)
        waiter = asyncio.create_task(anext(rows))
        await asyncio.sleep(0.5)
        with pytest.raises(UsageError, match="cancel that one"):
            await rows.aclose()
        assert await waiter == {"id": "0.0"}
        async with contextlib.aclosing(rows.pages()) as pages:
            await anext(pages)
        with pytest.raises(UsageError, match="closed"):
            await anext(rows)

    virtual.run(main)


def test_a_path_without_parameters_is_asked_for_without_an_empty_one() -> None:
    asked = []

    class Seen(Lists):
        async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
            asked.append(request.query)
            return await super().send(request, within)

    async def main() -> None:
        await stream(Seen([3])).collect()

    virtual.run(main)
    assert asked == ["page_num=1&page_size=10"]


def test_an_invalid_row_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    lists = Lists([12])
    lists.rows[0, 1] = ["text"]

    async def main() -> None:
        await stream(lists, skip_invalid=True).collect()

    virtual.run(main)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "invalid row: row: 'text' is not an object" in caplog.text


def test_prefetched_pages_survive_an_error_before_them() -> None:
    lists = Lists([100])
    lists.faults = [None, None, None, 500]

    async def main() -> None:
        rows = stream(lists, prefetch=4)
        seen: list[object] = []
        with pytest.raises(ServerError) as caught:
            await read_on(rows, seen)
        assert len(seen) % 10 == 0
        assert caught.value.bookmark == rows.bookmark == Bookmark(len(seen) // 10 + 1)
        seen += ids(await rows.collect())
        assert seen == all_ids([100])
        bought = [page for page in lists.asked if lists.asked.count(page) > 1]
        assert bought == [(0, caught.value.bookmark.page_num)] * 2

    virtual.run(main)


def test_prefetched_pages_survive_the_cancellation_of_the_one_who_waits() -> None:
    lists = Lists([50], latency=1.0)

    async def main() -> None:
        rows = stream(lists, prefetch=2)
        for _ in range(10):
            await anext(rows)
        waiter = asyncio.create_task(anext(rows))
        await asyncio.sleep(0.5)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        assert rows.bookmark == Bookmark(2)
        assert ids(await rows.collect()) == all_ids([50])[10:]
        assert len(lists.asked) == len(set(lists.asked))

    virtual.run(main)


def test_leaving_cancels_what_is_in_flight_and_waits_for_it() -> None:
    lists = Lists([1000], latency=1.0)

    async def main() -> None:
        async with stream(lists, prefetch=8) as rows:
            async for _ in rows:
                if rows.bookmark.page_num == 9:
                    break
            assert lists.open > 0
        assert lists.open == 0

    virtual.run(main)


def test_a_stream_closed_while_another_task_waits_for_a_page_tells_it() -> None:
    lists = Lists([50], latency=1.0)

    async def main() -> None:
        rows = stream(lists, prefetch=2)
        for _ in range(10):
            await anext(rows)
        waiter = asyncio.create_task(anext(rows))
        await asyncio.sleep(0.5)
        await rows.aclose()
        with pytest.raises(UsageError, match="closed"):
            await waiter
        assert lists.open == 0

    virtual.run(main)


async def read_with_breaks(
    lists: Lists, plan: list[int], paging: dict[str, Any]
) -> AsyncIterator[dict[str, object]]:
    """Read a list through cancellations, errors, breaks and resumptions, as the plan has it."""
    api = virtual.client(lists, retry=RetryPolicy(attempts=1))
    rows = stream(lists, api, **paging)
    steps = iter(plan)
    while True:
        step = next(steps, 0)
        if step == 1:  # leave, and begin again at the bookmark
            await rows.aclose()
            mark = json.loads(json.dumps(attrs.asdict(rows.bookmark)))
            rows = stream(lists, api, **{**paging, "start": Bookmark(**mark)})
        reader = asyncio.ensure_future(anext(rows, None))
        if step > 1:  # cancel the reader after a while
            await asyncio.wait((reader,), timeout=step * 0.002)
            reader.cancel()
        try:
            row = await reader
        except (KeyAPIError, asyncio.CancelledError):
            continue
        if row is None:
            await rows.aclose()
            return
        yield row


@settings(max_examples=150, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 45), min_size=1, max_size=4),
    page_size=st.integers(1, 10),
    prefetch=st.integers(0, 5),
    until=st.sampled_from(Until),
    faults=st.lists(st.sampled_from([None, None, 500, 429, 404, "lost"]), max_size=30),
    plan=st.lists(st.integers(0, 9), max_size=60),
)
def test_every_row_once_and_in_order_whatever_happens(  # noqa: PLR0917  # all are drawn
    lengths: list[int],
    page_size: int,
    prefetch: int,
    until: Until,
    faults: list[Any],
    plan: list[int],
) -> None:
    """Any length, page size, prefetch, fault script, cancellation and resumption."""
    lists = Lists(lengths)
    lists.faults = [ConnectionFailedError("x") if f == "lost" else f for f in faults]
    paging = {"page_size": page_size, "prefetch": prefetch, "until": until}

    async def main() -> list[object]:
        return [row["id"] async for row in read_with_breaks(lists, plan, paging)]

    assert virtual.run(main) == all_ids(lengths)
    assert lists.open == 0
    assert lists.most_open <= prefetch + 1


@settings(max_examples=100, deadline=None)
@given(
    length=st.integers(0, 120),
    page_size=st.integers(1, 10),
    prefetch=st.integers(0, 9),
    limit=st.none() | st.integers(0, 130),
    until=st.sampled_from(Until),
)
def test_no_request_past_what_the_rules_allow(
    length: int, page_size: int, prefetch: int, limit: int | None, until: Until
) -> None:
    lists = Lists([length])

    async def main() -> int:
        paging: dict[str, Any] = {
            "page_size": page_size,
            "prefetch": prefetch,
            "limit": limit,
            "until": until,
        }
        return len(await stream(lists, **paging).collect())

    rows = virtual.run(main)
    assert rows == (length if limit is None else min(limit, length))
    least = least_pages(length, page_size, until)
    if limit is not None and limit <= length:
        least = -(-limit // page_size)
        assert len(lists.asked) == least
    assert least <= len(lists.asked) <= least + prefetch
