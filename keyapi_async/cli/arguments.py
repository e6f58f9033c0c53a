"""The arguments and options of a command, made of the parameters of an endpoint."""

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from keyapi_async.api.declaration import Endpoint, Parameter
from keyapi_async.cli.exits import InputError
from keyapi_async.cli.options import READING, completed, one_of, words
from keyapi_async.errors import InvalidParameterError, shown
from keyapi_async.streams.paging import Until

_IDS = {"ID", "HANDLE", "TEXT"}
_SAMPLES: Final = {
    "ID": "1729492547846767618",
    "HANDLE": "tiktok",
    "TEXT": "yoga",
    "REGION": "US",
    "LANGUAGE": "en-US",
    "DATE": "2026-07-01",
}

End = Annotated[
    Until,
    typer.Option(
        "--until",
        metavar="RULE",
        parser=one_of(words(Until)),
        autocompletion=completed(Until),
        show_default="short_page",
        rich_help_panel=READING,
        help="Where a list ends: short_page, or empty_page for lists that are filtered, which costs"
        " a credit more.",
    ),
]


def dashed(name: str) -> str:
    """Give the option of a parameter."""
    return f"--{name.replace('_', '-')}"


def is_id(parameter: Parameter) -> bool:
    """Say whether a parameter says what a list is of: an id, a handle or words to search for."""
    return parameter.kind.metavar in _IDS


def ids_of(endpoint: Endpoint) -> list[Parameter]:
    """List the parameters whose values come from a file where many lists are read."""
    return [one for one in endpoint.parameters if one.name in endpoint.key and is_id(one)]


def is_ranking(endpoint: Endpoint) -> bool:
    """Say whether an endpoint is asked for a period, of which there is a latest one."""
    return {"date", "rank_type"} <= set(endpoint.key)


def of_one_list(endpoint: Endpoint) -> list[inspect.Parameter]:
    """Make what the command that reads one list takes."""
    arguments, options = [], []
    for one in endpoint.parameters:
        if one.required and one.name in endpoint.key and is_id(one):
            arguments.append(_argument(one))
        elif one.name == "date" and is_ranking(endpoint):
            options.append(_option(one, required=False, doc=f"{one.doc} The latest if not given."))
        else:
            options.append(_option(one, required=one.required, several=one.kind.many))
    return [*arguments, *options]


def of_many_lists(endpoint: Endpoint) -> list[inspect.Parameter]:
    """Make what commands take that read many lists: all but what comes from a file."""
    files = ids_of(endpoint)
    return [
        _option(one, required=one.required, several=one.name in endpoint.key)
        for one in endpoint.parameters
        if one not in files
    ]


def given_of(endpoint: Endpoint, values: Mapping[str, Any]) -> dict[str, Any]:
    """Pick what was given for the parameters of an endpoint.

    Raises:
        InputError: not exactly one was given of those of which one is wanted.
    """
    given = {
        one.name: values[one.name]
        for one in endpoint.parameters
        if values.get(one.name) is not None
    }
    for name, value in given.items():
        if isinstance(value, list):
            given[name] = [single for text in value for single in text]
    if endpoint.one_of and len(given.keys() & set(endpoint.one_of)) != 1:
        raise InputError(f"give exactly one of {' and '.join(map(dashed, endpoint.one_of))}")
    return given


def sample(endpoint: Endpoint, *, files: bool = False) -> str:
    """Write an example of what is required; ids come from a file where many lists are read."""
    from_file = ids_of(endpoint) if files else []
    texts = ["--ids ids.txt"] if from_file else []
    for one in endpoint.parameters:
        of_period = one.name == "date" and is_ranking(endpoint) and not files
        if (not one.required or of_period) and one.name not in endpoint.one_of[:1]:
            continue
        if one in from_file:
            continue
        value = _SAMPLES.get(one.kind.metavar, "")
        if one.kind.choices is not None:
            value = next(iter(words(one.kind.choices)))
        positional = one.required and one.name in endpoint.key and is_id(one)
        texts.append(value if positional else f"{dashed(one.name)} {value}")
    return " ".join(texts)


def _argument(one: Parameter) -> inspect.Parameter:
    metavar = f"{one.name.removesuffix('s').upper()}..." if one.kind.many else one.name.upper()
    several = one.kind.many
    told = typer.Argument(
        metavar=metavar, parser=_parser(one, several=several), help=one.doc, show_default=False
    )
    kind: Any = list[str] if several else str
    return _parameter(one.name, Annotated[kind, told], inspect.Parameter.empty)


def _option(
    one: Parameter, *, required: bool, several: bool = False, doc: str | None = None
) -> inspect.Parameter:
    choices, default = one.kind.choices, one.default
    metavar, doc = one.kind.metavar, doc or one.doc
    if choices is not None:
        metavar, doc = "NAME", f"{doc} One of: {', '.join(words(choices))}."
        default = None if default is None else choices(default).name.lower()
    if one.kind.name == "moment":
        metavar, doc = "TIME", f"{doc} Unix seconds, or a time such as 2026-07-01T12:00 (UTC)."
    if several:
        doc = f"{doc} Several with commas between them."
    told = typer.Option(
        dashed(one.name),
        metavar=f"{metavar},..." if several else metavar,
        parser=_parser(one, several=several),
        autocompletion=None if choices is None else completed(choices),
        help=doc,
        show_default=False if default is None else str(default),
    )
    kind: Any = list[str] if several else str
    if required:
        return _parameter(one.name, Annotated[kind, told], inspect.Parameter.empty)
    return _parameter(one.name, Annotated[kind | None, told], None)


def _parameter(name: str, annotation: object, default: object) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )


def _parser(one: Parameter, *, several: bool) -> Callable[[str], object]:
    if several:
        return lambda text: [_value(one, single.strip()) for single in text.split(",")]
    return lambda text: _value(one, text)


def _value(one: Parameter, text: str) -> object:
    """Read and check what was given for a parameter."""
    kind = one.kind
    value: object = text
    if kind.choices is not None:
        by_number = {str(member.value): member for member in kind.choices}
        return by_number[text] if text in by_number else one_of(words(kind.choices))(text)
    if kind.name in _READ:
        with suppress(ValueError, KeyError):
            value = _READ[kind.name](text)
    try:
        kind.check(one.name, value)
    except InvalidParameterError as error:
        raise typer.BadParameter(f"{shown(text)} is not accepted: {error.allowed}") from None
    return value


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _time(text: str) -> int | datetime:
    if text.isascii() and text.isdigit() and len(text) != len("20260701"):
        return int(text)
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _flag(text: str) -> bool:
    return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[
        text.lower()
    ]


_READ: Final[Mapping[str, Callable[[str], object]]] = {
    "count": _number,
    "choice": _number,
    "amount": _number,
    "rate": _number,
    "moment": _time,
    "flag": _flag,
}
