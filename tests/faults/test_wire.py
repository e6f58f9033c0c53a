"""What goes wrong between two machines, on real sockets."""

import asyncio
import contextlib
import re
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import trustme

from keyapi_async import AttemptTimeoutError, ConnectionFailedError, KeyAPI, RetryPolicy
from keyapi_async.sandbox import Sandbox, Service
from tests.faults import in_use, tasks_but_servers
from tests.faults.kinds import FAULTY, LIST
from tests.faults.readers import READERS
from tests.servers import SUCCESS, Raw, http, raw, succeed

QUICK = RetryPolicy(attempts=5, initial=0.001)
RST = struct.pack("ii", 1, 0)


def client(url: str, **options: Any) -> KeyAPI:
    options = {"qps": 1e4, "retry": QUICK, "proxy": "", **options}
    return KeyAPI("sandbox-key", base_url=url, **options)


# What never reaches the API costs nothing


@contextlib.asynccontextmanager
async def nobody_listens() -> AsyncIterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{probe.getsockname()[1]}"


@contextlib.asynccontextmanager
async def nobody_knows_the_name() -> AsyncIterator[str]:
    find = socket.getaddrinfo

    def resolve(host: Any, *args: Any, **options: Any) -> Any:
        if host == "nowhere.invalid":  # what a resolver says, without asking the network
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return find(host, *args, **options)

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
    context = SSLContext(PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    server = Raw(succeed)
    async with await asyncio.start_server(server.handle, "127.0.0.1", 0, ssl=context) as listener:
        yield f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        assert server.heads == []


@pytest.mark.parametrize(
    "name", ["stream, begun anew", "fan-out", "fan-out that collects", "harvest"]
)
@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        (nobody_listens, r"Cannot connect to host 127\.0\.0\.1:\d+"),
        (nobody_knows_the_name, r"Cannot connect to host nowhere\.invalid:443 .*not known"),
        (plain_where_tls_is_due, r"Cannot connect to host 127\.0\.0\.1:\d+ \[\[SSL: "),
        (a_stranger_signed, r"127\.0\.0\.1:\d+ .*[Cc]ertificate.*verify failed"),
    ],
)
async def test_what_reached_nobody_is_told_costs_nothing_and_is_taken_up_again(
    trouble: Callable[[], AbstractAsyncContextManager[str]], says: str, name: str, tmp_path: Path
) -> None:
    loop = asyncio.get_running_loop()
    begin = loop.time()
    async with trouble() as url, client(url) as api:
        reader = READERS[name](api, tmp_path)
        assert not await reader.read()
        assert (api.credits.spent, api.credits.uncertain) == (0, 0)
        assert api.stats.requests % 5 == 0
        assert not in_use(api)
        assert tasks_but_servers() == {asyncio.current_task()}
    assert reader.errors
    for error in reader.errors:
        assert re.search(says, str(error)), error
        if not isinstance(error, str):
            assert type(error) is ConnectionFailedError
            assert not error.sent
            assert error.attempts == 5
    assert loop.time() - begin < 5
    async with Sandbox() as box, client(box.url) as reader.api:
        assert await reader.read()
        assert reader.rows == {key: LIST.wanted(key) for key in reader.keys}
        assert box.billed == reader.api.credits.spent


# Kept connections


class Line:
    """A sandbox that a raw server asks for its answers."""

    def __init__(self) -> None:
        self.service = Service()

    def answer(self, head: bytes) -> bytes:
        target = urlsplit(head.split(b" ", 2)[1].decode())
        reply = self.service.answer(
            target.path, parse_qsl(target.query), f"Bearer {self.service.api_key}", 0.0
        )
        return http(reply.body)

    @property
    def bought(self) -> Counter[int | None]:
        return Counter(asked.page_num for asked in self.service.requests)


def closes(writer: asyncio.StreamWriter) -> None:
    writer.close()


def resets(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
    writer.transport.abort()


PREFETCH = pytest.mark.parametrize("prefetch", [0, 3])


async def collected(api: KeyAPI, prefetch: int) -> list[str]:
    stream = api.tiktok.product.iter_creators(FAULTY, prefetch=prefetch)
    return [creator.user_id for creator in await stream.collect()]


def all_counted(server: Raw, line: Line, api: KeyAPI, prefetch: int) -> None:
    """See that each request is billed and metered; one cancelled at once may never be read."""
    assert len(server.heads) == line.service.billed
    assert api.credits.spent + api.credits.uncertain == api.stats.requests
    assert 0 <= api.stats.requests - line.service.billed <= prefetch


@PREFETCH
async def test_connections_closed_behind_an_answer_send_nothing_twice(prefetch: int) -> None:
    line = Line()

    async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(line.answer(head))
        await writer.drain()
        writer.close()

    async with raw(talk) as server, client(server.url) as api:
        assert await collected(api, prefetch) == LIST.wanted(FAULTY)
        assert set(line.bought.values()) == {1}
        assert len(server.heads) == line.service.billed
        # A request written into a closing connection may have been read, for all one knows.
        assert api.credits.spent + api.credits.uncertain == api.stats.requests
        assert 5 <= api.credits.spent <= 5 + prefetch
        assert not in_use(api)


@pytest.mark.parametrize("end", [closes, resets])
@PREFETCH
async def test_a_kept_connection_that_dies_of_its_second_request_costs_that_one(
    end: Callable[[asyncio.StreamWriter], None], prefetch: int
) -> None:
    line = Line()
    known: set[asyncio.StreamWriter] = set()

    async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
        answer = line.answer(head)
        if writer in known:
            end(writer)  # it was billed, and its answer is lost
        else:
            known.add(writer)
            writer.write(answer)

    async with raw(talk) as server, client(server.url) as api:
        assert await collected(api, prefetch) == LIST.wanted(FAULTY)
        all_counted(server, line, api, prefetch)
        assert api.credits.spent >= 5
        assert api.stats.retries == api.credits.uncertain > 0 or prefetch
        assert not in_use(api)


# Answers that come when nobody waits for them any more


async def gives_up(api: KeyAPI, asked: asyncio.Event) -> None:
    with pytest.raises(AttemptTimeoutError):
        await collected(api.with_options(timeout=0.4, retry=RetryPolicy(attempts=1)), 0)


async def is_cancelled(api: KeyAPI, asked: asyncio.Event) -> None:
    task = asyncio.create_task(collected(api, 0))
    await asked.wait()
    task.cancel()
    await asyncio.wait((task,))
    assert task.cancelled()


@pytest.mark.parametrize("leaves", [gives_up, is_cancelled])
@PREFETCH
async def test_a_late_answer_is_given_to_nobody_else(
    leaves: Callable[[KeyAPI, asyncio.Event], Coroutine[Any, Any, None]], prefetch: int
) -> None:
    line = Line()
    asked, again, said = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
        answer = line.answer(head)
        if not asked.is_set() and b"page_num=2&" in head:
            asked.set()
            await again.wait()
            answer = SUCCESS  # of no rows: whoever took it would end here
            said.set()
        elif asked.is_set():
            again.set()
            await said.wait()
        writer.write(answer)

    async with raw(talk) as server, client(server.url) as api:
        await leaves(api, asked)
        assert (api.credits.spent, api.credits.uncertain) == (1, 1)
        assert not in_use(api)
        assert await collected(api, prefetch) == LIST.wanted(FAULTY)
        all_counted(server, line, api, prefetch)
