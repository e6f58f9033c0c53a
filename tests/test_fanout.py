"""Many streams at once, in memory and on a virtual clock."""

import asyncio
import gc
import random
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qsl

import attrs
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyapi_async import (
    AuthenticationError,
    Bookmark,
    CreditBudgetError,
    DecodeError,
    Failure,
    FanOut,
    InvalidParameterError,
    KeyAPI,
    KeyAPIError,
    NotFoundError,
    QuotaExceededError,
    RecordStream,
    RetryPolicy,
    ServerError,
    UsageError,
    fan_out,
)
from keyapi_async.call.wire import Answer, Request
from keyapi_async.streams.listing import Listing
from tests import virtual

PATH = "/v1/list"
ONCE = RetryPolicy(attempts=1)

Row = dict[str, object]


class Keyed:
    """A server of a list for each key: ``{"id": "key.n"}``; what is in ``faults`` strikes once."""

    def __init__(self, lengths: dict[int, int] | int, latency: float = 0.05) -> None:
        self.lengths = lengths
        self.latency = latency
        self.asked: list[tuple[int, int]] = []
        self.open = 0
        self.most_open = 0
        self.faults: dict[tuple[int, int], int] = {}
        self.dice = random.Random(0)
        self.served = 0

    def length(self, key: int) -> int:
        return self.lengths if isinstance(self.lengths, int) else self.lengths[key]

    async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
        query = dict(parse_qsl(request.query))
        key, page, size = (int(query[name]) for name in ("key", "page_num", "page_size"))
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        self.asked.append((key, page))
        try:
            await asyncio.sleep(self.latency * self.dice.uniform(0.5, 1.5))
        finally:
            self.open -= 1
        if (status := self.faults.pop((key, page), None)) is not None:
            return Answer(status, {}, b'{"code": %d, "message": "no", "data": null}' % status)
        first = (page - 1) * size
        rows = [{"id": f"{key}.{n}"} for n in range(first, min(first + size, self.length(key)))]
        self.served += len(rows)
        return Answer(200, {}, orjson.dumps({"code": 0, "data": rows}))

    async def close(self) -> None:
        pass

    def opener(self, api: KeyAPI, **paging: Any) -> Any:
        def open_stream(key: int) -> RecordStream[Row]:
            return api.iter_records(PATH, {"key": key}, **paging)

        return open_stream


def client(server: Keyed, **options: Any) -> KeyAPI:
    return virtual.client(server, **{"retry": ONCE, "qps": 1e5, **options})


def wanted(lengths: dict[int, int]) -> dict[int, list[str]]:
    return {key: [f"{key}.{n}" for n in range(length)] for key, length in lengths.items()}


async def gather(results: FanOut[int, Row], into: dict[int, list[Any]]) -> None:
    async for key, row in results:
        into.setdefault(key, []).append(row["id"])


