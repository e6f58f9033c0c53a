"""What a parameter may be: each kind checks a value once, and gives it as the query has it."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import Enum, IntEnum
from itertools import islice
from typing import Annotated, Any

import attrs

from keyapi_async.checks import whole
from keyapi_async.errors import InvalidParameterError

__all__ = ["RankType", "SortType"]

_DIGITS = re.compile(r"\d{1,32}", re.ASCII)
_MOST_ID = 10**32 - 1
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_COMPACT_DATE = re.compile(r"\d{8}", re.ASCII)
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_PATH = re.compile(r"(/[A-Za-z0-9_~.-]+)+")
_LAST_MOMENT = 253_402_300_799  # the year 9999
_LAST_DAY = 9999_12_31
_LANGUAGES = ("en-US", "id-ID", "ms-MY", "th-TH", "vi-VN", "zh-CN")


class SortType(IntEnum):
    """Direction of ``sort_type``."""

    ASC = 0
    DESC = 1


class RankType(IntEnum):
    """Period of a ranking: a day, a week from its Monday, a month from its 1st."""

    DAY = 1
    WEEK = 2
    MONTH = 3

    def start(self, day: date) -> date:
        """Give the first day of the period that a day lies in."""
        if self is RankType.WEEK:
            return day - timedelta(days=day.weekday())
        return day.replace(day=1) if self is RankType.MONTH else day

    def latest(self, today: date | None = None) -> date:
        """Give the start of the last complete period before today (UTC); free, nothing is asked.

        Data is a day behind, so the latest day is yesterday, and even that may have no rows yet.
        """
        day = datetime.now(UTC).date() if today is None else to_date("today", today)
        try:
            return self.start(self.start(day) - timedelta(days=1))
        except OverflowError:
            raise InvalidParameterError("today", today, "a day after the first period") from None


Check = Callable[[str, Any], str]
"""Takes a parameter's name and value, and gives the text that is sent."""


@attrs.frozen
class ParamKind:
    """A kind of parameter.

    Attributes:
        name: what the specification calls it.
        metavar: a word for its value, for help texts.
        check: takes the parameter's name and value, and gives the text that is sent.
        choices: the values that it may have, or None.
        many: whether it takes several ids; then ``check`` is for one of them.
    """

    name: str
    metavar: str
    check: Check
    choices: type[IntEnum] | None = None
    many: bool = False


def identifier(name: str, value: object) -> str:
    """Check an id: a digit string or a whole number (a float above 2**53 would be another id)."""
    if isinstance(value, str):
        if _DIGITS.fullmatch(value):
            return str.__str__(value)
    elif (number := whole(value)) is not None and 0 <= number <= _MOST_ID:
        return str(number)
    raise InvalidParameterError(name, value, "an id is a string of digits, or an int")


def several(name: str, values: object, check: Check) -> list[str]:
    """Check one id or many; the first of equal ones stays."""
    if isinstance(values, (Mapping, bytes, bytearray, memoryview, type)):
        raise InvalidParameterError(name, values, "one id, or an iterable of ids")
    if isinstance(values, str) or not isinstance(values, Iterable):
        return [check(name, values)]
    return list(dict.fromkeys(check(name, value) for value in values))


def matching(pattern: str, allowed: str, written: Callable[[str], str] = str.__str__) -> Check:
    """Make the check of a text; it is sent as ``written`` gives it."""
    compiled = re.compile(pattern)

    def check(name: str, value: object) -> str:
        if isinstance(value, str) and compiled.fullmatch(value):
            return written(value)
        raise InvalidParameterError(name, value, allowed)

    return check


handle: Check = matching(
    r"@?[\w.-]{1,64}",
    "a handle as in its profile's address, such as 'tiktok'",
    lambda value: value.removeprefix("@"),
)
region: Check = matching("[A-Za-z]{2}", "two letters, such as 'US'", str.upper)
language: Check = matching("|".join(_LANGUAGES), f"one of {', '.join(_LANGUAGES)}")
text: Check = matching(
    r"(?=.*\S)[^\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+", "a text of one line that is not blank"
)


def in_groups(values: Iterable[str], size: int) -> Iterator[str]:
    """Join ids with commas, as many as one call takes."""
    rest = iter(values)
    while group := list(islice(rest, size)):
        yield ",".join(group)


