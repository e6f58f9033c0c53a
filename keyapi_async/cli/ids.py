"""Ids from a file, a ledger or a pipe; every bad one is named before a credit is spent."""

import asyncio
import csv
import io
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from keyapi_async.cli.exits import InputError
from keyapi_async.cli.terminal import console, counted
from keyapi_async.errors import InvalidParameterError, printable, shown

_SHOWN = 20
"""Bad ids shown one by one."""

_ROUNDED = re.compile(r"\d+([.,]\d+)?[eE]\+?\d+", re.ASCII)
"""What a spreadsheet makes of a long id."""


def read_ids(source: str, column: str | None, check: Callable[[str, str], str]) -> list[str]:
    """Read and check ids; blank lines and comments are passed over, equal ids count once.

    They come from a file, from standard input for ``-``, or from a column of a CSV or a ledger.
    Bad ones are written to standard error, each with its line, before an ``InputError`` ends it.
    """
    name = "standard input" if source == "-" else source
    good, bad, allowed = dict[str, None](), list[str](), ""
    screen = console(sys.stderr)
    for line, cell in _cells(source, name, column):
        if one := cell.strip():
            try:
                good[check("id", one)] = None
            except InvalidParameterError as error:
                bad.append(one)
                allowed = error.allowed
                if len(bad) <= _SHOWN:
                    screen.print(f"{printable(name)}:{line}: {shown(one)}", soft_wrap=True)
    if bad:
        if len(bad) > _SHOWN:
            screen.print(f"… and {len(bad) - _SHOWN:,} more")
        raise InputError(
            f"{counted(len(bad), 'id')} of {name} {'is' if len(bad) == 1 else 'are'} not accepted"
            f" ({allowed}); nothing was asked for{_way_out(bad, name, column)}"
        )
    if not good:
        raise InputError(f"{name} has no ids")
    return list(good)


def _cells(source: str, name: str, column: str | None) -> Iterable[tuple[int, str]]:
    """Give what may be ids, each with its line."""
    try:
        data = sys.stdin.buffer.read() if source == "-" else _unless_ledger(Path(source))
        text = None if data is None else data.decode("utf-8-sig")
    except OSError as error:
        way_out = "; it takes a file of ids, a line each" if name.isdecimal() else ""
        raise InputError(f"--ids {name}: {error.strerror or error}{way_out}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8 text: save it as text or CSV in UTF-8") from error
    if text is not None:
        lines = enumerate(io.StringIO(text, newline=None), 1)
        plain = ((number, line.partition("#")[0]) for number, line in lines)
        return plain if column is None else _column(text, name, column)
    if column is None:
        raise InputError(f"{name} is a ledger: name the column of the ids with --column")
    return enumerate(asyncio.run(_values(Path(source), column)), 1)


def _unless_ledger(file: Path) -> bytes | None:
    with file.open("rb") as stream:
        start = stream.read(16)
        return None if start == b"SQLite format 3\0" else start + stream.read()


async def _values(ledger: Path, column: str) -> list[str]:
    from keyapi_async.harvest import Harvest  # noqa: PLC0415  # rarely needed

    async with Harvest.open(ledger, read_only=True) as harvest:
        try:
            return [str(value) async for value in harvest.values(column)]
        except InvalidParameterError as error:
            raise InputError(f"{ledger} has no column {shown(column)}: {error.allowed}") from error


def _column(text: str, name: str, column: str) -> Iterator[tuple[int, str]]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    try:
        head = rows.fieldnames or ()
        if column not in head:
            if text.startswith("{"):
                raise InputError(f"{name} is JSON Lines: give a CSV, or the ledger")
            commas = "; its columns have to be separated by commas" if ";" in "".join(head) else ""
            raise InputError(
                f"{name} has no column {shown(column)};"
                f" it has: {', '.join(map(shown, head))}{commas}"
            )
        for row in rows:
            yield rows.line_num, row[column] or ""
    except csv.Error as error:
        raise InputError(f"{name} is not valid CSV after line {rows.line_num}: {error}") from error


def _way_out(bad: list[str], name: str, column: str | None) -> str:
    """Say what is probably wrong with a file, where that can be told from its bad ids."""
    if any(unicodedata.normalize("NFKC", one) != one for one in bad):
        return "; some have full-width characters: write digits and commas in ASCII"
    if any(map(_ROUNDED.fullmatch, bad)):
        return (
            "; a spreadsheet has rounded ids: format their column as text there, and fill it anew"
        )
    if column is None and (name.endswith(".csv") or any(sign in bad[0] for sign in ",;\t")):
        return "; of a CSV, name the column of the ids with --column"
    if column is None and len(bad) == 1 and bad[0].isidentifier():
        return "; if that is the name of a column, give it with --column"
    return ""