def test_every_row_of_every_key_once_and_in_order() -> None:
    lengths = {key: (key * 37) % 45 for key in range(40)}
    server = Keyed(lengths)

    async def main() -> None:
        api = client(server)
        got: dict[int, list[Any]] = {}
        async with fan_out(lengths, server.opener(api), concurrency=8) as results:
            await gather(results, got)
        assert got == {key: rows for key, rows in wanted(lengths).items() if rows}
        assert results.unfinished == {}
        assert results.failures == []
        assert server.most_open == 8
        assert len(server.asked) == sum(length // 10 + 1 for length in lengths.values())

    virtual.run(main)


def test_keys_may_come_from_an_async_iterable_and_are_drawn_as_needed() -> None:
    server = Keyed(15)
    drawn = []

    async def keys() -> AsyncIterator[int]:
        for key in range(1000):
            drawn.append(key)
            await asyncio.sleep(0)
            yield key

    async def main() -> None:
        async with fan_out(keys(), server.opener(client(server)), concurrency=4) as results:
            seen = 0
            async for _ in results:
                seen += 1
                if seen == 100:
                    break
        assert len(drawn) <= 100 // 15 + 4 + 8

    virtual.run(main)


def test_the_run_ends_where_an_async_iterable_of_keys_does() -> None:
    lengths = {1: 15, 2: 0, 3: 7}
    server = Keyed(lengths)

    async def keys() -> AsyncIterator[int]:
        for key in lengths:
            await asyncio.sleep(1)
            yield key

    async def main() -> None:
        got: dict[int, list[Any]] = {}
        async with fan_out(keys(), server.opener(client(server)), concurrency=2) as results:
            await gather(results, got)
        assert got == {key: rows for key, rows in wanted(lengths).items() if rows}
        assert results.unfinished == {}

    virtual.run(main)


def test_nothing_is_asked_before_the_first_record_is() -> None:
    server = Keyed(5)

    async def main() -> None:
        async with fan_out([1, 2], server.opener(client(server))) as results:
            await asyncio.sleep(5)
            assert server.asked == []
            await anext(results)

    virtual.run(main)


def test_a_consumer_that_stops_reading_stops_the_requests() -> None:
    server = Keyed(1000)

    async def main() -> None:
        opener = server.opener(client(server))
        async with fan_out(range(50), opener, concurrency=10, buffer=60) as results:
            await anext(results)
            await asyncio.sleep(1000)
            assert len(server.asked) == 6
            for _ in range(9):
                await anext(results)
            await asyncio.sleep(1000)
            assert len(server.asked) == 7

    virtual.run(main)


def test_no_stream_starves() -> None:
    server = Keyed(400, latency=0.01)

    async def main() -> None:
        counts: Counter[int] = Counter()
        opener = server.opener(client(server, qps=50))
        async with fan_out(range(8), opener, concurrency=8) as results:
            async for key, _ in results:
                counts[key] += 1
                if sum(counts.values()) == 1600:
                    break
        assert min(counts.values()) >= 120

    virtual.run(main)


def test_the_first_error_is_raised_after_the_rows_that_were_fetched() -> None:
    server = Keyed(30)
    server.faults = {(3, 2): 404}

    async def main() -> None:
        got: dict[int, list[Any]] = {}
        async with fan_out(range(8), server.opener(client(server)), concurrency=8) as results:
            with pytest.raises(NotFoundError) as caught:
                await gather(results, got)
            assert server.open == 0
            assert sum(map(len, got.values())) == server.served
            assert caught.value.bookmark == Bookmark(2)
            for key, mark in results.unfinished.items():
                behind = (mark.page_num - 1) * 10 + mark.offset
                assert got.get(key, []) == wanted({key: 30})[key][:behind]
            with pytest.raises(NotFoundError):
                await anext(results)
        assert set(results.unfinished) == set(range(8)) - {
            k for k, v in got.items() if len(v) == 30
        }

    virtual.run(main)


def test_collected_failures_have_their_bookmark_and_the_rest_goes_on() -> None:
    lengths = dict.fromkeys(range(10), 25)
    server = Keyed(lengths)
    server.faults = {(3, 2): 404, (7, 1): 500}

    async def main() -> None:
        got: dict[int, list[Any]] = {}
        api = client(server)

        def open_stream(key: int) -> RecordStream[Row]:
            if key == 5:
                raise InvalidParameterError("key", key, "another")
            return server.opener(api)(key)  # type: ignore[no-any-return]

        async with fan_out(lengths, open_stream, concurrency=3, on_error="collect") as results:
            await gather(results, got)
        failures = {failure.key: failure for failure in results.failures}
        assert isinstance(failures[3], Failure)
        assert (failures[3].bookmark, failures[7].bookmark) == (Bookmark(2), Bookmark(1))
        assert failures[5].bookmark is None
        assert [type(failures[key].error) for key in (3, 5, 7)] == [
            NotFoundError,
            InvalidParameterError,
            ServerError,
        ]
        assert results.unfinished == {}
        rows = wanted(lengths)
        rows[3] = rows[3][:10]
        del rows[5], rows[7]
        assert got == rows
        again = api.iter_records(PATH, {"key": 3}, start=failures[3].bookmark)
        assert [row["id"] for row in await again.collect()] == wanted(lengths)[3][10:]

    virtual.run(main)


@pytest.mark.parametrize("on_error", ["raise", "collect"])
@pytest.mark.parametrize(
    ("status", "error"), [(401, AuthenticationError), (402, QuotaExceededError)]
)
def test_a_hopeless_error_ends_the_run_and_says_where_each_stream_stood(
    on_error: Any, status: int, error: type[KeyAPIError]
) -> None:
    server = Keyed(50)
    server.faults = {(2, 3): status}

    async def main() -> None:
        got: dict[int, list[Any]] = {}
        api = client(server, qps=40)
        opener = server.opener(api)
        async with fan_out(range(100), opener, concurrency=6, on_error=on_error) as results:
            with pytest.raises(error):
                await gather(results, got)
        assert sum(map(len, got.values())) == server.served == api.stats.records
        assert results.failures == []
        again = server.opener(client(server))
        for key, mark in results.unfinished.items():
            rest = await again(key).collect() if mark is None else await _rest(server, key, mark)
            assert got.get(key, []) + [row["id"] for row in rest] == wanted({key: 50})[key]

    async def _rest(server: Keyed, key: int, mark: Bookmark) -> list[Row]:
        return await server.opener(client(server), start=mark)(key).collect()  # type: ignore[no-any-return]

    virtual.run(main)


def test_a_budget_ends_the_run_with_all_it_paid_for() -> None:
    server = Keyed(1000)

    async def main() -> None:
        got: dict[int, list[Any]] = {}
        api = client(server, max_credits=37)
        opener = server.opener(api)
        async with fan_out(range(9), opener, concurrency=5, on_error="collect") as results:
            with pytest.raises(CreditBudgetError):
                await gather(results, got)
        assert len(server.asked) == 37
        assert sum(map(len, got.values())) == 370
        assert len(results.unfinished) == 5

    virtual.run(main)


def test_a_row_that_is_no_record_is_a_failure_of_its_list() -> None:
    @attrs.frozen
    class Strict:
        id: int

    server = Keyed(5)

    async def main() -> None:
        api = client(server)

        def open_stream(key: int) -> RecordStream[Strict]:
            return api.iter_records(PATH, {"key": key}, Strict)

        async with fan_out([1], open_stream, on_error="collect") as results:
            assert [pair async for pair in results] == []
        (failure,) = results.failures
        assert isinstance(failure.error, DecodeError)
        assert failure.bookmark == Bookmark(1, 0)

    virtual.run(main)


def test_an_error_of_the_keys_or_of_the_opener_ends_the_run() -> None:
    server = Keyed(5)

    def keys() -> Iterator[int]:
        yield 1
        raise LookupError("no more keys")

    async def main() -> None:
        opener = server.opener(client(server))
        got: dict[int, list[Any]] = {}
        async with fan_out(keys(), opener, on_error="collect") as results:
            with pytest.raises(LookupError):
                await gather(results, got)
        assert got == wanted({1: 5})

        def broken(key: int) -> RecordStream[Row]:
            raise ZeroDivisionError

        async with fan_out([1], broken, on_error="collect") as failing:
            with pytest.raises(ZeroDivisionError):
                await anext(failing)

    virtual.run(main)


@pytest.mark.parametrize("way", ["break", "exception", "cancel"])
def test_leaving_the_block_leaves_nothing_running(way: str) -> None:
    server = Keyed(1000, latency=1.0)

    async def read() -> None:
        opener = server.opener(client(server), prefetch=4)
        async with fan_out(range(100), opener, concurrency=10) as results:
            async for _ in results:
                if server.open < 10:
                    continue
                if way == "exception":
                    raise ZeroDivisionError
                if way == "break":
                    break
                await asyncio.sleep(1e6)

    async def main() -> None:
        task = asyncio.create_task(read())
        if way == "cancel":
            await asyncio.sleep(30)
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert server.open == 0

    virtual.run(main)


def test_a_stop_awaits_and_delivers_what_is_in_flight() -> None:
    server = Keyed(50)

    async def main() -> None:
        got: dict[int, list[Any]] = {}
        async with fan_out(range(100), server.opener(client(server)), concurrency=6) as results:
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

    virtual.run(main)


class Slow:
    """A stream whose end takes its time, as that of a harvest's list may, which commits first."""

    bookmark = run_begin = Bookmark(1)

    async def next_run(self) -> list[int]:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.5)
        return []

    async def aclose(self) -> None:
        pass


