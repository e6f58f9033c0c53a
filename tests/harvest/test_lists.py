"""Ids in tens, and rankings over dates and regions, of the sandbox."""

import itertools
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from keyapi_async import InfluencerRankField, KeyAPI, RankType
from keyapi_async.harvest import Harvest
from keyapi_async.sandbox import Service
from tests import virtual
from tests.harvest import shop

LOOP = shop.InlineLoop
service = Service(today=date(2026, 1, 20))
VIDEOS = service.video_ids(45)


def client() -> KeyAPI:
    return virtual.client(virtual.SandboxTransport(service), qps=1e5)


def asked() -> list[list[str]]:
    """List the groups of ids of which the first page was asked for since the last look."""
    first = [one.params["video_ids"].split(",") for one in service.requests if one.page_num == 1]
    service.requests.clear()
    return first


async def test_ids_go_in_tens_and_known_ones_are_not_asked_for_again(tmp_path: Path) -> None:
    read = client().tiktok.video.iter_products
    service.requests.clear()
    async with Harvest.open(tmp_path / "a.db") as harvest:
        report = await harvest.run([VIDEOS[:3], *VIDEOS[2:14], VIDEOS[14:25]], read)
        assert (report.done, asked()) == (3, [VIDEOS[:10], VIDEOS[10:20], VIDEOS[20:25]])
        report = await harvest.run(VIDEOS[20:38], read)
        assert (report.done, asked()) == (5, [VIDEOS[25:35], VIDEOS[35:38]])
        rows = [row async for row in harvest.records(dict)]
        assert {row["video_id"] for row in rows} <= set(VIDEOS[:38])
        report = await harvest.run([[], VIDEOS[:38]], read)
        assert (report.requests, [row async for row in harvest.records(dict)]) == (0, rows)
    async with Harvest.open(tmp_path / "b.db") as harvest:
        assert (await harvest.run([[]], read)).total == 0


async def test_rankings_over_dates_and_regions(tmp_path: Path) -> None:
    read = partial(
        client().tiktok.influencer.iter_ranking,
        rank_type=RankType.WEEK,
        influencer_rank_field=InfluencerRankField(1),
    )
    keys: Any = itertools.product(("2026-01-05", date(2026, 1, 12)), ("US", "MY"))
    async with Harvest.open(tmp_path / "a.db") as harvest:
        report = await harvest.run(keys, lambda key: read(date=key[0], region=key[1]))
        dates, regions, ranks = [
            [one async for one in harvest.values(name)]
            for name in ("list_date", "list_region", "rank")
        ]
    assert (report.done, dates, regions) == (4, ["2026-01-05", "2026-01-12"], ["US", "MY"])
    assert ranks == [*range(1, max(ranks) + 1)]
    assert report.rows > 100
