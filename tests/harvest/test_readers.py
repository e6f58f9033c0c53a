"""Whoever reads the ledger while a run writes to it sees the last page, and holds up nobody."""

import asyncio
import os
import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path

import pandas as pd  # type: ignore[import-untyped]  # it has no types
import pytest

import keyapi_async.harvest.file
from keyapi_async import UsageError
from keyapi_async.harvest import Harvest, LedgerError, Progress
from keyapi_async.harvest.reading import Reading
from tests.harvest import shop

LOOP = shop.InlineLoop


async def test_a_reader_sees_every_committed_page_while_the_run_goes_on(tmp_path: Path) -> None:
    """As pandas reads the ledger, and as ``status`` does; processes are in test_kill."""
    server = shop.Shop(shop.products(*[35] * 6))
    file = tmp_path / "a.db"
    looks = 0

    def look(progress: Progress) -> None:
        nonlocal looks
        looks += 1
        with closing(sqlite3.connect(file)) as db, closing(Reading(file)) as reading:
            frame, status = pd.read_sql("SELECT * FROM records", db), reading.status()
        assert frame["total_followers_cnt"].dtype == int
        assert frame["per_product_ifl_gmv_amt"].dtype == float
        assert len(frame) == status.rows == progress.rows > 0
        assert (status.running, status.left) == (True, progress.left)
        assert status.run is not None
        assert (status.run.rows, status.run.left) == (progress.rows, progress.left)

    async with Harvest.open(file) as harvest:
        read = shop.creators(server.client())
        report = await harvest.run(server.ids, read, concurrency=2, progress=look)
        assert (report.done, looks) == (6, 12)


async def test_a_reader_in_the_middle_of_its_reading_holds_up_nobody(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(*[35] * 30))
    file = tmp_path / "a.db"
    read = shop.creators(server.client())
    async with Harvest.open(file) as harvest, Harvest.open(file, read_only=True) as other:
        await harvest.run(server.ids[:20], read)
        values = other.values("user_id")
        with closing(sqlite3.connect(file)) as db:
            rows = db.execute("SELECT user_id FROM records")
            first = rows.fetchmany(5)
            records = other.records(dict)
            begun = [await anext(records), await anext(values)]
            report = await harvest.run(server.ids, read)
            assert (report.done, len(begun)) == (30, 2)
            assert len(first) + len(rows.fetchall()) == 700  # as it was when it began
        await values.aclose()
        assert 1 + len([row async for row in records]) == 1050
        assert {one async for one in other.values("user_id")} == {
            str(7_000_000 + place) for place in range(35)
        }


async def test_values_kept_past_their_harvest_say_so_and_end_in_peace(tmp_path: Path) -> None:
    troubles: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, trouble: troubles.append(trouble))
    async with shop.filled(tmp_path / "a.db", 35) as harvest:
        kept, read = harvest.values("user_id"), harvest.values("user_id")
        assert await anext(kept) == await anext(read)
    del kept
    with pytest.raises(UsageError, match="inside of"):
        assert len([value async for value in read]) < 35
    await asyncio.sleep(0.1)
    assert troubles == []


async def test_a_ledger_in_a_folder_that_may_not_be_written_can_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    file = folder / "a.db"
    async with shop.filled(file, 35):
        pass
    assert list(folder.iterdir()) == [file]
    file.chmod(0o444)
    folder.chmod(0o555)
    for parent in [tmp_path, *list(tmp_path.parents)[:3]]:
        parent.chmod(parent.stat().st_mode | 0o055)
    user = os.geteuid()
    if user == 0:  # root may write everywhere
        os.seteuid(65534)
    try:
        async with Harvest.open(file, read_only=True) as harvest:
            assert (await harvest.status()).rows == len(await shop.rows_in(harvest)) == 35
        with pytest.raises(LedgerError, match=r"a\.db: (may not be written|cannot be opened)"):
            async with Harvest.open(file):
                pass
    finally:
        os.seteuid(user)
        folder.chmod(0o755)
    assert list(folder.iterdir()) == [file]


@pytest.mark.parametrize("read_only", [True, False])
async def test_a_run_that_writes_while_a_ledger_is_opened_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, read_only: bool
) -> None:
    file = tmp_path / "a.db"
    async with shop.filled(file, 35):
        pass
    measure = keyapi_async.harvest.file._size
    with ExitStack() as opened:

        def measured(path: Path) -> int:
            size = measure(path)
            db = opened.enter_context(closing(sqlite3.connect(path)))
            with db:
                db.execute("CREATE TABLE IF NOT EXISTS more (blob)")
                db.execute("INSERT INTO more VALUES (zeroblob(100000))")
            return size

        monkeypatch.setattr("keyapi_async.harvest.file._size", measured)
        async with Harvest.open(file, read_only=read_only) as harvest:
            monkeypatch.undo()
            assert len(await shop.rows_in(harvest)) == 35
