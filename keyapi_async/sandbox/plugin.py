"""The pytest plugin: a sandbox, and a client on it, as fixtures.

Pytest loads this module in every run, so all but pytest is imported when a fixture is used.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from keyapi_async import KeyAPI
    from keyapi_async.sandbox.server import Sandbox

__all__ = ["keyapi", "keyapi_sandbox"]


def _async_fixture(function: Callable[..., AsyncIterator[object]]) -> object:
    """An asynchronous fixture: pytest-asyncio's where that is installed, else anyio's."""
    if find_spec("pytest_asyncio") is None:
        return pytest.fixture(function)
    import pytest_asyncio  # noqa: PLC0415

    return pytest_asyncio.fixture(function)


@pytest.fixture
def keyapi_sandbox() -> "Iterator[Sandbox]":
    """A running `keyapi_async.sandbox.Sandbox`: a local KeyAPI with data and faults on demand.

    It runs in a thread of its own, so the test may be a coroutine or not.
    """
    import asyncio  # noqa: PLC0415
    from threading import Thread  # noqa: PLC0415

    from keyapi_async.sandbox.server import Sandbox  # noqa: PLC0415

    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="keyapi_sandbox", daemon=True)
    thread.start()
    box = Sandbox()
    asyncio.run_coroutine_threadsafe(box.start(), loop).result()
    yield box
    asyncio.run_coroutine_threadsafe(box.stop(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@_async_fixture
async def keyapi(keyapi_sandbox: "Sandbox") -> "AsyncIterator[KeyAPI]":
    """A `keyapi_async.KeyAPI` on `keyapi_sandbox`, without a noticeable QPS limit."""
    from keyapi_async import KeyAPI  # noqa: PLC0415

    key, url = keyapi_sandbox.api_key, keyapi_sandbox.url
    async with KeyAPI(key, base_url=url, qps=1000, proxy="") as api:
        yield api
