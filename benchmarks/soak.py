"""A long run on real sockets at a high fault rate: rows, credits, and what might grow.

The sandbox serves from a second process, and spoils a share of its answers in every way that leaves
the rows as they are: refusals, resets, truncations, hangs, answers that are no JSON, odd types and
so on. One client reads ten endpoints (paged, single calls, ids in tens) by streams with prefetch
and by a fan-out at once. The rows are compared with the sandbox's by their number and by a checksum
that knows no order, the meter with the bill. The exit code is 1 where a promise is broken.

    python -m benchmarks.soak [--pages 300000] [--faults 0.05] [--minutes 30]
"""

import argparse
import asyncio
import itertools
import multiprocessing
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import attrs

from keyapi_async import Bookmark, KeyAPI, KeyAPIError, RecordStream, RetryPolicy, fan_out
from keyapi_async.api import endpoints
from keyapi_async.api.endpoint import Endpoint
from keyapi_async.records.codec import kinds_of
from keyapi_async.sandbox import Faults, Sandbox, Service
from keyapi_async.sandbox.faults import Fault

STREAMS, PREFETCH, CONCURRENCY = 8, 4, 40
IN_FLIGHT = STREAMS * (PREFETCH + 1) + CONCURRENCY
"""Requests at most."""

Key = str | tuple[str, ...]
Row = dict[str, Any]
READ = (
    *("product creators", "product videos", "product reviews", "product livestreams"),
    *("influencer videos", "shop creators", "shop detail"),
    *("product detail", "influencer detail", "video products"),  # ids in tens
)
KEYS = 1000
"""Lists of each endpoint, or of those that take ids in tens, a fifth as many, of 25 ids each."""

SPARED = {
    *(Fault.UNAUTHORIZED, Fault.QUOTA, Fault.QUOTA_500),  # they would end the run
    *(Fault.NULL_DATA, Fault.MISSING_DATA, Fault.MISSING_FIELDS),  # the rows would be others
    Fault.ZEROS,  # inflating 8 MiB again and again would measure zlib
}
TIMEOUT = 1.0
MAY_GROW = 16.0  # MiB
WARM = 0.25  # of the pages


def serve(parent: Connection, rate: float) -> None:
    """Be the server: tell the address, and the bill when asked for it."""

    async def main() -> None:
        struck = [fault for fault in Fault if fault not in SPARED]
        rates = dict.fromkeys(struck, rate / len(struck))
        async with Sandbox(faults=Faults(rates=rates, delay=0.05, retry_after=0.0)) as box:
            parent.send((box.url, box.api_key))
            faults = 0
            while not parent.poll():
                await asyncio.sleep(0.1)
                faults += sum(asked.fault is not None for asked in box.requests)
                box.requests.clear()
            parent.send((box.billed, faults))

    asyncio.run(main())


@attrs.frozen(eq=False)
class Lists:
    """The lists of one endpoint that are read.

    Attributes:
        fields: what the checksum is made of: whatever no fault writes in another way.
    """

    endpoint: Endpoint
    keys: Sequence[Key]
    fields: Sequence[str]

    @property
    def name(self) -> str:
        """The endpoint's."""
        return f"{self.endpoint.resource} {self.endpoint.name}"

    def open(self, api: KeyAPI, key: Key, **paging: Any) -> RecordStream[Any]:
        """Make the stream of a list."""
        return self.endpoint.open(api.tiktok, {self.endpoint.key[0]: key}, **paging)

    def checksum(self, value: Callable[[str], object]) -> int:
        """Give the share of a row, told by its values."""
        return hash((self.name, *(str(value(name)).strip() for name in self.fields)))

    def rows(self, box: Service, key: Key) -> list[Row]:
        """List what the sandbox has of a list."""
        name, path = self.endpoint.key[0], self.endpoint.path
        if isinstance(key, str):
            return box.rows(path, **{name: key})
        tens = (",".join(key[n : n + 10]) for n in range(0, len(key), 10))
        return [row for ten in tens for row in box.rows(path, **{name: ten})]


