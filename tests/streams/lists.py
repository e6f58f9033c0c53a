"""Servers of numbered rows in memory, and streams over them."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import orjson

from keyapi_async import FanOut, KeyAPI, KeyAPIError, RecordStream, RetryPolicy
from keyapi_async.call.wire import Answer, Request
from keyapi_async.streams.listing import Listing, PageNum
from tests import virtual

PATH = "/v1/list"
LIMIT = ("page", "limit")
ONCE = RetryPolicy(attempts=1)

Row: TypeAlias = dict[str, object]


class Lists:
    """A server of lists of numbered rows in memory: ``{"id": "p.n"}`` for row n of list p.

    ``faults`` strike the requests in their order, ``statuses`` those for a page of a list; each
    answer takes its latency, more or less by ``spread``. ``names`` are the parameters that say
    which page is asked for, and ``says`` whether an answer tells that there is more.
    """

    def __init__(
        self,
        lengths: Any,
        latency: float = 0.01,
        spread: float = 0.0,
        names: Sequence[str] = ("page_num", "page_size"),
        *,
        says: bool = False,
    ) -> None:
        self.lengths = lengths
        self.latency = latency
        self.spread = spread
        self.names = names
        self.says = says
        self.asked: list[tuple[Any, int]] = []
        self.open = 0
        self.most_open = 0
        self.billed = 0
        self.served = 0
        self.rows: dict[tuple[Any, int], list[Any]] = {}
        self.faults: list[KeyAPIError | int | None] = []
        self.statuses: dict[tuple[Any, int], list[int]] = {}
        self.dice = random.Random(0)

    def list_of(self, query: Mapping[str, str]) -> Any:
        """Tell which list is asked for."""
        return int(query.get("part", 0))

    def row(self, part: Any, place: int) -> object:
        return {"id": f"{part}.{place}"}

    def page(self, part: Any, page_num: int, page_size: int) -> list[Any]:
        if (part, page_num) in self.rows:
            return self.rows[part, page_num]
        length = self.lengths if isinstance(self.lengths, int) else self.lengths[part]
        first = (page_num - 1) * page_size
        return [self.row(part, place) for place in range(first, min(first + page_size, length))]

    def fault(self, part: Any, page_num: int) -> KeyAPIError | int | None:
        """Give what strikes a request, if anything does."""
        statuses = self.statuses.get((part, page_num))
        fault = self.faults.pop(0) if self.faults else None
        return statuses.pop(0) if statuses else fault

    async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
        assert not request.query.startswith("&")
        query = dict(parse_qsl(request.query))
        part = self.list_of(query)
        assert query.keys() >= {*self.names}
        assert query.keys().isdisjoint({*LIMIT, "page_num", "page_size"} - {*self.names})
        page_num, page_size = [int(query[name]) for name in self.names] or (1, 1000)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        self.asked.append((part, page_num))
        latency = self.latency * self.dice.uniform(1 - self.spread, 1 + self.spread)
        try:
            await asyncio.sleep(latency / 2)
            fault = self.fault(part, page_num)
            self.billed += fault in {None, 200}
            await asyncio.sleep(latency / 2)
        finally:
            self.open -= 1
        if isinstance(fault, KeyAPIError):
            return fault
        if fault is not None and fault != 200:
            return Answer(fault, {}, b'{"code": %d, "message": "no", "data": null}' % fault)
        rows = self.page(part, page_num, page_size)
        self.served += len(rows)
        data: Any = rows
        if self.names == LIMIT:
            data = {"list": rows}
            if self.says:
                data["pagination"] = {"has_more": self.page(part, page_num + 1, page_size) != []}
        answer = {"code": 0, "data": data, "requestId": f"r-{page_num}"}
        return Answer(200, {}, orjson.dumps(answer))

    async def close(self) -> None:
        pass


def client(lists: Lists, **options: Any) -> KeyAPI:
    return virtual.client(lists, **{"retry": ONCE, "qps": 1e5, **options})


def opener(api: KeyAPI, **paging: Any) -> Callable[[int], RecordStream[Row]]:
    """Open the list of a key."""
    return lambda key: api.iter_records(PATH, {"part": key}, **paging)


def stream(lists: Lists, api: KeyAPI | None = None, **paging: Any) -> RecordStream[Row]:
    """Open the only list."""
    return (api or client(lists)).iter_records(PATH, **paging)


def parts(lists: Lists, api: KeyAPI | None = None, **paging: Any) -> RecordStream[Row]:
    """Open several lists as the parts of one, as endpoints do that take many ids."""
    assert not isinstance(lists.lengths, int)
    queries = tuple(f"part={part}" for part in range(len(lists.lengths)))
    pages = paging.pop("pages", PageNum())
    listing = Listing(name="lists", path=PATH, into=dict, queries=queries, pages=pages)
    # The endpoints alone make such streams, of records of theirs, and out of this.
    caller = (api or client(lists))._caller
    return RecordStream(caller, listing, **paging)


async def read_on(rows: RecordStream[Row], seen: list[object]) -> None:
    """Read to the end or to an error, and keep what came before it."""
    async for row in rows:
        seen.append(row["id"])  # noqa: PERF401  # a comprehension would lose it with the error


async def gather(results: FanOut[int, Row], into: dict[int, list[Any]]) -> None:
    """Read a fan-out to the end or to an error, and keep what came before it."""
    async for key, row in results:
        into.setdefault(key, []).append(row["id"])


def ids(rows: Sequence[Row]) -> list[object]:
    return [row["id"] for row in rows]


def ids_of(part: int, length: int) -> list[str]:
    return [f"{part}.{row}" for row in range(length)]


def wanted(lengths: Mapping[int, int]) -> dict[int, list[str]]:
    return {key: ids_of(key, length) for key, length in lengths.items()}


def all_ids(lengths: Sequence[int]) -> list[str]:
    return [one for part, length in enumerate(lengths) for one in ids_of(part, length)]
