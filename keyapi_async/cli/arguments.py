"""A command of an endpoint: its arguments and options, made of the endpoint's parameters."""

import inspect
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from enum import IntEnum
from functools import partial
from typing import Annotated, Any, Final, TypeVar

import attrs
import orjson
import typer

from keyapi_async.api.endpoint import Endpoint, Parameter
from keyapi_async.cli.commands import Command, command, meant
from keyapi_async.cli.options import keyword, with_options
from keyapi_async.errors import InvalidParameterError, shown

T = TypeVar("T")

_SAMPLES: Final = {
    "ID": "1729492547846767618",
    "HANDLE": "tiktok",
    "TEXT": "yoga",
    "REGION": "US",
    "LANGUAGE": "en-US",
    "DATE": "2026-07-01",
}
_OF_JSON: Final = {"count", "choice", "amount", "rate", "flag"}
"""Kinds whose values are numbers or flags; everything else is taken as it is written."""


def dashed(name: str) -> str:
    """Give the option of a parameter."""
    return f"--{name.replace('_', '-')}"


def ids_of(endpoint: Endpoint) -> list[Parameter]:
    """List the parameters that say what a list is of: an id, a handle or words to search for."""
    return [
        one
        for one in endpoint.parameters
        if one.name in endpoint.key and one.kind.metavar in {"ID", "HANDLE", "TEXT"}
    ]


def is_ranking(endpoint: Endpoint) -> bool:
    """Say whether an endpoint is asked for a period, of which there is a latest one."""
    return {"date", "rank_type"} <= set(endpoint.key)


def required_of(endpoint: Endpoint) -> list[Parameter]:
    """List what the command that reads one list has to be given; it finds the latest date."""
    found = {"date"} if is_ranking(endpoint) else set()
    return [one for one in endpoint.parameters if one.required and one.name not in found]


def of_one_list(endpoint: Endpoint) -> list[inspect.Parameter]:
    """Make what the command that reads one list takes."""
    required, ids = required_of(endpoint), ids_of(endpoint)
    made = []
    for one in endpoint.parameters:
        if one.required and one not in required:
            doc = f"{one.doc} The latest if not given."
            one = attrs.evolve(one, doc=doc, required=False)  # noqa: PLW2901  # as the command has it
        positional = one in required and one in ids
        made.append(_parameter(one, several=one.kind.many, positional=positional))
    return made


def of_many_lists(endpoint: Endpoint) -> list[inspect.Parameter]:
    """Make what commands take that read many lists: all but what comes from a file."""
    return [
        _parameter(one, several=one.name in endpoint.key)
        for one in endpoint.parameters
        if one not in ids_of(endpoint)
    ]


def given_of(endpoint: Endpoint, values: Mapping[str, Any]) -> dict[str, Any]:
    """Pick what was given for the parameters of an endpoint; of several values, a list."""
    given = {}
    for one in endpoint.parameters:
        value = values.get(one.name)
        if isinstance(value, list):  # of the values that commas have separated
            value = [single for some in value for single in some]
        if value is not None:
            given[one.name] = value
    return given


def sample(endpoint: Endpoint, *, files: bool = False) -> str:
    """Write an example of what is required; ids come from a file where many lists are read."""
    ids, required = ids_of(endpoint), required_of(endpoint)
    texts = ["--ids ids.txt"] if files and ids else []
    for one in endpoint.parameters:
        needed = one.required if files else one in required
        if not (needed or one.name in endpoint.one_of[:1]) or (files and one in ids):
            continue
        value = _SAMPLES.get(one.kind.metavar, "")
        if one.kind.choices is not None:
            value = next(iter(_words(one.kind.choices)))
        texts.append(value if one.required and one in ids else f"{dashed(one.name)} {value}")
    return " ".join(texts)


def command_of(
    endpoint: Endpoint,
    act: Callable[[dict[str, Any], T], None],
    options: type[T],
    *,
    parameters: list[inspect.Parameter],
    doc: str,
    verb: str = "",
    example: str = "",
) -> Command:
    """Make a command of an endpoint, whose name stands after the verb if there is one.

    It calls ``act`` with all values that it was given and with its options. Its example has what
    is required, and what ``example`` adds.
    """
    called = with_options(options, act, parameters, "Reading and writing")
    doc = re.sub(r"``(\w+)\.iter_(\w+)``", r"'\1 \2'", doc).replace("``", "")
    paragraphs = (" ".join(one.split()) for one in doc.split("\n\n"))
    name = f"{verb} {endpoint.resource} {endpoint.name}".lstrip()
    needed = f"{sample(endpoint, files=bool(verb))}{example}"
    return command(name, called, needed, "\n\n".join(paragraphs))


def _parameter(one: Parameter, *, several: bool, positional: bool = False) -> inspect.Parameter:
    choices, metavar, doc = one.kind.choices, one.kind.metavar, one.doc
    default = None if one.default is None else str(one.default)
    if choices is not None:
        metavar, doc = "NAME", f"{doc} One of: {', '.join(_words(choices))}."
        default = next(
            (word for word, member in _words(choices).items() if member == one.default), None
        )
    if one.kind.name == "moment":
        metavar, doc = "TIME", f"{doc} Unix seconds, or a time such as 2026-07-01T12:00 (UTC)."
    if positional:
        metavar = one.name.removesuffix("s").upper()
    elif several:
        metavar, doc = f"{metavar},...", f"{doc} Several with commas between them."
    make = typer.Argument if positional else partial(typer.Option, dashed(one.name))
    option: Any = make(
        metavar=metavar,
        parser=_parser(one, several=several),
        autocompletion=None if choices is None else _completed(choices),
        help=doc,
    )
    kind: Any = list[str] if several else str
    if one.required:
        return keyword(one.name, Annotated[kind, option], inspect.Parameter.empty)
    return keyword(one.name, Annotated[kind | None, option], default)


def _words(choices: type[IntEnum]) -> dict[str, IntEnum]:
    """Give the words for the members of an enum."""
    return {member.name.lower(): member for member in choices}


def _completed(choices: type[IntEnum]) -> Callable[[str], list[str]]:
    return lambda incomplete: [one for one in _words(choices) if one.startswith(incomplete.lower())]


def _parser(one: Parameter, *, several: bool) -> Callable[[str], object]:
    if several:
        return lambda text: [_value(one, single.strip()) for single in text.split(",")]
    return lambda text: _value(one, text)


def _value(one: Parameter, text: str) -> object:
    """Read and check what was given for a parameter."""
    kind, value = one.kind, text
    if kind.choices is not None:
        members = {str(member.value): member for member in kind.choices} | _words(kind.choices)
        word = text.strip().lower().replace("-", "_")
        if word not in members:
            raise typer.BadParameter(
                f"{shown(text)} is not one of them{meant(word, _words(kind.choices))}"
            )
        return members[word]
    with suppress(ValueError):
        value = _read(kind.name, text)
    try:
        kind.check(one.name, value)
    except InvalidParameterError as error:
        raise typer.BadParameter(f"{shown(text)} is not accepted: {error.allowed}") from None
    return value


def _read(kind: str, text: str) -> Any:
    if kind == "moment" and (not text.isdigit() or len(text) == len("20260701")):
        found = datetime.fromisoformat(text)
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return orjson.loads(text) if kind in _OF_JSON or kind == "moment" else text
