"""The harvest on many machines: a Dask DataFrame whose partitions the workers buy."""

import asyncio
import logging
import os
import re
from collections.abc import Callable, Iterable, Sequence
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
from keyapi_async.errors import ConfigurationError, InvalidParameterError, KeyAPIError
from keyapi_async.harvest import Harvest, HarvestStoppedError, ListFailure
from keyapi_async.harvest.columns import json_text
from keyapi_async.harvest.plan import check_arguments, opened
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
except ImportError as _error:
    raise ConfigurationError("Dask is missing: pip install 'keyapi-async[dask]'") from _error

__all__ = ["PartitionError", "harvest_frame"]

K = TypeVar("K")
Open = Callable[[KeyAPI, K], RecordStream[Any]]
Lists = list[tuple[str, K]]  # the query of each list, and its key

_log = logging.getLogger("keyapi_async")

_NAMED = 5  # failed lists: Dask cuts off long texts, and with them the error's class


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
        self.args: tuple[Any, ...] = (failed, lists, failures)
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

    Columns, types and order of rows are those of the Parquet export of one harvest of the keys;
    where rows have no record class, their fields are JSON in ``extra``, as none are known before.
    The index numbers the rows of each partition: write with ``to_parquet(…, write_index=False)``.

    Each computation harvests anew: ``len(frame)`` and then ``frame.to_parquet(…)`` buy it twice,
    as ``set_index`` does by itself. ``persist()`` a frame that is used more than once.

    A list that fails is tried once more. Invalid rows are left out, with a WARNING that counts
    them. A worker that is lost is Dask's to replace: no row is lost and none is there twice, but
    the partitions whose results only it had are bought again, unless ``ledgers`` has them.

    Args:
        keys: what to open streams of; all are opened, so checked, here. Of equal lists one is read.
        open_stream: makes the stream of a key, on the worker:
            ``lambda api, p: api.tiktok.product.iter_creators(p)``. It is called here, too, with a
            client that sends nothing.
        client: makes the client of a partition, on the worker, which closes it in the end; by
            default with the key of the worker's environment. A key inside of it travels with the
            tasks and shows in no name, log line or error. Clients of several workers or threads
            share the plan's queries a second only through a shared ``limiter``.
        partition_size: lists a partition; where several ids go in one call, ids, in full calls.
        concurrency: lists that a partition reads at a time.
        on_error: what becomes of a list that fails twice. "raise" ends the computation with an
            error that names it; "log" goes on without its other rows, and names it in a WARNING.
        ledgers: a folder that the workers see, where each partition's ledger stays. What is in
            there is never bought again, by whichever computation of the same lists and
            ``partition_size``; remove it to have new rows. Without it, ledgers are temporary.

    Cost:
        The price of a call a page for each computation.

    Raises:
        InvalidParameterError: a key is refused; it is named.

    Raises (computing):
        PartitionError: lists of a partition failed; the others of the partition were bought.
        AuthenticationError, QuotaExceededError, CreditBudgetError: it ended the partition.
        LedgerError: a ledger cannot be used, or its partition is being harvested elsewhere.
        ConfigurationError: the client has no key, or an impossible setting.
    """
    if not callable(client):  # a text in this place may well be the key
        raise InvalidParameterError("client", type(client), "a function that makes a KeyAPI")
    if on_error not in ("raise", "log"):
        raise InvalidParameterError("on_error", on_error, "'raise' or 'log'")
    check_arguments(keys, open_stream, None)
    if not isinstance(keys, Iterable):
        raise InvalidParameterError("keys", keys, "an iterable: collect them first")
    size = number("partition_size", partition_size, 1)
    concurrency = number("concurrency", concurrency, 1)
    about, ids_per_call, lists = _planned(keys, open_stream)
    size = -(-size // ids_per_call) * ids_per_call
    folder = None if ledgers is None else Path(ledgers).absolute()
    label = re.sub(r"\W+", "_", str(about.facts.get("name", "harvest"))).strip("_")
    harvester = _Harvester(label, open_stream, about, client, concurrency, on_error, folder)
    parts = [lists[place : place + size] for place in range(0, len(lists) or 1, size)]
    frame: dd.DataFrame = dd.from_map(
        harvester, parts, meta=_frame_of(schema_of(about).empty_table()), label=label
    )
    return frame


def _planned(keys: Iterable[K], open_stream: Open[K]) -> tuple[About, int, Lists[K]]:
    """Open the streams of all keys, with a client that sends nothing."""
    api = KeyAPI("nothing is sent", base_url="http://127.0.0.1", proxy="")
    about, ids_per_call = About({}, (), ()), 1
    lists: dict[str, K] = {}
    for place, key in enumerate(keys, 1):
        stream = opened(key, place, lambda one: open_stream(api, one))
        listing, facts = stream.listing, facts_of(stream)
        if not lists:
            columns = RecordRows(listing.into).columns if is_record(listing.into) else ()
            about = About(facts, tuple(listing.key), tuple(columns))
            ids_per_call = listing.ids_per_call if listing.ids else 1
        elif (unlike := difference(about.facts, facts, "for the first key")) is not None:
            raise InvalidParameterError(f"key {place}", key, f"keys of one kind of list: {unlike}")
        lists.setdefault("\n".join(listing.queries), key)
    return about, ids_per_call, list(lists.items())


@attrs.frozen(eq=False, repr=False)
class _Harvester:
    """Harvests partitions. Its client may know the key, so it neither shows nor hashes it."""

    label: str
    open_stream: Open[Any]
    about: About
    client: Callable[[], AbstractAsyncContextManager[KeyAPI]]
    concurrency: int
    on_error: Literal["raise", "log"]
    ledgers: Path | None
    token: str = attrs.field(init=False, factory=lambda: uuid4().hex)
    """Another one for each frame, as the API's rows change."""

    def __call__(self, lists: Lists[Any]) -> pd.DataFrame:
        """Harvest some lists."""
        if not lists:
            return _frame_of(schema_of(self.about).empty_table())
        where = dask.config.get("temporary-directory", None)
        with TemporaryDirectory(prefix="keyapi-", dir=where) as folder:
            file = Path(folder, "rows.parquet" if self.about.columns else "rows.jsonl")
            identity = json_text([self.about.facts, [query for query, _ in lists]])
            name = f"{self.label}-{sha256(identity).hexdigest()[:32]}.db"
            ledger = (self.ledgers or Path(folder)) / name
            with ThreadPoolExecutor(1) as thread:  # this one may have a running event loop
                work = self._harvest([key for _, key in lists], ledger, file)
                thread.submit(asyncio.run, work).result()
            if not self.about.columns:
                return _frame_of(_rows_of(file, self.about))
            with pq.ParquetFile(file) as rows:
                return _frame_of(rows.read())

    async def _harvest(self, keys: Sequence[Any], ledger: Path, file: Path) -> None:
        async with self.client() as api, Harvest.open(ledger) as harvest:
            reason: BaseException | None = None
            try:
                for _ in range(2):
                    report = await harvest.run(
                        keys, lambda key: self.open_stream(api, key), concurrency=self.concurrency
                    )
                    if not report.failed:
                        break
            except HarvestStoppedError as stopped:
                reason = stopped.__cause__ or stopped
            if reason is not None:
                raise reason  # the ledger of which the other speaks is gone in a moment
            if report.failed:
                lists = report.done + report.failed
                error = PartitionError(report.failed, lists, report.failures)
                if self.on_error == "raise":
                    raise error
                _log.warning("rows are missing: %s", error)
            done = await harvest.export(file)
        if done.rejected:
            _log.warning("left out %d invalid rows of %s", done.rejected, self.label)

    def __dask_tokenize__(self) -> str:
        return self.token

    def __repr__(self) -> str:
        return f"<harvest of {self.label}>"


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


def _frame_of(rows: pa.Table) -> pd.DataFrame:
    return rows.to_pandas(types_mapper=pd.ArrowDtype)
