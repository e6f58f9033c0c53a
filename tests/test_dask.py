"""Frames harvested by Dask: without a cluster in memory, and by a cluster of real processes."""

import logging
import os
import pickle
import signal
import subprocess
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

import dask
import pyarrow as pa  # type: ignore[import-untyped]  # it has no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from distributed import Client, LocalCluster
from keyapi_async.sandbox.desk import Desk

from keyapi_async import (
    AuthenticationError,
    Bookmark,
    ConfigurationError,
    CreditBudgetError,
    InvalidParameterError,
    KeyAPI,
    QuotaExceededError,
    RankType,
    RetryPolicy,
)
from keyapi_async.dask import PartitionError, harvest_frame
from keyapi_async.harvest import Harvest, Job, LedgerError, ListFailure
from keyapi_async.sandbox import Sandbox
from tests import test_errors, virtual
from tests.harvest import shop
from tests.servers import served

TODAY = date(2026, 1, 20)
SECRET = "a-key-that-must-not-be-seen"
desk = Desk(today=TODAY)

rankings = partial(
    lambda days, **how: Job.influencer_ranking(dates=days, regions=["US", "MY"], **how),
    rank_type=RankType.WEEK,
    influencer_rank_field=1,
)
Factory = Callable[[Any], Job]
JOBS: dict[str, tuple[Factory, Any]] = {
    "creators": (Job.product_creators, desk.world.product_ids(4)),
    "sorted creators": (
        partial(Job.product_creators, product_influencer_sort_field=4, sort_type=1),
        desk.world.product_ids(4),
    ),
    "videos": (lambda ids: Job.influencer_videos(user_ids=ids), desk.world.user_ids(3)),
    "videos of handles": (
        lambda ids: Job.influencer_videos(unique_ids=ids),
        desk.world.unique_ids(3),
    ),
    "ranking": (rankings, [date(2026, 1, 5)]),
    "livestreams": (Job.influencer_livestreams, desk.world.user_ids(5)),
    "products": (Job.video_products, desk.world.video_ids(34)),
}
# What Dask gives has hardly any types.
frame_of: Any = harvest_frame
new_cluster: Any = LocalCluster
new_client: Any = Client

every_job = pytest.mark.parametrize(("job_factory", "ids"), JOBS.values(), ids=JOBS)


@pytest.fixture(autouse=True)
def in_this_process() -> Iterator[None]:
    """Compute here, where nothing else is asked for."""
    with dask.config.set(scheduler="synchronous"):
        yield


def desk_client() -> KeyAPI:
    return virtual.client(virtual.DeskTransport(desk, latency=(0, 0)), qps=1e5)


def columns(schema: Any) -> list[tuple[str, Any]]:
    return [(field.name, field.type) for field in schema]


# What a frame is


@every_job
def test_a_frame_gives_what_it_promises(job_factory: Factory, ids: Any) -> None:
    frame = frame_of(job_factory, ids, client=desk_client, partition_size=1)
    assert frame.npartitions > 1
    for number in range(frame.npartitions):
        part = frame.partitions[number].compute()
        assert part.columns.equals(frame.columns)
        assert part.dtypes.equals(frame.dtypes)
        assert part.index.equals(type(part.index)(range(len(part))))
    assert frame._meta.index.equals(part.index[:0])


@every_job
def test_a_frame_is_the_harvests_own_export(job_factory: Factory, ids: Any, tmp_path: Path) -> None:
    file = tmp_path / "own.parquet"

    async def main() -> None:
        async with Harvest.open(tmp_path / "a.db") as harvest:
            await harvest.run(desk_client(), job_factory(ids))
            await harvest.export(file)

    shop.run(main)
    before = desk.billed
    frame = frame_of(job_factory, iter(ids), client=desk_client, partition_size=1)
    assert 1 < frame.npartitions < 10
    frame.to_parquet(tmp_path / "frame", write_index=False)
    bought = desk.billed - before
    own, written = pq.read_table(file), pq.read_table(tmp_path / "frame")
    assert columns(written.schema) == columns(own.schema)
    assert written.to_pylist() == own.to_pylist()
    assert own.num_rows > 3

    before = desk.billed
    job = job_factory(ids)

    async def again() -> None:
        async with Harvest.open(tmp_path / "b.db") as harvest:
            await harvest.run(desk_client(), job)

    shop.run(again)
    assert bought == desk.billed - before


