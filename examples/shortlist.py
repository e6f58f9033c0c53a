"""Make a shortlist of creators for a product, with their handles.

python examples/shortlist.py 1729492547846767618
"""

import asyncio
import sys

from keyapi_async import KeyAPI, ProductInfluencerSortField, SortType

FOLLOWERS = range(5_000, 500_000)


async def main(product_id: str) -> None:
    async with KeyAPI(max_credits=40) as api:
        creators = await api.tiktok.product.iter_creators(
            product_id,
            product_influencer_sort_field=ProductInfluencerSortField.PER_PRODUCT_IFL_GMV_AMT,
            sort_type=SortType.DESC,
            limit=100,
        ).collect()
        sales = {
            one.user_id: one.per_product_ifl_gmv_amt or 0.0
            for one in creators
            if (one.total_followers_cnt or 0) in FOLLOWERS
        }
        # Rows of creators carry no handle; details do, ten of them for one credit.
        details = await api.tiktok.influencer.iter_detail(user_ids=list(sales)).collect()
        details.sort(key=lambda one: sales[one.user_id], reverse=True)
        print(f"{'GMV here':>10} {'followers':>10} {'reacts':>7}  handle")
        for one in details[:15]:
            print(
                f"{sales[one.user_id]:10,.0f} {one.total_followers_cnt or 0:10,}"
                f" {one.interaction_rate or 0.0:7.1%}  @{one.unique_id} ({one.region})"
            )
        print(len(creators), "creators,", len(details), "details,", api.credits.spent, "credits")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
