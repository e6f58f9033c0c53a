"""Frames harvested by Dask: in this process, and by a cluster of real processes."""

import logging
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs
import dask
import pandas as pd  # type: ignore[import-untyped]  # it has no types
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from distributed import Client, LocalCluster

from keyapi_async import Bookmark, KeyAPI, RetryPolicy, errors
from keyapi_async.api import endpoints
from keyapi_async.dask import PartitionError, harvest_frame
from keyapi_async.harvest import Harvest, LedgerError, ListFailure
from keyapi_async.limiter.shared import RedisLimiter
from keyapi_async.sandbox import Sandbox, Service
from tests import virtual
from tests.api.test_declarations import given_to
from tests.gates import worst_second
from tests.harvest import shop
from tests.redis_server import RedisServer
from tests.servers import served

TODAY = date(2026, 1, 20)
SECRET = "a-key-that-must-not-be-seen"
PATH = "/v1/tiktok/product/creators/analytics"
service = Service(today=TODAY)
# What Dask gives has hardly any types.
frame_of: Any = harvest_frame
new_cluster: Any = LocalCluster
new_client: Any = Client


def creators(api: KeyAPI, product_id: Any) -> Any:
    return api.tiktok.product.iter_creators(product_id)


LISTS: dict[str, tuple[Callable[[KeyAPI, Any], Any], list[Any]]] = {
    "creators": (lambda api, p: api.tiktok.product.iter_creators(p), service.product_ids(4)),
    "ids in tens": (lambda api, v: api.tiktok.video.iter_products(v), service.video_ids(34)),
    "sorted dates and regions": (
        lambda api, key: api.tiktok.influencer.iter_ranking(
            date=key[0], region=key[1], rank_type=2, influencer_rank_field=1
        ),
        [("2026-01-05", "US"), ("2026-01-05", "MY")],
    ),
    "rows without a record": (
        lambda api, p: api.iter_records(PATH, {"product_id": p}),
        service.product_ids(3),
    ),
}


@pytest.fixture(autouse=True)
def in_this_process() -> Iterator[None]:
    """Compute here, where nothing else is asked for."""
    with dask.config.set(scheduler="synchronous"):
        yield


def near() -> KeyAPI:
    return virtual.client(virtual.SandboxTransport(service, latency=(0, 0)), qps=1e5)


def content(rows: Any) -> list[dict[str, Any]]:
    """Give the rows of a table or a frame, without when they came."""
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pandas(rows, preserve_index=False)
    found: list[dict[str, Any]] = table.drop_columns("fetched_at").to_pylist()
    return found


@pytest.mark.parametrize("told", [*endpoints()], ids=lambda told: f"{told.resource} {told.name}")
def test_any_endpoint_is_a_frame_with_the_columns_of_its_record(told: Any) -> None:
    given, query = given_to(told)
    frame = frame_of([given], lambda api, key: told.open(api.tiktok, key), client=near)
    fields = () if told.record is dict else attrs.fields(told.record)[:-1]
    names = {"fetched_at", *(f.name for f in fields), "extra"}
    assert set(frame.columns) == names | {f"list_{name}" for name in told.key if name in given}
    rows = service.rows(told.path, **query)
    if len(rows) < 300:
        part = frame.compute()
        assert len(part) == len(rows)
        assert part.dtypes.equals(frame.dtypes)


@pytest.mark.parametrize(("open_stream", "keys"), LISTS.values(), ids=LISTS)
def test_a_frame_is_the_harvests_own_export(open_stream: Any, keys: Any, tmp_path: Path) -> None:
    async def main() -> None:
        api = near()
        async with Harvest.open(tmp_path / "a.db") as harvest:
            await harvest.run(keys, lambda key: open_stream(api, key))
            await harvest.export(tmp_path / "own.parquet")

    before = service.billed
    shop.run(main)
    least, before = service.billed - before, service.billed
    frame = frame_of(iter([*keys, keys[0]]), open_stream, client=near, partition_size=1)
    assert frame.npartitions == (4 if len(keys) == 34 else len(keys))
    frame.to_parquet(tmp_path / "frame", write_index=False)
    assert service.billed - before == least
    own, written = pq.read_table(tmp_path / "own.parquet"), pq.read_table(tmp_path / "frame")
    assert own.num_rows > 30
    if open_stream is LISTS["rows without a record"][0]:
        assert len(frame.columns) == 3
        assert [len(row) for row in content(written)] == [2] * own.num_rows
    else:
        assert written.schema.remove_metadata() == own.schema.remove_metadata()
        assert content(written) == content(own)


def test_partitions_without_rows_have_the_same_types(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(12, 0, 3), latency=0)
    frame = frame_of(server.ids, creators, client=server.client, partition_size=1)
    for number in range(3):
        part = frame.partitions[number].compute()
        assert part.dtypes.equals(frame.dtypes)
        assert part.index.equals(pd.RangeIndex(len(part)))
    frame.to_parquet(tmp_path / "frame", write_index=False)
    assert pq.read_table(tmp_path / "frame").num_rows == 15
    for strings in (True, False):
        with dask.config.set({"dataframe.convert-string": strings}):
            assert len(frame_of([], creators, client=lambda: pytest.fail("not needed"))) == 0


