"""Reading JSON as the API writes it."""

import re
from typing import TypeAlias

import orjson

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"

_CONTROL = re.compile(rb"[\x00-\x1f]")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def read_json(text: bytes | str) -> JSON:
    """Read JSON, raw control characters in its strings included, as product descriptions have them.

    Raises:
        ValueError: it is not JSON in any reading.
    """
    try:
        read: JSON = orjson.loads(text)
    except orjson.JSONDecodeError:
        raw = text.encode() if isinstance(text, str) else text
        read = orjson.loads(_STRING.sub(_escaped, raw))
    return read


def _escaped(string: re.Match[bytes]) -> bytes:
    return _CONTROL.sub(lambda found: b"\\u%04x" % found[0][0], string[0])
