"""Harvest creators on a Dask cluster; without one, on two workers inside of this process.

python examples/cluster.py products.txt [tcp://scheduler:8786]
"""

import sys
from pathlib import Path

from dask.distributed import Client

from keyapi_async import KeyAPI
from keyapi_async.dask import harvest_frame

WORKERS = 2


def client() -> KeyAPI:
    """Make the client of a partition, on the worker, with its share of the plan's queries.

    Where workers come and go, ``KeyAPI(limiter=RedisLimiter(url, qps=10))`` shares the gate itself.
    """
    return KeyAPI(qps=10 / WORKERS)


def main(file: str) -> None:
    frame = harvest_frame(
        Path(file).read_text().split(),
        lambda api, product_id: api.tiktok.product.iter_creators(product_id),
        client=client,
        partition_size=2,
    ).persist()  # used twice below, and bought once
    frame.to_parquet("creators", write_index=False)
    sums = frame.groupby("region")["per_product_ifl_gmv_amt"].agg(["count", "sum"]).compute()
    print(f"{'region':8} {'creators':>8} {'GMV':>12}")
    for region, count, gmv in sums.sort_values("sum", ascending=False).itertuples():
        print(f"{region:8} {count:8,} {gmv:12,.0f}")


if __name__ == "__main__":
    here = {"processes": False, "n_workers": WORKERS, "threads_per_worker": 1}
    with Client(*sys.argv[2:]) if sys.argv[2:] else Client(**here, dashboard_address=None):
        main(sys.argv[1])
