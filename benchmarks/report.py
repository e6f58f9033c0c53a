"""Takes ``benchmarks/report.png``, the picture in the README, of the report of a real harvest.

Run it with ``python -m benchmarks.report``; it needs Chromium, and takes some seconds.
"""

import asyncio
import shutil
import subprocess
import tempfile
from pathlib import Path

from keyapi_async import KeyAPI
from keyapi_async.harvest import Harvest
from keyapi_async.sandbox import Sandbox

PICTURE = Path(__file__).with_name("report.png")
SIZE = "1280,1000"
PRODUCTS = 60


async def write_report(folder: Path) -> Path:
    async with (
        Sandbox() as box,
        KeyAPI(box.api_key, base_url=box.url, qps=1000, proxy="") as api,
        Harvest.open(folder / "products.db") as harvest,
    ):
        await harvest.run(box.product_ids(PRODUCTS), api.tiktok.product.iter_creators)
        return await harvest.write_report(folder / "products.html")


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("Chromium is missing: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        page = asyncio.run(write_report(Path(folder)))
        switches = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        shot = [f"--window-size={SIZE}", f"--screenshot={PICTURE}", page.as_uri()]
        subprocess.run(  # noqa: S603  # all of it is ours
            [chromium, *switches, *shot], check=True, capture_output=True
        )


if __name__ == "__main__":
    main()
