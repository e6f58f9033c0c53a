"""Draws ``benchmarks/demo.svg``, the picture in the README, from a real run of the demo.

Run it with ``python -m benchmarks.picture``; it takes half a minute.
"""

import asyncio
import io
import re
import tempfile
from pathlib import Path

from rich.console import Console

from keyapi_async.cli.demo import Show, failing_sandbox
from keyapi_async.cli.demo_worker import Order
from keyapi_async.cli.progress import Glance, LiveProgress
from keyapi_async.cli.shelf import shelf

PICTURE = Path(__file__).with_name("demo.svg")
PRODUCTS = 160
QPS = 50.0
WHEN = 0.7
"""The share of the lists at which the picture is taken."""

REMOTE_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


class Photographer(LiveProgress):
    """Draws the display of one moment on paper."""

    def __init__(self, paper: Console) -> None:
        super().__init__(Console(file=io.StringIO(), width=paper.width), QPS)
        self._paper = paper
        self._done = False

    def show(self, glance: Glance) -> None:
        """Go along, and draw when it is time."""
        super().show(glance)
        if not self._done and glance.done >= WHEN * glance.total:
            self._paper.print(self._drawing(glance))
            self._done = True


async def main() -> None:
    paper = Console(
        record=True,
        width=80,
        file=io.StringIO(),
        force_terminal=True,
        highlight=False,
        markup=False,
    )
    with tempfile.TemporaryDirectory() as folder:
        async with failing_sandbox(QPS, seed=0) as box:
            order = Order(
                url=box.url,
                api_key=box.api_key,
                ledger=str(Path(folder) / "creators.db"),
                product_ids=shelf(box, PRODUCTS),
                qps=QPS,
                concurrency=16,
            )
            with Photographer(paper) as photographer:
                await Show(box, order, paper).run(photographer)
    svg = paper.export_svg(title="keyapi-async demo", unique_id="demo")
    PICTURE.write_text(REMOTE_FONTS.sub("", svg), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
