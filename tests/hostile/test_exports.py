"""What a ledger gives back: the same values from each format, and nothing that is obeyed.

No cell of a CSV whose formulas are escaped is one, and the report is a page without any foreign
markup (`Page` refuses others).
"""

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it has no types
import pytest

from keyapi_async import ProductCreator, RankedInfluencer
from keyapi_async.harvest import Harvest
from keyapi_async.records.codec import kinds_of
from tests.csvs import read_csv
from tests.harvest import shop
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

    view: list[Row]
    cells: list[Row]
    escaped: list[Row]
    lines: list[Row]
    typed: list[Row]
    failed: int
    rejects: int
    page: Page


def given(folder: Path, cls: type, *rows: bytes) -> Given:
    """Harvest some rows, and take them out in every way."""
    server = shop.Answers([b"[%s]" % b",".join(rows)])

    async def main() -> Any:
        api = server.client()
        async with Harvest.open(folder / "a.db") as harvest:
            report = await harvest.run(
                [0], lambda n: api.iter_records("/x", {"n": n}, cls, pages=None)
            )
            for name in ("a.csv", "a.jsonl", "a.parquet"):
                await harvest.export(folder / name)
            await harvest.export(folder / "escaped.csv", escape_formulas=True)
            await harvest.write_report(folder / "a.html")
            return report

    report = shop.run(main)
    with closing(sqlite3.connect(folder / "a.db")) as ledger:
        ledger.row_factory = sqlite3.Row
        view = [dict(row) for row in ledger.execute("SELECT * FROM records")]
    lines = (folder / "a.jsonl").read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert b"\r" not in b"".join(lines)
    return Given(
        view,
        read_csv(folder / "a.csv")[1],
        read_csv(folder / "escaped.csv")[1],
        [json.loads(line) for line in lines],
        pq.read_table(folder / "a.parquet").to_pylist(),
        report.failed,
        report.rejects,
        Page(folder / "a.html"),
    )


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
        for rows in (found.view, found.cells, found.lines, found.typed):
            assert [row[name] for row in rows] == TEXTS
    assert list(found.view[0]) == list(found.cells[0]) == list(found.typed[0])
    for shown, cells in zip(found.view, found.cells, strict=True):
        assert ["" if one is None else str(one) for one in shown.values()] == [*cells.values()]
    marks = 0
    for escaped, cells in zip(found.escaped, found.cells, strict=True):
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
    (cells,), (line,), (typed,) = found.cells, found.lines, found.typed
    assert cells["list_n"] == line["list_n"] == typed["list_n"] == "0"
    assert cells["fetched_at"] == line["fetched_at"] != "1970"
    told = json.loads(cells["extra"]) | {n: json.loads(cells[n]) for n in new if n in cells}
    assert {name: told[name] for name in (*new, *ours)} == new | ours
    assert json.loads(typed["extra"]) == json.loads(cells["extra"])
    assert {name: line[name] for name in new} == new
    assert harmless(found.page.source)


@every_shape
def test_a_whole_number_keeps_every_digit(cls: type, tmp_path: Path) -> None:
    counts = [2**63 - 1, 2**63, 2**64 - 1, -(2**63), "9" * 400, "-" + "9" * 400]
    kinds = {} if cls is dict else kinds_of(cls)
    name = next((name for name, kind in kinds.items() if kind.name == "count"), "n")
    rows = (row_text(literals(DOCUMENTED.get(cls, {}) | {name: count})) for count in counts)
    found = given(tmp_path, cls, *rows)
    kept = [json.loads(row["extra"] or "{}").get(name, row[name]) for row in found.typed]
    for told in ([row[name] for row in found.cells], [row[name] for row in found.lines], kept):
        assert [*map(str, told)] == [*map(str, counts)]


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
    assert (found.failed, found.rejects) == (0, 2)
    assert len(found.view) == len(found.cells) == len(found.lines) == 4
