"""``keyapi-async RESOURCE NAME``: one list, streamed to standard output."""

import asyncio
import sys
from typing import Any

import attrs

from keyapi_async.api.endpoint import Endpoint
from keyapi_async.cli import arguments
from keyapi_async.cli.arguments import dashed, given_of, is_ranking, required_of
from keyapi_async.cli.commands import Command
from keyapi_async.cli.exits import InputError
from keyapi_async.cli.options import Format, ReadOptions, option


@attrs.frozen(kw_only=True)
class ListOptions(ReadOptions):
    """How one list is read and written."""

    limit: int | None = option(None, "Rows at most.", "N", min=0)
    format: Format | None = option(None, "A table on a terminal, else jsonl, if not given.")
    columns: str | None = option(
        None, "Fields to show; the main ones that fit a table, else all, if not given.", "A,B,C"
    )
    max_credits: int | None = option(None, "Credits to spend at most.", "N", min=0)


def command_of(endpoint: Endpoint) -> Command:
    """Make the command that reads one list of an endpoint."""

    def read(values: dict[str, Any], how: ListOptions) -> None:
        given = given_of(endpoint, values)
        if endpoint.one_of and len(given.keys() & set(endpoint.one_of)) != 1:
            raise InputError(f"give either {' or '.join(map(dashed, endpoint.one_of))}")
        asyncio.run(_print(endpoint, given, how))

    latest = "\n\nFinding the latest period costs up to three calls more."
    return arguments.command_of(
        endpoint,
        read,
        ListOptions,
        parameters=arguments.of_one_list(endpoint),
        doc=f"{endpoint.doc}\n\n{endpoint.cost}{latest if is_ranking(endpoint) else ''}",
    )


async def _print(endpoint: Endpoint, given: dict[str, Any], how: ListOptions) -> None:
    # The client and the tables are not needed for a help text.
    from keyapi_async.cli.output import Output  # noqa: PLC0415
    from keyapi_async.cli.terminal import console, counted  # noqa: PLC0415
    from keyapi_async.client import KeyAPI  # noqa: PLC0415

    constant = {name for name in given if name in endpoint.key and name not in endpoint.ids}
    output = Output(endpoint.record, how.format, how.columns, constant)
    rows = rejected = 0
    async with KeyAPI(qps=how.qps, max_credits=how.max_credits) as api:
        if is_ranking(endpoint) and "date" not in given:
            resource = getattr(api.tiktok, endpoint.resource)
            needed = {one.name: given[one.name] for one in required_of(endpoint)}
            latest = await resource.latest_ranking_date(**needed)
            if latest is None:
                raise InputError("the last three periods have no rows: give a --date")
            given["date"] = latest
        async with endpoint.open(api.tiktok, given, limit=how.limit, until=how.until) as stream:
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
