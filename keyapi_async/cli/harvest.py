"""``keyapi-async harvest``: which lists, and how; ``running`` does it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs

from keyapi_async.api.endpoint import Endpoint
from keyapi_async.cli import arguments
from keyapi_async.cli.commands import Command
from keyapi_async.cli.options import ReadOptions, option, timespan
from keyapi_async.cli.selection import parameters_of, selected


@attrs.frozen(kw_only=True)
class HarvestOptions(ReadOptions):
    """How a harvest is done."""

    db: Path | None = option(None, "The ledger; RESOURCE-NAME.db if not given.", "LEDGER")
    export: list[Path] = option(
        [], "Export to .parquet, .csv or .jsonl at the end; repeat it.", "FILE"
    )
    report: Path | None = option(None, "Write a page to look at, .html, at the end.", "FILE")
    redis: str | None = option(
        None,
        "Share the limit with the other processes of the key, through this Redis.",
        "URL",
        envvar="KEYAPI_REDIS",
    )
    concurrency: int = option(16, "Lists read at a time.", "N", min=1)
    max_credits: int | None = option(None, "Credits to spend at most.", "N", min=0)
    max_age: timedelta | None = option(
        None,
        "Read lists again that were last read longer ago, such as 1d, 12h or 30m.",
        "TIME",
        parser=timespan,
    )
    patience: timedelta = option(
        timedelta(minutes=10),
        "How long to wait for a network that is lost on the way; 10m if not given.",
        "TIME",
        parser=timespan,
        show_default=False,
    )


def command_of(endpoint: Endpoint) -> Command:
    """Make the command that harvests an endpoint."""

    def harvest(values: dict[str, Any], how: HarvestOptions) -> None:
        from keyapi_async.cli.running import run  # noqa: PLC0415  # no help text needs it

        run(selected(endpoint, values), how)

    return arguments.command_of(
        endpoint,
        harvest,
        HarvestOptions,
        parameters=parameters_of(endpoint),
        doc=f"Harvest many lists: {endpoint.doc[0].lower()}{endpoint.doc[1:]}"
        "\n\nA second run continues where the first ended; nothing is bought twice.",
        verb="harvest",
        example=f" --export {endpoint.name}.csv",
    )
