"""The pytest plugin, in a pytest of its own."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import keyapi_async
from keyapi_async.sandbox import plugin

pytest_plugins = ["pytester"]

PLUGINS = ("-p", "pytest_asyncio.plugin", "-p", "keyapi_async.sandbox.plugin")
SETTINGS = ("-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function")
ROOT = str(Path(keyapi_async.__path__[0]).parent)


def test_each_test_has_a_sandbox_and_a_client_of_its_own(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", ROOT)
    pytester.makepyfile(
        """
        import urllib.error
        import urllib.request

        import pytest

        def test_no_coroutine(keyapi_sandbox):
            with pytest.raises(urllib.error.HTTPError, match="401") as caught:
                urllib.request.urlopen(keyapi_sandbox.url, timeout=30)
            caught.value.close()
            assert len(keyapi_sandbox.requests) == 1

        async def test_coroutine(keyapi, keyapi_sandbox):
            params = {"user_id": "7288986759428588590", "page_num": "1", "page_size": "1"}
            envelope = await keyapi.get("/v1/tiktok/influencer/livestreams/analytics", params)
            assert (envelope.code, len(keyapi_sandbox.requests)) == (0, 1)
        """
    )
    result = pytester.runpytest_subprocess(*PLUGINS, *SETTINGS, "-W", "error")
    result.assert_outcomes(passed=2)


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
