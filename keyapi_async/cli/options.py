"""Options that several commands have, and checks that typer's own ranges cannot make."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import Enum, StrEnum
from typing import Annotated, TypeVar

import typer

from keyapi_async.cli.commands import meant

READING = "Reading and writing"
"""The panel of the options that are not the API's."""

E = TypeVar("E", bound=Enum)


class Format(StrEnum):
    """What a list is written as."""

    TABLE = "table"
    JSONL = "jsonl"
    CSV = "csv"


class Snapshots(StrEnum):
    """Which readings of a list an export has."""

    LATEST = "latest"
    ALL = "all"


def words(choices: type[Enum]) -> dict[str, Enum]:
    """Give the words for the members of an enum."""
    return {member.name.lower(): member for member in choices}


def one_of(members: Mapping[str, E]) -> Callable[[str | E], E]:
    """Make the parser of an option that takes one of some words."""

    def parse(text: str | E) -> E:
        if not isinstance(text, str) or isinstance(text, Enum):
            return text  # an option's default
        word = text.strip().lower().replace("-", "_")
        if word in members:
            return members[word]
        raise typer.BadParameter(f"{text!r} is not one of them{meant(word, members)}")

    return parse


def completed(choices: type[Enum]) -> Callable[[str], list[str]]:
    """Make the completion of an option that takes the name of a member."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in words(choices) if word.startswith(incomplete.lower())]

    return complete


def positive(value: float | None) -> float | None:
    """Check a number above 0, if it is given; a range of typer's would let nan pass."""
    if value is None or 0 < value < math.inf:
        return value
    raise typer.BadParameter(f"{value:g} is not a number above 0.")


def finite(value: float) -> float:
    """Check a number of 0 or more."""
    if 0 <= value < math.inf:
        return value
    raise typer.BadParameter(f"{value:g} is not a number of 0 or more.")


_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def timespan(text: str | timedelta) -> timedelta:
    """Read a time such as ``1d``, ``12h``, ``30m`` or ``90s``."""
    if isinstance(text, timedelta):
        return text  # an option's default
    found = re.fullmatch(r"(\d{1,6})([dhms])", text.strip().lower())
    if found is None:
        raise typer.BadParameter(f"{text!r} is not a time such as 1d, 12h, 30m or 90s")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


Qps = Annotated[
    float,
    typer.Option(
        "--qps",
        metavar="N",
        callback=positive,
        rich_help_panel=READING,
        help="Queries a second that the plan allows.",
    ),
]
MaxCredits = Annotated[
    int | None,
    typer.Option(
        "--max-credits",
        metavar="N",
        min=0,
        rich_help_panel=READING,
        help="Credits to spend at most.",
    ),
]
