"""What ends a run early, what does not, and what its report says."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from keyapi_async import (
    AuthenticationError,
    Bookmark,
    CreditBudgetError,
    InvalidParameterError,
    KeyAPI,
    ProductCreator,
    QuotaExceededError,
    RetryPolicy,
    UsageError,
    Video,
)
from keyapi_async.harvest import (
    Harvest,
    HarvestReport,
    HarvestStoppedError,
    Job,
    LedgerError,
    run,
)
from tests.harvest import shop


def test_a_report_says_what_was_done(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(25, 0, 7))
    server.strange = {("100", 3): {"user_id": "1"}, ("100", 11): 5}
    server.statuses = {("101", 1): [404], ("100", 2): [500]}
    seen: list[HarvestReport] = []

    async def main() -> None:
        api = server.client(qps=1000)
        async with Harvest.open(tmp_path / "a.db") as harvest:
            assert (await harvest.status()).job == {}
            job = Job.product_creators(iter([*server.ids, "100"]))
            report = await harvest.run(api, job, progress=seen.append)
            assert (report.done, report.failed, report.left) == (2, 1, 0)
            assert (report.pages, report.rows, report.rejects) == (4, 32, 2)
            assert (report.spent, report.uncertain, report.requests) == (4, 0, 6)
            assert report.qps == 1000
            assert report.rate == pytest.approx(6 / report.elapsed)
            (failure,) = report.failures
            assert (failure.key, failure.bookmark) == ("101", Bookmark(1, 0, 10))
            assert "404" in failure.error
            assert seen[-1].rows == 32
            assert (seen[-1].done, seen[-1].failed, seen[-1].left) == (2, 1, 0)
            assert [report.rows for report in seen] == sorted(report.rows for report in seen)

            records = harvest.records(ProductCreator)
            assert len([record async for record in records]) == 30
            assert records.rejected == 2

            report = await harvest.run(api, Job.product_creators([]))
            assert (report.done, report.failed, report.requests) == (3, 0, 1)

    shop.run(main)


def test_more_ids_extend_a_job(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(*[5] * 600))

    async def main() -> None:
        async with Harvest.open(tmp_path / "a.db") as harvest:
            await harvest.run(server.client(), Job.product_creators(server.ids[:3]))
            report = await harvest.run(server.client(), Job.product_creators(server.ids[1:]))
            assert (report.pages, report.done) == (597, 600)
            assert len(server.asked) == len(set(server.asked)) == 600
            assert await shop.rows_in(harvest) == server.records()

    shop.run(main)


def test_a_bad_id_is_found_before_a_credit_is_spent(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(5))

    async def main() -> None:
        async with Harvest.open(tmp_path / "a.db") as harvest:
            with pytest.raises(InvalidParameterError, match="ids='x'"):
                await harvest.run(server.client(), Job.product_creators(iter(["100", "x"])))
            assert (await harvest.status()).left == 0
            assert server.asked == []
            with pytest.raises(InvalidParameterError, match="concurrency=0"):
                await harvest.run(server.client(), Job.product_creators("100"), concurrency=0)
            ids: Any = ["100"]
            with pytest.raises(InvalidParameterError, match=r"a job, such as Job\.product"):
                await harvest.run(server.client(), ids)

    shop.run(main)


@pytest.mark.parametrize(
    ("status", "error"), [(401, AuthenticationError), (402, QuotaExceededError)]
)
def test_no_key_or_no_credits_end_the_run_and_keep_what_was_paid_for(
    tmp_path: Path, status: int, error: type[Exception]
) -> None:
    server = shop.Shop(shop.products(*[50] * 6))
    server.statuses = {("103", 3): [status]}

    async def main() -> None:
        job = Job.product_creators(server.ids)
        async with Harvest.open(tmp_path / "a.db") as harvest:
            with pytest.raises(HarvestStoppedError) as caught:
                await harvest.run(server.client(), job, concurrency=3)
            assert isinstance(caught.value.__cause__, error)
            report = caught.value.report
            assert report.stopped
            assert report.pages == report.spent == server.billed > 0
            assert report.failed == 0
            report = await harvest.run(server.client(), job)
            assert report.done == 6
            assert server.billed == server.least()

    shop.run(main)


def test_a_budget_ends_the_run_at_its_last_credit(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(*[50] * 6))

    async def main() -> None:
        async with Harvest.open(tmp_path / "a.db") as harvest:
            with pytest.raises(HarvestStoppedError, match="max_credits=7") as caught:
                await harvest.run(server.client(max_credits=7), Job.product_creators(server.ids))
            assert isinstance(caught.value.__cause__, CreditBudgetError)
            assert caught.value.report.pages == server.billed == 7
            assert (await harvest.status()).pages == 7

    shop.run(main)


def test_a_closed_client_is_no_failure_of_a_list(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(5))

    async def main() -> None:
        api = server.client()
        await api.aclose()
        async with Harvest.open(tmp_path / "a.db") as harvest:
            with pytest.raises(UsageError, match="closed"):
                await harvest.run(api, Job.product_creators(server.ids))
            assert (await harvest.status()).left == 1

    shop.run(main)


def test_an_error_of_the_progress_callback_ends_the_run_and_loses_nothing(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(*[50] * 6))

    def stumble(report: HarvestReport) -> None:
        raise ZeroDivisionError

    async def main() -> None:
        async with Harvest.open(tmp_path / "a.db") as harvest:
            job = Job.product_creators(server.ids)
            with pytest.raises(ZeroDivisionError):
                await harvest.run(server.client(), job, progress=stumble)
            assert (await harvest.status()).pages == server.billed == 6

    shop.run(main)


def test_one_run_at_a_time_and_only_while_it_is_open(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(5))

    async def main() -> None:
        harvest = Harvest.open(tmp_path / "a.db")
        job = Job.product_creators(server.ids)
        with pytest.raises(UsageError, match="async with"):
            await harvest.run(server.client(), job)
        async with harvest:
            with pytest.raises(UsageError, match="open already"):
                await harvest.__aenter__()
            work = asyncio.create_task(harvest.run(server.client(), job))
            await asyncio.sleep(0)
            with pytest.raises(UsageError, match="running already"):
                await harvest.run(server.client(), job)
            await work
            records = harvest.records(ProductCreator)
        with pytest.raises(UsageError, match="this harvest is closed"):
            await anext(records)
        async with harvest:
            assert (await harvest.status()).done == 1

    shop.run(main)


def test_another_job_is_refused(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(5))

    async def main() -> None:
        async with Harvest.open(tmp_path / "a.db") as harvest:
            await harvest.run(server.client(), Job.product_creators(server.ids))
            for other, told in (
                (Job.product_creators("1", page_size=5), "page_size is 10 there, and 5 here"),
                (Job.product_creators("1", sort_type=1), "sort_type is not set there, and 1 here"),
                (Job.influencer_livestreams("1"), "job is product_creators there"),
            ):
                with pytest.raises(LedgerError, match=f"a.db: holds another job: .*{told}"):
                    await harvest.run(server.client(), other)
            assert (await harvest.status()).left == 0

    shop.run(main)


def test_records_may_be_dicts_but_not_those_of_another_endpoint(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(5))

    async def main() -> None:
        async with Harvest.open(tmp_path / "a.db") as harvest:
            with pytest.raises(LedgerError, match="holds no job yet"):
                await anext(harvest.records(dict))
            await harvest.run(server.client(), Job.product_creators(server.ids))
            assert [row async for row in harvest.records(dict)] == server.rows("100")
            with pytest.raises(InvalidParameterError, match="ProductCreator, which"):
                await anext(harvest.records(Video))

    shop.run(main)


def test_a_ledger_that_breaks_ends_the_run_and_is_tried_once_more(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(*[50] * 6))
    file = tmp_path / "a.db"

    async def main() -> None:
        async with Harvest.open(file) as harvest:
            keeper = harvest._open_keeper()
            write = keeper.write
            broken = iter([True])

            async def stumble(entries: Any) -> None:
                if next(broken, False):
                    raise LedgerError(file, "broke once")
                await write(entries)

            keeper.write = stumble  # type: ignore[method-assign]
            with pytest.raises(LedgerError, match="broke once"):
                await harvest.run(server.client(), Job.product_creators(server.ids), concurrency=2)
            assert (await harvest.status()).pages == server.billed == 2

    shop.run(main)


def test_a_writer_that_is_cancelled_with_its_loop_has_written(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(*[50] * 6))
    file = tmp_path / "a.db"

    async def main() -> None:
        harvest = Harvest.open(file)
        await harvest.__aenter__()
        job = Job.product_creators(server.ids)
        work = asyncio.create_task(harvest.run(server.client(), job))
        while server.billed < 6 or server.open:
            await asyncio.sleep(0.0001)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert (await harvest.status()).pages == 6
        await harvest.__aexit__(None, None, None)

    shop.run(main)


def test_the_gate_may_be_anything() -> None:
    class Gate:
        qps = "many"

    api = KeyAPI("key", retry=RetryPolicy(attempts=1))
    api._caller.core.limiter = Gate()  # type: ignore[assignment]
    assert run._qps_of(api) is None


def test_the_ledger_is_a_plain_sqlite_file(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(25))
    server.strange = {("100", 3): {"user_id": "1"}}

    async def main() -> None:
        async with Harvest.open(tmp_path / "a.db") as harvest:
            await harvest.run(server.client(), Job.product_creators(server.ids))

    shop.run(main)
    db = sqlite3.connect(tmp_path / "a.db")
    assert db.execute("SELECT count(*) FROM page").fetchone() == (3,)
    assert db.execute("SELECT page_num, place FROM reject").fetchall() == [(1, 3)]
    rows = db.execute("SELECT value FROM page, json_each(CAST(rows AS TEXT))")
    assert len(rows.fetchall()) == 25
    db.close()