def test_a_second_cancellation_does_not_leave_the_block_before_all_has_ended() -> None:
    closed: list[bool] = []

    async def keys() -> AsyncIterator[int]:
        try:
            while True:
                yield len(closed)
        finally:
            closed.append(True)

    async def read() -> None:
        async with fan_out(keys(), lambda _: Slow(), concurrency=3) as results:
            await anext(results)

    async def main() -> None:
        task = asyncio.create_task(read())
        for _ in range(3):
            await asyncio.sleep(0.1)
            task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert closed == [True]

    virtual.run(main)


@pytest.mark.parametrize("taken", range(1, 21))
def test_unfinished_is_right_behind_rejects_and_between_parts(taken: int) -> None:
    """The first part ends with a full page, and some rows are invalid."""
    rows: list[list[object]] = [
        [
            7,
            *({"id": f"0.{n}"} for n in range(1, 5)),
            None,
            *({"id": f"0.{n}"} for n in range(6, 10)),
        ],
        [{"id": f"1.{n}"} for n in range(10)],
        ["x", {"id": "2.1"}, "y", {"id": "2.3"}, {"id": "2.4"}],
    ]

    class Parts(Keyed):
        async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
            query = dict(parse_qsl(request.query))
            data = rows[int(query["part"])] if query["page_num"] == "1" else []
            return Answer(200, {}, orjson.dumps({"code": 0, "data": data}))

    server = Parts(0)
    whole = [row["id"] for part in rows for row in part if isinstance(row, dict)]

    async def main() -> None:
        api = client(server)

        def open_stream(_: int, start: Bookmark | None = None) -> RecordStream[Row]:
            return RecordStream(
                api._caller,
                Listing(
                    name="parts",
                    path=PATH,
                    into=dict,
                    queries=tuple(f"part={n}" for n in range(3)),
                ),
                start=start,
                skip_invalid=True,
            )

        got: list[object] = []
        async with fan_out([1], open_stream) as results:
            async for _, row in results:
                got.append(row["id"])
                if len(got) == taken:
                    break
        rest = open_stream(1, results.unfinished[1])
        assert got + [row["id"] async for row in rest] == whole

    virtual.run(main)


