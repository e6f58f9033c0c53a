"""CPU of a page through the client against bare aiohttp + orjson, on the same pages, in one run.

Both clients live in one process and take turns for a hundred rounds; a round's figure is the
process' CPU time divided by its pages, and the ratio compares medians. nginx serves the pages from
loopback, so that no Python server shares the figure. Everything of the client is included: typed
records, gate, retries, metering, time limits.

    python benchmarks/overhead.py [--rounds 100] [--pages 60]
"""

import argparse
import asyncio
import contextlib
import json
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp
import orjson

from keyapi_async import KeyAPI
from keyapi_async.sandbox.data import World

PRODUCT = "1729492547846767618"
PATH = "/v1/tiktok/product/creators/analytics"
KEY = "benchmark-key"

CONFIG = """
daemon off; pid {folder}/nginx.pid; error_log stderr crit; worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off; keepalive_requests 100000000; default_type application/json;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{ root {folder}; try_files /$arg_page_num.json /last.json; }}
  }}
}}
"""


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def nginx(pages: int) -> Iterator[str]:
    """Serve full pages of creators, then a last one with nine; give the base URL."""
    rows = World(seed=0).product_creators(PRODUCT)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for page in range(1, pages + 1):
            page_rows = [rows[(page * 10 + i) % len(rows)] for i in range(10 - (page == pages))]
            answer = {"code": 0, "message": "success", "data": page_rows, "requestId": f"r-{page}"}
            (folder / f"{page}.json").write_bytes(orjson.dumps(answer))
        port = free_port()
        config = folder / "nginx.conf"
        config.write_text(CONFIG.format(folder=folder, port=port))
        command = ["nginx", "-c", str(config), "-p", name]
        server = subprocess.Popen(command)  # noqa: S603  # a file and a folder of our own making
        try:
            for _ in range(200):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.02)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


async def bare(session: aiohttp.ClientSession, base: str) -> int:
    """Walk the pages as the shortest program with aiohttp and orjson does."""
    rows = 0
    page = 0
    while True:
        page += 1
        query = {"product_id": PRODUCT, "page_num": str(page), "page_size": "10"}
        async with session.get(base + PATH, params=query) as response:
            data = orjson.loads(await response.read())["data"]
        rows += sum(1 for _ in data)
        if len(data) < 10:
            return rows


async def client(api: KeyAPI) -> int:
    """Walk the pages as a user of the client does."""
    rows = 0
    async for _ in api.tiktok.product.iter_creators(PRODUCT):
        rows += 1
    return rows


async def measure(base: str, rounds: int, pages: int) -> dict[str, list[float]]:
    """Let the two take turns; give the CPU of a page in µs, for each round."""
    spent: dict[str, list[float]] = {"bare": [], "client": []}
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        KeyAPI(KEY, base_url=base, qps=1e6, proxy="") as api,
    ):
        walks: dict[str, Callable[[], Awaitable[int]]] = {
            "bare": lambda: bare(session, base),
            "client": lambda: client(api),
        }
        for turn in range(rounds + 5):
            for name, walk in walks.items():
                begin = time.process_time()
                rows = await walk()
                cost = time.process_time() - begin
                if rows != pages * 10 - 1:
                    raise AssertionError(f"{name} read {rows} rows of {pages * 10 - 1}")
                if turn >= 5:  # the first rounds warm up both
                    spent[name].append(cost / pages * 1e6)
    return spent


def main() -> None:
    """Print the medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    args = parser.parse_args()
    with nginx(args.pages) as base:
        spent = asyncio.run(measure(base, args.rounds, args.pages))
    medians = {name: statistics.median(figures) for name, figures in spent.items()}
    ratio = medians["client"] / medians["bare"]
    if args.json:
        print(json.dumps({**medians, "ratio": ratio}))
        return
    for name, median in medians.items():
        print(f"{name:8} {median:7.1f} µs of CPU a page, median of {args.rounds} rounds")
    print(f"{'ratio':8} {ratio:7.2f}")


if __name__ == "__main__":
    main()
