"""What a ledger gives back: the same values from each format, and nothing that is obeyed.

No cell of a CSV whose formulas are escaped is one, and the report is a page without any foreign
markup (`Page` refuses others).
"""

import json
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

from keyapi_async import ProductCreator, RankedInfluencer
from keyapi_async.harvest import Harvest, HarvestReport
from keyapi_async.records.codec import kinds_of
from tests.csvs import read_csv
from tests.harvest import shop
from tests.harvest.out import Out, taken_out
from tests.hostile.documents import EVIL, harmless, literals, row_text
from tests.report.page import Page
from tests.rows import DOCUMENTED, Row

STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What some spreadsheet takes as the beginning of a formula."""
FORMULAS = [
    *STARTS, *(f"{one}1" for one in STARTS), "=cmd|'/c calc'!A0", "@SUM(1)", "-1+2", '=1,"2"\n3',
]  # fmt: skip
PLAIN = ["", "a=1", "'=1", " =", "5", "é-", "x\n=1", '"', '""', ',";\r\n', "\ufeff", "x" * 10**5]
TEXTS = [*EVIL.values(), *FORMULAS, *PLAIN]

SHAPES = [ProductCreator, RankedInfluencer, dict]
"""One that is documented, one that is only inferred, and none."""
every_shape = pytest.mark.parametrize("cls", SHAPES, ids=lambda cls: cls.__name__)


@attrs.frozen
class Given:
    """What each way out of a ledger gives."""

    out: Out
    escaped: list[Row]
    report: HarvestReport
    page: Page


def given(folder: Path, cls: type, *rows: bytes) -> Given:
    """Harvest some rows, and take them out in every way."""

    async def main() -> Given:
        server = shop.Answers([b"[%s]" % b",".join(rows)])
        async with Harvest.open(folder / "a.db") as harvest:
            report = await server.harvested(harvest, cls)
            await harvest.export(folder / "escaped.csv", escape_formulas=True)
            page = Page(await harvest.write_report(folder / "a.html"))
            escaped = read_csv(folder / "escaped.csv")[1]
            return Given(await taken_out(harvest, folder), escaped, report, page)

    return shop.run(main)


def texts_of(cls: type) -> list[str]:
    """Name the fields of a shape in which any text may stand; rows without a class have any."""
    if cls is dict:
        return ["text", '"; DROP TABLE record; --', "=1+1", "a\r\nb", "\x1b[2J"]
    return [
        name for name, kind in kinds_of(cls).items() if kind.passes is str and not kind.required
    ]


def sent(cls: type, text: str, **more: Any) -> bytes:
    """Write a row whose every text is a foreign one."""
    return row_text(literals(DOCUMENTED.get(cls, {}) | dict.fromkeys(texts_of(cls), text) | more))


@every_shape
def test_each_text_comes_back_from_every_format(cls: type, tmp_path: Path) -> None:
    found = given(tmp_path, cls, *(sent(cls, text) for text in TEXTS))
    assert harmless(found.page.source)
    for name in texts_of(cls):
        for rows in (found.out.view, found.out.cells, found.out.lines, found.out.typed):
            assert [row[name] for row in rows] == TEXTS
    marks = 0
    for escaped, cells in zip(found.escaped, found.out.cells, strict=True):
        for cell, kept in zip(
            [*escaped, *escaped.values()], [*cells, *cells.values()], strict=True
        ):
            assert cell in {kept, f"'{kept}"}
            assert (cell == kept) != kept.startswith(STARTS) or float(kept) < 0
            marks += cell != kept
    assert marks >= len(FORMULAS) * len(texts_of(cls))


@every_shape
def test_an_unknown_field_is_data_and_forges_nothing(cls: type, tmp_path: Path) -> None:
    new = {one: [one, {one: one}] for one in EVIL.values()}
    ours = {"list_n": "999", "fetched_at": "1970", "extra": "=1", "_id": 7, "_as_sent": 1}
    found = given(tmp_path, cls, sent(cls, "x", **new, **ours))
    (cells,), (line,), (typed,) = found.out.cells, found.out.lines, found.out.typed
    assert cells["list_n"] == line["list_n"] == typed["list_n"] == "0"
    assert cells["fetched_at"] == line["fetched_at"] != "1970"
    told = json.loads(cells["extra"]) | {n: json.loads(cells[n]) for n in new if n in cells}
    assert {name: told[name] for name in (*new, *ours)} == new | ours
    assert json.loads(typed["extra"]) == json.loads(cells["extra"])
    assert {name: line[name] for name in new} == new
    assert harmless(found.page.source)


@every_shape
def test_a_row_nested_deep_ends_nothing(cls: type, tmp_path: Path) -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)  # some libraries of other tests raise it
    deep = [
        row_text(literals(DOCUMENTED.get(cls, {})) | {"new": b"[" * levels + b"]" * levels})
        for levels in (252, 253, 1000)
    ]
    try:
        found = given(tmp_path, cls, sent(cls, "x"), *deep, b"5", sent(cls, "y"))
    finally:
        sys.setrecursionlimit(before)
    assert (found.report.failed, found.report.rejects) == (0, 2)
    assert len(found.out.cells) == len(found.out.lines) == 4
