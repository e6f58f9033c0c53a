"""The wire itself: real sockets on loopback."""

import asyncio
import gzip
import resource
import socket
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import pytest

from keyapi_async import KeyAPI, RetryPolicy, errors
from keyapi_async.call.transport import HttpTransport
from keyapi_async.sandbox import Sandbox
from keyapi_async.sandbox.faults import Faults
from keyapi_async.secret import Secret
from tests.call.script import PATH, failing
from tests.servers import SUCCESS, http, raw, succeed

CREATORS = "/v1/tiktok/product/creators/analytics"
QUERY: Any = {"product_id": "1729492547846767618", "page_num": 1, "page_size": 10}
ONCE = RetryPolicy(attempts=1)


def client(url: str, **options: Any) -> KeyAPI:
    return KeyAPI("the-key", base_url=url, **{"proxy": "", "qps": 1000.0, "retry": ONCE, **options})


def in_use(api: KeyAPI) -> int:
    """Count the connections on which a client waits for something."""
    session = getattr(api._caller.core._transport, "_session", None)
    return 0 if session is None else len(session.connector._acquired)


@pytest.fixture
async def box() -> AsyncIterator[Sandbox]:
    async with Sandbox(api_key="the-key") as sandbox:
        yield sandbox


async def test_what_is_sent_is_one_get_with_the_key_and_the_query_as_given() -> None:
    hostile: Any = {
        "a": "x y+z&w=1?#/%41\u00e9\U0001f600", "b": "'\"<>\\;,@:", "c": "%2B%26", "d": "",
        "e": 1.5, "f": None, "g": "line\r\nbreak",
    }  # fmt: skip
    trace, traced = aiohttp.TraceConfig(), []

    async def on_start(_: object, __: object, told: aiohttp.TraceRequestStartParams) -> None:
        traced.append(told.url.path)

    trace.on_request_start.append(on_start)
    async with (
        raw(succeed) as server,
        client(server.url + "/prefix/", trace_configs=[trace]) as api,
    ):
        await api.get(PATH, hostile)
    assert traced == ["/prefix/v1/thing"]
    (head,) = server.heads
    lines = head.decode().split("\r\n")
    method, target, _ = lines[0].split(" ")
    path, _, query = target.partition("?")
    assert (method, path) == ("GET", "/prefix/v1/thing")
    sent = dict(parse_qsl(query, keep_blank_values=True))
    assert sent == {name: str(value) for name, value in hostile.items() if value is not None}
    headers = dict(line.split(": ", 1) for line in lines[1:] if line)
    assert headers.items() >= Secret("the-key").headers().items()
    assert "Cookie" not in headers


@pytest.mark.parametrize("own", [True, False])
async def test_a_dead_kept_connection_is_not_resent_behind_the_meters_back(*, own: bool) -> None:
    turns = iter([SUCCESS, b""])

    async def talk(_: bytes, writer: asyncio.StreamWriter) -> None:
        if answer := next(turns, SUCCESS):
            writer.write(answer)
        else:
            writer.close()

    async with aiohttp.ClientSession() as theirs:
        session = None if own else theirs
        async with raw(talk) as server, client(server.url, session=session) as api:
            await api.get(PATH)
            error = await failing(api, errors.ConnectionFailedError)
            assert error.sent
            assert len(server.heads) == api.stats.requests == 2
            assert (api.credits.spent, api.credits.uncertain) == (1, 1)
            await api.get(PATH)
            assert len(server.heads) == api.stats.requests == 3
        async with client("http://127.0.0.1:9", session=session) as api:  # nobody listens there
            error = await failing(api, errors.ConnectionFailedError)
            assert not error.sent


