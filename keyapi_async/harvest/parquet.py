"""The ledger's rows as Parquet; imported only where it is asked for, as pyarrow is an extra."""

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import accumulate
from typing import Any, BinaryIO, get_args

import attrs
import pyarrow as pa  # type: ignore[import-untyped]  # it has no types
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from keyapi_async.harvest.columns import (
    LARGEST,
    REAL,
    Column,
    any_value,
    is_narrow,
    json_text,
    plain,
)
from keyapi_async.harvest.export import RowWriter
from keyapi_async.harvest.reading import Reading, StoredPage
from keyapi_async.harvest.schema import About
from keyapi_async.records.fields import Categories

_GROUP = 40_000
"""Rows of a row group."""

_SCALE = 1e4
"""Of floats as whole numbers; divided by it, they are the same floats again."""

_INEXACT = "inexact"
"""In place of a float that is not."""

_MOMENT = pa.timestamp("us", tz="UTC")
_read_categories: Callable[[str], Any] = get_args(Categories)[1].read
_TYPES: Mapping[str, object] = {
    "count": pa.int64(),
    "choice": pa.int64(),
    "position": pa.int64(),
    "amount": pa.float64(),
    "rate": pa.float64(),
    "moment": _MOMENT,
    "moment_ms": _MOMENT,
    "date": pa.date32(),
    "flag": pa.bool_(),
    "categories": pa.list_(
        pa.struct(
            [
                ("category_id", pa.string()),
                ("category_l2_id", pa.string()),
                ("category_l3_id", pa.string()),
                ("rank", pa.int64()),
            ]
        )
    ),
}


def schema_of(known: About) -> pa.Schema:
    """Give the columns of a file, and their types; what has no other one is a text."""
    return pa.schema(
        [
            *((name, pa.string()) for name in known.key_columns),
            ("fetched_at", _MOMENT),
            *((column.name, _TYPES.get(column.kind, pa.string())) for column in known.columns),
            ("extra", pa.string()),
        ]
    )


class Parquet(RowWriter):
    """Typed columns; a number that its column cannot hold is in ``extra`` under its name."""

    def __init__(self, stream: BinaryIO, known: About) -> None:
        self._columns = known.columns
        self._keys = len(known.keys)
        self._schema = schema_of(known)
        # Counts and links differ from row to row: a dictionary of them costs more than it saves.
        counts = {field.name for field in self._schema if field.type == pa.int64()}
        links = {column.name for column in known.columns if column.kind == "url"}
        prose = {column.name for column in known.columns if column.kind == "text"}
        paths = _paths(self._schema)
        self._writer = pq.ParquetWriter(
            stream,
            self._schema,
            compression="zstd",
            use_dictionary=[path for path in paths if path not in counts | links],
            write_statistics=[path for path in paths if path not in prose | links],
            column_encoding=dict.fromkeys(counts, "DELTA_BINARY_PACKED"),
        )
        self._parts: list[list[object]] = [[] for _ in self._schema]
        self._waiting = 0

    def add(self, reading: Reading, pages: Sequence[StoredPage]) -> None:
        """Write the rows of some pages, when enough for a row group are there."""
        typed = [column for column in self._columns if column.wire != "any"]
        found = reading.arrays(["record.extra", *map(_in_json, typed)], pages)
        extras = next(found)
        filled = [page for page in pages if page.rows]
        ends = pa.array(accumulate(page.rows for page in filled), pa.int32())
        keys = [pa.array([page.key[n] for page in filled], pa.string()) for n in range(self._keys)]
        fetched = pa.array([page.fetched_at for page in filled], pa.timestamp("s", tz="UTC"))
        arrays = [
            pc.run_end_decode(pa.RunEndEncodedArray.from_arrays(ends, values))
            for values in (*keys, fetched.cast(_MOMENT))
        ]
        for column in self._columns:
            values = None if column.wire == "any" else next(found)
            if values is not None and column.kind in REAL:
                with suppress(pa.ArrowInvalid):  # one of them is inexact
                    whole = pa.array(values, pa.int64()).cast(pa.float64(), safe=False)
                    arrays.append(pc.divide(whole, _SCALE))
                    continue
                values = None
            if values is None:
                values = [value for (value,) in reading.rows([plain(column)], pages)]
            arrays.append(_array(column, values, extras))
        arrays.append(pa.array(extras, pa.string()))
        for parts, part in zip(self._parts, arrays, strict=True):
            parts.append(part)
        self._waiting += len(extras)
        if self._waiting >= _GROUP:
            self._write()

    def _write(self) -> None:
        columns = []
        for parts in self._parts:  # one piece is written faster than many
            columns.append(pa.concat_arrays(parts))
            parts.clear()
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))
        self._waiting = 0

    def end(self) -> None:
        """Write the last row group, and the footer."""
        try:
            if self._waiting:
                self._write()
            self._writer.close()
        finally:
            self._waiting = 0
            self._writer.is_open = False  # or its finalizer would write once more


