"""The harvest on many machines: a Dask DataFrame whose partitions the workers buy.

::

    def client() -> KeyAPI:
        return KeyAPI(limiter=RedisLimiter("redis://gate", qps=50))


    frame = harvest_frame(
        product_ids, lambda api, p: api.tiktok.product.iter_creators(p), client=client
    )
    frame.to_parquet("s3://bucket/creators", write_index=False)
"""

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypeVar
from uuid import uuid4

import attrs
import orjson

from keyapi_async.checks import number
from keyapi_async.client import KeyAPI
from keyapi_async.errors import ConfigurationError, InvalidParameterError, KeyAPIError, shown
from keyapi_async.harvest import Harvest, HarvestReport, HarvestStoppedError, ListFailure
from keyapi_async.harvest.columns import json_text
from keyapi_async.harvest.plan import opened
from keyapi_async.harvest.rows import RecordRows
from keyapi_async.harvest.schema import About, difference, facts_of
from keyapi_async.records.codec import is_record
from keyapi_async.streams.stream import RecordStream

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

K = TypeVar("K")
T = TypeVar("T")

Open = Callable[[KeyAPI, K], RecordStream[Any]]

_log = logging.getLogger("keyapi_async")

_STREAM = "a function of a client and a key that gives a stream"

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
    keys: Iterable[K],
    open_stream: Open[K],
    *,
    client: Callable[[], AbstractAsyncContextManager[KeyAPI]] = KeyAPI,
    partition_size: int = 100,
    concurrency: int = 16,
    on_error: Literal["raise", "log"] = "raise",
    ledgers: str | os.PathLike[str] | None = None,
) -> dd.DataFrame:
    """Make a Dask DataFrame of the records of many lists; workers harvest its partitions.

    Columns, their types and the order of rows are those of the Parquet export of one harvest of
    the same keys; where rows have no record class, all their fields are JSON in ``extra``, because
    nobody knows them before. ``to_parquet(…, write_index=False)`` writes just these; with the
    index, the files have a column for the row numbers of the partitions.

    Nothing is asked for before the frame is computed, and each computation harvests anew:
    ``len(frame)`` and then ``frame.to_parquet(…)`` buy it twice, as ``set_index`` does by itself.
    ``persist()`` a frame that is used more than once.

    A list that fails is tried once more when the rest of its partition is read. Invalid rows are
    left out, with a WARNING that counts them.

    A worker that is lost is Dask's to replace: no row is lost, and none is there twice. The
    partitions that it was at are bought again, and so are those that it had done and whose results
    nobody else has: until a computation ends, that includes files already written. ``ledgers``
    saves what they cost.

    Args:
        keys: what to open streams of, all of it opened, and so checked, here; of equal lists one
            is read.
        open_stream: makes the stream of a key, on the worker:
            ``lambda api, p: api.tiktok.product.iter_creators(p)``. It is called here, too, with a
            client that sends nothing.
        client: makes the client of a partition, on the worker, which closes it in the end; by
            default with the key of the worker's environment. A key that is inside of it travels
            with the tasks and shows in no name, log line or error. Clients of several workers or
            threads share the plan's queries a second only through a shared ``limiter``.
        partition_size: lists a partition; where several ids go in one call, ids, in full calls.
        concurrency: lists that a partition reads at a time.
        on_error: what a partition does with a list that fails twice. "raise" ends the computation
            with an error that names the list; "log" goes on without the rest of its rows, and
            names it in a WARNING.
        ledgers: a folder that the workers see, where each partition's ledger stays. What is in
            there is never bought again, by whichever computation of the same lists and
            ``partition_size``; remove it to have new rows. Without it, ledgers are temporary.

    Cost:
        Nothing here; the price of a call a page for each computation. Where a partition fails,
        those under way elsewhere are still bought to their end.

    Raises:
        InvalidParameterError: keys are refused; all refused ones are in ``value``.

    Raises (computing):
        PartitionError: lists of a partition failed; the others of the partition were bought.
        AuthenticationError, QuotaExceededError, CreditBudgetError: it ended the partition.
        LedgerError: a ledger cannot be used, or its partition is being harvested elsewhere.
        ConfigurationError: the client has no key, or an impossible setting.
    """
    if not callable(client):
        # A text in this place may well be the key.
        raise InvalidParameterError("client", type(client), "a function that makes a KeyAPI")
    if on_error not in ("raise", "log"):
        raise InvalidParameterError("on_error", on_error, "'raise' or 'log'")
    size = number("partition_size", partition_size, 1)
    concurrency = number("concurrency", concurrency, 1)
    plan = _planned(keys, open_stream)
    size = -(-size // plan.ids_per_call) * plan.ids_per_call
    harvester = _Harvester(
        open_stream,
        plan.about,
        client,
        concurrency,
        on_error,
        None if ledgers is None else Path(ledgers).absolute(),
        uuid4().hex,
    )
    lists = list(plan.lists.items())
    parts = [lists[place : place + size] for place in range(0, len(lists) or 1, size)]
    frame: dd.DataFrame = dd.from_map(  # type: ignore[no-untyped-call]
        harvester, parts, meta=_empty(plan.about), label=harvester.label
    )
    return frame


@attrs.frozen
class _Plan:
    """What is to be harvested.

    Attributes:
        about: what all lists have in common.
        lists: the key of each list, by its query.
        ids_per_call: how many keys may go in one call.
    """

    about: About
    lists: Mapping[str, Any]
    ids_per_call: int


@attrs.frozen(eq=False, repr=False)
class _Harvester:
    """Harvests partitions. Its client may know the key, so it neither shows nor hashes it.

    Attributes:
        token: names the frame; another one each time, as the API's rows change.
    """

    open_stream: Open[Any]
    about: About
    client: Callable[[], AbstractAsyncContextManager[KeyAPI]]
    concurrency: int
    on_error: Literal["raise", "log"]
    ledgers: Path | None
    token: str

    @property
    def label(self) -> str:
        """What the tasks are called."""
        return str(self.about.facts.get("name", "harvest")).strip("/").replace(" ", "_")

    def __call__(self, lists: Sequence[tuple[str, Any]]) -> pd.DataFrame:
        """Harvest some lists."""
        if not lists:
            return _empty(self.about)
        where = dask.config.get("temporary-directory", None)
        with TemporaryDirectory(prefix="keyapi-", dir=where) as folder:
            suffix = "parquet" if self.about.columns else "jsonl"
            file = Path(folder, f"rows.{suffix}")
            ledger = (self.ledgers or Path(folder)) / self._ledger_name(lists)
            _run(lambda: self._harvest([key for _, key in lists], ledger, file))
            if suffix == "jsonl":
                return _frame_of(_rows_of(file, self.about))
            with pq.ParquetFile(file) as rows:
                return _frame_of(rows.read())

    def _ledger_name(self, lists: Sequence[tuple[str, Any]]) -> str:
        told = json_text([self.about.facts, [query for query, _ in lists]])
        return f"{self.label.replace('/', '_')}-{sha256(told).hexdigest()[:32]}.db"

    async def _harvest(self, keys: Sequence[Any], ledger: Path, file: Path) -> None:
        async with self.client() as api, Harvest.open(ledger) as harvest:
            report = await self._attempt(harvest, api, keys)
            if report.failed:
                report = await self._attempt(harvest, api, keys)
            if report.failed:
                self._put_failures(report)
            done = await harvest.export(file)
        if done.rejected:
            _log.warning("left out %d invalid rows of %s", done.rejected, self.label)

    async def _attempt(self, harvest: Harvest, api: KeyAPI, keys: Sequence[Any]) -> HarvestReport:
        try:
            return await harvest.run(
                keys, lambda key: self.open_stream(api, key), concurrency=self.concurrency
            )
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
        return f"<harvest of {self.label}>"


def _planned(keys: Iterable[K], open_stream: Open[K]) -> _Plan:
    """Open the streams of all keys, with a client that sends nothing."""
    if isinstance(keys, (str, bytes, Mapping)) or not isinstance(keys, Iterable):
        raise InvalidParameterError("keys", keys, "an iterable of keys; one key is a list of one")
    if not callable(open_stream):
        raise InvalidParameterError("open_stream", open_stream, _STREAM)
    api = KeyAPI("nothing is sent", base_url="http://127.0.0.1", proxy="")
    about, ids_per_call = About({}, (), ()), 1
    lists: dict[str, K] = {}
    refused: list[tuple[K, InvalidParameterError]] = []
    for place, key in enumerate(keys, 1):
        try:
            stream = opened(key, place, lambda one: open_stream(api, one))
        except InvalidParameterError as error:
            if error.parameter == "open_stream":
                raise
            refused.append((key, error))
            continue
        listing, facts = stream.listing, facts_of(stream)
        if not lists:
            columns = RecordRows(listing.into).columns if is_record(listing.into) else ()
            about = About(facts, tuple(listing.key), tuple(columns))
            ids_per_call = listing.ids_per_call if listing.ids else 1
        elif (unlike := difference(about.facts, facts, "for the first key")) is not None:
            raise InvalidParameterError(f"key {place}", key, f"keys of one kind of list: {unlike}")
        lists.setdefault("\n".join(listing.queries), key)
    if len(refused) == 1:
        raise refused[0][1]
    if refused:
        first = refused[0][1]
        told = f"{first.allowed}; {len(refused)} are not, the first of them {shown(refused[0][0])}"
        raise InvalidParameterError(first.parameter, [key for key, _ in refused], told)
    return _Plan(about, lists, ids_per_call)


def _rows_of(file: Path, about: About) -> pa.Table:
    """Read rows that have no record class: their fields become JSON."""
    names = [*about.key_columns, "fetched_at"]
    rows = [orjson.loads(line) for line in file.read_bytes().splitlines()]
    columns = [[row.pop(name, None) for row in rows] for name in names]
    columns.append([json_text(row).decode() for row in rows])
    schema = schema_of(about)
    return pa.table(
        [pa.array(c).cast(t) for c, t in zip(columns, schema.types, strict=True)], schema=schema
    )


def _empty(about: About) -> pd.DataFrame:
    return _frame_of(schema_of(about).empty_table())


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
