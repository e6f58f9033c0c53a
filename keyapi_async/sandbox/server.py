"""The server: a KeyAPI on loopback, for the service that decides."""

import asyncio
import contextlib
import ipaddress
import socket
import struct
from datetime import date
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from keyapi_async.sandbox.data import Samples, data_of
from keyapi_async.sandbox.faults import Fault, Faults
from keyapi_async.sandbox.rows import Row
from keyapi_async.sandbox.service import Asked, Response, Service
from keyapi_async.sandbox.windows import Window

__all__ = ["Sandbox"]

_NO_LINGER: Final = struct.pack("ii", 1, 0)
_LONGEST_URL: Final = 65_536
_PATIENCE: Final = 0.01
"""Seconds that a request under way gets when the sandbox stops; 0 would mean for ever."""
_ENDLESS: Final = 1 << 30
_DRIP: Final = 0.05
"""Seconds between two bytes."""


class Sandbox(Samples):
    """A KeyAPI of your own, on loopback: `async with Sandbox() as box: box.url, box.api_key`.

    Args:
        qps: queries a second; `None` for any number.
        window: how they are counted: "fixed", "sliding", "token" or "gcra".
        credits: how many answers are paid for; `None` for any number.
        latency: seconds before each answer.
        seed: the seed of the data.
        faults: what goes wrong, and when.
        api_key: the only key that is accepted.
        today: the day on which rankings are asked; by default today, UTC.
        host: a loopback address or "localhost".
        port: 0 for any that is free.
    """

    def __init__(
        self,
        *,
        qps: float | None = None,
        window: Window | str = Window.FIXED,
        credits: int | None = None,  # noqa: A002
        latency: float = 0.0,
        seed: int = 0,
        faults: Faults | None = None,
        api_key: str = "sandbox-key",
        today: date | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        if not _is_loopback(host):
            raise ValueError(f"the sandbox serves loopback hosts only, not {host!r}")
        self._service = Service(
            seed=seed,
            qps=qps,
            window=window,
            credits=credits,
            latency=latency,
            faults=faults,
            api_key=api_key,
            today=today,
        )
        self._entities, self._lists, _ = data_of(seed)
        self._host, self._port = host, port
        self._runner: web.ServerRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open the port; `OSError` if it is taken."""
        if self._runner is not None:
            raise RuntimeError("this sandbox is running already")
        server = web.Server(
            self._handle,
            handler_cancellation=True,
            access_log=None,
            max_line_size=_LONGEST_URL,
        )
        runner = web.ServerRunner(server, shutdown_timeout=_PATIENCE)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner

    async def stop(self) -> None:
        """Close the port and every connection; nothing if it is not running."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        if self._runner is None:
            raise RuntimeError("this sandbox is not running: use `async with Sandbox() as box`")
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def api_key(self) -> str:
        """The key to ask with."""
        return self._service.api_key

    @property
    def requests(self) -> list[Asked]:
        """What was asked so far, in order."""
        return self._service.requests

    @property
    def billed(self) -> int:
        """Credits spent so far."""
        return self._service.billed

    @property
    def faults(self) -> Faults:
        """What goes wrong; may be exchanged while the sandbox runs."""
        return self._service.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._service.faults = faults

    def rows(self, path: str, **params: object) -> list[Row]:
        """The whole list that the pages of that path are cut from; nothing is asked or billed."""
        return self._service.rows(path, **params)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method != "GET":
            return web.json_response(
                {"code": 405, "data": None, "message": "Method not allowed"}, status=405
            )
        answer = self._service.answer(
            request.path,
            request.query.items(),
            request.headers.get("Authorization"),
            asyncio.get_running_loop().time(),
        )
        if answer.delay:
            await asyncio.sleep(answer.delay)
        response: web.StreamResponse = web.Response()
        with contextlib.suppress(ConnectionError):  # whoever asked may have gone
            response = await _send(request, answer)
        return response


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


async def _send(request: web.BaseRequest, answer: Response) -> web.StreamResponse:
    """Send the answer, or lose it as its fault demands."""
    match answer.fault:
        case Fault.RESET:
            return _drop(request, reset=True)
        case Fault.CLOSE:
            return _drop(request)
        case Fault.TRUNCATE:
            begun = await _begin(request, answer, len(answer.body))
            await begun.write(answer.body[: len(answer.body) // 2])
            _drop(request)
            return begun
        case Fault.DRIP:
            begun = await _begin(request, answer, _ENDLESS)
            while True:
                await begun.write(b" ")
                await asyncio.sleep(_DRIP)
        case Fault.HANG:
            return await asyncio.Future[web.StreamResponse]()
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)


async def _begin(request: web.BaseRequest, answer: Response, length: int) -> web.StreamResponse:
    """Send the headers of a body of that length."""
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = length
    await response.prepare(request)
    return response


def _drop(request: web.BaseRequest, *, reset: bool = False) -> web.StreamResponse:
    """End the connection, with an RST if asked; what is returned reaches nobody."""
    if reset:
        connection = request.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    request.protocol.force_close()
    return web.Response()
