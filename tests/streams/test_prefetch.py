"""Pages in flight ahead of the reader."""

import asyncio
import contextlib
import gc
from typing import Any

import pytest

from keyapi_async import Bookmark, RecordStream, ServerError, UsageError
from keyapi_async.streams.listing import PageNum
from tests import virtual
from tests.streams.lists import Lists, all_ids, ids, parts, read_on, stream

# Prefetch


async def waiting(lists: Lists) -> tuple[RecordStream[Any], asyncio.Task[Any]]:
    """Read the first page, and let a task wait for the second, which is in flight."""
    rows = stream(lists, prefetch=2)
    for _ in range(10):
        await anext(rows)
    waiter = asyncio.create_task(anext(rows))
    await asyncio.sleep(0.5)
    return rows, waiter


@virtual.clock
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


@virtual.clock
async def test_prefetch_makes_forty_pages_at_least_three_times_as_fast() -> None:
    async def seconds(prefetch: int) -> float:
        lists = Lists([399], latency=0.08)
        begin = asyncio.get_running_loop().time()
        await stream(lists, prefetch=prefetch).collect()
        return asyncio.get_running_loop().time() - begin

    assert await seconds(8) < await seconds(0) / 3


@pytest.mark.parametrize("prefetch", [1, 8, 50])
@virtual.clock
async def test_a_list_of_one_page_costs_one_credit_at_any_prefetch(prefetch: int) -> None:
    lists = Lists([7])
    await stream(lists, prefetch=prefetch).collect()
    assert lists.asked == [(0, 1)]


@virtual.clock
async def test_pages_behind_the_end_are_left_as_soon_as_it_is_known() -> None:
    lists = Lists([45], latency=1.0)
    rows = stream(lists, prefetch=8)
    for _ in range(41):
        await anext(rows)
    assert len(lists.asked) > 5
    assert lists.open == 0


@virtual.clock
async def test_parts_that_begin_are_certain_and_prefetch_wastes_nothing_on_them() -> None:
    lists = Lists([3] * 12)
    assert ids(await parts(lists, prefetch=4).collect()) == all_ids([3] * 12)
    assert lists.asked == [(part, 1) for part in range(12)]
    assert lists.most_open == 4


@pytest.mark.parametrize("prefetch", [1, 4, 9])
@virtual.clock
async def test_prefetch_wastes_nothing_between_parts_and_at_most_n_at_the_end(
    prefetch: int,
) -> None:
    lists = Lists([25] * 9)
    assert ids(await parts(lists, prefetch=prefetch).collect()) == all_ids([25] * 9)
    assert len(lists.asked) <= 27 + prefetch
    assert all(part == 8 for part, page in lists.asked if page > 3)


@virtual.clock
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


@virtual.clock
async def test_a_stream_is_not_closed_under_a_task_that_waits_for_its_own_request() -> None:
    lists = Lists([50], latency=1.0)
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


@virtual.clock
async def test_prefetched_pages_survive_an_error_before_them() -> None:
    lists = Lists([100])
    lists.faults = [None, None, None, 500]
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


@virtual.clock
async def test_prefetched_pages_survive_the_cancellation_of_the_one_who_waits() -> None:
    lists = Lists([50], latency=1.0)
    rows, waiter = await waiting(lists)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert rows.bookmark == Bookmark(2)
    assert ids(await rows.collect()) == all_ids([50])[10:]
    assert len(lists.asked) == len(set(lists.asked))


@pytest.mark.parametrize("leaves", ["block", "cancelled"])
@virtual.clock
async def test_leaving_cancels_what_is_in_flight_and_waits_for_it(leaves: str) -> None:
    lists, troubles = Lists([1000], latency=1.0), list[dict[str, Any]]()
    asyncio.get_running_loop().set_exception_handler(lambda _, trouble: troubles.append(trouble))
    if leaves == "cancelled":
        rows = stream(lists, prefetch=8)
        reader = asyncio.create_task(rows.collect())
        await asyncio.sleep(5.5)
        assert lists.open > 0
        reader.cancel()
        await asyncio.wait((reader,))
    else:
        async with stream(lists, prefetch=8) as rows:
            async for _ in rows:
                if rows.bookmark.page_num == 9:
                    break
            assert lists.open > 0
    assert lists.open == 0
    await asyncio.sleep(0)
    assert troubles == []


@virtual.clock
async def test_a_stream_closed_while_another_task_waits_for_a_page_tells_it() -> None:
    lists = Lists([50], latency=1.0)
    rows, waiter = await waiting(lists)
    await rows.aclose()
    with pytest.raises(UsageError, match="closed"):
        await waiter
    assert lists.open == 0


@virtual.clock
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
