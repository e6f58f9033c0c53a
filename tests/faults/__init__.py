"""What each fault of the sandbox must come to, and the readers that meet it."""

import asyncio
import random
import re
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from enum import StrEnum
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, cast

import attrs
import pytest
from _pytest.mark.structures import ParameterSet

from keyapi_async import (
    AttemptTimeoutError,
    AuthenticationError,
    Bookmark,
    ConnectionFailedError,
    KeyAPI,
    KeyAPIError,
    NotFoundError,
    PermissionDeniedError,
    ProductCreator,
    QuotaExceededError,
    RateLimitError,
    RecordStream,
    ResponseError,
    RetryPolicy,
    ServerError,
    fan_out,
)
from keyapi_async.call.credits import Cost
from keyapi_async.harvest import Harvest, HarvestStoppedError, Progress
from keyapi_async.sandbox import Response, Service
from keyapi_async.sandbox.faults import Fault, Faults
from tests import virtual
from tests.harvest import shop

CREATORS = "/v1/tiktok/product/creators/analytics"
SHORT, SICK, OTHER = "1729973449587838580", "1729687131622926179", "1729250063695775978"
KEYS = (SHORT, SICK, OTHER)
WANTED = {
    key: [str(row["user_id"]) for row in Service().rows(CREATORS, product_id=key)] for key in KEYS
}
LENGTHS = {key: len(WANTED[key]) for key in KEYS}

PREFETCH = 3
CONCURRENCY = 2
ATTEMPTS = 3
TIMEOUT = 5.0
RETRY = RetryPolicy(attempts=ATTEMPTS, initial=0.5, maximum=4.0)
PATIENCE = ATTEMPTS * TIMEOUT + (0.5 + 1.0) + ATTEMPTS * 0.5 + 0.5
"""Seconds that a call may take: its attempts, backoffs and the gate's pauses, and the rest."""
FOR_EVER = 1_000


class Ill(NamedTuple):
    """What a fault is to a client: the error it ends in, requests until then, their price."""

    error: type[KeyAPIError] | None
    says: str
    tries: int
    cost: Cost


def _refused(error: type[KeyAPIError], says: str, tries: int = ATTEMPTS) -> Ill:
    return Ill(error, says, tries, Cost.FREE)


_BROKEN = Ill(ConnectionFailedError, "(?i)connection|disconnect|payload", ATTEMPTS, Cost.UNCERTAIN)
_ENDLESS = Ill(AttemptTimeoutError, r"no whole answer within [\d.]+ s", ATTEMPTS, Cost.UNCERTAIN)
_NO_ENVELOPE = Ill(ResponseError, "the answer is not an envelope", 2, Cost.UNCERTAIN)
_ODD = Ill(None, "", 0, Cost.SPENT)
_OUT_OF_CREDITS = "quota is not enough|Usage Limit Exceeded"

ILLS: Mapping[Fault, Ill] = {
    Fault.TOO_MANY_REQUESTS: _refused(RateLimitError, "qps limit exceeded .*429"),
    Fault.TOO_MANY_IN_200: _refused(RateLimitError, "qps limit exceeded .*code 429"),
    Fault.SERVER_ERROR: _refused(ServerError, "Internal server error .*500"),
    Fault.ERROR_IN_200: _refused(ServerError, "Internal server error .*code 500"),
    Fault.BAD_GATEWAY: _refused(ServerError, "502 Bad Gateway"),
    Fault.UNAVAILABLE: _refused(ServerError, "Service unavailable .*503"),
    Fault.QUOTA: _refused(QuotaExceededError, _OUT_OF_CREDITS, 1),
    Fault.QUOTA_500: _refused(QuotaExceededError, _OUT_OF_CREDITS, 1),
    Fault.UNAUTHORIZED: _refused(AuthenticationError, "apiKey is invalid .*401", 1),
    Fault.FORBIDDEN: _refused(PermissionDeniedError, "may not use this endpoint .*403", 1),
    Fault.NOT_FOUND: _refused(NotFoundError, "Not found .*404", 1),
    Fault.REDIRECT: _refused(ResponseError, "a redirect, which is never followed", 1),
    Fault.RESET: _BROKEN,
    Fault.CLOSE: _BROKEN,
    Fault.TRUNCATE: _BROKEN,
    Fault.HANG: _ENDLESS,
    Fault.DRIP: _ENDLESS,
    Fault.DELAY: _ENDLESS,
    Fault.BAD_JSON: _NO_ENVELOPE,
    Fault.BAD_UTF8: _NO_ENVELOPE,
    Fault.HTML: _NO_ENVELOPE,
    Fault.EMPTY_BODY: _NO_ENVELOPE,
    Fault.ZEROS: Ill(ResponseError, "larger than 8 MiB", 1, Cost.UNCERTAIN),
    Fault.NUMERIC_STRINGS: _ODD,
    Fault.CONTROL_CHARACTERS: _ODD,
    Fault.UNKNOWN_FIELDS: _ODD,
    Fault.MISSING_FIELDS: _ODD,
    Fault.OBJECT_DATA: _ODD,
    Fault.NULL_DATA: _ODD,
    Fault.MISSING_DATA: _ODD,
}