@every_job
@pytest.mark.parametrize("strings", [True, False])
def test_no_ids_are_a_frame_without_rows(job_factory: Factory, ids: Any, strings: bool) -> None:
    with dask.config.set({"dataframe.convert-string": strings}):
        full = frame_of(job_factory, ids[:1], client=desk_client)
        empty = frame_of(job_factory, [], client=lambda: pytest.fail("it is not needed"))
        assert empty.dtypes.equals(full.dtypes)
        assert empty.compute().dtypes.equals(full.partitions[0].compute().dtypes)
        assert len(empty) == 0


def test_a_partition_without_rows_has_the_same_types(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(12, 0, 3), latency=0)
    frame = frame_of(Job.product_creators, server.ids, client=server.client, partition_size=1)
    assert frame.partitions[1].compute().dtypes.equals(frame.dtypes)
    frame.to_parquet(tmp_path / "frame", write_index=False)
    assert pq.read_table(tmp_path / "frame").num_rows == 15
    assert len(list((tmp_path / "frame").glob("*.parquet"))) == 3


def test_nothing_is_bought_before_it_is_computed_and_all_of_it_once() -> None:
    server = shop.Shop(shop.products(12, 30, 3, 0, 25), latency=0)
    frame = frame_of(Job.product_creators, server.ids, client=server.client, partition_size=2)
    assert any(str(name).startswith("('product_creators-") for name in frame.dask)
    large = frame[frame.total_followers_cnt > frame.total_followers_cnt.mean()]
    assert server.billed == 0
    for number, wanted in enumerate((frame, large, frame.drop_duplicates(subset=["user_id"])), 1):
        wanted.compute()
        assert server.billed == number * server.least()


def test_persisting_buys_once() -> None:
    server = shop.Shop(shop.products(12, 30), latency=0)
    frame = frame_of(Job.product_creators, server.ids, client=server.client).persist()
    assert len(frame) == len(frame.set_index("user_id").compute()) == 42
    assert server.billed == server.least()


async def test_a_thread_may_have_an_event_loop_already() -> None:
    server = shop.Shop(shop.products(12), latency=0)
    frame = frame_of(Job.product_creators, server.ids, client=server.client)
    assert len(frame) == 12
    with dask.config.set(scheduler="threads"):
        assert len(frame) == 12


def test_lists_are_read_side_by_side_as_many_as_wanted() -> None:
    server = shop.Shop(shop.products(*[5] * 12), latency=0.01)
    frame = frame_of(Job.product_creators, server.ids, client=server.client, concurrency=3)
    frame.compute()
    assert server.most_open == 3


# Ids


def test_equal_ids_are_bought_once() -> None:
    server = shop.Shop(shop.products(12, 5), latency=0)
    ids = ["100", 100, "101", "100", 101]
    frame = frame_of(Job.product_creators, ids, client=server.client, partition_size=1)
    assert frame.npartitions == 2
    assert len(frame) == 17
    assert server.billed == server.least()


def test_one_id_alone_is_one_id() -> None:
    server = shop.Shop(shop.products(12), latency=0)
    assert len(frame_of(Job.product_creators, "100", client=server.client)) == 12


def test_every_bad_id_is_reported() -> None:
    with pytest.raises(InvalidParameterError, match=r"^ids=\['x', 2\.5\] .*; 2 are not$") as caught:
        frame_of(Job.product_creators, iter(["1", "x", 3, 2.5]))
    assert caught.value.value == ["x", 2.5]
    with pytest.raises(InvalidParameterError, match=r"^ids='x' .*a string of digits, or an int$"):
        frame_of(Job.product_creators, ["1", "x"])
    with pytest.raises(InvalidParameterError, match=r"^dates=\['2026-01-06', '2026-01-07'\]"):
        frame_of(rankings, ["2026-01-05", "2026-01-06", "2026-01-07"])
    with pytest.raises(InvalidParameterError, match="'x', 'y'"):
        frame_of(lambda ids: Job.influencer_livestreams(iter(ids)), ["x", "1", "y"])


