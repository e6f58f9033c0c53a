"""What a ledger gives back: the same values from each format, and a CSV that no cell commands."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it has no types
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keyapi_async.harvest.job import CREATORS, RANKING, VIDEOS_OF_HANDLES
from keyapi_async.harvest.table import table_of

from keyapi_async import ProductCreator
from keyapi_async.cli.app import run
from keyapi_async.harvest import Exported, Harvest, Job
from keyapi_async.harvest.text import Csv, JsonLines
from keyapi_async.records.converter import reader_of
from tests.harvest import shop
from tests.hostile.documents import ENDPOINTS, EVIL, Wire, literals, row_text, success
from tests.rows import steady

TEXT = "nick_name"
FORMULAS = [
    "=1+1", "=cmd|'/c calc'!A0", "+1", "-1+2", "-5", "@SUM(1)", "\t=1", "\r=1", "\n=1", "=",
    "\uff1d1", "\uff0b1", "\uff0d1", "\uff201",
]  # fmt: skip
PLAIN = ["", "x", "a=1", "'=1", " x", "5", "\u20ac-5", "é=", "x\n=1"]


def sent(**fields: Any) -> bytes:
    return row_text(literals(ENDPOINTS[0].example | fields))


def exported(folder: Path, rows: list[bytes], **options: bool) -> dict[str, Path]:
    """Harvest some rows, and export them in every format."""
    files = {suffix: folder / f"a.{suffix}" for suffix in ("csv", "jsonl", "parquet")}

    async def main() -> None:
        async with Harvest.open(folder / "a.db") as harvest:
            await harvest.run(Wire(success(*rows)).client(), Job.product_creators(["100"]))
            for file in files.values():
                done = await harvest.export(file, **options)
                assert done == Exported(file, len(rows), 0)

    shop.run(main)
    return files


@pytest.fixture(autouse=True)
def _large_cells() -> Iterator[None]:
    """Let the reader of CSV take what a hostile row may hold."""
    before = csv.field_size_limit(2**24)
    yield
    csv.field_size_limit(before)


def read_csv(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as text:
        return list(csv.DictReader(text, strict=True))


def texts_of(files: dict[str, Path], name: str = TEXT) -> list[list[Any]]:
    lines = files["jsonl"].read_bytes().split(b"\n")[:-1]
    return [
        [row[name] for row in read_csv(files["csv"])],
        [json.loads(line)[name] for line in lines],
        pq.read_table(files["parquet"])[name].to_pylist(),
    ]


def test_each_format_gives_every_text_back_unchanged(tmp_path: Path) -> None:
    hard = [
        *EVIL.values(),
        *FORMULAS,
        *PLAIN,
        "x" * 10**6,
        "\r",
        '"',
        '""',
        ',";\r\n',
        "\ufeff",
        "😀",
    ]
    for number, value in enumerate(hard):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert texts_of(exported(folder, [sent(**{TEXT: value})])) == [[value]] * 3


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=9))
@settings(steady, max_examples=30)
def test_each_format_gives_any_text_back(values: list[str]) -> None:
    with TemporaryDirectory() as folder:
        files = exported(Path(folder), [sent(**{TEXT: value}) for value in values])
        assert texts_of(files) == [values] * 3


@pytest.mark.parametrize("evil", EVIL.values(), ids=EVIL)
def test_an_unknown_field_is_the_same_in_each_format(evil: str, tmp_path: Path) -> None:
    new = {evil: [evil, {evil: evil}], "rank": evil, "extra": evil}
    files = exported(tmp_path, [sent(**new)])
    (line,) = files["jsonl"].read_bytes().split(b"\n")[:-1]
    cells, typed = read_csv(files["csv"])[0], pq.read_table(files["parquet"]).to_pylist()[0]
    assert json.loads(cells["extra"]) == json.loads(typed["extra"]) == new
    assert {name: json.loads(line)[name] for name in new} == new


def test_no_row_forges_the_key_of_its_list(tmp_path: Path) -> None:
    files = exported(tmp_path, [sent(list_product_id="999")])
    assert texts_of(files, "list_product_id") == [["100"]] * 3
    assert json.loads(read_csv(files["csv"])[0]["extra"]) == {"list_product_id": "999"}


@pytest.mark.parametrize(
    ("values", "mark"), [(FORMULAS[:9], "'"), (FORMULAS[9:], "'"), (PLAIN, "")]
)
def test_escaping_marks_every_text_that_a_spreadsheet_would_run(
    values: list[str], mark: str, tmp_path: Path
) -> None:
    files = exported(tmp_path, [sent(**{TEXT: v}) for v in values], escape_formulas=True)
    cells, *others = texts_of(files)
    assert cells == [mark + value for value in values]
    assert others == [values] * 2  # no spreadsheet opens these


@pytest.mark.parametrize(("options", "mark"), [([], ""), (["--escape-formulas"], "'")])
def test_the_command_line_escapes_where_that_is_wanted(
    options: list[str], mark: str, tmp_path: Path
) -> None:
    files = exported(tmp_path, [sent(**{TEXT: value}) for value in FORMULAS[:9]])
    assert run(["export", str(tmp_path / "a.db"), str(files["csv"]), *options]) == 0
    assert texts_of(files)[0] == [mark + value for value in FORMULAS[:9]]


def test_escaping_leaves_numbers_as_numbers(tmp_path: Path) -> None:
    row = sent(total_digg_cnt=-5, per_product_ifl_gmv_amt=-7.5, total_views_cnt="-8")
    (cells,) = read_csv(exported(tmp_path, [row], escape_formulas=True)["csv"])
    names = ("total_digg_cnt", "per_product_ifl_gmv_amt", "total_views_cnt")
    assert [cells[name] for name in names] == ["-5", "-7.5", "-8"]


@pytest.mark.parametrize("subject", [CREATORS, RANKING, VIDEOS_OF_HANDLES], ids=lambda s: s.name)
@pytest.mark.parametrize("formula", FORMULAS)
def test_escaping_leaves_no_cell_that_a_spreadsheet_would_run(
    subject: Any, formula: str, tmp_path: Path
) -> None:
    endpoint = next(one for one in ENDPOINTS if one.record is subject.record)
    row: dict[str, Any] = {
        name: formula
        if about["type"] == "string" and not str(endpoint.example[name])[:1].isdigit()
        else endpoint.example[name]
        for name, about in endpoint.fields.items()
        if name not in {"created_by_ai", "product_category_list"}
    }
    record: object = reader_of(subject.record)(row | {formula: formula, "rank": formula}, 1)
    with (tmp_path / "a.csv").open("wb") as stream:
        sheet = Csv(stream, table_of(subject), escape_formulas=True)
        sheet.add([tuple(formula for _ in subject.key)], [record])
        sheet.end()
    (cells,) = read_csv(tmp_path / "a.csv")
    assert not [name for name, cell in cells.items() if cell.startswith(tuple("=+-@\t\r\n"))]
    assert sum(cell == f"'{formula}" for cell in cells.values()) >= 3


def test_json_lines_are_lines_whatever_a_text_holds(tmp_path: Path) -> None:
    record = reader_of(ProductCreator)(ENDPOINTS[0].example | {TEXT: "a\nb\rc", "x\n": "\n"}, 1)
    with (tmp_path / "a.jsonl").open("wb") as stream:
        JsonLines(stream, table_of(CREATORS)).add([("1",)] * 2, [record] * 2)
    assert (tmp_path / "a.jsonl").read_bytes().count(b"\n") == 2
    assert b"\r" not in (tmp_path / "a.jsonl").read_bytes()


@pytest.mark.parametrize("levels", [200, 252, 253, 1000])
def test_a_row_nested_deep_ends_no_harvest_and_no_export(levels: int, tmp_path: Path) -> None:
    deep = row_text(literals(ENDPOINTS[0].example) | {"new": b"[" * levels + b"]" * levels})
    rows = [sent(), deep, b"5", sent()]

    async def main() -> None:
        async with Harvest.open(tmp_path / "a.db") as harvest:
            report = await harvest.run(Wire(success(*rows)).client(), Job.product_creators(["1"]))
            assert (report.done, report.rows, report.failed) == (1, 4, 0)
            assert report.rejects == (1 if levels <= 252 else 2)
            assert len([row async for row in harvest.records(ProductCreator)]) == 4 - report.rejects
            for suffix in ("csv", "jsonl", "parquet"):
                done = await harvest.export(tmp_path / f"a.{suffix}")
                assert (done.rows, done.rejected) == (4 - report.rejects, report.rejects)

    shop.run(main)
