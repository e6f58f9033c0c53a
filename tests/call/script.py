"""A transport in memory that answers as a script says."""

import asyncio
from collections.abc import Mapping
from typing import TypeVar

import orjson
import pytest

from keyapi_async import AttemptTimeoutError, ConnectionFailedError, KeyAPI, KeyAPIError
from keyapi_async.call.wire import Answer, Request

E = TypeVar("E", bound=Exception)
PATH = "/v1/thing"


def bring(*rows: object) -> Answer:
    body = {"code": 0, "message": "success", "data": rows, "requestId": "r-1"}
    return Answer(200, {}, orjson.dumps(body))


OK = bring()


def no(
    code: int, message: str = "no", status: int | None = None, headers: Mapping[str, str] = {}
) -> Answer:
    body = orjson.dumps({"code": code, "message": message, "data": None})
    return Answer(code if status is None else status, headers, body)


def lost(*, sent: bool = True) -> KeyAPIError:
    error = ConnectionFailedError("gone")
    error.sent = sent
    return error


class Script:
    """Answers as the script says, each after ``latency`` seconds; then with success."""

    def __init__(self, *answers: Answer | KeyAPIError | float, latency: float = 0.01) -> None:
        self.answers = list(answers)
        self.latency = latency
        self.asked: list[Request] = []
        self.sent: list[float] = []
        self.flying: list[Request] = []
        self.most_open = 0
        self.closed = False

    async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
        loop = asyncio.get_running_loop()
        self.asked.append(request)
        self.sent.append(loop.time())
        self.flying.append(request)
        self.most_open = max(self.most_open, len(self.flying))
        answer = self.answers.pop(0) if self.answers else OK
        latency, answer = (
            (answer, OK) if isinstance(answer, (int, float)) else (self.latency, answer)
        )
        try:
            await asyncio.sleep(min(latency, within))
            return AttemptTimeoutError("late") if latency > within else answer
        finally:
            self.flying.remove(request)

    async def close(self) -> None:
        self.closed = True


async def failing(api: KeyAPI, error: type[E], path: str = PATH, *, match: str | None = None) -> E:
    """See a call fail, and give its error."""
    with pytest.raises(error, match=match) as caught:
        await api.get(path)
    return caught.value


def credits_of(api: KeyAPI) -> tuple[int, int]:
    return api.credits.spent, api.credits.uncertain
