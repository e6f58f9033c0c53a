"""The file: whose it is, what it may be, and what happens when it is not."""

# ruff: noqa: S603  # what is run is our own program

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from keyapi_async.harvest import Harvest, Job, LedgerError
from keyapi_async.harvest.keeper import seen_through
from keyapi_async.harvest.ledger import FORMAT, Ledger
from tests.harvest import shop
from tests.harvest.disk import small_disk_at


def filled(file: Path, lists: int = 20) -> None:
    """Make a ledger of some lists with four pages each."""
    server = shop.Shop(shop.products(*[35] * lists))

    async def main() -> None:
        async with Harvest.open(file) as harvest:
            await harvest.run(server.client(), Job.product_creators(server.ids))

    shop.run(main)


def opened(file: Path, *, create: bool = True) -> None:
    async def main() -> None:
        async with Harvest.open(file, create=create) as harvest:
            await harvest.status()

    asyncio.run(main())


def test_a_ledger_has_one_user_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "a.db"

    async def main() -> None:
        async with Harvest.open(file):
            with pytest.raises(LedgerError, match=r"a.db: is in use by another run"):
                async with Harvest.open(file):
                    pass
            with pytest.raises(LedgerError, match="in use"):
                async with Harvest.open(file, create=False):
                    pass
        async with Harvest.open(file):
            pass

    asyncio.run(main())


def test_a_ledger_in_use_by_another_process_is_refused_until_that_is_killed(
    tmp_path: Path,
) -> None:
    file = tmp_path / "a.db"
    program = (
        "import sys, pathlib; from keyapi_async.harvest.ledger import Ledger\n"
        f"ledger = Ledger(pathlib.Path({str(file)!r}), create=True)\n"
        "print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        (sys.executable, "-c", program), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        with pytest.raises(LedgerError, match="in use"):
            opened(file)
        process.kill()
        process.wait()
    opened(file)


def test_no_ledger_is_made_where_one_is_expected(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"a.db: there is no such ledger"):
        opened(tmp_path / "a.db", create=False)
    assert not (tmp_path / "a.db").exists()


def test_a_place_where_no_file_can_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="is a folder"):
        opened(tmp_path)
    with pytest.raises(LedgerError, match="there is no such folder"):
        opened(tmp_path / "none" / "a.db")
    (tmp_path / "loop.db").symlink_to("loop.db")
    with pytest.raises(LedgerError, match="cannot be opened"):
        opened(tmp_path / "loop.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    filled(tmp_path / "a.db", 1)
    (tmp_path / "a.db").chmod(0o400)
    with pytest.raises(LedgerError, match="may not be written"):
        opened(tmp_path / "a.db")


def test_a_file_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    text = tmp_path / "ids.csv"
    text.write_text("product_id\n" * 100)
    with pytest.raises(LedgerError, match="is no ledger"):
        opened(text)
    assert text.read_text() == "product_id\n" * 100

    other = tmp_path / "other.db"
    db = sqlite3.connect(other)
    db.execute("CREATE TABLE mine (x)")
    db.close()
    before = other.read_bytes()
    with pytest.raises(LedgerError, match="the database of something else"):
        opened(other)
    assert other.read_bytes() == before


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    filled(file, 1)
    db = sqlite3.connect(file)
    db.execute(f"PRAGMA user_version = {FORMAT + 1}")
    db.close()
    with pytest.raises(LedgerError, match=r"a newer keyapi-async: its format is 2.*upgrade"):
        opened(file)


@pytest.mark.parametrize("share", [0.001, 0.3, 0.7, 0.99])
def test_a_truncated_ledger_is_refused(tmp_path: Path, share: float) -> None:
    file = tmp_path / "a.db"
    filled(file)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(LedgerError, match=r"a.db: is (damaged|no ledger, or a damaged one)"):
        opened(file)


def test_damage_inside_is_told(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    filled(file)
    data = bytearray(file.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    file.write_bytes(data)
    with pytest.raises(LedgerError, match=r"a.db: is damaged"):
        opened(file)


def test_an_empty_file_is_a_new_ledger_as_a_kill_may_leave_one(tmp_path: Path) -> None:
    (tmp_path / "a.db").touch()
    opened(tmp_path / "a.db")


def test_what_sqlite_says_beyond_that_is_passed_on(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "a.db", create=True)
    ledger.close()
    with pytest.raises(LedgerError, match=r"a.db: SQLite says: Cannot operate on a closed"):
        ledger.status()


def test_a_file_beside_the_ledger_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    Ledger(tmp_path / "a.db", create=True).close()
    (tmp_path / "a.db-journal" / "folder").mkdir(parents=True)
    with pytest.raises(LedgerError, match=r"I/O error.*may files be made in the folder"):
        Ledger(tmp_path / "a.db", create=True)


def test_a_full_disk_ends_the_run_and_the_ledger_is_intact(small_disk: Path) -> None:
    file = small_disk / "a.db"
    server = shop.Shop(shop.products(*[200] * 30), latency=0.01)

    async def main() -> None:
        job = Job.product_creators(server.ids)
        async with Harvest.open(file) as harvest:
            with pytest.raises(LedgerError, match=r"a.db: the disk is full.*run again"):
                await harvest.run(server.client(), job, concurrency=4)
            status = await harvest.status()
            assert 0 < status.pages <= server.billed <= status.pages + 2 * 4
        ballast.unlink()
        async with Harvest.open(file) as harvest:
            assert (await harvest.status()).pages == status.pages
            billed = server.billed
            await harvest.run(server.client(), job)
            assert server.billed - billed == server.least() - status.pages
            assert await shop.rows_in(harvest) == server.records()

    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(3_500_000))
    shop.run(main)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB, for those who may mount one."""
    with small_disk_at(tmp_path, "4m") as disk:
        yield disk


async def test_a_refused_id_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    def ids() -> Iterator[str]:
        yield "1"
        raise OSError("the file of ids is gone")

    async with Harvest.open(tmp_path / "a.db") as harvest:
        with pytest.raises(OSError, match="the file of ids"):
            await harvest._open_keeper().plan(Job.product_creators(ids()))
        assert (await harvest.status()).job == {}


async def test_what_is_seen_through_tells_its_error_before_a_cancellation() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(seen_through(future))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    future.set_exception(LedgerError(Path("a.db"), "is gone"))
    with pytest.raises(LedgerError, match="is gone"):
        await task
