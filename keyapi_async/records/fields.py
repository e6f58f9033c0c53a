"""How each kind of field is written on the wire, read from it, and written back.

The API types the same thing differently from endpoint to endpoint and from day to day: a count may
be ``12``, ``"12"`` or ``""``. A kind accepts them all and always gives the one Python type; what it
cannot read it refuses, and never guesses.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from enum import IntFlag
from typing import Annotated

import attrs

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_CATEGORY = re.compile(r"(\d+)(?:-(\d+))?(?:-(\d+))?:(\d+)", re.ASCII)

_EXACT = 2**53  # from it on a float stands for several whole numbers, and one of them was meant
_WIDEST = 2**63  # what JSON writers take as a whole number


class SalesFlag(IntFlag):
    """How an influencer sells; 0 is not at all."""

    VIDEO = 1
    LIVE = 2
    SHOWCASE = 4


@attrs.frozen
class CategoryRank:
    """One product category of an influencer, and its rank among them.

    Attributes:
        category_id: id of the first level.
        category_l2_id: id of the second level, or None.
        category_l3_id: id of the third level, or None.
        rank: place among the influencer's categories, from 1.
    """

    category_id: str
    category_l2_id: str | None
    category_l3_id: str | None
    rank: int


@attrs.frozen
class Kind:
    """A kind of field.

    Attributes:
        becomes: the type of the field in the record, for signatures.
        read: makes the Python value; raises ValueError with the reason.
        passes: the class of the wire values that are the Python value already.
        widens: the class of the wire values that calling ``passes`` makes the Python value.
        write: makes the wire value again, or None where both are the same.
        required: whether a row without it is no record.
    """

    becomes: object
    read: Callable[[object], object]
    passes: type | None = None
    widens: type | None = None
    write: Callable[..., object] | None = None
    required: bool = False


def _identity(value: object) -> str:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    raise ValueError("is required, as a digit string or a whole number")


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError("is no text")  # nor is a float, which forgets how it was written


def _number(value: object, what: str) -> int | float | None:
    """Read a number without losing a digit: whole where it is written whole."""
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124  # NaN
            raise ValueError(f"is no {what}")
        return value
    if isinstance(value, str):
        if value.isdigit() and value.isascii():
            return int(value)
        written = value.strip()
        if not written:
            return None
        if (number := _NUMBER.fullmatch(written)) is not None:
            whole = number[2] is None and number[3] is None and not written.endswith(".")
            return int(written) if whole and "." not in written else _number(float(written), what)
    raise ValueError(f"is no {what}")


def _count(value: object) -> int | None:
    number = _number(value, "whole number")
    if isinstance(number, float):
        if not number.is_integer() or abs(number) >= _EXACT:
            raise ValueError("is no whole number")
        if isinstance(value, str) and _is_rounded(value, number):
            raise ValueError("is no whole number")
        return int(number)
    return number


def _is_rounded(written: str, number: float) -> bool:
    """Tell whether a text such as 1e-400 is a number that a float only comes near to."""
    from decimal import Decimal  # noqa: PLC0415  # few texts need it

    return Decimal(written.strip()) != Decimal(number)


def _amount(value: object) -> float | None:
    number = _number(value, "number")
    try:
        return None if number is None else float(number)
    except OverflowError:
        raise ValueError("is too large a number") from None


def _moment(value: object) -> datetime | None:
    seconds = _count(value)
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise ValueError("is no time in Unix seconds") from None


_FLAGS = {"": None, "0": False, "1": True, "false": False, "true": True}


def _flag(value: object) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    written = str(value).strip().lower() if isinstance(value, (str, int)) else "?"
    if written not in _FLAGS:
        raise ValueError("is neither true nor false")
    return _FLAGS[written]


def _sales_flag(value: object) -> SalesFlag | None:
    number = _count(value)
    if number is None:
        return None
    if not 0 <= number <= 0xFFFF:
        raise ValueError("is no set of sales flags")
    return SalesFlag(number)


def _categories(value: object) -> tuple[CategoryRank, ...] | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("is no list of L1-L2-L3:rank")  # noqa: TRY004  # every kind refuses alike
    ranks = []
    for entry in value.split(",") if value.strip() else ():
        if (parts := _CATEGORY.fullmatch(entry.strip())) is None:
            raise ValueError("is no list of L1-L2-L3:rank")
        ranks.append(CategoryRank(parts[1], parts[2], parts[3], int(parts[4])))
    return tuple(ranks)


def _write_amount(value: float) -> int | float:
    return int(value) if abs(value) < _WIDEST and float(value).is_integer() else value


def _write_moment(value: datetime) -> int:
    return int(value.timestamp())


def _write_moment_text(value: datetime) -> str:
    return str(_write_moment(value))


def _write_flag_text(value: bool) -> str:
    return "true" if value else "false"


def _write_categories(value: tuple[CategoryRank, ...]) -> str:
    return ",".join(
        "-".join(filter(None, (c.category_id, c.category_l2_id, c.category_l3_id))) + f":{c.rank}"
        for c in value
    )


Id = Annotated[str, Kind(str, _identity, passes=str, required=True)]
Text = Annotated[str | None, Kind(str | None, _text, passes=str)]
Count = Annotated[int | None, Kind(int | None, _count, passes=int)]
CountText = Annotated[int | None, Kind(int | None, _count, write=str)]
Amount = Annotated[
    float | None, Kind(float | None, _amount, passes=float, widens=int, write=_write_amount)
]
Moment = Annotated[datetime | None, Kind(datetime | None, _moment, write=_write_moment)]
MomentText = Annotated[datetime | None, Kind(datetime | None, _moment, write=_write_moment_text)]
Flag = Annotated[bool | None, Kind(bool | None, _flag, write=int)]
FlagText = Annotated[bool | None, Kind(bool | None, _flag, write=_write_flag_text)]
Sales = Annotated[SalesFlag | None, Kind(SalesFlag | None, _sales_flag, write=int)]
Categories = Annotated[
    tuple[CategoryRank, ...] | None,
    Kind(tuple[CategoryRank, ...] | None, _categories, write=_write_categories),
]


def csv_text(value: bool | datetime) -> str:
    """Write a flag or a time as a CSV has it."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return "true" if value else "false"