def _paths(schema: pa.Schema) -> list[str]:
    """Name the columns as Parquet does, those of lists of objects one by one."""
    paths = []
    for field in schema:
        if pa.types.is_list(field.type):
            inner = field.type.value_type
            paths += [f"{field.name}.list.element.{one.name}" for one in inner]
        else:
            paths.append(field.name)
    return paths


def _in_json(column: Column) -> str:
    """Write the SQL of a value that JSON can hold; SQLite's own JSON loses digits of a float."""
    value = plain(column)
    if column.kind not in REAL:
        return value
    scaled = f"CAST({value} * {_SCALE} + 0.5 AS INTEGER)"  # exact where it is not negative
    return (
        f"CASE {scaled} / {_SCALE} WHEN {value} THEN {scaled}"
        f" ELSE iif({value} IS NULL, NULL, {_INEXACT!r}) END"
    )


def _array(column: Column, values: Sequence[Any], extras: list[str | None]) -> object:
    """Make the array of a column; what does not fit moves to the extra fields."""
    if column.wire == "any":
        values = [any_value(value) for value in values]
        if column.kind not in _TYPES and column.kind != "text":
            values = [
                value if value is None or isinstance(value, str) else json_text(value).decode()
                for value in values
            ]
    if column.kind == "categories":
        values = [
            None if value is None else [attrs.asdict(one) for one in _read_categories(value)]
            for value in values
        ]
    try:
        return _ARRAYS.get(column.kind, _plain)(values, column)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        fit = [_fits(column, value) for value in values]
        for place, value in enumerate(values):
            if not fit[place]:
                extra = json.loads(extras[place] or "{}")  # whole numbers stay whole
                wide = int(value) if isinstance(value, str) else value
                extras[place] = json_text({**extra, column.name: wide}).decode()
        kept = [value if fit[place] else None for place, value in enumerate(values)]
        return _ARRAYS.get(column.kind, _plain)(kept, column)


def _fits(column: Column, value: Any) -> bool:
    if column.kind == "categories":
        return all(one["rank"] <= LARGEST for one in value or ())
    if column.kind == "amount":
        return not isinstance(value, int) or abs(value) <= 2**53
    return value is None or (isinstance(value, int) and is_narrow(value))


def _plain(values: Sequence[Any], column: Column) -> Any:
    return pa.array(values, _TYPES.get(column.kind, pa.string()))


def _counts(values: Sequence[Any], column: Column) -> Any:
    try:
        whole = struct.pack(f"={len(values)}q", *values)  # a third of the time of Arrow's own way
    except struct.error:  # None is among them, or a number that is too long
        return _plain(values, column)
    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(whole)])


def _via(stored: Any) -> Callable[[Sequence[Any], Column], Any]:
    """Make an array of what is stored, and cast it to the type of the column."""
    return lambda values, column: pa.array(values, stored).cast(_TYPES[column.kind])


_ARRAYS: Mapping[str, Callable[[Sequence[Any], Column], Any]] = {
    "count": _counts,
    "moment": _via(pa.timestamp("s", tz="UTC")),
    "moment_ms": _via(pa.timestamp("ms", tz="UTC")),
    "date": _via(pa.string()),
    "flag": lambda values, _: pa.array(values).cast(pa.bool_()),
}