def _lists(box: Service) -> list[Lists]:
    known = {f"{one.resource} {one.name}": one for one in endpoints()}
    some: dict[str, Callable[[int], list[str]]] = {
        "product": box.product_ids,
        "user": box.user_ids,
        "seller": box.seller_ids,
        "video": box.video_ids,
    }
    made = []
    for endpoint in map(known.__getitem__, READ):
        name, _, many = endpoint.key[0].partition("_id")
        ids = some[name](5 * KEYS if many else KEYS)
        groups = [tuple(ids[n : n + 25]) for n in range(0, len(ids), 25)]
        fields = [n for n, kind in kinds_of(endpoint.record).items() if kind.passes in {str, int}]
        made.append(Lists(endpoint, groups if many else ids, fields[:6]))
    return made


@attrs.define
class Soak:
    """What is read, by whom, and how it goes."""

    api: KeyAPI
    pages: int
    until: float
    box: Service = attrs.field(factory=Service)
    drawn: Counter[tuple[Lists, Key]] = attrs.field(factory=Counter)
    rows: int = 0
    checksum: int = 0
    errors: int = 0
    samples: list[tuple[int, float, int, int]] = attrs.field(factory=list)

    def keys(self) -> Iterator[tuple[Lists, Key]]:
        """Give lists until the pages are enough or the time is over; all readers share it."""
        every = [zip(itertools.repeat(one), itertools.cycle(one.keys)) for one in _lists(self.box)]
        for drawn in itertools.chain.from_iterable(zip(*every, strict=False)):
            if self.api.credits.spent >= self.pages or time.monotonic() >= self.until:
                return
            self.drawn[drawn] += 1
            yield drawn

    def take(self, lists: Lists, record: object) -> None:
        """Count a row."""
        self.rows += 1
        self.checksum += lists.checksum(lambda name: getattr(record, name))

    async def by_streams(self, keys: Iterator[tuple[Lists, Key]]) -> None:
        """Read one list after the other; an error is gone on behind."""
        for lists, key in keys:
            single = lists.endpoint.pages is None and isinstance(key, str)
            ahead = {} if single else {"prefetch": PREFETCH}
            async with lists.open(self.api, key, **ahead) as stream:
                while True:
                    try:
                        async for record in stream:
                            self.take(lists, record)
                        break
                    except KeyAPIError:
                        self.errors += 1

    async def by_fan_out(self, keys: Iterator[tuple[Lists, Key]]) -> None:
        """Read many lists at once; those that fail are taken up at their bookmarks.

        A list is drawn again and again, so each time has a number of its own.
        """
        marks: dict[tuple[int, tuple[Lists, Key]], Bookmark | None] = {}

        def open_stream(drawn: tuple[int, tuple[Lists, Key]]) -> RecordStream[Any]:
            lists, key = drawn[1]
            return lists.open(self.api, key, start=marks.get(drawn))

        numbered: Iterator[tuple[int, tuple[Lists, Key]]] = enumerate(keys)
        while True:
            async with fan_out(
                numbered, open_stream, concurrency=CONCURRENCY, on_error="collect"
            ) as results:
                async for (_, (lists, _)), record in results:
                    self.take(lists, record)
            self.errors += len(results.failures)
            if not results.failures:
                return
            marks = {failure.key: failure.bookmark for failure in results.failures}
            numbered = iter(marks)

    async def watch(self) -> None:
        """Print a line now and then."""
        begin = time.monotonic()
        print("seconds    pages  pages/s       rows  errors  uncertain    MiB  tasks  sockets")
        step = max(1, self.pages // 20)
        for mark in itertools.count(step, step):
            while self.api.credits.spent < mark:
                await asyncio.sleep(0.05)
            spent, uncertain = self.api.credits.spent, self.api.credits.uncertain
            sample = (spent, _resident(), len(asyncio.all_tasks()), _sockets())
            self.samples.append(sample)
            seconds = time.monotonic() - begin
            print(
                f"{seconds:7.0f} {spent:8,} {spent / seconds:8,.0f} {self.rows:10,}"
                f" {self.errors:7,} {uncertain:10,} {sample[1]:6.1f} {sample[2]:6} {sample[3]:8}",
                flush=True,
            )

    async def run(self) -> None:
        """Read everything."""
        keys = self.keys()
        watcher = asyncio.create_task(self.watch())
        async with asyncio.TaskGroup() as group:
            group.create_task(self.by_fan_out(keys))
            for _ in range(STREAMS):
                group.create_task(self.by_streams(keys))
        watcher.cancel()
        await asyncio.wait((watcher,))

    def wanted(self) -> tuple[int, int]:
        """Give the number and the checksum of the rows that the sandbox has for what was drawn."""
        rows = checksum = 0
        for (lists, key), times in self.drawn.items():
            for row in lists.rows(self.box, key):
                rows += times
                checksum += times * lists.checksum(row.get)
        return rows, checksum


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _sockets() -> int:
    return sum(link.is_socket() for link in Path("/proc/self/fd").iterdir())


async def soak(url: str, key: str, pages: int, minutes: float) -> tuple[Soak, list[str]]:
    """Run it; give the promises that are broken."""
    retry = RetryPolicy(attempts=5, initial=0.01, maximum=0.2)
    idle_sockets, idle_tasks = _sockets(), len(asyncio.all_tasks())
    until = time.monotonic() + 60 * minutes
    async with KeyAPI(key, base_url=url, qps=1e5, retry=retry, timeout=TIMEOUT, proxy="") as api:
        run = Soak(api, pages, until)
        await run.run()
    await asyncio.sleep(0.1)
    broken = []
    if (tasks := len(asyncio.all_tasks())) > idle_tasks:
        broken.append(f"{tasks - idle_tasks} tasks are left")
    if (sockets := _sockets()) > idle_sockets:
        broken.append(f"{sockets - idle_sockets} sockets are left")
    warm = [sample for sample in run.samples if sample[0] >= WARM * pages]
    if warm:
        grown = max(sample[1] for sample in warm) - warm[0][1]
        print(f"memory grew by {grown:.1f} MiB after the first quarter")
        if grown > MAY_GROW:
            broken.append(f"memory grew by {grown:.1f} MiB")
    if any(tasks > idle_tasks + 2 * IN_FLIGHT for _, _, tasks, _ in run.samples):
        broken.append("tasks pile up")
    if any(sockets > idle_sockets + 2 * IN_FLIGHT for *_, sockets in run.samples):
        broken.append("sockets pile up")
    return run, broken


def main() -> int:
    """Soak, print what came of it, and say whether every promise was kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pages", type=int, default=300_000)
    parser.add_argument("--faults", type=float, default=0.05, help="share of spoilt answers")
    parser.add_argument("--minutes", type=float, default=30.0, help="begin no list after that")
    args = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=serve, args=(theirs, args.faults), daemon=True)
    server.start()
    url, key = ours.recv()
    run, broken = asyncio.run(soak(url, key, args.pages, args.minutes))
    ours.send("the bill")
    billed, faults = ours.recv()
    server.join()

    spent, uncertain = run.api.credits.spent, run.api.credits.uncertain
    stats = run.api.stats
    rows, checksum = run.wanted()
    lists = run.drawn.total()
    print(f"{lists:,} lists, {stats.requests:,} requests, {faults:,} of them struck")
    same = run.checksum == checksum
    print(f"rows {run.rows:,}, the sandbox's {rows:,}, checksums {'equal' if same else 'differ'}")
    print(f"credits {spent:,} spent and {uncertain:,} uncertain, billed {billed:,}")
    if run.rows != rows or not same:
        broken.append("the rows are not those of the sandbox")
    if not spent <= billed <= spent + uncertain:
        broken.append("the meter is not the bill")
    for promise in broken:
        print(f"BROKEN: {promise}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
