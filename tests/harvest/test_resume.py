"""However a harvest is interrupted, its ledger ends up as if it never had been."""

import asyncio
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyapi_async import Until
from keyapi_async.harvest import Harvest, Progress
from tests.harvest import shop
from tests.rows import steady

LOOP = shop.InlineLoop
interruptions = st.lists(
    st.tuples(st.sampled_from(("cancel", "stop", "kill")), st.floats(0, 0.6)), max_size=5
)


@settings(steady, max_examples=40)
@given(
    lengths=st.lists(st.integers(0, 35), min_size=1, max_size=8),
    interruptions=interruptions,
    concurrency=st.integers(1, 5),
    page_size=st.sampled_from((3, 10)),
    until=st.sampled_from(Until),
    data=st.data(),
)
def test_every_row_is_there_once_and_no_committed_page_is_bought_again(
    *,
    lengths: list[int],
    interruptions: list[tuple[str, float]],
    concurrency: int,
    page_size: int,
    until: Until,
    data: st.DataObject,
) -> None:
    server = shop.Shop(shop.products(*lengths))
    places = st.tuples(st.sampled_from(list(server.lengths)), st.integers(1, 4))
    errors = st.lists(st.sampled_from((500, 503, 404)), min_size=1, max_size=3)
    server.statuses = data.draw(st.dictionaries(places, errors, max_size=3))
    server.strange = data.draw(
        st.dictionaries(places, st.sampled_from(({"user_id": "1"}, {}, 5, [None])), max_size=3)
    )
    trouble = sum(map(len, server.statuses.values()))

    async def main(folder: Path) -> None:
        file = folder / "0.db"

        def run(harvest: Harvest) -> "asyncio.Task[object]":
            read = shop.creators(server.client(), page_size=page_size, until=until)
            return asyncio.create_task(harvest.run(server.ids, read, concurrency=concurrency))

        for number, (how, when) in enumerate(interruptions, 1):
            async with Harvest.open(file) as harvest:
                work = run(harvest)
                await asyncio.wait((work,), timeout=when)
                if how == "kill":
                    file = shop.killed(file, folder / f"{number}.db")
                if how == "stop":
                    harvest.stop()
                else:
                    work.cancel()
                with suppress(asyncio.CancelledError):
                    await work
        async with Harvest.open(file) as harvest:
            for _ in range(trouble + 1):
                await run(harvest)
            status = await harvest.status()
            assert (status.done, status.failed, status.left) == (len(lengths), 0, 0)
            assert await shop.rows_in(harvest) == server.records()
            assert status.rows == sum(lengths)
            assert status.rejects == sum(lengths) - len(server.records())
            cuts = sum(how != "stop" for how, _ in interruptions)
            assert status.pages <= server.billed <= status.pages + cuts * concurrency
            more = 0 if until is Until.SHORT_PAGE else page_size - 1
            least = sum((length + more) // page_size + 1 for length in lengths)
            assert status.pages - trouble <= least

    with tempfile.TemporaryDirectory() as folder:
        shop.run(lambda: main(Path(folder)))


@pytest.mark.parametrize(("when", "pages"), [(0.0, 0), (0.001, 0), (0.003, 0), (0.07, 8)])
async def test_a_stop_keeps_the_pages_in_flight_and_asks_for_nothing_more(
    tmp_path: Path, when: float, pages: int
) -> None:
    server = shop.Shop(shop.products(*[50] * 8))
    read = shop.creators(server.client())
    async with Harvest.open(tmp_path / "a.db") as harvest:
        harvest.stop()  # of nothing: it has no effect
        work = asyncio.create_task(harvest.run(server.ids, read, concurrency=4))
        await asyncio.sleep(when)
        harvest.stop()
        report = await work
        assert (report.stopped, report.done, report.left) == (True, 0, 8)
        assert report.pages == report.spent == server.billed == len(server.asked) == pages
        report = await harvest.run(server.ids, read)
        assert not report.stopped
        assert server.billed == server.least()
        again = await harvest.run(server.ids, read, progress=lambda _: harvest.stop())
        assert (again.requests, again.rate, again.done, again.stopped) == (0, 0, 8, False)


@pytest.mark.parametrize(
    ("whom", "times", "later", "told"),
    [("run", 3, 0.0, [6]), ("all", 1, 0.0, [6]), ("all", 3, 0.0, []), ("all", 1, 0.002, [])],
)
async def test_pages_that_arrived_are_committed_once_before_a_cancellation_leaves(
    tmp_path: Path, whom: str, times: int, later: float, told: list[int]
) -> None:
    server, seen = shop.Shop(shop.products(*[95] * 6)), list[Progress]()
    async with Harvest.open(tmp_path / "a.db") as harvest:
        read = shop.creators(server.client())
        run = harvest.run(server.ids, read, concurrency=6, progress=seen.append)
        work = asyncio.create_task(run)
        while server.billed < 6 or server.open:
            await asyncio.sleep(0.0001)  # until the first pages are here, but not committed
        await asyncio.sleep(later)  # until they are being written
        everyone = asyncio.all_tasks() - {asyncio.current_task()}
        for _ in range(times):  # one who is impatient changes nothing
            for task in everyone if whom == "all" else {work}:
                task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await work
        assert (await harvest.status()).pages == 6
        assert [one.pages for one in seen] == told
