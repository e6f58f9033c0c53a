"""Web applications in this process."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import test_utils, web


@asynccontextmanager
async def answers(app: Any) -> AsyncIterator[Callable[[str], Awaitable[bytes]]]:
    """Start an application of aiohttp's or an ASGI one; give a function that gets a path."""
    if isinstance(app, web.Application):
        async with test_utils.TestClient(test_utils.TestServer(app)) as client:

            async def get(path: str) -> bytes:
                return await (await client.get(path)).read()

            yield get
        return

    async def call(path: str) -> bytes:
        _, body = await asked(app, path)
        return body

    async with app.router.lifespan_context(app):
        yield call


async def asked(app: Any, path: str) -> tuple[dict[str, Any], bytes]:
    """Get a path of an ASGI application; give the beginning of the answer, and its body."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
    await app(scope, None, send)
    return sent[0], b"".join(message.get("body", b"") for message in sent)
