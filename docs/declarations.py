"""Pages made of the declarations, and a check that no public name is left out.

A line ``<!-- declared: endpoints product -->`` in a page becomes the sections of the endpoints of
a resource; ``table``, ``records`` and ``codes`` stand for what they say.
"""

import inspect
import json
import re
import sys
from collections.abc import Iterator
from enum import Enum, IntEnum
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import attrs
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from keyapi_async.api import endpoints, resource_class
from keyapi_async.api.endpoint import Endpoint, Parameter
from keyapi_async.records.codec import DOC, is_record

MARK = re.compile(r"^<!-- declared: (\w+) ?(\w*) -->$", re.MULTILINE)
MODULES = ("", ".api", ".dask", ".harvest", ".sandbox")
TAKES = {
    "ID": "an id: digits, or an int",
    "HANDLE": "a handle",
    "REGION": "two letters",
    "LANGUAGE": "a language, such as en-US",
    "DATE": "a `date`, or yyyy-MM-dd",
    "SECONDS": "an aware `datetime`, or Unix seconds",
    "TEXT": "a text",
    "CODE": "a code of the API",
    "0|1": "True or False",
    "true|false": "True or False",
}
EVIDENCE = {
    "documented": "parameters and fields are documented",
    "example": "fields are known from a documented example",
    "inferred": "fields are inferred",
}

MADE_FOR_YOU = {"Credits", "FanOut", "Harvest", "Records", "RecordStream", "Answer", "Stats"}
"""Classes of which nobody makes an instance by hand, so that their signature is of no use."""

log = logging.getLogger(__name__)


def public(module: str) -> Iterator[tuple[str, Any]]:
    """Give the public names of a module, and what they stand for."""
    home = import_module(f"keyapi_async{module}")
    for name in getattr(home, "__all__", ()):
        yield name, getattr(home, name)


def cell(text: object) -> str:
    """Write a text as the cell of a table."""
    return str(text).replace("|", r"\|").replace("\n", " ").replace("<", r"\<")


def type_name(annotation: object) -> str:
    """Write the type of a field."""
    shown = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    return re.sub(r"\b[a-z_]+(\.[a-z_]+)*\.(?=\w)", "", shown)


def linked(name: str) -> str:
    """Link a class of the package."""
    return f"{{py:class}}`~keyapi_async.{name}`"


def taken(one: Parameter) -> str:
    """Say what a parameter takes."""
    if one.kind.choices is not None:
        names = [name for name, value in public("") if value is one.kind.choices]
        own = one.name.replace("_", "")
        return linked(next((name for name in names if name.lower() == own), names[0]))
    number = "a whole number" if one.kind.name == "count" else "a number"
    told = TAKES.get(one.kind.metavar, number)
    if "-" in one.kind.metavar:
        told += f", {one.kind.metavar}"
    return f"{told}; one or any number" if one.kind.many else told


def signature_of(one: Endpoint) -> str:
    """Write what an endpoint's method has to be given."""
    method = getattr(resource_class(one.resource), one.method)
    needed = [
        parameter.replace(annotation=inspect.Parameter.empty, default=inspect.Parameter.empty)
        for name, parameter in inspect.signature(method).parameters.items()
        if name in one.one_of[:1] or (name != "self" and parameter.default is parameter.empty)
    ]
    options = inspect.Parameter("options", inspect.Parameter.VAR_KEYWORD)
    return str(inspect.Signature([*needed, options]))


def record_of(one: Endpoint) -> str:
    """Name the record of an endpoint."""
    return "`dict`" if one.record is dict else linked(one.record.__name__)


def section(one: Endpoint) -> str:
    """Write the section of an endpoint."""
    lines = [
        f"({one.resource}-{one.name})=",
        f"## {one.name}",
        "",
        f"::::{{py:method}} api.tiktok.{one.resource}.{one.method}{signature_of(one)}",
        "",
        _markdown(one.doc),
        "",
        "| parameter | takes | meaning |",
        "|---|---|---|",
    ]
    for parameter in one.parameters:
        needed = " (required)" if parameter.required else ""
        if parameter.name in one.one_of:
            needed = " (one of these)"
        if parameter.default is not None:
            needed = f" (`{getattr(parameter.default, 'name', parameter.default)}`)"
        wire = "" if parameter.wire == parameter.name else f" The API says `{parameter.wire}`."
        lines.append(
            f"| `{parameter.name}`{needed} | {taken(parameter)} | {cell(parameter.doc)}{wire} |"
        )
    command = f"keyapi-async {one.resource} {one.name.replace('_', '-')}"
    key = ", ".join(f"`{name}`" for name in one.key)
    sure = f"{one.evidence} ({EVIDENCE[one.evidence]})"
    lines += [
        "",
        f"Gives {record_of(one)}. {one.cost} Evidence: {sure}.",
        f"A list is identified by {key}." if key else "",
        f"One page: `await api.tiktok.{one.resource}.{one.name}(…)`.",
        f"On the command line: `{command}`. In the API: `GET {one.path}`.",
        "::::",
        "",
    ]
    return "\n".join(lines)