def in_pairs(cases: Iterable[tuple[Any, ...]]) -> list[ParameterSet]:
    """Mark all cases as exhaustive but for a few in which every pair of values occurs."""
    pairs = {case: set(combinations(enumerate(case), 2)) for case in cases}
    unseen = set().union(*pairs.values())
    chosen = set()
    for wanted in range(len(next(iter(pairs.values()))), 0, -1):
        for case in random.Random(1).sample(list(pairs), len(pairs)):
            if len(pairs[case] & unseen) >= wanted:
                chosen.add(case)
                unseen -= pairs[case]
    return [
        pytest.param(*case, marks=() if case in chosen else pytest.mark.exhaustive)
        for case in pairs
    ]


NOTHING = {Fault.NULL_DATA, Fault.MISSING_DATA}
"""These say that the list ends here, and nobody can know that it does not."""


class Phase(StrEnum):
    """When a fault strikes."""

    FIRST = "the first page"
    MIDDLE = "a middle page"
    LAST = "the last page"
    AHEAD = "a page that nobody waits for yet"
    CANCELLED = "a page whose reader is cancelled"
    LEFT = "a page whose reader leaves"

    @property
    def page(self) -> int:
        """The page of the sick list that is struck."""
        return {Phase.FIRST: 1, Phase.LAST: LENGTHS[SICK] // 10 + 1}.get(self, 3)

    @property
    def cut(self) -> bool:
        """Whether the reader goes away while the page is under way."""
        return self in {Phase.CANCELLED, Phase.LEFT}


class Ward(Service):
    """A service at which one page goes wrong, so many times; requests for all others go well."""

    def __init__(self, fault: Fault, page: int, times: int, **options: Any) -> None:
        super().__init__(**options)
        self.struck = asyncio.Event()
        self._fault, self._page, self._times = fault, page, times

    def answer(
        self, path: str, query: Iterable[tuple[str, str]], authorization: str | None, now: float
    ) -> Response:
        pairs = dict(query)
        here = (pairs["product_id"], pairs["page_num"]) == (SICK, str(self._page))
        strikes = here and self._times > 0
        self._times -= strikes
        self.faults = Faults(script=[self._fault if strikes else None], delay=60.0)
        reply = super().answer(path, pairs.items(), authorization, now)
        if strikes:
            self.struck.set()
        return reply

    @property
    def strikes(self) -> int:
        return sum(asked.fault is not None for asked in self.requests)


class Ring:
    """A client on a sandbox in memory, and what it must have left behind whenever it rests."""

    def __init__(self, service: Service, **options: Any) -> None:
        self._wire = virtual.SandboxTransport(service)
        self.api = virtual.client(self._wire, **{"timeout": TIMEOUT, "retry": RETRY, **options})

    def idle(self) -> None:
        assert self._wire.open == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}
        generators = getattr(asyncio.get_running_loop(), "_asyncgens", ())
        assert not [one for one in generators if one.ag_frame is not None]


