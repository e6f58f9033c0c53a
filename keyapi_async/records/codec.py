"""One function that makes a record of a row, and one that makes the row again.

Both are generated once per record class, as attrs and cattrs do, because a general one that looks
at each field's type costs several times what the rest of a page does. The record is filled while
it is still of a mutable twin class with the same slots, and frozen by changing its class.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, cast

import attrs

from keyapi_async.errors import DecodeError
from keyapi_async.records.fields import Kind

T = TypeVar("T")

ReadRow = Callable[[object, int | None], T]
ReadRows = Callable[[Sequence[object], int], list[T]]

KIND = "keyapi_async.kind"


def with_kinds(_: type, fields: list["attrs.Attribute[object]"]) -> list["attrs.Attribute[object]"]:
    """Move the kind of each field from its annotation into its metadata (an attrs hook)."""
    return [
        field.evolve(type=kind.becomes, metadata={KIND: kind}) if kind is not None else field
        for field in fields
        for kind in [next(iter(getattr(field.type, "__metadata__", ())), None)]
    ]


def kinds_of(cls: type) -> dict[str, Kind]:
    """List the fields of a record class that come from the wire, in order."""
    return {f.name: f.metadata[KIND] for f in attrs.fields(cls) if KIND in f.metadata}


def readers(cls: type[T]) -> tuple[ReadRow[T], ReadRows[T]]:
    """Generate the functions that make a record of a row, and records of a page's rows.

    The first takes (row, position in the list), the second (rows, position of the first).

    Raises (the functions):
        DecodeError: a row is no object, a field cannot be read, or an identity field is missing.
    """
    kinds = kinds_of(cls)
    slots: tuple[str, ...] = cls.__slots__  # type: ignore[attr-defined]
    names: dict[str, object] = {
        "new": object.__new__,
        "twin": type(cls.__name__, (), {"__slots__": slots}),
        "cls": cls,
        "known": frozenset(kinds),
        "why_not": lambda row: _why_not(row, kinds),
    }
    for name, kind in kinds.items():
        names[f"read_{name}"], names[f"passes_{name}"] = kind.read, kind.passes
        names[f"widens_{name}"] = kind.widens

    def filled(get: str, extra: str) -> list[str]:
        lines = ["r = new(twin)"]
        for name, kind in kinds.items():
            value = f"read_{name}(v)"
            if kind.widens is not None:
                value = f"passes_{name}(v) if v.__class__ is widens_{name} else {value}"
            if kind.passes is not None:
                ready = "and v" if kind.required else "or v is None"
                value = f"v if v.__class__ is passes_{name} {ready} else {value}"
            lines += [f"v = {get.format(name)}", f"r.{name} = {value}"]
        rank = ["r.rank = position"] if "rank" in slots else []
        return [*lines, *rank, f"r.extra = {extra}", "r.__class__ = cls"]

    extra = "{k: x for k, x in row.items() if k not in known}"
    read = [
        "def read(row, position=None):",
        "    try:",
        *_indented(2, ["get = row.get", *filled("get('{}')", extra), "return r"]),
        "    except (AttributeError, ValueError, OverflowError):",
        "        pass",
        "    raise why_not(row)",
    ]
    # Rows with every documented field are the common case, and subscripts are half of get()'s cost.
    whole = f"{{}} if len(row) == {len(kinds)} else {extra}"
    read_all = [
        "def read_all(rows, first):",
        "    records = []",
        "    for position, row in enumerate(rows, first):",
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


def _why_not(row: object, kinds: Mapping[str, Kind]) -> DecodeError:
    """Find what made reading fail; the row is read again, which costs only in this case."""
    if not isinstance(row, dict):
        return DecodeError(None, row, "is no object")
    for name, kind in kinds.items():
        try:
            kind.read(row.get(name))
        except ValueError as error:
            return DecodeError(name, row.get(name), str(error))
    raise AssertionError("reading failed, but no field does")  # pragma: no cover  # it cannot
