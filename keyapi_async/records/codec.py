"""One function that makes a record of a row, and one that makes the row again.

Both are generated once per record class, as attrs and cattrs do, because a general one that looks
at each field's type costs several times what the rest of a page does. The record is filled while
it is still of a mutable class with the same slots, and frozen by changing its class: attrs' own
frozen ``__init__`` costs three times as much, and a record's share of a page is most of the page.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain, count
from operator import itemgetter
from typing import Any, TypeVar, cast

import attrs
import orjson

from keyapi_async.errors import DecodeError
from keyapi_async.records.fields import Description, Kind

T = TypeVar("T")

ReadRow = Callable[[object, int | None], T]
ReadRows = Callable[[Sequence[object], int], list[T]]

_Placed = tuple[object, int | None]  # a row, and its position in the list
_ReadSome = Callable[[Iterator[_Placed], list[T]], _Placed | None]

KIND = "keyapi_async.kind"
DOC = "keyapi_async.doc"
_LENIENT = "keyapi_async.lenient"
_REMEMBERED = 1024  # values of a field
_GENERATED = 8  # functions of a class, each for rows that miss more than the ones before

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
    """Make the functions that make a record of a row, and records of a page's rows.

    The first takes (row, position in the list), the second (rows, position of the first).

    Raises (the functions):
        DecodeError: a row is not an object, an identity field is missing, or, in a documented
            shape, a field cannot be read.
    """
    kinds = kinds_of(cls)
    lenient = any(field.metadata[_LENIENT] for field in attrs.fields(cast("type[Any]", cls)))
    names = _names_in_code(cls, kinds)
    optional: set[str] = set()
    generated = 0
    read_some: _ReadSome[T] = _hand_back

    def learn(row: object) -> None:
        """Generate the function anew, for rows that miss what this one does, too."""
        nonlocal generated, read_some
        generated += 1
        if generated > _GENERATED:
            optional.update(kinds)
        elif isinstance(row, dict):
            optional.update(kinds.keys() - row.keys())
        read_some = _generate(cls, kinds, optional, names)

    def read_all(rows: Iterable[object], positions: Iterable[int | None]) -> list[T]:
        records: list[T] = []
        placed: Iterator[_Placed] = zip(rows, positions)  # noqa: B905  # positions may be endless
        while (unlike := read_some(placed, records)) is not None:
            learn(unlike[0])
            placed = chain((unlike,), placed)
        return records

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


def _hand_back(placed: Iterator[_Placed], _: object) -> _Placed | None:
    """Read no row: stand in for a function that is not generated yet."""
    return next(placed, None)


def _names_in_code(cls: type, kinds: Mapping[str, Kind]) -> dict[str, object]:
    """Give what the generated functions of a class refer to."""
    own = {name: getattr(object, name) for name in ("__init__", "__setattr__", "__delattr__")}
    names: dict[str, object] = {
        # It adds no slots, so Python need not compare them when an object's class changes.
        "mutable": type(cls.__name__, (cls,), {"__slots__": (), **own}),
        "cls": cls,
        "kinds": kinds,
        "absent": object(),
    }
    # A key is found sooner by the very object that orjson gives to every row.
    keys = orjson.loads(orjson.dumps(dict.fromkeys(kinds)))
    for (name, kind), key in zip(kinds.items(), keys, strict=True):
        names[f"key_{name}"], names[f"read_{name}"] = key, kind.read
        names[f"passes_{name}"] = kind.passes
        if kind.repeats:
            names[f"known_{name}"] = _Remembered(kind.read)
    return names


def _generate(
    cls: type[T], kinds: Mapping[str, Kind], optional: AbstractSet[str], names: dict[str, object]
) -> "_ReadSome[T]":
    """Generate the function that reads rows, up to one that misses more than some fields."""
    fields = attrs.fields(cast("type[attrs.AttrsInstance]", cls))
    positions = [f.name for f in fields if KIND in f.metadata and f.name not in kinds]
    required = [name for name in kinds if name not in optional]
    names, fill = dict(names), []
    if required:
        names["pick"] = itemgetter(*(names[f"key_{name}"] for name in required))
        fill += [f"{', '.join(f'v_{name}' for name in required)} = pick(row)"]
    for name in sorted(optional):
        fill += [f"v_{name} = row.get(key_{name}, absent)"]
        fill += [f"if v_{name} is absent:", f"    v_{name} = None", "    length += 1"]
    fill += [f"r.{name} = {_value(name, kind)}" for name, kind in kinds.items()]
    fill += [f"r.{name} = position" for name in positions]
    lines = [
        "def read_some(placed, records):",
        "    for row, position in placed:",
        "        try:",
        "            r = mutable()",
        "            length = len(row)",
        *("            " + line for line in fill),
        "            r.extra = {}",
        f"            if length != {len(kinds)}:",
        "                r.extra = {k: x for k, x in row.items() if k not in kinds}",
        "            r.__class__ = cls",
        "            records.append(r)",
        *(["        except KeyError: return row, position"] if required else []),
        "        except (AttributeError, TypeError, ValueError, OverflowError):",
        "            records.append(mended(row, position))",
    ]
    _compile(cls, lines, names)
    return cast("_ReadSome[T]", names["read_some"])


def _value(name: str, kind: Kind) -> str:
    """Write the expression that reads a value, with what needs no call first."""
    v, value = f"v_{name}", f"read_{name}(v_{name})"
    if kind.required:
        return f"{v} if {v}.__class__ is passes_{name} and {v} else {value}"
    if kind.repeats:
        value = f"known_{name}[{v}] if (c := {v}.__class__) is int or c is str else {value}"
    value = f"{v} if {v} is None else {value}"
    if kind.passes is None:
        return value
    if kind.passes is float:
        return f"{v} if (c := {v}.__class__) is float else {v} / 1 if c is int else {value}"
    return f"{v} if {v}.__class__ is passes_{name} else {value}"


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
    """Complete a row; where the shape is only inferred, take aside what cannot be read."""
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
