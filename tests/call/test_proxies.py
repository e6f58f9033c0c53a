"""Ways to a server, and what reaches nobody: proxies, names, TLS; real sockets on loopback."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn

import aiohttp
import pytest
import trustme

from keyapi_async import ConfigurationError, ConnectionFailedError
from keyapi_async.sandbox import Sandbox
from tests.call.script import PATH, failing
from tests.call.test_transport import client
from tests.servers import Raw, http, raw, succeed


@pytest.mark.parametrize(
    ("env", "proxied"),
    [
        ({"HTTP_PROXY": "http://127.0.0.1:{port}"}, True),
        ({"HTTP_PROXY": "127.0.0.1:{port}"}, True),
        ({"HTTP_PROXY": "http://127.0.0.1:{port}", "NO_PROXY": "127.0.0.1"}, False),
        ({"HTTPS_PROXY": "http://127.0.0.1:{port}"}, False),
    ],
)
async def test_the_proxy_of_the_environment_is_read_once(
    env: dict[str, str], *, proxied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with raw(succeed) as proxy, raw(succeed) as server:
        for name, value in env.items():
            monkeypatch.setenv(name, value.format(port=proxy.port))
        async with client(server.url, proxy=None) as api:
            monkeypatch.undo()
            await api.get(PATH)
            await api.get(PATH)
    assert (len(proxy.heads), len(server.heads)) == ((2, 0) if proxied else (0, 2))
    assert all(head.startswith(b"GET http://127.0.0.1:") for head in proxy.heads)


async def test_a_given_proxy_is_used_with_its_password_which_no_error_shows() -> None:
    async with raw(succeed) as proxy:
        url = proxy.url.replace("http://", "http://me:secret@")
        async with client("http://127.0.0.1:9", proxy=url) as api:
            await api.get(PATH)
    assert b"Proxy-Authorization: Basic" in proxy.heads[0]
    async with client("http://127.0.0.1:9", proxy=url) as api:
        error = await failing(api, ConnectionFailedError)
        assert "secret" not in f"{error} {error!r} {vars(error)}"


async def test_a_proxy_that_refuses_its_tunnel_costs_no_credit() -> None:
    async def refuse(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(http(b"", "407 Proxy Authentication Required"))

    async with raw(refuse) as proxy, client("https://127.0.0.1:9", proxy=proxy.url) as api:
        error = await failing(api, ConnectionFailedError)
        assert not error.sent
        assert "the proxy refused to connect: 407 Proxy Authentication Required" in str(error)
        assert api.credits.uncertain == 0


@pytest.mark.parametrize("proxy", ["socks5://x:1", "nonsense", "http://", 7])
def test_a_proxy_that_is_none_is_refused_without_showing_it(
    proxy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError, match="proxy") as caught:
        client("http://127.0.0.1:9", proxy=proxy)
    assert str(proxy) not in str(caught.value).replace("http://proxy", "")
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.setenv("HTTP_PROXY", "socks5://x")
    with pytest.raises(ConfigurationError, match="HTTP_PROXY of the environment"):
        client("http://127.0.0.1:9", proxy=None)


@contextlib.asynccontextmanager
async def nobody_knows_the_name() -> AsyncIterator[str]:
    def resolve(*_: object) -> NoReturn:
        """Say what a resolver says, without asking the network."""
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", resolve)
        yield "https://nowhere.invalid"


@contextlib.asynccontextmanager
async def plain_where_tls_is_due() -> AsyncIterator[str]:
    async with Sandbox() as box:
        yield box.url.replace("http:", "https:")
        assert box.requests == []


@contextlib.asynccontextmanager
async def a_stranger_signed() -> AsyncIterator[str]:
    authority = trustme.CA()
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(theirs)
    authority.configure_trust(ours)
    server = Raw(succeed)
    async with await asyncio.start_server(server.handle, "127.0.0.1", 0, ssl=theirs) as listener:
        url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        yield url
        assert server.heads == []
        # Nothing else was wrong with it: whoever trusts that authority is answered.
        connector = aiohttp.TCPConnector(ssl=ours)
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            client(url, session=session) as api,
        ):
            await api.get(PATH)
        assert len(server.heads) == 1
        server.drop_all()


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        (nobody_knows_the_name, r"Cannot connect to host nowhere\.invalid:443 .*not known"),
        (plain_where_tls_is_due, r"Cannot connect to host 127\.0\.0\.1:\d+ \[\[SSL: "),
        (a_stranger_signed, r"127\.0\.0\.1:\d+ .*[Cc]ertificate.*verify failed"),
    ],
)
async def test_what_reached_nobody_is_told_and_costs_nothing(
    trouble: Callable[[], AbstractAsyncContextManager[str]], says: str
) -> None:
    async with trouble() as url, client(url) as api:
        error = await failing(api, ConnectionFailedError, match=says)
        assert not error.sent
        assert (api.credits.spent, api.credits.uncertain) == (0, 0)