def between(least: int, most: int, allowed: str | None = None) -> Check:
    """Make the check of a whole number between two bounds."""

    def check(name: str, value: object) -> str:
        number = whole(value)
        if number is None or not least <= number <= most:
            told = allowed or f"a whole number, {least} to {most}"
            raise InvalidParameterError(name, value, told)
        return str(number)

    return check


count: Check = between(0, _MOST_ID, "a whole number, 0 or more")
_seconds: Check = between(0, _LAST_MOMENT, "an aware datetime, or Unix seconds")


def amount(name: str, value: object) -> str:
    """Check a number, 0 or more."""
    number = whole(value)
    if number is None and isinstance(value, float) and math.isfinite(value):
        number = value  # type: ignore[assignment]  # a float from here on
    if number is None or not 0 <= number <= _MOST_ID:
        raise InvalidParameterError(name, value, "a number, 0 or more")
    written = str(number)
    return f"{number:.18f}".rstrip("0").rstrip(".") if "e" in written else written


def flag(name: str, value: object) -> str:
    """Check a switch: True or False, 1 or 0."""
    number = int(value) if isinstance(value, bool) else whole(value)
    if number in {0, 1}:
        return str(number)
    raise InvalidParameterError(name, value, "True or False, 1 or 0")


def flag_text(name: str, value: object) -> str:
    """Check a switch that the API writes as a word."""
    if isinstance(value, str) and value in {"true", "false"}:
        return str.__str__(value)
    return "true" if flag(name, value) == "1" else "false"


def to_date(name: str, value: object) -> date:
    """Give the day that a value stands for: a date, or a text as the API writes one."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    number = whole(value)
    written = value if number is None or not 0 <= number <= _LAST_DAY else str(number)
    if isinstance(written, str) and (_DATE.fullmatch(written) or _COMPACT_DATE.fullmatch(written)):
        try:
            return date.fromisoformat(written)
        except ValueError as error:
            raise InvalidParameterError(name, value, f"a date that exists ({error})") from None
    raise InvalidParameterError(name, value, "a date, or a text as yyyy-MM-dd")


def day(name: str, value: object) -> str:
    """Check a day; it is sent as yyyy-MM-dd."""
    return to_date(name, value).isoformat()


def compact_day(name: str, value: object) -> str:
    """Check a day; it is sent as yyyyMMdd."""
    return day(name, value).replace("-", "")


def moment(name: str, value: object) -> str:
    """Check a moment: an aware datetime, or Unix seconds."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidParameterError(name, value, "a datetime with a time zone")
        value = math.floor(value.timestamp())
    return _seconds(name, value)


def choice(choices: type[IntEnum]) -> ParamKind:
    """Make the kind of a code: an enum's member or its bare integer, not another enum's member."""

    def check(name: str, value: object) -> str:
        foreign = isinstance(value, Enum) and not isinstance(value, choices)
        number = None if foreign else whole(value)
        if number is not None and number in list(choices):
            return str(number)
        allowed = ", ".join(f"{one.value} ({choices.__name__}.{one.name})" for one in choices)
        raise InvalidParameterError(name, value, allowed)

    return ParamKind("choice", "CHOICE", check, choices)


Id = Annotated[str | int, ParamKind("id", "ID", identifier)]
Ids = Annotated[str | int | Iterable[str | int], ParamKind("id", "ID", identifier, many=True)]
Handle = Annotated[str, ParamKind("id", "HANDLE", handle)]
Handles = Annotated[str | Iterable[str], ParamKind("id", "HANDLE", handle, many=True)]
Region = Annotated[str, ParamKind("text", "REGION", region)]
Language = Annotated[str, ParamKind("text", "LANGUAGE", language)]
Text = Annotated[str, ParamKind("text", "TEXT", text)]
Count = Annotated[int, ParamKind("count", "NUMBER", count)]
Stars = Annotated[int, ParamKind("rate", "0-5", between(0, 5))]
SearchSize = Annotated[int, ParamKind("count", "1-30", between(1, 30))]
Code = Annotated[int, ParamKind("choice", "CODE", count)]
Amount = Annotated[float, ParamKind("amount", "NUMBER", amount)]
Rate = Annotated[float, ParamKind("rate", "NUMBER", amount)]
Flag = Annotated[bool | int, ParamKind("flag", "0|1", flag)]
FlagText = Annotated[bool | int | str, ParamKind("flag", "true|false", flag_text)]
Day = Annotated[date | str, ParamKind("date", "DATE", day)]
CompactDay = Annotated[date | str | int, ParamKind("date", "DATE", compact_day)]
Moment = Annotated[datetime | int, ParamKind("moment", "SECONDS", moment)]


