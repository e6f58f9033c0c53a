"""Which lists a command means: ids from files, times the values of other key parameters."""

import inspect
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Annotated, Any

import attrs
import typer

from keyapi_async.api.declaration import Endpoint, Parameter
from keyapi_async.cli.arguments import dashed, given_of, ids_of, of_many_lists
from keyapi_async.cli.exits import InputError
from keyapi_async.cli.ids import Column, read_ids

_FILE = "one a line, or a CSV or a ledger with --column; - for standard input."


@attrs.frozen
class Selection:
    """The lists that are meant, and what they have in common.

    Attributes:
        ids: name of the parameter that takes ids, or None.
        values: the ids.
        others: the values of the other parameters that tell one list from another.
        shared: all other parameters.
    """

    ids: str | None
    values: list[str]
    others: Mapping[str, list[Any]]
    shared: Mapping[str, Any]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Give the parameters that tell each list from the others."""
        for common in self._combined():
            if self.ids is None:
                yield common
            for one in self.values:
                yield {**common, self.ids or "": one}

    def whole(self, endpoint: Endpoint) -> Iterator[dict[str, Any]]:
        """Give the parameters of every list; where several ids go in a call, all of them at once."""
        several = self.ids in endpoint.ids
        together = ({**one, self.ids or "": self.values} for one in self._combined())
        return ({**one, **self.shared} for one in (together if several else self))

    def _combined(self) -> Iterator[dict[str, Any]]:
        for chosen in product(*self.others.values()):
            yield dict(zip(self.others, chosen, strict=True))


def parameters_of(endpoint: Endpoint) -> list[inspect.Parameter]:
    """Make what a command takes to say which lists are meant."""
    made = []
    for one in ids_of(endpoint):
        noun = "handles" if one.kind.metavar == "HANDLE" else "ids"
        doc = f"File of {one.name.removesuffix('s').replace('_', ' ')}s: {_FILE}"
        option = typer.Option(f"--{noun}", metavar="FILE", help=doc, show_default=False)
        given: Any = (inspect.Parameter.empty, str) if one.required else (None, str | None)
        default, kind = given
        made.append(_keyword(noun, Annotated[kind, option], default))
    if made:
        made.append(_keyword("column", Column, None))
    return [*made, *of_many_lists(endpoint)]


def _keyword(name: str, annotation: object, default: object) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )


def selected(endpoint: Endpoint, values: Mapping[str, Any]) -> Selection:
    """Read which lists are meant; every id is checked.

    Raises:
        InputError: they cannot be read; it says what to do.
    """
    files = {one.name: values.get(_noun(one)) for one in ids_of(endpoint)}
    named = [one for one in ids_of(endpoint) if files[one.name] is not None]
    if endpoint.one_of and len(named) != 1:
        raise InputError("give either --ids or --handles")
    plain = attrs.evolve(endpoint, one_of=())
    given = given_of(plain, values)
    others = {
        name: value if isinstance(value, list) else [value]
        for name, value in given.items()
        if name in endpoint.key
    }
    shared = {name: value for name, value in given.items() if name not in others}
    for one in endpoint.parameters:
        if one.required and one.name in others and not others[one.name]:
            raise InputError(f"{dashed(one.name)} has no value")
    ids: list[str] = []
    for one in named:
        ids = read_ids(str(files[one.name]), values.get("column"), one.kind.check)
    return Selection(named[0].name if named else None, ids, others, shared)


def _noun(one: Parameter) -> str:
    return "handles" if one.kind.metavar == "HANDLE" else "ids"
