"""The ledger as a file: the same content in each format, whole or not there."""

# ruff: noqa: ASYNC240  # nobody waits for these files

import asyncio
import sys
from pathlib import Path

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it has no types
import pytest

from keyapi_async import ConfigurationError, InvalidParameterError, RankedInfluencer, Video
from keyapi_async.harvest import ExportError, Harvest, LedgerError, check_export
from keyapi_async.harvest import parquet as parquet_file
from tests.harvest import shop
from tests.harvest.disk import small_disk_at
from tests.harvest.out import Out, taken_out
from tests.rows import DOCUMENTED

LOOP = shop.InlineLoop
SUFFIXES = ("parquet", "csv", "jsonl")
every_suffix = pytest.mark.parametrize("suffix", SUFFIXES)


async def test_parquet_has_types(tmp_path: Path) -> None:
    types: dict[str, str] = {}
    for cls in (Video, RankedInfluencer):
        async with Harvest.open(tmp_path / f"{cls.__name__}.db") as harvest:
            await shop.Answers([[DOCUMENTED[cls]]]).harvested(harvest, cls)
            await harvest.export(tmp_path / "a.parquet")
        schema = pq.read_schema(tmp_path / "a.parquet")
        assert schema.names[:2] == ["list_n", "fetched_at"]
        types |= zip(schema.names, map(str, schema.types), strict=True)
    moment = "timestamp[us, tz=UTC]"
    wanted = {"user_id": "string", "rank": "int64", "total_sale_cnt": "int64",
        "total_sale_gmv_amt": "double", "create_time": moment, "fetched_at": moment}  # fmt: skip
    assert {name: types[name] for name in wanted} == wanted
    assert types["product_category_list"].startswith("list<element: struct<")


async def test_a_ledger_without_rows_is_a_file_without_rows(tmp_path: Path) -> None:
    async with shop.filled(tmp_path / "a.db", 0) as harvest:
        assert await taken_out(harvest, tmp_path) == Out([], [], [], [])
    start = b"\xef\xbb\xbflist_product_id,fetched_at,product_id,"
    assert (tmp_path / "a.csv").read_bytes().startswith(start)
    assert {file.name for file in tmp_path.iterdir()} == {"a.db", "a.csv", "a.jsonl", "a.parquet"}


async def test_row_groups_are_written_as_they_fill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_file, "_GROUP", 500)
    async with shop.filled(tmp_path / "a.db", 1, *[600] * 10) as harvest:
        out = await taken_out(harvest, tmp_path)
    assert 1 < pq.ParquetFile(tmp_path / "a.parquet").num_row_groups < 5
    assert len(out.cells) == len(out.lines) == len(out.typed) == 6001


async def test_what_cannot_be_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Harvest.open(tmp_path / "new.db") as harvest:
        with pytest.raises(LedgerError, match="holds nothing yet"):
            await harvest.export(tmp_path / "a.csv")
    async with shop.filled(tmp_path / "a.db", 14, 0) as harvest:
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


@every_suffix
async def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path: Path, suffix: str) -> None:
    with small_disk_at(tmp_path / "small", "16k") as disk:
        file = disk / f"a.{suffix}"
        file.write_text("the old one")
        async with shop.filled(tmp_path / "a.db", 1500) as harvest:
            with pytest.raises(ExportError, match=f"a.{suffix}: .*No space left on device"):
                await harvest.export(file)
        assert [one.name for one in disk.iterdir()] == [file.name]
        assert file.read_text() == "the old one"


@every_suffix
async def test_a_cancelled_export_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    left: set[str] = set()
    async with shop.filled(tmp_path / "a.db", *[300] * 20) as harvest:
        for moment in (0.001, 0.002):
            work = asyncio.create_task(harvest.export(tmp_path / f"a.{suffix}"))
            await asyncio.sleep(moment)
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
            left.update(file.name for file in tmp_path.iterdir())
    assert left <= {"a.db", "a.db-wal", "a.db-shm"}


def test_reading_and_exporting_go_on_in_threads(tmp_path: Path) -> None:
    async def both() -> None:
        async with shop.filled(tmp_path / "a.db", 35, 35) as harvest:
            file, rows = harvest.export(tmp_path / "a.csv"), shop.rows_in(harvest)
            done, read = await asyncio.gather(file, rows)
            assert done.rows == len(read) == 70

    asyncio.run(both())
