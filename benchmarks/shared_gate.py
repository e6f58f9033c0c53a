"""The gate that processes share, on a real Redis: its use of the limit, and its worst second.

Four processes ask a KeyAPI on loopback for pages as fast as `RedisLimiter` lets them, while Redis
is left alone, restarted, flushed or stopped, or the hosts' clocks differ. The figures are those of
the server: use of the limit in %, the most requests in any second, the 429s, the longest time that
any process went without an answer, and how many requests were sent without Redis. The server limits
nothing, or counts by a sliding window, or allows no burst.

    python -m benchmarks.shared_gate [--seconds 12]
"""

import argparse
import asyncio
from collections.abc import Callable, Coroutine

from benchmarks.processes import PROCESSES, QPS, Outcome, flushed, hung, measure, restarted

SCENES: dict[str, Callable[[float], Coroutine[None, None, Outcome]]] = {
    "left alone": measure,
    "clocks two seconds apart": lambda s: measure(s, skews=(0.0, 2.0, -2.0, 0.0)),
    "Redis restarted": lambda s: measure(s, restarted),
    "Redis flushed": lambda s: measure(s, flushed),
    "Redis hung for 3 s": lambda s: measure(s, hung),
    "a sliding window": lambda s: measure(s, window="sliding"),
    "no burst": lambda s: measure(s, window="spaced"),
    "no burst, unknown, after 15 s": lambda s: measure(s, window="spaced", told=None, settled=15.0),
}


def main() -> None:
    """Print a row for each scene."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=12.0, help="of each scene")
    parser.add_argument("--only", default="", help="a part of the names of the scenes to run")
    args = parser.parse_args()
    print(f"{PROCESSES} processes, {QPS:g} queries a second, {args.seconds:g} s each\n")
    titles = ("use %", "worst second", "429s", "stall s", "without Redis")
    print(f"{'':30}", *(f"{title:>13}" for title in titles))
    for name, scene in SCENES.items():
        if args.only in name:
            seen = asyncio.run(scene(args.seconds))
            print(f"{name:30} {seen.use:13.1f} {seen.worst:13} {seen.throttles:13}", end="")
            print(f" {seen.stall:13.2f} {seen.alone:13}", flush=True)


if __name__ == "__main__":
    main()
