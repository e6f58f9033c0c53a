"""Both ends of the pipes between the demo and the process that it kills."""

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path
from typing import IO

import attrs
import orjson
import pytest

from keyapi_async.cli.demo_worker import Order, Word, Worker, main
from keyapi_async.errors import KeyAPIError
from keyapi_async.sandbox import Fault, Faults, Sandbox


def order(box: Sandbox, ledger: Path, products: int) -> Order:
    return Order(box.url, box.api_key, str(ledger), box.product_ids(products), 1000, 4)


async def obey(one: Order, stdout: IO[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Be the process that gets an order, until its parent is gone."""
    codes: list[int] = []
    gone = threading.Event()

    def leave(code: int) -> None:
        codes.append(code)
        gone.set()

    here, there = os.pipe()
    with os.fdopen(here) as stdin, os.fdopen(there, "wb") as parent:
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(sys, "stdout", stdout)
        monkeypatch.setattr(os, "_exit", leave)
        parent.write(orjson.dumps(attrs.asdict(one)) + b"\n")
        parent.flush()
        await asyncio.to_thread(main)
        assert codes == []
        parent.close()
        assert await asyncio.to_thread(gone.wait, 5)
    assert codes == [1]


async def words_of(one: Order, file: Path, monkeypatch: pytest.MonkeyPatch) -> list[Word]:
    with file.open("w+b") as stdout:
        await obey(one, stdout, monkeypatch)
        stdout.seek(0)
        return [Word(**orjson.loads(line)) for line in stdout]


async def all_words(worker: Worker) -> None:
    while True:
        await worker.next_word()


async def test_it_says_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Sandbox() as box:
        one = order(box, tmp_path / "a.db", 3)
        *words, last = await words_of(one, tmp_path / "out", monkeypatch)
        assert last == Word(done=3, pages=box.billed, rows=words[-1].rows, failures={})
    assert [word.failures for word in words] == [None] * len(words)


async def test_its_last_word_names_the_lists_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Sandbox(faults=Faults(rates={Fault.NOT_FOUND: 1.0})) as box:
        one = order(box, tmp_path / "a.db", 2)
        *_, last = await words_of(one, tmp_path / "out", monkeypatch)
        assert last.failed == 2
        assert list(last.failures or ()) == box.product_ids(2)


async def test_an_error_is_its_last_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Sandbox() as box:
        one = order(box, tmp_path / "nowhere" / "a.db", 1)
        (word,) = await words_of(one, tmp_path / "out", monkeypatch)
    assert "there is no such folder" in (word.error or "")


async def test_it_does_not_mind_that_nobody_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = os.pipe()
    os.close(here)
    with os.fdopen(there, "wb") as stdout:
        async with Sandbox() as box:
            await obey(order(box, tmp_path / "a.db", 1), stdout, monkeypatch)


async def test_a_killed_process_is_gone(tmp_path: Path) -> None:
    async with Sandbox(latency=0.02) as box:
        async with Worker(order(box, tmp_path / "a.db", 20)) as worker:
            assert (await worker.next_word()).pages > 0
            await worker.kill()
            assert worker._process.returncode == -signal.SIGKILL
            with pytest.raises(KeyAPIError, match="process is gone"):
                await all_words(worker)
        with pytest.raises(ProcessLookupError):
            os.kill(worker.pid, 0)


async def test_what_it_cannot_do_is_raised(tmp_path: Path) -> None:
    async with Sandbox() as box, Worker(order(box, tmp_path / "nowhere" / "a.db", 1)) as worker:
        with pytest.raises(KeyAPIError, match="there is no such folder"):
            await worker.next_word()
