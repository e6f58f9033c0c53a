"""One function that makes a record of a row, and one that makes the row again.

Both are generated once per record class, as attrs and cattrs do, because a general one that looks
at each field's type costs several times what the rest of a page does. The record is filled while
it is still of a mutable twin class with the same slots, and frozen by changing its class.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar, cast

import attrs

from keyapi_async.errors import DecodeError
from keyapi_async.kinds import Kind

T = TypeVar("T")

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


def reader(cls: type[T]) -> Callable[[Mapping[str, object], int | None], T]:
    """Generate the function of (row, position in the list) that makes a record.

    Raises (the function):
        DecodeError: a field cannot be read, or an identity field is missing.
    """
    kinds = kinds_of(cls)
    slots: tuple[str, ...] = cls.__slots__  # type: ignore[attr-defined]
    ranked = "rank" in slots
    twin = type(cls.__name__, (), {"__slots__": slots})
    names: dict[str, object] = {
        "new": object.__new__, "twin": twin, "cls": cls, "known": frozenset(kinds), "kinds": kinds,
        "locate": _locate,
    }  # fmt: skip
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
        rank = ["r.rank = position"] if ranked else []
        return [*lines, *rank, f"r.extra = {extra}", "r.__class__ = cls", "return r"]

    extra = "{k: x for k, x in row.items() if k not in known}"
    whole = f"{{}} if len(row) == {len(kinds)} else {extra}"
    # A row with every documented field is the common case, and subscripts are half of get()'s cost.
    lines = [
        "def read(row, position=None):",
        *_indented(1, ["try:", *_indented(1, filled("row['{}']", whole)), "except KeyError:"]),
        *_indented(2, ["get = row.get", "try:", *_indented(1, filled("get('{}')", extra))]),
        *_indented(2, ["except (ValueError, OverflowError):", "    pass"]),
        *_indented(1, ["except (ValueError, OverflowError):", "    pass"]),
        *_indented(1, ["raise locate(row, kinds)"]),
    ]
    return cast(
        "Callable[[Mapping[str, object], int | None], T]", _compiled(cls, "read", lines, names)
    )


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
    return cast("Callable[[T], dict[str, object]]", _compiled(cls, "write", lines, names))


def _indented(depth: int, lines: list[str]) -> list[str]:
    return ["    " * depth + line for line in lines]


def _compiled(cls: type, name: str, lines: list[str], names: dict[str, object]) -> object:
    code = compile("\n".join(lines), f"<keyapi_async {name} {cls.__name__}>", "exec")
    exec(code, names)  # noqa: S102  # our own lines, made of our own field names
    return names[name]


def _locate(row: Mapping[str, object], kinds: Mapping[str, Kind]) -> DecodeError:
    """Find the field that made reading fail; it is read again, which costs only in this case."""
    for name, kind in kinds.items():
        try:
            kind.read(row.get(name))
        except ValueError as error:
            return DecodeError(name, row.get(name), str(error))
    raise AssertionError("reading failed, but no field does")  # pragma: no cover  # it cannot
