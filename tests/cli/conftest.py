"""A sandbox in a thread of its own: the commands run in this one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from keyapi_async.sandbox import Faults, Sandbox
from tests.servers import served


@pytest.fixture(scope="session")
def _served() -> Iterator[Sandbox]:
    with served(Sandbox()) as box:
        yield box


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
