"""Setting up a client, and keeping its key to itself."""

import asyncio
import contextlib
import gc
import logging
import traceback
from typing import Any

import pytest

from keyapi_async import KeyAPI, QpsLimiter, RetryPolicy, errors
from keyapi_async.sandbox import Sandbox
from keyapi_async.sandbox.faults import Faults
from tests import virtual
from tests.call.script import PATH, Script

KEY = "sk-very-secret-0123456789"
BROKEN = "a line break, or letters, quotes or spaces beyond ASCII"


def is_shown(key: str, error: BaseException) -> bool:
    """Say whether an error, or a frame of ours that it went through, shows a key."""
    frames = [
        frame.f_locals
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if "keyapi_async/" in frame.f_code.co_filename
    ]
    return any(key in text for text in (str(error), repr(error), repr(vars(error)), repr(frames)))


@pytest.mark.parametrize(
    ("key", "match"),
    [
        *((key, "no API key: set KEYAPI_TOKEN, or pass api_key=") for key in (None, "", " \t", 7)),
        *((f"hush{more}", BROKEN) for more in ("\n", "\r\nX: y", "\0", "\u00e9", "\ud800")),
        *((key, "goes without 'Bearer'") for key in ("Bearer hush", "bearer hush")),
        ("\nhush", BROKEN),
    ],
)
def test_no_key_or_one_that_no_header_can_carry_is_refused_unseen(
    key: Any, match: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KEYAPI_TOKEN", raising=False)
    with pytest.raises(errors.ConfigurationError, match=match) as caught:
        KeyAPI(key)
    assert not is_shown("hush", caught.value)


async def test_key_and_address_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Sandbox(api_key=KEY) as box:
        monkeypatch.setenv("KEYAPI_TOKEN", f" {KEY} ")
        monkeypatch.setenv("KEYAPI_BASE_URL", box.url)
        async with KeyAPI(proxy="") as api:
            await api.get("/v1/tiktok/product/detail/analytics", {"product_ids": 1})


@pytest.mark.parametrize(
    "url",
    [
        "http://api.keyapi.ai", "http://127.0.0.1.evil.com", "http://127.0.0.1@evil.com",
        "http://0.0.0.0:80", "http://10.0.0.1", "ftp://localhost", "https://user:pass@host",
        "https://host/?a=1", "https://host/#x", "https://", "nonsense", "//host",
        "https://host:99999", "localhost:80", 7,
    ],
)  # fmt: skip
def test_a_base_url_that_would_show_the_key_is_refused(url: Any) -> None:
    with pytest.raises(errors.ConfigurationError, match="base_url") as caught:
        KeyAPI(KEY, base_url=url, proxy="")
    assert not is_shown(KEY, caught.value)
    assert "pass@" not in str(caught.value)


def test_https_and_loopback_are_accepted() -> None:
    for url in ("https://x.y", "http://localhost:1", "http://127.0.0.9:1", "http://[::1]:1/x"):
        KeyAPI(KEY, base_url=url, proxy="")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"qps": 0}, "qps"), ({"timeout": 0}, "timeout"), ({"timeout": None}, "timeout"),
        ({"deadline": 0.0}, "deadline"), ({"max_credits": -1}, "max_credits"),
        ({"quota_cooldown": -1}, "quota_cooldown"), ({"max_connections": 0}, "max_connections"),
        ({"retry": 3}, "retry"), ({"retry": RetryPolicy}, "retry"),
        ({"trace_configs": 5}, "trace_configs"),
        ({"trace_configs": [1], "session": object()}, "trace_configs"),
        ({"trace_configs": [1]}, "trace_configs"), ({"session": 3}, "session"),
        ({"limiter": 3}, "limiter"),
        ({"transport": Script(), "base_url": "https://x"}, "transport"),
        ({"transport": Script(), "proxy": "http://x"}, "transport"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused_with_its_name(options: Any, name: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=name) as caught:
        KeyAPI(KEY, **{"proxy": "", **options})
    assert not is_shown(KEY, caught.value)
    if name in {"timeout", "deadline", "max_credits", "retry"} and options[name] is not None:
        with pytest.raises(errors.ConfigurationError, match=name):
            KeyAPI(KEY, proxy="").with_options(**options)


async def test_a_transport_of_ones_own_carries_the_requests_and_is_closed() -> None:
    script = Script()
    async with KeyAPI("key", transport=script) as api:
        assert (await api.get(PATH)).request_id == "r-1"
        assert isinstance(api.limiter, QpsLimiter)
        assert not script.closed
    assert script.closed


@virtual.clock
async def test_a_view_keeps_what_it_does_not_change() -> None:
    api = virtual.client(Script(9.0, 9.0), timeout=3.0, deadline=4.0, max_credits=5)
    with pytest.raises(errors.AttemptTimeoutError, match=r"\b3 s"):
        await api.with_options(retry=RetryPolicy(attempts=1)).get(PATH)
    patient = api.with_options(timeout=8.0)
    with pytest.raises(errors.DeadlineExceededError, match=r"\b4 s"):
        await patient.get(PATH)
    assert api.credits.uncertain == patient.credits.uncertain == 2
    assert (patient.credits.budget, patient.limiter) == (5, api.limiter)


def test_a_view_of_a_subclass_keeps_its_attributes() -> None:
    class Mine(KeyAPI):
        name = "class"

    api = Mine(KEY, proxy="")
    api.name = "mine"
    view = api.with_options(timeout=1.0)
    assert isinstance(view, Mine)
    assert view.name == "mine"


def test_the_key_is_in_no_repr() -> None:
    api = KeyAPI(KEY, proxy="")
    for thing in (api, *vars(api).values(), api.credits, api.stats, api.limiter):
        assert KEY not in repr(thing)
    assert repr(api) == f"<KeyAPI open, {api.credits}>"


@pytest.mark.parametrize(
    "fault",
    ["401", "402", "500", "reset", "close", "truncate", "bad_json", "html", "redirect", "hang"],
)
async def test_the_key_is_in_no_log_exception_or_frame_of_ours(
    fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with Sandbox(api_key=KEY, faults=Faults(script=[fault])) as box:
        api = KeyAPI(KEY, base_url=box.url, proxy="", timeout=0.2, retry=RetryPolicy(attempts=1))
        async with api:
            with pytest.raises(errors.KeyAPIError) as caught:
                await api.tiktok.product.iter_creators(1).collect()
    error: BaseException | None = caught.value
    while error is not None:
        assert not is_shown(KEY, error)
        error = error.__cause__ or error.__context__
    assert KEY not in caplog.text


async def test_an_error_and_its_frame_do_not_keep_each_other_alive() -> None:
    async with Sandbox() as box, KeyAPI("wrong", base_url=box.url, proxy="", qps=1e4) as api:
        gc.collect()
        gc.disable()
        try:
            before = len(gc.get_objects())
            for _ in range(50):
                with contextlib.suppress(errors.KeyAPIError):
                    await api.get("/v1/none")
            await asyncio.sleep(0)
            assert len(gc.get_objects()) - before < 2000
        finally:
            gc.enable()
