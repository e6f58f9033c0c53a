"""How much of the allowed rate a gate uses, and how many 429s it meets, on a virtual clock.

Servers count by fixed, sliding, token-bucket and GCRA windows; each way takes 20 to 120 ms, drawn
for each request. Many callers ask without a pause. A cell is: use of the allowed rate in % over the
whole run / 429s in it.

    python -m benchmarks.gate [--seconds 60] [--seeds 3]
"""

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Callable
from functools import partial

from aiolimiter import AsyncLimiter

from keyapi_async.limiter import Limiter, Permit, QpsLimiter
from keyapi_async.sandbox.windows import Window, rate_window
from tests import virtual

Result = tuple[float, int, int]


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


def simulate(
    make: Callable[[], Limiter],
    allowed: float,
    window: Window,
    *,
    seconds: float,
    seed: int,
    latency: tuple[float, float] = (0.02, 0.12),
    callers: int = 200,
) -> Result:
    """Give the use in % of the allowed rate, the 429s of the run and those of its first 30 s."""
    dice = random.Random(seed)
    server = rate_window(window, allowed)
    served = 0
    refused: list[float] = []

    async def caller(gate: Limiter, end: float) -> None:
        nonlocal served
        loop = asyncio.get_running_loop()
        while True:
            permit = await gate.acquire()
            if loop.time() >= end:
                gate.answered(permit)
                return
            await asyncio.sleep(dice.uniform(*latency))
            admitted = server.admit(loop.time()) is None
            await asyncio.sleep(dice.uniform(*latency))
            if admitted:
                served += 1
            else:
                refused.append(loop.time())
                gate.throttled(permit, None)
            gate.answered(permit)

    async def main() -> None:
        gate = make()
        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(caller(gate, seconds))

    virtual.run(main)
    early = sum(1 for at in refused if at <= 30)
    return 100 * served / (allowed * seconds), len(refused), early


def cell(
    make: Callable[[], Limiter], allowed: float, window: Window, seconds: float, seeds: int
) -> str:
    """Run a few seeds; give the medians as a cell."""
    runs = [simulate(make, allowed, window, seconds=seconds, seed=seed) for seed in range(seeds)]
    use, met, _ = (statistics.median(column) for column in zip(*runs, strict=True))
    return f"{use:3.0f}/{met:<3.0f}"


def table(seconds: float, seeds: int) -> None:
    """Print the table: a row a policy, a column a server."""
    policies: dict[str, Callable[[float], Limiter]] = {
        "AsyncLimiter(Q, 1)": lambda q: Plain(q, 1),
        "paced AsyncLimiter(b, b/.95Q)": lambda q: Plain(b := -(-q // 20), b / (0.95 * q)),
        "paced AsyncLimiter(b, b/.9Q)": lambda q: Plain(b := -(-q // 20), b / (0.9 * q)),
        "QpsLimiter(Q)": QpsLimiter,
        "QpsLimiter(10/6 Q)": lambda q: QpsLimiter(q * 10 / 6),
        "QpsLimiter(None)": lambda _: QpsLimiter(None),
    }
    columns = [(q, window) for q in (5.0, 50.0) for window in Window]
    print(f"use of the allowed rate in % / 429s in {seconds:g} s, medians of {seeds} seeds")
    print(f"{'policy':30}", *(f"{f'{q:g} {window}':>10}" for q, window in columns))
    for name, make in policies.items():
        cells = [cell(partial(make, q), q, window, seconds, seeds) for q, window in columns]
        print(f"{name:30}", *(f"{one:>10}" for one in cells))


def wrongly_told(seeds: int) -> None:
    """Print what it takes to learn that 50 was wrong and 30 is true."""
    print("\ntold 50, true 30, 10 minutes: use in % / 429s / of these in the first 30 s")
    for window in Window:
        runs = [
            simulate(lambda: QpsLimiter(50), 30, window, seconds=600, seed=seed)
            for seed in range(seeds)
        ]
        use, met, early = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"{window:10} {use:3.0f} / {met:.0f} / {early:.0f}")


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
    args = parser.parse_args()
    table(args.seconds, args.seeds)
    wrongly_told(args.seeds)
    cost(args.acquisitions, 10_000)


if __name__ == "__main__":
    main()