async def test_nothing_is_bought_before_it_is_computed_and_then_once() -> None:
    server = shop.Shop(shop.products(12, 30, 3, 0, 25), latency=0.01)
    frame = frame_of(server.ids, creators, client=server.client, partition_size=5, concurrency=3)
    assert "('product_creators-" in str(list(frame.dask))
    large = frame[frame.total_followers_cnt > frame.total_followers_cnt.mean()]
    assert server.billed == 0
    for number, wanted in enumerate((frame, large, frame.drop_duplicates(subset=["user_id"])), 1):
        wanted.compute()  # this thread has an event loop of its own
        assert server.billed == number * server.least()
    assert server.most_open == 3
    kept = frame.persist()
    assert len(kept) == len(kept.set_index("user_id").compute()) == 70
    assert server.billed == 4 * server.least()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"client": SECRET}, rf"^client=(?!.*{SECRET})"),
        ({"partition_size": 0}, "^partition_size=0"),
        ({"concurrency": 0}, "^concurrency=0"),
        ({"on_error": "skip"}, "^on_error='skip'"),
        ({"keys": "100"}, "^keys='100'.*one key is a list of one"),
        ({"keys": aiter(near().iter_records("/x"))}, "^keys=.*collect them first"),
        ({"keys": ["1", "x", 2.5]}, "^key 2, 'x': product_id='x'"),
        ({"open_stream": 5}, "^open_stream=5"),
        ({"open_stream": lambda _, key: [key]}, "^open_stream=.*gives a stream"),
        (
            {"open_stream": lambda a, p: a.tiktok.product.iter_creators(p, sort_type=int(p) % 2)},
            "^key 2='2' .*parameter sort_type is 1 for the first key, and 0 here",
        ),
    ],
)
def test_what_is_wrong_is_said_at_once(wrong: dict[str, Any], said: str) -> None:
    given = {"keys": iter(["1", "2"]), "open_stream": creators} | wrong
    with pytest.raises(errors.InvalidParameterError, match=said):
        frame_of(given.pop("keys"), given.pop("open_stream"), **given)


@pytest.fixture
def failing() -> shop.Shop:
    """Seven lists of two pages, of which six have no second one."""
    server = shop.Shop(shop.products(*[12] * 7), latency=0)
    for product_id in server.ids[1:]:
        server.statuses[product_id, 2] = [404, 404]
    return server


def test_lists_that_fail_twice_are_named(
    failing: shop.Shop, caplog: pytest.LogCaptureFixture
) -> None:
    frame = frame_of(failing.ids, creators, client=failing.client)
    said = r"^6 of 7 lists failed: 101: .*404.*; and 1 more$"
    with pytest.raises(PartitionError, match=said) as caught:
        frame.compute()
    error = caught.value
    assert [failure.key for failure in error.failures] == failing.ids[1:]
    assert failing.billed == 8
    failing.statuses["101", 2] = [404, 404]
    assert len(frame_of(failing.ids, creators, client=failing.client, on_error="log")) == 82
    (told,) = (one.getMessage() for one in caplog.records if one.levelno == logging.WARNING)
    assert told.startswith("rows are missing: 1 of 7 lists failed: 101: ")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301
    many = tuple(ListFailure(str(one), "e" * 800, Bookmark(2)) for one in range(100))
    assert len(str(PartitionError(2_000, 4_000, many))) < dask.config.get(
        "distributed.admin.max-error-length"
    )


def test_a_ledger_that_stays_is_never_bought_again(failing: shop.Shop, tmp_path: Path) -> None:
    def frame(**more: Any) -> Any:
        return frame_of(failing.ids, creators, client=failing.client, ledgers=tmp_path, **more)

    with pytest.raises(PartitionError):
        frame().compute()
    assert len(frame()) == len(frame()) == 7 * 12
    assert failing.billed == failing.least()
    (ledger,) = tmp_path.glob("product_creators-*.db")
    assert [*tmp_path.iterdir()] == [ledger]
    frame(partition_size=3).compute()
    assert failing.billed == 2 * failing.least()
    with pytest.raises(LedgerError, match="its folder does not exist"):
        frame_of(["1"], creators, client=failing.client, ledgers=tmp_path / "none").compute()


