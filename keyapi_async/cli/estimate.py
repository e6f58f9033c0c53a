"""``keyapi-async estimate``: what a harvest would cost at least, before it costs anything."""

import sys
from typing import Any

import attrs

from keyapi_async.api.endpoint import Endpoint
from keyapi_async.cli import arguments
from keyapi_async.cli.commands import Command
from keyapi_async.cli.options import ReadOptions, option
from keyapi_async.cli.selection import parameters_of, selected
from keyapi_async.cli.terminal import clock, console, counted, pairs
from keyapi_async.streams.paging import Until


@attrs.frozen(kw_only=True)
class EstimateOptions(ReadOptions):
    """What an estimate supposes."""

    rows_per_list: int = option(0, "Rows that a list is taken to have.", "N", min=0, max=10**6)


def command_of(endpoint: Endpoint) -> Command:
    """Make the command that estimates the harvest of an endpoint."""

    def estimate(values: dict[str, Any], how: EstimateOptions) -> None:
        lists = selected(endpoint, values).count()
        pages, assumption = 1, ""
        if endpoint.pages is not None:
            whole, rest = divmod(how.rows_per_list, endpoint.pages.most_rows)
            pages = whole + 1 + (how.until is Until.EMPTY_PAGE and rest > 0)
            assumption = f", with {how.rows_per_list:,} rows a list"
            if not how.rows_per_list:
                assumption += "; pass --rows-per-list"
        calls = lists * pages
        together = f", of {endpoint.ids_per_call} ids at most" if endpoint.ids else ""
        lines = [
            ("lists", f"{lists:,}{together}"),
            ("credits", f"{calls * endpoint.credits:,} at least{assumption}"),
            ("time", f"{clock(calls / how.qps)} at least, at {how.qps:g} requests/s"),
        ]
        console(sys.stdout).print(pairs(lines))

    per = "page of ten rows" if endpoint.pages else "call"
    ids = f"; {endpoint.ids_per_call} ids are one list" if endpoint.ids else ""
    return arguments.command_of(
        endpoint,
        estimate,
        EstimateOptions,
        parameters=parameters_of(endpoint),
        doc="Say what a harvest would cost at least, and how long it would take.\n\nA list costs"
        f" {counted(endpoint.credits, 'credit')} a {per}, and at least that{ids}. Asking this costs"
        " nothing.",
        verb="estimate",
    )
