"""``keyapi-async endpoints``: every endpoint, and how well it is known."""

import sys
from typing import Annotated, Any

import orjson
import typer
from rich.table import Table
from rich.text import Text

from keyapi_async.api import endpoints as declared
from keyapi_async.api.endpoint import Endpoint
from keyapi_async.cli.arguments import required_of
from keyapi_async.cli.terminal import console

_COPIED = ("resource", "name", "path", "summary", "credits", "evidence")


def endpoints(
    *,
    long: Annotated[
        bool, typer.Option("--long", help="With path, row and all parameters.")
    ] = False,
) -> None:
    """List every endpoint: command, what it needs, price, and evidence.

    Evidence is documented, example or inferred. In a pipe it is a line of JSON for
    each. It costs nothing.
    """
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for head in ("command", "needs", "credits", "evidence"):
        table.add_column(head, justify="right" if head == "credits" else "left")
    for one in declared():
        facts = _described(one)
        if not sys.stdout.isatty():
            sys.stdout.write(orjson.dumps(facts).decode() + "\n")
            continue
        needs = Text(", ".join(facts["required"]), overflow="fold")
        table.add_row(f"{one.resource} {one.name}", needs, str(one.credits), one.evidence)
        if long:
            rest = ", ".join(p for p in facts["parameters"] if p not in facts["required"])
            doc = f"{one.path}\n{one.record.__name__}: {one.summary}\n{rest}\n"
            table.add_row("", Text(doc, "dim"))
    if table.rows:
        console(sys.stdout).print(table)


def _described(one: Endpoint) -> dict[str, Any]:
    required = [p.name for p in required_of(one)]
    facts = {name: getattr(one, name) for name in _COPIED}
    return facts | {
        "record": one.record.__name__,
        "parameters": [p.name for p in one.parameters],
        "required": [*required, *filter(None, [" or ".join(one.one_of)])],
        "pages": one.pages is not None,
    }
