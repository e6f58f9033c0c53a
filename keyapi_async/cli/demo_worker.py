"""The process that the demo kills: a harvest, and the pipes on which its parent hears of it.

The order is one line of JSON on its standard input, its words are lines of JSON on its standard
output. Where standard input ends, the parent is gone, and so is the process.
"""

import asyncio
import os
import sys
import threading
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

import attrs
import orjson

from keyapi_async.client import KeyAPI
from keyapi_async.errors import KeyAPIError
from keyapi_async.harvest import Harvest, HarvestReport, Job

_LONGEST = 1 << 20
"""Bytes of a word at most; the last one names the failures."""


@attrs.frozen
class Order:
    """What is to be harvested: the creators of products, from where, and where to."""

    url: str
    api_key: str
    ledger: str
    product_ids: Sequence[str]
    qps: float
    concurrency: int


@attrs.frozen
class Word:
    """How far the harvest is.

    Attributes:
        done: lists of the ledger read to their end.
        failed: lists of the ledger that ended with an error.
        pages: pages that this process has committed.
        rows: rows that this process has committed.
        failures: the lists that failed, and why; given in the last word alone.
        error: what ended the process.
    """

    done: int = 0
    failed: int = 0
    pages: int = 0
    rows: int = 0
    failures: Mapping[str, str] | None = None
    error: str | None = None


class Worker:
    """The parent's end: a process at work in ``async with``, and none after it."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._process: Process

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-c", f"from {__name__} import main; main()"),
            stdin=PIPE,
            stdout=PIPE,
            limit=_LONGEST,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,  # the terminal's Ctrl-C is the parent's alone
        )
        assert self._process.stdin is not None  # noqa: S101  # it is a pipe
        self._process.stdin.write(orjson.dumps(attrs.asdict(self._order)) + b"\n")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.kill()

    @property
    def pid(self) -> int:
        """The process' number."""
        return self._process.pid

    async def next_word(self) -> Word:
        """Wait for the next word.

        Raises:
            KeyAPIError: the process cannot go on, or is gone.
        """
        assert self._process.stdout is not None  # noqa: S101  # it is a pipe
        line = await self._process.stdout.readline()
        word = Word(**orjson.loads(line)) if line else Word(error="the harvest's process is gone")
        if word.error is not None:
            raise KeyAPIError(word.error)
        return word

    async def kill(self) -> None:
        """Kill the process with SIGKILL, which it cannot notice, and see it gone."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.communicate()


def main() -> None:
    """Do what the order says; it is what the process runs."""
    order = Order(**orjson.loads(sys.stdin.buffer.readline()))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        asyncio.run(_harvest(order))
    except KeyAPIError as error:
        _say(Word(error=str(error)))


async def _harvest(order: Order) -> None:
    async with (
        KeyAPI(order.api_key, base_url=order.url, qps=order.qps, proxy="") as api,
        Harvest.open(order.ledger) as harvest,
    ):
        report = await harvest.run(
            api,
            Job.product_creators(order.product_ids),
            concurrency=order.concurrency,
            progress=lambda report: _say(_word(report)),
        )
    failures = {failure.key: failure.error for failure in report.failures}
    _say(attrs.evolve(_word(report), failures=failures))


def _word(report: HarvestReport) -> Word:
    return Word(report.done, report.failed, report.pages, report.rows)


def _say(word: Word) -> None:
    with suppress(BrokenPipeError):  # the end is near
        os.write(sys.stdout.fileno(), orjson.dumps(attrs.asdict(word)) + b"\n")


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing comes but the end
    os._exit(1)
