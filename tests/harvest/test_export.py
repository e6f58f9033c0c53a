"""The ledger as a file: the same content in each format, whole or not there."""

import asyncio
import csv
import json
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]  # it has no types
import pyarrow.csv as pa_csv  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from keyapi_async import (
    ConfigurationError,
    InvalidParameterError,
    ProductCreator,
    RankedInfluencer,
    RankType,
    Video,
    converter,
    unstructure,
)
from keyapi_async.call.wire import Answer
from keyapi_async.harvest import Exported, ExportError, Harvest, Job, LedgerError
from keyapi_async.harvest import parquet as parquet_file
from keyapi_async.sandbox.desk import Desk
from tests import virtual
from tests.harvest import shop
from tests.harvest.disk import small_disk_at

desk = Desk(today=date(2026, 1, 20))
RANKING = Job.influencer_ranking(
    dates="2026-01-05", regions=["US", "MY"], rank_type=RankType.WEEK, influencer_rank_field=1
)


def exported(tmp_path: Path, job: Job, server: Any = None, **options: Any) -> dict[str, Path]:
    """Harvest a job and export it in every format."""
    files = {suffix: tmp_path / f"a.{suffix}" for suffix in ("parquet", "csv", "jsonl")}

    async def main() -> None:
        transport = virtual.DeskTransport(desk) if server is None else server
        async with Harvest.open(tmp_path / "a.db") as harvest:
            await harvest.run(virtual.client(transport, qps=1e5), job)
            status = await harvest.status()
            for file in files.values():
                done = await harvest.export(str(file), **options)
                assert done == Exported(file, status.rows - status.rejects, status.rejects)

    shop.run(main)
    assert {file.name for file in tmp_path.iterdir()} == {"a.db", "a.parquet", "a.csv", "a.jsonl"}
    return files


