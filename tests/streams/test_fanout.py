"""Many streams at once, in memory and on a virtual clock."""

import asyncio
import gc
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from keyapi_async import InvalidParameterError, UsageError, fan_out
from tests import virtual
from tests.streams.lists import Lists, client, gather, opener, wanted


@virtual.clock
async def test_every_row_of_every_key_once_and_in_order() -> None:
    lengths = {key: (key * 37) % 45 for key in range(40)}
    server = Lists(lengths, 0.05, 0.5)
    api = client(server)
    got: dict[int, list[Any]] = {}
    async with fan_out(lengths, opener(api), concurrency=8) as results:
        await gather(results, got)
    assert got == {key: rows for key, rows in wanted(lengths).items() if rows}
    assert results.unfinished == {}
    assert results.failures == []
    assert server.most_open == 8
    assert len(server.asked) == sum(length // 10 + 1 for length in lengths.values())


@virtual.clock
async def test_keys_may_come_from_an_async_iterable_and_are_drawn_as_needed() -> None:
    server = Lists(15, 0.05, 0.5)
    drawn = []

    async def keys() -> AsyncIterator[int]:
        for key in range(1000):
            drawn.append(key)
            await asyncio.sleep(0)
            yield key

    async with fan_out(keys(), opener(client(server)), concurrency=4) as results:
        seen = 0
        async for _ in results:
            seen += 1
            if seen == 100:
                break
    assert len(drawn) <= 100 // 15 + 4 + 8


@virtual.clock
async def test_the_run_ends_where_an_async_iterable_of_keys_does() -> None:
    lengths = {1: 15, 2: 0, 3: 7}

    async def keys() -> AsyncIterator[int]:
        for key in lengths:
            await asyncio.sleep(1)
            yield key

    got: dict[int, list[Any]] = {2: []}
    api = client(Lists(lengths))
    async with fan_out(keys(), opener(api), concurrency=2) as results:
        await gather(results, got)
    assert (got, results.unfinished) == (wanted(lengths), {})


@virtual.clock
async def test_nothing_is_asked_before_the_first_record_is() -> None:
    server = Lists(5, 0.05, 0.5)
    async with fan_out([1, 2], opener(client(server))) as results:
        await asyncio.sleep(5)
        assert server.asked == []
        await anext(results)


@virtual.clock
async def test_a_consumer_that_stops_reading_stops_the_requests() -> None:
    server = Lists(1000, 0.05, 0.5)
    opens = opener(client(server))
    async with fan_out(range(50), opens, concurrency=10, buffer=60) as results:
        await anext(results)
        await asyncio.sleep(1000)
        assert len(server.asked) == 6
        for _ in range(9):
            await anext(results)
        await asyncio.sleep(1000)
        assert len(server.asked) == 7


@virtual.clock
async def test_no_stream_starves() -> None:
    server = Lists(400, 0.01, 0.5)
    counts: Counter[int] = Counter()
    opens = opener(client(server, qps=50))
    async with fan_out(range(8), opens, concurrency=8) as results:
        async for key, _ in results:
            counts[key] += 1
            if sum(counts.values()) == 1600:
                break
    assert min(counts.values()) >= 120


@virtual.clock
async def test_it_is_used_inside_its_block_and_once() -> None:
    server = Lists(5, 0.05, 0.5)
    results = fan_out([1], opener(client(server)))
    with pytest.raises(UsageError, match="inside"):
        await anext(results)
    async with results:
        assert len([pair async for pair in results]) == 5
        assert [pair async for pair in results] == []
    with pytest.raises(UsageError, match="inside"):
        await anext(results)
    with pytest.raises(UsageError, match="once"):
        await results.__aenter__()


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
    server = Lists(5, 0.05, 0.5)
    given: dict[str, Any] = {"keys": [1], "open_stream": opener(client(server)), **arguments}
    with pytest.raises(InvalidParameterError) as caught:
        fan_out(given.pop("keys"), given.pop("open_stream"), **given)
    assert caught.value.parameter == name


@virtual.clock
async def test_a_function_of_a_single_page_is_refused_by_name() -> None:
    single_page: Any = client(Lists(5, 0.05, 0.5)).tiktok.product.creators
    async with fan_out(["1", "2"], single_page, on_error="collect") as results:
        with pytest.raises(InvalidParameterError, match="such as an iter_") as caught:
            await anext(results)
        assert caught.value.parameter == "open_stream"
        assert results.unfinished == {}


@virtual.clock
async def test_many_thousand_keys_cost_the_memory_of_the_streams_that_are_open() -> None:
    server = Lists(1, 0.05, 0.5)
    rows, sizes = 0, []
    opens = opener(client(server, qps=1e9))
    async with fan_out(range(8_000), opens, concurrency=64) as results:
        async for _ in results:
            rows += 1
            server.asked.clear()
            if rows == 3_000:
                tracemalloc.start()
            if rows in {4_000, 7_000}:
                gc.collect()
                sizes.append(tracemalloc.get_traced_memory()[0])
            if rows == 7_000:
                tracemalloc.stop()
    assert sizes[1] - sizes[0] < 75_000  # 25 bytes a key
    assert rows == 8_000
