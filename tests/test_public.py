"""What users program against: the names, their help, the fields, the signatures, the imports."""

import ast
import inspect
import pydoc
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from types import FunctionType, NoneType
from typing import Any, Unpack, get_args, get_type_hints

import attrs
import pytest

import keyapi_async
from keyapi_async import Paging
from keyapi_async.api import RESOURCES, TikTok, endpoints, resource_class
from keyapi_async.api.endpoint import Endpoint
from keyapi_async.api.help import by_name
from keyapi_async.jsontext import JSON
from keyapi_async.records import converter as converters
from keyapi_async.records.codec import kinds_of
from keyapi_async.streams.stream import PageStream
from tests.rows import DECLARED, OPERATIONS, RECORDS, answer_of, fields_of, lacks

PUBLIC = dir(keyapi_async)

every_record = pytest.mark.parametrize("cls", RECORDS)


def public_classes() -> Iterator[type]:
    for name in PUBLIC:
        if inspect.isclass(found := getattr(keyapi_async, name)):
            yield found
    yield from (TikTok, PageStream, *map(resource_class, RESOURCES))


def public_members() -> Iterator[tuple[str, Any]]:
    """Find every public function of ours, by its qualified name: methods and properties too."""
    yield "unstructure", keyapi_async.unstructure
    for cls in public_classes():
        for owner in cls.__mro__:
            if not owner.__module__.startswith("keyapi_async"):
                continue
            for name, member in vars(owner).items():
                function = member.fget if isinstance(member, property) else member
                if isinstance(function, FunctionType) and (
                    name == "__init__" or not name.startswith("_")
                ):
                    yield f"{owner.__qualname__}.{name}", function


def hints_of(thing: Any) -> dict[str, Any]:
    """Read annotations, with the names that only type checkers import."""
    resources = {f"{name.title()}Resource": resource_class(name) for name in RESOURCES}
    return get_type_hints(thing, localns={**resources, "JSON": JSON})


MEMBERS = dict(public_members())


def described(cls: type) -> dict[str, str]:
    """Read the attributes that a class docstring describes."""
    text = inspect.getdoc(cls) or ""
    return by_name(text.partition("\nAttributes:\n")[2].partition("\n\n")[0])


def test_type_checkers_and_programs_find_the_same_public_names() -> None:
    """Each name stands once, in the file where it is at home."""
    tree = ast.parse(inspect.getsource(keyapi_async))
    ifs = (node for node in tree.body if isinstance(node, ast.If) and not node.orelse)
    (block,) = (node for node in ifs if ast.unparse(node.test) == "TYPE_CHECKING")
    files = [f"keyapi_async.{name}" for name in keyapi_async._FILES.split()]
    assert sorted(files) == [node.module for node in block.body if isinstance(node, ast.ImportFrom)]
    names = [name for file in files for name in import_module(file).__all__]
    assert sorted([*names, "__version__"]) == PUBLIC
    assert len(names) == len(set(names))
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", keyapi_async.__version__)


def test_whatever_an_endpoint_takes_or_gives_is_public() -> None:
    public = {getattr(keyapi_async, name) for name in PUBLIC}
    kinds = [parameter.kind for one in endpoints() for parameter in one.parameters]
    for cls in (*(kind.choices for kind in kinds if kind.choices is not None), *RECORDS):
        assert cls in public, f"add {cls.__name__!r} to __all__ of {cls.__module__}"


def test_every_public_name_has_its_help() -> None:
    """Not its base's words, and not a signature that a library has put there."""
    for name in sorted(set(PUBLIC) - {"__version__"}):
        thing = getattr(keyapi_async, name)
        first = (inspect.getdoc(thing) or "").partition("\n")[0]
        assert len(first) > 15, name
        assert first in pydoc.render_doc(thing, renderer=pydoc.TextDoc()), name
    for cls in public_classes():
        assert cls.__doc__, cls
        assert cls.__doc__.splitlines()[0].strip().endswith((".", ";", ":")), cls
        assert all(cls.__doc__ != base.__doc__ for base in cls.__mro__[1:]), cls
    for name, member in MEMBERS.items():
        assert name.endswith(".__init__") or inspect.getdoc(member), name


def test_signatures_are_explicit() -> None:
    """No ``*args``, and no ``**kwargs`` but the paging options, which editors know by name."""
    protocols = ("Bound", "Connected", "Immediate", "Limiter", "Transport")
    for name in MEMBERS.keys() - {f"{one}.__init__" for one in protocols}:  # those are typing's
        parameters = inspect.signature(MEMBERS[name]).parameters.values()
        assert all(one.kind is not one.VAR_POSITIONAL for one in parameters), name
        loose = [one.annotation for one in parameters if one.kind is one.VAR_KEYWORD]
        # A declared endpoint shows the paging options one by one.
        assert loose in ([], [] if "Resource." in name else [Unpack[Paging]]), name


