"""Reading JSON as the API writes it."""

import re
from typing import TypeAlias

import orjson

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_UNLIKE_JSON = re.compile(
    rb"(?P<control>\\?[\x00-\x1f])"
    rb"|(?P<pair>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|\\.",
    re.DOTALL,
)


def read_json(text: bytes | str) -> JSON:
    """Read JSON, also where its strings hold what strict readers refuse.

    Product descriptions have raw control characters; names cut within an emoji have half of it,
    for which the replacement character U+FFFD stands.

    Raises:
        ValueError: it is not JSON in any reading.
    """
    try:
        read: JSON = orjson.loads(text)
    except orjson.JSONDecodeError:
        raw = text.encode() if isinstance(text, str) else text
        mended = _STRING.sub(lambda string: _UNLIKE_JSON.sub(_strict, string[0]), raw)
        read = orjson.loads(mended)
    return read


def _strict(found: re.Match[bytes]) -> bytes:
    if found["control"]:
        return 2 * found[0][:-1] + b"\\u%04x" % found[0][-1]
    return b"\\ufffd" if found["half"] else found[0]
