"""Say what the videos of a competitor's account sell.

python examples/competitor.py @mrmnaznrm_
"""

import asyncio
import sys
from collections import Counter

from keyapi_async import InfluencerVideoSortField, KeyAPI, SortType


async def main(handle: str) -> None:
    async with KeyAPI() as api:
        videos = await api.tiktok.influencer.iter_videos(
            unique_id=handle,
            influencer_video_sort_field=InfluencerVideoSortField.TOTAL_VIEWS_CNT,
            sort_type=SortType.DESC,
            limit=50,
        ).collect()
        shown: Counter[str] = Counter()
        views: Counter[str] = Counter()
        sold: Counter[str] = Counter()
        # One record for each video and product; ten videos are asked for with one credit.
        async for one in api.tiktok.video.iter_products(video.video_id for video in videos):
            shown[one.product_id] += 1
            views[one.product_id] += one.total_views_cnt or 0
            sold[one.product_id] += one.total_video_sale_cnt or 0
        best = sorted(shown, key=lambda one: (sold[one], views[one]), reverse=True)[:10]
        names = {
            one.product_id: one.product_name async for one in api.tiktok.product.iter_detail(best)
        }
        print(f"{len(videos)} videos show {len(shown)} products")
        print(f"{'sold':>7} {'views':>11} {'videos':>6}  product")
        for key in best:
            print(f"{sold[key]:7,} {views[key]:11,} {shown[key]:6}  {names.get(key) or key}")
        print(api.credits.spent, "credits")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