def test_it_is_used_inside_its_block_and_once() -> None:
    server = Keyed(5)

    async def main() -> None:
        results = fan_out([1], server.opener(client(server)))
        with pytest.raises(UsageError, match="inside"):
            await anext(results)
        async with results:
            assert len([pair async for pair in results]) == 5
            assert [pair async for pair in results] == []
        with pytest.raises(UsageError, match="inside"):
            await anext(results)
        with pytest.raises(UsageError, match="once"):
            await results.__aenter__()

    virtual.run(main)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": 1.5}, "concurrency"),
        ({"buffer": 0}, "buffer"),
        ({"on_error": "ignore"}, "on_error"),
        ({"keys": 7}, "keys"),
        ({"keys": "1729492547846767618"}, "keys"),
        ({"keys": b"1"}, "keys"),
        ({"open_stream": None}, "open_stream"),
    ],
)
def test_bad_arguments_are_refused_at_once(arguments: dict[str, Any], name: str) -> None:
    server = Keyed(5)
    given: dict[str, Any] = {"keys": [1], "open_stream": server.opener(client(server)), **arguments}
    with pytest.raises(InvalidParameterError) as caught:
        fan_out(given.pop("keys"), given.pop("open_stream"), **given)
    assert caught.value.parameter == name


def test_a_function_of_a_single_page_is_refused_by_name() -> None:
    async def main() -> None:
        single_page: Any = client(Keyed(5)).tiktok.product.creators
        async with fan_out(["1", "2"], single_page, on_error="collect") as results:
            with pytest.raises(InvalidParameterError, match="such as an iter_") as caught:
                await anext(results)
            assert caught.value.parameter == "open_stream"
            assert results.unfinished == {}

    virtual.run(main)


