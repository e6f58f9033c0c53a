"""Facts as two columns; how many, and how long, in words."""

import math
from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from keyapi_async.cli.terminal import plain

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def facts(lines: Iterable[tuple[str, str]]) -> Table:
    """Lay out names and what they stand for."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, told in lines:
        table.add_row(plain(name), Text(plain(told)))
    return table


def counted(number: int, noun: str) -> str:
    """Write how many there are."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def clock(seconds: float | None) -> str:
    """Write a time as a clock has it; ``-:--`` where nobody knows."""
    if seconds is None:
        return "-:--"
    minutes, rest = divmod(math.ceil(seconds), _MINUTE)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def duration(seconds: float) -> str:
    """Write a time in words."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.1f} min"
    return f"{seconds / _HOUR:.1f} h" if seconds < _DAY else f"{seconds / _DAY:.1f} days"
