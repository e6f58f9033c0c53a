"""``keyapi-async RESOURCE NAME``: one list, streamed to standard output."""

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

import attrs

from keyapi_async.api.endpoint import Endpoint
from keyapi_async.cli.arguments import dashed, given_of, is_ranking, of_one_list, sample
from keyapi_async.cli.commands import Command, command
from keyapi_async.cli.exits import InputError
from keyapi_async.cli.options import Format, Reading, option, options_of, taken


@attrs.frozen(kw_only=True)
class _Written(Reading):
    limit: int | None = option(None, "Rows at most.", "N", min=0)
    format: Format | None = option(None, "A table on a terminal, else jsonl, if not given.")
    columns: str | None = option(
        None, "Fields to show; the main ones that fit a table, else all, if not given.", "A,B,C"
    )
    max_credits: int | None = option(None, "Credits to spend at most.", "N", min=0)


def command_of(endpoint: Endpoint) -> Command:
    """Make the command that reads one list of an endpoint."""

    def read(values: dict[str, Any]) -> None:
        given = given_of(endpoint, values)
        if endpoint.one_of and len(given.keys() & set(endpoint.one_of)) != 1:
            raise InputError(f"give either {' or '.join(map(dashed, endpoint.one_of))}")
        asyncio.run(_print(endpoint, given, taken(_Written, values)))

    latest = "\n\nFinding the latest period costs up to three calls more."
    return command(
        endpoint.name,
        read,
        parameters=[*of_one_list(endpoint), *options_of(_Written)],
        doc=f"{endpoint.doc}\n\n{endpoint.cost}{latest if is_ranking(endpoint) else ''}",
        epilog=f"Example:  keyapi-async {endpoint.resource} {endpoint.name} {sample(endpoint)}",
    )


async def _print(endpoint: Endpoint, given: dict[str, Any], how: _Written) -> None:
    # The client and the tables are not needed for a help text.
    from keyapi_async.cli.output import Output  # noqa: PLC0415
    from keyapi_async.cli.terminal import console, counted  # noqa: PLC0415
    from keyapi_async.client import KeyAPI  # noqa: PLC0415

    constant = {name for name in given if name in endpoint.key and name not in endpoint.ids}
    output = Output(endpoint.record, how.format, how.columns, constant)
    rows = rejected = 0
    async with KeyAPI(qps=how.qps, max_credits=how.max_credits) as api:
        resource = getattr(api.tiktok, endpoint.resource)
        if is_ranking(endpoint) and "date" not in given:
            given["date"] = await _latest(endpoint, resource, given)
        opened = getattr(resource, endpoint.method)
        async with opened(**given, limit=how.limit, until=how.until) as stream:
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
