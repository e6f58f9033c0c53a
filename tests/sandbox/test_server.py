"""The sandbox over real sockets, asked by a bare aiohttp client."""

import asyncio
import ipaddress
import socket
import zlib
from collections.abc import AsyncIterator

import aiohttp
import pytest

import keyapi_async.sandbox
from keyapi_async.sandbox import Fault, Faults, Sandbox

PATH = "/v1/tiktok/product/creators/analytics"
QUERY = {"product_id": "1729492547846767618", "page_num": "1", "page_size": "10"}


@pytest.fixture
async def box() -> AsyncIterator[Sandbox]:
    async with Sandbox() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that does nothing by itself: no second attempt, no redirect, no inflating."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True),
        headers={"Authorization": "Bearer sandbox-key"},
        auto_decompress=False,
    ) as session:
        yield session


async def ask(http: aiohttp.ClientSession, box: Sandbox) -> tuple[int, bytes]:
    async with http.get(box.url + PATH, params=QUERY, allow_redirects=False) as response:
        return response.status, await response.read()


async def test_it_answers_over_http(box: Sandbox, http: aiohttp.ClientSession) -> None:
    async with http.get(box.url + PATH, params=QUERY) as response:
        envelope = await response.json()
    assert [len(envelope["data"]), response.status, box.billed] == [10, 200, 1]
    assert envelope["data"] == box.rows(PATH, product_id=QUERY["product_id"])[:10]
    [asked] = box.requests
    assert (asked.path, asked.params, asked.page_num) == (PATH, QUERY, 1)
    assert box.api_key == "sandbox-key"
    assert ipaddress.ip_address(box.url[7:].rpartition(":")[0]).is_loopback
    async with http.post(box.url + PATH) as response:
        assert response.status == 405


def test_a_setting_that_would_do_nothing_is_refused() -> None:
    box = Sandbox(qps=3)
    for name, value in (("faults", ["429"]), ("fault", "429"), ("qps", 2.0), ("window", "gcra")):
        with pytest.raises((AttributeError, TypeError)):
            setattr(box, name, value)
    with pytest.raises(ValueError, match="rolling"):
        Sandbox(window="rolling")
    with pytest.raises(ValueError, match="latency"):
        Sandbox(latency=-1)


LOST = {
    "reset": aiohttp.ClientOSError,
    "close": aiohttp.ServerDisconnectedError,
    "truncate": aiohttp.ClientPayloadError,
    "hang": TimeoutError,
    "drip": TimeoutError,
}


async def test_faults_that_arrive(box: Sandbox, http: aiohttp.ClientSession) -> None:
    faults = [one for one in Fault if one not in LOST]
    box.faults = Faults(script=faults, delay=0.001)
    for fault in faults:
        status, body = await ask(http, box)
        assert status == box.requests[-1].status
        assert bool(body) == (fault not in {"empty_body", "redirect"})
        if fault == "zeros":
            assert zlib.decompress(body, wbits=31) == bytes(64 << 20)
            assert len(body) < 500_000
    assert (await ask(http, box))[0] == 200


@pytest.mark.parametrize("fault", LOST)
async def test_faults_that_lose_an_answer_that_was_paid(
    box: Sandbox, http: aiohttp.ClientSession, fault: str
) -> None:
    box.faults = Faults(rates={fault: 1.0})
    with pytest.raises(LOST[fault]):
        async with asyncio.timeout(0.2):
            await ask(http, box)
    box.faults = Faults()
    assert (await ask(http, box))[0] == 200
    assert box.billed == len(box.requests) > 1  # aiohttp asks again where a connection breaks


@pytest.mark.parametrize("fault", ["hang", "drip", "delay"])
async def test_it_closes_while_requests_hang_and_leaves_no_task(fault: str) -> None:
    before = asyncio.all_tasks()
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer sandbox-key"}) as http:
        async with Sandbox(faults=Faults(rates={fault: 1.0}, delay=60)) as box:
            asking = [asyncio.create_task(ask(http, box)) for _ in range(3)]
            while len(box.requests) < 3:
                await asyncio.sleep(0.001)
            closing = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - closing < 1
        outcomes = await asyncio.gather(*asking, return_exceptions=True)
        assert all(isinstance(outcome, aiohttp.ClientError) for outcome in outcomes)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_it_can_be_started_again_and_remembers(http: aiohttp.ClientSession) -> None:
    box = Sandbox()
    await box.start()
    assert (await ask(http, box))[0] == 200
    with pytest.raises(RuntimeError, match="running already"):
        await box.start()
    await box.stop()
    await box.stop()
    with pytest.raises(RuntimeError, match=r"not running: use `async with Sandbox\(\) as box`"):
        _ = box.url
    async with box:
        assert (await ask(http, box))[0] == 200
    assert box.billed == 2


async def test_a_taken_port_is_an_os_error(box: Sandbox) -> None:
    other = Sandbox(port=int(box.url.rpartition(":")[2]))
    with pytest.raises(OSError, match="address already in use"):
        await other.start()
    await other.stop()


@pytest.mark.parametrize("host", ["0.0.0.0", "example.com", "192.168.0.1", "::"])  # noqa: S104
def test_it_serves_loopback_only(host: str) -> None:
    with pytest.raises(ValueError, match="serves loopback hosts only"):
        Sandbox(host=host)


@pytest.mark.parametrize(("host", "shown"), [("::1", "[::1]"), ("localhost", "127.0.0.1")])
async def test_other_names_of_this_machine(
    http: aiohttp.ClientSession, host: str, shown: str
) -> None:
    if host == "::1" and not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    async with Sandbox(host=host) as box:
        assert shown in box.url or "[::1]" in box.url
        assert (await ask(http, box))[0] == 200


def test_the_public_names_are_all_there() -> None:
    names = keyapi_async.sandbox.__all__
    assert all(getattr(keyapi_async.sandbox, name).__name__ == name for name in names)
    assert names == sorted(names, key=lambda name: (name.islower(), name))
    assert keyapi_async.sandbox.Fault is Fault
    with pytest.raises(AttributeError, match="has no attribute 'Nonsense'"):
        _ = keyapi_async.sandbox.Nonsense  # type: ignore[attr-defined]
