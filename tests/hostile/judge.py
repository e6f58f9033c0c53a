"""Whether a record says what was sent, and a screen obeys it; without the package's own code."""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import attrs

from keyapi_async import CategoryRank

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


def _is_moment(value: datetime, sent: object) -> bool:
    return number(sent) == Decimal((value - _EPOCH) // timedelta(seconds=1))


def _is_moment_ms(value: datetime, sent: object) -> bool:
    return number(sent) == Decimal((value - _EPOCH) // timedelta(milliseconds=1))


def _is_date(value: date, sent: object) -> bool:
    return not isinstance(sent, bool) and str(sent).strip() in {
        value.isoformat(),
        value.isoformat().replace("-", ""),
    }


def _is_flag(value: bool, sent: object) -> bool:
    if isinstance(sent, bool):
        return value is sent
    return isinstance(sent, (int, str)) and _WORDS.get(str(sent).strip().lower()) is value


def narrowed(value: Any) -> Any:
    """Give what a reader of JSON keeps of whole numbers beyond 64 bits: a float, by its type."""
    if isinstance(value, dict):
        return {name: narrowed(one) for name, one in value.items()}
    if isinstance(value, list):
        return [narrowed(one) for one in value]
    return value if type(value) is not int or -(2**63) <= value < 2**64 else float(value)


def is_json(value: object, sent: object) -> bool:
    """Tell whether a value is what was sent, or what the JSON in a text says."""
    if value == sent:
        return True
    with suppress(RecursionError):
        if value == narrowed(sent):
            return True
    with suppress(RecursionError, TypeError, ValueError):
        return bool(value == json.loads(sent, strict=False))  # type: ignore[arg-type]  # a text
    return False


def _is_list(value: tuple[CategoryRank, ...], sent: object) -> bool:
    written = ",".join(
        "-".join(filter(None, attrs.astuple(one)[:3])) + f":{one.rank}" for one in value
    )
    return isinstance(sent, str) and "".join(sent.split()) == written


_JUDGES: Mapping[str, Callable[[Any, object], bool]] = {
    **dict.fromkeys(("id", "text", "url"), _is_text),
    **dict.fromkeys(("count", "choice"), _is_count),
    **dict.fromkeys(("amount", "rate"), _is_amount),
    "moment": _is_moment,
    "moment_ms": _is_moment_ms,
    "date": _is_date,
    "flag": _is_flag,
    "json": is_json,
    "categories": _is_list,
}
_TEXTS = {"id", "text", "url", "json", "categories"}


def says(kind: str, value: object, sent: object) -> bool:
    """Tell whether a field of a record has what was sent; blank numbers and times are nothing."""
    if value is None:
        blank = isinstance(sent, str) and sent.strip() in {"", "-"} and kind not in _TEXTS
        return sent is None or blank or (kind == "json" and is_json(value, sent))
    return _JUDGES[kind](value, sent)


def harmless(shown: str) -> bool:
    """Tell whether a screen shows it and obeys nothing in it."""
    commands = {c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    assert not commands - {"\u200c", "\u200d", "\n"}, commands
    return True
