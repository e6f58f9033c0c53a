"""The harvest on many machines: a Dask DataFrame whose partitions the workers buy.

::

    def client() -> KeyAPI:
        return KeyAPI(limiter=RedisLimiter("redis://gate", qps=50))


    frame = harvest_frame(Job.product_creators, product_ids, client=client)
    frame.to_parquet("s3://bucket/creators", write_index=False)
"""

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, TypeVar
from uuid import uuid4

import attrs

from keyapi_async.checks import number
from keyapi_async.client import KeyAPI
from keyapi_async.errors import ConfigurationError, InvalidParameterError, KeyAPIError
from keyapi_async.harvest import Harvest, HarvestReport, HarvestStoppedError, Job, ListFailure
from keyapi_async.harvest.table import json_text, table_of

try:
    import dask
    import dask.dataframe as dd
    import pandas as pd  # type: ignore[import-untyped]  # it has no types
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    from keyapi_async.harvest.parquet import schema_of
except ImportError as error:
    raise ConfigurationError(
        "harvest_frame needs Dask: pip install 'keyapi-async[dask]'"
    ) from error

__all__ = ["PartitionError", "harvest_frame"]

T = TypeVar("T")

_log = logging.getLogger("keyapi_async")

_FACTORY = "a function of ids that gives a Job"

_NAMED = 5
"""Failed lists that an error names: Dask cuts off long texts, and with them the error's class."""


class PartitionError(KeyAPIError):
    """Lists of a partition failed, each for itself; without them it would lack rows.

    Attributes:
        failed: how many lists failed.
        failures: the first hundred of them: key, error and place.
    """

    def __init__(self, failed: int, lists: int, failures: tuple[ListFailure, ...]) -> None:
        """Name the first of the lists that failed, and say why."""
        named = [f"{failure.key}: {failure.error}" for failure in failures[:_NAMED]]
        more = [f"and {failed - _NAMED} more"] if failed > _NAMED else []
        super().__init__(f"{failed} of {lists} lists failed: {'; '.join([*named, *more])}")
        self.args = (failed, lists, failures)
        self.failed = failed
        self.failures = failures


