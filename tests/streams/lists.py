"""Servers of numbered rows in memory, and streams over them."""

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import orjson

from keyapi_async import (
    KeyAPI,
    KeyAPIError,
    RecordStream,
    RetryPolicy,
    Until,
)
from keyapi_async.call.wire import Answer, Request
from keyapi_async.streams.listing import Listing, PageNum
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


class Whole(Lists):
    """A server without pages."""

    async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
        query = dict(parse_qsl(request.query))
        assert query.keys() <= {"part"}
        part = int(query.get("part", 0))
        self.asked.append((part, 1))
        data = self.page(part, 1, 1000)
        return Answer(200, {}, orjson.dumps({"code": 0, "data": data}))
