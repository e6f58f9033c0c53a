"""``keyapi-async harvest``: which lists, and how; ``running`` does it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs

from keyapi_async.api.endpoint import Endpoint
from keyapi_async.cli.arguments import sample
from keyapi_async.cli.commands import Command, command
from keyapi_async.cli.options import Reading, option, options_of, taken, timespan
from keyapi_async.cli.selection import Selection, parameters_of, selected


@attrs.frozen(kw_only=True)
class Options(Reading):
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
        "How long to wait for a network that is lost on the way.",
        "TIME",
        parser=timespan,
        show_default="10m",
    )


@attrs.frozen
class Order:
    """A harvest: which lists of which endpoint, into which ledger, and how."""

    endpoint: Endpoint
    chosen: Selection
    ledger: Path
    how: Options


def command_of(endpoint: Endpoint) -> Command:
    """Make the command that harvests an endpoint."""

    def harvest(values: dict[str, Any]) -> None:
        from keyapi_async.cli.running import run  # noqa: PLC0415  # no help text needs it

        how = taken(Options, values)
        ledger = how.db or Path(f"{endpoint.resource}-{endpoint.name}.db")
        run(Order(endpoint, selected(endpoint, values), ledger, how))

    return command(
        endpoint.name,
        harvest,
        parameters=[*parameters_of(endpoint), *options_of(Options)],
        doc=f"Harvest many lists: {endpoint.doc[0].lower()}{endpoint.doc[1:]}"
        "\n\nA second run continues where the first ended; nothing is bought twice.",
        epilog=f"Example:  keyapi-async harvest {endpoint.resource} {endpoint.name}"
        f" {sample(endpoint, files=True)} --export {endpoint.name}.csv",
    )
