"""The harvest: reads every list of a job into the ledger, and the ledger out again."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import attrs
import orjson

from keyapi_async.bookmark import Bookmark
from keyapi_async.client import KeyAPI
from keyapi_async.errors import (
    AuthenticationError,
    CreditBudgetError,
    DecodeError,
    InvalidParameterError,
    KeyAPIError,
    QuotaExceededError,
    UsageError,
)
from keyapi_async.harvest.export import Exported, open_export
from keyapi_async.harvest.intake import Entry, Intake
from keyapi_async.harvest.job import SUBJECTS, Job
from keyapi_async.harvest.keeper import Keeper, seen_through
from keyapi_async.harvest.ledger import Bought, Failed, Unread
from keyapi_async.harvest.report import HarvestReport, HarvestStoppedError, Status
from keyapi_async.records.converter import Reader, reader_of
from keyapi_async.streams.fanout import FanOut
from keyapi_async.streams.page import Page
from keyapi_async.streams.stream import RecordStream

T = TypeVar("T")
Row = dict[str, object]
Progress = Callable[[HarvestReport], None]

_LISTS = 256
"""Lists drawn from the ledger at a time."""
_PAGES = 100
"""Pages read back at a time."""

_DEEP = "row: it is nested deeper than can be kept"

_FATAL = (AuthenticationError, QuotaExceededError, CreditBudgetError)


class Harvest:
    """A ledger, and the runs that fill it; made by ``Harvest.open``.

    ::

        async with KeyAPI() as api, Harvest.open("creators.db") as harvest:
            report = await harvest.run(api, Job.product_creators(product_ids))

    The ledger is this harvest's alone from entering to leaving, whatever process it is in.
    """

    def __init__(self, file: Path, *, create: bool) -> None:
        self._file = file
        self._create = create
        self._keeper: Keeper | None = None
        self._running: _Run | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, create: bool = True) -> Self:
        """Name the ledger, for ``async with``; entering opens it.

        Args:
            path: a file; its folder must exist.
            create: whether to make a new ledger where none is.

        Raises (entering):
            LedgerError: the file is no ledger, damaged, of a newer version, or in use.
        """
        return cls(Path(path), create=create)

    async def __aenter__(self) -> Self:
        if self._keeper is not None:
            raise UsageError("this harvest is open already")
        keeper = Keeper()
        await keeper.open(self._file, create=self._create)
        self._keeper = keeper
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        keeper, self._keeper = self._open_keeper(), None
        await keeper.close()

    async def run(
        self,
        api: KeyAPI,
        job: Job,
        *,
        concurrency: int = 16,
        progress: Progress | None = None,
    ) -> HarvestReport:
        """Read what the ledger lacks of a job, and of the lists that earlier runs gave it.

        The job's lists are written down first, so a bad id is found before a credit is spent. Lists
        that failed for themselves are in the report. Cancelling is safe: what has arrived is
        committed first.

        Args:
            api: the client to ask.
            job: what to read; its parameters must be those of the ledger's earlier runs.
            concurrency: lists read at a time.
            progress: is called after each commit, with the report so far.

        Cost:
            One credit a page that is not in the ledger yet.

        Raises:
            InvalidParameterError: an id is refused; nothing was sent, and no list was added.
            LedgerError: the ledger is of another job, or cannot be written any more.
            HarvestStoppedError: the key, the credits or the budget ended it.
        """
        if self._running is not None:
            raise UsageError("this harvest is running already")
        if not isinstance(job, Job):
            raise InvalidParameterError("job", job, "a job, such as Job.product_creators(ids)")
        self._running = _Run(self._open_keeper(), api, job, concurrency, progress)
        try:
            return await self._running.report()
        finally:
            self._running = None

    def stop(self) -> None:
        """End the run under way: ask for nothing more, and keep the pages in flight."""
        if self._running is not None:
            self._running.stop()

    async def status(self) -> Status:
        """Count what the ledger holds.

        Raises:
            LedgerError: it cannot be read.
        """
        return await self._open_keeper().status()

    def records(self, into: type[T]) -> "Records[T]":
        """Stream the ledger's rows as records, list after list; rows that are none are left out.

        Args:
            into: the record of the job, ``dict``, or any class that cattrs can structure.

        Raises:
            InvalidParameterError: rows cannot become that.

        Raises (reading):
            LedgerError: the ledger holds no job yet, or cannot be read.
        """
        return Records(self._open_keeper(), into)

    async def export(
        self, path: str | os.PathLike[str], *, escape_formulas: bool = False
    ) -> Exported:
        """Write the ledger's records to a file: ``.parquet``, ``.csv`` or ``.jsonl``.

        The file appears when it is complete, in place of an older one. Each row begins with its
        list's key, as ``list_product_id`` and the like. Rows that are no record are left out.

        - Parquet has typed columns, times in UTC, categories as a list of structs, and unknown
          fields as JSON in ``extra``. It needs the extra ``parquet``.
        - CSV has the same columns as text, in UTF-8 with the mark by which spreadsheets know it.
          Values are never changed, unless ``escape_formulas`` is on.
        - JSON Lines has rows as ``unstructure`` gives them, ``rank`` added where there is one.

        Args:
            path: where to; its suffix chooses the format.
            escape_formulas: put ``'`` before texts of a CSV that a spreadsheet would run as a
                formula, those with ``=``, ``+``, ``-``, ``@`` (wide ones too), a tab or a line
                break in front. Numbers stay numbers.

        Raises:
            InvalidParameterError: no such format.
            ConfigurationError: pyarrow is missing.
            ExportError: the file cannot be written.
            LedgerError: the ledger holds no job yet, or cannot be read.
        """
        keeper = self._open_keeper()
        subject, page_size = await keeper.subject()
        export = open_export(Path(path), subject, page_size, escape_formulas=escape_formulas)
        loop = asyncio.get_running_loop()
        after = (0, 0)
        try:
            await seen_through(loop.run_in_executor(None, export.begin))
            while pages := await keeper.pages(after, _PAGES):
                after = pages[-1].place
                await seen_through(loop.run_in_executor(None, export.write, pages))
            return await seen_through(loop.run_in_executor(None, export.finish))
        except BaseException:
            await seen_through(loop.run_in_executor(None, export.abandon))
            raise

    def _open_keeper(self) -> Keeper:
        if self._keeper is None:
            raise UsageError("use a harvest inside of 'async with Harvest.open(…)'")
        return self._keeper


class Records(AsyncIterator[T]):
    """The records of a ledger, in the order of its lists; made by ``Harvest.records``.

    Attributes:
        rejected: rows so far that were no record.
    """

    def __init__(self, keeper: Keeper, into: type[T]) -> None:
        self.rejected = 0
        self._keeper = keeper
        self._into = into
        self._read = reader_of(into)
        self._page_size: int | None = None
        self._after = (0, 0)
        self._ready: deque[T] = deque()

    async def __anext__(self) -> T:
        """Give the next record."""
        if self._page_size is None:
            self._page_size = await self._checked()
        while not self._ready:
            pages = await self._keeper.pages(self._after, _PAGES)
            if not pages:
                raise StopAsyncIteration
            self._after = pages[-1].place
            for page in pages:
                for record in page.records(self._read, self._page_size):
                    if record is None:
                        self.rejected += 1
                    else:
                        self._ready.append(record)
        return self._ready.popleft()

    async def _checked(self) -> int:
        """See that the rows are not those of another endpoint; give the size of their pages."""
        subject, page_size = await self._keeper.subject()
        others = {other.record for other in SUBJECTS.values()} - {subject.record}
        if self._into in others:
            allowed = f"{subject.record.__name__}, which the ledger's rows are"
            raise InvalidParameterError("into", self._into, allowed)
        return page_size


class _Run:
    """One run: reads all lists that are not read to their end."""

    def __init__(
        self,
        keeper: Keeper,
        api: KeyAPI,
        job: Job,
        concurrency: int,
        progress: Progress | None,
    ) -> None:
        self._keeper = keeper
        self._api = api
        self._job = job
        self._progress = progress
        self._read = reader_of(job.subject.record)
        self._results = FanOut(
            self._unread(), self._open, concurrency=concurrency, buffer=None, on_error="collect"
        )
        self._intake = Intake(keeper.write, self._committed, self._results.stop)
        self._stopped = False
        self._begun = asyncio.get_running_loop().time()
        self._before = _Spending.of(api)
        self._done = self._failed = self._left = self._pages = self._rows = self._rejects = 0

    async def report(self) -> HarvestReport:
        """Read, and say what was read."""
        await self._keeper.plan(self._job)
        status = await self._keeper.status()
        self._done, self._left = status.done, status.left + status.failed
        fatal: KeyAPIError | None = None
        try:
            async with self._results as results:
                async for _ in results:
                    self._put_failures()
        except _FATAL as error:
            fatal = error
        finally:
            self._put_failures()
            await self._intake.settle()
        status = await self._keeper.status()
        report = attrs.evolve(
            self._so_far(),
            done=status.done,
            failed=status.failed,
            left=status.left,
            stopped=fatal is not None or (self._stopped and status.left > 0),
            failures=await self._keeper.failures(),
        )
        if fatal is not None:
            raise HarvestStoppedError(f"the harvest was stopped: {fatal}", report) from fatal
        return report

    def stop(self) -> None:
        """Ask for nothing more; what is in flight is kept."""
        self._stopped = True
        self._results.stop()

    async def _unread(self) -> AsyncIterator[Unread]:
        """Draw the lists from the ledger."""
        after = 0
        while lists := await self._keeper.unread(after, _LISTS):
            self._put_failures()
            after = lists[-1].list_id
            for one in lists:
                yield one

    def _open(self, one: Unread) -> "_Reading":
        request, page_size = self._job.request(one.key), self._job.page_size
        stream = self._api.iter_records(
            request.path,
            request.params,
            dict,
            page_size=page_size,
            start=Bookmark(one.page_num, 0, page_size),
            until=self._job.until,
        )
        return _Reading(self._intake, one.list_id, stream, self._read)

    def _put_failures(self) -> None:
        for failure in self._results.failures:
            self._intake.add(Failed(failure.key.list_id, str(failure.error)))
        self._results.failures.clear()

    def _committed(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if isinstance(entry, Failed):
                self._failed += 1
                self._left -= 1
            else:
                self._pages += 1
                self._rows += entry.count
                self._rejects += len(entry.rejects)
                self._done += entry.is_last
                self._left -= entry.is_last
        if self._progress is not None:
            self._progress(self._so_far())

    def _so_far(self) -> HarvestReport:
        spending, before = _Spending.of(self._api), self._before
        return HarvestReport(
            done=self._done,
            failed=self._failed,
            left=self._left,
            pages=self._pages,
            rows=self._rows,
            rejects=self._rejects,
            spent=spending.spent - before.spent,
            uncertain=spending.uncertain - before.uncertain,
            requests=spending.requests - before.requests,
            elapsed=asyncio.get_running_loop().time() - self._begun,
            qps=_qps_of(self._api),
        )


class _Reading:
    """One list, page by page: none is asked for before the one before it is committed."""

    def __init__(
        self, intake: Intake, list_id: int, stream: RecordStream[Row], read: Reader[object]
    ) -> None:
        self._intake = intake
        self._list_id = list_id
        self._stream = stream
        self._read = read

    @property
    def bookmark(self) -> Bookmark:
        """Where the next page is."""
        return self._stream.bookmark

    @property
    def run_begin(self) -> Bookmark:
        """Where the next page is, too: a run is one page, and is delivered whole."""
        return self._stream.bookmark

    async def next_run(self) -> Sequence[int]:
        """Read a page, and see it committed; give its number, or nothing at the list's end."""
        page = await self._stream.next_page()
        if page is None:
            return ()
        await self._intake.put(self._bought(page))
        return (page.page_num,)

    def _bought(self, page: Page[Row]) -> Bought:
        strange = {reject.offset: reject for reject in page.rejects}
        objects = iter(page.records)
        rows: list[object] = []
        rejects = []
        for place in range(len(page.records) + len(strange)):
            if place in strange:
                rows.append(strange[place].row)
                rejects.append((place, str(strange[place].error)))
                continue
            rows.append(row := next(objects))
            try:
                self._read(row, None)
            except DecodeError as error:
                rejects.append((place, str(error)))
        written, deep = _written(rows)
        rejects = [*(one for one in rejects if one[0] not in deep), *deep.items()]
        return Bought(
            list_id=self._list_id,
            page_num=page.page_num,
            is_last=page.is_last,
            request_id=page.request_id,
            rows=written,
            count=len(rows),
            rejects=rejects,
        )

    async def aclose(self) -> None:
        """Leave the list."""
        await self._stream.aclose()


def _written(rows: list[object]) -> tuple[bytes, dict[int, str]]:
    """Write rows as JSON; one that is nested deeper than can be written is null, and a reject."""
    try:
        return orjson.dumps(rows), {}
    except orjson.JSONEncodeError:
        deep = {place: _DEEP for place, row in enumerate(rows) if not _is_writable(row)}
        kept = [None if place in deep else row for place, row in enumerate(rows)]
        return orjson.dumps(kept), deep


def _is_writable(row: object) -> bool:
    try:
        orjson.dumps([row])
    except orjson.JSONEncodeError:
        return False
    return True


@attrs.frozen
class _Spending:
    """What a client has spent at one moment."""

    spent: int
    uncertain: int
    requests: int

    @classmethod
    def of(cls, api: KeyAPI) -> Self:
        return cls(api.credits.spent, api.credits.uncertain, api.stats.requests)


def _qps_of(api: KeyAPI) -> float | None:
    """Tell the rate that the client was told, where its gate is one that was told any."""
    qps = getattr(api.limiter, "qps", None)
    return qps if isinstance(qps, (int, float)) else None
