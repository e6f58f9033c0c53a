"""Whether a record says what was sent, judged without the package's own readers."""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import attrs

from keyapi_async import CategoryRank, SalesFlag

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS = {"true": True, "1": True, "false": False, "0": False}
_NUMBER = re.compile(r"\s*[+-]?[0-9.]+([eE][+-]?[0-9]+)?\s*")


def number(sent: object) -> Decimal | None:
    """Give the number that was sent, in a text with all its digits; a flag is none."""
    if isinstance(sent, str) and _NUMBER.fullmatch(sent):
        with suppress(InvalidOperation):
            return Decimal(sent.strip())
    if isinstance(sent, (int, float)) and not isinstance(sent, bool):
        return Decimal(sent)
    return None


def _is_text(value: str, sent: object) -> bool:
    if isinstance(sent, str):
        return value == sent
    return type(sent) is int and value == str(sent)


def _is_count(value: int, sent: object) -> bool:
    return number(sent) == value


def _is_amount(value: float, sent: object) -> bool:
    told = number(sent)
    return told is not None and value == float(told)


def _is_time(value: datetime, sent: object) -> bool:
    return number(sent) == Decimal((value - _EPOCH) // timedelta(seconds=1))


def _is_flag(value: bool, sent: object) -> bool:
    if isinstance(sent, bool):
        return value is sent
    return isinstance(sent, (int, str)) and _WORDS.get(str(sent).strip().lower()) is value


def says_json(value: object, sent: object) -> bool:
    """Tell whether a field of JSON in a text has what the text says, or else the text."""
    if value == sent or (
        type(value) is float and number(sent) is not None and value == float(str(sent))
    ):
        return True  # a bare number beyond 64 bits is a float to every fast reader of JSON
    with suppress(RecursionError, TypeError, ValueError):
        return bool(value == json.loads(sent, strict=False))  # type: ignore[arg-type]  # a text
    return False


def _is_list(value: tuple[CategoryRank, ...], sent: object) -> bool:
    written = ",".join(
        "-".join(filter(None, attrs.astuple(one)[:3])) + f":{one.rank}" for one in value
    )
    return isinstance(sent, str) and "".join(sent.split()) == written


_JUDGES: Mapping[type, Callable[[Any, object], bool]] = {
    str: _is_text,
    int: _is_count,
    float: _is_amount,
    bool: _is_flag,
    datetime: _is_time,
    SalesFlag: _is_count,
    tuple: _is_list,
}


def says(value: object, sent: object) -> bool:
    """Tell whether a field of a record has what was sent; nothing is what is blank or null."""
    if value is None:
        return sent is None or (isinstance(sent, str) and not sent.strip())
    return _JUDGES[type(value)](value, sent)
