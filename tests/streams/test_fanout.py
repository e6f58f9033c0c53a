"""Many streams at once, in memory and on a virtual clock."""

import asyncio
import gc
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from keyapi_async import InvalidParameterError, UsageError, fan_out
from tests import virtual
from tests.streams.lists import Lists, client, gather, opener, wanted

LOOP = virtual.VirtualLoop


async def slowly(keys: Iterable[int], drawn: list[int]) -> AsyncIterator[int]:
    """Give keys one by one, and note which were drawn."""
    for key in keys:
        await asyncio.sleep(0.01)
        drawn.append(key)
        yield key


@pytest.mark.parametrize(
    ("is_async", "options", "most"), [(False, {}, 16), (True, {"concurrency": 8}, 8)]
)
async def test_every_row_of_every_key_once_and_in_order(
    is_async: bool, options: dict[str, Any], most: int
) -> None:
    lengths = {key: (key * 37) % 45 for key in range(40)}
    server = Lists(lengths, 0.05, 0.5)
    got: dict[int, list[Any]] = {key: [] for key in lengths}
    keys = slowly(lengths, []) if is_async else lengths
    async with fan_out(keys, opener(client(server)), **options) as results:
        await gather(results, got)
    assert got == wanted(lengths)
    assert (results.unfinished, results.failures) == ({}, [])
    assert server.most_open == most
    assert len(server.asked) == sum(length // 10 + 1 for length in lengths.values())


async def test_keys_are_drawn_as_needed() -> None:
    server, drawn = Lists(15, 0.05, 0.5), list[int]()
    keys = slowly(range(1000), drawn)
    async with fan_out(keys, opener(client(server)), concurrency=4) as results:
        for _ in range(100):
            await anext(results)
    assert len(drawn) <= 100 // 15 + 4 + 8


@pytest.mark.parametrize("options", [{"concurrency": 10, "buffer": 60}, {"concurrency": 3}])
async def test_a_consumer_that_does_not_read_stops_the_requests(options: dict[str, Any]) -> None:
    server = Lists(1000, 0.05, 0.5)
    opens = opener(client(server))
    async with fan_out(range(50), opens, **options) as results:
        await asyncio.sleep(5)
        assert server.asked == []
        await anext(results)
        await asyncio.sleep(1000)
        assert len(server.asked) == 6
        for _ in range(9):
            await anext(results)
        await asyncio.sleep(1000)
        assert len(server.asked) == 7


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


async def test_it_is_used_inside_its_block_and_once() -> None:
    server = Lists(5, 0.05, 0.5)
    results = fan_out([1], opener(client(server)), buffer=1)
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
        ({"concurrency": 0}, "concurrency"), ({"concurrency": 1.5}, "concurrency"),
        ({"buffer": 0}, "buffer"), ({"on_error": "ignore"}, "on_error"), ({"keys": 7}, "keys"),
        ({"keys": "1729492547846767618"}, "keys"), ({"keys": b"1"}, "keys"),
        ({"open_stream": None}, "open_stream"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused_at_once(arguments: dict[str, Any], name: str) -> None:
    server = Lists(5, 0.05, 0.5)
    given: dict[str, Any] = {"keys": [1], "open_stream": opener(client(server)), **arguments}
    with pytest.raises(InvalidParameterError) as caught:
        fan_out(given.pop("keys"), given.pop("open_stream"), **given)
    assert caught.value.parameter == name


@pytest.mark.parametrize("makes", ["a page", "nothing"])
async def test_a_function_that_makes_no_stream_is_refused_by_name(makes: str) -> None:
    single_page: Any = client(Lists(5, 0.05, 0.5)).tiktok.product.creators
    opens: Any = single_page if makes == "a page" else lambda _: None
    async with fan_out(["1", "2"], opens, on_error="collect") as results:
        with pytest.raises(InvalidParameterError, match="such as an iter_") as caught:
            await anext(results)
        assert caught.value.parameter == "open_stream"
        assert results.unfinished == {}


async def test_many_thousand_keys_cost_the_memory_of_the_streams_that_are_open() -> None:
    server = Lists(1, 0.05, 0.5)
    rows, sizes = 0, []
    opens = opener(client(server, qps=1e9))
    async with fan_out(range(5_000), opens, concurrency=64) as results:
        async for _ in results:
            rows += 1
            server.asked.clear()
            if rows == 1_000:
                tracemalloc.start()
            if rows in {3_500, 4_500}:
                gc.collect()
                sizes.append(tracemalloc.get_traced_memory()[0])
            if rows == 4_500:
                tracemalloc.stop()
    assert sizes[1] - sizes[0] < 25_000  # 25 bytes a key
    assert rows == 5_000
