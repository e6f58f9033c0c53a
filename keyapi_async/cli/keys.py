"""Ids from a file: every bad one is named with its line before a credit is spent."""

import csv
import io
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from keyapi_async.cli.exits import InputError
from keyapi_async.cli.terminal import console
from keyapi_async.errors import InvalidParameterError, printable, shown

_SHOWN = 200
"""Bad ids shown one by one."""

_ROUNDED = re.compile(r"\d+([.,]\d+)?[eE]\+?\d+", re.ASCII)
"""What a spreadsheet makes of a long id."""


def read_keys(source: str, column: str | None, check: Callable[[str, str], str]) -> list[str]:
    """Read and check the ids of a file; blank lines are passed over, equal ids count once.

    Args:
        source: a file, or ``-`` for standard input.
        column: the column that has the ids, where it is a CSV with a head.
        check: takes a name and an id, and gives the id as the API has it.

    Raises:
        InputError: it cannot be read, has no ids, or some are bad; the bad ones are written to
            standard error, each with its line.
    """
    name = "standard input" if source == "-" else source
    text = _text(source, name)
    cells = _lines(text) if column is None else _cells(text, name, column)
    good: dict[str, None] = {}
    bad: list[tuple[int, str]] = []
    count, allowed = 0, ""
    for line, cell in cells:
        if not (key := cell.strip()):
            continue
        count += 1
        try:
            good[check("id", key)] = None
        except InvalidParameterError as error:
            bad.append((line, key))
            allowed = error.allowed
    if bad:
        _show(name, bad)
        raise InputError(
            f"{len(bad):,} of {count:,} ids of {name} are not accepted ({allowed});"
            f" nothing was asked for{_way_out([key for _, key in bad], column)}"
        )
    if not good:
        raise InputError(f"{name} has no ids")
    return list(good)


def _text(source: str, name: str) -> str:
    try:
        if source == "-":
            return sys.stdin.read().removeprefix("\ufeff")
        return Path(source).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{name}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is no UTF-8 text: save it as text or CSV in UTF-8") from error


def _lines(text: str) -> Iterator[tuple[int, str]]:
    return enumerate(io.StringIO(text, newline=None), 1)


def _cells(text: str, name: str, column: str) -> Iterator[tuple[int, str]]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    try:
        head = rows.fieldnames or ()
        if column not in head:
            raise InputError(
                f"{name} has no column {shown(column)}; it has: {', '.join(map(shown, head))}"
                f"{_other_separator(head)}"
            )
        for row in rows:
            yield rows.line_num, row[column] or ""
    except csv.Error as error:
        raise InputError(f"{name} is no CSV after line {rows.line_num}: {error}") from error


def _way_out(bad: Sequence[str], column: str | None) -> str:
    """Say what is probably wrong with a file, where that can be told from its bad ids."""
    if any(map(_ROUNDED.fullmatch, bad)):
        return (
            "; a spreadsheet has rounded ids: format their column as text there, and fill it anew"
        )
    if column is None and any(sign in bad[0] for sign in ",;\t"):
        return "; of a CSV, name the column of the ids with --column"
    return ""


def _other_separator(head: Sequence[str]) -> str:
    return "; its columns have to be separated by commas" if ";" in "".join(head) else ""


def _show(name: str, bad: Iterable[tuple[int, str]]) -> None:
    lines = [f"{printable(name)}:{line}: {shown(key)}" for line, key in bad]
    more = len(lines) - _SHOWN
    screen = console(sys.stderr)
    screen.print("\n".join(lines[:_SHOWN]), soft_wrap=True)
    if more > 0:
        screen.print(f"… and {more:,} more", soft_wrap=True)
