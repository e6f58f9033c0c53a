"""The pytest plugin, in a pytest of its own."""

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import keyapi_async
from keyapi_async import KeyAPI
from keyapi_async.sandbox import Sandbox, plugin

pytest_plugins = ["pytester"]

PLUGINS = ("-p", "pytest_asyncio.plugin", "-p", "keyapi_async.sandbox.plugin")
SETTINGS = ("-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function")
keyapi, keyapi_sandbox = plugin.keyapi, plugin.keyapi_sandbox  # whether installed or not
ROOT = str(Path(keyapi_async.__path__[0]).parent)


@pytest.fixture(autouse=True)
def _named_plugins_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", ROOT)


def test_the_sandbox_is_a_fixture(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import aiohttp
        import pytest

        @pytest.mark.parametrize("turn", [1, 2])
        async def test_it(keyapi_sandbox, turn):
            async with aiohttp.ClientSession() as http:
                async with http.get(keyapi_sandbox.url) as response:
                    assert response.status == 401
            assert len(keyapi_sandbox.requests) == 1
        """
    )
    result = pytester.runpytest_subprocess(*PLUGINS, *SETTINGS, "-W", "error")
    result.assert_outcomes(passed=2)


def test_a_test_that_is_no_coroutine_may_ask_it_too(keyapi_sandbox: Sandbox) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(keyapi_sandbox.url, timeout=30)  # noqa: S310  # it is http
    with caught.value as answer:
        assert answer.code == 401
    assert len(keyapi_sandbox.requests) == 1


async def test_the_client_asks_the_sandbox(keyapi: KeyAPI, keyapi_sandbox: Sandbox) -> None:
    params = {"user_id": "7288986759428588590", "page_num": "1", "page_size": "1"}
    envelope = await keyapi.get("/v1/tiktok/influencer/livestreams/analytics", params)
    assert envelope.code == 0
    assert len(keyapi_sandbox.requests) == 1


def test_without_pytest_asyncio_they_are_plain_fixtures(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fixture() -> AsyncIterator[object]:
        yield None

    monkeypatch.setattr(plugin, "find_spec", lambda _: None)
    marked = plugin._async_fixture(fixture)
    assert type(marked) is type(pytest.fixture(lambda: None))


def test_the_plugin_loads_nothing_heavy() -> None:
    code = (
        "import sys, types; package = types.ModuleType('keyapi_async');"
        f"package.__path__ = [{ROOT + '/keyapi_async'!r}]; sys.modules['keyapi_async'] = package;"
        "import keyapi_async.sandbox.plugin;"
        "print({'aiohttp', 'attrs', 'orjson'} & {name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603
    assert done.stdout.strip() == "set()"