def test_invalid_rows_are_counted_and_nothing_stays_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = shop.Shop(shop.products(12, 3, 5), latency=0)
    server.strange = {("100", 4): 5, ("101", 0): {"user_id": "1"}}
    made: list[KeyAPI] = []

    def client() -> KeyAPI:
        assert len(list(tmp_path.glob("keyapi-*"))) == 1
        made.append(server.client(max_credits=2, retry=RetryPolicy(attempts=1)))
        return made[-1]

    with dask.config.set({"temporary-directory": str(tmp_path)}):
        assert len(frame_of(server.ids[:1], creators, client=client).compute()) == 11
        assert "left out 1 invalid rows of product_creators" in caplog.messages
        for status, error in ((401, errors.AuthenticationError), (402, errors.QuotaExceededError)):
            server.statuses["102", 1] = [status]
            with pytest.raises(error) as caught:
                frame_of(server.ids[2:], creators, client=client).compute()
            assert type(pickle.loads(pickle.dumps(caught.value))) is error  # noqa: S301
        with pytest.raises(errors.CreditBudgetError):
            frame_of(server.ids, creators, client=client).compute()
    assert [api.closed for api in made] == [True] * 4
    assert not list(tmp_path.iterdir())


def test_the_extra_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "keyapi_async.dask")
    monkeypatch.setitem(sys.modules, "dask.dataframe", None)
    with pytest.raises(errors.ConfigurationError, match=r"pip install 'keyapi-async\[dask\]'"):
        import_module("keyapi_async.dask")


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """A sandbox in a thread of its own."""
    with served(Sandbox(latency=0.02, today=TODAY)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def cluster(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Three workers, each a process."""
    with (
        new_cluster(
            n_workers=3,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            host="127.0.0.1",
            local_directory=str(tmp_path_factory.mktemp("workers")),
            env={"KEYAPI_TOKEN": box.api_key, "KEYAPI_BASE_URL": box.url, "no_proxy": "*"},
        ) as local,
        new_client(local) as client,
    ):
        yield client


LENGTHS = {one: len(service.rows(PATH, product_id=one)) for one in service.product_ids(60)}
IDS = [one for one, length in LENGTHS.items() if length < 60][:24]


def least(ids: list[str]) -> int:
    return sum(LENGTHS[one] // 10 + 1 for one in ids)


def box_frame(ids: list[str], **more: Any) -> Any:
    options = {"client": partial(KeyAPI, qps=1e4), "partition_size": 3, "concurrency": 2}
    return frame_of(ids, lambda api, p: api.tiktok.product.iter_creators(p), **options | more)


def expected(ids: list[str]) -> Any:
    return content(frame_of(ids, creators, client=near).compute())


def test_a_cluster_buys_every_page_once_through_one_gate(
    box: Sandbox, cluster: Any, tmp_path: Path, redis: RedisServer
) -> None:
    before, url = box.billed, redis.url
    frame = box_frame(IDS, client=lambda: KeyAPI(limiter=RedisLimiter(url, qps=40)))
    frame.to_parquet(tmp_path, write_index=False, compute=False).compute(scheduler=cluster)
    assert content(pq.read_table(tmp_path)) == expected(IDS)
    assert box.billed - before == least(IDS) > 41
    assert worst_second(sorted(one.at for one in box.requests[-least(IDS) :])) <= 41


@pytest.mark.parametrize("keep", [False, True])
def test_a_killed_worker_is_replaced(
    box: Sandbox, cluster: Any, tmp_path: Path, keep: bool
) -> None:
    before, asked, pages = box.billed, len(box.requests), least(IDS)
    workers = cluster.run(os.getpid)
    kept = cluster.persist(box_frame(IDS, ledgers=tmp_path if keep else None))
    while box.billed < before + pages // 2:
        time.sleep(0.005)
    worker, pid = next(iter(workers.items()))
    os.kill(pid, signal.SIGSTOP)
    busy = {key[1] for key in [*cluster.processing()[worker], *cluster.has_what()[worker]]}
    os.kill(pid, signal.SIGKILL)
    assert content(kept.compute(scheduler=cluster)) == expected(IDS)
    cluster.wait_for_workers(3, timeout=30)
    assert 0 < len(busy) < 8
    again = [one for number in busy for one in IDS[3 * number : 3 * number + 3]]
    assert box.billed - before <= pages + (2 if keep else least(again))
    bought = [(one.params["product_id"], one.page_num) for one in box.requests[asked:]]
    assert {page[0] for page in bought if bought.count(page) > 1} <= set(again)
    assert max(map(bought.count, bought)) <= 2


@pytest.mark.parametrize("how", [{}, {"qps": -1}, {"nonsense": 1}, {"session": threading.Lock()}])
def test_the_key_shows_nowhere(
    box: Sandbox, cluster: Any, how: Any, capfd: Any, caplog: pytest.LogCaptureFixture
) -> None:
    frame = box_frame(["1", "2"], client=partial(KeyAPI, SECRET, base_url=box.url, **how))
    shown = [repr(frame), repr(frame.dask), str(list(frame.dask)), frame.expr.tree_repr()]
    refused = (errors.AuthenticationError, errors.ConfigurationError, TypeError)
    with pytest.raises(refused) as caught:
        frame.compute(scheduler=cluster)
    shown += traceback.format_exception(caught.value)
    logs = repr(cluster.get_worker_logs())
    shown += [logs, repr(cluster.get_scheduler_logs()), *capfd.readouterr(), caplog.text]
    assert SECRET not in "".join(shown)
    assert "session" in how or "Compute Failed" in logs  # a lock never reaches a worker
