"""Draw the portrait of a shop: what it is, what it sells, who sells for it, how it goes.

python examples/shop.py 7494833496812981001 2026-10-01 2026-10-28
"""

import asyncio
import sys

from keyapi_async import KeyAPI, SellerInfluencerSortField, SellerProductSortField, SortType


def bars(values: list[int]) -> str:
    """Draw numbers as bars."""
    most = max([*values, 1])
    return "".join("▁▂▃▄▅▆▇█"[min(7, max(0, value) * 8 // most)] for value in values)


async def main(seller_id: str, start: str, end: str) -> None:
    async with KeyAPI() as api, asyncio.TaskGroup() as tasks:
        shops = api.tiktok.shop
        found = await shops.detail(seller_id)
        if not found.records:
            sys.exit(f"KeyAPI has not collected the shop {seller_id}")
        shop = found.records[0]
        trend = tasks.create_task(
            shops.iter_trends(seller_id, start_date=start, end_date=end).collect()
        )
        products = tasks.create_task(
            shops.products(
                seller_id,
                seller_product_sort_field=SellerProductSortField.TOTAL_SALE_CNT,
                sort_type=SortType.DESC,
            )
        )
        creators = tasks.create_task(
            shops.creators(
                seller_id,
                seller_influencer_sort_field=SellerInfluencerSortField.TOTAL_SALE_CNT,
                sort_type=SortType.DESC,
            )
        )
        days = [day.total_sale_1d_cnt or 0 for day in await trend]
        print(f"{shop.seller_name} ({shop.region}), rated {shop.rating or 0:.1f}")
        print(f"{shop.total_sale_cnt or 0:,} sold, GMV {shop.total_sale_gmv_amt or 0:,.0f}")
        print(f"sales a day, {start} to {end}: {bars(days)} (at most {max(days, default=0)})")
        print("\nbest products")
        for product in (await products).records[:5]:
            print(f"{product.total_sale_cnt or 0:10,}  {product.product_name}")
        print("\nbest creators")
        for creator in (await creators).records[:5]:
            print(f"{creator.total_sale_cnt or 0:10,}  @{creator.unique_id}")
        print(f"\n{api.credits.spent} credits")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
