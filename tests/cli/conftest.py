"""A sandbox in a thread of its own: the commands run in this one."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from keyapi_async.sandbox import Faults, Sandbox


@pytest.fixture(scope="session")
def _served() -> Iterator[Sandbox]:
    box = Sandbox()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(box.start(), loop).result()
    yield box
    asyncio.run_coroutine_threadsafe(box.stop(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def box(_served: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Sandbox:
    """Give a sandbox that the environment points at, in an empty folder and 80 columns."""
    _served.faults = Faults()
    _served.requests.clear()
    monkeypatch.setenv("KEYAPI_BASE_URL", _served.url)
    monkeypatch.setenv("KEYAPI_TOKEN", _served.api_key)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    return _served
