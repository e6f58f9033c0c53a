"""What a report says is what the ledger holds, of every shape and in every state."""

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from keyapi_async import Influencer, ProductCreator, ProductReview, ProductTrend
from keyapi_async.api import endpoints
from keyapi_async.api.endpoint import Endpoint
from keyapi_async.errors import ConfigurationError, InvalidParameterError
from keyapi_async.harvest import ExportError, Harvest, LedgerError
from keyapi_async.harvest.file import RunLock
from keyapi_async.report import write_report
from keyapi_async.report.figures import Figures, Spread
from keyapi_async.report.markup import cut, moment, percent, short, tag
from tests import virtual
from tests.cli.commands import uninstall
from tests.harvest import shop
from tests.report.conftest import CHROMIUM
from tests.report.page import Page
from tests.sandbox.calls import OPERATIONS, required, service

Row = dict[str, Any]
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


def ledger_of(record: type, folder: Path) -> Path:
    """Harvest a shape from the sandbox, in memory; give the ledger, beside which is its report."""
    ledger, told = folder / "a.db", SHAPES[record]

    async def main() -> Path:
        api = virtual.client(virtual.SandboxTransport(service()))
        async with Harvest.open(ledger) as harvest:
            await harvest.run(calls_of(told), lambda given: told.open(api.tiktok, given))
            await harvest.write_report(ledger.with_suffix(".html"))
        return ledger

    return shop.run(main)


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
    "InfluencerTrend": ("GMV, Units sold, New followers, Views, Likes", ""),
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


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
def test_a_browser_finds_what_is_wrong(
    tmp_path: Path, wrong_with: Callable[[Path], list[str]]
) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text(
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">'
        '<p style="color:red">a</p><img src="http://127.0.0.1:9/x.png">'
        "<pre>" + "wide " * 500 + '</pre><font color="#999">pale</font>'
    )
    seen = " ".join(wrong_with(bad))
    for what in ("Content Security Policy", "page of", "cut: wide", "contrast 2.8: pale"):
        assert what in seen


@pytest.mark.parametrize("record", SHAPES, ids=lambda one: one.__name__)
def test_every_shape_is_shown_by_its_own_measures(
    record: type, tmp_path: Path, wrong_with: Callable[[Path], list[str]]
) -> None:
    ledger, told = ledger_of(record, tmp_path), SHAPES[record]
    assert wrong_with(ledger.with_suffix(".html")) == []
    page = Page(ledger.with_suffix(".html"))
    assert f"{told.resource.title()} {told.name}" in page.texts
    assert told.path in page.texts
    assert "Complete" in page.text
    with closing(sqlite3.connect(ledger)) as db:
        db.row_factory = sqlite3.Row
        rows = [dict(row) for row in db.execute("SELECT * FROM records")]
    with closing(Figures(ledger)) as figures:
        assert figures.number == len(rows)
        for name, number in figures.filled.items():
            assert number == sum(row[name] not in {None, ""} for row in rows)
        if record is not dict:
            name = record.__name__
            assert name in TOLD, f"add {name!r} to TOLD: what a report measures of it"
            measures, dimensions = TOLD[name]
            labels = ", ".join(one.label for one in figures.measures)
            assert labels == measures, "left is the report, right TOLD"
            names = ", ".join(one.name for one in figures.dimensions)
            assert names.startswith(dimensions), "left is the report, right TOLD"
        for one in figures.measures:
            values = [row[one.name] for row in rows if row[one.name] is not None]
            spread = figures.spreads[one.name]
            assert [spread.total, spread.number] == pytest.approx([sum(values), len(values)])
            assert figures.best(one, 1)[0][one.name] == max(values)
            assert one.label in page.texts
        if figures.rank:
            head = next(n for n, row in enumerate(page.rows) if row[0] == "Rank")
            places = [int(row[0]) for row in page.rows[head + 1 : head + 13]]
            assert places == sorted(places)
            assert (places[0], "Day (1)" in page.texts) == (1, True)  # what a code stands for
        for one in figures.dimensions:
            groups = figures.groups(one)
            assert sum(number for _, number, _ in groups) == len(rows)
            assert groups[0][1] == max(Counter(row[one.name] for row in rows).values())


def harvested(folder: Path, *pages: Sequence[object], into: type = dict) -> Page:
    """Harvest pages of any rows anew, write the report, and read it."""
    (folder / "a.db").unlink(missing_ok=True)

    async def main() -> Page:
        async with Harvest.open(folder / "a.db") as harvest:
            await shop.Answers(pages).harvested(harvest, into)
            return Page(await harvest.write_report(folder / "a.html"))

    return shop.run(main)


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></title></svg><a href='javascript:1'>",
    "<!-- ]]> &lt;b&gt; <?php ?>",
    "\u202e\x00\x1b[31m\ufeff\u2028",
    "x" * 5000,
    "`${1}` {{1}} datum.value\\",
]


