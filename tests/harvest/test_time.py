"""When a page came, lists that are read again, and a clock that is wrong."""

import json
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it has no types
import pytest

from keyapi_async import InvalidParameterError, ProductCreator
from keyapi_async.harvest import Harvest
from tests.csvs import read_csv
from tests.harvest import shop

DAY = timedelta(days=1)
NOON = 1_767_268_800  # 2026-01-01, 12:00 UTC


class Clock:
    """What ``time.time`` says."""

    now = float(NOON)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "time", lambda: made.now)
    return made


def times_in(file: Path, view: str = "records") -> dict[str, int]:
    with closing(sqlite3.connect(file)) as db:
        found = db.execute(f"SELECT fetched_at, count(*) FROM {view} GROUP BY 1")  # noqa: S608
        return dict(found.fetchall())


@shop.virtually
async def test_lists_that_are_too_old_are_read_again_and_both_readings_stay(
    tmp_path: Path, clock: Clock
) -> None:
    server = shop.Shop(shop.products(12, 25))
    file = tmp_path / "a.db"
    read = server.client().tiktok.product.iter_creators
    async with Harvest.open(file) as harvest:
        await harvest.run(["100"], read)
        clock.now += 80_000
        await harvest.run(["101"], read)
        clock.now += 10_000  # the first is older than a day, the second is not
        assert (await harvest.run(server.ids, read)).requests == 0
        assert (await harvest.run(server.ids, read, max_age=timedelta(days=2))).requests == 0
        server.lengths["100"] = 14
        report = await harvest.run(server.ids, read, max_age=DAY)
        assert (report.requests, report.done, report.before) == (2, 2, 1)
        status = await harvest.status()
        assert (status.first, status.rows) == (datetime.fromtimestamp(NOON, UTC), 51)
        assert len(await shop.rows_in(harvest)) == 39
        every = [one async for one in harvest.records(ProductCreator, snapshots="all")]
        assert len(every) == 51
        assert [one async for one in harvest.values("fetched_at")] == [
            "2026-01-02T13:00:00Z",
            "2026-01-02T10:13:20Z",
        ]
        with pytest.raises(InvalidParameterError, match=r"field='x' .*list_product_id, fet"):
            await anext(harvest.values("x"))
        for which, rows in (("latest", 39), ("all", 51)):
            for suffix in ("csv", "jsonl", "parquet"):
                out = tmp_path / f"{which}.{suffix}"
                assert (await harvest.export(out, snapshots=which)).rows == rows  # type: ignore[arg-type]
    old, other, new = "2026-01-01T12:00:00Z", "2026-01-02T10:13:20Z", "2026-01-02T13:00:00Z"
    assert times_in(file) == {new: 14, other: 25}
    assert times_in(file, "snapshots") == {old: 12, new: 14, other: 25}
    cells = [row["fetched_at"] for row in read_csv(tmp_path / "all.csv")[1]]
    lines = (tmp_path / "all.jsonl").read_bytes().splitlines()
    typed = pq.read_table(tmp_path / "all.parquet")["fetched_at"].to_pylist()
    assert cells == [old] * 12 + [new] * 14 + [other] * 25
    assert cells == [json.loads(line)["fetched_at"] for line in lines]
    assert cells == [f"{one:%Y-%m-%dT%H:%M:%SZ}" for one in typed]


@pytest.mark.parametrize("jump", [-5 * 3600, 7 * 3600, -500_000, 300_000_000])
@shop.virtually
async def test_a_clock_that_jumps_buys_nothing_twice_and_skips_no_list_for_ever(
    tmp_path: Path, clock: Clock, jump: int
) -> None:
    server = shop.Shop(shop.products(35, 5))
    read = server.client().tiktok.product.iter_creators

    def jumps(_: object) -> None:
        clock.now += jump

    async with Harvest.open(tmp_path / "a.db") as harvest:
        for day in (0, 7):
            clock.now = NOON + day * 86_400
            report = await harvest.run(server.ids, read, max_age=DAY, progress=jumps)
            assert (report.requests, report.done) == (5, 2)
            assert report.elapsed > 0
            assert await shop.rows_in(harvest) == server.records()
            status = await harvest.status()
            assert status.run is not None
            assert status.run.elapsed >= 0
        clock.now = NOON + 14 * 86_400
        await harvest.run(server.ids, read, max_age=DAY)
        clock.now -= 5 * 3600  # what seems to come from the next hours is new
        assert (await harvest.run(server.ids, read, max_age=DAY)).requests == 0
        assert len([one async for one in harvest.records(dict, snapshots="all")]) == 120
