"""How each kind of field is written on the wire, read from it, and written back.

The API types the same thing differently from endpoint to endpoint and from day to day: a count may
be ``12``, ``"12"`` or ``""``. A kind accepts them all and always gives the one Python type; what it
cannot read it refuses, and never guesses.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import IntEnum, IntFlag
from typing import Annotated, Any

import attrs
import orjson

from keyapi_async.jsontext import JSON, read_json

__all__ = ["CategoryRank", "SalesFlag"]

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_CATEGORY = re.compile(r"(\d+)(?:-(\d+))?(?:-(\d+))?:(\d+)", re.ASCII)

_EXACT = 2**53  # from here on one float stands for several whole numbers
_WIDEST = 2**63  # what JSON writers take as a whole number
_BLANK = ("", "-")  # how a missing number or time is written, besides null
_DAY = re.compile(r"(\d{4})(-?)(\d{2})\2(\d{2})", re.ASCII)
_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)


class SalesFlag(IntFlag):
    """How something sells; 0 is not at all, and showcases are influencers' alone."""

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
        name: what the specification calls it.
        becomes: the type of the field in the record, for signatures.
        read: makes the Python value; raises ValueError with the reason.
        repeats: whether the same few values come again and again, and are worth remembering.
        passes: the class of the wire values that are the Python value already.
        write: makes the wire value again, or None where both are the same.
        required: whether a row without it is invalid.
        on_wire: whether it comes with the row; else it is the row's position in its list.
    """

    name: str
    becomes: object
    read: Callable[[object], object]
    passes: type | None = None
    write: Callable[..., object] | None = None
    required: bool = False
    on_wire: bool = True
    repeats: bool = False


@attrs.frozen
class Description:
    """Stands where the default of a field stands, until the record class is made."""

    text: str


def doc(text: str) -> Any:
    """Describe a field of a record that may be missing; its unit is part of the description."""
    return Description(text)


def gmv(what: str) -> Any:
    """Describe a GMV; each is an estimate, and the API does not say in what currency."""
    return Description(f"GMV {what}, estimated; currency unstated.")


def sold(what: str) -> Any:
    """Describe a number of units sold; each is an estimate."""
    return Description(f"Units sold {what}, estimated.")


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
    raise ValueError("is not a text")  # nor is a float, which forgets how it was written


def _number(value: object, what: str) -> int | float | None:
    """Read a number without losing a digit: whole where it is written whole."""
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124  # NaN
            raise ValueError(f"is not a {what}")
        return value
    if isinstance(value, str):
        if value.isdigit() and value.isascii():
            return int(value)
        written = value.strip()
        if written in _BLANK:
            return None
        if (number := _NUMBER.fullmatch(written)) is not None:
            whole = number[3] is None and "." not in written
            return int(written) if whole else _number(float(written), what)
    raise ValueError(f"is not a {what}")


def _count(value: object) -> int | None:
    number = _number(value, "whole number")
    if isinstance(number, float):
        if not number.is_integer() or abs(number) >= _EXACT:
            raise ValueError("is not a whole number")
        if isinstance(value, str) and Decimal(value.strip()) != Decimal(number):  # as 1e-400 is
            raise ValueError("is not a whole number")
        return int(number)
    return number


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
        raise ValueError("is not a time in Unix seconds") from None


def _moment_ms(value: object) -> datetime | None:
    milliseconds = _count(value)
    try:
        return None if milliseconds is None else _EPOCH + milliseconds * _MILLISECOND
    except OverflowError:
        raise ValueError("is not a time in Unix milliseconds") from None


def _day(value: object) -> date | None:
    if value is None:
        return None
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        written = str(value).strip()
        if written in _BLANK:
            return None
        if (found := _DAY.fullmatch(written)) is not None:
            try:
                return date(int(found[1]), int(found[3]), int(found[4]))
            except ValueError as error:
                raise ValueError(f"is not a day of the calendar ({error})") from None
    raise ValueError("is not a day")


def _json(value: object) -> JSON:
    if not isinstance(value, str):
        return value  # type: ignore[return-value]  # it came as JSON
    try:
        said: JSON = orjson.loads(value)  # most are strict; read_json would cost a page 3 %
    except orjson.JSONDecodeError:
        try:
            said = read_json(value)
        except ValueError:  # it says nothing, so it stays as it is
            return value
    return value if isinstance(said, str) else said


def choice(enum: type[IntEnum], write: Callable[..., object] = int) -> Kind:
    """Make the kind of a code whose meanings are listed; any other code stays an int."""
    members = {member.value: member for member in enum}

    def read(value: object) -> int | None:
        code = _count(value)
        return code if code is None else members.get(code, code)

    return Kind("choice", enum | int | None, read, write=write, repeats=True)


_FLAGS = {"": None, "-": None, "0": False, "1": True, "false": False, "true": True}


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
        raise ValueError("is not a set of sales flags")
    return SalesFlag(number)


def _categories(value: object) -> tuple[CategoryRank, ...] | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("is not a list of L1-L2-L3:rank")  # noqa: TRY004  # every kind refuses alike
    ranks = []
    for entry in value.split(",") if value.strip() else ():
        if (parts := _CATEGORY.fullmatch(entry.strip())) is None:
            raise ValueError("is not a list of L1-L2-L3:rank")
        ranks.append(CategoryRank(parts[1], parts[2], parts[3], int(parts[4])))
    return tuple(ranks)


def write_amount(value: float) -> int | float:
    return int(value) if abs(value) < _WIDEST and float(value).is_integer() else value


def _write_moment(value: datetime) -> int:
    return int(value.timestamp())


def write_decimals(value: float) -> str:
    if abs(value) < _EXACT and float(written := f"{value:.2f}") == value:
        return written
    return str(write_amount(value))  # two decimals would lose digits, or could not be read again


def _write_json(value: JSON) -> str:
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # it reads more levels than it writes
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _write_categories(value: tuple[CategoryRank, ...]) -> str:
    return ",".join(
        "-".join(filter(None, (c.category_id, c.category_l2_id, c.category_l3_id))) + f":{c.rank}"
        for c in value
    )


Identity = Annotated[str, Kind("id", str, _identity, passes=str, required=True)]
OtherId = Annotated[str | None, Kind("id", str | None, _text, passes=str)]
Text = Annotated[str | None, Kind("text", str | None, _text, passes=str)]
Url = Annotated[str | None, Kind("url", str | None, _text, passes=str)]
Count = Annotated[int | None, Kind("count", int | None, _count, passes=int)]
CountText = Annotated[int | None, Kind("count", int | None, _count, write=str)]
CountDecimals = Annotated[int | None, Kind("count", int | None, _count, write=write_decimals)]
Code = Annotated[int | None, Kind("choice", int | None, _count, passes=int)]
Amount = Annotated[
    float | None, Kind("amount", float | None, _amount, passes=float, write=write_amount)
]
AmountText = Annotated[
    float | None, Kind("amount", float | None, _amount, write=lambda v: str(write_amount(v)))
]
AmountDecimals = Annotated[
    float | None, Kind("amount", float | None, _amount, write=write_decimals)
]
Rate = Annotated[
    float | None, Kind("rate", float | None, _amount, passes=float, write=write_amount)
]
Moment = Annotated[datetime | None, Kind("moment", datetime | None, _moment, write=_write_moment)]
MomentText = Annotated[
    datetime | None, Kind("moment", datetime | None, _moment, write=lambda v: str(_write_moment(v)))
]
MomentMs = Annotated[
    datetime | None,
    Kind("moment_ms", datetime | None, _moment_ms, write=lambda v: (v - _EPOCH) // _MILLISECOND),
]
Day = Annotated[date | None, Kind("date", date | None, _day, write=date.isoformat, repeats=True)]
DayNumber = Annotated[
    date | None,
    Kind("date", date | None, _day, write=lambda v: int(v.strftime("%Y%m%d")), repeats=True),
]
Flag = Annotated[bool | None, Kind("flag", bool | None, _flag, write=int, repeats=True)]
FlagText = Annotated[
    bool | None,
    Kind("flag", bool | None, _flag, write=lambda v: "true" if v else "false", repeats=True),
]
Sales = Annotated[
    SalesFlag | None, Kind("choice", SalesFlag | None, _sales_flag, write=int, repeats=True)
]
Categories = Annotated[
    tuple[CategoryRank, ...] | None,
    Kind("categories", tuple[CategoryRank, ...] | None, _categories, write=_write_categories),
]
JSONText = Annotated[JSON, Kind("json", object, _json, write=_write_json)]
Position = Annotated[int | None, Kind("position", int | None, _count, on_wire=False)]
"""The row's place in its list, from 1; the row does not say it."""
