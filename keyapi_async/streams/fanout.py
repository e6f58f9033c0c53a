"""Many streams at once: bounded, in order within each key, with back-pressure."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
from typing import Generic, Literal, Self, TypeVar

import attrs

from keyapi_async.bookmark import Bookmark
from keyapi_async.checks import number
from keyapi_async.errors import (
    AuthenticationError,
    CreditBudgetError,
    InvalidParameterError,
    KeyAPIError,
    QuotaExceededError,
    UsageError,
)
from keyapi_async.loops import seen_through
from keyapi_async.streams.listing import MAX_PAGE_SIZE
from keyapi_async.streams.stream import RecordStream

__all__ = ["Failure", "FanOut", "fan_out"]

K = TypeVar("K")
T = TypeVar("T")

FATAL = (AuthenticationError, QuotaExceededError, CreditBudgetError)
"""Errors of the API that every other stream would meet too: they end a run of many."""


@attrs.frozen
class Failure(Generic[K]):
    """A list that ended with an error.

    Attributes:
        key: its key.
        error: what happened.
        bookmark: where to take it up again, or None where it could not even be opened.
    """

    key: K
    error: KeyAPIError
    bookmark: Bookmark | None


@attrs.define(eq=False)
class _KeyState(Generic[K]):
    """A key under way: up to where its runs have been delivered."""

    key: K
    delivered: Bookmark | None = None
    undelivered: int = 0  # runs that wait for the consumer
    over: bool = False  # nothing more will come
    failure: Failure[K] | None = None


@attrs.define(eq=False)
class _Run(Generic[K, T]):
    """Some rows of one key that follow one another."""

    state: _KeyState[K]
    begin: Bookmark
    records: list[T]
    end: Bookmark
    taken: int = 0


class FanOut(AsyncIterator[tuple[K, T]]):
    """The records of many lists, as (key, record); made by ``fan_out``.

    Attributes:
        failures: the lists that ended with an error, where ``on_error`` is "collect".
    """

    def __init__(
        self,
        keys: Iterable[K] | AsyncIterable[K],
        open_stream: Callable[[K], RecordStream[T]],
        *,
        concurrency: int,
        buffer: int | None,
        on_error: Literal["raise", "collect"],
    ) -> None:
        self._concurrency = number("concurrency", concurrency, 1)
        rows = 2 * MAX_PAGE_SIZE * concurrency if buffer is None else number("buffer", buffer, 1)
        if on_error not in ("raise", "collect"):
            raise InvalidParameterError("on_error", on_error, "'raise' or 'collect'")
        check_lists(keys, open_stream)
        self.failures: list[Failure[K]] = []
        self._keys = drawn(keys)
        self._drawing = asyncio.Lock()
        self._open_stream = open_stream
        self._collects = on_error == "collect"
        # One ticket for each page that is fetched or waits for the consumer: back-pressure.
        self._tickets = asyncio.Semaphore(-(-rows // MAX_PAGE_SIZE))
        self._under_way: set[_KeyState[K]] = set()
        self._ready: deque[_Run[K, T]] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._fetching: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._error: BaseException | None = None
        self._stopped = False
        self._phase: Literal["new", "open", "running", "closed"] = "new"

    @property
    def unfinished(self) -> dict[K, Bookmark]:
        """Where each key under way is to be taken up again: after its last delivered row."""
        marks = {
            state.key: state.delivered for state in self._under_way if state.delivered is not None
        }
        if self._ready and (run := self._ready[0]).taken:  # no other one is partly delivered
            marks[run.state.key] = attrs.evolve(run.begin, offset=run.begin.offset + run.taken)
        return marks

    async def __aenter__(self) -> Self:
        if self._phase != "new":
            raise UsageError("a fan_out is entered once: make another")
        self._phase = "open"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._phase = "closed"
        for worker in self._workers:
            worker.cancel()
        try:
            await seen_through(asyncio.gather(*self._workers, return_exceptions=True))
        finally:
            await self._keys.aclose()

    def stop(self) -> None:
        """Ask for nothing more: what is in flight is awaited and delivered, then the end comes."""
        self._stop(None)

    async def __anext__(self) -> tuple[K, T]:
        """Give the next record of any key.

        Raises:
            KeyAPIError: the first error, after all rows that were fetched before it.
        """
        if self._phase == "open":
            self._phase = "running"
            for _ in range(self._concurrency):
                worker = asyncio.create_task(self._work())
                self._workers.add(worker)
                worker.add_done_callback(self._ended)
        elif self._phase != "running":
            raise UsageError("read a fan_out inside of its 'async with' block")
        while not self._ready:
            if not self._workers:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._deliver(self._ready[0])

    def _deliver(self, run: _Run[K, T]) -> tuple[K, T]:
        state, record = run.state, run.records[run.taken]
        run.taken += 1
        if run.taken == len(run.records):
            state.delivered = run.end
            state.undelivered -= 1
            self._ready.popleft()
            self._tickets.release()
            self._leave(state)
        return state.key, record

    def _leave(self, state: _KeyState[K]) -> None:
        """Forget a key of which all is delivered; only then is it known to have failed."""
        if state.over and not state.undelivered:
            self._under_way.discard(state)
            if state.failure is not None:
                self.failures.append(state.failure)

    async def _work(self) -> None:
        """Take one key after the other, and read its list to the end."""
        while not self._stopped:
            async with self._drawing:
                try:
                    key = await anext(self._keys)
                except StopAsyncIteration:
                    return
            state = _KeyState(key)
            self._under_way.add(state)
            try:
                stream = self._open_stream(key)
            except KeyAPIError as error:
                self._failed(state, error, None)
                continue
            check_stream(stream, self._open_stream)
            async with stream:
                await self._read(state, stream)

    async def _read(self, state: _KeyState[K], stream: RecordStream[T]) -> None:
        state.delivered = stream.bookmark
        while not self._stopped:
            await self._tickets.acquire()
            records = await self._fetch(state, stream)
            if not records:
                self._tickets.release()
                return
            state.undelivered += 1
            self._ready.append(_Run(state, stream.run_begin, records, stream.bookmark))
            self._news.set()

    async def _fetch(self, state: _KeyState[K], stream: RecordStream[T]) -> list[T]:
        """Get the next rows of a list; none where it ends, well or not."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # a worker is one
        self._fetching.add(task)
        try:
            records = await stream.next_run()
        except KeyAPIError as error:
            self._failed(state, error, error.bookmark or stream.bookmark)
            return []
        finally:
            self._fetching.discard(task)
        if not records:
            state.over = True
            self._leave(state)
        return records

    def _failed(self, state: _KeyState[K], error: KeyAPIError, bookmark: Bookmark | None) -> None:
        """Note what went wrong with one list, or end the run with it."""
        if self._collects and not isinstance(error, (*FATAL, UsageError)):
            # Its traceback would keep the stream and the page before it alive.
            state.failure = Failure(state.key, error.with_traceback(None), bookmark)
            state.over = True
            self._leave(state)
        else:
            self._stop(error)

    def _stop(self, error: BaseException | None) -> None:
        """Ask for nothing more; what is in flight is paid for, and still delivered."""
        self._error = self._error or error
        if not self._stopped:
            self._stopped = True
            for worker in self._workers - self._fetching:
                worker.cancel()

    def _ended(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        if not worker.cancelled() and (error := worker.exception()) is not None:
            self._stop(error)
        self._news.set()


def check_lists(keys: object, open_stream: Callable[..., object]) -> None:
    """Refuse what cannot be keys, or open no streams.

    Raises:
        InvalidParameterError: it is that.
    """
    if isinstance(keys, (str, bytes)) or not isinstance(keys, (Iterable, AsyncIterable)):
        allowed = "an iterable or an async iterable of keys; one key is a list of one"
        raise InvalidParameterError("keys", keys, allowed)
    if not callable(open_stream):
        raise InvalidParameterError("open_stream", open_stream, "a function of a key")


def check_stream(made: object, open_stream: object) -> None:
    """Refuse a function that makes no stream, as those do that get a single page.

    Raises:
        InvalidParameterError: it is that.
    """
    if asyncio.iscoroutine(made):
        made.close()
    if not isinstance(made, RecordStream):
        allowed = "a function that gives a stream, such as an iter_… of the client"
        raise InvalidParameterError("open_stream", open_stream, allowed)


async def drawn(keys: Iterable[K] | AsyncIterable[K]) -> AsyncGenerator[K, None]:
    """Draw keys one by one, from either kind of iterable."""
    if isinstance(keys, AsyncIterable):
        async for key in keys:
            yield key
    else:
        for key in keys:
            yield key


def fan_out(
    keys: Iterable[K] | AsyncIterable[K],
    open_stream: Callable[[K], RecordStream[T]],
    *,
    concurrency: int = 16,
    buffer: int | None = None,
    on_error: Literal["raise", "collect"] = "raise",
) -> FanOut[K, T]:
    """Read the lists of many keys at once, as (key, record).

    ::

        async with fan_out(product_ids, api.tiktok.product.iter_creators) as results:
            async for product_id, creator in results:
                ...

    Records of one key stay in order; keys interleave. Keys are drawn as they are needed, and a
    consumer that stops reading stops the requests. Leaving the block cancels everything and waits.

    Args:
        keys: what to open streams of: any iterable or async iterable, of any length.
        open_stream: makes the stream of a key.
        concurrency: streams open at a time.
        buffer: records fetched or being fetched for the consumer; two pages a stream where None.
        on_error: "raise" ends the run at the first error; "collect" keeps it in
            ``results.failures`` and goes on. Authentication, quota and budget errors end the run
            in either case: what is in flight is awaited, every row fetched is delivered, then the
            error is raised, and ``results.unfinished`` maps each key under way to its bookmark.

    Cost:
        That of the streams: one credit a page.

    Raises:
        InvalidParameterError: at once, before anything is sent.
    """
    return FanOut(keys, open_stream, concurrency=concurrency, buffer=buffer, on_error=on_error)