@pytest.mark.parametrize("into", [dict, ProductCreator])
def test_hostile_text_never_becomes_markup(tmp_path: Path, into: type) -> None:
    rows: list[Row] = [
        {
            "product_id": text,
            "user_id": str(n),
            "nick_name": text,
            "region": text,
            "category": text,
            "per_product_ifl_gmv_amt": n * 10.5**n,
            f"more {text}"[:150]: text,
            "total_views_cnt": text if n == 6 else n,
        }
        for n, text in enumerate(HOSTILE)
    ]
    large = {"per_product_ifl_gmv_amt": 1.7e308, "total_views_cnt": 2**64 - 1}
    rows += [{**rows[5], **large}, {**rows[4], **large}, {"nick_name": HOSTILE[0], "user_id": 0.5}]
    page = harvested(tmp_path, rows, into=into)
    for text in HOSTILE[:4]:
        assert cut(text, 40) in page.text
    assert not set("\u202e\x00\x1b\ufeff\u2028") & set(page.source)


@pytest.mark.parametrize("into", [Influencer, dict])
def test_personal_data_is_never_shown(tmp_path: Path, into: type) -> None:
    address = "zoe.w+a@mail.example.org"
    row = {"user_id": "1", "nick_name": f"mail {address}!", "contact_email": address, "phone": "5"}
    rejected = {**row, "user_id": [address], "total_views_cnt": 1}
    page = harvested(tmp_path, [row | {"phone": "5551"}, rejected], into=into)
    assert "mail [e-mail]" in page.text
    assert address not in page.source
    assert "5551" not in page.source


def test_the_health_of_the_data(tmp_path: Path) -> None:
    rows: list[Any] = [
        {"product_id": "1", "user_id": str(n), "nick_name": "x" * (n % 2), "new_field": {"a": n}}
        for n in range(4)
    ]
    rows[0].update({f"more {n}": None for n in range(300)})
    rows += [{"product_id": "1"}, {"product_id": "1"}, 5]
    page = harvested(tmp_path, rows, into=ProductCreator)
    assert ["nick_name", "Display name of the account.", "", "50 %"] in page.rows
    assert ["new_field", '{"a":0}', "4", "100 %"] in page.rows
    assert ["user_id: None is required, as a digit string or a whole number", "2"] in page.rows
    told = {"total_views_cnt", "3 more are invalid", "Fields that never came"}
    assert told <= set(page.texts)
    unfit = [{"product_id": "1", "review_id": "2", "rating": "many"}]
    page = harvested(tmp_path, unfit, into=ProductReview)
    assert "Values that did not fit, kept as they came" in page.texts
    assert ["rating", '"many"', "1", "100 %"] in page.rows


def test_an_unfinished_harvest_says_so(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(3, 30, 12))
    server.statuses["101", 2] = [500, 500]

    async def main() -> tuple[Page, Page]:
        api = server.client()
        async with Harvest.open(tmp_path / "a.db") as harvest:
            await harvest.run(server.ids, api.tiktok.product.iter_creators)
            failed = Page(await harvest.write_report(tmp_path / "a.html"))
            lock = RunLock(tmp_path / "a.db")
            lock.take()
            try:
                return failed, Page(await harvest.write_report(tmp_path / "a.html"))
            finally:
                lock.release()

    failed, running = shop.run(main)
    assert "Not complete: 1 lists failed, 0 left." in failed.texts
    assert "2 of 3" in failed.texts
    assert any(row[0] == "101" and row[2] == "2" for row in failed.rows if len(row) == 3)
    assert any(text.startswith("A run is under way") for text in running.texts)


def test_snapshots_and_pages_over_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = shop.Shop(shop.products(12, 3))
    now = [1.8e9]
    monkeypatch.setattr(time, "time", lambda: now[0])

    async def main() -> list[str]:
        api = server.client()
        async with Harvest.open(tmp_path / "a.db") as harvest:
            for hours in (0, 30, 60):
                now[0] = 1.8e9 + 3600 * hours
                server.strange["100", 0] = {**shop.creator("100", 0), "total_followers_cnt": hours}
                day = timedelta(days=1)
                await harvest.run(server.ids, api.tiktok.product.iter_creators, max_age=day)
            return Page(await harvest.write_report(tmp_path / "a.html")).texts

    texts = shop.run(main)
    assert {"Over time", "Pages over time", "Runs"} <= set(texts)
    with closing(Figures(tmp_path / "a.db")) as figures:
        followers = next(one for one in figures.measures if one.label == "Followers")
        points = figures.snapshots(followers)
        assert [at - 1.8e9 for at, _ in points] == [0, 108_000, 216_000]
        assert [value - points[0][1] for _, value in points] == [0, 30, 60]
        assert [pages for _, pages in figures.arrivals()[1]] == [3, 3, 3]


