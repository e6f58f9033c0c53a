"""What a report says is what the ledger holds, of every shape and in every state."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from keyapi_async import ConfigurationError, InvalidParameterError
from keyapi_async.harvest import ExportError, Harvest, LedgerError
from keyapi_async.harvest.file import RunLock
from keyapi_async.report.figures import Figures, Spread
from keyapi_async.report.markup import cut, moment, percent, short, tag
from tests.harvest import shop
from tests.report.conftest import SHAPES
from tests.report.page import Page

Row = dict[str, Any]

# What is measured of each shape, and what its rows are divided by besides what was asked for.
TOLD: Mapping[str, tuple[str, str]] = {
    "Product": ("GMV, Units sold, Views, Rating, Creators, Price", "region, category_id"),
    "ProductTrend": ("GMV, Units sold, Creators, Price", ""),
    "ProductReview": ("Rating", ""),
    "ProductCreator": ("GMV, Units sold, Followers, Views, Likes", "region, category"),
    "VideoProduct": ("GMV, Units sold, Views, Likes", "region"),
    "ProductLivestream": ("GMV, Units sold, Views, Price", "region, category_id"),
    "RankedProduct": ("GMV, Units sold, Creators, Price", "region, category_id"),
    "Influencer": ("GMV, Units sold, Followers, Views, Rating, Likes", "region, category"),
    "InfluencerTrend": ("GMV, Units sold, Followers, Views, Likes", ""),
    "Video": ("GMV, Units sold, Views, Likes", "region"),
    "InfluencerProduct": ("GMV, Units sold, Price", "category_id"),
    "InfluencerLivestream": ("GMV, Units sold, Followers, Views, Likes", "region"),
    "RankedInfluencer": ("GMV, Units sold, Followers, Rating, Likes", "region, category"),
    "VideoTrend": ("GMV, Units sold, Views, Likes", ""),
    "RankedVideo": ("GMV, Units sold, Views, Likes", "region, category"),
    "Shop": ("GMV, Units sold, Rating, Creators, Price", "region, category_id"),
    "ShopTrend": ("GMV, Units sold, Creators", ""),
    "ShopCreator": ("GMV, Units sold, Followers, Likes", "region"),
    "ShopVideo": ("GMV, Units sold, Views, Likes", "region"),
    "ShopLivestream": ("GMV, Units sold, Views", "region"),
    "RankedShop": ("GMV, Units sold, Rating, Creators", "region, category_id"),
    "Category": ("", ""),
    "FoundInfluencer": ("GMV, Units sold, Followers, Views, Likes", "region, category"),
}


@pytest.mark.parametrize("record", SHAPES, ids=lambda one: one.__name__)
def test_every_shape_is_shown_by_its_own_measures(
    record: type, reports: Mapping[type, Path]
) -> None:
    page = Page(reports[record].with_suffix(".html"))
    told = SHAPES[record]
    assert f"{told.resource.title()} {told.name}" in page.texts
    assert told.path in page.texts
    assert "Complete" in page.text
    rows = wanted(reports[record])
    figures = Figures(reports[record])
    try:
        assert figures.number == len(rows)
        for field in figures.fields:
            assert figures.filled[field.name] == sum(
                row[field.name] not in {None, ""} for row in rows
            )
        labels = [one.label for one in figures.measures]
        parts = [one.name for one in figures.parts]
        if record is not dict:
            measures, named = TOLD[record.__name__]
            assert ", ".join(labels) == measures
            assert ", ".join(parts).startswith(named)
        for one in figures.measures:
            values = [row[one.name] for row in rows if row[one.name] is not None]
            spread = figures.spreads[one.name]
            assert spread.total == pytest.approx(sum(values))
            assert spread.number == len(values)
            assert figures.best(one, 1)[0][one.name] == max(values)
            assert one.label in page.texts
        for one in figures.parts:
            groups = figures.groups(one)
            assert sum(number for _, number, _ in groups) == len(rows)
            assert groups[0][1] == max(Counter(row[one.name] for row in rows).values())
    finally:
        figures.close()


def wanted(ledger: Path) -> list[Row]:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(ledger)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute("SELECT * FROM records")]


def test_personal_data_is_never_shown(reports: Mapping[type, Path]) -> None:
    for record in SHAPES.keys() & {one for one in SHAPES if one.__name__ == "Influencer"}:
        emails = {row["contact_email"] for row in wanted(reports[record])} - {None, ""}
        page = Page(reports[record].with_suffix(".html"))
        assert emails
        assert not any(email in page.source for email in emails)


def harvested(folder: Path, *pages: Sequence[object], into: type = dict) -> Page:
    """Harvest pages of any rows, write the report, and read it."""
    server = shop.Answers(pages)

    async def main() -> Page:
        api = server.client()
        async with Harvest.open(folder / "a.db") as harvest:
            await harvest.run(
                range(len(pages)), lambda n: api.iter_records("/x", {"n": n}, into, pages=None)
            )
            return Page(await harvest.write_report(folder / "a.html"))

    return shop.run(main)
