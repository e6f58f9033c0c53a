"""``keyapi-async estimate``: what a harvest would cost at least, before it costs anything."""

import inspect
import sys
from typing import Annotated, Any

import typer

from keyapi_async.api.declaration import Endpoint
from keyapi_async.cli.arguments import End
from keyapi_async.cli.commands import Command, command
from keyapi_async.cli.options import READING, Qps
from keyapi_async.cli.selection import parameters_of, selected
from keyapi_async.cli.terminal import console, counted, duration, pairs
from keyapi_async.streams.paging import Until

RowsPerList = Annotated[
    int,
    typer.Option(
        "--rows-per-list", min=0, rich_help_panel=READING, help="Rows that a list is taken to have."
    ),
]


def estimate_command(endpoint: Endpoint) -> Command:
    """Make the command that estimates the harvest of an endpoint."""

    def estimate(
        *,
        rows_per_list: RowsPerList = 0,
        qps: Qps = 10.0,
        until: End = Until.SHORT_PAGE,
        **values: Any,
    ) -> None:
        chosen = selected(endpoint, values)
        lists = sum(len(endpoint.listing(key).queries) for key in chosen.whole(endpoint))
        pages = 1
        if endpoint.pages is not None:
            whole, rest = divmod(rows_per_list, endpoint.pages.most_rows)
            pages = whole + 1 + (until is Until.EMPTY_PAGE and rest > 0)
        calls = lists * pages
        rows = f"{rows_per_list:,} rows a list"
        if not rows_per_list:
            rows = "no rows in any list; say --rows-per-list"
        least = f"{calls * endpoint.credits:,} at least"
        lines = [
            ("lists", f"{lists:,}"),
            ("credits", least if endpoint.pages is None else f"{least}, with {rows}"),
            ("time", f"{duration(calls / qps)} at least, at {qps:g} requests/s"),
        ]
        console(sys.stdout).print(pairs(lines))

    own = list(inspect.signature(estimate).parameters.values())[:-1]
    price = counted(endpoint.credits, "credit")
    per = "page of ten rows" if endpoint.pages else "call"
    ids = f"; {endpoint.ids_per_call} ids are one list" if endpoint.ids else ""
    return command(
        endpoint.name,
        estimate,
        parameters=[*parameters_of(endpoint), *own],
        doc="Say what a harvest would cost at least, and how long it would take."
        f"\n\nA list costs {price} a {per}, and at least that{ids}. Asking this costs nothing.",
    )
