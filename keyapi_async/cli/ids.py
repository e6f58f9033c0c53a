"""Ids from a file, a ledger or a pipe; every bad one is named before a credit is spent."""

import asyncio
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

_SQLITE = b"SQLite format 3\0"


def read_ids(source: str, column: str | None, check: Callable[[str, str], str]) -> list[str]:
    """Read and check ids; blank lines and comments are passed over, equal ids count once.

    Args:
        source: a file, a ledger, or ``-`` for standard input.
        column: the column that has the ids, where it is a CSV with a head, or a ledger.
        check: takes a name and an id, and gives the id as the API has it.

    Raises:
        InputError: it cannot be read, has no ids, or some are bad; the bad ones are written to
            standard error, each with its line.
        LedgerError: it is a ledger, and cannot be read.
    """
    name = "standard input" if source == "-" else source
    good: dict[str, None] = {}
    bad: list[tuple[int, str]] = []
    count, allowed = 0, ""
    for line, cell in _cells(source, name, column):
        if not (one := cell.strip()):
            continue
        count += 1
        try:
            good[check("id", one)] = None
        except InvalidParameterError as error:
            bad.append((line, one))
            allowed = error.allowed
    if bad:
        _show(name, bad)
        raise InputError(
            f"{len(bad):,} of {count:,} ids of {name} are not accepted ({allowed});"
            f" nothing was asked for{_way_out([one for _, one in bad], column)}"
        )
    if not good:
        raise InputError(f"{name} has no ids")
    return list(good)


def _cells(source: str, name: str, column: str | None) -> Iterable[tuple[int, str]]:
    data = _bytes(source, name)
    if data is None:
        if column is None:
            raise InputError(f"{name} is a ledger: name the column of the ids with --column")
        return enumerate(asyncio.run(_values(Path(source), column)), 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is no UTF-8 text: save it as text or CSV in UTF-8") from error
    return _lines(text) if column is None else _column(text, name, column)


def _bytes(source: str, name: str) -> bytes | None:
    """Read what there is to read; None where it is a database."""
    try:
        if source == "-":
            return sys.stdin.buffer.read()
        with Path(source).open("rb") as file:
            start = file.read(len(_SQLITE))
            return None if start == _SQLITE else start + file.read()
    except OSError as error:
        raise InputError(f"{name}: {error.strerror or error}") from error


async def _values(ledger: Path, column: str) -> list[str]:
    from keyapi_async.harvest import Harvest  # noqa: PLC0415  # rarely needed

    async with Harvest.open(ledger, read_only=True) as harvest:
        return [str(value) async for value in harvest.values(column)]


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(io.StringIO(text, newline=None), 1):
        yield number, line.partition("#")[0]


def _column(text: str, name: str, column: str) -> Iterator[tuple[int, str]]:
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
    lines = [f"{printable(name)}:{line}: {shown(one)}" for line, one in bad]
    more = len(lines) - _SHOWN
    screen = console(sys.stderr)
    screen.print("\n".join(lines[:_SHOWN]), soft_wrap=True)
    if more > 0:
        screen.print(f"… and {more:,} more", soft_wrap=True)
