"""How much of the allowed rate a gate uses, and how many 429s it meets.

Servers count by fixed and sliding windows, by a token bucket, and by even spacing (GCRA) with
bursts of half a second's queries, of ten, of two and none. On a virtual clock each way takes 20 to
120 ms, or as long as on loopback, drawn for each request; on the real one a KeyAPI on loopback in a
process of its own answers. Many callers ask without a pause. A cell is: use of the allowed rate in
% / 429s.

    python -m benchmarks.gate [--seconds 60] [--seeds 3] [--loopback 15]
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Callable
from functools import partial

from aiolimiter import AsyncLimiter

from keyapi_async import KeyAPI, RateLimitError
from keyapi_async.limiter import Limiter, Permit, QpsLimiter
from keyapi_async.sandbox.windows import RateWindow
from tests.gates import LOOPBACK, NETWORK, SERVERS, Seen, simulate

Policies = dict[str, Callable[[float], Limiter]]


class Plain:
    """aiolimiter alone, as it is usually put before a client."""

    def __init__(self, rate: float, period: float) -> None:
        self._limiter = AsyncLimiter(rate, period)

    async def acquire(self) -> Permit:
        """Wait for a place in the bucket."""
        await self._limiter.acquire()
        return Permit(asyncio.get_running_loop().time())

    def answered(self, permit: Permit) -> None:
        """Plain limiters do not listen."""

    def throttled(self, permit: Permit, retry_after: float | None) -> None:
        """Plain limiters do not listen."""


OTHERS: Policies = {
    "AsyncLimiter(Q, 1)": lambda q: Plain(q, 1),
    "paced AsyncLimiter(b, b/.95Q)": lambda q: Plain(b := -(-q // 20), b / (0.95 * q)),
    "paced AsyncLimiter(b, b/.9Q)": lambda q: Plain(b := -(-q // 20), b / (0.9 * q)),
}
OURS: Policies = {
    "QpsLimiter(Q)": QpsLimiter,
    "QpsLimiter(10/6 Q)": lambda q: QpsLimiter(q * 10 / 6),
    "QpsLimiter(None)": lambda _: QpsLimiter(None),
}


def medians(runs: list[Seen], allowed: float, begin: float, end: float) -> str:
    """Give the medians of some runs as a cell."""
    use = statistics.median(run.use(allowed, begin, end) for run in runs)
    met = statistics.median(run.met(begin, end) for run in runs)
    return f"{use:3.0f}/{met:<3.0f}"


def table(
    policies: Policies, rates: list[float], latency: tuple[float, float], seconds: float, seeds: int
) -> None:
    """Print a row for each policy, a column for each server."""
    low, high = (1000 * way for way in latency)
    print(f"\n{low:g} to {high:g} ms each way, {seconds:g} s, medians of {seeds} seeds")
    print(f"{'':30}", *(f"{f'{q:g} {server}':>11}" for q in rates for server in SERVERS))
    for name, make in policies.items():
        print(f"{name:30}", end="")
        for q in rates:
            for window in SERVERS.values():
                runs = [
                    simulate(partial(make, q), window(q), seconds, latency=latency, seed=seed)
                    for seed in range(seeds)
                ]
                print(f"{medians(runs, q, 0.0, seconds):>12}", end="")
        print()


def wrongly_told(seeds: int) -> None:
    """Print what it takes to learn that 50 was wrong and 30 is true."""
    print("\ntold 50, true 30, 10 minutes: all / in the first 30 s")
    for name, window in SERVERS.items():
        runs = [simulate(lambda: QpsLimiter(50), window(30), 600, seed=s) for s in range(seeds)]
        print(f"{name:10}", medians(runs, 30, 0, 600), medians(runs, 30, 0, 30))


async def serve(qps: float) -> None:
    """Answer on loopback as all these servers, and print their ports."""
    answers = {
        code: b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (code, len(body), body)
        for code in (200, 429)
        for body in [b'{"code": %d, "message": "", "data": []}' % code]
    }

    async def answer(
        window: RateWindow, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                admitted = window.admit(time.monotonic()) is None
                writer.write(answers[200 if admitted else 429])

    servers = [
        await asyncio.start_server(partial(answer, window(qps)), "127.0.0.1", 0)
        for window in SERVERS.values()
    ]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


async def hammer(gate: Limiter, port: int, seconds: float) -> Seen:
    """Ask a server of another process on loopback through a client."""
    loop, seen = asyncio.get_running_loop(), Seen()
    begin = loop.time()

    async def caller(api: KeyAPI) -> None:
        while loop.time() < begin + seconds:
            try:
                await api.get("/v1/any")
            except RateLimitError:
                seen.refused.append(loop.time() - begin)
            else:
                seen.served.append(loop.time() - begin)

    base_url = f"http://127.0.0.1:{port}"
    async with KeyAPI(
        "key", base_url=base_url, limiter=gate, retry=lambda _, __: None, proxy=""
    ) as api:
        await asyncio.gather(*(caller(api) for _ in range(8)))
    return seen


async def really(make: Callable[[], Limiter], qps: float, seconds: float) -> list[Seen]:
    """Ask one server after the other, each through a client and a gate of its own."""
    command = (sys.executable, "-m", "benchmarks.gate", "--serve", str(qps))
    servers = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    assert servers.stdout is not None  # noqa: S101  # it is a pipe
    ports = map(int, (await servers.stdout.readline()).split())
    runs = [await hammer(make(), port, seconds) for port in ports]
    servers.kill()
    await servers.wait()
    return runs


def real_table(seconds: float) -> None:
    """Print what comes of it on loopback, at 50 queries a second: all / after 15 s."""
    print(f"\nloopback, {seconds:g} s: all / after the first 15 s")
    print(f"{'':30}", *(f"{f'50 {server}':>13}" for server in SERVERS))
    for name, make in OURS.items():
        print(f"{name:30}", end="")
        for seen in asyncio.run(really(partial(make, 50.0), 50.0, seconds)):
            late = seen.use(50, min(15.0, seconds / 2), seconds)
            cell = f"{medians([seen], 50, 0, seconds)} {late:.0f}"
            print(f"{cell:>14}", end="", flush=True)
        print()


def cost(acquisitions: int, waiters: int) -> None:
    """Print the CPU of an acquisition with many waiters."""

    async def main() -> float:
        gate = QpsLimiter(1e5)

        async def caller() -> None:
            for _ in range(acquisitions // waiters):
                gate.answered(await gate.acquire())

        begin = time.process_time()
        await asyncio.gather(*(caller() for _ in range(waiters)))
        return time.process_time() - begin

    spent = asyncio.run(main())  # on the real clock: the gate paces, ten thousand wait
    each = spent / acquisitions * 1e6
    print(f"\n{acquisitions:,} acquisitions, {waiters:,} waiters: {each:.1f} µs each")


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--acquisitions", type=int, default=1_000_000)
    parser.add_argument("--loopback", type=float, default=20.0, help="seconds of each real run")
    parser.add_argument("--serve", type=float, metavar="QPS", help="be the servers")
    args = parser.parse_args()
    if args.serve:
        asyncio.run(serve(args.serve))
        return
    table({**OTHERS, **OURS}, [5.0, 50.0], NETWORK, args.seconds, args.seeds)
    table(OURS, [50.0], LOOPBACK, args.seconds, args.seeds)
    wrongly_told(args.seeds)
    real_table(args.loopback)
    cost(args.acquisitions, 10_000)


if __name__ == "__main__":
    main()
