"""A server of one list a key, in memory."""

import asyncio
import random
from typing import Any
from urllib.parse import parse_qsl

import orjson

from keyapi_async import (
    FanOut,
    KeyAPI,
    KeyAPIError,
    RecordStream,
    RetryPolicy,
)
from keyapi_async.call.wire import Answer, Request
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
