"""Checks of options that typer's own ranges cannot make: they let nan pass."""

import math

import typer


def positive(value: float | None) -> float | None:
    """Check a number above 0, if it is given."""
    if value is None or 0 < value < math.inf:
        return value
    raise typer.BadParameter(f"{value:g} is not a number above 0.")


def finite(value: float) -> float:
    """Check a number of 0 or more."""
    if 0 <= value < math.inf:
        return value
    raise typer.BadParameter(f"{value:g} is not a number of 0 or more.")
