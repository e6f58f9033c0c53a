"""Checks of plain values that more than one part of the package needs."""

import math
import operator

from keyapi_async.errors import ConfigurationError, InvalidParameterError, shown


def whole(value: object) -> int | None:
    """Give the int that a value is, numpy's included; None for bool, float and all else."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]  # that is the question
    except TypeError:
        return None


def number(name: str, value: object, least: int, most: int | None = None) -> int:
    """Check a whole number between two bounds, or raise an InvalidParameterError."""
    found = whole(value)
    if found is not None and found >= least and (most is None or found <= most):
        return found
    bounds = f"{least} or more" if most is None else f"{least} to {most}"
    raise InvalidParameterError(name, value, f"a whole number, {bounds}")


def setting(name: str, value: object, least: int) -> int:
    """Check a whole number that sets up a client, or raise a ConfigurationError."""
    found = whole(value)
    if found is None or found < least:
        raise ConfigurationError(f"{name}={shown(value)}: a whole number, {least} or more")
    return found


def seconds(name: str, value: object, *, least: float | None = None) -> None:
    """Check a positive number of seconds as ``setting`` does; ``least=0.0`` allows none, too."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and (0 < value < math.inf or value == least):  # type: ignore[operator]  # as just asked
        return
    bound = "above 0" if least is None else "0 or more"
    raise ConfigurationError(f"{name}={shown(value)}: seconds, {bound}")
