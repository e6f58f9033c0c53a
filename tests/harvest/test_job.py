"""Jobs: what is asked for, checked before anything is."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from keyapi_async import (
    InfluencerLivestream,
    InfluencerRankField,
    InfluencerVideoSortField,
    InvalidParameterError,
    ProductCreator,
    ProductInfluencerSortField,
    RankedInfluencer,
    RankType,
    RetryPolicy,
    SortType,
    Until,
    Video,
    VideoProduct,
)
from keyapi_async.harvest import Harvest, Job
from keyapi_async.sandbox.desk import Desk
from tests import virtual
from tests.harvest import shop

desk = Desk(today=date(2026, 1, 20))
world = desk.world
USERS, PRODUCTS, VIDEOS = world.user_ids(6), world.product_ids(6), world.video_ids(23)
DAYS = ["2026-01-05", "2026-01-12"]

JOBS: list[tuple[Job, type[object], Callable[[], list[Any]]]] = [
    (
        Job.product_creators(
            PRODUCTS,
            product_influencer_sort_field=ProductInfluencerSortField.TOTAL_DIGG_CNT,
            sort_type=SortType.ASC,
        ),
        ProductCreator,
        lambda: [row for one in PRODUCTS for row in world.product_creators(one, 2, 0)],
    ),
    (
        Job.influencer_videos(
            user_ids=USERS, influencer_video_sort_field=InfluencerVideoSortField.CREATE_TIME
        ),
        Video,
        lambda: [row for one in USERS for row in world.influencer_videos(one, 4)],
    ),
    (
        Job.influencer_videos(unique_ids=[f"@{one}" for one in world.unique_ids(6)]),
        Video,
        lambda: [row for one in USERS for row in world.influencer_videos(one)],
    ),
    (
        Job.influencer_livestreams(USERS, until=Until.EMPTY_PAGE),
        InfluencerLivestream,
        lambda: [row for one in USERS for row in world.livestreams(one)],
    ),
]


def api(**options: Any) -> Any:
    options.setdefault("retry", RetryPolicy(attempts=1))
    return virtual.client(virtual.DeskTransport(desk), **{"qps": 1e5, **options})


@pytest.mark.parametrize(("job", "record", "rows"), JOBS)
def test_the_rows_of_every_list_are_those_of_the_world(
    tmp_path: Path, job: Job, record: type[object], rows: Callable[[], list[Any]]
) -> None:
    async def main() -> None:
        async with Harvest.open(tmp_path / "a.db") as harvest:
            report = await harvest.run(api(), job)
            assert report.done == 6
            assert [row async for row in harvest.records(dict)] == rows()
            records = harvest.records(record)
            assert {type(one) async for one in records} <= {record}
            assert records.rejected == 0

    shop.run(main)


def test_rankings_have_their_places(tmp_path: Path) -> None:
    job = Job.influencer_ranking(
        dates=[DAYS[0], date.fromisoformat(DAYS[1])],
        regions="us",
        rank_type=RankType.WEEK,
        influencer_rank_field=InfluencerRankField.TOTAL_SALE_CNT,
    )

    async def main() -> None:
        async with Harvest.open(tmp_path / "a.db") as harvest:
            report = await harvest.run(api(), job)
            assert report.done == 2
            assert report.rows > 400
            ranks = [one.rank async for one in harvest.records(RankedInfluencer)]
            second = ranks.index(1, 1)
            assert ranks == [*range(1, second + 1), *range(1, len(ranks) - second + 1)]

    shop.run(main)


def test_videos_go_ten_a_list_and_new_ones_in_lists_of_their_own(tmp_path: Path) -> None:
    async def main() -> None:
        wanted = {(row["video_id"], row["product_id"]) for row in world.video_products(VIDEOS)}
        async with Harvest.open(tmp_path / "a.db") as harvest:
            client = api()
            report = await harvest.run(client, Job.video_products(iter(VIDEOS[:14])))
            assert report.done == 2
            report = await harvest.run(client, Job.video_products([*VIDEOS, *VIDEOS]))
            assert report.done == 3
            rows = [(one.video_id, one.product_id) async for one in harvest.records(VideoProduct)]
            assert len(rows) == len(set(rows))
            assert set(rows) == wanted

    shop.run(main)


def test_a_job_shows_what_it_asks_for_but_no_ids() -> None:
    job = Job.product_creators([PRODUCTS[0]] * 2, sort_type=1, page_size=5)
    assert list(job.keys) == [PRODUCTS[0]]
    assert repr(job) == (
        "<Job job='product_creators', sort_type='1', page_size=5, until='short_page'>"
    )


def lazy() -> Iterator[str]:
    raise AssertionError("it is read by the run")
    yield


def test_an_iterator_is_not_touched_before_the_run() -> None:
    Job.product_creators(lazy())
    Job.influencer_livestreams(iter(lazy()))


RANKING: dict[str, Any] = {
    "dates": "2026-01-05",
    "regions": "US",
    "rank_type": 2,
    "influencer_rank_field": 1,
}


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Job.product_creators(["1", "x"]), "ids='x'"),
        (lambda: Job.product_creators(1.5), "ids=1.5"),  # type: ignore[arg-type]
        (lambda: Job.product_creators({"1": 1}), "ids="),
        (lambda: Job.product_creators(b"1"), "ids=b'1'"),
        (lambda: Job.product_creators([], sort_type=2), "sort_type=2"),
        (lambda: Job.product_creators([], page_size=11), "page_size=11"),
        (lambda: Job.product_creators([], until="end"), "until='end'"),  # type: ignore[arg-type]
        (Job.influencer_videos, "exactly one"),
        (lambda: Job.influencer_videos(user_ids=[], unique_ids=[]), "exactly one"),
        (lambda: Job.influencer_videos(unique_ids=["a b"]), "unique_ids='a b'"),
        (lambda: Job.influencer_videos(user_ids="@a"), "user_ids='@a'"),
        (lambda: Job.influencer_livestreams([-1]), "user_ids=-1"),
        (lambda: Job.video_products([True]), "video_ids=True"),
        (lambda: Job.influencer_ranking(**RANKING | {"dates": ["2026-01-06"]}), "2026-01-05"),
        (lambda: Job.influencer_ranking(**RANKING | {"regions": ["USA"]}), "regions='USA'"),
        (lambda: Job.influencer_ranking(**RANKING | {"rank_type": 4}), "rank_type=4"),
        (lambda: Job.influencer_ranking(**RANKING | {"influencer_rank_field": 3}), "field=3"),
    ],
)
def test_what_cannot_be_is_refused_at_once(make: Callable[[], Job], told: str) -> None:
    with pytest.raises(InvalidParameterError, match=told):
        make()