@pytest.mark.parametrize("ids", ["1x", 1.5, {"1": 2}, None])
def test_what_is_no_id_is_refused(ids: Any) -> None:
    with pytest.raises(InvalidParameterError, match=r"^ids="):
        frame_of(Job.product_creators, ids)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"client": SECRET}, "client"),
        ({"partition_size": 0}, "partition_size"),
        ({"concurrency": 0}, "concurrency"),
        ({"on_error": "skip"}, "on_error"),
        ({"job_factory": partial(Job.product_creators, sort_type=7)}, "sort_type"),
        ({"job_factory": Job.product_creators(["1"])}, "job_factory"),
        ({"job_factory": list}, "job_factory"),
    ],
)
def test_other_parameters_are_checked_at_once(wrong: dict[str, Any], name: str) -> None:
    given = {"job_factory": Job.product_creators} | wrong
    with pytest.raises(InvalidParameterError, match=rf"^{name}=(?!.*{SECRET})"):
        frame_of(given.pop("job_factory"), ["1", "2"], **given)


# What goes wrong


@pytest.fixture
def failing() -> shop.Shop:
    """Seven lists of two pages, of which six have no second one."""
    server = shop.Shop(shop.products(*[12] * 7), latency=0)
    for product_id in server.ids[1:]:
        server.statuses[product_id, 2] = [404, 404]
    return server


def test_a_list_that_fails_fails_its_partition_by_name(failing: shop.Shop) -> None:
    frame = frame_of(Job.product_creators, failing.ids, client=failing.client)
    with pytest.raises(PartitionError) as caught:
        frame.compute()
    error = caught.value
    assert str(error).startswith("6 of 7 lists failed: 101: ")
    assert "404" in str(error)
    assert str(error).endswith("; and 1 more")
    assert error.failed == 6
    assert [failure.key for failure in error.failures] == failing.ids[1:]
    assert failing.billed == 8


def test_a_list_that_fails_is_tried_once_more() -> None:
    server = shop.Shop(shop.products(12, 12), latency=0)
    server.statuses["101", 2] = [500, 500]
    frame = frame_of(
        Job.product_creators,
        server.ids,
        client=lambda: server.client(retry=RetryPolicy(attempts=1)),
    )
    with pytest.raises(PartitionError):
        frame.compute()
    server.statuses["101", 2] = [500]
    server.billed = 0
    assert len(frame.compute()) == 24
    assert server.billed == server.least()


def test_lists_that_fail_may_be_left_out_and_are_named(
    failing: shop.Shop, caplog: pytest.LogCaptureFixture
) -> None:
    frame = frame_of(
        Job.product_creators, failing.ids, client=failing.client, on_error="log"
    ).compute()
    assert len(frame) == 12 + 6 * 10
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.getMessage().startswith("rows are missing: 6 of 7 lists failed: 101: ")


def test_a_ledger_that_stays_is_never_bought_again(failing: shop.Shop, tmp_path: Path) -> None:
    def frame(**more: Any) -> Any:
        return frame_of(
            Job.product_creators, failing.ids, client=failing.client, ledgers=tmp_path, **more
        )

    with pytest.raises(PartitionError):
        frame().compute()
    assert len(frame().compute()) == 7 * 12
    assert failing.billed == failing.least()
    assert len(frame()) == 7 * 12
    assert failing.billed == failing.least()
    (ledger,) = tmp_path.iterdir()
    assert ledger.name.startswith("product_creators-")
    assert ledger.suffix == ".db"
    frame(partition_size=3).compute()
    assert failing.billed == 2 * failing.least()
    assert len(list(tmp_path.iterdir())) == 4


def test_the_folder_of_ledgers_must_be_there(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(12), latency=0)
    frame = frame_of(
        Job.product_creators, server.ids, client=server.client, ledgers=tmp_path / "none"
    )
    with pytest.raises(LedgerError, match="there is no such folder"):
        frame.compute()
    assert not server.asked


def test_nothing_stays_on_the_disk_without_ledgers(tmp_path: Path, failing: shop.Shop) -> None:
    seen: list[Path] = []

    def client() -> KeyAPI:
        seen.extend(tmp_path.glob("keyapi-*"))
        return failing.client()

    with dask.config.set({"temporary-directory": str(tmp_path)}):
        frame = frame_of(Job.product_creators, failing.ids, client=client)
        with pytest.raises(PartitionError):
            frame.compute()
        assert len(frame) == 7 * 12
    assert len(seen) == 2
    assert not list(tmp_path.iterdir())


