"""One process of `benchmarks.processes`: asks for pages as fast as its gate allows.

It stops where its standard input ends, and then says in one line of JSON what it has seen. Its
clocks may be put forward, as another host's could be.
"""

import asyncio
import json
import sys
import time

SKEW = float(sys.argv[1]) if __name__ == "__main__" else 0.0

if SKEW:
    _monotonic, _time = time.monotonic, time.time
    time.monotonic = lambda: _monotonic() + SKEW
    time.time = lambda: _time() + SKEW

from keyapi_async import KeyAPI, RedisLimiter  # noqa: E402  # the clocks come first

PATH = "/v1/tiktok/product/creators/analytics"
QUERY: dict[str, str | float | None] = {
    "product_id": "1729492547846767618",
    "page_num": 1,
    "page_size": 1,
}
AT_ONCE = 8


async def hammer(url: str, redis: str, qps: float | None, processes: int) -> dict[str, object]:
    """Ask until standard input ends."""
    gate = RedisLimiter(redis, qps=qps, expected_processes=processes)
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    last, stall, alone = time.monotonic(), 0.0, 0

    async def ask(api: KeyAPI) -> None:
        nonlocal last, stall, alone
        while not ended.done():
            await api.get(PATH, QUERY)
            now = time.monotonic()
            last, stall = now, max(stall, now - last)
            alone += not gate.sharing

    async with KeyAPI(base_url=url, limiter=gate, proxy="", retry=lambda _, __: 0.0) as api:
        await api.get(PATH, QUERY)
        print("running", flush=True)  # its parent waits for it
        last = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(AT_ONCE):
                tasks.create_task(ask(api))
        stats = api.stats
        return {
            "stall": stall,
            "alone": alone,
            "requests": stats.requests,
            "throttles": stats.throttles,
            "sharing": gate.sharing,
        }


if __name__ == "__main__":
    _, _, url, redis, qps, processes = sys.argv
    told = asyncio.run(hammer(url, redis, float(qps) or None, int(processes)))
    print(json.dumps(told))  # its parent reads it
