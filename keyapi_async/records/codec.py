"""One function that makes a record of a row, and one that makes the row again.

Both are generated once per record class, as attrs and cattrs do, because a general one that looks
at each field's type costs several times what the rest of a page does. The record is filled while
it is still of a mutable class with the same slots, and frozen by changing its class: attrs' own
frozen ``__init__`` costs three times as much, and a record's share of a page is most of the page.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import attrs

from keyapi_async.errors import DecodeError
from keyapi_async.records.fields import Description, Kind

T = TypeVar("T")

ReadRow = Callable[[object, int | None], T]
ReadRows = Callable[[Sequence[object], int], list[T]]

KIND = "keyapi_async.kind"
DOC = "keyapi_async.doc"
_LENIENT = "keyapi_async.lenient"

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
        "mended": lambda row, position: _mended(row, position, kinds, lenient=lenient),
    }
    for name, kind in kinds.items():
        names[f"read_{name}"], names[f"passes_{name}"] = kind.read_again, kind.passes
        names[f"widens_{name}"] = kind.widens

    def filled(get: str, extra: str) -> list[str]:
        lines = ["r = mutable()"]
        for name, kind in kinds.items():
            value = f"read_{name}(v)"
            if kind.widens is not None:
                value = f"passes_{name}(v) if v.__class__ is widens_{name} else {value}"
            if kind.passes is not None:
                ready = "and v" if kind.required else "or v is None"
                value = f"v if v.__class__ is passes_{name} {ready} else {value}"
            lines += [f"v = {get.format(name)}", f"r.{name} = {value}"]
        lines += [f"r.{name} = position" for name in positions]
        return [*lines, f"r.extra = {extra}", "r.__class__ = cls"]

    extra = "{k: x for k, x in row.items() if k not in known}"
    beyond = f"{{}} if known.issuperset(row) else {extra}"
    read = [
        "def read(row, position=None, kept=()):",
        "    try:",
        *_indented(2, ["get = row.get", *filled("get('{}')", beyond)]),
        "    except (AttributeError, TypeError, ValueError, OverflowError):",
        "        pass",
        "    else:",
        "        r.extra.update(kept)",
        "        return r",
        "    return read(*mended(row, position))",
    ]
    # Rows with every documented field are the common case, and subscripts are half of get()'s cost.
    whole = f"{{}} if n == {len(kinds)} else {extra}"
    read_all = [
        "def read_all(rows, first):",
        "    records = []",
        "    for position, row in enumerate(rows, first):",
        f"        if row.__class__ is not dict or (n := len(row)) < {len(kinds)}:",
        "            records.append(read(row, position))",
        "            continue",
        "        try:",
        *_indented(3, [*filled("row['{}']", whole), "records.append(r)", "continue"]),
        "        except (AttributeError, LookupError, TypeError, ValueError, OverflowError):",
        "            pass",
        "        records.append(read(row, position))",
        "    return records",
    ]
    _compile(cls, [*read, *read_all], names)
    return cast("ReadRow[T]", names["read"]), cast("ReadRows[T]", names["read_all"])


def writer(cls: type[T]) -> Callable[[T], dict[str, object]]:
    """Generate the function that makes the wire row of a record; None is left out."""
    names: dict[str, object] = {}
    lines = ["def write(record):", "    row = {}"]
    for name, kind in kinds_of(cls).items():
        names[f"write_{name}"] = kind.write
        value = "v" if kind.write is None else f"write_{name}(v)"
        lines += _indented(
            1, [f"v = record.{name}", "if v is not None:", f"    row['{name}'] = {value}"]
        )
    lines += ["    row.update(record.extra)", "    return row"]
    _compile(cls, lines, names)
    return cast("Callable[[T], dict[str, object]]", names["write"])


def _indented(depth: int, lines: list[str]) -> list[str]:
    return ["    " * depth + line for line in lines]


def _compile(cls: type, lines: list[str], names: dict[str, object]) -> None:
    code = compile("\n".join(lines), f"<keyapi_async codec of {cls.__name__}>", "exec")
    exec(code, names)  # noqa: S102  # our own lines, made of our own field names


def _mended(
    row: object, position: int | None, kinds: Mapping[str, Kind], *, lenient: bool
) -> tuple[dict[str, object], int | None, dict[str, object]]:
    """Find what made reading fail, and take it aside where the shape is only inferred.

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
    if not kept:
        raise AssertionError("reading failed, but no field does")  # pragma: no cover  # it cannot
    return {name: value for name, value in row.items() if name not in kept}, position, kept
