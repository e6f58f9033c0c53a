"""Faults on demand: what can go wrong with an answer, and when it does."""

import functools
import gzip
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from random import Random
from typing import Any, Final, Self

import attrs

__all__ = ["REFUSALS", "Fault", "Faults", "misshapen", "replaced", "spoilt", "zeros"]

Row = dict[str, Any]


class Fault(StrEnum):
    """What can go wrong with one answer."""

    TOO_MANY_REQUESTS = "429"
    SERVER_ERROR = "500"
    BAD_GATEWAY = "502"
    UNAVAILABLE = "503"
    QUOTA = "402"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    NOT_FOUND = "404"
    RESET = "reset"
    CLOSE = "close"
    TRUNCATE = "truncate"
    DELAY = "delay"
    HANG = "hang"
    DRIP = "drip"
    BAD_JSON = "bad_json"
    BAD_UTF8 = "bad_utf8"
    CONTROL_CHARACTERS = "control_characters"
    HTML = "html"
    EMPTY_BODY = "empty_body"
    ERROR_IN_200 = "error_in_200"
    TOO_MANY_IN_200 = "429_in_200"
    QUOTA_500 = "quota_500"
    REDIRECT = "redirect"
    ZEROS = "zeros"
    NULL_DATA = "null_data"
    MISSING_DATA = "missing_data"
    OBJECT_DATA = "object_data"
    NUMERIC_STRINGS = "numeric_strings"
    UNKNOWN_FIELDS = "unknown_fields"
    MISSING_FIELDS = "missing_fields"

    @classmethod
    def _missing_(cls, value: object) -> Self:
        raise ValueError(f"no fault {value!r}; there are: {', '.join(cls)}")


REFUSALS: Final[Mapping[Fault | None, tuple[str, int, int]]] = {
    Fault.TOO_MANY_REQUESTS: ("qps limit exceeded", 429, 429),
    Fault.SERVER_ERROR: ("Internal server error", 500, 500),
    Fault.UNAVAILABLE: ("Service unavailable", 503, 503),
    Fault.QUOTA: ("apiKey quota is not enough", 402, 402),
    Fault.UNAUTHORIZED: ("apiKey is invalid", 401, 401),
    Fault.FORBIDDEN: ("This apiKey may not use this endpoint", 403, 403),
    Fault.NOT_FOUND: ("Not found", 404, 404),
    Fault.ERROR_IN_200: ("Internal server error", 200, 500),
    Fault.TOO_MANY_IN_200: ("qps limit exceeded", 200, 429),
    Fault.QUOTA_500: ("Usage Limit Exceeded", 500, 500),
}
"""Faults that answer with an error envelope: message, HTTP status, code."""

_GATEWAY: Final = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>\n"
_HTML: Final = {"Content-Type": "text/html"}
_TEXT: Final = re.compile(rb'"(?:[a-z_]+_(?:name|desc|text|detail|tag|list)|title)":"')


def _to_rates(rates: Mapping[Fault, float] | Mapping[str, float]) -> Mapping[Fault, float]:
    known = {Fault(name): rate for name, rate in rates.items()}
    if wrong := [name for name, rate in known.items() if not 0 <= rate <= 1]:
        raise ValueError(f"the rate of {wrong[0]} must be 0 to 1, not {known[wrong[0]]!r}")
    if (total := math.fsum(known.values())) > 1:
        raise ValueError(f"rates must add up to 1 at most, not {total:g}")
    return known


def _to_script(script: Iterable[Fault | str | None]) -> Iterator[Fault | None]:
    steps = (None if name is None else Fault(name) for name in script)
    return iter(list(steps)) if isinstance(script, Sequence) else steps


@attrs.define
class Faults:
    """When which fault strikes: first the script, a step per request, then the rates.

    Args:
        rates: how often each fault strikes, 0 to 1; together at most 1.
        script: a fault, or `None` for an honest answer, per request. May be endless.
        delay: seconds that "delay" adds.
        retry_after: the `Retry-After` of every 429, in seconds or as an HTTP date; none if `None`.
        seed: where the dice of the rates begin.
    """

    rates: Mapping[Fault, float] = attrs.field(factory=dict, converter=_to_rates)
    script: Iterator[Fault | None] = attrs.field(default=(), converter=_to_script)
    delay: float = attrs.field(default=1.0, validator=attrs.validators.ge(0))
    retry_after: float | str | None = None
    seed: int = 0
    _dice: Random = attrs.field(
        init=False, repr=False, default=attrs.Factory(lambda self: Random(self.seed), True)
    )

    def draw(self) -> Fault | None:
        """The fault of the next request, or `None`."""
        for step in self.script:
            return step
        throw = self._dice.random()
        for fault, rate in self.rates.items():
            if throw < rate:
                return fault
            throw -= rate
        return None


def replaced(fault: Fault | None, path: str) -> tuple[int, dict[str, str], bytes] | None:
    """Status, headers and body of what is answered in KeyAPI's place; `None` if nothing is."""
    match fault:
        case Fault.BAD_GATEWAY | Fault.HTML:
            return 502 if fault is Fault.BAD_GATEWAY else 200, _HTML, _GATEWAY
        case Fault.EMPTY_BODY:
            return 200, {}, b""
        case Fault.REDIRECT:
            return 302, {"Location": f"/moved{path}"}, b""
        case Fault.ZEROS:
            return 200, {"Content-Encoding": "gzip"}, zeros()
    return None


def spoilt(fault: Fault | None, body: bytes) -> bytes:
    """The bytes of an answer, as the fault leaves them."""
    match fault:
        case Fault.BAD_JSON:
            return body[:-1] + b",]"
        case Fault.BAD_UTF8:
            return body.replace(b'"message":"', b'"message":"\xff\xfe', 1)
        case Fault.CONTROL_CHARACTERS:
            return _TEXT.sub(lambda found: found[0] + b"\n\t", body)
    return body


def misshapen(fault: Fault | None, rows: list[Row]) -> dict[str, object]:
    """The `data` of an envelope, as the fault wants it: possibly none at all."""
    match fault:
        case Fault.MISSING_DATA:
            return {}
        case Fault.NULL_DATA:
            return {"data": None}
        case Fault.OBJECT_DATA if len(rows) == 1:
            return {"data": rows[0]}
        case Fault.NUMERIC_STRINGS:
            rows = [{name: _other_type(name, row[name]) for name in row} for row in rows]
        case Fault.UNKNOWN_FIELDS:
            rows = [{"is_ad": 0, "video_products": "[1732322694475518433]", **row} for row in rows]
        case Fault.MISSING_FIELDS:
            rows = [{name: row[name] for name in row if name.endswith("_id")} for row in rows]
    return {"data": rows}


def _other_type(name: str, value: object) -> object:
    """An id as an integer, a number as a string."""
    if isinstance(value, str) and name.endswith("_id") and value.isdecimal():
        return int(value)
    return str(value) if isinstance(value, int | float) else value


@functools.cache
def zeros() -> bytes:
    """64 MB of zeros as gzip: a small body that is large when it is unpacked."""
    return gzip.compress(bytes(64 << 20), compresslevel=1, mtime=0)
