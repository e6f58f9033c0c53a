"""Whoever reads: streams, fan-outs and harvests of any kind of list."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

import attrs

from keyapi_async import Bookmark, KeyAPI, KeyAPIError, RecordStream, fan_out
from keyapi_async.errors import AttemptTimeoutError, ConnectionFailedError
from keyapi_async.harvest import Harvest, HarvestStoppedError, Progress
from tests.faults.kinds import LIST, Key, Kind
from tests.harvest import shop

PREFETCH = 3
CONCURRENCY = 2


@attrs.define
class Reader(ABC):
    """Reads all lists, however often it has to begin; keeps the rows and errors it met.

    It takes ``pause`` seconds over a row, and ``leaves`` says when it has enough of a round.
    """

    api: KeyAPI
    folder: Path
    kind: Kind = LIST
    pause: float = 0.0
    leaves: Callable[[], bool] = lambda: False
    longest: float = 0.0  # seconds of a call
    rounds: int = 0
    rows: dict[Key, list[str]] = attrs.field(factory=dict)
    errors: list[KeyAPIError | str] = attrs.field(factory=list)

    @property
    def keys(self) -> tuple[Key, ...]:
        """The lists that it reads."""
        return tuple(self.kind.calls)

    @abstractmethod
    async def read(self) -> bool:
        """Read until all is read, an error ends it, or it leaves; say whether all is read."""

    def tells(self, error: type[KeyAPIError] | None) -> bool:
        """Say whether what outlasts all attempts is told as an error."""
        return error is not None

    @abstractmethod
    def waste(self, *, cut: bool) -> int:
        """Credits at most that it costs more than its pages, by the rules."""

    async def call(self, call: Any) -> Any:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        try:
            return await call
        finally:
            self.longest = max(self.longest, loop.time() - begin)

    async def keep(self, key: Key, row: Any) -> None:
        self.rows.setdefault(key, []).append(self.kind.id_of(row))
        if self.pause:
            await asyncio.sleep(self.pause)

    def met(self, error: KeyAPIError, mark: Bookmark | None = None) -> None:
        assert error.bookmark is not None
        assert mark is None or mark == error.bookmark
        self.errors.append(error)
        self.api.credits.reset()


@attrs.define
class StreamReader(Reader):
    """Reads one list; after an error it goes on, or begins anew at the bookmark."""

    prefetch: int = 0
    anew: bool = False
    mark: Bookmark | None = None

    @property
    def keys(self) -> tuple[Key, ...]:
        return (self.kind.faulty,)

    async def read(self) -> bool:
        self.rounds += 1
        ahead = {"prefetch": self.prefetch} if self.prefetch else {}
        stream = self.kind.open(self.api, self.kind.faulty, start=self.mark, **ahead)
        async with stream:
            try:
                return await self._walk(stream)
            finally:
                self.mark = stream.bookmark

    async def _walk(self, stream: RecordStream[Any]) -> bool:
        while not self.leaves():
            try:
                row = await self.call(anext(stream))
            except StopAsyncIteration:
                return True
            except KeyAPIError as error:
                self.met(error, stream.bookmark)
                if self.anew:
                    return False
            else:
                await self.keep(self.kind.faulty, row)
        return False

    def waste(self, *, cut: bool) -> int:
        left = self.rounds - 1
        return (self.prefetch + (cut and 1)) * left + self.prefetch


@attrs.define
class FanReader(Reader):
    """Reads all lists at once; what is unfinished or has failed is taken up again."""

    on_error: Any = "raise"
    todo: dict[Key, Bookmark | None] = attrs.field(
        default=attrs.Factory(lambda self: dict.fromkeys(self.keys), takes_self=True)
    )

    async def read(self) -> bool:
        self.rounds += 1
        keys = iter(self.todo)

        def open_stream(key: Key) -> RecordStream[Any]:
            return self.kind.open(self.api, key, start=self.todo[key])

        results = fan_out(keys, open_stream, concurrency=CONCURRENCY, on_error=self.on_error)
        try:
            with suppress(StopAsyncIteration):
                async with results:
                    while not self.leaves():
                        await self.keep(*(await self.call(anext(results))))
        except KeyAPIError as error:
            self.met(error)
        finally:
            for failure in results.failures:
                assert failure.error.__traceback__ is None  # it would keep a page alive
                self.met(failure.error, failure.bookmark)
            failed = {failure.key: failure.bookmark for failure in results.failures}
            undrawn = {key: self.todo[key] for key in keys}
            todo = {**results.unfinished, **failed, **undrawn}
            self.todo = {key: todo[key] for key in self.keys if key in todo}
        return not self.todo

    def waste(self, *, cut: bool) -> int:
        # A key under way may stand behind its last row, and nobody knows yet that it is the last.
        return (self.rounds - 1) * (CONCURRENCY - 1) + (2 * CONCURRENCY if cut else 0)


@attrs.define
class HarvestReader(Reader):
    """Harvests all lists into a ledger, run after run; it waits for a lost connection."""

    patient: bool = True  # if it does so, which takes that anything came through before

    async def read(self) -> bool:
        self.rounds += 1
        loop = asyncio.get_running_loop()
        if isinstance(loop, shop.InlineLoop) and self.pause:
            loop.lag = min(self.pause, 0.05)  # a slow disk
        async with Harvest.open(self.folder / "ledger.db") as harvest:

            def progress(_: Progress) -> None:
                if self.leaves():
                    harvest.stop()

            try:
                read = partial(self.kind.open, self.api)
                run = harvest.run(self.keys, read, concurrency=CONCURRENCY, progress=progress)
                report = await self.call(run)
                self.errors += [failure.error for failure in report.failures]
            except HarvestStoppedError as stopped:
                self.met(cast("KeyAPIError", stopped.__cause__))
            self.rows = {}
            row: Any
            async for row in harvest.records(self.kind.record):
                self.rows.setdefault(self.kind.key_of(row), []).append(self.kind.id_of(row))
            status = await harvest.status()
            return status.left == status.failed == 0

    def tells(self, error: type[KeyAPIError] | None) -> bool:
        patient = {ConnectionFailedError, AttemptTimeoutError} if self.patient else set()
        return error not in {None, *patient}

    def waste(self, *, cut: bool) -> int:
        return CONCURRENCY if cut else 0


READERS: Mapping[str, Callable[..., Reader]] = {
    "stream": StreamReader,
    "stream, begun anew": partial(StreamReader, anew=True),
    "prefetch": partial(StreamReader, prefetch=PREFETCH),
    "prefetch, begun anew": partial(StreamReader, prefetch=PREFETCH, anew=True),
    "fan-out": FanReader,
    "fan-out that collects": partial(FanReader, on_error="collect"),
    "harvest": HarvestReader,
}
