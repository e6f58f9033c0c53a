"""Processes that are killed and signalled in the middle of a harvest, against a real server."""

import asyncio
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from pathlib import Path

import pytest

from keyapi_async.harvest import Harvest
from keyapi_async.sandbox import Fault, Faults, Sandbox

KILLS = 5
LOST = {Fault.RESET, Fault.TRUNCATE, Fault.BAD_JSON}


async def started(box: Sandbox, file: Path, concurrency: int, ids: Sequence[str]) -> Process:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.harvest.harvester"),
        *(box.url, str(file), str(concurrency), ",".join(ids)),
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


async def test_kills_lose_no_row_and_cost_only_what_was_in_flight(tmp_path: Path) -> None:
    concurrency = 8
    dice = random.Random(4)
    file = tmp_path / "a.db"
    rates = {"429": 0.002, "500": 0.02, "reset": 0.02, "truncate": 0.02, "bad_json": 0.01}
    async with Sandbox(latency=0.05, faults=Faults(rates=rates)) as box:
        ids = box.product_ids(60)
        path = "/v1/tiktok/product/creators/analytics"
        lists = [box.rows(path, product_id=one) for one in ids]
        least = sum(len(rows) // 10 + 1 for rows in lists)
        for _ in range(KILLS):
            process = await started(box, file, concurrency, ids)
            await asyncio.sleep(dice.uniform(0, 0.3))
            process.kill()
            assert await process.wait() == -signal.SIGKILL, "it was done before it was killed"
        for _ in range(5):  # a list may fail in a run, and be taken up by the next
            done, failed, left, *_ = await ended(await started(box, file, 64, ids))
            if failed == "0":
                break
        assert (done, left) == ("60", "0")
        billed = box.billed
        assert (await ended(await started(box, file, 64, ids)))[3] == "0"
        assert box.billed == billed
        lost = sum(asked.billed and asked.fault in LOST for asked in box.requests)
    async with Harvest.open(file) as harvest:
        assert [row async for row in harvest.records(dict)] == [
            row for rows in lists for row in rows
        ]
        assert (await harvest.status()).pages == least
    assert billed <= least + lost + KILLS * concurrency


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_keeps_even_the_pages_in_flight(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with Sandbox(latency=0.03) as box:
        ids = box.product_ids(60)
        process = await started(box, tmp_path / "a.db", 8, ids)
        while len(box.requests) < 40:
            await asyncio.sleep(0.001)
        process.send_signal(number)
        *_, pages, stopped = await ended(process)
        assert stopped == "True"
        assert 40 <= int(pages) == box.billed < 120
