"""Web applications in this process."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import test_utils, web

Answer = tuple[int, Mapping[str, str], bytes]


@asynccontextmanager
async def answers(app: Any) -> AsyncIterator[Callable[[str], Awaitable[Answer]]]:
    """Start an application of aiohttp's or an ASGI one; give a function that gets a path."""
    if isinstance(app, web.Application):
        async with test_utils.TestClient(test_utils.TestServer(app)) as client:

            async def get(path: str) -> Answer:
                answer = await client.get(path)
                return answer.status, answer.headers, await answer.read()

            yield get
        return

    async def ask(path: str) -> Answer:
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
        await app(scope, None, send)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], headers, b"".join(one.get("body", b"") for one in sent)

    async with app.router.lifespan_context(app):
        yield ask
