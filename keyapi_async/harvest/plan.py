"""Plans a run: every key is opened, so checked, and written down before a credit is spent."""

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from keyapi_async.call.wire import query_of
from keyapi_async.errors import InvalidParameterError, shown
from keyapi_async.harvest.file import FileThread
from keyapi_async.harvest.ledger import Ledger
from keyapi_async.harvest.progress import Progress
from keyapi_async.harvest.schema import difference, facts_of
from keyapi_async.streams.fanout import check_lists, check_stream, drawn
from keyapi_async.streams.stream import RecordStream

K = TypeVar("K")
Keys = Iterable[K] | AsyncIterable[K]
Open = Callable[[K], RecordStream[Any]]

_AT_A_TIME = 500
"""Keys opened before they are written down."""


def check_arguments(keys: object, open_stream: Callable[..., object], max_age: object) -> None:
    """Refuse what cannot be planned, with an InvalidParameterError."""
    check_lists(keys, open_stream)
    if max_age is not None and (not isinstance(max_age, timedelta) or max_age < timedelta(0)):
        raise InvalidParameterError("max_age", max_age, "a timedelta, such as timedelta(days=1)")


class Plan:
    """The lists of one run.

    Attributes:
        template: the first stream, of which every list's is made; None where there is no key.
    """

    def __init__(self, ledger: Ledger, thread: FileThread) -> None:
        self.template: RecordStream[Any] | None = None
        self._ledger = ledger
        self._thread = thread
        self._facts: dict[str, str | int] = {}
        self._lists: list[tuple[str, ...]] = []
        self._query: dict[str, str] = {}
        self._ids: list[str] = []
        self._new_ids: list[str] = []

    async def write(
        self, keys: Keys[K], open_stream: Open[K], max_age: timedelta | None
    ) -> Progress:
        """Write down the lists of all keys: all of them, or none where one is refused."""
        try:
            number = 0
            async for key in drawn(keys):
                number += 1
                await self._add(opened(key, number, open_stream), key, number)
                if number % _AT_A_TIME == 0:
                    await self._flush()
                    await asyncio.sleep(0)
            if self.template is None:
                return Progress(done=0, failed=0, left=0)
            await self._flush(last=True)
            most = None if max_age is None else max_age.total_seconds()
            return await self._thread.call(self._ledger.finish, most)
        except BaseException:
            await self._thread.call(self._ledger.abandon)
            raise

    async def _add(self, stream: RecordStream[Any], key: object, number: int) -> None:
        listing, facts = stream.listing, facts_of(stream)
        if self.template is None:
            self.template, self._facts = stream, facts
            await self._thread.call(self._ledger.begin, facts, tuple(listing.key), listing.into)
        elif (unlike := difference(self._facts, facts, "for the first key")) is not None:
            allowed = f"keys of one kind of list: {unlike}; use another ledger for these"
            raise InvalidParameterError(f"key {number}", key, allowed)
        if listing.ids is None or len(listing.key) > 1:
            self._lists += [(query, *listing.key.values()) for query in listing.queries]
        elif listing.queries:
            self._query = dict(parse_qsl(listing.queries[0], keep_blank_values=True))
            (ids,) = listing.key.values()
            self._ids += ids.split(",")

    async def _flush(self, *, last: bool = False) -> None:
        """Hand what was opened to the ledger; of ids, those that are new, in full groups."""
        assert self.template is not None  # noqa: S101  # there was a key
        listing = self.template.listing
        new = self._new_ids + await self._thread.call(self._ledger.add_ids, self._ids)
        full = len(new) if last else len(new) - len(new) % listing.ids_per_call
        for n in range(0, full, listing.ids_per_call):
            group = ",".join(new[n : n + listing.ids_per_call])
            self._lists.append((query_of({**self._query, str(listing.ids): group}), group))
        self._ids, self._new_ids = [], new[full:]
        await self._thread.call(self._ledger.add_lists, self._lists)
        self._lists = []


def opened(key: K, number: int, open_stream: Open[K]) -> RecordStream[Any]:
    """Open the stream of a key; an InvalidParameterError names a key that is refused."""
    try:
        stream = open_stream(key)
    except InvalidParameterError as error:
        error.message = f"key {number}, {shown(key)}: {error.message}"
        raise
    check_stream(stream, open_stream)
    if (limit := stream._left) is not None:  # noqa: SLF001  # it has no name of its own
        raise InvalidParameterError("limit", limit, "a harvest reads whole lists: leave it out")
    mark = stream.bookmark
    if (mark.page_num, mark.offset, mark.part) != (1, 0, 0):
        allowed = "a harvest reads lists from their beginning, and keeps its own bookmarks"
        raise InvalidParameterError("start", mark, allowed)
    return stream
