"""Servers on loopback: raw TCP for what no well-behaved one would do, and any in a thread."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TypeVar

from anyio.from_thread import start_blocking_portal

T = TypeVar("T")
Talk = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


class Raw:
    """A server that hands each request's head to a function that writes whatever it likes."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.heads: list[bytes] = []
        self.connections = 0
        self.url = ""
        self.port = 0
        self._open: set[asyncio.StreamWriter] = set()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                await self.talk(head, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    def drop_all(self) -> None:
        for writer in self._open:
            writer.close()


@contextlib.asynccontextmanager
async def raw(talk: Talk) -> AsyncIterator[Raw]:
    server = Raw(talk)
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    server.url = f"http://127.0.0.1:{server.port}"
    try:
        yield server
    finally:
        listener.close()
        server.drop_all()
        await asyncio.sleep(0)
        await listener.wait_closed()


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


SUCCESS = http(b'{"code": 0, "message": "success", "data": []}')


async def succeed(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(SUCCESS)


@contextlib.contextmanager
def served(server: contextlib.AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Run a server in a thread of its own, for those who have no event loop."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(server) as running:
        yield running
