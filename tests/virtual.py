"""A loop whose clock jumps, and a KeyAPI in memory: hours of paging and waiting in milliseconds."""

import asyncio
import functools
import random
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar
from urllib.parse import parse_qsl

from keyapi_async import KeyAPI
from keyapi_async.call.wire import Answer, Request
from keyapi_async.errors import (
    AttemptTimeoutError,
    ConnectionFailedError,
    KeyAPIError,
    ResponseError,
)
from keyapi_async.sandbox import Fault, Service

T = TypeVar("T")
P = ParamSpec("P")

LOST = {Fault.RESET, Fault.CLOSE, Fault.TRUNCATE}
ENDLESS = {Fault.HANG, Fault.DRIP}


class _Jump(selectors.DefaultSelector):
    """Where a loop would sleep, its clock jumps instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if not events:
            if timeout is None:
                raise AssertionError("deadlock: nothing will ever happen")
            # Even a loop that does not wait takes a moment: what is due in 1e-17 s must come due.
            self.now += max(timeout, 1e-9)
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on a clock that only moves when everyone waits."""

    def __init__(self) -> None:
        self.jump = _Jump()
        super().__init__(self.jump)

    def time(self) -> float:
        return self.jump.now


def run(
    main: Callable[[], Coroutine[Any, Any, T]],
    loop: Callable[[], asyncio.AbstractEventLoop] = VirtualLoop,
) -> T:
    """Run a coroutine on a virtual clock, and see that it leaves no task behind."""

    async def watched() -> T:
        value = await main()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others, f"left running: {others}"
        return value

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(watched())


def clock(
    test: Callable[P, Coroutine[Any, Any, None]],
    loop: Callable[[], asyncio.AbstractEventLoop] = VirtualLoop,
) -> Callable[P, None]:
    """Make a test of a coroutine function: it runs on a virtual clock of its own."""

    @functools.wraps(test)
    def running(*args: P.args, **kwargs: P.kwargs) -> None:
        run(lambda: test(*args, **kwargs), loop)

    return running


class SandboxTransport:
    """Carries requests to a sandbox in memory; the network's own faults are acted out."""

    def __init__(
        self, service: Service, latency: tuple[float, float] = (0.01, 0.01), seed: int = 0
    ) -> None:
        self.service = service
        self.open = 0
        self.most_open = 0
        self.sent: list[float] = []
        self._latency = latency
        self._dice = random.Random(seed)

    async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
        loop = asyncio.get_running_loop()
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        self.sent.append(loop.time())
        try:
            there, back = (self._dice.uniform(*self._latency) for _ in "ab")
            await asyncio.sleep(there)
            response = self.service.answer(
                request.path,
                parse_qsl(request.query),
                f"Bearer {self.service.api_key}",
                loop.time(),
            )
            late = response.fault in ENDLESS or there + response.delay + back > within
            if late:
                await asyncio.sleep(max(0.0, within - there))
                return AttemptTimeoutError(f"no whole answer within {within:g} s")
            await asyncio.sleep(response.delay + back)
            if response.fault in LOST:
                return ConnectionFailedError("the connection broke")
            if response.fault is Fault.ZEROS:
                error = ResponseError("the answer is larger than 8 MiB")
                error.status = 200
                return error
            return Answer(response.status, response.headers, response.body)
        finally:
            self.open -= 1

    async def close(self) -> None:
        return None


def client(transport: Any, **options: Any) -> KeyAPI:
    """Make a client that talks to a transport in memory."""
    options.setdefault("qps", 1000.0)
    return KeyAPI("sandbox-key", transport=transport, **options)
