"""One function that makes a record of a row, and one that makes the row again.

Both are generated once per record class, as attrs and cattrs do, because a general one that looks
at each field's type costs several times what the rest of a page does. The record is filled while
it is still of a mutable class with the same slots, and frozen by changing its class: attrs' own
frozen ``__init__`` costs three times as much, and a record's share of a page is most of the page.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Any, TypeVar, cast

import attrs
import orjson

from keyapi_async.errors import DecodeError
from keyapi_async.records.fields import Description, Kind

T = TypeVar("T")

ReadRow = Callable[[object, int | None], T]
ReadRows = Callable[[Sequence[object], int], list[T]]

KIND = "keyapi_async.kind"
DOC = "keyapi_async.doc"
_LENIENT = "keyapi_async.lenient"
_REMEMBERED = 1024  # values of a field

EXTRA_DOC = "Fields that the specification lacks, as they came."


def documented(cls: type, fields: list["attrs.Attribute[Any]"]) -> list["attrs.Attribute[Any]"]:
    """Make fields of a documented shape of what a record class says (an attrs hook).

    The kind of each field moves from its annotation into its metadata, and so does its
    description; the class docstring lists them. A value that does not fit makes its row invalid.
    """
    return _described(cls, fields, lenient=False)


def inferred(cls: type, fields: list["attrs.Attribute[Any]"]) -> list["attrs.Attribute[Any]"]:
    """Make fields of a shape that is not documented (an attrs hook).

    As the guess may be wrong, a value that does not fit costs no row: it is kept in ``extra``.
    """
    return _described(cls, fields, lenient=True)


def _described(
    cls: type, fields: list["attrs.Attribute[Any]"], *, lenient: bool
) -> list["attrs.Attribute[Any]"]:
    made = []
    for field in fields:
        kind, text = None, EXTRA_DOC
        for word in getattr(field.type, "__metadata__", ()):
            if isinstance(word, Kind):
                kind = word
            else:
                text = word
        if isinstance(field.default, Description):
            text = field.default.text
            field = field.evolve(default=None)  # noqa: PLW2901  # the same field, described
        metadata = {DOC: text, _LENIENT: lenient}
        if kind is None:
            made.append(field.evolve(metadata=metadata))
        else:
            hashes = False if kind.name == "json" else None
            metadata[KIND] = kind
            made.append(field.evolve(type=kind.becomes, metadata=metadata, hash=hashes))
    lines = "".join(f"    {field.name}: {field.metadata[DOC]}\n" for field in made)
    cls.__doc__ = f"{(cls.__doc__ or '').rstrip()}\n\nAttributes:\n{lines}"
    return made


def kinds_of(cls: type) -> dict[str, Kind]:
    """List the fields of a record class that come from the wire, in order."""
    return {
        field.name: field.metadata[KIND]
        for field in attrs.fields(cls)
        if KIND in field.metadata and field.metadata[KIND].on_wire
    }


def is_record(cls: object) -> bool:
    """Say whether a class is a record class itself, and not one derived from it."""
    fields = cls.__dict__.get("__attrs_attrs__", ()) if isinstance(cls, type) else ()
    return any(KIND in field.metadata for field in fields) and cls.__bases__ == (object,)  # type: ignore[attr-defined]  # it is a type


def readers(cls: type[T]) -> tuple[ReadRow[T], ReadRows[T]]:
    """Generate the functions that make a record of a row, and records of a page's rows.

    The first takes (row, position in the list), the second (rows, position of the first).

    Raises (the functions):
        DecodeError: a row is not an object, an identity field is missing, or, in a documented
            shape, a field cannot be read.
    """
    kinds = kinds_of(cls)
    fields = attrs.fields(cast("type[attrs.AttrsInstance]", cls))
    lenient = any(field.metadata[_LENIENT] for field in fields)
    positions = [f.name for f in fields if KIND in f.metadata and f.name not in kinds]
    slots: tuple[str, ...] = cls.__slots__  # type: ignore[attr-defined]
    names: dict[str, object] = {
        "mutable": type(cls.__name__, (), {"__slots__": slots}),
        "cls": cls,
        "known": frozenset(kinds),
    }
    fill = []
    # A key is found sooner by the very object that orjson gives to every row.
    keys = orjson.loads(orjson.dumps(dict.fromkeys(kinds)))
    for (name, kind), key in zip(kinds.items(), keys, strict=True):
        names[f"key_{name}"], names[f"read_{name}"] = key, kind.read
        names[f"passes_{name}"] = kind.passes
        value = f"read_{name}(v)"
        if kind.repeats:
            names[f"known_{name}"] = _Remembered(kind.read)
            easy = "v.__class__ is int or v is None or v.__class__ is str"
            value = f"known_{name}[v] if {easy} else {value}"
        if kind.passes is float:
            value = f"v + 0.0 if v.__class__ is int else {value}"
        if kind.passes is not None:
            ready = "and v" if kind.required else "or v is None"
            value = f"v if v.__class__ is passes_{name} {ready} else {value}"
        fill += [f"v = row[key_{name}]", f"r.{name} = {value}"]
    fill += [f"r.{name} = position" for name in positions]
    lines = [
        "def read_all(rows, positions):",
        "    records, missing = [], ()",
        "    for row, position in zip(rows, positions):",
        "        sent = row",
        "        try:",
        f"            if missing or len(row) < {len(kinds)}:",
        "                row = row.copy()",
        "                for name in missing:",  # most rows miss what the one before missed
        "                    row.setdefault(name)",
        f"                if len(row) != {len(kinds)}:",
        "                    missing = known.difference(sent)",
        "                    for name in missing:",
        "                        row.setdefault(name)",
        "            r = mutable()",
        *("            " + line for line in fill),
        "            r.extra = {}",
        f"            if len(row) != {len(kinds)}:",
        "                r.extra = {k: x for k, x in row.items() if k not in known}",
        "            r.__class__ = cls",
        "            records.append(r)",
        "            continue",
        "        except LookupError:",
        "            missing = known.difference(sent)",
        "        except (AttributeError, TypeError, ValueError, OverflowError):",
        "            pass",
        "        records.append(mended(sent, position))",
        "    return records",
    ]
    _compile(cls, lines, names)
    read_all = cast(
        "Callable[[Iterable[object], Iterable[int | None]], list[T]]", names["read_all"]
    )

    def mended(row: object, position: int | None) -> T:
        row, kept = _mended(row, kinds, lenient=lenient)
        (record,) = read_all((row,), (position,))
        record.extra.update(kept)  # type: ignore[attr-defined]  # every record has it
        return record

    names["mended"] = mended
    return (
        lambda row, position: read_all((row,), (position,))[0],
        lambda rows, first: read_all(rows, count(first)),
    )


class _Remembered(dict[object, object]):
    """What a few values that come again and again were read as."""

    def __init__(self, read: Callable[[object], object]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, value: object) -> object:
        found = self._read(value)
        if len(self) < _REMEMBERED:
            self[value] = found
        return found


def writer(cls: type[T]) -> Callable[[T], dict[str, object]]:
    """Generate the function that makes the wire row of a record; None is left out."""
    names: dict[str, object] = {}
    lines = ["def write(record):", "    row = {}"]
    for name, kind in kinds_of(cls).items():
        names[f"write_{name}"] = kind.write
        value = "v" if kind.write is None else f"write_{name}(v)"
        lines += [
            f"    v = record.{name}",
            "    if v is not None:",
            f"        row['{name}'] = {value}",
        ]
    lines += ["    row.update(record.extra)", "    return row"]
    _compile(cls, lines, names)
    return cast("Callable[[T], dict[str, object]]", names["write"])


def _compile(cls: type, lines: list[str], names: dict[str, object]) -> None:
    code = compile("\n".join(lines), f"<keyapi_async codec of {cls.__name__}>", "exec")
    exec(code, names)  # noqa: S102  # our own lines, made of our own field names


def _mended(
    row: object, kinds: Mapping[str, Kind], *, lenient: bool
) -> tuple[dict[str, object], dict[str, object]]:
    """Complete a row; where the shape is only inferred, take aside what cannot be read.

    Raises:
        DecodeError: the row is invalid.
    """
    if not isinstance(row, dict):
        raise DecodeError(None, row, "is not an object")
    kept = {}
    for name, kind in kinds.items():
        try:
            kind.read(row.get(name))
        except (ValueError, OverflowError) as error:
            if kind.required or not lenient:
                raise DecodeError(name, row.get(name), str(error)) from None
            kept[name] = row[name]
    return {**row, **dict.fromkeys(kinds.keys() - row.keys()), **dict.fromkeys(kept)}, kept
