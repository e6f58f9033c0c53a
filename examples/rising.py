"""Find products of a category whose sales rise.

python examples/rising.py US "Beauty & Personal Care"
"""

import asyncio
import sys

from keyapi_async import KeyAPI, Product, ProductSortField, SalesTrendFlag, SortType


def pace(product: Product) -> float:
    """Say how many times its usual daily sales the last week had."""
    month = product.total_sale_30d_cnt or 0
    return (product.total_sale_7d_cnt or 0) / 7 / (month / 30) if month else 0.0


async def main(region: str, category: str) -> None:
    async with KeyAPI() as api:
        categories = await api.tiktok.category.iter_primary(language="en-US").collect()
        ids = {one.category_name: one.category_id for one in categories}
        if category not in ids:
            sys.exit(f"no category {category!r}; there are: {', '.join(map(str, ids))}")
        products = api.tiktok.product.iter_list(
            region=region,
            category_id=ids[category],
            sales_trend_flag=SalesTrendFlag.UP,
            min_total_sale_30d_cnt=100,
            product_sort_field=ProductSortField.TOTAL_SALE_7D_CNT,
            sort_type=SortType.DESC,
            limit=50,
        )
        rising = sorted(await products.collect(), key=pace, reverse=True)[:10]
        print(f"{'pace':>5} {'7 days':>8} {'30 days':>8} {'creators':>8}  product")
        for one in rising:
            print(
                f"{pace(one):5.2f} {one.total_sale_7d_cnt or 0:8,} {one.total_sale_30d_cnt or 0:8,}"
                f" {one.total_ifl_cnt or 0:8,}  {one.product_name} ({one.product_id})"
            )
        print(api.credits.spent, "credits")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
