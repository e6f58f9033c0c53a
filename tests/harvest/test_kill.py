"""Processes that are killed in the middle of a harvest, and all who look on."""

import asyncio
import random
import sqlite3
import sys
import threading
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from itertools import groupby
from pathlib import Path

import pytest

from keyapi_async.harvest import Harvest
from keyapi_async.sandbox import Fault, Faults, Sandbox

PATH = "/v1/tiktok/product/creators/analytics"
CONCURRENCY = 8
RATES = {"429": 0.002, "500": 0.02, "reset": 0.02, "truncate": 0.02}
LOST = {Fault.RESET, Fault.TRUNCATE}


async def started(box: Sandbox, file: Path, ids: Sequence[str]) -> Process:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.harvest.harvester"),
        *(box.url, str(file), str(CONCURRENCY), ",".join(ids)),
        cwd=Path(__file__).parents[2],
        stdout=PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"running\n"
    return process


async def ended(process: Process) -> list[str]:
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode().split()


SHOWN = """
SELECT list_product_id, user_id,
    (strftime('%s') - strftime('%s', fetched_at) + 86400) / 172800 FROM records
"""
"""List, row, and how many readings ago it came, as each is two days older than the next."""


def known_pages(file: Path) -> set[tuple[str, str]]:
    """List the pages of the readings under way; where none is, let two days go by."""
    with closing(sqlite3.connect(file)) as db, db:
        if db.execute("SELECT min(state) FROM list").fetchone() == (1,):
            db.execute("UPDATE list SET read_at = read_at - 172800")
            db.execute("UPDATE page SET fetched_at = fetched_at - 172800")
            return set()
        return set(
            db.execute(
                "SELECT list_product_id, CAST(page.page_num AS TEXT) FROM list"
                " JOIN page ON page.list = list.id AND page.reading = list.reading"
            )
        )


class Look:
    """What readers do, over and over."""

    def __init__(self, file: Path, lists: Mapping[str, Sequence[str]]) -> None:
        self.file = file
        self.lists = lists
        self.begun = True
        """Whether the first reading is under way."""
        self.over = threading.Event()

    def see_whole(self, rows: Sequence[tuple[str, str, int]], *, begun: bool) -> None:
        """See that each list is of one whole reading; of the first one, that it is whole pages."""
        found = {one: list(many) for one, many in groupby(rows, lambda row: row[0])}
        assert begun or found.keys() == self.lists.keys()
        for one, many in found.items():
            ids, whole = [user_id for _, user_id, _ in many], self.lists[one]
            assert len({reading for *_, reading in many}) == 1
            assert ids == whole or (begun and len(ids) % 10 == 0 and ids == whole[: len(ids)])

    def by_sqlite(self) -> None:
        begun = self.begun
        with closing(sqlite3.connect(self.file)) as db:
            self.see_whole(db.execute(SHOWN).fetchall(), begun=begun)

    def by_ours(self) -> None:
        async def main() -> None:
            begun = self.begun
            async with Harvest.open(self.file, read_only=True) as harvest:
                status, records = await harvest.status(), harvest.records(dict)
                found = [(row["product_id"], row["user_id"], 0) async for row in records]
                self.see_whole(found, begun=begun)
                done = await harvest.export(self.file.with_suffix(".csv"))
                assert done.rows >= len(found)
                assert (await harvest.status()).pages >= status.pages

        asyncio.run(main())

    def until_it_is_over(self, look: Callable[[], None]) -> int:
        times = 0
        while not self.over.wait(0.1):  # the processors are for the harvest
            look()
            times += 1
        return times


@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=pytest.mark.exhaustive)])
async def test_kills_lose_no_row_and_cost_only_what_was_in_flight(
    tmp_path: Path, kills: int
) -> None:
    """The first reading is killed, and those that follow; all the while others look on."""
    dice, file = random.Random(kills), tmp_path / "a.db"
    async with Sandbox(latency=0.03, faults=Faults(rates=RATES)) as box:
        ids = box.product_ids(30)[6:]  # four of them have about 35 pages
        rows = {one: box.rows(PATH, product_id=one) for one in ids}
        lists = {one: [str(row["user_id"]) for row in rows[one]] for one in ids if rows[one]}
        look = Look(file, lists)
        known: set[tuple[str, str]] = set()
        begin = 0
        process = await started(box, file, ids)
        while len(box.requests) < 30:
            await asyncio.sleep(0.001)
        looks = [
            asyncio.create_task(asyncio.to_thread(look.until_it_is_over, by))
            for by in (look.by_sqlite, look.by_ours)
        ]
        try:
            for number in range(kills):
                await asyncio.sleep(dice.uniform(0, 0.6))
                with suppress(ProcessLookupError):  # it may have read the rest by now
                    process.kill()
                await process.wait()
                asked = box.requests[begin:]
                pages = {(one.params["product_id"], one.params["page_num"]) for one in asked}
                assert known.isdisjoint(pages), "the ledger had it"
                if not number:
                    told = await ended(await started(box, file, ids))
                    assert told[:3] == ["24", "0", "0"]
                    look.begun = False
                known, begin = known_pages(file), len(box.requests)
                process = await started(box, file, ids)
            async with asyncio.timeout(30):  # nobody holds it up
                assert (await ended(process))[:3] == ["24", "0", "0"]
        finally:
            look.over.set()
            times = await asyncio.gather(*looks)
        assert min(times) > 0
        billed = box.billed
        assert (await ended(await started(box, file, ids)))[3] == "0"
        assert box.billed == billed
        lost = sum(asked.billed and asked.fault in LOST for asked in box.requests)
    look.by_sqlite()
    async with Harvest.open(file, read_only=True) as harvest:
        pages_kept = (await harvest.status()).pages
    assert pages_kept <= billed <= pages_kept + lost + kills * CONCURRENCY
