"""The desk: everything the sandbox decides about a request, without a socket or a clock."""

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from http import HTTPStatus

import attrs
import orjson

from keyapi_async.sandbox.data import World, world_of
from keyapi_async.sandbox.endpoints import ENDPOINTS, Endpoint, RefusedError
from keyapi_async.sandbox.faults import GARBLED, REFUSALS, Fault, Faults, garbled, misshapen, zeros
from keyapi_async.sandbox.ids import mix
from keyapi_async.sandbox.windows import Window, rate_window

__all__ = ["Asked", "Desk", "Reply"]

_JSON = "application/json"
_GATEWAY = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>\n"


@attrs.frozen(kw_only=True)
class Reply:
    """What to answer, and what is to go wrong on the way.

    For "reset", "close", "truncate", "hang" and "drip" the body is the one that gets lost: it is
    for whoever sends the reply to lose it. Every other fault is in the reply already.
    """

    status: int
    body: bytes
    headers: Mapping[str, str]
    code: int | None = None
    """The envelope's code; `None` where no envelope is."""
    billed: bool = False
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
    billed: bool
    fault: Fault | None
    at: float
    """Seconds on the clock of whoever asks the desk; the event loop's in a `Sandbox`."""


class Desk:
    """KeyAPI in memory: `answer` takes one request and decides all of it.

    In this order: key, path, parameters, a fault that replaces the answer, QPS, credits, rows. What
    is refused before the faults draws none; errors cost nothing; an answer that is lost or garbled
    on its way has cost its credit.

    Args:
        world: the data; by default that of `seed`.
        seed: the seed of the data.
        qps: queries a second; `None` for any number.
        window: how `qps` is counted.
        credits: how many answers are paid for; `None` for any number.
        latency: seconds before each answer.
        faults: what goes wrong; may be exchanged at any time.
        api_key: the only key that is accepted.
        today: the day on which rankings are asked; by default today, UTC, at each request.
    """

    def __init__(
        self,
        *,
        world: World | None = None,
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
        self.world = world_of(seed) if world is None else world
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
    ) -> Reply:
        """Answer a GET of `path`; `query` are decoded pairs, `now` seconds on any steady clock."""
        pairs = list(query)
        try:
            endpoint = self._admit(path, pairs, authorization)
        except RefusedError as refusal:
            reply = self._refuse(refusal)
        else:
            reply = self._serve(path, endpoint, dict(pairs), now)
        self._answered += 1
        self.billed += reply.billed
        self._record(path, dict(pairs), reply, now)
        return reply

    def _admit(
        self, path: str, pairs: Sequence[tuple[str, str]], authorization: str | None
    ) -> Endpoint:
        if not authorization:
            raise RefusedError(401, 401, "apiKey is null")
        if authorization != f"Bearer {self.api_key}":
            raise RefusedError(401, 401, "apiKey is invalid")
        if path not in ENDPOINTS:
            raise RefusedError(404, 404, f"No such endpoint: {path}")
        ENDPOINTS[path].check(pairs)
        return ENDPOINTS[path]

    def _serve(self, path: str, endpoint: Endpoint, params: Mapping[str, str], now: float) -> Reply:
        fault = self.faults.draw()
        try:
            return self._replacement(path, fault) or self._rows(endpoint, params, fault, now)
        except RefusedError as refusal:
            return self._refuse(refusal, fault)

    def _replacement(self, path: str, fault: Fault | None) -> Reply | None:
        if fault is not None and fault in REFUSALS:
            raise RefusedError(*REFUSALS[fault])
        match fault:
            case Fault.BAD_GATEWAY:
                return self._reply(502, _GATEWAY, fault, {"Content-Type": "text/html"})
            case Fault.HTML:
                return self._reply(200, _GATEWAY, fault, {"Content-Type": "text/html"})
            case Fault.EMPTY_BODY:
                return self._reply(200, b"", fault)
            case Fault.REDIRECT:
                return self._reply(302, b"", fault, {"Location": f"/moved{path}"})
            case Fault.ZEROS:
                return self._reply(200, zeros(), fault, {"Content-Encoding": "gzip"})
            case _:
                return None

    def _rows(
        self, endpoint: Endpoint, params: Mapping[str, str], fault: Fault | None, now: float
    ) -> Reply:
        if self._window is not None and self._window.admit(now) is not None:
            raise RefusedError(*REFUSALS[Fault.TOO_MANY_REQUESTS])
        if self._credits is not None and self.billed >= self._credits:
            raise RefusedError(*REFUSALS[Fault.QUOTA])
        rows = endpoint.rows(self.world, params, self._today or datetime.now(UTC).date())
        size = int(params["page_size"])
        start = (int(params["page_num"]) - 1) * size
        envelope = {"code": 0, "message": "success", **misshapen(fault, rows[start : start + size])}
        body = orjson.dumps(envelope | {"requestId": self._request_id()})
        if fault in GARBLED:
            return self._reply(200, garbled(fault, body), fault, billed=True)
        return self._reply(200, body, fault, code=0, billed=True)

    def _refuse(self, refusal: RefusedError, fault: Fault | None = None) -> Reply:
        body = orjson.dumps({"code": refusal.code, "data": None, "message": refusal.message})
        headers = {}
        if refusal.status == HTTPStatus.TOO_MANY_REQUESTS and self.faults.retry_after is not None:
            after = self.faults.retry_after
            headers["Retry-After"] = after if isinstance(after, str) else f"{after:g}"
        return self._reply(refusal.status, body, fault, headers, code=refusal.code)

    def _reply(
        self,
        status: int,
        body: bytes,
        fault: Fault | None,
        headers: Mapping[str, str] | None = None,
        *,
        code: int | None = None,
        billed: bool = False,
    ) -> Reply:
        late = self.faults.delay if fault is Fault.DELAY else 0.0
        return Reply(
            status=status,
            body=body,
            headers={"Content-Type": _JSON, **(headers or {})},
            code=code,
            billed=billed,
            fault=fault,
            delay=self._latency + late,
        )

    def _request_id(self) -> str:
        halves = mix(self._answered) << 64 | mix(self._answered, 1)
        return str(uuid.UUID(int=halves, version=4))

    def _record(self, path: str, params: Mapping[str, str], reply: Reply, now: float) -> None:
        self.requests.append(
            Asked(
                path=path,
                params=params,
                page_num=_number(params.get("page_num", "")),
                page_size=_number(params.get("page_size", "")),
                status=reply.status,
                code=reply.code,
                billed=reply.billed,
                fault=reply.fault,
                at=now,
            )
        )


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None
