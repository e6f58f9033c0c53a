"""Watch a thousand products; run it every day, by cron or a timer.

python examples/watch.py products.txt [2026-11-15]
"""

import asyncio
import sys
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from keyapi_async import KeyAPI, Product, ProductTrend
from keyapi_async.harvest import Harvest

DAILY = timedelta(hours=20)  # a run may begin a little earlier than yesterday's
WEEK = timedelta(days=7)


def rise(product: Product) -> float:
    """Compare the sales of the last week with those of the month."""
    return (product.total_sale_7d_cnt or 0) / 7 - (product.total_sale_30d_cnt or 0) / 30


async def main(ids: list[str], day: date) -> None:
    # One ledger a month: its lists have the same days each time that they are read.
    start = (day.replace(day=1) - timedelta(days=1)).replace(day=1)
    end = (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    async with KeyAPI(max_credits=2000) as api:
        async with Harvest.open("watch.db") as watch:
            # Ten details cost one credit: a thousand products cost a hundred a day.
            await watch.run(ids, api.tiktok.product.iter_detail, max_age=DAILY)
            products = [one async for one in watch.records(Product)]
            await watch.write_report("watch.html")
        rising = sorted(products, key=rise, reverse=True)[:5]
        trends = partial(api.tiktok.product.iter_trends, start_date=start, end_date=end)
        async with Harvest.open(f"trends-{day:%Y-%m}.db") as ledger:
            await ledger.run([one.product_id for one in rising], trends, max_age=DAILY)
            days = [one async for one in ledger.records(ProductTrend)]
            await ledger.write_report("trends.html")
        print(len(products), "products,", api.credits.spent, "credits; watch.html, trends.html")
        for one in rising:
            week = sum(
                t.total_sale_1d_cnt or 0
                for t in days
                if t.product_id == one.product_id and t.dt and day - WEEK <= t.dt < day
            )
            print(f"{rise(one):+8.1f} a day, {week:6,} sold in a week: {one.product_name}")


if __name__ == "__main__":
    file, *told = sys.argv[1:]
    day = date.fromisoformat(told[0]) if told else date.today()  # noqa: DTZ011  # the user's own
    asyncio.run(main(Path(file).read_text().split(), day))