def _markdown(doc: str) -> str:
    return doc.replace("``", "`").replace("*", r"\*")


def resource(name: str) -> str:
    """Write the sections of a resource."""
    return "\n".join(section(one) for one in endpoints() if one.resource == name)


def table(_: str) -> str:
    """Write the table of all endpoints."""
    rows = ["| endpoint | record | gives | credits | evidence |", "|---|---|---|---|---|"]
    for one in endpoints():
        link = f"{{ref}}`{one.resource}.{one.name} <{one.resource}-{one.name}>`"
        gives = cell(_markdown(one.summary.removeprefix("Stream ")).rstrip("."))
        rows.append(f"| {link} | {record_of(one)} | {gives} | {one.credits} | {one.evidence} |")
    return "\n".join(rows)


def records(_: str) -> str:
    """Write a section for each record class."""
    given: dict[str, list[str]] = {}
    for one in endpoints():
        link = f"{{ref}}`{one.resource}.{one.name} <{one.resource}-{one.name}>`"
        given.setdefault(one.record.__name__, []).append(link)
    lines = []
    for name, cls in public(""):
        if not is_record(cls):
            continue
        doc = (inspect.getdoc(cls) or "").partition("\n\nAttributes:")[0]
        lines += [
            *_class_head(name, cls, doc),
            f"From {', '.join(given[name])}.",
            "",
            "| field | type | meaning |",
            "|---|---|---|",
        ]
        lines += [
            f"| `{field.name}` | `{cell(type_name(field.type))}` | {cell(field.metadata[DOC])} |"
            for field in attrs.fields(cls)
        ]
        lines += ["::::", ""]
    return "\n".join(lines)


def _class_head(name: str, cls: type, doc: str) -> list[str]:
    """Begin the section of a public class; ``::::`` ends its directive."""
    return [
        f"## {name}",
        "",
        f"::::{{py:class}} keyapi_async.{name}",
        f":canonical: {cls.__module__}.{name}",
        "",
        _markdown(doc),
        "",
    ]


def codes(_: str) -> str:
    """Write a section for each set of codes."""
    lines = []
    for name, cls in public(""):
        if not (isinstance(cls, type) and issubclass(cls, Enum) and issubclass(cls, int)):
            continue
        lines += [
            *_class_head(name, cls, inspect.getdoc(cls) or ""),
            "| name | value |",
            "|---|---|",
            *(f"| `{member.name}` | {member.value} |" for member in cls),
            "",
        ]
        for method in ("start", "latest"):
            if hasattr(cls, method):
                doc = _markdown(inspect.getdoc(getattr(cls, method)) or "")
                lines += [f":::{{py:method}} {method}(…)", "", doc, ":::", ""]
        lines += ["::::", ""]
    return "\n".join(lines)


def notebook(_: str) -> str:
    """Write the cells of the example's notebook."""
    file = Path(__file__).parents[1] / "examples" / "explore.ipynb"
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    texts = [("".join(cell["source"]), cell["cell_type"] == "code") for cell in cells]
    return "\n\n".join(
        f"```python\n{text}\n```" if is_code else re.sub("^# .*", "", text)
        for text, is_code in texts
    )


MAKERS = {
    "notebook": notebook,
    "endpoints": resource,
    "table": table,
    "records": records,
    "codes": codes,
}


def fill(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put what is declared in the place of a page's marks."""
    source[0] = MARK.sub(lambda found: MAKERS[found[1]](found[2]), source[0])


def complete(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of public names, and methods of public classes, that stand nowhere."""
    told = env.domains.python_domain.objects
    for module in MODULES:
        for name, value in public(module):
            full = f"keyapi_async{module}.{name}"
            if full not in told:
                log.warning("public and not documented: %s", full)
            elif isinstance(value, type) and not issubclass(value, IntEnum):
                for member in methods(value):
                    if f"{full}.{member}" not in told:
                        log.warning("public and not documented: %s.%s", full, member)


def methods(cls: type) -> Iterator[str]:
    """Name the public methods and properties that a class has of its own."""
    for name, member in vars(cls).items():
        plain = inspect.isfunction(member) or isinstance(member, (property, classmethod))
        if not name.startswith("_") and plain:
            yield name


def foreign(app: Sphinx, env: BuildEnvironment, node: Any, content: Any) -> Any:
    """Leave names of other packages as text; ours have to lead somewhere."""
    if node.get("refdomain") != "py":
        return None
    home, _, name = str(node.get("reftarget", "")).rpartition(".")
    if not home.startswith("keyapi_async"):
        return content
    return content if isinstance(getattr(sys.modules.get(home), name, None), TypeVar) else None


def unsigned(app: Sphinx, what: str, name: str, *rest: object) -> tuple[str, str] | None:
    """Leave out how a class is made of which no user makes an instance."""
    hidden = what == "class" and name.rpartition(".")[2] in MADE_FOR_YOU
    return ("", "") if hidden else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register all of it."""
    app.connect("source-read", fill)
    app.connect("env-check-consistency", complete)
    app.connect("missing-reference", foreign)
    app.connect("autodoc-process-signature", unsigned)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
