"""The ledger's rows as Parquet; imported only where it is asked for, as pyarrow is an extra."""

from collections.abc import Sequence
from datetime import datetime
from itertools import compress, count
from typing import BinaryIO

import attrs
import pyarrow as pa  # type: ignore[import-untyped]  # it has no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from keyapi_async.harvest.table import Column, Key, Table, json_text
from keyapi_async.records.fields import CategoryRank, SalesFlag

_GROUP = 50_000
"""Rows of a row group."""

_LARGEST = 2**63 - 1

_CATEGORIES = pa.list_(
    pa.struct(
        [
            ("category_id", pa.string()),
            ("category_l2_id", pa.string()),
            ("category_l3_id", pa.string()),
            ("rank", pa.int64()),
        ]
    )
)

_TYPES: dict[object, object] = {
    str: pa.string(),
    str | None: pa.string(),
    int | None: pa.int64(),
    float | None: pa.float64(),
    bool | None: pa.bool_(),
    datetime | None: pa.timestamp("us", tz="UTC"),
    SalesFlag | None: pa.int64(),
    tuple[CategoryRank, ...] | None: _CATEGORIES,
    object: pa.string(),  # JSON
}


def schema_of(table: Table) -> pa.Schema:
    """Give the columns of a file, and their types."""
    return pa.schema(
        [
            *((name, pa.string()) for name in table.keys),
            *((field.name, _TYPES[field.of]) for field in table.fields),
            ("extra", pa.string()),
        ]
    )


class Parquet:
    """Typed columns; a whole number that 64 bits cannot hold is in ``extra`` under its name."""

    def __init__(self, stream: BinaryIO, table: Table) -> None:
        self._fields = table.fields
        self._schema = schema_of(table)
        self._writer = pq.ParquetWriter(stream, self._schema, compression="zstd")
        self._batches: list[object] = []
        self._waiting = 0

    def add(self, keys: Sequence[Key], records: Sequence[object]) -> None:
        """Write some rows, when enough for a row group are there."""
        extras: list[dict[str, object]] = [getattr(record, "extra") for record in records]  # noqa: B009
        columns = [pa.array(values, pa.string()) for values in zip(*keys, strict=True)]
        columns += [self._column(field, records, extras) for field in self._fields]
        texts = [json_text(extra).decode() if extra else None for extra in extras]
        columns.append(pa.array(texts, pa.string()))
        self._batches.append(pa.RecordBatch.from_arrays(columns, schema=self._schema))
        self._waiting += len(records)
        if self._waiting >= _GROUP:
            self._write()

    def _column(
        self, field: Column, records: Sequence[object], extras: list[dict[str, object]]
    ) -> object:
        values = [getattr(record, field.name) for record in records]
        if field.of == tuple[CategoryRank, ...] | None:
            values = [None if value is None else list(map(attrs.asdict, value)) for value in values]
            wide = [any(one["rank"] > _LARGEST for one in value or ()) for value in values]
        elif field.of is object and field.kind is not None and field.kind.write is not None:
            write = field.kind.write
            values = [None if value is None else write(value) for value in values]
            wide = []
        elif field.of == int | None:
            wide = [value is not None and abs(value) > _LARGEST for value in values]
        else:
            wide = []
        for place in compress(count(), wide):
            extras[place] = {**extras[place], field.name: values[place]}
            values[place] = None
        return pa.array(values, _TYPES[field.of])

    def _write(self) -> None:
        self._writer.write_table(pa.Table.from_batches(self._batches, self._schema))
        self._batches, self._waiting = [], 0

    def end(self) -> None:
        """Write the last row group, and the footer."""
        try:
            if self._batches:
                self._write()
            self._writer.close()
        finally:
            self._writer.is_open = False  # or its finalizer would write once more