def test_rows_that_are_no_record_are_left_out_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = shop.Shop(shop.products(12, 3), latency=0)
    server.strange = {("100", 4): 5, ("101", 0): {"user_id": "1"}}
    frame = frame_of(Job.product_creators, server.ids, client=server.client).compute()
    assert len(frame) == 13
    assert "left out 2 rows of product_creators that are no record" in caplog.messages


@pytest.mark.parametrize(
    ("status", "error"), [(401, AuthenticationError), (402, QuotaExceededError)]
)
def test_what_would_end_every_list_is_raised_as_it_is(status: int, error: type[Exception]) -> None:
    server = shop.Shop(shop.products(12, 12), latency=0)
    server.statuses["100", 2] = [status] * 9
    frame = frame_of(Job.product_creators, server.ids, client=server.client)
    with pytest.raises(error) as caught:
        frame.compute()
    assert type(pickle.loads(pickle.dumps(caught.value))) is error  # noqa: S301


def test_a_budget_is_a_partitions() -> None:
    server = shop.Shop(shop.products(12, 12), latency=0)
    frame = frame_of(Job.product_creators, server.ids, client=lambda: server.client(max_credits=3))
    with pytest.raises(CreditBudgetError):
        frame.compute()
    assert server.billed == 3


def test_a_key_is_needed_only_where_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEYAPI_TOKEN", raising=False)
    frame = frame_of(Job.product_creators, ["1"])
    with pytest.raises(ConfigurationError, match="no API key"):
        frame.compute()


def test_clients_are_closed() -> None:
    server = shop.Shop(shop.products(12, 12, 5), latency=0)
    server.statuses["102", 1] = [401]
    made: list[KeyAPI] = []

    def client() -> KeyAPI:
        made.append(server.client())
        return made[-1]

    frame = frame_of(Job.product_creators, server.ids, client=client, partition_size=1)
    frame.partitions[:2].compute()
    with pytest.raises(AuthenticationError):
        frame.partitions[2].compute()
    assert [api.closed for api in made] == [True] * 3


def test_the_extra_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "keyapi_async.dask")
    monkeypatch.setitem(sys.modules, "dask.dataframe", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'keyapi-async\[dask\]'"):
        import_module("keyapi_async.dask")


def test_nobody_else_imports_dask() -> None:
    code = (
        "import sys, keyapi_async.harvest, keyapi_async.client;"
        "assert not {'dask', 'distributed', 'pandas', 'pyarrow'} & set(sys.modules)"
    )
    subprocess.run((sys.executable, "-c", code), check=True)  # noqa: S603


# A cluster


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
            processes=True,
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            host="127.0.0.1",
            local_directory=str(tmp_path_factory.mktemp("workers")),
            env={"KEYAPI_TOKEN": box.api_key, "KEYAPI_BASE_URL": box.url, "no_proxy": "*"},
        ) as local,
        new_client(local) as client,
    ):
        yield client


@pytest.fixture
def ids(box: Sandbox) -> list[str]:
    world = box.world
    return [one for one in box.product_ids(150) if len(world.product_creators(one)) < 60][:24]


