"""The service: everything the sandbox decides about a request, without a socket or a clock."""

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import chain, islice
from typing import Final

import attrs
import orjson

from keyapi_async.sandbox.data import facts_of, ids_of
from keyapi_async.sandbox.faults import REFUSALS, Fault, Faults, misshapen, replaced, spoilt
from keyapi_async.sandbox.lists import List, Row, list_of
from keyapi_async.sandbox.specification import Operation, RefusedError, operations
from keyapi_async.sandbox.windows import RateWindow, Window, rate_window

__all__ = ["Asked", "Response", "Service"]

_SIZES: Final = {"page_size": "10", "limit": "10", "size": "30"}
_CALL: Final = {"page_num": "1", "page": "1", **_SIZES}
"""Parameters that choose from the list, and do not say which it is."""
_JSON: Final = {"Content-Type": "application/json"}


@attrs.frozen
class Response:
    """What to answer, and what is to go wrong on the way.

    For "reset", "close", "truncate", "hang" and "drip" the body is the one that gets lost, and
    the sender has to lose it. Every other fault is in the response already.
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


@attrs.frozen
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
    """Seconds on the caller's clock; in a `Sandbox`, on the event loop's."""


@attrs.define(kw_only=True, eq=False, repr=False)
class Service:
    """KeyAPI in memory: `answer` takes one request and decides all of it.

    In this order: key, path, parameters, a fault that replaces the answer, QPS, credits, rows. What
    is refused before the faults draws none; errors cost nothing; an answer that is lost or spoilt
    on its way has cost its credits.

    It takes what a `Sandbox` takes, without host and port.
    """

    qps: float | None = attrs.field(default=None, on_setattr=attrs.setters.frozen)
    window: Window = attrs.field(
        default=Window.FIXED, converter=Window, on_setattr=attrs.setters.frozen
    )
    credits: int | None = None
    latency: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    seed: int = 0
    faults: Faults = attrs.field(factory=Faults, validator=attrs.validators.instance_of(Faults))
    api_key: str = "sandbox-key"
    today: date | None = None
    billed: int = attrs.field(default=0, init=False)
    """Credits spent so far."""
    requests: list[Asked] = attrs.field(factory=list, init=False)
    """Every request so far, in order; grows until it is cleared."""
    _answered: int = attrs.field(default=0, init=False)
    _limit: RateWindow | None = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._limit = None if self.qps is None else rate_window(self.window, self.qps)

    def product_ids(self, count: int) -> list[str]:
        """Some products, lists of all lengths among them; the documented ones first."""
        return _sample("product_id", count)

    def user_ids(self, count: int) -> list[str]:
        """Some creators; the documented ones first."""
        return _sample("user_id", count)

    def seller_ids(self, count: int) -> list[str]:
        """Some shops; the documented ones first."""
        return _sample("seller_id", count)

    def video_ids(self, count: int) -> list[str]:
        """Some videos, at most five of one creator."""
        users = (facts_of("user_id", one, self.seed) for one in ids_of("user_id").walk())
        found = (islice(one.related("video_id"), 5) for one in users)
        return list(islice(chain.from_iterable(found), count))

    def rows(self, path: str, **params: object) -> list[Row]:
        """The whole list that the pages of that path are cut from; nothing is asked or billed.

        Raises:
            ValueError: the parameters are none that the path takes.
        """
        operation = operations()[path]
        asked = {name: str(value) for name, value in params.items()}
        call = {name: value for name, value in _CALL.items() if name in operation.parameters}
        try:
            operation.check([*{**call, **asked}.items()])
            found = self._list(operation, asked)
        except RefusedError as refusal:
            raise ValueError(refusal.message) from None
        return found.rows(0, len(found))

    def answer(
        self, path: str, query: Iterable[tuple[str, str]], authorization: str | None, now: float
    ) -> Response:
        """Answer a GET of `path`; `query` are decoded pairs, `now` seconds on any steady clock."""
        params = dict(pairs := [*query])
        fault: Fault | None = None
        try:
            operation = self._admit(path, pairs, authorization)
            fault = self.faults.draw()
            response = self._answer(operation, params, fault, now)
        except RefusedError as refusal:
            after = self.faults.retry_after if refusal.status == 429 else None
            headers = _JSON if after is None else _JSON | {"Retry-After": str(after)}
            body = orjson.dumps({"code": refusal.code, "data": None, "message": refusal.message})
            response = Response(refusal.status, body, headers, refusal.code)
        late = self.faults.delay if fault is Fault.DELAY else 0.0
        response = attrs.evolve(response, fault=fault, delay=self.latency + late)
        self.billed += response.billed
        page, size = (_whole(params.get(name, "")) for name in ("page_num", "page_size"))
        status, code, billed = response.status, response.code, response.billed
        self.requests.append(Asked(path, params, page, size, status, code, billed, fault, now))
        self._answered += 1
        return response

    def _admit(
        self, path: str, query: Sequence[tuple[str, str]], authorization: str | None
    ) -> Operation:
        if authorization != f"Bearer {self.api_key}":
            raise RefusedError(f"apiKey is {'invalid' if authorization else 'null'}", 401, 401)
        if (operation := operations().get(path)) is None:
            raise RefusedError(f"No such endpoint: {path}", 404, 404)
        operation.check(query)
        return operation

    def _answer(
        self, operation: Operation, params: Mapping[str, str], fault: Fault | None, now: float
    ) -> Response:
        if fault in REFUSALS:
            raise RefusedError(*REFUSALS[fault])
        if (instead := replaced(fault, operation.path)) is not None:
            status, headers, body = instead
            return Response(status, body, _JSON | headers)
        if self._limit is not None and self._limit.admit(now) is not None:
            raise RefusedError(*REFUSALS[Fault.TOO_MANY_REQUESTS])
        if self.credits is not None and self.billed + operation.credits > self.credits:
            raise RefusedError(*REFUSALS[Fault.QUOTA])
        found = self._list(operation, params)
        size = next((int(params[name]) for name in _SIZES if name in params), len(found))
        page = int(params.get("page_num") or params.get("page") or 1)
        data = misshapen(fault, found.rows((page - 1) * size, page * size))
        if operation.paging == "page_limit" and data.get("data") is not None:
            paging = {"page": page, "size": size, "total": len(found)}
            paging["has_more"] = page * size < len(found)
            data = {"data": {"list": data["data"], "pagination": paging}}
        request_id = str(uuid.uuid5(uuid.NAMESPACE_URL, str(self._answered)))
        body = orjson.dumps({"code": 0, "message": "success", **data, "requestId": request_id})
        code = None if fault in {Fault.BAD_JSON, Fault.BAD_UTF8} else 0
        return Response(200, spoilt(fault, body), _JSON, code, operation.credits)

    def _list(self, operation: Operation, params: Mapping[str, str]) -> List:
        asked = tuple(sorted((name, params[name]) for name in params.keys() - _CALL.keys()))
        return list_of(operation, asked, self.today or datetime.now(UTC).date(), self.seed)


def _sample(kind: str, count: int) -> list[str]:
    ids = ids_of(kind)
    if not 0 <= count <= len(ids):
        raise ValueError(f"there are 0 to {len(ids)} ids to sample, not {count}")
    return list(islice(ids.walk(), count))


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None
