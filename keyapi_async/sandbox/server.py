"""The server: a KeyAPI on loopback, for the service that decides."""

import asyncio
import contextlib
import ipaddress
import socket
import struct
from typing import Final, Self

import attrs
from aiohttp import web

from keyapi_async.sandbox.faults import Fault
from keyapi_async.sandbox.service import Response, Service

__all__ = ["Sandbox"]

_NO_LINGER: Final = struct.pack("ii", 1, 0)
_LONGEST_URL: Final = 65_536
_PATIENCE: Final = 0.01
"""Seconds that a request under way gets when the sandbox stops; 0 would mean for ever."""
_PROMISED: Final = 1 << 20
"""Bytes that an answer announces which is cut off, or drips."""
_DRIP: Final = 0.05
"""Seconds between two bytes."""


def _loopback(_: object, __: object, host: str) -> None:
    with contextlib.suppress(ValueError):
        if host == "localhost" or ipaddress.ip_address(host).is_loopback:
            return
    raise ValueError(f"the sandbox serves loopback hosts only, not {host!r}")


@attrs.define(kw_only=True, eq=False, repr=False)
class Sandbox(Service):
    """A KeyAPI of your own, on loopback: `async with Sandbox() as box: box.url, box.api_key`.

    Args:
        qps: queries a second; `None` for any number.
        window: how they are counted: "fixed", "sliding", "token", "gcra" or "spaced".
        credits: how many there are to spend; `None` for any number.
        latency: seconds before each answer.
        seed: the seed of the data.
        faults: what goes wrong, and when; may be exchanged while it runs.
        api_key: the only key that is accepted.
        today: the day on which rankings and trends are asked; by default today, UTC.
        host: a loopback address or "localhost".
        port: 0 for any that is free.
    """

    host: str = attrs.field(default="127.0.0.1", validator=_loopback)
    port: int = 0
    _runner: web.ServerRunner | None = attrs.field(default=None, init=False)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open the port; `OSError` if it is taken."""
        if self._runner is not None:
            raise RuntimeError("this sandbox is running already")
        server = web.Server(
            self._handle, handler_cancellation=True, access_log=None, max_line_size=_LONGEST_URL
        )
        runner = web.ServerRunner(server, shutdown_timeout=_PATIENCE)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.host, self.port).start()
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

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method != "GET":
            refusal = {"code": 405, "data": None, "message": "Method not allowed"}
            return web.json_response(refusal, status=405)
        now = asyncio.get_running_loop().time()
        key = request.headers.get("Authorization")
        answer = self.answer(request.path, request.query.items(), key, now)
        if answer.delay:
            await asyncio.sleep(answer.delay)
        response: web.StreamResponse = web.Response()
        with contextlib.suppress(ConnectionError):  # the client may have gone
            response = await _send(request, answer)
        return response


async def _send(request: web.BaseRequest, answer: Response) -> web.StreamResponse:
    """Send the answer, or lose it as its fault demands."""
    match answer.fault:
        case Fault.HANG:
            await asyncio.Future()
        case Fault.RESET:
            connection = request.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            request.protocol.force_close()
        case Fault.CLOSE:
            request.protocol.force_close()
        case Fault.TRUNCATE | Fault.DRIP:
            begun = web.StreamResponse(status=answer.status, headers=answer.headers)
            begun.content_length = _PROMISED
            await begun.prepare(request)
            await begun.write(answer.body[: len(answer.body) // 2])
            while answer.fault is Fault.DRIP:
                await begun.write(b" ")
                await asyncio.sleep(_DRIP)
            request.protocol.force_close()
            return begun
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
