"""The ledger's rows as text: CSV and JSON Lines. Whole columns are made, block after block.

The rows of a block are written by one template, such as ``"%s,%s"``, that columns fill side by
side.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import chain, repeat
from typing import Any, BinaryIO

import orjson

from keyapi_async.harvest.columns import Column, json_text, plain, shown, wire_of
from keyapi_async.harvest.reading import StoredPage
from keyapi_async.harvest.schema import About

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001
"""What some spreadsheet takes as the beginning of a formula."""

_QUOTED = re.compile(r'[",\n\r]')
"""What makes a CSV's cell one in quotes."""

_ESCAPED = re.compile(r'["\\\x00-\x1f]')
"""What a text in JSON may not hold as it is."""

_TEXTS = {"id", "text", "url", "categories", "json", "any", "null"}
"""Kinds whose values may be texts of anyone's making; all others are written by us."""

Values = Sequence[Any]


def iso(moment: int) -> str:
    """Write Unix seconds as ISO text, in UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def spread(pages: Sequence[StoredPage], values: Iterable[Any]) -> Values:
    """Repeat a value of each page for each of its rows."""
    return list(
        chain.from_iterable(
            repeat(value, page.rows) for page, value in zip(pages, values, strict=True)
        )
    )


class Csv:
    """RFC 4180 in UTF-8, with the mark at its beginning without which Excel reads other letters."""

    show = staticmethod(shown)

    def __init__(self, stream: BinaryIO, known: About, *, escape_formulas: bool) -> None:
        self._stream = stream
        self._escapes = escape_formulas
        self._keys = len(known.keys)
        self._foreign = [*(column.kind in _TEXTS for column in known.columns), True]
        self._line = ",".join(["%s"] * len(known.names)) + "\r\n"
        stream.write(("\ufeff" + self._line % (*self._cells(known.names),)).encode())

    def add(self, pages: Sequence[StoredPage], columns: Sequence[Values]) -> None:
        """Write the rows of some pages, given as their columns."""
        cells = [
            spread(pages, self._cells([page.key[n] for page in pages])) for n in range(self._keys)
        ]
        cells.append(spread(pages, [iso(page.fetched_at) for page in pages]))
        for values, foreign in zip(columns, self._foreign, strict=True):
            cells.append(self._cells(values) if foreign else _filled(values))
        lines = map(self._line.__mod__, zip(*cells, strict=True))
        self._stream.write("".join(lines).encode())

    def _cells(self, values: Values) -> Values:
        """Write values that may be anything, quoted where that is needed."""
        if self._escapes:
            values = [
                f"'{value}" if value.__class__ is str and value.startswith(_FORMULA) else value
                for value in values
            ]
        texts = _filled(values)
        if not _QUOTED.search("".join(map(str, texts))):
            return texts
        return [
            '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
            for text in map(str, texts)
        ]

    def end(self) -> None:
        """Leave it: every line is whole."""


def _filled(values: Values) -> Values:
    """Give values, and an empty text where there is none."""
    return ["" if value is None else value for value in values] if None in values else values


class JsonLines:
    """A row a line, as the API would send it, behind the key of its list."""

    show = staticmethod(plain)

    def __init__(self, stream: BinaryIO, known: About) -> None:
        self._stream = stream
        self._keys = known.key_columns
        self._columns = [(column, _rewritten(column)) for column in known.columns]
        self._ours = {*self._keys, "fetched_at"}
        self._names = {*self._ours, *(column.name for column in known.columns)}

    def add(self, pages: Sequence[StoredPage], columns: Sequence[Values]) -> None:
        """Write the rows of some pages, given as their columns."""
        *columns, extras = columns
        moments = [iso(page.fetched_at) for page in pages]
        members = [_member('"fetched_at":"%s"', spread(pages, moments))]
        for n, name in enumerate(self._keys):
            values = spread(pages, _escaped([page.key[n] for page in pages]))
            members.insert(n, _member(f'{_name(name)}:"%s",', values))
        for (column, rewritten), values in zip(self._columns, columns, strict=True):
            mark = '"%s"' if column.wire in {"text", "decimals"} else "%s"
            members.append(_member(f",{_name(column.name)}:{mark}", rewritten(values)))
        more: dict[int, dict[str, Any]] = {}
        if any(extras):
            members.append(("%s", [self._more(one, n, more) for n, one in enumerate(extras)]))
        template = "{" + "".join(part for part, _ in members) + "}\n"
        lines = list(map(template.__mod__, zip(*(cells for _, cells in members), strict=True)))
        for n, fields in more.items():
            line = json.loads(lines[n])
            ours = {name: value for name, value in line.items() if name in self._ours}
            lines[n] = json_text({**line, **fields, **ours}).decode() + "\n"
        self._stream.write("".join(lines).encode())

    def _more(self, extra: str | None, row: int, more: dict[int, dict[str, Any]]) -> str:
        """Write unknown fields behind the others; put off those that have a name of these."""
        if extra is None:
            return ""
        fields = orjson.loads(extra)
        if self._names.isdisjoint(fields):
            return "," + extra[1:-1]
        more[row] = fields
        return ""

    def end(self) -> None:
        """Leave it: every line is whole."""


def _member(part: str, values: Values) -> tuple[str, Values]:
    """Give the template of a member of an object, and what fills it: nothing where it is not."""
    if None not in values:
        return part, values
    return "%s", ["" if value is None else part % (value,) for value in values]


def _name(name: str) -> str:
    return orjson.dumps(name).decode().replace("%", "%%")


def _escaped(values: Values) -> Values:
    """Escape texts as JSON does, without the quotes around them."""
    texts = [value for value in values if value.__class__ is str]
    if not _ESCAPED.search("".join(texts)):
        return values
    return [
        orjson.dumps(value).decode()[1:-1] if value.__class__ is str else value for value in values
    ]


def _rewritten(column: Column) -> Callable[[Values], Values]:
    """Find what makes the API's values of a stored column, as JSON writes them."""
    wire = wire_of(column)
    if column.wire == "any":
        return lambda values: [_json(one) for one in values]
    if wire is None:
        return _escaped if column.wire == "text" else tuple
    if wire is int or (wire is str and column.kind != "amount"):
        return tuple  # digits are written as they are
    return lambda values: [None if value is None else wire(value) for value in values]


def _json(value: object) -> str | None:
    """Write JSON of what is stored for a row without a record class; null is left out."""
    if isinstance(value, bytes):
        return None if value == b"null" else value.decode()
    return None if value is None else json_text(value).decode()
