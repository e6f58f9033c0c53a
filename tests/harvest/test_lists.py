"""Whatever makes a stream can be harvested: ids in tens, rankings, any path, single calls."""

import itertools
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from keyapi_async import InfluencerRankField, KeyAPI, RankType, RecordStream
from keyapi_async.harvest import Harvest, HarvestReport
from keyapi_async.sandbox import Service
from tests import virtual
from tests.harvest import shop

Open = Callable[[Any], RecordStream[Any]]
service = Service(today=date(2026, 1, 20))
VIDEOS = service.video_ids(45)


def harvested(
    file: Path, keys: Any, make: Callable[[KeyAPI], Open]
) -> tuple[HarvestReport, list[Any]]:
    """Harvest some lists of the sandbox; give the report, and the rows."""

    async def main() -> tuple[HarvestReport, list[Any]]:
        api = virtual.client(virtual.SandboxTransport(service), qps=1e5)
        async with Harvest.open(file) as harvest:
            report = await harvest.run(keys, make(api))
            return report, [row async for row in harvest.records(dict)]

    return shop.run(main)


def test_ids_go_in_tens_and_known_ones_are_not_asked_for_again(tmp_path: Path) -> None:
    file = tmp_path / "a.db"

    def products(api: KeyAPI) -> Open:
        return api.tiktok.video.iter_products

    def sizes() -> list[int]:
        asked = [one.params for one in service.requests if one.page_num == 1]
        return [len(one["video_ids"].split(",")) for one in asked]

    service.requests.clear()
    report, _ = harvested(file, [VIDEOS[:3], *VIDEOS[2:14], VIDEOS[14:25]], products)
    assert (report.done, sizes()) == (3, [10, 10, 5])
    service.requests.clear()
    report, rows = harvested(file, VIDEOS[20:38], products)
    assert (report.done, sizes()) == (5, [10, 3])
    asked = ",".join(one.params["video_ids"] for one in service.requests if one.page_num == 1)
    assert asked.split(",") == VIDEOS[25:38]
    assert {row["video_id"] for row in rows} <= set(VIDEOS[:38])
    service.requests.clear()
    report, again = harvested(file, [[], VIDEOS[:38]], products)
    assert (report.requests, again) == (0, rows)
    assert harvested(tmp_path / "b.db", [[]], products)[0].total == 0


def test_rankings_over_dates_and_regions(tmp_path: Path) -> None:
    keys = list(itertools.product(("2026-01-05", date(2026, 1, 12)), ("US", "MY")))

    def ranking(api: KeyAPI) -> Open:
        read = partial(
            api.tiktok.influencer.iter_ranking,
            rank_type=RankType.WEEK,
            influencer_rank_field=InfluencerRankField(1),
        )
        return lambda key: read(date=key[0], region=key[1])

    async def values(name: str) -> list[Any]:
        async with Harvest.open(tmp_path / "a.db", read_only=True) as harvest:
            return [one async for one in harvest.values(name)]

    report, rows = harvested(tmp_path / "a.db", keys, ranking)
    assert report.done == 4
    assert len(rows) > 100
    assert shop.run(lambda: values("list_date")) == ["2026-01-05", "2026-01-12"]
    assert shop.run(lambda: values("list_region")) == ["US", "MY"]
    ranks = shop.run(lambda: values("rank"))
    assert ranks == list(range(1, max(ranks) + 1))
