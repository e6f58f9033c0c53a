"""The file: whose it is, what it may be, and what happens when it is not."""

# ruff: noqa: S603  # what is run is our own program

import asyncio
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

import keyapi_async.harvest.file
from keyapi_async import ProductCreator
from keyapi_async.harvest import Harvest, LedgerError
from keyapi_async.harvest.file import FORMAT, RunLock
from keyapi_async.loops import seen_through
from keyapi_async.records import codec
from keyapi_async.records.fields import Count, Text
from tests.harvest import shop
from tests.harvest.disk import small_disk_at

LOOP = shop.InlineLoop


def filled(file: Path, lists: int = 20) -> Path:
    """Make a ledger of some lists with four pages each."""

    async def main() -> None:
        async with shop.filled(file, *[35] * lists):
            pass

    shop.run(main)
    return file


def opened(file: Path, *, read_only: bool = False) -> None:
    async def main() -> None:
        async with Harvest.open(file, read_only=read_only) as harvest:
            await harvest.status()

    shop.run(main)


def changed(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as db, db:
        db.execute(statement)


@pytest.fixture(params=[False, True], ids=["to write", "to read"])
def read_only(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_a_run_in_another_process_is_told_and_refused_until_that_is_killed(tmp_path: Path) -> None:
    file = filled(tmp_path / "a.db", 1)
    program = (
        "import pathlib, sys, keyapi_async.harvest.ledger as ledger\n"
        f"ledger.Ledger(pathlib.Path({str(file)!r})).open()\n"
        "print('open', flush=True); sys.stdin.read()"
    )

    async def running() -> bool:
        async with Harvest.open(file, read_only=True) as harvest:
            return (await harvest.status()).running

    with subprocess.Popen(
        (sys.executable, "-c", program), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        with pytest.raises(LedgerError, match=r"a\.db: is in use by another run; wait"):
            filled(file, 1)
        assert shop.run(running)
        process.kill()
        process.wait()
    assert not shop.run(running)
    filled(file, 1)
    assert [one.name for one in tmp_path.iterdir()] == ["a.db"]


def aged(file: Path, by: int) -> None:
    changed(filled(file, 1), f"PRAGMA user_version = {FORMAT + by}")


ELSE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (Path.mkdir, "is a folder"),
    "a link to itself": (lambda file: file.symlink_to(file.name), "cannot be o|no ledger of this"),
    "a text": (lambda file: file.write_text("product_id\n" * 100), "is not a ledger"),
    "a database": (lambda file: changed(file, "CREATE TABLE mine (x)"), "database of something e"),
    "newer": (lambda file: aged(file, 1), f"by a newer keyapi-async: its format is {FORMAT + 1}, "),
    "older": (lambda file: aged(file, -1), f"by an older keyapi-async: .* {FORMAT - 1}, and this"),
}


@pytest.mark.parametrize("what", ELSE)
def test_a_file_of_something_else_is_refused_and_left_as_it_is(
    tmp_path: Path, what: str, read_only: bool
) -> None:
    file, (make, told) = tmp_path / "a.db", ELSE[what]
    make(file)
    before = file.is_file() and file.read_bytes()
    with pytest.raises(LedgerError, match=rf"a\.db: .*({told})"):
        opened(file, read_only=read_only)
    assert (file.is_file() and file.read_bytes()) == before


def test_where_there_is_none_only_a_run_makes_one(tmp_path: Path, read_only: bool) -> None:
    with pytest.raises(LedgerError, match=r"its folder does not exist|there is no ledger"):
        opened(tmp_path / "none" / "a.db", read_only=read_only)
    file = tmp_path / "a.db"
    with pytest.raises(LedgerError, match=r"a.db: there is no ledger of this name"):
        opened(file, read_only=True)
    assert not file.exists()
    file.touch()  # as a kill may leave one
    with pytest.raises(LedgerError, match="holds nothing yet"):
        opened(file, read_only=True)
    opened(file)


DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    **{f"cut {n}": lambda data, n=n: data[: len(data) * n // 1000] for n in (1, 300, 700, 990)},  # type: ignore[misc]  # bound at once
    "inside": lambda data: data[:4096] + b"\xff" * (len(data) - 4096),
    "what SQLite cannot even quote": lambda data: data.replace(b"CREATE TABLE", b"CREATE TABL\xd7"),
}


@pytest.mark.parametrize("how", DAMAGED)
def test_damage_inside_is_told(tmp_path: Path, how: str, read_only: bool) -> None:
    file = filled(tmp_path / "a.db")
    file.write_bytes(DAMAGED[how](file.read_bytes()))
    with pytest.raises(LedgerError, match=r"a.db: is (damaged|not a ledger, or a damaged one)"):
        opened(file, read_only=read_only)


async def test_a_folder_in_the_place_of_the_lock_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.db-lock").mkdir()
    async with Harvest.open(tmp_path / "a.db") as harvest:
        assert not (await harvest.status()).running
    with pytest.raises(LedgerError, match=r"a\.db-lock: cannot be opened"):
        async with shop.filled(tmp_path / "a.db", 5):
            pass


async def test_a_ledger_that_refuses_a_page_ends_the_run_and_keeps_the_rest(tmp_path: Path) -> None:
    server, file = shop.Shop(shop.products(*[35] * 6)), tmp_path / "a.db"
    refusal = (
        "CREATE TRIGGER no BEFORE INSERT ON page WHEN NEW.list = 4 AND NEW.page_num = 2"
        " BEGIN SELECT RAISE(ABORT, 'no such page'); END"
    )
    read = shop.creators(server.client())
    async with Harvest.open(file) as harvest:
        harvest.stop()
        await harvest.run(server.ids[:1], read)
        changed(file, refusal)
        with pytest.raises(LedgerError, match="no such page"):
            await harvest.run(server.ids, read, concurrency=2)
        assert (await harvest.status()).pages >= server.billed - 2
        changed(file, "DROP TRIGGER no")
        await harvest.run(server.ids, read)
        assert await shop.rows_in(harvest) == server.records()


@pytest.mark.parametrize("again", [False, True])
async def test_a_full_disk_ends_the_run_and_the_ledger_is_intact(
    tmp_path: Path, *, again: bool
) -> None:
    server = shop.Shop(shop.products(*[200] * 30), latency=0.01)
    read, day = shop.creators(server.client()), timedelta(days=1)
    before = 0
    with small_disk_at(tmp_path / "small", "12m") as disk:
        file, ballast = disk / "a.db", disk / "ballast"
        if again:  # the disk fills while all lists are read a second time
            async with Harvest.open(file) as harvest:
                before = (await harvest.run(server.ids, read)).pages
            changed(file, "UPDATE list SET read_at = 0")
        ballast.write_bytes(bytes(shutil.disk_usage(disk).free - 500_000))
        async with Harvest.open(file) as harvest:
            with pytest.raises(LedgerError, match=r"a.db: the disk is full.*run again"):
                await harvest.run(server.ids, read, concurrency=4, max_age=day)
            status = await harvest.status()
            assert before < status.pages <= server.billed <= status.pages + 2 * 4
            assert len(await shop.rows_in(harvest)) == (6000 if again else status.rows)
        ballast.unlink()
        async with Harvest.open(file) as harvest:
            assert (await harvest.status()).pages == status.pages
            billed = server.billed
            await harvest.run(server.ids, read, max_age=day)
            assert server.billed - billed == server.least() - (status.pages - before)
            assert await shop.rows_in(harvest) == server.records()


def record_class(**kinds: object) -> type[Any]:
    fields: Any = {name: attrs.field(type=kind, default=None) for name, kind in kinds.items()}  # type: ignore[call-overload]  # a type is given
    fields["extra"] = attrs.field(factory=dict)
    options: Any = {"frozen": True, "slots": True, "weakref_slot": False}
    return attrs.make_class("Row", fields, field_transformer=codec.documented, **options)


async def test_a_record_that_grows_gets_columns_and_another_is_refused(tmp_path: Path) -> None:
    async with Harvest.open(tmp_path / "a.db") as harvest:

        async def run(lists: int, into: type[Any]) -> list[Any]:
            await shop.Answers([[{"a": 1, "b": "new"}]] * lists).harvested(harvest, into)
            return [row async for row in harvest.records(into)]

        (row,) = await run(1, record_class(a=Count))
        assert (row.a, row.extra) == (1, {"b": "new"})
        old, new = await run(2, record_class(a=Count, b=Text))
        assert (old.a, old.b, new.b, new.extra) == (1, "new", "new", {})
        assert [one async for one in harvest.values("b")] == ["new"]
        with pytest.raises(LedgerError, match=r"another version: a is a count .*a text here"):
            await run(3, record_class(a=Text, b=Text))


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


async def test_status_counts_without_looking_at_a_row(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    async with shop.filled(file, 35, 35, 35):
        changed(file, "DROP TABLE record")
        changed(file, "DROP TABLE page")
    async with Harvest.open(file, read_only=True) as harvest:
        status = await harvest.status()
        assert (status.done, status.pages, status.rows) == (3, 12, 105)
        assert status.size == file.stat().st_size


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE about SET facts = substr(facts, 1, 30)", "is damaged"),
        ("UPDATE field SET name = x'00' WHERE position = 3", "is damaged"),
        ("UPDATE page SET rows = 1 << 60", "is damaged"),
        ("UPDATE page SET rejects = 1 << 60", "is damaged"),
        ("UPDATE page SET rows = 'x'", "is damaged"),
        ("DROP TABLE page", r"a\.db: SQLite says: no such table: .*page"),
    ],
)
async def test_what_no_harvest_writes_is_told_at_once(
    tmp_path: Path, statement: str, told: str
) -> None:
    async with shop.filled(tmp_path / "a.db", 35) as harvest:
        changed(tmp_path / "a.db", statement)
        with pytest.raises(LedgerError, match=told):
            await anext(harvest.records(ProductCreator))
        with suppress(LedgerError):  # rows that are there can be exported
            await harvest.export(tmp_path / "a.jsonl")


def test_a_run_that_waits_for_the_end_of_another_begins_then(tmp_path: Path) -> None:
    first, second = RunLock(tmp_path / "a.db"), RunLock(tmp_path / "a.db")
    first.take()
    end = threading.Timer(0.2, first.release)
    end.start()
    second.take()
    end.join()
    assert first.is_taken()
    second.release()


@pytest.mark.parametrize("moves", [2, 3])
def test_a_lock_whose_file_is_removed_while_it_is_taken_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    connected, left = keyapi_async.harvest.file._connected, moves

    @contextmanager
    def moved(file: Path, how: str, wait: float) -> Iterator[sqlite3.Connection]:
        nonlocal left
        with connected(file, how, wait) as db:
            if left:
                left -= 1
                db.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # makes the file
                file.unlink()
            yield db

    monkeypatch.setattr(keyapi_async.harvest.file, "_connected", moved)
    lock = RunLock(tmp_path / "a.db")
    with nullcontext() if moves == 2 else pytest.raises(LedgerError, match="be read or written"):
        lock.take()
        monkeypatch.undo()
        assert lock.is_taken()
        lock.release()
    assert not left