def harvest_frame(
    job_factory: Callable[[Iterable[T]], Job],
    ids: Iterable[T],
    *,
    client: Callable[[], AbstractAsyncContextManager[KeyAPI]] = KeyAPI,
    partition_size: int = 100,
    concurrency: int = 16,
    on_error: Literal["raise", "log"] = "raise",
    ledgers: str | os.PathLike[str] | None = None,
) -> dd.DataFrame:
    """Make a Dask DataFrame of the records of a job; each partition is harvested by a worker.

    Columns, their types and the order of rows are those of the Parquet export of one harvest of
    the same ids. ``to_parquet(…, write_index=False)`` writes just these; with the index, the files
    have a column for the row numbers of the partitions.

    Nothing is asked for before the frame is computed, and each computation harvests anew:
    ``len(frame)`` and then ``frame.to_parquet(…)`` buy it twice, as ``set_index`` does by itself.
    ``persist()`` a frame that is used more than once.

    A list that fails is tried once more when the rest of its partition is read. Rows that are no
    record are left out, with a WARNING that counts them.

    A worker that is lost is Dask's to replace: no row is lost, and none is there twice. The
    partitions that it was at are bought again, and so are those that it had done and whose results
    nobody else has: until a computation ends, that includes files already written. ``ledgers``
    saves what they cost.

    Args:
        job_factory: makes the job of ids: a method of ``Job`` such as ``Job.product_creators``, or
            a partial or a function around one.
        ids: what to harvest, all of them checked here; equal ones count once.
        client: makes the client of a partition, on the worker, which closes it in the end; by
            default with the key of the worker's environment. A key that is inside of it travels
            with the tasks and shows in no name, log line or error. Clients of several workers or
            threads share the plan's queries a second only through a shared ``limiter``.
        partition_size: lists a partition; ids, where ten videos are one list, in full tens.
        concurrency: lists that a partition reads at a time.
        on_error: what a partition does with a list that fails twice. "raise" ends the computation
            with an error that names the list; "log" goes on without the rest of its rows, and
            names it in a WARNING.
        ledgers: a folder that the workers see, where each partition's ledger stays. What is in
            there is never bought again, by whichever computation of the same ids, job and
            ``partition_size``; remove it to have new rows. Without it, ledgers are temporary.

    Cost:
        Nothing here; one credit a page for each computation. Where a partition fails, those under
        way elsewhere are still bought to their end.

    Raises:
        InvalidParameterError: ids or parameters are refused; all refused ids are in ``value``.

    Raises (computing):
        PartitionError: lists of a partition failed; the others of the partition were bought.
        AuthenticationError, QuotaExceededError, CreditBudgetError: it ended the partition.
        LedgerError: a ledger cannot be used, or its partition is being harvested elsewhere.
        ConfigurationError: the client has no key, or an impossible setting.
    """
    if not callable(job_factory):
        raise InvalidParameterError("job_factory", job_factory, _FACTORY)
    if not callable(client):
        # A text in this place may well be the key.
        raise InvalidParameterError("client", type(client), "a function that makes a KeyAPI")
    if on_error not in ("raise", "log"):
        raise InvalidParameterError("on_error", on_error, "'raise' or 'log'")
    job, keys = _planned(job_factory, ids)
    size = number("partition_size", partition_size, 1)
    if job.subject.grouped:
        size = -(-size // 10) * 10
    harvester = _Harvester(
        job,
        client,
        number("concurrency", concurrency, 1),
        on_error,
        None if ledgers is None else Path(ledgers).absolute(),
        uuid4().hex,
    )
    parts = [tuple(keys[place : place + size]) for place in range(0, len(keys) or 1, size)]
    frame: dd.DataFrame = dd.from_map(  # type: ignore[no-untyped-call]
        harvester, parts, meta=_empty(job), label=job.subject.name
    )
    return frame


@attrs.frozen(eq=False, repr=False)
class _Harvester:
    """Harvests partitions. Its client may know the key, so it neither shows nor hashes it.

    Attributes:
        token: names the frame; another one each time, as the API's rows change.
    """

    job: Job
    client: Callable[[], AbstractAsyncContextManager[KeyAPI]]
    concurrency: int
    on_error: Literal["raise", "log"]
    ledgers: Path | None
    token: str

    def __call__(self, keys: Sequence[str]) -> pd.DataFrame:
        """Harvest the lists of some keys."""
        if not keys:
            return _empty(self.job)
        job = attrs.evolve(self.job, keys=keys)
        where = dask.config.get("temporary-directory", None)
        with TemporaryDirectory(prefix="keyapi-", dir=where) as folder:
            file = Path(folder, "rows.parquet")
            ledger = (self.ledgers or Path(folder)) / _ledger_name(job, keys)
            _run(lambda: self._harvest(job, ledger, file))
            with pq.ParquetFile(file) as rows:
                return _frame_of(rows.read())

    async def _harvest(self, job: Job, ledger: Path, file: Path) -> None:
        async with self.client() as api, Harvest.open(ledger) as harvest:
            report = await self._attempt(harvest, api, job)
            if report.failed:
                report = await self._attempt(harvest, api, job)
            if report.failed:
                self._put_failures(report)
            done = await harvest.export(file)
        if done.rejected:
            _log.warning(
                "left out %d rows of %s that are no record", done.rejected, job.subject.name
            )

    async def _attempt(self, harvest: Harvest, api: KeyAPI, job: Job) -> HarvestReport:
        try:
            return await harvest.run(api, job, concurrency=self.concurrency)
        except HarvestStoppedError as stopped:
            reason = stopped.__cause__ or stopped
        raise reason  # the ledger of which the other speaks is gone in a moment

    def _put_failures(self, report: HarvestReport) -> None:
        error = PartitionError(report.failed, report.done + report.failed, report.failures)
        if self.on_error == "raise":
            raise error
        _log.warning("rows are missing: %s", error)

    def __dask_tokenize__(self) -> str:
        return self.token

    def __repr__(self) -> str:
        return f"<harvest of {self.job!r}>"


def _planned(job_factory: Callable[[Iterable[T]], Job], ids: Iterable[T]) -> tuple[Job, list[str]]:
    """Make the job of all ids, and its keys, without equal ones."""
    if isinstance(ids, Iterator):
        ids = list(ids)
    try:
        job = job_factory(ids)
        keys = _keys_of(job)
    except InvalidParameterError as error:
        refused = _refused(job_factory, ids, error.parameter)
        if len(refused) < 2:
            raise
        allowed = f"{error.allowed}; {len(refused)} are not"
        raise InvalidParameterError(error.parameter, refused, allowed) from None
    return attrs.evolve(job, keys=()), keys


def _keys_of(job: Job) -> list[str]:
    """Read and check the keys of a job; the first of equal ones stays."""
    if not isinstance(job, Job):
        raise InvalidParameterError("job_factory", job, _FACTORY)
    return list(dict.fromkeys(job.keys))


def _refused(
    job_factory: Callable[[Iterable[T]], Job], ids: Iterable[T], parameter: str
) -> list[object]:
    """Find every id that is refused; none where something else is."""
    if isinstance(ids, str) or not isinstance(ids, Iterable):
        return []
    refused: list[object] = []
    for one in ids:
        try:
            _keys_of(job_factory([one]))
        except InvalidParameterError as error:
            if error.parameter == parameter and error.value is one:
                refused.append(one)
    return refused


def _ledger_name(job: Job, keys: Sequence[str]) -> str:
    return f"{job.subject.name}-{sha256(json_text([job.identity, keys])).hexdigest()[:32]}.db"


def _empty(job: Job) -> pd.DataFrame:
    return _frame_of(schema_of(table_of(job.subject)).empty_table())


def _frame_of(rows: pa.Table) -> pd.DataFrame:
    return rows.to_pandas(types_mapper=pd.ArrowDtype)


def _run(main: Callable[[], Coroutine[object, object, T]]) -> T:
    """Run a coroutine here, or in another thread where this one has a running event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(main())
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, main()).result()
