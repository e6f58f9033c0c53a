"""Reading JSON as the API writes it."""

import re
from typing import TypeAlias, cast

import orjson

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"

_CONTROL = re.compile(rb"[\x00-\x1f]")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def read_json(text: bytes) -> JSON:
    """Read JSON, raw control characters in its strings included, as product descriptions have them.

    Raises:
        ValueError: it is not JSON in any reading.
    """
    try:
        return cast("JSON", orjson.loads(text))
    except orjson.JSONDecodeError:
        return cast("JSON", orjson.loads(_STRING.sub(_escaped, text)))


def _escaped(string: re.Match[bytes]) -> bytes:
    return _CONTROL.sub(lambda found: b"\\u%04x" % found[0][0], string[0])
