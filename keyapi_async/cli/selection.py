"""Which lists a command means: ids from files, times the values of other key parameters."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Annotated, Any

import attrs
import typer

from keyapi_async.api.endpoint import Endpoint, Parameter
from keyapi_async.cli.arguments import given_of, ids_of, of_many_lists
from keyapi_async.cli.exits import InputError
from keyapi_async.cli.ids import read_ids
from keyapi_async.cli.options import keyword

_COLUMN = "Column of the ids, where they come from a CSV or from another harvest's ledger."


@attrs.frozen
class Selection:
    """Lists of an endpoint: the values of each of its key parameters, and what they share."""

    endpoint: Endpoint
    keys: Mapping[str, Sequence[Any]]
    shared: Mapping[str, Any]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Give the parameters that tell each list from the others."""
        return (dict(zip(self.keys, some, strict=True)) for some in product(*self.keys.values()))

    def count(self) -> int:
        """Count the lists; ids that go in one call are one of them."""
        together = {
            name: [values] for name, values in self.keys.items() if name in self.endpoint.ids
        }
        chosen = attrs.evolve(self, keys={**self.keys, **together})
        return sum(len(self.endpoint.listing({**key, **self.shared}).queries) for key in chosen)


def parameters_of(endpoint: Endpoint) -> list[inspect.Parameter]:
    """Make what a command takes to say which lists are meant."""
    made = []
    for one in ids_of(endpoint):
        doc = f"File with a {one.name.removesuffix('s')} on each line, or a CSV or a ledger with"
        option = typer.Option(metavar="FILE", help=f"{doc} --column; - for standard input.")
        needed: Any = (str, inspect.Parameter.empty) if one.required else (str | None, None)
        made.append(keyword(_noun(one), Annotated[needed[0], option], needed[1]))
    if made:
        option = typer.Option(metavar="NAME", help=_COLUMN)
        made.append(keyword("column", Annotated[str | None, option], None))
    return [*made, *of_many_lists(endpoint)]


def selected(endpoint: Endpoint, values: Mapping[str, Any]) -> Selection:
    """Read which lists are meant; where an id is bad, an ``InputError`` says what to do."""
    named = [one for one in ids_of(endpoint) if values[_noun(one)] is not None]
    if endpoint.one_of and len(named) != 1:
        raise InputError("give either --ids or --handles")
    given = given_of(endpoint, values)
    shared = {name: value for name, value in given.items() if name not in endpoint.key}
    keys = {name: value for name, value in given.items() if name in endpoint.key}
    for one in named:
        keys[one.name] = read_ids(values[_noun(one)], values["column"], one.kind.check)
    return Selection(endpoint, keys, shared)


def _noun(one: Parameter) -> str:
    return "handles" if one.kind.metavar == "HANDLE" else "ids"