def test_days_add_up(tmp_path: Path) -> None:
    rows = [
        {"product_id": str(one), "dt": f"2026-01-{day:02}", "total_sale_gmv_1d_amt": day,
         "total_ifl_cnt": one * day, "spu_avg_price": float(one)}
        for one in (1, 3)
        for day in (1, 2, 4)
        if one + day != 5
    ]  # fmt: skip
    harvested(tmp_path, [*rows, {"product_id": "4"}], into=ProductTrend)
    with closing(Figures(tmp_path / "a.db")) as figures:
        days = {one.label: figures.days(one) for one in figures.measures}
    assert [at - 1767225600 for at, _ in days["GMV"]] == [0, 86400, 3 * 86400]
    assert [value for _, value in days["GMV"]] == [2, 2, 4]
    assert [value for _, value in days["Creators"]] == [4, 5, 14]
    assert [value for _, value in days["Price"]] == [2, 1, 3]


def test_what_is_of_one_name_is_told_apart(tmp_path: Path) -> None:
    row = {"product_id": "1", "total_followers_cnt": 5, "per_product_ifl_gmv_amt": 2}
    rows = [
        {**row, "user_id": "7", "nick_name": "Ada"},
        {**row, "user_id": "8", "nick_name": "Ada", "total_followers_cnt": 4},
        {**row, "user_id": "7", "nick_name": "Ada", "product_id": "2"},
        {**row, "user_id": "9"},
    ]
    harvested(tmp_path, rows, into=ProductCreator)
    with closing(Figures(tmp_path / "a.db")) as figures:
        measures = {one.label: figures.best(one, 9) for one in figures.measures}
        labels = {name: figures.labels(found) for name, found in measures.items()}
    assert labels["GMV"] == ["Ada · 7", "Ada · 8", "Ada · 7", "9"]
    assert labels["Followers"] == ["Ada · 7", "9", "Ada · 8"]  # an account is there once


def test_a_class_that_has_the_name_of_ours_is_not_taken_for_it(tmp_path: Path) -> None:
    own = attrs.make_class("Product", {"product_id": attrs.field(type=str, kw_only=True),
        "region": attrs.field(type=int, kw_only=True)}, frozen=True)  # fmt: skip
    page = harvested(tmp_path, [{"product_id": "1", "region": 5}], into=own)
    assert "A product as it stands now" not in page.text


def test_a_ledger_without_rows_or_fields(tmp_path: Path) -> None:
    every: list[list[Row]] = [[], [{}, {}], [{"a": None}]]
    for rows in every:
        assert "The harvest" in harvested(tmp_path, rows).texts


def test_what_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    harvested(tmp_path, [{"a": 1}])
    before = (tmp_path / "a.html").read_bytes()
    (tmp_path / "folder.html").mkdir()
    for name, error, told in (
        ("a.db", InvalidParameterError, r"a name with \.html"),
        ("none/a.html", ExportError, "its folder does not exist"),
        ("folder.html", ExportError, "Is a directory"),
    ):
        with pytest.raises(error, match=told):
            write_report(tmp_path / "a.db", tmp_path / name)
    with pytest.raises(LedgerError, match="holds nothing yet"):
        harvested(tmp_path)
    uninstall(monkeypatch, "vl_convert", "keyapi_async.report")
    with pytest.raises(ConfigurationError, match=r"keyapi-async\[report\]"):
        harvested(tmp_path, [{"a": 1}])
    assert (tmp_path / "a.html").read_bytes() == before
    assert not list(tmp_path.glob("*.part"))


def test_numbers_are_read_at_a_glance() -> None:
    values = (0, 12, 0.1234, 999, 999.6, 1234, -56_789, 999_999, 7.25e9, 3e13, 1e16, "text", None)
    told = "0 12 0.123 999 1K 1.23K -56.8K 1M 7.25B 30T 1.00e16 text \N{EN DASH}"
    assert " ".join(map(short, values)) == told
    shares = [percent(part, 1000) for part in (0, 1, 10, 995, 1000)]
    assert shares == ["0 %", "< 1 %", "1 %", "99 %", "100 %"]
    assert moment(1.8e9) == moment(datetime(2027, 1, 15, 8, tzinfo=UTC)) == "2027-01-15 08:00 UTC"
    assert tag("td", "a<b", data_label='"', class_=None) == '<td data-label="&quot;">a&lt;b</td>'
    assert not Spread(0.0, [(-1.0, 1), (100.0, 1)]).is_skewed