def read_csv(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as text:
        return list(csv.DictReader(text))


def read_jsonl(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def written(value: Any, name: str) -> str:
    """Write a value of a Parquet file as the CSV has it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    if name == "product_category_list":
        return ",".join(
            "-".join(
                filter(None, (one["category_id"], one["category_l2_id"], one["category_l3_id"]))
            )
            + f":{one['rank']}"
            for one in value
        )
    return str(value)


@pytest.mark.parametrize(
    ("job", "record", "keys"),
    [
        (RANKING, RankedInfluencer, ["list_date", "list_region"]),
        (
            Job.influencer_videos(unique_ids=desk.world.unique_ids(8)),
            Video,
            ["list_unique_id"],
        ),
    ],
)
def test_every_format_has_the_same_content(
    tmp_path: Path, job: Job, record: type[object], keys: list[str]
) -> None:
    files = exported(tmp_path, job)
    table = pq.read_table(files["parquet"])
    names = [name for name in record.__slots__ if not name.startswith("__")]  # type: ignore[attr-defined]
    assert table.column_names == [*keys, *names]
    typed, cells, lines = table.to_pylist(), read_csv(files["csv"]), read_jsonl(files["jsonl"])
    assert len(typed) == len(cells) == len(lines) > 100
    assert list(cells[0]) == table.column_names
    for row, cell, line in zip(typed, cells, lines, strict=True):
        assert {name: written(value, name) for name, value in row.items()} == cell
        key = {name: line.pop(name) for name in keys}
        assert key == {name: row[name] for name in keys}
        rank = line.pop("rank", None)
        assert rank == row.get("rank")
        again = converter.structure(line, record)
        assert unstructure(again) == line
        for name in names:
            if name not in {"extra", "rank", "product_category_list"}:
                assert getattr(again, name) == row[name]


def test_parquet_has_types(tmp_path: Path) -> None:
    files = exported(tmp_path, RANKING)
    schema = pq.read_schema(files["parquet"])
    assert schema.field("total_sale_cnt").type == pa.int64()
    assert schema.field("total_sale_gmv_amt").type == pa.float64()
    assert schema.field("user_id").type == pa.string()
    categories = schema.field("product_category_list").type
    assert pa.types.is_list(categories)
    assert pa.types.is_struct(categories.value_type)


def test_times_are_utc(tmp_path: Path) -> None:
    files = exported(tmp_path, Job.influencer_videos(user_ids=desk.world.user_ids(3)))
    column = pq.read_table(files["parquet"])["create_time"]
    assert column.type == pa.timestamp("us", tz="UTC")
    seconds = int(read_jsonl(files["jsonl"])[0]["create_time"])
    assert column[0].as_py() == datetime.fromtimestamp(seconds, UTC)
    read = pa_csv.read_csv(files["csv"])["create_time"]
    assert read.type == pa.timestamp("s", tz="UTC")
    assert read[0].as_py() == column[0].as_py()


@pytest.fixture
def odd(tmp_path: Path) -> shop.Shop:
    """A list with texts, numbers and rows that are hard on a format."""
    server = shop.Shop(shop.products(14, 0))
    server.strange = {
        ("100", 0): shop.creator("100", 0) | {"nick_name": "=1+1", "region": "", "is_ad": 0},
        ("100", 1): shop.creator("100", 1) | {"nick_name": "-a", "more": {"ü": ["\n", None]}},
        ("100", 2): shop.creator("100", 2) | {"total_digg_cnt": "9" * 30, "is_ad": 1},
        ("100", 3): {"user_id": "1"},
        ("100", 4): 5,
        ("100", 5): shop.creator("100", 5) | {"nick_name": ' "two"\r\nlines, \x00 🎉'},
        ("100", 6): {"product_id": 100, "user_id": 6},
    }
    return server


def test_what_is_hard_on_a_format_comes_back_from_each(tmp_path: Path, odd: shop.Shop) -> None:
    files = exported(tmp_path, Job.product_creators(odd.ids), odd)
    cells, lines = read_csv(files["csv"]), read_jsonl(files["jsonl"])
    rows = pq.read_table(files["parquet"]).to_pylist()
    names = ["=1+1", "-a", 'Zoë, "2" 🎉\n', ' "two"\r\nlines, \x00 🎉', None]
    assert [row["nick_name"] for row in rows][:5] == names
    assert [row.get("nick_name") for row in lines][:5] == names
    assert [row["nick_name"] or None for row in cells][:5] == names
    assert rows[0]["extra"] == cells[0]["extra"] == '{"is_ad":0}'
    assert (
        json.loads(rows[1]["extra"])
        == json.loads(cells[1]["extra"])
        == {"more": {"ü": ["\n", None]}}
    )
    assert lines[1]["more"] == {"ü": ["\n", None]}
    many = int("9" * 30)
    assert (rows[2]["total_digg_cnt"], json.loads(rows[2]["extra"])) == (
        None,
        {"is_ad": 1, "total_digg_cnt": many},
    )
    assert cells[2]["total_digg_cnt"] == str(many)
    assert lines[2]["total_digg_cnt"] == many
    assert files["csv"].read_bytes().startswith(b"\xef\xbb\xbflist_product_id,product_id,")


def test_formulas_are_escaped_where_that_is_wanted(tmp_path: Path, odd: shop.Shop) -> None:
    files = exported(tmp_path, Job.product_creators(odd.ids), odd, escape_formulas=True)
    cells = read_csv(files["csv"])
    assert [row["nick_name"] for row in cells][:3] == ["'=1+1", "'-a", 'Zoë, "2" 🎉\n']
    assert cells[0]["user_id"] == "7000000"
    assert pq.read_table(files["parquet"])["nick_name"][0].as_py() == "=1+1"


def test_a_rank_that_64_bits_cannot_hold(tmp_path: Path) -> None:
    class Ranks:
        async def send(self, request: Any, within: float) -> Any:
            row = {"user_id": "1", "product_category_list": f"1-2:{2**70}"}
            return Answer(200, {}, json.dumps({"code": 0, "data": [row]}).encode())

    files = exported(tmp_path, RANKING, Ranks())
    row = pq.read_table(files["parquet"]).to_pylist()[0]
    assert row["product_category_list"] is None
    (category,) = json.loads(row["extra"])["product_category_list"]
    assert category["rank"] == 2**70


def test_a_ledger_without_rows_is_a_file_without_rows(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(0))
    files = exported(tmp_path, Job.product_creators(server.ids), server)
    assert files["jsonl"].read_bytes() == b""
    assert read_csv(files["csv"]) == []
    assert pq.read_table(files["parquet"]).num_rows == 0


def test_row_groups_are_written_as_they_fill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_file, "_GROUP", 500)
    server = shop.Shop(shop.products(*[300] * 12))
    files = exported(tmp_path, Job.product_creators(server.ids), server)
    assert pq.ParquetFile(files["parquet"]).num_row_groups == 4
    assert len(read_csv(files["csv"])) == 3600


def test_what_cannot_be_exported(
    tmp_path: Path, odd: shop.Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with Harvest.open(tmp_path / "a.db") as harvest:
            with pytest.raises(LedgerError, match="holds no job yet"):
                await harvest.export(tmp_path / "a.csv")
            await harvest.run(odd.client(), Job.product_creators(odd.ids))
            for name in ("a.xlsx", "a", ".csv"):
                with pytest.raises(InvalidParameterError, match=r"\.parquet, \.csv or \.jsonl"):
                    await harvest.export(tmp_path / name)
            with pytest.raises(ExportError, match=r"none/a.csv: No such file or directory"):
                await harvest.export(tmp_path / "none" / "a.csv")
            (tmp_path / "b.csv").mkdir()
            for suffix in ("csv", "jsonl", "parquet"):
                (tmp_path / f"b.{suffix}").mkdir(exist_ok=True)
                with pytest.raises(ExportError, match="Is a directory"):
                    await harvest.export(tmp_path / f"b.{suffix}")
            monkeypatch.setitem(sys.modules, "keyapi_async.harvest.parquet", None)
            with pytest.raises(ConfigurationError, match=r"pip install 'keyapi-async\[parquet\]'"):
                await harvest.export(tmp_path / "a.parquet")

    shop.run(main)
    assert not list(tmp_path.glob(".*")) + list(tmp_path.glob("*.part"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 kB, for those who may mount one."""
    place = tmp_path / "small"
    place.mkdir()
    with small_disk_at(place, "16k") as disk:
        yield disk


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_full_disk_leaves_the_old_file_and_no_other(
    tmp_path: Path, small_disk: Path, suffix: str
) -> None:
    job = Job.product_creators(desk.world.product_ids(30))
    file = small_disk / f"a.{suffix}"
    file.write_text("the old one")

    async def main() -> None:
        async with Harvest.open(tmp_path / "a.db") as harvest:
            await harvest.run(virtual.client(virtual.DeskTransport(desk), qps=1e5), job)
            with pytest.raises(ExportError, match=f"a.{suffix}: .*No space left on device"):
                await harvest.export(file)

    shop.run(main)
    assert [one.name for one in small_disk.iterdir()] == [file.name]
    assert file.read_text() == "the old one"


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_cancelled_export_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    server = shop.Shop(shop.products(*[300] * 20))

    async def main() -> None:
        async with Harvest.open(tmp_path / "a.db") as harvest:
            await harvest.run(server.client(), Job.product_creators(server.ids))
            for moment in (0.001, 0.003, 0.005, 0.007):
                work = asyncio.create_task(harvest.export(tmp_path / f"a.{suffix}"))
                await asyncio.sleep(moment)
                work.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await work
                left.update(names_in(tmp_path))

    left: set[str] = set()
    shop.run(main)
    assert left <= {"a.db", "a.db-wal"}


def names_in(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


async def test_reading_and_exporting_go_on_in_threads(tmp_path: Path) -> None:
    transport = virtual.DeskTransport(desk, latency=(0, 0))
    async with Harvest.open(tmp_path / "a.db") as harvest:
        job = Job.product_creators(desk.world.product_ids(5))
        report = await harvest.run(virtual.client(transport, qps=1e5), job)
        done, records = await asyncio.gather(
            harvest.export(tmp_path / "a.csv"),
            asyncio.create_task(_count(harvest)),
        )
        assert done.rows == records == report.rows


async def _count(harvest: Harvest) -> int:
    return sum([1 async for _ in harvest.records(ProductCreator)])
