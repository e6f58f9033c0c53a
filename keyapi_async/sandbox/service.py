"""The service: everything the sandbox decides about a request, without a socket or a clock."""

import re
import uuid
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Final

import attrs
import orjson

from keyapi_async.sandbox.data import Samples, data_of
from keyapi_async.sandbox.faults import (
    REFUSALS,
    SPOILT,
    Fault,
    Faults,
    misshapen,
    spoilt,
    zeros,
)
from keyapi_async.sandbox.lists import Entry
from keyapi_async.sandbox.rows import Row, Shape
from keyapi_async.sandbox.specification import Operation, RefusedError, operations
from keyapi_async.sandbox.windows import Window, rate_window

__all__ = ["Asked", "Response", "Service"]

_GATEWAY = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>\n"
_CALL: Final = {"page_num", "page_size", "size"}
"""Parameters that choose from the list, and do not say which it is."""


@attrs.frozen(kw_only=True)
class Response:
    """What to answer, and what is to go wrong on the way.

    For "reset", "close", "truncate", "hang" and "drip" the body is the one that gets lost: it is
    for whoever sends the response to lose it. Every other fault is in the response already.
    """

    status: int
    body: bytes
    headers: Mapping[str, str]
    code: int | None = None
    """The envelope's code; `None` where no envelope is."""
    billed: int = 0
    """Credits that it costs."""
    fault: Fault | None = None
    delay: float = 0.0
    """Seconds to wait before answering."""


@attrs.frozen(kw_only=True)
class Asked:
    """One request, as it was answered."""

    path: str
    params: Mapping[str, str]
    page_num: int | None
    page_size: int | None
    status: int
    code: int | None
    billed: int
    fault: Fault | None
    at: float
    """Seconds on the clock of whoever asks the service; the event loop's in a `Sandbox`."""


