"""The same harvest with this client."""

import asyncio
import sys

from keyapi_async import KeyAPI
from keyapi_async.harvest import Harvest


async def main(ids: list[str], file: str, qps: float) -> None:
    """Read every list into the file."""
    async with KeyAPI(qps=qps) as api, Harvest.open(file) as harvest:
        await harvest.run(ids, api.tiktok.product.iter_creators)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[3].split(","), sys.argv[1], float(sys.argv[2])))
