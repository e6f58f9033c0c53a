"""``keyapi-async RESOURCE NAME``: one list, streamed to standard output."""

import asyncio
import inspect
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from keyapi_async.api.declaration import Endpoint
from keyapi_async.cli.arguments import End, given_of, is_ranking, of_one_list, sample
from keyapi_async.cli.commands import Command, command
from keyapi_async.cli.exits import InputError
from keyapi_async.cli.options import READING, Format, MaxCredits, Qps, completed, one_of, words
from keyapi_async.streams.paging import Until

Limit = Annotated[
    int | None,
    typer.Option("--limit", metavar="N", min=0, rich_help_panel=READING, help="Rows at most."),
]
Columns = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="A,B,C",
        rich_help_panel=READING,
        help="Fields to show; on a terminal the main ones that fit, else all, if not given.",
    ),
]
Written = Annotated[
    Format | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        parser=one_of(words(Format)),
        autocompletion=completed(Format),
        show_default="table on a terminal, else jsonl",
        rich_help_panel=READING,
        help="Written as table, jsonl or csv.",
    ),
]


def list_command(endpoint: Endpoint) -> Command:
    """Make the command that reads one list of an endpoint."""

    def read(
        *,
        limit: Limit = None,
        format_: Written = None,
        columns: Columns = None,
        until: End = Until.SHORT_PAGE,
        qps: Qps = 10.0,
        max_credits: MaxCredits = None,
        **values: Any,
    ) -> None:
        given = given_of(endpoint, values)
        paging = {"limit": limit, "until": until}
        asyncio.run(_print(endpoint, given, paging, format_, columns, qps, max_credits))

    own = list(inspect.signature(read).parameters.values())[:-1]
    price = "One credit" if endpoint.credits == 1 else f"{endpoint.credits} credits"
    latest = "\n\nFinding the latest period costs up to three calls more."
    return command(
        endpoint.name,
        read,
        parameters=[*of_one_list(endpoint), *own],
        doc=f"{endpoint.doc}\n\n{price} a {'page of ten' if endpoint.pages else 'call'}."
        f"{latest if is_ranking(endpoint) else ''}",
        epilog=f"Example:  keyapi-async {endpoint.resource} {endpoint.name} {sample(endpoint)}"
        " --limit 50",
    )


async def _print(  # noqa: PLR0917  # the options, in their order
    endpoint: Endpoint,
    given: dict[str, Any],
    paging: Mapping[str, Any],
    format_: Format | None,
    columns: str | None,
    qps: float,
    max_credits: int | None,
) -> None:
    # The client and the tables are not needed for a help text.
    from keyapi_async.cli.output import Output  # noqa: PLC0415
    from keyapi_async.cli.terminal import console, counted  # noqa: PLC0415
    from keyapi_async.client import KeyAPI  # noqa: PLC0415

    constant = {name for name in given if name in endpoint.key and name not in endpoint.ids}
    output = Output(endpoint.record, format_, columns, constant)
    rows = rejected = 0
    async with KeyAPI(qps=qps, max_credits=max_credits) as api:
        resource = getattr(api.tiktok, endpoint.resource)
        if is_ranking(endpoint) and "date" not in given:
            given["date"] = await _latest(endpoint, resource, given)
        async with getattr(resource, endpoint.method)(**given, **paging) as stream:
            async for page in stream.pages():
                output.add(page.records)
                rows += len(page.records)
                rejected += len(page.rejects)
            output.add([])
        cost = f"{counted(rows, 'row')}, {counted(api.credits.spent, 'credit')}"
    screen = console(sys.stderr)
    if rejected:
        screen.print(f"left out, as invalid: {counted(rejected, 'row')}", style="yellow")
    if sys.stdout.isatty() and screen.is_terminal:
        screen.print(cost, style="dim")


async def _latest(endpoint: Endpoint, resource: Any, given: Mapping[str, Any]) -> Any:
    required = {one.name for one in endpoint.parameters if one.required} - {"date"}
    found = await resource.latest_ranking_date(**{name: given[name] for name in required})
    if found is None:
        raise InputError("the last three periods have no rows: give a --date")
    return found
