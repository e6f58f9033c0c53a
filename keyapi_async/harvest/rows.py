"""Rows of the API become rows of the ledger, and what the ledger holds becomes the API's row again.

Rows of one page are alike: the same fields, with values of the same classes. How such rows are
taken over is worked out once for each layout, and costs little for each row; what does not fit is
read by the record's codec, value by value.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import attrs
import orjson

from keyapi_async.errors import DecodeError
from keyapi_async.harvest.columns import Column, column_of, is_narrow, json_text, stored, wire_of
from keyapi_async.records.codec import KIND, ReadRow, kinds_of
from keyapi_async.records.converter import reader_of
from keyapi_async.records.fields import Kind, SalesFlag
from keyapi_async.streams.page import Page

Values = list[Any]
Layout = tuple[tuple[str, ...], tuple[type, ...]]

_MOST_LAYOUTS = 1000
_MOST_COLUMNS = 400
_LONGEST_NAME = 200
_DEEP = "row: it is nested deeper than can be kept"


class Taken(NamedTuple):
    """The rows of one page as the ledger keeps them.

    Attributes:
        valid: the values of the columns, then ``extra``, then what was sent otherwise.
        invalid: place in the page from 0, the row as JSON (None where it is too deep), and why.
    """

    valid: list[Values]
    invalid: list[tuple[int, str | None, str]]


@attrs.frozen
class _Conversion:
    """How rows of one layout are taken over."""

    pick: Callable[[tuple[Any, ...]], tuple[Any, ...]]
    converts: tuple[tuple[int, Callable[[Any], Any]], ...]
    extra: tuple[str, ...]
    nulls: str | None


class Rows(ABC):
    """Takes over rows, by a conversion for each layout of them."""

    def __init__(self, columns: Sequence[Column], check: ReadRow[Any] | None = None) -> None:
        self.columns: list[Column] = list(columns)
        self._check = check
        self._positions: list[int] = []
        self._plans: dict[Layout, _Conversion | None] = {}

    def take(self, page: Page[Any]) -> Taken:
        """Take over a page, whose records are rows."""
        rows, first = list(page.records), (page.page_num - 1) * page.page_size + 1
        for reject in page.rejects:
            rows.insert(reject.offset, reject.row)
        rejected = {reject.offset: str(reject.error) for reject in page.rejects}
        taken = Taken([], [])
        for place, row in enumerate(rows):
            if place in rejected:
                taken.invalid.append((place, _text(row), rejected[place]))
                continue
            try:
                if self._check is not None:
                    self._check(row, first + place)
                taken.valid.append(self._converted(row, first + place))
            except DecodeError as error:
                taken.invalid.append((place, _text(row), str(error)))
            except orjson.JSONEncodeError:
                taken.invalid.append((place, _text(row), _DEEP))
        return taken

    def _converted(self, row: dict[str, Any], position: int) -> Values:
        layout = (tuple(row), tuple(map(type, row.values())))
        try:
            plan = self._plans[layout]
        except KeyError:
            if len(self._plans) >= _MOST_LAYOUTS:
                self._plans.clear()
            plan = self._planned(*layout)
            self._plans[layout] = plan
        if plan is None:
            return self._careful(row, position)
        try:
            values = list(plan.pick((*row.values(), None)))
            for n, convert in plan.converts:
                values[n] = convert(values[n])
            values.append(_json({name: row[name] for name in plan.extra}) if plan.extra else None)
        except (ValueError, LookupError, OverflowError, orjson.JSONEncodeError):
            return self._careful(row, position)
        for n in self._positions:
            values[n] = position
        values.append(plan.nulls)
        return values

    @abstractmethod
    def _planned(self, names: tuple[str, ...], classes: tuple[type, ...]) -> _Conversion | None:
        """Work out how rows of a layout are taken over; None where they need more care."""

    @abstractmethod
    def _careful(self, row: dict[str, Any], position: int) -> Values:
        """Take over a row that a conversion does not fit."""


class RecordRows(Rows):
    """Takes over rows that a record class describes."""

    def __init__(self, record: type) -> None:
        fields = [f for f in attrs.fields(record) if KIND in f.metadata]
        self._kinds: dict[str, Kind] = {f.name: f.metadata[KIND] for f in fields}
        super().__init__([column_of(name, kind) for name, kind in self._kinds.items()])
        self._sent = kinds_of(record)
        self._wire = [wire_of(column) for column in self.columns]
        self._positions = [n for n, kind in enumerate(self._kinds.values()) if not kind.on_wire]
        self._converters = {
            column.name: _converters(kind, column, wire_of(column))
            for column, kind in zip(self.columns, self._kinds.values(), strict=True)
        }
        self._read: ReadRow[Any] = reader_of(record)

    def _careful(self, row: dict[str, Any], position: int) -> Values:
        record: Any = self._read(row, position)
        values: Values = [stored(kind, getattr(record, name)) for name, kind in self._kinds.items()]
        extra = record.extra
        said = row_of(self.columns, self._wire, values, extra)
        unlike = {name: row[name] for name in row if not _same(said, row, name)}
        values += [_json(extra) if extra else None, _json(unlike) if unlike else None]
        return values

    def _planned(self, names: tuple[str, ...], classes: tuple[type, ...]) -> _Conversion | None:
        places = {name: n for n, name in enumerate(names)}
        picks, converts = [], []
        nulls: dict[str, None] = {}
        for n, (name, kind) in enumerate(self._kinds.items()):
            at = places.get(name) if kind.on_wire else None
            if at is None or classes[at] is type(None):
                if kind.required:
                    return None
                if at is not None:
                    nulls[name] = None
                picks.append(len(names))
                continue
            if classes[at] not in self._converters[name]:
                return None
            convert = self._converters[name][classes[at]]
            if convert is not None:
                converts.append((n, convert))
            picks.append(at)
        extra = tuple(name for name in names if name not in self._sent)
        return _Conversion(
            _picker(picks), tuple(converts), extra, orjson.dumps(nulls).decode() if nulls else None
        )


class AnyRows(Rows):
    """Takes over rows that no record class describes: their fields become columns as they come.

    Fields that cannot be columns of their own are in ``extra``: what is called as another one but
    for upper and lower case, or as a column of ours, and what comes after the first few hundred.

    Args:
        into: what the user reads rows into, which says whether they are valid.
        columns: those that the ledger has already.
        reserved: names that are ours.
        changed: is called with a column that is new, or whose values are now of another kind.
    """

    def __init__(
        self,
        into: type,
        columns: Sequence[Column],
        reserved: Sequence[str],
        changed: Callable[[Column], None],
    ) -> None:
        super().__init__(columns, None if into is dict else reader_of(into))
        self._changed = changed
        self._at = {column.name: n for n, column in enumerate(columns)}
        self._folded = {name.casefold() for name in (*reserved, *self._at)}

    def _careful(self, row: dict[str, Any], position: int) -> Values:  # noqa: ARG002
        raise orjson.JSONEncodeError  # only what is nested too deep fits no conversion

    def _planned(self, names: tuple[str, ...], classes: tuple[type, ...]) -> _Conversion:
        for name, cls in zip(names, classes, strict=True):
            self._see(name, _KINDS.get(cls, "any"))
        places = {name: n for n, name in enumerate(names)}
        picks = [places.get(column.name, len(names)) for column in self.columns]
        converts = [
            (n, _json_blob)
            for n, at in enumerate(picks)
            if at < len(names) and classes[at] not in {str, int, float}
        ]
        extra = tuple(name for name in names if name not in self._at)
        return _Conversion(_picker(picks), tuple(converts), extra, None)

    def _see(self, name: str, kind: str) -> None:
        """Make a column of a new field, and note of what kinds the values of each are."""
        at = self._at.get(name)
        if at is not None:
            known = self.columns[at].kind
            if (both := _both(known, kind)) != known:
                self.columns[at] = Column(name, both, "any")
                self._changed(self.columns[at])
        elif self._may_be_column(name):
            self._at[name] = len(self.columns)
            self._folded.add(name.casefold())
            self.columns.append(Column(name, kind, "any"))
            self._plans.clear()
            self._changed(self.columns[-1])

    def _may_be_column(self, name: str) -> bool:
        return (
            0 < len(name) <= _LONGEST_NAME
            and len(self.columns) < _MOST_COLUMNS
            and "\x00" not in name
            and name.casefold() not in self._folded
        )


_KINDS: Mapping[type, str] = {
    type(None): "null",
    str: "text",
    int: "count",
    float: "amount",
    bool: "flag",
}


def _both(one: str, other: str) -> str:
    """Name the kind of values of two kinds."""
    if other in {one, "null"}:
        return one
    if one == "null":
        return other
    return "amount" if {one, other} == {"count", "amount"} else "any"


def row_of(
    columns: Sequence[Column],
    wire: Sequence[Callable[..., object] | None],
    values: Sequence[object],
    extra: Mapping[str, object],
) -> dict[str, object]:
    """Make the row that the API would send of what is stored, without the fields that are null."""
    row = {
        column.name: value if made is None else made(value)
        for column, made, value in zip(columns, wire, values, strict=False)
        if value is not None and column.wire
    }
    row.update(extra)
    return row


def narrowed(columns: Sequence[Column], values: Sequence[Any]) -> Values:
    """Write whole numbers that SQLite cannot hold as digits."""
    wide = [isinstance(value, int) and not is_narrow(value) for value in values]
    return [
        value if not wide[n] else _json_blob(value) if columns[n].wire == "any" else str(value)
        for n, value in enumerate(values)
    ]


def _same(said: Mapping[str, object], row: Mapping[str, object], name: str) -> bool:
    if name not in said:
        return False
    one, other = said[name], row[name]
    return one == other and (type(one) is bool) == (type(other) is bool)


def _picker(picks: list[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """Make what picks some values of a tuple, as a tuple."""
    if len(picks) > 1:
        return itemgetter(*picks)
    return lambda values: tuple(values[pick] for pick in picks)


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _json_blob(value: object) -> bytes:
    return orjson.dumps(value)


def _text(row: object) -> str | None:
    try:
        return json_text(row).decode()
    except (orjson.JSONEncodeError, RecursionError):
        return None


def _digits(value: str) -> int:
    if not (value.isascii() and value.isdigit()) or (value[0] == "0" and len(value) > 1):
        raise ValueError(value)
    return int(value)


def _not_blank(value: str) -> str:
    if not value:
        raise ValueError(value)
    return value


def _whole(value: int) -> float:
    if not -(2**53) < value < 2**53:
        raise ValueError(value)
    return float(value)


def _within(least: int, most: int) -> Callable[[int], int]:
    def within(value: int) -> int:
        if not least <= value <= most:
            raise ValueError(value)
        return value

    return within


def _readable(value: str) -> str:
    orjson.loads(value)
    return value


_second = _within(-62_135_596_800, 253_402_300_799)
_millisecond = _within(-62_135_596_800_000, 253_402_300_799_999)
_FLAG_TEXTS = {"true": 1, "false": 0}


_QUICK: Mapping[tuple[str, str], dict[type, Callable[[Any], Any] | None]] = {
    ("count", "number"): {int: None},
    ("count", "text"): {str: _digits},
    ("choice", "number"): {int: None},
    ("choice", "text"): {str: _digits},
    ("amount", "number"): {float: None, int: _whole},
    ("rate", "number"): {float: None, int: _whole},
    ("moment", "number"): {int: _second},
    ("moment", "text"): {str: lambda value: _second(_digits(value))},
    ("moment_ms", "number"): {int: _millisecond},
    ("flag", "number"): {int: _within(0, 1)},
    ("flag", "text"): {str: _FLAG_TEXTS.__getitem__},
    ("json", "text"): {str: _readable},
}


def _converters(
    kind: Kind, column: Column, wire: Callable[..., object] | None
) -> dict[type, Callable[[Any], Any] | None]:
    """Find what stores a value as the specification writes it, by the class of that."""

    def checked(value: Any) -> Any:
        found = stored(kind, kind.read(value))
        if found is None or (found if wire is None else wire(found)) != value:
            raise ValueError(value)
        return found

    if kind.passes is str:
        return {str: _not_blank if kind.required else None}
    if kind.becomes == SalesFlag | None:
        return {int: _within(0, 0xFFFF)}
    written: type = int if column.wire == "number" else str
    return _QUICK.get((kind.name, column.wire), {written: checked})
