"""A real harvest of every shape from the sandbox, in memory, and the report of each."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from keyapi_async.api import endpoints
from keyapi_async.api.endpoint import Endpoint
from keyapi_async.harvest import Harvest
from keyapi_async.sandbox import Service
from tests import virtual
from tests.harvest import shop

SHAPES = {one.record: one for one in endpoints()}
"""An endpoint of each shape; the last stands for rows that nobody has described."""

PERIOD = {"date": "2026-01-12", "start_date": "2025-12-01", "end_date": "2026-01-19"}


def keys_of(box: Service, told: Endpoint) -> tuple[str, list[str], dict[str, Any]]:
    """Give the parameter that tells lists apart, some values of it, and what else is needed."""
    values = {
        "region": ["GB", "US"],
        "language": ["en-US", "th-TH"],
        "sk": ["a", "be"],
        "product_id": box.product_ids(2),
        "product_ids": box.product_ids(30),
        "user_id": box.user_ids(2),
        "user_ids": box.user_ids(30),
        "seller_id": box.seller_ids(2),
        "video_id": box.video_ids(2),
        "video_ids": box.video_ids(30),
    }
    needed = [one for one in told.parameters if one.required or one.name in told.one_of[:1]]
    name = next(one.name for one in needed if one.name in values)
    others: dict[str, Any] = {
        one.name: next(iter(one.kind.choices or values.get(one.name) or [PERIOD.get(one.name, "")]))
        for one in needed
        if one.name != name
    }
    return name, values[name], others


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[type, Path]:
    """Harvest every shape; give its ledger, beside which is its report."""
    folder = tmp_path_factory.mktemp("reports")
    box = Service(today=date(2026, 1, 20))

    async def harvested(record: type, told: Endpoint) -> Path:
        api = virtual.client(virtual.SandboxTransport(box))
        name, values, others = keys_of(box, told)
        ledger = folder / f"{record.__name__}.db"
        async with Harvest.open(ledger) as harvest:
            await harvest.run(values, lambda key: told.open(api.tiktok, {name: key, **others}))
            await harvest.write_report(ledger.with_suffix(".html"))
        return ledger

    async def main() -> dict[type, Path]:
        return {record: await harvested(record, told) for record, told in SHAPES.items()}

    return shop.run(main)