def least(box: Sandbox, ids: list[str]) -> int:
    return sum(len(box.world.product_creators(one)) // 10 + 1 for one in ids)


def box_frame(box: Sandbox, ids: list[str], **more: Any) -> Any:
    client = partial(KeyAPI, box.api_key, base_url=box.url, qps=1e4, proxy="")
    return frame_of(
        Job.product_creators, ids, client=client, partition_size=2, concurrency=2, **more
    )


def expected(ids: list[str]) -> Any:
    return frame_of(Job.product_creators, ids, client=desk_client).compute()


def test_a_cluster_buys_every_page_once(
    box: Sandbox, cluster: Any, ids: list[str], tmp_path: Path
) -> None:
    before = box.billed
    files = box_frame(box, ids).to_parquet(tmp_path, write_index=False, compute=False)
    files.compute(scheduler=cluster)
    written = pa.concat_tables(
        pq.read_table(tmp_path / f"part.{number}.parquet") for number in range(12)
    )
    assert written.to_pylist() == pa.Table.from_pandas(expected(ids)).to_pylist()
    assert box.billed - before == least(box, ids)


def test_the_workers_environment_has_the_key(box: Sandbox, cluster: Any, ids: list[str]) -> None:
    frame = frame_of(Job.product_creators, ids[:3], partition_size=1)
    assert len(frame.compute(scheduler=cluster)) == len(expected(ids[:3]))


def killed(box: Sandbox, cluster: Any, frame: Any, after: int) -> tuple[Any, set[int]]:
    """Kill a worker in the middle; give the result, and the partitions that it was busy with."""
    workers = cluster.run(os.getpid)
    end = box.billed + after
    kept = cluster.persist(frame)
    while box.billed < end:
        time.sleep(0.005)
    worker, pid = next(iter(workers.items()))
    os.kill(pid, signal.SIGSTOP)
    busy = [
        *cluster.processing()[worker],
        *cluster.has_what()[worker],
    ]
    os.kill(pid, signal.SIGKILL)
    result = kept.compute(scheduler=cluster)
    cluster.wait_for_workers(3, timeout=30)
    return result, {key[1] for key in busy}


def test_a_killed_worker_is_replaced(box: Sandbox, cluster: Any, ids: list[str]) -> None:
    before, asked = box.billed, len(box.requests)
    result, busy = killed(box, cluster, box_frame(box, ids), least(box, ids) // 2)
    assert result.reset_index(drop=True).equals(expected(ids))
    again = [one for number in busy for one in ids[2 * number : 2 * number + 2]]
    assert 0 < len(busy) < 12
    assert box.billed - before <= least(box, ids) + least(box, again)
    pages = [
        (one.params["product_id"], one.params["page_num"])
        for one in box.requests[asked:]
        if one.billed
    ]
    assert {page[0] for page in pages if pages.count(page) > 1} <= set(again)
    assert max(map(pages.count, pages)) <= 2


def test_ledgers_that_stay_leave_a_killed_worker_little_to_buy_again(
    box: Sandbox, cluster: Any, ids: list[str], tmp_path: Path
) -> None:
    before = box.billed
    frame = box_frame(box, ids, ledgers=tmp_path)
    result, _ = killed(box, cluster, frame, least(box, ids) // 2)
    assert result.reset_index(drop=True).equals(expected(ids))
    assert box.billed - before <= least(box, ids) + 2


@pytest.mark.parametrize("how", [{}, {"qps": -1}, {"nonsense": 1}, {"session": threading.Lock()}])
def test_the_key_shows_nowhere(
    box: Sandbox,
    cluster: Any,
    how: dict[str, Any],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = partial(KeyAPI, SECRET, base_url=box.url, **how)
    shown: list[str] = []
    for strings in (True, False):
        with dask.config.set({"dataframe.convert-string": strings}):
            frame = frame_of(Job.product_creators, ["1", "2"], client=client, partition_size=1)
            shown += [repr(frame), repr(frame.dask), str(list(frame.dask)), frame.expr.tree_repr()]
            with pytest.raises((AuthenticationError, ConfigurationError, TypeError)) as caught:
                frame.compute(scheduler=cluster)
        shown += traceback.format_exception(caught.value)
    logs = repr(cluster.get_worker_logs())
    shown += [logs, repr(cluster.get_scheduler_logs()), *capfd.readouterr(), caplog.text]
    assert SECRET not in "".join(shown)
    assert "Compute Failed" in logs


def test_every_error_comes_back_from_a_worker_as_it_was(cluster: Any) -> None:
    errors: list[Exception] = [test_errors.filled(cls) for cls in test_errors.CLASSES]
    errors.append(PartitionError(1, 3, (ListFailure("1", "it broke", Bookmark(2)),)))
    errors.append(LedgerError(Path("a.db"), "is damaged"))
    futures = cluster.map(throw, errors)
    for future, error in zip(futures, errors, strict=True):
        other = future.exception()
        assert type(other) is type(error)
        assert str(other) == str(error)
        assert test_errors.attributes(other) == test_errors.attributes(error)
        assert other.args == error.args


def throw(error: Exception) -> None:
    """Fail, in a worker."""
    raise error


def test_a_partitions_error_says_it_in_a_few_words() -> None:
    failures = tuple(ListFailure(str(one), "e" * 800, Bookmark(2)) for one in range(100))
    error = PartitionError(2_000, 4_000, failures)
    assert len(str(error)) < dask.config.get("distributed.admin.max-error-length")
    other = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (str(other), other.failed, other.failures) == (str(error), 2_000, failures)
