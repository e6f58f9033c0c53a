"""Pages in flight ahead of the reader."""

import asyncio
import contextlib
import gc
from typing import Any

import pytest

from keyapi_async import Bookmark, RecordStream, ServerError, UsageError
from keyapi_async.streams.listing import PageNum
from tests import virtual
from tests.streams.lists import Lists, all_ids, ids, parts, stream

LOOP = virtual.VirtualLoop


async def test_prefetch_opens_one_two_four_and_never_more_than_n() -> None:
    lists = Lists([399])
    api = virtual.client(lists, qps=1e6)
    rows = stream(lists, api, prefetch=6, pages=PageNum(maximum=40))
    ahead = []
    async for page in rows.pages():
        await asyncio.sleep(0.001)
        ahead.append(lists.asked[-1][1] - page.page_num)
    assert ahead == [1, 2, 4, *[6] * 31, 5, 4, 3, 2, 1, 0]
    assert len(lists.asked) == 40
    assert lists.open == 0


async def test_pages_behind_the_end_are_left_as_soon_as_it_is_known() -> None:
    lists = Lists([45], latency=1.0)
    rows = stream(lists, prefetch=8)
    for _ in range(41):
        await anext(rows)
    assert len(lists.asked) > 5
    assert lists.open == 0


@pytest.mark.parametrize("n", [1, 4, 9])
async def test_prefetch_wastes_nothing_between_parts_and_at_most_n_at_the_end(n: int) -> None:
    short = Lists([3] * 12)
    assert ids(await parts(short, prefetch=n).collect()) == all_ids([3] * 12)
    assert short.asked == [(part, 1) for part in range(12)]
    assert short.most_open == min(n, 8)
    lists = Lists([25] * 9)
    assert ids(await parts(lists, prefetch=n).collect()) == all_ids([25] * 9)
    assert len(lists.asked) <= 27 + n
    assert all(part == 8 for part, page in lists.asked if page > 3)


async def test_a_stream_that_nobody_holds_any_more_leaves_its_pages_in_flight() -> None:
    lists = Lists([1000], latency=1.0)
    rows = stream(lists, prefetch=4)
    for _ in range(45):
        await anext(rows)
    await asyncio.sleep(0.1)
    assert lists.open > 0
    del rows
    gc.collect()
    await asyncio.sleep(0.1)
    assert lists.open == 0


@pytest.mark.parametrize("wait", [0, 9])
def test_a_stream_may_outlive_its_loop(wait: int, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> RecordStream[Any]:
        lists = Lists([1000], latency=1.0)
        lists.statuses = {(0, 2): [404]}
        await anext(rows := stream(lists, prefetch=4))
        await asyncio.sleep(wait)
        return rows

    with asyncio.Runner(loop_factory=virtual.VirtualLoop) as runner:
        rows = runner.run(main())
    del rows
    gc.collect()
    assert caplog.text == ""


async def test_a_stream_is_neither_read_nor_closed_under_a_task_that_waits_for_a_page() -> None:
    rows = stream(Lists([50], latency=1.0))
    waiter = asyncio.create_task(anext(rows))
    await asyncio.sleep(0.5)
    for meddling, told in ((anext(rows), "another task$"), (rows.aclose(), "cancel that one")):
        with pytest.raises(UsageError, match=told):
            await meddling
    assert await waiter == {"id": "0.0"}
    async with contextlib.aclosing(rows.pages()) as pages:
        await anext(pages)
    with pytest.raises(UsageError, match="closed"):
        await anext(rows)


@pytest.mark.parametrize("way", ["an error", "a cancellation", "closing"])
async def test_prefetched_pages_survive_what_becomes_of_the_one_who_waits(way: str) -> None:
    lists = Lists([100], latency=1.0)
    lists.faults = [None, 500] if way == "an error" else []
    rows = stream(lists, prefetch=2)
    seen = [await anext(rows) for _ in range(10)]
    waiter = asyncio.create_task(anext(rows))
    await asyncio.sleep(0.5)
    if way == "closing":
        await rows.aclose()
        with pytest.raises(UsageError, match="closed"):
            await waiter
        assert lists.open == 0
        return
    if way == "a cancellation":
        waiter.cancel()
    await asyncio.wait((waiter,))
    assert waiter.cancelled() or isinstance(waiter.exception(), ServerError)
    assert rows.bookmark == Bookmark(2)
    assert ids(seen + await rows.collect()) == all_ids([100])
    again = [page for page in lists.asked if lists.asked.count(page) > 1]
    assert again == [(0, 2)] * (2 if way == "an error" else 0)


async def test_a_cancelled_collect_leaves_nothing_in_flight() -> None:
    lists = Lists([1000], latency=1.0)
    reader = asyncio.create_task(stream(lists, prefetch=8).collect())
    await asyncio.sleep(5.5)
    assert lists.open > 0
    reader.cancel()
    await asyncio.wait((reader,))
    assert lists.open == 0


async def test_a_stream_closed_just_as_a_page_arrives_fetches_nothing_more() -> None:
    lists = Lists([1000], latency=1.0)
    rows = stream(lists, prefetch=4)
    for _ in range(11):
        await anext(rows)
    page = next(iter(rows._prefetch._tasks.values()))
    closing: list[asyncio.Task[None]] = []
    reader = asyncio.create_task(rows.collect())
    page.add_done_callback(lambda _: closing.append(asyncio.create_task(rows.aclose())))
    with pytest.raises(UsageError, match="closed"):
        await reader
    await closing[0]
    assert lists.open == 0
