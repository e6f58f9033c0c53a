"""What ends a run early, what does not, what is refused, and what its report says."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from keyapi_async import Bookmark, ProductCreator, Video, errors
from keyapi_async.harvest import Harvest, HarvestReport, HarvestStoppedError, LedgerError, Progress
from tests.harvest import shop

LOOP = shop.InlineLoop


async def test_a_report_says_what_was_done(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(25, 0, 7))
    server.strange = {("100", 3): {"user_id": "1"}, ("100", 11): 5}
    server.statuses = {("101", 1): [404], ("100", 2): [500]}
    seen: list[Progress] = []
    api = server.client(qps=1000, max_credits=50)
    read = api.tiktok.product.iter_creators
    async with Harvest.open(tmp_path / "a.db") as harvest:
        status = await harvest.status()
        assert (status.listing, status.run, status.last) == ({}, None, None)
        assert await harvest.failures() == ()
        report = await harvest.run(iter([*server.ids, "100"]), read, progress=seen.append)
        assert report == HarvestReport(
            done=2, failed=1, left=0, pages=4, rows=32, rejects=2, spent=4, requests=6, qps=1000,
            budget=50, elapsed=report.elapsed, failures=report.failures,
        )  # fmt: skip
        assert report.total == 3
        assert report.rate == pytest.approx(6 / report.elapsed)
        (failure,) = report.failures
        assert (failure.key, failure.bookmark) == ("101", Bookmark(1, 0, 10))
        assert "404" in failure.error
        assert [one.rows for one in seen] == sorted(one.rows for one in seen)
        last = seen[-1]
        assert (last.rows, last.done, last.failed, last.time_left) == (32, 2, 1, 0)
        assert Progress(done=0, failed=0, left=2).time_left is None

        status = await harvest.status()
        assert (status.listing["name"], status.keys) == ("product creators", ("product_id",))
        assert (status.pages, status.rows, status.rejects, status.running) == (4, 32, 2, False)
        assert status.run is not None
        assert (status.run.rows, status.run.spent, status.run.qps) == (32, 4, 1000)
        assert await harvest.failures() == report.failures

        records = harvest.records(ProductCreator)
        assert len([record async for record in records]) == 30
        assert records.rejected == 2

        again = await harvest.run([], read)
        assert (again.done, again.requests, again.failures) == (2, 0, report.failures)
        again = await harvest.run(["101"], read)
        assert (again.done, again.before, again.requests, again.failures) == (3, 2, 1, ())


async def test_more_keys_extend_a_ledger(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(*[5] * 600))

    async def drawn() -> AsyncIterator[str]:
        for one in server.ids[1:]:
            yield one

    read = server.client().tiktok.product.iter_creators
    async with Harvest.open(tmp_path / "a.db") as harvest:
        await harvest.run(server.ids[:3], read)
        report = await harvest.run(drawn(), read, concurrency=100)
        assert (report.pages, report.done) == (597, 600)
        assert len(server.asked) == len(set(server.asked)) == 600
        assert await shop.rows_in(harvest) == server.records()


async def test_what_cannot_be_harvested_is_refused_before_a_credit_is_spent(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(5))
    api = server.client()
    read: Any = api.tiktok.product.iter_creators

    def ids() -> Any:
        yield "1"
        raise OSError("the file of ids is gone")

    refused: list[tuple[Any, Any, dict[str, Any], str]] = [
        (["100", "x"], read, {}, r"^key 2, 'x': product_id='x' "),
        ("100", read, {}, "keys='100' is not accepted: .*one key is a list of one"),
        (7, read, {}, "keys=7"),
        (["100"], "creators", {}, "open_stream='creators' is not accepted: a function"),
        (["100"], api.tiktok.product.creators, {}, "open_stream=.*such as an iter_"),
        (["100"], shop.creators(api, limit=5), {}, "limit=5 is not accepted: .*whole lists"),
        (["100"], shop.creators(api, page_num=2), {}, "start=.*from their beginning"),
        (["100"], read, {"concurrency": 0}, "concurrency=0"),
        (["100"], read, {"max_age": 60}, "max_age=60 is not accepted: a timedelta"),
        (["100"], read, {"max_age": timedelta(-1)}, "max_age="),
        (["100"], read, {"patience": 5}, "patience=5 is not accepted: a timedelta"),
        (["100", "101"], lambda key: read(key, sort_type=int(key) % 2), {},
            "^key 2='101' .*parameter sort_type is 0 for the first key, and 1 here"),
    ]  # fmt: skip
    async with Harvest.open(tmp_path / "a.db") as harvest:
        for keys, open_stream, options, told in refused:
            with pytest.raises(errors.InvalidParameterError, match=told):
                await harvest.run(keys, open_stream, **options)
        with pytest.raises(OSError, match="the file of ids"):
            await harvest.run(ids(), read)
        assert (await harvest.status()).listing == {}
        with pytest.raises(LedgerError, match=r"a\.db: holds nothing yet"):
            await anext(harvest.records(dict))
    assert server.asked == []


async def test_other_lists_are_refused_by_name(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(5))
    api = server.client()
    async with Harvest.open(tmp_path / "a.db") as harvest:
        await harvest.run(server.ids, api.tiktok.product.iter_creators)
        for other, told in (
            (shop.creators(api, page_size=5), "page_size is 10 there, and 5 here"),
            (shop.creators(api, sort_type=1), "parameter sort_type is not set there, and 1 here"),
            (api.tiktok.product.iter_reviews, "name is product creators there, and product r"),
            (partial(api.iter_records, into=Video), "record is ProductCreator there, and V"),
        ):
            keys = ["/1"] if isinstance(other, partial) else ["1"]
            with pytest.raises(LedgerError, match=f"a.db: holds other lists: .*{told}"):
                await harvest.run(keys, other)
        assert (await harvest.status()).left == 0
        with pytest.raises(errors.InvalidParameterError, match="ProductCreator, which"):
            await anext(harvest.records(Video))
        with pytest.raises(errors.InvalidParameterError, match=r"snapshots='some' .*'latest' or"):
            harvest.records(dict, snapshots="some")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "budget", "error"),
    [
        (401, None, errors.AuthenticationError), (402, None, errors.QuotaExceededError),
        (200, 7, errors.CreditBudgetError),
    ],
)  # fmt: skip
async def test_no_key_or_no_credits_end_the_run_and_keep_what_was_paid_for(
    tmp_path: Path, status: int, budget: int | None, error: type[Exception]
) -> None:
    server = shop.Shop(shop.products(*[50] * 6))
    server.statuses = {("103", 3): [status]}
    async with Harvest.open(tmp_path / "a.db") as harvest:
        read = shop.creators(server.client(max_credits=budget))
        with pytest.raises(HarvestStoppedError, match=r"^the harvest was stopped: ") as caught:
            await harvest.run(server.ids, read, concurrency=3)
        assert isinstance(caught.value.__cause__, error)
        report = caught.value.report
        assert (report.stopped, report.failed) == (True, 0)
        assert report.pages == report.spent == (budget or server.billed) == server.billed > 0
        assert (await harvest.status()).pages == report.pages
        report = await harvest.run(server.ids, shop.creators(server.client()))
        assert report.done == 6
        assert server.billed == server.least()


@pytest.mark.parametrize(("error", "pages"), [(errors.UsageError, 0), (ZeroDivisionError, 6)])
async def test_a_closed_client_or_a_callback_that_fails_ends_the_run_and_loses_nothing(
    tmp_path: Path, error: type[Exception], pages: int
) -> None:
    server = shop.Shop(shop.products(*[50] * 6))
    api = server.client()
    if error is errors.UsageError:
        await api.aclose()

    def stumble(_: Progress) -> None:
        raise ZeroDivisionError

    async with Harvest.open(tmp_path / "a.db") as harvest:
        with pytest.raises(error):
            await harvest.run(server.ids, shop.creators(api), progress=stumble)
        status = await harvest.status()
        assert (status.left, status.failed) == (6, 0)
        assert status.pages == server.billed == pages


async def test_one_run_at_a_time_and_only_while_it_is_open(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(5))
    harvest = Harvest.open(tmp_path / "a.db")
    read = server.client().tiktok.product.iter_creators
    with pytest.raises(errors.UsageError, match="async with"):
        await harvest.run(server.ids, read)
    async with harvest:
        with pytest.raises(errors.UsageError, match="open already"):
            await harvest.__aenter__()
        work = asyncio.create_task(harvest.run(server.ids, read))
        await asyncio.sleep(0.01)
        with pytest.raises(errors.UsageError, match="running already"):
            await harvest.run(server.ids, read)
        await work
        records = harvest.records(ProductCreator)
    with pytest.raises(errors.UsageError, match="async with"):
        await anext(records)
    async with Harvest.open(tmp_path / "a.db", read_only=True) as reader:
        assert (await reader.status()).done == 1
        with pytest.raises(errors.UsageError, match="open it without read_only"):
            await reader.run(server.ids, read)
