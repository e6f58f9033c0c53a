"""The ways to a Redis: passwords, TLS, sockets of the file system, Sentinels."""

import asyncio
import logging
import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from keyapi_async import RedisLimiter
from tests.redis_server import RedisServer, redis_server
from tests.shared_gate.sharing import way_to

PASSWORD = "pass:w/rd"
QUOTED = "pass%3Aw%2Frd"


async def shares(url: str) -> bool:
    async with RedisLimiter(url, name="plan", qps=100) as gate:
        for _ in range(2):
            gate.answered(await gate.acquire())
        return gate.sharing


@pytest.fixture(scope="module")
def guarded() -> Iterator[RedisServer]:
    with redis_server("--requirepass", PASSWORD, "--unixsocket", "redis.sock") as server:
        yield server


@pytest.fixture(scope="module")
def sentinel(guarded: RedisServer) -> Iterator[RedisServer]:
    monitor = f"sentinel monitor our-gate 127.0.0.1 {guarded.port} 1\n"
    with redis_server(sentinel=f"{monitor}sentinel auth-pass our-gate {PASSWORD}\n") as server:
        yield server


@pytest.mark.parametrize(
    "url",
    [
        "redis://:{password}@127.0.0.1:{port}/3",
        "unix://{folder}/redis.sock?password={password}",
        "redis+sentinel://:{password}@127.0.0.1:1,127.0.0.1:{sentinel}/our-gate?client_name=ours",
        "redis+sentinel://:{password}@127.0.0.1:1,127.0.0.1:{sentinel}/our-gate/2",
    ],
)
async def test_a_password_goes_to_redis_by_its_port_its_socket_or_its_sentinels(
    url: str, guarded: RedisServer, sentinel: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "keyapi_async")
    places = {"port": guarded.port, "folder": guarded.folder, "sentinel": sentinel.port}
    assert await shares(url.format(password=QUOTED, **places))
    assert not caplog.messages


@pytest.mark.parametrize("login", ["", ":wr%6Fng@", "nobody:wrong@"])
async def test_a_wrong_password_is_told_without_showing_it(
    login: str, guarded: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    assert not await shares(f"redis://{login}127.0.0.1:{guarded.port}/0")
    (told,) = caplog.messages
    assert told.startswith(f"redis://127.0.0.1:{guarded.port}: ")
    assert "keeps to 100 queries a second by itself" in told
    assert "wrong" not in told


async def test_a_node_of_a_cluster_says_which_one_has_the_gate(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def node(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while sent := await reader.read(1 << 16):
            for command in re.findall(rb"\*\d+\r\n\$\d+\r\n(\w+)", sent):
                moved = command == b"EVALSHA"
                writer.write(b"-MOVED 42 other.example:6379\r\n" if moved else b"+OK\r\n")
        writer.close()

    async with await asyncio.start_server(node, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert not await shares(f"redis://127.0.0.1:{port}/0?protocol=2")
    assert "of its cluster, other.example:6379 has the gate: name that one" in caplog.text


async def test_tls_is_checked_against_who_signed_it(
    tmp_path: Path, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with way_to(redis, tls=context) as port:
        url = f"rediss://127.0.0.1:{port}/0"
        assert await shares(f"{url}?ssl_ca_certs={tmp_path / 'authority.pem'}")
        assert not caplog.messages
        assert not await shares(url)
        assert "certificate" in caplog.text.lower()


async def test_a_service_that_no_sentinel_knows_is_told_and_tls_is_spoken_where_it_is_asked_for(
    sentinel: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    assert not await shares(f"redis+sentinel://127.0.0.1:{sentinel.port}/other-gate")
    assert "other-gate" in caplog.text
    # The Redis that this one leads to speaks in plain words, so the greeting is not understood.
    assert not await shares(f"rediss+sentinel://127.0.0.1:{sentinel.port}/our-gate")
