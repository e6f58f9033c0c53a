"""A sandbox in a thread of its own: the commands run in this one."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from keyapi_async.sandbox import Faults, Sandbox
from tests.servers import served

KEY = "key-that-nobody-may-see"


@pytest.fixture(scope="session")
def _served() -> Iterator[Sandbox]:
    with served(Sandbox(api_key=KEY)) as box:
        yield box


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")


@pytest.fixture
def box(_served: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """Give a sandbox that the environment points at, in an empty folder."""
    _served.faults = Faults()
    _served.requests.clear()
    monkeypatch.setenv("KEYAPI_BASE_URL", _served.url)
    monkeypatch.setenv("KEYAPI_TOKEN", KEY)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where the demo puts its files
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    yield _served
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes()


@pytest.fixture(scope="session")
def _fit(_served: Sandbox) -> list[str]:
    path = "/v1/tiktok/product/creators/analytics"
    every = ((one, len(_served.rows(path, product_id=one))) for one in _served.product_ids(100))
    return list(islice((one for one, rows in every if 30 < rows < 120), 12))


@pytest.fixture
def ids(box: Sandbox, _fit: list[str]) -> list[str]:
    """Give products whose lists have some pages; ``ids.txt`` has them too, with comments."""
    lines = "".join(f"{one}  # a product\n\n" for one in _fit)
    Path("ids.txt").write_text(f"# products\n{lines}{_fit[0]}\n", encoding="utf-8")
    return _fit
