"""How a fan-out ends, and what is left to go on from."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyapi_async import Bookmark, KeyAPIError, RecordStream, errors, fan_out
from keyapi_async.call.wire import Answer, Request
from tests import virtual
from tests.streams.lists import Lists, Row, client, gather, ids, ids_of, opener, parts, wanted

LOOP = virtual.VirtualLoop


async def test_collected_failures_have_their_bookmark_and_the_rest_goes_on() -> None:
    lengths = dict.fromkeys(range(10), 25)
    server = Lists(lengths, 0.05, 0.5)
    server.statuses = {(3, 2): [404], (7, 1): [500]}
    server.rows[8, 1] = ["text"]
    got: dict[int, list[Any]] = {}
    opens = opener(client(server))

    def open_stream(key: int) -> RecordStream[Row]:
        if key == 5:
            raise errors.InvalidParameterError("key", key, "another")
        return opens(key)

    async with fan_out(lengths, open_stream, concurrency=3, on_error="collect") as results:
        await gather(results, got)
    assert {one.key: (type(one.error), one.bookmark) for one in results.failures} == {
        3: (errors.NotFoundError, Bookmark(2)),
        5: (errors.InvalidParameterError, None),
        7: (errors.ServerError, Bookmark(1)),
        8: (errors.DecodeError, Bookmark(1)),
    }
    assert results.unfinished == {}
    assert got == wanted({key: {3: 10}.get(key, 25) for key in lengths if key not in {5, 7, 8}})


@pytest.mark.parametrize(
    ("on_error", "status", "error"),
    [
        ("raise", 404, errors.NotFoundError), ("raise", 401, errors.AuthenticationError),
        ("collect", 402, errors.QuotaExceededError), ("collect", None, errors.CreditBudgetError),
    ],
)  # fmt: skip
async def test_an_error_ends_the_run_after_the_rows_that_were_fetched_and_says_where_each_stood(
    on_error: Any, status: int | None, error: type[KeyAPIError]
) -> None:
    """The first one, or one after which nothing can go well: of the key, the quota, the budget."""
    server = Lists(50, 0.05, 0.5)
    server.statuses = {} if status is None else {(2, 3): [status]}
    got: dict[int, list[Any]] = {}
    api = client(server, qps=40, max_credits=37)
    async with fan_out(range(100), opener(api), concurrency=6, on_error=on_error) as results:
        for _ in "ab":  # it is raised again
            with pytest.raises(error) as caught:
                await gather(results, got)
        assert server.open == 0
    assert sum(map(len, got.values())) == server.served == api.stats.records
    assert len(server.asked) == 37 or status
    assert status is None or caught.value.bookmark == results.unfinished[2] == Bookmark(3)
    assert results.failures == []
    assert results.unfinished.keys() >= {key for key, rows in got.items() if len(rows) < 50}
    for key, mark in results.unfinished.items():
        behind = 0 if mark is None else (mark.page_num - 1) * 10 + mark.offset
        assert got.get(key, []) == ids_of(key, behind)


async def test_an_error_of_the_keys_or_of_the_opener_ends_the_run() -> None:
    opens = opener(client(Lists(5, 0.05, 0.5)))
    for keys, open_stream in (
        ((1 // one for one in (1, 0)), opens),
        ([1, 0], lambda key: opens(1 // key)),
    ):
        got: dict[int, list[Any]] = {}
        async with fan_out(keys, open_stream, on_error="collect") as results:
            with pytest.raises(ZeroDivisionError):
                await gather(results, got)
        assert got == wanted({1: 5})


class Slow(Lists):
    """A server whose requests take a while to be given up."""

    async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
        try:
            return await super().send(request, within)
        finally:
            await asyncio.sleep(0.5)


@pytest.mark.parametrize("way", ["break", "exception", "cancel"])
async def test_leaving_the_block_however_often_cancelled_leaves_nothing_running(way: str) -> None:
    server, closed = Slow(1000, 1.0, 0.5), list[bool]()

    async def keys() -> AsyncIterator[int]:
        try:
            for key in itertools.count():
                yield key
        finally:
            closed.append(True)

    async def read() -> None:
        opens = opener(client(server), prefetch=4)
        async with fan_out(keys(), opens, concurrency=10) as results:
            async for _ in results:
                if server.open < 10:
                    continue
                if way == "exception":
                    raise ZeroDivisionError
                if way == "break":
                    break
                await asyncio.sleep(1e6)

    task = asyncio.create_task(read())
    await asyncio.wait((task,), timeout=30)
    assert task.done() == (way != "cancel")
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.1)
    await asyncio.wait((task,))
    assert task.cancelled() == (way == "cancel")
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert (server.open, closed) == (0, [True])
    assert way != "exception" or isinstance(task.exception(), ZeroDivisionError)


async def test_a_stop_awaits_and_delivers_what_is_in_flight() -> None:
    server = Lists(50, 0.05, 0.5)
    got: dict[int, list[Any]] = {}
    async with fan_out(range(100), opener(client(server)), concurrency=6) as results:
        for _ in range(30):
            key, row = await anext(results)
            got.setdefault(key, []).append(row["id"])
        asked = len(server.asked)
        assert server.open
        results.stop()
        results.stop()
        await gather(results, got)
        assert len(server.asked) == asked
        assert sum(map(len, got.values())) == server.served
        for key, mark in results.unfinished.items():
            assert len(got.get(key, [])) == (mark.page_num - 1) * 10 + mark.offset


@pytest.mark.parametrize("taken", range(1, 21))
async def test_unfinished_is_right_behind_rejects_and_between_parts(taken: int) -> None:
    """The first part ends with a full page, and some rows are invalid."""
    server = Lists([10, 10, 5], 0.05, 0.5)
    for part, place in ((0, 0), (0, 5), (2, 0), (2, 2)):
        page = server.rows.setdefault((part, 1), server.page(part, 1, 10))
        page[place] = "invalid"
    api = client(server)
    whole = ids(await parts(server, api, skip_invalid=True).collect())
    got: list[object] = []
    async with fan_out([1], lambda _: parts(server, api, skip_invalid=True)) as results:
        async for _, row in results:
            got.append(row["id"])
            if len(got) == taken:
                break
    rest = parts(server, api, skip_invalid=True, start=results.unfinished[1])
    assert got + ids(await rest.collect()) == whole


@settings(max_examples=100, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 35), max_size=12),
    options=st.fixed_dictionaries(
        {
            "concurrency": st.integers(1, 6),
            "buffer": st.none() | st.integers(1, 80),
            "on_error": st.sampled_from(["raise", "collect"]),
        }
    ),
    prefetch=st.integers(0, 3),
    bounds=st.tuples(st.integers(1, 4), st.none() | st.integers(0, 40)),
    faults=st.dictionaries(
        st.tuples(st.integers(0, 11), st.integers(1, 4)),
        st.sampled_from([500, 429, 404, 401, 402]),
        max_size=4,
    ),
    pauses=st.lists(st.floats(0, 0.5), max_size=20),
    leave_after=st.none() | st.integers(0, 150),
)
async def test_whatever_happens_delivered_and_resumed_is_the_whole(  # noqa: PLR0917  # all are drawn
    lengths: list[int],
    options: dict[str, Any],
    prefetch: int,
    bounds: tuple[int, int | None],
    faults: dict[tuple[int, int], int],
    pauses: list[float],
    leave_after: int | None,
) -> None:
    """Any lists, bounds, faults, consumer, end: bookmarks and failures complete what is missing."""
    connections, budget = bounds
    server = Lists(lengths, 0.05, 0.5)
    server.statuses = {page: [status] for page, status in faults.items()}
    api = client(server, max_connections=connections, max_credits=budget)
    got: dict[int, list[Any]] = {key: [] for key in range(len(lengths))}
    opens, opened = opener(api, prefetch=prefetch), list[int]()

    def open_stream(key: int) -> Any:
        opened.append(key)
        return opens(key)

    count = 0
    async with fan_out(range(len(lengths)), open_stream, **options) as results:
        try:
            async for key, row in results:
                got[key].append(row["id"])
                count += 1
                if count < len(pauses):
                    await asyncio.sleep(pauses[count])
                if count == leave_after:
                    break
        except KeyAPIError:
            assert sum(map(len, got.values())) <= server.served
    assert server.open == 0
    assert server.most_open <= min(connections, options["concurrency"] * (prefetch + 1))
    if budget is not None:
        assert len(server.asked) - len(faults) <= budget
        assert api.credits.spent + api.credits.uncertain <= budget
    marks: dict[int, Bookmark | None] = dict(results.unfinished)
    failed = {failure.key: failure.bookmark for failure in results.failures}
    assert not marks.keys() & failed.keys()
    marks.update(failed)
    server.statuses.clear()
    for key in range(len(lengths)):
        if key in marks or key not in opened:
            rest = opener(client(server), start=marks.get(key))(key)
            got[key] += ids(await rest.collect())
    assert got == wanted(dict(enumerate(lengths)))