def test_many_thousand_keys_cost_the_memory_of_the_streams_that_are_open() -> None:
    server = Keyed(1)

    async def main() -> None:
        api = client(server, qps=1e9)
        rows, sizes = 0, []
        async with fan_out(range(27_000), server.opener(api), concurrency=64) as results:
            async for _ in results:
                rows += 1
                server.asked.clear()
                if rows == 20_000:
                    tracemalloc.start()
                if rows in {22_000, 26_000}:
                    gc.collect()
                    sizes.append(tracemalloc.get_traced_memory()[0])
                if rows == 26_000:
                    tracemalloc.stop()
        assert sizes[1] - sizes[0] < 100_000
        assert rows == 27_000

    virtual.run(main)


@settings(max_examples=100, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 35), max_size=12),
    concurrency=st.integers(1, 6),
    buffer=st.none() | st.integers(1, 80),
    prefetch=st.integers(0, 3),
    connections=st.integers(1, 4),
    budget=st.none() | st.integers(0, 40),
    faults=st.dictionaries(
        st.tuples(st.integers(0, 11), st.integers(1, 4)),
        st.sampled_from([500, 429, 404, 401, 402]),
        max_size=4,
    ),
    pauses=st.lists(st.floats(0, 0.5), max_size=20),
    leave_after=st.none() | st.integers(0, 150),
    on_error=st.sampled_from(["raise", "collect"]),
)
def test_whatever_happens_delivered_and_resumed_is_the_whole(  # noqa: PLR0917  # all are drawn
    lengths: list[int],
    concurrency: int,
    buffer: int | None,
    prefetch: int,
    connections: int,
    budget: int | None,
    faults: dict[tuple[int, int], int],
    pauses: list[float],
    leave_after: int | None,
    on_error: Any,
) -> None:
    """Any lists, bounds, faults, consumer, end: bookmarks and failures complete what is missing."""
    server = Keyed(dict(enumerate(lengths)))
    server.faults = dict(faults)

    async def main() -> None:
        api = client(server, max_connections=connections, max_credits=budget)
        got: dict[int, list[Any]] = {key: [] for key in range(len(lengths))}
        opened = []
        opener = server.opener(api, prefetch=prefetch)

        def open_stream(key: int) -> Any:
            opened.append(key)
            return opener(key)

        count = 0
        async with fan_out(
            range(len(lengths)),
            open_stream,
            concurrency=concurrency,
            buffer=buffer,
            on_error=on_error,
        ) as results:
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
        assert server.most_open <= min(connections, concurrency * (prefetch + 1))
        if budget is not None:
            assert len(server.asked) - len(faults) <= budget
            assert api.credits.spent + api.credits.uncertain <= budget
        marks: dict[int, Bookmark | None] = dict(results.unfinished)
        failed = {failure.key: failure.bookmark for failure in results.failures}
        assert not marks.keys() & failed.keys()
        marks.update(failed)
        server.faults.clear()
        fresh = client(server)
        for key in range(len(lengths)):
            if key in marks or key not in opened:
                stream = server.opener(fresh, start=marks.get(key))(key)
                got[key] += [row["id"] for row in await stream.collect()]
        assert got == wanted(dict(enumerate(lengths)))

    virtual.run(main)
