"""A real harvest of every shape from the sandbox, in memory, the report of each, and a browser."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from keyapi_async.api import endpoints
from keyapi_async.api.endpoint import Endpoint
from keyapi_async.harvest import Harvest
from tests import virtual
from tests.harvest import shop
from tests.report.browser import CHROMIUM, browser, tab
from tests.sandbox.calls import OPERATIONS, required, service

SHAPES = {one.record: one for one in endpoints()}
"""An endpoint of each shape; the last stands for rows that nobody has described."""


def calls_of(told: Endpoint) -> Iterator[dict[str, object]]:
    """Give calls that lead to rows, with what they need."""
    for number, region in ((3, "GB"), (60, "US")):
        sent = {**required(OPERATIONS[told.path], number), "region": region}
        needed = [one for one in told.parameters if one.required or one.name in told.one_of[:1]]
        given: dict[str, object] = {
            one.name: next(iter(one.kind.choices or [sent[one.wire]])) for one in needed
        }
        several = {name: sent[name].split(",") for name in given if name.endswith("_ids")}
        yield given | several


@pytest.fixture
def report_of(tmp_path: Path) -> Callable[[type], Path]:
    """Give a function that harvests a shape and gives its ledger, beside which is its report."""

    def reported(record: type) -> Path:
        ledger, told = tmp_path / "a.db", SHAPES[record]

        async def main() -> None:
            api = virtual.client(virtual.SandboxTransport(service()))
            async with Harvest.open(ledger) as harvest:
                await harvest.run(calls_of(told), lambda given: told.open(api.tiktok, given))
                await harvest.write_report(ledger.with_suffix(".html"))

        shop.run(main)
        return ledger

    return reported


@pytest.fixture(scope="session")
def wrong_with() -> Iterator[Callable[[Path], list[str]]]:
    """Give a function that lists what a browser finds wrong with a page; without one, nothing."""
    if CHROMIUM is None:
        yield lambda _: []
        return
    with browser() as address:

        async def looked_at(file: Path) -> list[str]:
            async with tab(address) as one:
                narrow = await one.wrong_with(file, "light", 390)
                return narrow + await one.wrong_with(file, "dark", 1280)

        yield lambda file: asyncio.run(looked_at(file))