@attrs.define
class Reader(ABC):
    """Reads all lists, however often it has to begin; keeps the rows and errors it met.

    Attributes:
        pause: seconds that it takes over a row.
        leaves: says when it has enough of a round.
        longest: seconds of the longest call.
        rounds: how often it began.
    """

    api: KeyAPI
    folder: Path
    pause: float = 0.0
    leaves: Callable[[], bool] = lambda: False
    longest: float = 0.0
    rounds: int = 0
    rows: dict[str, list[str]] = attrs.field(factory=dict)
    errors: list[KeyAPIError | str] = attrs.field(factory=list)

    keys: ClassVar[tuple[str, ...]] = KEYS

    @abstractmethod
    async def read(self) -> bool:
        """Read until all is read, an error ends it, or it leaves; say whether all is read."""

    def tells(self, ill: Ill) -> bool:
        """Say whether an ill that outlasts all attempts is told as an error."""
        return ill.error is not None

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

    async def keep(self, key: str, creator: ProductCreator) -> None:
        self.rows.setdefault(key, []).append(creator.user_id)
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

    keys: ClassVar[tuple[str, ...]] = (SICK,)

    async def read(self) -> bool:
        self.rounds += 1
        stream = self.api.tiktok.product.iter_creators(
            SICK, prefetch=self.prefetch, start=self.mark
        )
        async with stream:
            try:
                return await self._walk(stream)
            finally:
                self.mark = stream.bookmark

    async def _walk(self, stream: RecordStream[ProductCreator]) -> bool:
        while not self.leaves():
            try:
                creator = await self.call(anext(stream))
            except StopAsyncIteration:
                return True
            except KeyAPIError as error:
                self.met(error, stream.bookmark)
                if self.anew:
                    return False
            else:
                await self.keep(SICK, creator)
        return False

    def waste(self, *, cut: bool) -> int:
        left = self.rounds - 1
        return (self.prefetch + (cut and 1)) * left + self.prefetch


@attrs.define
class FanReader(Reader):
    """Reads all lists at once; what is unfinished or has failed is taken up again."""

    on_error: Any = "raise"
    todo: dict[str, Bookmark | None] = attrs.field(factory=lambda: dict.fromkeys(KEYS))

    async def read(self) -> bool:
        self.rounds += 1
        drawn: list[str] = []

        def draw() -> Iterator[str]:
            for key in self.todo:
                drawn.append(key)
                yield key

        def open_stream(key: str) -> RecordStream[ProductCreator]:
            return self.api.tiktok.product.iter_creators(key, start=self.todo[key])

        results = fan_out(draw(), open_stream, concurrency=CONCURRENCY, on_error=self.on_error)
        try:
            async with results:
                while not self.leaves():
                    await self.keep(*(await self.call(anext(results))))
        except StopAsyncIteration:
            pass
        except KeyAPIError as error:
            self.met(error)
        finally:
            for failure in results.failures:
                assert failure.error.__traceback__ is None  # it would keep a page alive
                self.met(failure.error, failure.bookmark)
            failed = {failure.key: failure.bookmark for failure in results.failures}
            undrawn = {key: mark for key, mark in self.todo.items() if key not in drawn}
            todo = {**results.unfinished, **failed, **undrawn}
            self.todo = {key: todo[key] for key in KEYS if key in todo}
        return not self.todo

    def waste(self, *, cut: bool) -> int:
        # A key under way may stand behind its last row, and nobody knows yet that it is the last.
        return (self.rounds - 1) * (CONCURRENCY - 1) + (2 * CONCURRENCY if cut else 0)


@attrs.define
class HarvestReader(Reader):
    """Harvests all lists into a ledger, run after run; it waits for a lost connection."""

    max_age: timedelta | None = None

    async def read(self) -> bool:
        self.rounds += 1
        loop = asyncio.get_running_loop()
        if isinstance(loop, shop.InlineLoop) and self.pause:
            loop.lag = min(self.pause, 0.05)  # a slow disk
        async with Harvest.open(self.folder / "ledger.db") as harvest:

            def progress(_: Progress) -> None:
                if self.leaves():
                    harvest.stop()

            creators = self.api.tiktok.product.iter_creators
            try:
                report = await self.call(
                    harvest.run(
                        KEYS,
                        creators,
                        concurrency=CONCURRENCY,
                        max_age=self.max_age,
                        progress=progress,
                    )
                )
                self.errors += [failure.error for failure in report.failures]
            except HarvestStoppedError as stopped:
                self.met(cast("KeyAPIError", stopped.__cause__))
            self.rows = {}
            async for creator in harvest.records(ProductCreator):
                self.rows.setdefault(creator.product_id, []).append(creator.user_id)
            status = await harvest.status()
            return status.left == status.failed == 0

    def tells(self, ill: Ill) -> bool:
        return ill.error not in {None, ConnectionFailedError, AttemptTimeoutError}

    def waste(self, *, cut: bool) -> int:
        return CONCURRENCY if cut else 0


