"""The harvest: a ledger, the runs that fill it, and the ways out of it."""

import os
from collections.abc import AsyncGenerator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from keyapi_async.checks import number
from keyapi_async.errors import InvalidParameterError, UsageError
from keyapi_async.harvest.export import Exported, export
from keyapi_async.harvest.file import FileThread, open_to_write
from keyapi_async.harvest.ledger import Ledger
from keyapi_async.harvest.plan import Keys, Open, check_arguments
from keyapi_async.harvest.progress import HarvestReport, ListFailure, Progress, Status
from keyapi_async.harvest.reading import Reading, Records
from keyapi_async.harvest.run import HarvestRun

K = TypeVar("K")
T = TypeVar("T")
Snapshots = Literal["latest", "all"]


class Harvest:
    """A ledger, and the runs that fill it; made by ``Harvest.open``.

    Any number of programs may read a ledger, also while a run writes to it; one run at a time
    writes, whatever process it is in.
    """

    def __init__(self, file: Path, *, read_only: bool) -> None:
        self._file = file
        self._read_only = read_only
        self._thread: FileThread | None = None
        self._reading: Reading | None = None
        self._run: HarvestRun | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, read_only: bool = False) -> Self:
        """Name the ledger, for ``async with``; entering opens it, or makes a new one.

        Args:
            path: a file; its folder must exist.
            read_only: only look at a ledger that is there, also in a folder that cannot be written.

        Raises (entering):
            LedgerError: the file is not a ledger, damaged, or of another version.
        """
        return cls(Path(path), read_only=read_only)

    async def __aenter__(self) -> Self:
        if self._thread is not None:
            raise UsageError("this harvest is open already")
        thread = FileThread()
        try:
            self._reading = await thread.call(self._open)
        except BaseException:
            thread.close()
            raise
        self._thread = thread
        return self

    def _open(self) -> Reading:
        if not self._read_only:
            open_to_write(self._file).close()
        return Reading(self._file)

    async def __aexit__(self, *_: object) -> None:
        reading, thread = self._opened()
        self._reading = self._thread = None
        try:
            await thread.call(reading.close)
        finally:
            thread.close()

    async def run(
        self,
        keys: Keys[K],
        open_stream: Open[K],
        *,
        concurrency: int = 16,
        max_age: timedelta | None = None,
        patience: timedelta = timedelta(minutes=10),
        progress: Callable[[Progress], None] | None = None,
    ) -> HarvestReport:
        """Read what the ledger lacks of some lists, and of those that earlier runs gave it.

        All keys are opened, so checked, and written down before a credit is spent: all of them, or
        none where one is refused. Where the endpoint takes several ids a call, the ids of all keys
        are put together, and known ones are not asked for again. Lists that failed each for
        themselves are in the report. Cancelling is safe: what has arrived is committed first.

        Args:
            keys: any iterable or async iterable; of equal lists one is read. Without any key,
                nothing is asked for.
            open_stream: makes the stream of a key, as ``fan_out`` has it. ``prefetch`` and
                ``skip_invalid`` mean nothing here; ``limit`` and a beginning elsewhere than at
                page 1 are refused. All options must be the same, in all runs of a ledger.
            concurrency: lists read at a time.
            max_age: lists whose last complete reading is older are read again. Until such a list is
                read to its new end, the former reading is what is shown.
            patience: how long to wait for a network that is lost in the middle.
            progress: is called after each commit, and when a pause begins or ends.

        Cost:
            The price of a call for each page that is not in the ledger yet.

        Raises:
            InvalidParameterError: a key is refused; nothing was sent, and no list was added.
            LedgerError: another run has the ledger, it is of other lists, or it cannot be written.
            HarvestStoppedError: the key, the credits, the budget or the network ended it.
        """
        self._opened()
        if self._read_only:
            raise UsageError("this harvest was opened to be read: open it without read_only")
        if self._run is not None:
            raise UsageError("this harvest is running already")
        check_arguments(keys, open_stream, max_age)
        number("concurrency", concurrency, 1)
        if not isinstance(patience, timedelta):
            raise InvalidParameterError("patience", patience, "a timedelta")
        thread, ledger = FileThread(), Ledger(self._file)
        self._run = HarvestRun(
            ledger, thread, concurrency=concurrency, patience=patience, show=progress
        )
        try:
            await thread.call(ledger.open)
            report = await self._run.read(keys, open_stream, max_age)
        finally:
            self._run = None
            try:
                await thread.call(ledger.close)
            finally:
                thread.close()
        if report is not None:
            return report
        now, failures = await self.status(), await self.failures()
        return HarvestReport(
            done=now.done, failed=now.failed, left=now.left, before=now.done, failures=failures
        )

    def stop(self) -> None:
        """End the run under way: ask for nothing more, and keep the pages in flight."""
        if self._run is not None:
            self._run.stop()

    async def status(self) -> Status:
        """Count what the ledger holds, at once, and tell how far its run is."""
        reading, thread = self._opened()
        return await thread.call(reading.status)

    async def failures(self) -> tuple[ListFailure, ...]:
        """List the first hundred of the lists that ended with an error."""
        reading, thread = self._opened()
        return await thread.call(reading.failures)

    def records(self, into: type[T], *, snapshots: Snapshots = "latest") -> Records[T]:
        """Stream the ledger's rows as records, list after list; invalid ones are left out.

        Args:
            into: the record class of the lists; ``dict`` for the rows as they were sent; or any
                class that cattrs can structure.
            snapshots: "latest" for the last complete reading of each list (the first one while it
                goes on), "all" for every reading.

        Raises:
            InvalidParameterError: rows cannot become that.

        Raises (reading):
            LedgerError: the ledger holds nothing yet, or cannot be read.
        """
        return Records(self._opened, into, snapshots=_all(snapshots))

    async def values(self, field: str) -> AsyncGenerator[Any, None]:
        """Stream the distinct values of a column of the export; empty ones are left out.

        Args:
            field: the column, such as ``user_id``.

        Raises (reading):
            InvalidParameterError: there is no such column.
            LedgerError: the ledger holds nothing yet, or cannot be read.
        """
        reading, thread = self._opened()
        found = reading.values(field)
        try:
            while (some := await thread.call(next, found, None)) is not None:
                for value in some:
                    yield value
                self._opened()
        finally:
            if reading is self._reading:
                await thread.call(found.close)

    async def export(
        self,
        path: str | os.PathLike[str],
        *,
        snapshots: Snapshots = "latest",
        escape_formulas: bool = False,
    ) -> Exported:
        """Write the ledger's records to a file: ``.parquet``, ``.csv`` or ``.jsonl``.

        The file appears when it is complete, in place of an older one. Each row begins with the key
        of its list, as ``list_product_id`` and the like, and ``fetched_at``, the time (UTC) at
        which its page came. Parquet has typed columns; CSV has those of the ledger's view
        ``records``, in UTF-8 with a byte order mark; JSON Lines has rows as ``unstructure`` gives
        them, and their positions. Invalid rows are left out.

        Args:
            path: where to; its suffix chooses the format.
            snapshots: "latest" or "all", as for ``records``.
            escape_formulas: put ``'`` before texts of a CSV that a spreadsheet would run as a
                formula: those with ``=``, ``+``, ``-``, ``@``, a tab or a line break in front.

        Raises:
            InvalidParameterError: no such format.
            ConfigurationError: pyarrow is missing, which the extra ``parquet`` brings.
            ExportError: the file cannot be written.
            LedgerError: the ledger holds nothing yet, or cannot be read.
        """
        reading, thread = self._opened()
        steps = export(
            reading, Path(path), snapshots=_all(snapshots), escape_formulas=escape_formulas
        )
        try:
            while (done := await thread.call(next, steps)) is None:
                pass
        finally:
            await thread.call(steps.close)
        return done

    async def write_report(self, path: str | os.PathLike[str]) -> Path:
        """Write what the ledger holds as one page to look at, which asks for nothing from anywhere.

        A run may go on meanwhile. It needs the extra ``report``.

        Args:
            path: where to, a name with ``.html``; it appears when it is complete.

        Raises:
            InvalidParameterError: another name.
            ConfigurationError: vl-convert-python is missing.
            ExportError: the file cannot be written.
            LedgerError: the ledger holds nothing yet, or cannot be read.
        """
        from keyapi_async.report import write_report  # noqa: PLC0415  # it draws with an extra

        self._opened()
        thread = FileThread()
        try:
            return await thread.call(write_report, self._file, Path(path))
        finally:
            thread.close()

    def _opened(self) -> tuple[Reading, FileThread]:
        if self._reading is None or self._thread is None:
            raise UsageError("use a harvest inside of 'async with Harvest.open(…)'")
        return self._reading, self._thread


def _all(snapshots: object) -> bool:
    if snapshots not in ("latest", "all"):
        raise InvalidParameterError("snapshots", snapshots, "'latest' or 'all'")
    return snapshots == "all"