async def test_redirects_are_never_followed_and_the_key_goes_nowhere_else() -> None:
    async with raw(succeed) as other:

        async def talk(_: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(http(b"", "302 Found", f"Location: {other.url}/v1/thing"))

        async with raw(talk) as server, client(server.url) as api:
            error = await failing(api, errors.ResponseError, match="redirect")
            assert error.status == 302
            assert api.credits.uncertain == 0
    assert other.heads == []


async def test_a_small_body_of_400_mb_is_refused_and_memory_stays_flat(box: Sandbox) -> None:
    async with client(box.url, timeout=60.0) as api:
        await api.get(CREATORS, QUERY)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        box.faults = Faults(script=["zeros"])
        with pytest.raises(errors.ResponseError, match="larger than 8 MiB"):
            await api.get(CREATORS, QUERY)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 100 * 1024
        await api.get(CREATORS, QUERY)


@pytest.mark.parametrize("size", [8 * 2**20, 8 * 2**20 + 1])
async def test_an_answer_of_eight_mib_is_read_whole_and_a_larger_one_refused(size: int) -> None:
    body = b'{"code": 0, "data": [{"text": "%s"}]}'
    body %= b"x" * (size - len(body) + 2)

    async def talk(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(http(gzip.compress(body, 1), "200 OK", "Content-Encoding: gzip"))

    async with raw(talk) as server, client(server.url) as api:
        if size > 8 * 2**20:
            await failing(api, errors.ResponseError, match="larger than 8 MiB")
        else:
            assert len(str((await api.get(PATH)).data)) > 8_000_000


@pytest.mark.parametrize("fault", ["hang", "drip", "reset", "close", "truncate"])
async def test_a_broken_answer_is_uncertain_and_the_next_one_is_fine(
    box: Sandbox, fault: str
) -> None:
    endless = fault in {"hang", "drip"}
    async with client(box.url) as api:
        box.faults = Faults(script=[None, fault])
        await api.get(CREATORS, QUERY)
        with pytest.raises(
            errors.AttemptTimeoutError if endless else errors.ConnectionFailedError
        ) as caught:
            await api.with_options(timeout=0.4).get(CREATORS, QUERY)
        assert caught.value.sent
        assert ("within 0.4 s" in str(caught.value)) == endless
        assert (api.credits.spent, api.credits.uncertain) == (1, 1)
        assert not in_use(api)
        await api.get(CREATORS, QUERY)


@pytest.mark.parametrize("leaves", ["gives up", "is cancelled"])
async def test_a_late_answer_is_given_to_nobody_else(leaves: str) -> None:
    asked, again, said = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
        if b"/late" in head:
            asked.set()
            await again.wait()
            writer.write(http(b'{"code": 0, "data": ["late"]}'))
            said.set()
        else:
            again.set()
            await said.wait()
            writer.write(SUCCESS)

    async with raw(talk) as server, client(server.url) as api:
        within = 0.2 if leaves == "gives up" else 30.0
        task = asyncio.create_task(api.with_options(timeout=within).get("/v1/late"))
        await asked.wait()
        if leaves == "is cancelled":
            task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled() or isinstance(task.exception(), errors.AttemptTimeoutError)
        assert not in_use(api)
        assert [(await api.get(PATH)).data for _ in range(2)] == [[], []]
        assert (api.credits.spent, api.credits.uncertain) == (2, 1)


async def test_a_host_that_never_accepts_is_a_timeout_that_costs_nothing() -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        async with client(f"http://127.0.0.1:{full.getsockname()[1]}", timeout=0.4) as api:
            error = await failing(api, errors.AttemptTimeoutError)
    assert "no connection within 0.36 s" in str(error)
    assert not error.sent
    assert api.credits.uncertain == 0


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n", b"\x16\x03\x01", b"HTTP/1.1 Bearer the-key\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header the-key\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nthe-key\r\n",
    ],
)  # fmt: skip
async def test_an_answer_that_is_no_http_is_told_without_the_key_that_it_quotes(
    garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "keyapi_async")

    async def talk(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(garbage)
        writer.close()

    async with raw(talk) as server, client(server.url) as api:
        error = await failing(api, errors.TransportError)
        assert api.credits.uncertain == 1
        assert error.__cause__ is error.__context__ is None
    assert "the-key" not in f"{error} {error!r} {caplog.text}"


async def test_the_callers_session_is_used_and_never_closed(box: Sandbox) -> None:
    async with aiohttp.ClientSession(
        headers={"X-Mine": "1"}, raise_for_status=True, timeout=aiohttp.ClientTimeout(total=1e-9)
    ) as session:
        async with client(box.url, session=session) as api:
            await api.get(CREATORS, QUERY)
            await failing(api, errors.NotFoundError, "/v1/none")
        assert not session.closed
    late = client(box.url, session=session)
    with pytest.raises(errors.UsageError, match="session"):
        await late.get(CREATORS, QUERY)
    assert late.credits.uncertain == 0


async def test_an_own_session_is_closed_on_exit_with_all_its_connections() -> None:
    async with raw(succeed) as server:
        async with client(server.url) as api:
            await asyncio.gather(*(api.get(PATH) for _ in range(5)))
            assert 1 <= server.connections <= 5
            before = {task for task in asyncio.all_tasks() if "handle" not in repr(task)}
        assert {task for task in asyncio.all_tasks() if "handle" not in repr(task)} <= before
        async with asyncio.timeout(2):
            while len(server._open):
                await asyncio.sleep(0)


async def test_a_session_that_aiohttp_refuses_is_a_clear_error(box: Sandbox) -> None:
    with pytest.warns(DeprecationWarning, match="is deprecated and will be removed in"):
        session = aiohttp.ClientSession(auth=aiohttp.BasicAuth("me", "secret"))
    async with session, client(box.url, session=session) as api:
        error = await failing(api, errors.ConfigurationError)
    assert "aiohttp refused to send" in str(error)
    assert error.attempts == 0
    assert api.credits.uncertain == 0


async def test_the_pool_of_the_callers_session_bounds_the_requests_in_flight(box: Sandbox) -> None:
    connector = aiohttp.TCPConnector(limit=9, limit_per_host=2)
    async with aiohttp.ClientSession(connector=connector) as session:
        bounds: Any = {"max_connections": 5, "proxy": "", "trace_configs": ()}
        http = HttpTransport(box.url, Secret("the-key"), session=session, **bounds)
        assert http.connections == 2
        async with client(box.url, session=session, max_connections=5) as api:
            await asyncio.gather(*(api.get(CREATORS, QUERY) for _ in range(20)))