class Service(Samples):
    """KeyAPI in memory: `answer` takes one request and decides all of it.

    In this order: key, path, parameters, a fault that replaces the answer, QPS, credits, rows. What
    is refused before the faults draws none; errors cost nothing; an answer that is lost or spoilt
    on its way has cost its credits.

    Args:
        seed: the seed of the data.
        qps: queries a second; `None` for any number.
        window: how `qps` is counted.
        credits: how many credits there are; `None` for any number.
        latency: seconds before each answer.
        faults: what goes wrong; may be exchanged at any time.
        api_key: the only key that is accepted.
        today: the day on which rankings and trends are asked; by default today, UTC.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        qps: float | None = None,
        window: Window | str = Window.FIXED,
        credits: int | None = None,  # noqa: A002
        latency: float = 0.0,
        faults: Faults | None = None,
        api_key: str = "sandbox-key",
        today: date | None = None,
    ) -> None:
        if latency < 0:
            raise ValueError(f"latency must be 0 seconds or more, not {latency!r}")
        self._entities, self._lists, self._reader = data_of(seed)
        self.api_key = api_key
        self.faults = Faults() if faults is None else faults
        self.billed = 0
        """Credits spent."""
        self.requests: list[Asked] = []
        """Every request so far, in order; grows until it is cleared."""
        self._window = None if qps is None else rate_window(window, qps)
        self._credits = credits
        self._latency = latency
        self._today = today
        self._answered = 0

    def answer(
        self, path: str, query: Iterable[tuple[str, str]], authorization: str | None, now: float
    ) -> Response:
        """Answer a GET of `path`; `query` are decoded pairs, `now` seconds on any steady clock."""
        pairs = list(query)
        params = dict(pairs)
        fault: Fault | None = None
        try:
            operation = self._admit(path, pairs, authorization)
            fault = self.faults.draw()
            response = self._replacement(path, fault) or self._success(
                operation, params, fault, now
            )
        except RefusedError as refusal:
            response = self._refuse(refusal, fault)
        self._answered += 1
        self.billed += response.billed
        self.requests.append(
            Asked(
                path=path,
                params=params,
                page_num=_number(params.get("page_num", "")),
                page_size=_number(params.get("page_size", "")),
                status=response.status,
                code=response.code,
                billed=response.billed,
                fault=response.fault,
                at=now,
            )
        )
        return response

    def rows(self, path: str, **params: object) -> list[Row]:
        """The whole list that the pages of that path are cut from; nothing is asked or billed.

        Raises:
            ValueError: the parameters are none that the path takes.
        """
        operation = operations()[path]
        asked = {name: str(value) for name, value in params.items()}
        call = {"page_num": "1", "page_size": "10", "size": "30"}
        needed = {name: call[name] for name in call if name in operation.parameters}
        try:
            operation.check([*{**needed, **asked}.items()])
            shape, entries = self._list(operation, asked)
        except RefusedError as refusal:
            raise ValueError(str(refusal)) from None
        return [shape.row(entry) for entry in entries]

    def _admit(
        self, path: str, pairs: Sequence[tuple[str, str]], authorization: str | None
    ) -> Operation:
        if not authorization:
            raise RefusedError(401, 401, "apiKey is null")
        if authorization != f"Bearer {self.api_key}":
            raise RefusedError(401, 401, "apiKey is invalid")
        if path not in operations():
            raise RefusedError(404, 404, f"No such endpoint: {path}")
        operations()[path].check(pairs)
        return operations()[path]

    def _replacement(self, path: str, fault: Fault | None) -> Response | None:
        if fault is not None and fault in REFUSALS:
            raise RefusedError(*REFUSALS[fault])
        match fault:
            case Fault.BAD_GATEWAY:
                return self._response(502, _GATEWAY, fault, {"Content-Type": "text/html"})
            case Fault.HTML:
                return self._response(200, _GATEWAY, fault, {"Content-Type": "text/html"})
            case Fault.EMPTY_BODY:
                return self._response(200, b"", fault)
            case Fault.REDIRECT:
                return self._response(302, b"", fault, {"Location": f"/moved{path}"})
            case Fault.ZEROS:
                return self._response(200, zeros(), fault, {"Content-Encoding": "gzip"})
            case _:
                return None

    def _success(
        self, operation: Operation, params: Mapping[str, str], fault: Fault | None, now: float
    ) -> Response:
        if self._window is not None and self._window.admit(now) is not None:
            raise RefusedError(*REFUSALS[Fault.TOO_MANY_REQUESTS])
        if self._credits is not None and self.billed + operation.credits > self._credits:
            raise RefusedError(*REFUSALS[Fault.QUOTA])
        data = self._data(operation, params, fault)
        halves = zlib.crc32(b"%d" % self._answered) << 64 | self._answered
        envelope = {"code": 0, "message": "success", **data}
        body = orjson.dumps(envelope | {"requestId": str(uuid.UUID(int=halves, version=4))})
        code = None if fault in SPOILT else 0
        body = spoilt(fault, body)
        return self._response(200, body, fault, code=code, billed=operation.credits)

    def _data(
        self, operation: Operation, params: Mapping[str, str], fault: Fault | None
    ) -> Mapping[str, object]:
        if not operation.properties:
            return {"data": _outside(operation, params)}
        shape, entries = self._list(operation, params)
        size = int(params.get("page_size", params.get("size", len(entries))))
        start = (int(params.get("page_num", 1)) - 1) * size
        return misshapen(fault, [shape.row(entry) for entry in entries[start : start + size]])

    def _list(
        self, operation: Operation, params: Mapping[str, str]
    ) -> tuple[Shape, Sequence[Entry]]:
        kept = tuple(sorted((name, params[name]) for name in params.keys() - _CALL))
        return self._reader.read(operation, kept, self._today or datetime.now(UTC).date())

    def _refuse(self, refusal: RefusedError, fault: Fault | None = None) -> Response:
        body = orjson.dumps({"code": refusal.code, "data": None, "message": refusal.message})
        headers = {}
        if refusal.status == HTTPStatus.TOO_MANY_REQUESTS and self.faults.retry_after is not None:
            after = self.faults.retry_after
            headers["Retry-After"] = after if isinstance(after, str) else f"{after:g}"
        return self._response(refusal.status, body, fault, headers, code=refusal.code)

    def _response(
        self,
        status: int,
        body: bytes,
        fault: Fault | None,
        headers: Mapping[str, str] | None = None,
        *,
        code: int | None = None,
        billed: int = 0,
    ) -> Response:
        late = self.faults.delay if fault is Fault.DELAY else 0.0
        return Response(
            status=status,
            body=body,
            headers={"Content-Type": "application/json", **(headers or {})},
            code=code,
            billed=billed,
            fault=fault,
            delay=self._latency + late,
        )


def _outside(operation: Operation, params: Mapping[str, str]) -> Mapping[str, object]:
    """Hashtags: the data of the paths that the specification lacks."""
    size = int(params.get("limit", 20))
    page, total = int(params.get("page", 1)), 64
    rows = [
        {"hashtag_id": str(7000 + rank), "hashtag_name": f"tag{rank}", "rank": rank}
        for rank in range(1, total + 1)[(page - 1) * size : page * size]
    ]
    if operation.paging == "none":
        return {"list": rows}
    more = page * size < total
    return {
        "list": rows,
        "pagination": {"page": page, "size": size, "total": total, "has_more": more},
    }


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None
