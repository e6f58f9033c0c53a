"""The pytest plugin: a sandbox, and a client on it, as fixtures.

Pytest loads this module in every run, so all but pytest is imported when a fixture is used.
"""

from collections.abc import AsyncIterator, Callable
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


@_async_fixture
async def keyapi_sandbox() -> "AsyncIterator[Sandbox]":
    """A running `keyapi_async.sandbox.Sandbox`: a local KeyAPI with data and faults on demand."""
    from keyapi_async.sandbox.server import Sandbox  # noqa: PLC0415

    async with Sandbox() as box:
        yield box


@_async_fixture
async def keyapi(keyapi_sandbox: "Sandbox") -> "AsyncIterator[KeyAPI]":
    """A `keyapi_async.KeyAPI` on `keyapi_sandbox`, without a noticeable QPS limit."""
    from keyapi_async import KeyAPI  # noqa: PLC0415

    key, url = keyapi_sandbox.api_key, keyapi_sandbox.url
    async with KeyAPI(key, base_url=url, qps=1000, proxy="") as api:
        yield api
