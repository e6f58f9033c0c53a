"""Prints the tables, and draws the chart.

python -m benchmarks.peers [--rounds 15] [--pages 512] [--seconds 20] [--svg FILE] [--peers DIR]
"""

import argparse
import asyncio
import sys
import tempfile
import textwrap
from collections.abc import Iterable
from pathlib import Path

from benchmarks.peers import chart, limits, race
from benchmarks.peers.roster import LIMITED, PEERS, UNDER_UVLOOP
from benchmarks.peers.workshop import UnmadeError, Workshop


def tell(line: str) -> None:
    """Say what is going on, where somebody watches."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="\r", file=sys.stderr, flush=True)


def show(lines: Iterable[str]) -> None:
    """Print a table."""
    tell("")
    print(*lines, sep="\n", flush=True)


def whole_lists(value: str) -> int:
    """Check that the pages can be shared by all numbers of streams."""
    most = max(race.STREAMS)
    if int(value) % most or int(value) <= most:
        raise argparse.ArgumentTypeError(f"a multiple of {most}, above it")
    return int(value)


def main() -> None:
    parser = argparse.ArgumentParser(description="This client beside its peers.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--pages", type=whole_lists, default=512, help="pages that a turn reads")
    parser.add_argument("--seconds", type=int, default=20, help="under a limit; 0 for none of it")
    parser.add_argument("--svg", type=Path, help="where the chart goes")
    parser.add_argument("--peers", type=Path, help="folder for what the peers need; it is kept")
    args = parser.parse_args()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    workshop = Workshop(args.peers or Path(tempfile.gettempdir()) / f"keyapi-async-peers-{version}")
    tell("making the peers")
    try:
        workshop.open()
    except UnmadeError as error:
        sys.exit(f"the peers' environment cannot be made: {error}")
    unmade = workshop.make([*PEERS, *UNDER_UVLOOP])
    peers = [peer for peer in (*PEERS, *UNDER_UVLOOP) if peer not in unmade]
    scores, broken = race.race(workshop, peers, rounds=args.rounds, pages=args.pages, tell=tell)
    unmade |= broken
    show(race.table(scores, unmade))
    versions = workshop.versions()
    print(versions)
    if args.svg:
        how = f"the same pages from nginx on loopback, medians of {args.rounds} rounds"
        conditions = [
            f"{how}; requests with a thread for each stream",
            *textwrap.wrap(versions, 90, break_on_hyphens=False),
        ]
        own_loop = [score for score in scores if score.peer.loop == "asyncio"]
        args.svg.write_text(chart.chart(own_loop, conditions), encoding="utf-8")
    tell("beginning")
    own = [peer for peer in PEERS if peer not in unmade]
    print()
    show(race.table_of_beginnings(workshop, race.beginnings(workshop, own, min(args.rounds, 5))))
    if args.seconds:
        tell("living with a limit")
        without = {peer.module for peer in unmade if peer.loop == "asyncio"}
        limited = [peer for peer in LIMITED if peer.module not in without]
        results = asyncio.run(limits.limited(workshop, limited, args.seconds))
        print()
        show(limits.table(limited, results, args.seconds))


if __name__ == "__main__":
    main()