def test_no_public_type_is_any() -> None:
    for name, member in MEMBERS.items():
        if not name.endswith(".__init__") and not name.startswith("Endpoint."):
            assert "Any" not in str(list(hints_of(member).values())), name


def specified_of(one: Endpoint) -> Mapping[str, Any]:
    return answer_of(one.path)["data"][0] if one.resource == "search" else fields_of(one.path)


@every_record
def test_a_record_has_exactly_the_specified_fields(cls: type) -> None:
    """Those of all endpoints with its shape; the search lists those of all its kinds of row."""
    specified = {name for one in DECLARED[cls] for name in specified_of(one)}
    wire = set(kinds_of(cls))
    told = lacks(" and ".join(one.path for one in DECLARED[cls]), wire, specified)
    assert wire <= specified if cls is keyapi_async.FoundInfluencer else wire == specified, told
    computed = {"rank"} if cls.__name__.startswith("Ranked") else set()
    assert {field.name for field in attrs.fields(cls)} == wire | computed | {"extra"}


@every_record
def test_identities_are_required_texts_and_all_else_may_be_none(cls: type) -> None:
    """An identity is a field that is one at every endpoint with this shape."""
    identities = set.intersection(
        *(set(OPERATIONS[one.path]["x-identity"]) for one in DECLARED[cls])
    )
    hints = hints_of(cls)
    for field in attrs.fields(cls):
        hint, where = hints[field.name], f"{cls.__name__}.{field.name}"
        if field.name in identities:
            told = f"{where}: make it an Identity, or take it out of x-identity"
            assert (field.default, hint) == (attrs.NOTHING, str), told
        elif field.name == "extra":
            assert hint == dict[str, object]
        else:
            told = f"{where}: give it doc('...'), or, as an Identity, a place in x-identity"
            assert field.default is None, told
            assert hint is object or NoneType in get_args(hint)
        assert field.kw_only
    assert "Kind(" not in str(inspect.signature(cls))


UNITS = {
    r"_amt$": r"GMV.*estimated", r"sale_(history_)?cnt$": r"(units|Units).*estimated",
    r"_time$": r"Unix seconds", r"^duration$": r"seconds", r"^data_size$": r"bytes",
    r"^(height|width)$": r"pixels", r"_history_(cnt|amt)$": r"all-time",
    r"^(avatar|reflow_cover|cover_url|play_addr)$": r"picture|address",
    r"_1d_cnt$": r"in the last day\b", r"_7d_cnt$": r"in the last 7 days\b",
    r"_30d_cnt$": r"in the last 30 days\b", r"_id$": r"[Ii]d\b|handle|ategory",
}  # fmt: skip


@every_record
def test_every_field_is_documented_with_its_unit_or_meaning(cls: type) -> None:
    words = described(cls)
    assert list(words) == [field.name for field in attrs.fields(cls)]
    for name, meaning in words.items():
        assert re.fullmatch(r".{5,}\.", meaning), name
        for pattern, unit in UNITS.items():
            if re.search(pattern, name):
                assert re.search(unit, meaning), f"{name}: {meaning}"


def test_every_value_class_describes_its_fields() -> None:
    names = "Bookmark CategoryRank Envelope Page Reject RetryPolicy Stats"
    for cls in (getattr(keyapi_async, name) for name in names.split()):
        fields: Any = getattr(cls, "_fields", None) or [field.name for field in attrs.fields(cls)]
        assert list(described(cls)) == list(fields)


FOREIGN = {"rich", "typer", "click", "pyarrow", "pytest", "hypothesis", "redis", "dask", "sqlite3"}
FOREIGN |= {"distributed", "pandas"}


def test_every_public_name_is_loaded_from_its_home() -> None:
    program = (
        "import keyapi_async as k\n"
        "assert sorted(k.__all__) == sorted(dir(k))\n"
        "assert all(getattr(k, name) is not None for name in k.__all__)\n"
        "from keyapi_async import *\n"
        "assert KeyAPI is k.KeyAPI\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)  # noqa: S603
    for module in (keyapi_async, converters):
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            module.nothing  # noqa: B018  # it is refused


def test_importing_the_package_imports_nothing_that_it_does_not_need() -> None:
    names = ("keyapi_async", "keyapi_async.client", "keyapi_async.harvest")
    program = "import sys; before = {*sys.modules}\n" + "\n".join(
        f"import {one}; print(*{{*sys.modules}} - before)" for one in names
    )
    ran = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    )
    alone, client, harvest = ({*line.split()} for line in ran.stdout.splitlines())
    assert "keyapi_async" in alone
    assert "aiohttp" not in alone
    assert "aiohttp" in client
    rooms = {f"keyapi_async.{room}" for room in ("sandbox", "cli", "harvest", "dask", "report")}
    assert not client & (rooms | FOREIGN)
    assert harvest & (rooms | FOREIGN) <= {"keyapi_async.harvest", "sqlite3"}
