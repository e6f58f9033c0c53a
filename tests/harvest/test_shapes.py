"""Whatever rows come: the view equals the CSV, each format says the same, and nothing is lost."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keyapi_async import DecodeError, ProductCreator, unstructure
from keyapi_async.harvest import Harvest
from keyapi_async.records.codec import KIND, kinds_of
from keyapi_async.records.converter import reader_of
from tests.harvest import shop
from tests.harvest.out import Out, taken_out
from tests.rows import (
    DOCUMENTED,
    RECORDS,
    Row,
    arbitrary_rows,
    canonical_rows,
    json_values,
    steady,
    written,
)


@attrs.frozen
class Seen:
    """All that a ledger gives back."""

    records: list[Any]
    sent: list[Row]
    rejected: int
    out: Out


def seen(folder: Path, cls: type, pages: Sequence[Sequence[Any]]) -> Seen:
    """Harvest pages of rows, and read them back in every way."""

    async def main() -> Seen:
        async with Harvest.open(folder / "a.db") as harvest:
            await shop.Answers(pages).harvested(harvest, cls)
            records: Any = harvest.records(cls)
            found = [record async for record in records]
            sent = [row async for row in harvest.records(dict)]
            return Seen(found, sent, records.rejected, await taken_out(harvest, folder))

    return shop.run(main)


def exact(value: Any) -> str:
    """Write JSON so that 1, 1.0 and true are told apart where the API tells them apart."""
    return json.dumps(value, sort_keys=True)


def check_shape(cls: type, rows: list[Row]) -> None:
    rows = orjson.loads(json.dumps(rows))  # as the client reads it
    read: Any = reader_of(cls)
    valid = []
    for position, row in enumerate(rows, 1):
        try:
            valid.append(read(row, position))
        except DecodeError:
            continue
    with TemporaryDirectory() as folder:
        found = seen(Path(folder), cls, [rows])
    assert found.records == valid
    assert found.rejected == len(rows) - len(valid)
    assert found.sent == rows
    for record, line, typed in zip(valid, found.out.lines, found.out.typed, strict=True):
        ours = {"list_n": line["list_n"], "fetched_at": line["fetched_at"]}
        expected = {"rank": getattr(record, "rank", None), **unstructure(record), **ours}
        if expected["rank"] is None and "rank" not in record.extra:
            del expected["rank"]
        assert exact(read_again(cls, line)) == exact(read_again(cls, expected))
        check_types(record, typed)


def read_again(cls: type, row: Row) -> Row:
    """Write JSON inside of strings in the one way in which we do."""
    kinds = kinds_of(cls)
    again = {
        name: kinds[name].write(kinds[name].read(value))  # type: ignore[misc]  # these have one
        for name, value in row.items()
        if name in kinds and kinds[name].name == "json" and value is not None
    }
    return row | again


def check_types(record: Any, typed: Row) -> None:
    extra = json.loads(typed["extra"]) if typed["extra"] else {}
    for field in attrs.fields(type(record)):
        value = getattr(record, field.name)
        if field.name == "extra":
            continue
        kind = field.metadata[KIND].name
        if kind == "json" and not isinstance(value, str | None):
            assert json.loads(typed[field.name]) == value
        elif kind == "categories" and value and any(one.rank >= 2**63 for one in value):
            assert (typed[field.name], len(extra[field.name])) == (None, len(value))
        elif kind == "categories" and value is not None:
            assert typed[field.name] == list(map(attrs.asdict, value))
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            assert (typed[field.name], extra[field.name]) == (None, value)
        else:
            assert typed[field.name] == value, field.name


@pytest.mark.parametrize("cls", RECORDS, ids=lambda cls: cls.__name__)
@given(data=st.data())
@settings(steady, max_examples=3, suppress_health_check=list(HealthCheck))
def test_rows_of_every_record_come_back_as_they_are(cls: type, data: st.DataObject) -> None:
    documented = data.draw(canonical_rows(cls))
    wild = data.draw(written(cls, documented))
    check_shape(cls, [documented, wild, data.draw(arbitrary_rows(cls)), DOCUMENTED[cls]])


ANY_NAMES = st.sampled_from(
    [
        "a", "A", "ß", "id", "_id", "rowid", "extra", "fetched_at", "List_N", "",
        'q"o', "x y", "a\x00b",
    ]
)  # fmt: skip


ANY_ROWS = st.lists(st.dictionaries(ANY_NAMES, json_values, max_size=6), max_size=3)


@given(pages=st.lists(ANY_ROWS, min_size=1, max_size=3))
@settings(steady, max_examples=25)
def test_rows_without_a_record_come_back_as_they_are(pages: list[list[Row]]) -> None:
    pages = orjson.loads(orjson.dumps(pages))
    rows = [row for page in pages for row in page]
    with TemporaryDirectory() as folder:
        found = seen(Path(folder), dict, pages)
    assert [exact(row) for row in found.records] == [exact(row) for row in rows]
    for row, line, typed in zip(rows, found.out.lines, found.out.typed, strict=True):
        names = {"list_n", "fetched_at"}
        kept = {name: value for name, value in row.items() if name not in names}
        told = {name: value for name, value in line.items() if name not in names}
        assert set(told) <= set(kept)
        for name, value in kept.items():
            assert value is None or exact(told[name]) == exact(value)
            if isinstance(value, str) and name in typed and name not in {"extra", *names}:
                assert typed[name] == value
        for name, value in typed.items():
            if isinstance(value, (float, bool)) or (
                isinstance(value, int) and name != "fetched_at"
            ):
                assert value == row[name]
            assert name != "fetched_at" or isinstance(value, datetime)


ODD: list[Any] = [
    *(
        "",
        "-",
        "007",
        "+" + "0" * 1200 + "7",
        "9" * 30,
        "-" + "9" * 400,
        "1.50",
        "true",
        "1-2:3",
        f"1:{2**70}",
    ),
    *(-1, 2, 2**53 + 1, 2**63, -(2**63), 2**64 - 1, 253402300800, 1e300, 0.5),
    *(True, None, [], {"a": [None]}, "[1]", "{", "2024-02-30", 20240229, "2024-02-29"),
]


@pytest.mark.parametrize("cls", RECORDS, ids=lambda cls: cls.__name__)
def test_every_field_may_be_odd(cls: type) -> None:
    identities = {name: "1" for name, kind in kinds_of(cls).items() if kind.required}
    check_shape(cls, [dict.fromkeys(kinds_of(cls), odd) | identities for odd in ODD])
    check_shape(cls, [dict.fromkeys([*identities, "new"], odd) for odd in ODD])
    some = (7, 2**53 + 1, "007", "")
    check_shape(cls, [DOCUMENTED[cls] | {name: odd} for name in kinds_of(cls) for odd in some])


def test_columns_of_rows_without_a_record_stay_in_bounds(tmp_path: Path) -> None:
    row = {f"field {n}": n for n in range(500)} | {"n" * 300: "long", "field 4": None}
    other = {"field 1": 2**64 - 1, "field 2": 1.5, "field 3": "x", "field 4": "text"}
    more: list[Row] = [{f"more {n}": n} for n in range(1100)] + [{"field 2": 2**60}]
    found = seen(tmp_path, dict, [[row], [other], more[:1050], more[1050:]])
    assert found.records[0] == row
    assert found.records[1]["field 1"] == 2**64 - 1
    assert len(found.out.cells[0]) == 403
    assert json.loads(found.out.cells[0]["extra"])["n" * 300] == "long"
    assert json.loads(found.out.typed[1]["extra"]) == {"field 1": 2**64 - 1}
    assert (found.out.typed[0]["field 2"], found.out.typed[0]["field 3"]) == (2.0, "3")
    assert (found.out.typed[0]["field 4"], found.out.typed[1]["field 4"]) == (None, "text")
    assert json.loads(found.out.typed[-1]["extra"]) == {"field 2": 2**60}
    assert found.records[2:] == more


def test_pages_that_are_written_together_may_each_bring_a_column(tmp_path: Path) -> None:
    pages: list[list[Row]] = [[{f"new {n}": n}] for n in range(9)]
    assert seen(tmp_path, dict, pages).sent == [row for (row,) in pages]


def test_rows_of_a_record_may_have_any_number_of_layouts(tmp_path: Path) -> None:
    rows = [shop.creator("1", n) | {f"more {n}": n} for n in range(1100)]
    assert seen(tmp_path, ProductCreator, [rows]).sent == rows


def test_a_class_of_the_users_own_says_which_rows_are_valid(tmp_path: Path) -> None:
    @attrs.frozen
    class Point:
        x: int

    found = seen(tmp_path, Point, [[{"x": 1, "y": "more"}, {"x": "no"}, 5]])
    assert found.records == [Point(1)]
    assert found.rejected == 2
    assert found.sent == [{"x": 1, "y": "more"}, {"x": "no"}]
    assert [row["y"] for row in found.out.view] == ["more"]
