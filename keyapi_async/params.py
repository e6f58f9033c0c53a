"""The enums of the API, and the check of every parameter, once, where it enters.

Each check returns the value as the query has it, and raises InvalidParameterError otherwise.
"""

import math
import operator
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import Enum, IntEnum
from itertools import islice

from keyapi_async.bookmark import Bookmark
from keyapi_async.errors import InvalidParameterError

MAX_PAGE_NUM = 100_000
MAX_PAGE_SIZE = 10
IDS_A_CALL = 10

_DIGITS = re.compile(r"\d{1,32}", re.ASCII)
_MOST_ID = 10**32 - 1
_HANDLE = re.compile(r"[\w.-]{1,64}")
_REGION = re.compile(r"[A-Za-z]{2}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_PATH = re.compile(r"(/[A-Za-z0-9_~.-]+)+")

Id = str | int


class SortType(IntEnum):
    """Direction of ``sort_type``."""

    ASC = 0
    DESC = 1


class ProductInfluencerSortField(IntEnum):
    """What ``product_influencer_sort_field`` sorts the creators of a product by."""

    TOTAL_FOLLOWERS_CNT = 1
    TOTAL_DIGG_CNT = 2
    PER_PRODUCT_IFL_SALE_CNT = 3
    PER_PRODUCT_IFL_GMV_AMT = 4
    TOTAL_POST_VIDEO_CNT = 5
    TOTAL_VIEWS_CNT = 6
    TOTAL_LIVE_VIEWS_CNT = 7


class InfluencerVideoSortField(IntEnum):
    """What ``influencer_video_sort_field`` sorts the videos of an influencer by."""

    TOTAL_VIEWS_CNT = 1
    TOTAL_VIDEO_SALE_CNT = 2
    TOTAL_VIDEO_SALE_GMV_AMT = 3
    CREATE_TIME = 4


class InfluencerRankField(IntEnum):
    """What ``influencer_rank_field`` ranks by: the increment within the period."""

    TOTAL_FOLLOWERS_CNT = 1
    TOTAL_SALE_CNT = 2


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
        day = datetime.now(UTC).date() if today is None else _plain_date("today", today)
        try:
            return self.start(self.start(day) - timedelta(days=1))
        except OverflowError:
            raise InvalidParameterError("today", today, "a day after the first period") from None


class Until(Enum):
    """Where a list ends.

    ``SHORT_PAGE``: at the first page with fewer rows than asked for, as the vendor's own client has
    it; no credit is spent to see an empty page. ``EMPTY_PAGE``: only at a page without rows, for
    lists whose pages may be filtered after they were cut; it costs one credit more.
    """

    SHORT_PAGE = "short_page"
    EMPTY_PAGE = "empty_page"


def identifier(name: str, value: Id) -> str:
    """Check an id: a digit string or a whole number (a float above 2**53 would be another id)."""
    if isinstance(value, str):
        if _DIGITS.fullmatch(value):
            return str.__str__(value)
    elif (number := _whole(value)) is not None and 0 <= number <= _MOST_ID:
        return str(number)
    raise InvalidParameterError(name, value, "an id is a string of digits, or an int")


def identifiers(name: str, values: Id | Iterable[Id]) -> list[str]:
    """Check one id or many; the first of equal ones stays."""
    if isinstance(values, (Mapping, bytes, bytearray, memoryview, type)):
        raise InvalidParameterError(name, values, "one id, or an iterable of ids")
    if isinstance(values, str) or not isinstance(values, Iterable):
        return [identifier(name, values)]
    return list(dict.fromkeys(identifier(name, value) for value in values))


def in_groups(values: Iterable[str], size: int = IDS_A_CALL) -> Iterator[str]:
    """Join ids with commas, as many as one call takes."""
    rest = iter(values)
    while group := list(islice(rest, size)):
        yield ",".join(group)


def handle(name: str, value: str) -> str:
    """Check a public handle; one leading ``@`` is dropped."""
    if isinstance(value, str) and _HANDLE.fullmatch(bare := value.removeprefix("@")):
        return bare
    raise InvalidParameterError(
        name, value, "a handle as in its profile's address, such as 'tiktok'"
    )


def user_or_handle(user_id: Id | None, unique_id: str | None) -> dict[str, str]:
    """Check that exactly one of the two names of an influencer is given."""
    if user_id is not None and unique_id is None:
        return {"user_id": identifier("user_id", user_id)}
    if unique_id is not None and user_id is None:
        return {"unique_id": handle("unique_id", unique_id)}
    given = {"user_id": user_id, "unique_id": unique_id}
    raise InvalidParameterError("user_id, unique_id", given, "exactly one of the two")


def region(name: str, value: str) -> str:
    """Check a region code; it is sent in upper case."""
    if isinstance(value, str) and _REGION.fullmatch(value):
        return value.upper()
    raise InvalidParameterError(name, value, "two letters, such as 'US'")


def optional_identifier(name: str, value: Id | None) -> str | None:
    """Check an id that may be left out."""
    return None if value is None else identifier(name, value)


def optional_text(name: str, value: str | None) -> str | None:
    """Check a text that may be left out."""
    return None if value is None else text(name, value)


def text(name: str, value: str) -> str:
    """Check a free text that filters."""
    if isinstance(value, str) and value.strip() and value.isprintable():
        return str.__str__(value)
    raise InvalidParameterError(name, value, "a text of one line that is not blank")


def choice(name: str, value: int, choices: type[IntEnum]) -> int:
    """Check a value of an enum; the bare integer is accepted too, another enum's member is not."""
    foreign = isinstance(value, Enum) and not isinstance(value, choices)
    number = None if foreign else _whole(value)
    if number is not None and number in list(choices):
        return number
    allowed = ", ".join(f"{one.value} ({choices.__name__}.{one.name})" for one in choices)
    raise InvalidParameterError(name, value, allowed)


def optional_choice(name: str, value: int | None, choices: type[IntEnum]) -> int | None:
    """Check a value of an enum that may be left out."""
    return None if value is None else choice(name, value, choices)


def ranking_date(name: str, value: date | str, rank_type: RankType) -> str:
    """Check the date of a ranking: a week is asked for by its Monday, a month by its 1st."""
    day = _plain_date(name, value)
    if (start := rank_type.start(day)) != day:
        which = "Monday" if rank_type is RankType.WEEK else "first day"
        raise InvalidParameterError(
            name,
            value,
            f"a {rank_type.name} ranking is asked for by its {which}: you probably mean {start}",
        )
    return day.isoformat()


def number(name: str, value: int, least: int, most: int | None = None) -> int:
    """Check a whole number between two bounds."""
    whole = _whole(value)
    if whole is not None and whole >= least and (most is None or whole <= most):
        return whole
    bounds = f"{least} or more" if most is None else f"{least} to {most}"
    raise InvalidParameterError(name, value, f"a whole number, {bounds}")


def page_num(value: int) -> int:
    """Check a page number."""
    return number("page_num", value, 1, MAX_PAGE_NUM)


def page_size(value: int) -> int:
    """Check how many rows a page has."""
    return number("page_size", value, 1, MAX_PAGE_SIZE)


def boolean(name: str, value: bool) -> bool:
    """Check a switch."""
    if isinstance(value, bool):
        return value
    raise InvalidParameterError(name, value, "True or False")


def until(value: Until) -> Until:
    """Check the rule of where a list ends."""
    if isinstance(value, Until):
        return value
    raise InvalidParameterError("until", value, "Until.SHORT_PAGE or Until.EMPTY_PAGE")


def start(value: Bookmark | int | None, size: int, parts: int) -> Bookmark:
    """Check where a stream starts: a bookmark of the same call, a page number, or its beginning."""
    if value is None:
        return Bookmark(1, 0, size)
    if not isinstance(value, Bookmark):
        page = _whole(value)
        if page is None or not 1 <= page <= MAX_PAGE_NUM:
            allowed = f"a bookmark of the same call, or a page number, 1 to {MAX_PAGE_NUM}"
            raise InvalidParameterError("start", value, allowed)
        return Bookmark(page, 0, size)
    if value.page_size != size:
        allowed = f"a bookmark of page_size={size}: pages of another size begin elsewhere"
        raise InvalidParameterError("start", value, allowed)
    # One page more than there can be: a list of exactly that many pages leaves its reader there.
    return Bookmark(
        number("start.page_num", value.page_num, 1, MAX_PAGE_NUM + 1),
        number("start.offset", value.offset, 0, size),
        size,
        number("start.part", value.part, 0, max(parts, 1) - 1),
    )


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


def no_paging(values: Mapping[str, str]) -> None:
    """Refuse parameters that a stream sets itself."""
    for name in ("page_num", "page_size"):
        if name in values:
            raise InvalidParameterError(name, values[name], f"the stream's own start or {name}")


def _whole(value: object) -> int | None:
    """Give the int that a value is, numpy's included; None for bool, float and all else."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]  # that is the question
    except TypeError:
        return None


def _written(name: str, value: object) -> str:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidParameterError(name, value, "a text that UTF-8 can carry") from None
        return str.__str__(value)
    if (whole := _whole(value)) is not None and abs(whole) <= _MOST_ID:
        return str(whole)
    if isinstance(value, float) and math.isfinite(value):
        return str(float(value))
    raise InvalidParameterError(name, value, "a text or a number")


def _plain_date(name: str, value: date | str) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise InvalidParameterError(name, value, f"a date that exists ({error})") from None
    raise InvalidParameterError(name, value, "a date, or a text as yyyy-MM-dd")
