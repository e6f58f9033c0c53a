"""Pages in flight ahead of the reader."""

import asyncio
import contextlib
import gc
import json
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyapi_async import (
    Bookmark,
    KeyAPIError,
    RetryPolicy,
    ServerError,
    Until,
    UsageError,
)
from keyapi_async.errors import ConnectionFailedError
from tests import virtual
from tests.streams.lists import (
    Lists,
    all_ids,
    ids,
    least_pages,
    read_on,
    stream,
)

# Prefetch


@virtual.clock
async def test_prefetch_opens_one_two_four_and_never_more_than_n() -> None:
    lists = Lists([400])
    rows = stream(lists, virtual.client(lists, qps=1e6), prefetch=6)
    ahead = []
    async for page in rows.pages():
        await asyncio.sleep(0.001)
        ahead.append(lists.asked[-1][1] - page.page_num)
    assert ahead[:6] == [1, 2, 4, 6, 6, 6]
    assert len(lists.asked) <= 41 + 6
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
    rows = await stream(lists, prefetch=4).collect()
    assert ids(rows) == all_ids(lists.lengths)
    assert sorted(lists.asked) == [(part, 1) for part in range(12)]
    assert lists.most_open == 4


@pytest.mark.parametrize("prefetch", [1, 4, 9])
@virtual.clock
async def test_prefetch_wastes_nothing_between_parts_and_at_most_n_at_the_end(
    prefetch: int,
) -> None:
    lists = Lists([25] * 9)
    rows = await stream(lists, prefetch=prefetch).collect()
    assert ids(rows) == all_ids(lists.lengths)
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


@virtual.clock
async def test_leaving_cancels_what_is_in_flight_and_waits_for_it() -> None:
    lists = Lists([1000], latency=1.0)
    async with stream(lists, prefetch=8) as rows:
        async for _ in rows:
            if rows.bookmark.page_num == 9:
                break
        assert lists.open > 0
    assert lists.open == 0


@virtual.clock
async def test_a_stream_closed_while_another_task_waits_for_a_page_tells_it() -> None:
    lists = Lists([50], latency=1.0)
    rows = stream(lists, prefetch=2)
    for _ in range(10):
        await anext(rows)
    waiter = asyncio.create_task(anext(rows))
    await asyncio.sleep(0.5)
    await rows.aclose()
    with pytest.raises(UsageError, match="closed"):
        await waiter
    assert lists.open == 0


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