@attrs.define
class SecondReader(HarvestReader):
    """Harvests all lists anew, two days after a harvest; until then the first is what is shown."""

    max_age: timedelta | None = timedelta(days=1)

    async def read(self) -> bool:
        ledger = self.folder / "ledger.db"
        if not self.rounds:
            healthy = virtual.client(virtual.SandboxTransport(Service()))
            async with Harvest.open(ledger) as harvest:
                await harvest.run(KEYS, healthy.tiktok.product.iter_creators)
            with closing(sqlite3.connect(ledger)) as file, file:
                file.execute("update page set fetched_at = fetched_at - 172800")
                file.execute("update list set read_at = read_at - 172800")
        done = await HarvestReader.read(self)
        if not done:
            for key in KEYS:
                rows = self.rows.get(key, [])
                assert rows in (WANTED[key], WANTED[key][: len(rows) // 10 * 10])
        return done


READERS: Mapping[str, Callable[[KeyAPI, Path], Reader]] = {
    "stream": StreamReader,
    "stream, begun anew": lambda api, folder: StreamReader(api, folder, anew=True),
    "prefetch": lambda api, folder: StreamReader(api, folder, prefetch=PREFETCH),
    "prefetch, begun anew": lambda api, folder: StreamReader(
        api, folder, prefetch=PREFETCH, anew=True
    ),
    "fan-out": FanReader,
    "fan-out that collects": lambda api, folder: FanReader(api, folder, on_error="collect"),
    "harvest": HarvestReader,
    "harvest of a second reading": SecondReader,
}


async def read_all(
    reader: Reader, service: Ward, phase: Phase, moment: float, idle: Callable[[], None]
) -> None:
    """Read everything, interrupted as the phase says; nothing may be left behind at any time."""
    if phase is Phase.CANCELLED:
        task = asyncio.create_task(reader.read())
        await service.struck.wait()
        await asyncio.sleep(moment)
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled() or not task.exception()
        idle()
    elif phase is Phase.LEFT:
        reader.leaves = service.struck.is_set
        await reader.read()
        reader.leaves = lambda: False
        idle()
    for _ in range(4):
        done = await reader.read()
        idle()
        if done:
            return
    raise AssertionError("it does not come to an end")


def see_rows(reader: Reader, fault: Fault, page: int) -> None:
    """See that every row is there once, and in order."""
    wanted = {key: list(WANTED[key]) for key in reader.keys}
    if fault in NOTHING:
        del wanted[SICK][(page - 1) * 10 :]
    assert reader.rows == {key: rows for key, rows in wanted.items() if rows}


def see_errors(reader: Reader, ill: Ill, most: int, *, exactly: bool) -> None:
    """See that what lasted was told as what it is, once, and that what passed was not."""
    assert len(reader.errors) == most if exactly else len(reader.errors) <= most
    for error in reader.errors:
        if isinstance(error, str):  # a ledger keeps what was said
            told = error
        else:
            assert type(error) is ill.error
            assert error.attempts == ill.tries
            assert error.params["product_id"] == SICK
            told = str(error)
        assert re.search(ill.says, told), told


def see_credits(reader: Reader, service: Ward, ill: Ill, *, cut: bool, more: int = 0) -> None:
    """See that the meter is right, and nothing bought in vain but what the rules allow."""
    assert service.strikes
    spent, uncertain = reader.api.credits.spent, reader.api.credits.uncertain
    assert spent <= service.billed <= spent + uncertain
    assert len(service.requests) <= reader.api.stats.requests
    pages = sum(len(reader.rows.get(key, ())) // 10 + 1 for key in reader.keys)
    lost = service.strikes if ill.cost is Cost.UNCERTAIN else 0
    assert pages + lost <= spent + uncertain <= pages + lost + more + reader.waste(cut=cut)


def in_use(api: KeyAPI) -> int:
    """Count the connections on which a client waits for something."""
    session = getattr(api._caller.core._transport, "_session", None)
    return 0 if session is None else len(session.connector._acquired)


def tasks_but_servers() -> set[asyncio.Task[Any]]:
    """List the tasks that run, but for those of the servers in the same loop."""
    servers = ("RequestHandler", "Raw.handle", "_accept_connection2")
    return {task for task in asyncio.all_tasks() if not any(name in repr(task) for name in servers)}
