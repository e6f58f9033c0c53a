"""The ledger as a file: the same content in each format, whole or not there."""

# ruff: noqa: ASYNC240  # nobody waits for these files

import asyncio
import csv
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]  # it has no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from keyapi_async import ConfigurationError, InvalidParameterError, RankedInfluencer, Video
from keyapi_async.harvest import Exported, ExportError, Harvest, LedgerError, check_export
from keyapi_async.harvest import parquet as parquet_file
from tests.harvest import shop
from tests.harvest.disk import small_disk_at
from tests.rows import DOCUMENTED

SUFFIXES = ("parquet", "csv", "jsonl")


async def exported(folder: Path, harvest: Harvest, **options: Any) -> dict[str, Path]:
    """Export in every format."""
    status = await harvest.status()
    for suffix in SUFFIXES:
        file = folder / f"a.{suffix}"
        done = await harvest.export(str(file), **options)
        assert done == Exported(file, status.rows - status.rejects, status.rejects)
    return {suffix: folder / f"a.{suffix}" for suffix in SUFFIXES}


def harvested(folder: Path, server: shop.Shop, **options: Any) -> dict[str, Path]:
    async def main() -> dict[str, Path]:
        async with Harvest.open(folder / "a.db") as harvest:
            await harvest.run(server.ids, shop.creators(server.client()))
            return await exported(folder, harvest, **options)

    return shop.run(main)


def read_csv(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as text:
        return list(csv.DictReader(text))


def read_jsonl(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def test_parquet_has_types(tmp_path: Path) -> None:
    rows = [[DOCUMENTED[RankedInfluencer]], [DOCUMENTED[Video] | {"create_time": "1736000000"}]]
    server = shop.Answers(rows)

    async def main() -> list[pa.Schema]:
        api, schemas = server.client(), []
        for n, cls in enumerate((RankedInfluencer, Video)):
            async with Harvest.open(tmp_path / f"{n}.db") as harvest:
                await harvest.run(
                    [n],
                    lambda n, cls=cls: api.iter_records("/x", {"n": n}, cls, pages=None),  # type: ignore[misc]  # bound at once
                )
                schemas.append(pq.read_schema((await exported(tmp_path, harvest))["parquet"]))
        return schemas

    ranked, videos = shop.run(main)
    assert ranked.names[:2] == ["list_n", "fetched_at"]
    assert ranked.field("total_sale_cnt").type == pa.int64()
    assert ranked.field("total_sale_gmv_amt").type == pa.float64()
    assert ranked.field("user_id").type == pa.string()
    assert ranked.field("rank").type == pa.int64()
    assert pa.types.is_struct(ranked.field("product_category_list").type.value_type)
    assert videos.field("create_time").type == pa.timestamp("us", tz="UTC")
    (row,) = pq.read_table(tmp_path / "a.parquet").to_pylist()
    assert row["create_time"] == datetime.fromtimestamp(1736000000, UTC)


def test_a_ledger_without_rows_is_a_file_without_rows(tmp_path: Path) -> None:
    files = harvested(tmp_path, shop.Shop(shop.products(0)))
    assert files["jsonl"].read_bytes() == b""
    start = b"\xef\xbb\xbflist_product_id,fetched_at,product_id,"
    assert files["csv"].read_bytes().startswith(start)
    assert read_csv(files["csv"]) == []
    assert {file.name for file in tmp_path.iterdir()} == {"a.db", *(f.name for f in files.values())}
    assert pq.read_table(files["parquet"]).num_rows == 0


def test_row_groups_are_written_as_they_fill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_file, "_GROUP", 500)
    files = harvested(tmp_path, shop.Shop(shop.products(*[1, *[600] * 10])))
    assert 1 < pq.ParquetFile(files["parquet"]).num_row_groups < 5
    assert len(read_csv(files["csv"])) == len(read_jsonl(files["jsonl"])) == 6001


@shop.virtually
async def test_what_cannot_be_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = shop.Shop(shop.products(14, 0))
    async with Harvest.open(tmp_path / "a.db") as harvest:
        with pytest.raises(LedgerError, match="holds nothing yet"):
            await harvest.export(tmp_path / "a.csv")
        await harvest.run(server.ids, shop.creators(server.client()))
        for name in ("a.xlsx", "a", ".csv"):
            with pytest.raises(InvalidParameterError, match=r"\.parquet, \.csv or \.jsonl"):
                await harvest.export(tmp_path / name)
        with pytest.raises(ExportError, match=r"none/a.csv: No such file or directory"):
            await harvest.export(tmp_path / "none" / "a.csv")
        for suffix in SUFFIXES:
            (tmp_path / f"b.{suffix}").mkdir()
            with pytest.raises(ExportError, match="Is a directory"):
                await harvest.export(tmp_path / f"b.{suffix}")
        check_export(tmp_path / "a.csv")
        with pytest.raises(ExportError, match="its folder does not exist"):
            check_export(tmp_path / "none" / "a.csv")
        monkeypatch.setitem(sys.modules, "keyapi_async.harvest.parquet", None)
        with pytest.raises(ConfigurationError, match=r"pip install 'keyapi-async\[parquet\]'"):
            check_export(tmp_path / "a.parquet")
    assert not list(tmp_path.glob(".*")) + list(tmp_path.glob("*.part"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 kB, for those who may mount one."""
    place = tmp_path / "small"
    place.mkdir()
    with small_disk_at(place, "16k") as disk:
        yield disk


@pytest.mark.parametrize("suffix", SUFFIXES)
@shop.virtually
async def test_a_full_disk_leaves_the_old_file_and_no_other(
    tmp_path: Path, small_disk: Path, suffix: str
) -> None:
    server = shop.Shop(shop.products(1500))
    file = small_disk / f"a.{suffix}"
    file.write_text("the old one")
    async with Harvest.open(tmp_path / "a.db") as harvest:
        await harvest.run(server.ids, shop.creators(server.client()))
        with pytest.raises(ExportError, match=f"a.{suffix}: .*No space left on device"):
            await harvest.export(file)
    assert [one.name for one in small_disk.iterdir()] == [file.name]
    assert file.read_text() == "the old one"


@pytest.mark.parametrize("suffix", SUFFIXES)
@shop.virtually
async def test_a_cancelled_export_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    server = shop.Shop(shop.products(*[300] * 20))
    left: set[str] = set()
    async with Harvest.open(tmp_path / "a.db") as harvest:
        await harvest.run(server.ids, shop.creators(server.client()))
        for moment in (0.001, 0.002):
            work = asyncio.create_task(harvest.export(tmp_path / f"a.{suffix}"))
            await asyncio.sleep(moment)
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
            left.update(file.name for file in tmp_path.iterdir())
    assert left <= {"a.db", "a.db-wal", "a.db-shm"}


async def test_reading_and_exporting_go_on_in_threads(tmp_path: Path) -> None:
    server = shop.Shop(shop.products(35, 35), latency=0)
    async with Harvest.open(tmp_path / "a.db") as harvest:
        report = await harvest.run(server.ids, shop.creators(server.client()))
        done, rows = await asyncio.gather(harvest.export(tmp_path / "a.csv"), shop.rows_in(harvest))
        assert done.rows == len(rows) == report.rows