def pairs(values: Mapping[str, str]) -> None:
    """Refuse a ``min_x`` above its ``max_x``."""
    for name, value in values.items():
        if name.startswith("min_"):
            other = values.get("max_" + name.removeprefix("min_"))
            if other is not None and float(value) > float(other):
                raise InvalidParameterError(name, value, f"at most {other}, as max_ says")


def period(values: Mapping[str, str]) -> None:
    """Refuse a ranking's date that does not begin a period, or whose period has not begun."""
    if "rank_type" not in values:
        return
    day, rank_type = date.fromisoformat(values["date"]), RankType(int(values["rank_type"]))
    if (start := rank_type.start(day)) != day:
        which = "Monday" if rank_type is RankType.WEEK else "first day"
        allowed = (
            f"a {rank_type.name} ranking is asked for by its {which}: you probably mean {start}"
        )
        raise InvalidParameterError("date", str(day), allowed)
    if day > (today := datetime.now(UTC).date()):
        allowed = f"a period that has begun: today is {today} (UTC), and the latest complete one"
        allowed += f" begins at {rank_type.latest(today)}"
        raise InvalidParameterError("date", str(day), allowed)


def trend(values: Mapping[str, str], max_days: int) -> None:
    """Refuse a range of days of which one end is missing, that is upside down, or too long."""
    missing = sorted({"start_date", "end_date"} - values.keys())
    if len(missing) == 2:
        return
    if missing:
        raise InvalidParameterError(missing[0], None, "a range of days needs both its ends")
    start, end = (date.fromisoformat(values[name]) for name in ("start_date", "end_date"))
    if start > end:
        raise InvalidParameterError("start_date", str(start), f"at most end_date, {end}")
    if (end - start).days > max_days:
        allowed = f"{max_days} days before end_date, {end}, or later"
        raise InvalidParameterError("start_date", str(start), allowed)


def one_of(names: tuple[str, ...], given: Mapping[str, object]) -> None:
    """Refuse all but exactly one of some parameters."""
    if names and sum(given.get(name) is not None for name in names) != 1:
        values = {name: given.get(name) for name in names}
        allowed = f"exactly one of {' and '.join(names)}"
        raise InvalidParameterError(", ".join(names), values, allowed)


def path(value: str) -> str:
    """Check the path of an endpoint: nothing in it can lead to another host."""
    if isinstance(value, str) and _PATH.fullmatch(value):
        steps = value.split("/")
        if "." not in steps and ".." not in steps:
            return value
    raise InvalidParameterError("path", value, "an endpoint's path, such as '/v1/tiktok/…', alone")


def query(values: Mapping[str, str | float | None]) -> dict[str, str]:
    """Check the parameters of any endpoint: texts and numbers by name; None is left out."""
    if not isinstance(values, Mapping):
        raise InvalidParameterError("params", values, "a mapping of names to texts and numbers")
    checked = {}
    for name, value in values.items():
        if not isinstance(name, str) or not _PARAMETER.fullmatch(name):
            raise InvalidParameterError("params", name, "names as the API documents them")
        if value is None:
            continue
        if isinstance(value, Enum):
            value = value.value  # noqa: PLW2901  # an IntEnum's text differs between Pythons
        checked[name] = _written(name, value)
    return checked


def _written(name: str, value: object) -> str:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidParameterError(name, value, "a text that UTF-8 can carry") from None
        return str.__str__(value)
    if (number := whole(value)) is not None and abs(number) <= _MOST_ID:
        return str(number)
    if isinstance(value, float) and math.isfinite(value):
        return str(float(value))
    raise InvalidParameterError(name, value, "a text or a number")
