"""Setting up a client, and keeping its key to itself."""

import asyncio
import contextlib
import gc
import logging
import math
import pickle
import traceback
from typing import Any

import pytest

from keyapi_async import (
    Answer,
    ConfigurationError,
    KeyAPI,
    KeyAPIError,
    QpsLimiter,
    Request,
    RetryPolicy,
)
from keyapi_async.sandbox import Sandbox
from keyapi_async.sandbox.faults import Faults
from keyapi_async.secret import Secret

KEY = "sk-very-secret-0123456789"


@pytest.mark.parametrize(
    "key", [None, "", "  \t", "a\nb", "a\r\nb", f"{KEY}\n", "k\u00e9y", "a\x00b", 7, b"x"]
)
def test_no_key_or_one_that_no_header_can_carry_is_refused_at_construction(
    key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KEYAPI_TOKEN", raising=False)
    with pytest.raises(ConfigurationError) as caught:
        KeyAPI(key)
    assert KEY not in str(caught.value)
    assert traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
    if isinstance(key, str) and key.strip():
        for frame, _ in traceback.walk_tb(caught.value.__traceback__):
            if "keyapi_async/" in frame.f_code.co_filename:
                assert key not in map(str, frame.f_locals.values())


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYAPI_TOKEN", f" {KEY} ")
    api = KeyAPI(proxy="")
    assert api._caller.core._secret.headers()["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "url",
    [
        "http://api.keyapi.ai",
        "http://127.0.0.1.evil.com",
        "http://127.0.0.1@evil.com",
        "http://0.0.0.0:80",
        "http://10.0.0.1",
        "ftp://localhost",
        "https://user:pass@host",
        "https://host/?a=1",
        "https://host/#x",
        "https://",
        "nonsense",
        "//host",
        "https://host:99999",
        7,
    ],
)
def test_a_base_url_that_would_show_the_key_is_refused(url: Any) -> None:
    with pytest.raises(ConfigurationError, match="base_url"):
        KeyAPI(KEY, base_url=url, proxy="")


@pytest.mark.parametrize(
    "url",
    ["https://api.keyapi.ai", "http://localhost:1", "http://127.0.0.9:1", "http://[::1]:1/x"],
)
def test_https_and_loopback_are_accepted(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    KeyAPI(KEY, base_url=url, proxy="")
    monkeypatch.setenv("KEYAPI_BASE_URL", url)
    KeyAPI(KEY, proxy="")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"qps": 0}, "qps"),
        ({"qps": -1}, "qps"),
        ({"qps": math.nan}, "qps"),
        ({"qps": math.inf}, "qps"),
        ({"qps": "10"}, "qps"),
        ({"qps": True}, "qps"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": None}, "timeout"),
        ({"timeout": math.inf}, "timeout"),
        ({"timeout": True}, "timeout"),
        ({"deadline": -1}, "deadline"),
        ({"max_credits": -1}, "max_credits"),
        ({"max_credits": 1.5}, "max_credits"),
        ({"max_credits": True}, "max_credits"),
        ({"quota_cooldown": -1}, "quota_cooldown"),
        ({"max_connections": 0}, "max_connections"),
        ({"retry": 3}, "retry"),
        ({"trace_configs": [1], "session": object()}, "trace_configs"),
        ({"trace_configs": [1]}, "trace_configs"),
        ({"session": 3}, "session"),
        ({"limiter": 3}, "limiter"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_name(options: Any, name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        KeyAPI(KEY, proxy="", **options)


class Mirror:
    """Answers with what it was asked for."""

    def __init__(self) -> None:
        self.open = True

    async def send(self, request: Request, within: float) -> Answer:
        return Answer(200, {}, b'{"code": 0, "data": [{"path": "%s"}]}' % request.path.encode())

    async def close(self) -> None:
        self.open = False


async def test_a_transport_of_ones_own_carries_the_requests_and_is_closed() -> None:
    mirror = Mirror()
    async with KeyAPI("key", transport=mirror) as api:
        envelope = await api.get("/v1/tiktok/anything")
        assert envelope.data == [{"path": "/v1/tiktok/anything"}]
        assert isinstance(api.limiter, QpsLimiter)
        assert mirror.open
    assert not mirror.open


@pytest.mark.parametrize("options", [{"base_url": "https://x"}, {"proxy": "http://x"}])
def test_a_transport_of_ones_own_takes_no_options_of_http(options: Any) -> None:
    with pytest.raises(ConfigurationError, match="transport"):
        KeyAPI("key", transport=Mirror(), **options)


def test_a_views_values_are_checked_too() -> None:
    api = KeyAPI(KEY, proxy="")
    for options in ({"timeout": -1.0}, {"deadline": 0.0}, {"max_credits": -1}, {"retry": 1}):
        with pytest.raises(ConfigurationError):
            api.with_options(**options)


def test_a_view_keeps_what_it_does_not_change() -> None:
    policy = RetryPolicy(attempts=2)
    api = KeyAPI(KEY, proxy="", timeout=3.0, deadline=9.0, max_credits=5)
    view = api.with_options(retry=policy)
    mine, its = api._caller.options, view._caller.options
    assert (its.timeout, its.deadline, its.meter) == (mine.timeout, mine.deadline, mine.meter)
    assert its.retry is policy
    assert view._caller.core is api._caller.core


def test_the_key_is_in_no_repr_and_in_no_pickle() -> None:
    api = KeyAPI(KEY, proxy="")
    core = api._caller.core
    for thing in (api, core, core._secret, api.credits, api.stats, api.tiktok, api._caller):
        assert KEY not in repr(thing)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(core._secret)
    assert repr(api) == (
        "<KeyAPI open, Credits(spent=0, uncertain=0, budget=None, remaining=None)>"
    )
    assert Secret("abc").hide("an abc in a text") == "an *** in a text"


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
            with pytest.raises(KeyAPIError) as caught:
                await api.tiktok.product.iter_creators(1).collect()
    error: BaseException | None = caught.value
    while error is not None:
        assert KEY not in repr(error)
        assert KEY not in str(error)
        assert KEY not in repr(vars(error))
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if "keyapi_async/" in frame.f_code.co_filename:
                assert KEY not in repr(frame.f_locals)
        error = error.__cause__ or error.__context__
    assert KEY not in caplog.text


async def test_an_error_and_its_frame_do_not_keep_each_other_alive() -> None:
    async with Sandbox() as box, KeyAPI("wrong", base_url=box.url, proxy="", qps=1e4) as api:
        gc.collect()
        gc.disable()
        try:
            before = len(gc.get_objects())
            for _ in range(50):
                with contextlib.suppress(KeyAPIError):
                    await api.get("/v1/none")
            await asyncio.sleep(0)
            assert len(gc.get_objects()) - before < 2000
        finally:
            gc.enable()


def test_no_frame_of_ours_shows_the_key_when_construction_fails() -> None:
    for options in ({"base_url": "nonsense"}, {"proxy": "x"}, {"qps": -1}, {"session": 3}):
        with pytest.raises(ConfigurationError) as caught:
            KeyAPI(KEY, **options)
        for frame, _ in traceback.walk_tb(caught.value.__traceback__):
            if "keyapi_async/" in frame.f_code.co_filename:
                assert KEY not in repr(frame.f_locals)


def test_a_view_of_a_subclass_keeps_its_attributes() -> None:
    class Mine(KeyAPI):
        name = "class"

    api = Mine(KEY, proxy="")
    api.name = "mine"
    view = api.with_options(timeout=1.0)
    assert isinstance(view, Mine)
    assert view.name == "mine"


async def test_get_refuses_a_path_that_could_lead_elsewhere_or_parameters_that_cannot_be() -> None:
    api = KeyAPI(KEY, proxy="")
    for path in (
        "//evil.com/x",
        "https://evil.com",
        "v1/x",
        "/a?b=1",
        "/a#b",
        "/../x",
        "",
        "/a b",
        7,
    ):
        with pytest.raises(KeyAPIError, match="path"):
            await api.get(path)  # type: ignore[arg-type]
    for params in ({"a": True}, {"a": [1]}, {"": "x"}, {1: "x"}, {"a": "\ud800"}, [("a", "b")]):
        with pytest.raises(KeyAPIError):
            await api.get("/v1/x", params)  # type: ignore[arg-type]
    with pytest.raises(KeyAPIError, match="page_num"):
        api.iter_records("/v1/x", {"page_num": 3})
