"""``keyapi-async endpoints``: every endpoint, and how sure it is."""

import sys
from typing import Annotated

import orjson
import typer
from rich.table import Table
from rich.text import Text

from keyapi_async.api import endpoints as declared
from keyapi_async.api.declaration import Endpoint
from keyapi_async.cli.arguments import is_ranking
from keyapi_async.cli.terminal import console


def endpoints(
    *,
    long: Annotated[
        bool, typer.Option("--long", help="With all parameters, and what a row becomes.")
    ] = False,
) -> None:
    """List every endpoint: command, path, what it needs, credits, and how sure it is.

    In a pipe it is a line of JSON for each. It costs nothing.
    """
    if not sys.stdout.isatty() and not long:
        for one in declared():
            sys.stdout.write(orjson.dumps(_described(one)).decode() + "\n")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for head in ("command", "needs", "credits", "sure"):
        table.add_column(head, justify="right" if head == "credits" else "left")
    for one in declared():
        needs = Text(", ".join(_needed(one)), overflow="fold")
        table.add_row(f"{one.resource} {one.name}", needs, str(one.credits), one.evidence)
        if long:
            optional = [p.name for p in one.parameters if p.name not in _needed(one)]
            told = f"{one.path}\n{one.summary}\n{one.record.__name__}"
            table.add_row("", Text(f"{told}\n{', '.join(optional)}".rstrip() + "\n", "dim"))
    console(sys.stdout).print(table)


def _needed(one: Endpoint) -> list[str]:
    """Name the parameters that have to be given."""
    required = [p.name for p in one.parameters if p.required]
    if is_ranking(one):
        required.remove("date")
    return [*required, *filter(None, [" or ".join(one.one_of)])]


def _described(one: Endpoint) -> dict[str, object]:
    return {
        "resource": one.resource,
        "name": one.name,
        "path": one.path,
        "summary": one.summary,
        "record": one.record.__name__,
        "parameters": [p.name for p in one.parameters],
        "required": _needed(one),
        "pages": one.pages is not None,
        "credits": one.credits,
        "evidence": one.evidence,
    }
