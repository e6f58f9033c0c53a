"""What holds for every walk, whatever happens on it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from keyapi_async import Bookmark, ConnectionFailedError, KeyAPIError, RecordStream, Until
from tests import virtual
from tests.streams.lists import ONCE, Lists, Row, all_ids, ids, parts, stream

LOOP = virtual.VirtualLoop


async def read_with_breaks(
    begin: Callable[..., RecordStream[Row]], plan: list[int], paging: dict[str, Any]
) -> AsyncIterator[Row]:
    """Read a list through cancellations, errors, breaks and resumptions, as the plan has it."""
    rows = begin(**paging)
    steps = iter(plan)
    while True:
        step = next(steps, 0)
        if step == 1:  # leave, and begin again at the bookmark
            await rows.aclose()
            mark = json.loads(json.dumps(attrs.asdict(rows.bookmark)))
            rows = begin(**paging, start=Bookmark(**mark))
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
    paging=st.fixed_dictionaries(
        {
            "page_size": st.integers(1, 10),
            "prefetch": st.integers(0, 5),
            "until": st.sampled_from(Until),
        }
    ),
    faults=st.lists(st.sampled_from([None, None, 500, 429, 404, "lost"]), max_size=30),
    plan=st.lists(st.integers(0, 9), max_size=60),
)
async def test_every_row_once_and_in_order_whatever_happens(
    lengths: list[int], paging: dict[str, Any], faults: list[Any], plan: list[int]
) -> None:
    """Any length, page size, prefetch, fault script, cancellation and resumption."""
    lists = Lists(lengths)
    lists.faults = [ConnectionFailedError("x") if f == "lost" else f for f in faults]
    begin = partial(parts, lists, virtual.client(lists, retry=ONCE))
    assert [row["id"] async for row in read_with_breaks(begin, plan, paging)] == all_ids(lengths)
    assert lists.open == 0
    assert lists.most_open <= paging["prefetch"] + 1


@settings(max_examples=100, deadline=None)
@given(
    length=st.integers(0, 120),
    page_size=st.integers(1, 10),
    prefetch=st.integers(0, 9),
    limit=st.none() | st.integers(0, 130),
    until=st.sampled_from(Until),
)
async def test_no_request_past_what_the_rules_allow(
    length: int, page_size: int, prefetch: int, limit: int | None, until: Until
) -> None:
    lists = Lists([length])
    rows = stream(lists, page_size=page_size, prefetch=prefetch, limit=limit, until=until)
    assert ids(await rows.collect()) == all_ids([length])[:limit]
    full = length if until is Until.SHORT_PAGE else length + page_size - 1
    least = full // page_size + 1
    if limit is not None and limit <= length:
        least = -(-limit // page_size)
        assert len(lists.asked) == least
    # Nothing is asked for ahead before a first full page has come.
    assert least <= len(lists.asked) <= least + (prefetch if length >= page_size else 0)
