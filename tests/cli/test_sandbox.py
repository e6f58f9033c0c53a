"""``keyapi-async sandbox``."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from keyapi_async import KeyAPI
from keyapi_async.cli import sandbox as sandbox_module
from keyapi_async.cli.app import run
from keyapi_async.sandbox import Sandbox

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_in_use_is_one_sentence(taken_port: int, capsys: Capture) -> None:
    assert run(["sandbox", "--port", str(taken_port)]) == 2
    assert capsys.readouterr().err == (
        f"keyapi-async: cannot listen on port {taken_port} of 127.0.0.1"
        " (address already in use): choose another --port\n"
    )


def test_only_loopback_is_served(capsys: Capture) -> None:
    assert run(["sandbox", "--host", "0.0.0.0"]) == 2  # noqa: S104  # it is refused
    assert "loopback" in capsys.readouterr().err


async def test_it_serves_and_forgets(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(sandbox_module, "FORGET_AFTER", 0.01)
    box = Sandbox()
    serving = asyncio.create_task(sandbox_module._serve(box, "127.0.0.1", 0))
    shown = ""
    while "python your_program.py" not in shown:
        await asyncio.sleep(0.01)
        shown += capsys.readouterr().out
    assert f"export KEYAPI_BASE_URL={box.url} KEYAPI_TOKEN={box.api_key}\n" in shown
    async with KeyAPI(box.api_key, base_url=box.url, proxy="") as api:
        assert (await api.tiktok.product.creators("1729492547846767618")).records
    while box.requests:
        await asyncio.sleep(0.01)
    assert box.billed == 1
    serving.cancel()
    await asyncio.wait((serving,))
    with pytest.raises(RuntimeError, match="not running"):
        box.url  # noqa: B018
