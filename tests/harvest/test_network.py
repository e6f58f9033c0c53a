"""No network, a network that fails in the middle, and single lists whose connection fails."""

import asyncio
import logging
from contextlib import closing
from datetime import timedelta
from itertools import groupby
from pathlib import Path

import pytest

from keyapi_async import RetryPolicy
from keyapi_async.errors import TransportError
from keyapi_async.harvest import Harvest, HarvestStoppedError, Progress
from keyapi_async.harvest.reading import Reading
from tests.harvest import shop

LOOP = shop.InlineLoop
ONCE = RetryPolicy(attempts=1)


@pytest.mark.parametrize(("lists", "deadline"), [(2, 0.5), (1000, None)])
async def test_without_a_network_a_run_ends_with_one_clear_sentence(
    tmp_path: Path, lists: int, deadline: float | None
) -> None:
    server = shop.Shop(shop.products(*[5] * lists))
    server.offline = True
    retry = ONCE if deadline is None else RetryPolicy(attempts=9)
    read = shop.creators(server.client(retry=retry, deadline=deadline))
    async with Harvest.open(tmp_path / "a.db") as harvest:
        said = "^the harvest was stopped: no connection could be made: (cannot|no wh)"
        with pytest.raises(HarvestStoppedError, match=said) as caught:
            await harvest.run(server.ids, read)
        assert isinstance(caught.value.__cause__, TransportError)
        assert len({key for key, _ in server.asked}) <= 16
        report = caught.value.report
        assert (report.stopped, report.failed, report.left, report.spent) == (1, 0, lists, 0)
        server.offline = False
        assert (await harvest.run(server.ids, read)).done == lists


async def test_a_network_that_fails_in_the_middle_pauses_the_run_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = shop.Shop(shop.products(*[35] * 20))
    seen: list[Progress] = []
    outages = [8, 30]  # pages, after each of which nothing comes through for 400 s
    caplog.set_level(logging.WARNING)
    async with Harvest.open(tmp_path / "a.db") as harvest:

        def tell(progress: Progress) -> None:
            seen.append(progress)
            if outages and progress.pages >= outages[0]:
                outages.pop(0)
                server.offline = True
                loop.call_later(400, setattr, server, "offline", False)
                loop.call_later(60, look)

        def look() -> None:
            """Note what another program sees of the run."""
            with closing(Reading(tmp_path / "a.db")) as reading:
                run = reading.status().run
            others.append(None if run is None else run.paused)

        others: list[str | None] = []
        loop = asyncio.get_running_loop()
        before = loop.time()
        read = shop.creators(server.client(retry=ONCE))
        report = await harvest.run(server.ids, read, concurrency=4, progress=tell)
        assert (report.done, report.failed, report.paused) == (20, 0, None)
        assert 800 < loop.time() - before < 1000
        assert await shop.rows_in(harvest) == server.records()
        assert server.billed == server.least()
        assert len(server.asked) - server.billed < 50  # one asks, ever more slowly
        reasons = [reason for reason, _ in groupby(one.paused for one in seen) if reason]
        told = "the connection is lost, waiting for it: cannot connect to the server"
        assert all(reason.startswith(told) for reason in reasons)
        assert [one.message for one in caplog.records] == others == reasons
        assert len(reasons) == 2
        assert seen[-1].paused is None


@pytest.mark.parametrize(("stops", "longest"), [(False, 180), (True, 40)])
async def test_a_network_that_stays_away_ends_the_run_as_the_patience_does_or_at_a_stop(
    tmp_path: Path, *, stops: bool, longest: float
) -> None:
    server = shop.Shop(shop.products(*[35] * 20))
    async with Harvest.open(tmp_path / "a.db") as harvest:

        def cut(progress: Progress) -> None:
            server.offline = True
            if progress.paused and stops:
                asyncio.get_running_loop().call_later(30, harvest.stop)

        read, patience = shop.creators(server.client(retry=ONCE)), timedelta(seconds=90)
        run = harvest.run(server.ids, read, progress=cut, patience=patience)
        if stops:
            report = await run
        else:
            with pytest.raises(HarvestStoppedError, match="no connection for 0:01:30: ") as caught:
                await run
            report = caught.value.report
        assert (report.stopped, report.failed, report.paused) == (True, 0, None)
        assert report.pages == server.billed == 16
        assert longest / 2 <= report.elapsed < longest


@pytest.mark.parametrize(
    ("lists", "rows", "cut_off"), [(30, 35, ["100", "117"]), (2, 35, ["100"]), (2, 5, ["100"])]
)
async def test_a_list_whose_connection_fails_while_others_come_through_fails_alone(
    tmp_path: Path, lists: int, rows: int, cut_off: list[str]
) -> None:
    server = shop.Shop(shop.products(*[rows] * lists))
    server.cut_off.update(cut_off)
    async with Harvest.open(tmp_path / "a.db") as harvest:
        read = shop.creators(server.client(retry=ONCE))
        report = await harvest.run(server.ids, read, concurrency=3)
        assert (report.done, report.failed) == (lists - len(cut_off), len(cut_off))
        assert [one.key for one in report.failures] == cut_off
        assert report.elapsed < 70
        server.cut_off.clear()
        assert (await harvest.run(server.ids, read)).done == lists
