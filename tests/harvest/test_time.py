"""When a page came, lists that are read again, and a clock that is wrong."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from keyapi_async import InvalidParameterError, ProductCreator
from keyapi_async.harvest import Harvest
from tests.harvest import shop
from tests.harvest.out import taken_out

LOOP = shop.InlineLoop
DAY = timedelta(days=1)
NOON = 1_767_268_800  # 2026-01-01, 12:00 UTC


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Give what ``time.time`` says ``now``."""
    made = SimpleNamespace(now=float(NOON))
    monkeypatch.setattr(time, "time", lambda: made.now)
    return made


async def test_lists_that_are_too_old_are_read_again_and_both_readings_stay(
    tmp_path: Path, clock: SimpleNamespace
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
        assert len([one async for one in harvest.records(ProductCreator, snapshots="all")]) == 51
        with pytest.raises(InvalidParameterError, match=r"field='x' .*list_product_id, fet"):
            await anext(harvest.values("x"))
        old, other, new = "2026-01-01T12:00:00Z", "2026-01-02T10:13:20Z", "2026-01-02T13:00:00Z"
        latest, every = [new] * 14 + [other] * 25, [old] * 12 + [new] * 14 + [other] * 25
        assert [one async for one in harvest.values("fetched_at")] == [new, other]
        for view, snapshots, wanted in (("records", "latest", latest), ("snapshots", "all", every)):
            out = await taken_out(harvest, tmp_path, view, snapshots=snapshots)
            assert [row["fetched_at"] for row in out.cells] == wanted
            assert [row["fetched_at"] for row in out.lines] == wanted
            assert [f"{row['fetched_at']:%Y-%m-%dT%H:%M:%SZ}" for row in out.typed] == wanted


@pytest.mark.parametrize("jump", [-5 * 3600, 7 * 3600, -500_000, 300_000_000])
async def test_a_clock_that_jumps_buys_nothing_twice_and_skips_no_list_for_ever(
    tmp_path: Path, clock: SimpleNamespace, jump: int
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
