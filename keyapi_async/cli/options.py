"""Options of our own, each described where its value is kept.

A class of options is an attrs class whose fields are made by ``option``; the fields' types say what
they take. ``with_options`` makes the function of a command of it.
"""

import inspect
import math
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, TypeVar, cast

import attrs
import typer

from keyapi_async.streams.paging import Until

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}

T = TypeVar("T")


def option(default: T, doc: str, metavar: str | None = None, **more: Any) -> T:
    """Describe an option as a field of a class."""
    return attrs.field(default=default, metadata={"metavar": metavar, "help": doc, **more})


def with_options(
    owner: type[T],
    act: Callable[[dict[str, Any], T], None],
    others: Sequence[inspect.Parameter] = (),
    panel: str | None = None,
) -> Callable[..., None]:
    """Make a function that takes a class' options one by one, after other parameters if any.

    It calls ``act`` with all values that it was given and with an instance of the class.
    """
    fields = attrs.fields(cast("type[attrs.AttrsInstance]", owner))

    def called(**values: Any) -> None:
        act(values, owner(**{one.name: values[one.name] for one in fields}))

    parameters = list(others)
    for one in fields:
        made = typer.Option(rich_help_panel=panel, **one.metadata)
        parameters.append(keyword(one.name, Annotated[one.type, made], one.default))
    vars(called)["__signature__"] = inspect.Signature(parameters)
    called.__annotations__ = {one.name: one.annotation for one in parameters}
    called.__doc__ = act.__doc__
    return called


def keyword(name: str, annotation: object, default: object) -> inspect.Parameter:
    """Make a parameter of a command."""
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )


def positive(value: float | None) -> float | None:
    """Check a number above 0, if it is given; a range of typer's would let nan pass."""
    if value is None or 0 < value < math.inf:
        return value
    raise typer.BadParameter(f"{value:g} is not a number above 0.")


def timespan(text: str | timedelta) -> timedelta:
    """Read a time such as ``1d``, ``12h``, ``30m`` or ``90s``."""
    if isinstance(text, timedelta):
        return text  # an option's default
    found = re.fullmatch(r"(\d{1,6})([dhms])", text.strip().lower(), re.ASCII)
    if found is None:
        raise typer.BadParameter(f"{text!r} is not a time such as 1d, 12h, 30m or 90s")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


class Format(StrEnum):
    """What a list is written as."""

    TABLE = "table"
    JSONL = "jsonl"
    CSV = "csv"


@attrs.frozen(kw_only=True)
class ReadOptions:
    """How lists are read."""

    until: Until = option(
        Until.SHORT_PAGE,
        "Where a list ends; empty_page is for lists that are filtered, and costs a page more.",
    )
    qps: float = option(10.0, "Queries a second that the plan allows.", "N", callback=positive)
