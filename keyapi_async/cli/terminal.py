"""The terminal: consoles, text that cannot harm it, and what to do when it goes away."""

import io
import math
import unicodedata
from collections.abc import Iterable
from datetime import timedelta
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

_FLAG_A, _FLAG_Z = 0x1F1E6, 0x1F1FF


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the caller, who ends the whole command."""
        raise BrokenPipeError


def console(stream: TextIO) -> Console:
    """Make a console on a stream; it shows text as it is, coloured on a terminal alone."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
    return _Console(file=stream, highlight=False, markup=False, emoji=False)


def plain(text: str) -> str:
    """Give foreign text as one line of glyphs whose width all terminals agree on.

    Control and formatting characters are dropped, joined emoji come apart, flags become letters.
    """
    return " ".join("".join(map(_plain, text)).split())


def _plain(char: str) -> str:
    code = ord(char)
    if _FLAG_A <= code <= _FLAG_Z:
        return chr(code - _FLAG_A + ord("A"))
    if char.isspace():
        return " "
    variation = 0xFE00 <= code <= 0xFE0F or 0x1F3FB <= code <= 0x1F3FF
    return "" if variation or unicodedata.category(char).startswith("C") else char


def pairs(lines: Iterable[tuple[str, str]]) -> Table:
    """Lay out names and what they stand for as two columns."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in lines:
        table.add_row(plain(name), Text(plain(value)))
    return table


def counted(number: int, noun: str) -> str:
    """Write how many there are."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def clock(seconds: float | None) -> str:
    """Write a time as a clock has it, up to some million years; ``-:--:--`` where unknown."""
    return "-:--:--" if seconds is None else str(timedelta(seconds=math.ceil(min(seconds, 8e13))))
