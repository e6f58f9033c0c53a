"""What a ledger gives back: its view, CSV, JSON Lines and Parquet."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it has no types

from keyapi_async.harvest import Exported, Harvest
from tests.csvs import read_csv
from tests.rows import Row


@attrs.frozen
class Out:
    """The same rows as each way out has them."""

    view: list[Row]
    cells: list[dict[str, str]]
    lines: list[Row]
    typed: list[Row]


async def taken_out(harvest: Harvest, folder: Path, view: str = "records", **options: Any) -> Out:
    """Export the ledger ``a.db`` of a folder beside it; see that its view equals the CSV."""
    with closing(sqlite3.connect(folder / "a.db")) as db:
        db.row_factory = sqlite3.Row
        rows = [dict(row) for row in db.execute(f"SELECT * FROM {view}")]  # noqa: S608
    rejects = (await harvest.status()).rejects
    for file in (folder / f"a.{suffix}" for suffix in ("csv", "jsonl", "parquet")):
        assert await harvest.export(str(file), **options) == Exported(file, len(rows), rejects)
    columns, cells = read_csv(folder / "a.csv")
    assert columns == pq.read_schema(folder / "a.parquet").names
    assert cells == [
        {name: "" if value is None else str(value) for name, value in row.items()} for row in rows
    ]
    *lines, end = (folder / "a.jsonl").read_bytes().split(b"\n")
    assert b"\r" not in b"".join(lines)
    assert end == b""
    typed = pq.read_table(folder / "a.parquet").to_pylist()
    return Out(rows, cells, list(map(json.loads, lines)), typed)
