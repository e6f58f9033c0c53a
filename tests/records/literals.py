"""Values as they stand in JSON, and whether what was read of one is what was sent.

The package's own code has no part in the judgement.
"""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import attrs

from keyapi_async import CategoryRank

SCALARS = [
    b"null", b"true", b"false", b"0", b"1", b"-1", b"-0", b"-0.0", b"1.0", b"1.5", b"-5", b"1e3",
    b"7007199254740991", b"7007199254740992", b"7007199254740993", b"7007199254740993.0",
    b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808",
    b"-9223372036854775809", b"18446744073709551615", b"18446744073709551616",
    b"7122344901288068123", b"7.122344901288068123e18", b"1e-400", b"1e300",
    b"2", b"5", b"20250104", b"20250230", b"65536", b"1000000000000000", b"1e30",
    b"253402300799", b"253402300800", b"1736000677000", b"-62135596800", b"-62135596801",
]  # fmt: skip
TEXTS = [
    b'""', b'" "', b'"0"', b'"-5"', b'"+5"', b'" 7 "', b'"7.0"', b'"7.5"', b'"1e3"', b'"1e400"',
    b'"1e-400"', b'"nan"', b'"NaN"', b'"Infinity"', b'"-inf"', b'"0x10"', b'"1_000"', b'"1,234"',
    b'"1 2"', b'"7\\u0000"', b'"\\u0000"', b'"\\uFF17"', b'"\\u0667"', b'"\\u00b2"', b'"true"',
    b'"True"', b'"yes"', b'"null"', b'"1-2-3:4"', b'"1-2-3:4,"', b'"7007199254740993"',
    b'"7007199254740993.0"', b'"18446744073709551616"', b'"253402300800"', b'"\\ufeff7"',
    b'"\xef\xbb\xbf7"', b'"\\ud83d\\ude00"', b'"' + b"9" * 400 + b'"', b'"' + b"9" * 5000 + b'"',
    b'"0.' + b"3" * 400 + b'"', b'"' + b"x" * 10**6 + b'"', b'"' + b"9" * 10**5 + b'"',
    b'"' + b"1:1," * 10**4 + b'1:1"', b'"."', b'"1e"', b'"e1"', b'"--1"', b'"12 %"', b'"$5"',
    b'"1,5"', b'"12.5x"', b'"' + b"9" * 5000 + b' "', b'"no"', b'"2"', b'"truefalse"', b'"1-2-3"',
    b'":1"', b'"1-2-3-4:1"', b'"1:1,"', b'","', b'"a:1"', b'"1:-1"', b'"1::1"',
    b'"1:' + b"9" * 5000 + b'"', b'"2025-01-04"', b'"20250104"', b'"2025-02-30"', b'"2025-13-01"',
    b'"2025-0104"', b'"2025/01/04"', b'"0000-01-01"', b'"\\uff12025-01-04"', b'"-inf "', b'"1e999"',
    b'"9.007199254740993e15"', b'"9007199254740993.0"',
]  # fmt: skip
NESTED = [
    b"[]", b"{}", b"[1]", b'["1"]', b"[[[]]]", b"[[1],[2]]", b'{"a":{"b":[null]}}',
    b"[" * 700 + b"]" * 700, b'{"a":' * 700 + b"1" + b"}" * 700, b"[" + b"[]," * 10**3 + b"[]]",
]  # fmt: skip
NO_JSON = [
    b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"1" * 400, b"-" + b"1" * 400, b"01",
    b"+1", b".5", b"5.", b"0x10", b"1_000", b"True", b"None", b"undefined", b"", b"'x'", b'"x',
    b'"\\x41"', b'"\xff"', b'"\xed\xa0\x80"',
    b'"\xc0\xaf"', b'"\xf5\x80\x80\x80"', b"\x00",
    b"\xef\xbb\xbf1", b"[1,]", b"/**/1", b"[" * 10**4 + b"]" * 10**4, b'{"a":' * 10**4,
]  # fmt: skip
"""What a strict reader of JSON refuses, and so is no answer of the API."""

ANY = [*SCALARS, *TEXTS, *NESTED]

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


def _is_amount(value: float, sent: object) -> bool:
    told = number(sent)
    return told is not None and value == float(told)


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
    said = [sent]
    with suppress(RecursionError, TypeError, ValueError):
        said.append(json.loads(sent, strict=False))  # type: ignore[arg-type]  # a text
    for one in said:
        with suppress(RecursionError):
            if value == one or value == narrowed(one):  # the second is seldom made
                return True
    return False


def _is_list(value: tuple[CategoryRank, ...], sent: object) -> bool:
    written = ",".join(
        "-".join(filter(None, attrs.astuple(one)[:3])) + f":{one.rank}" for one in value
    )
    return isinstance(sent, str) and "".join(sent.split()) == written


_JUDGES: Mapping[str, Callable[[Any, object], bool]] = {
    **dict.fromkeys(
        ("id", "text", "url"),
        lambda value, sent: value == (str(sent) if type(sent) is int else sent),
    ),
    **dict.fromkeys(("count", "choice"), lambda value, sent: number(sent) == value),
    **dict.fromkeys(("amount", "rate"), _is_amount),
    "moment": lambda value, sent: number(sent) == (value - _EPOCH) // timedelta(seconds=1),
    "moment_ms": lambda value, sent: number(sent) == (value - _EPOCH) // timedelta(milliseconds=1),
    "date": lambda value, sent: str(sent).strip() in {f"{value}", f"{value}".replace("-", "")},
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
