"""The whole way under uvloop: streams, read ahead, side by side, retried, timed out, harvested."""

import asyncio
from pathlib import Path

import pytest
import uvloop

from keyapi_async import KeyAPI, KeyAPIError, RetryPolicy, fan_out
from keyapi_async.harvest import Harvest
from keyapi_async.sandbox import Faults, Sandbox

LOOP = uvloop.new_event_loop
CREATORS = "/v1/tiktok/product/creators/analytics"


async def test_the_whole_way_works_under_uvloop(tmp_path: Path) -> None:
    assert type(asyncio.get_running_loop()).__module__ == "uvloop"
    faults = Faults(script=["reset", "500", "truncate"])
    retry = RetryPolicy(attempts=4, initial=0.001, maximum=0.001)
    async with Sandbox(faults=faults) as box:
        lists: dict[str, list[object]] = {
            one: [row["user_id"] for row in box.rows(CREATORS, product_id=one)]
            for one in box.product_ids(12)
        }
        ids = [one for one, users in lists.items() if 10 < len(users) < 150]
        async with KeyAPI(box.api_key, base_url=box.url, proxy="", qps=1000, retry=retry) as api:
            stream = api.tiktok.product.iter_creators(ids[0], prefetch=3)
            assert [one.user_id async for one in stream] == lists[ids[0]]
            found: dict[str, list[object]] = {one: [] for one in ids}
            async with fan_out(ids, api.tiktok.product.iter_creators) as results:
                async for product_id, creator in results:
                    found[product_id].append(creator.user_id)
            assert found == {one: lists[one] for one in ids}
            async with Harvest.open(tmp_path / "a.db") as harvest:
                report = await harvest.run(ids, api.tiktok.product.iter_creators)
            assert (report.failed, report.rows) == (0, sum(len(lists[one]) for one in ids))
            box.faults = Faults(script=["hang"])
            hurried = api.with_options(retry=lambda *_: None, timeout=0.05)
            with pytest.raises(KeyAPIError, match=r"0\.05 s"):
                await hurried.tiktok.product.creators(ids[0])
