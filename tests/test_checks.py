"""The checks of plain values, and how JSON is read."""

import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_async import ConfigurationError, InvalidParameterError
from keyapi_async.checks import number, seconds, setting
from keyapi_async.jsontext import read_json
from tests.rows import Number, steady


def test_whole_numbers_have_bounds() -> None:
    assert number("x", Number(3), 0, 3) == 3
    assert (number("x", 5, 0), setting("x", 5, 1)) == (5, 5)
    for value in (True, 1.0, "1", None, -1, 4):
        with pytest.raises(InvalidParameterError, match="a whole number, 0 to 3"):
            number("x", value, 0, 3)
    with pytest.raises(InvalidParameterError, match="a whole number, 6 or more"):
        number("x", 5, 6)
    for value in (True, 0, 1.5, None):
        with pytest.raises(ConfigurationError, match="a whole number, 1 or more"):
            setting("x", value, 1)


def test_seconds_are_positive_and_end() -> None:
    seconds("x", 0.5)
    seconds("x", 0, least=0.0)
    refused = ((0, None), (-1, 0.0), (math.inf, None), (math.nan, 0.0), (True, None), ("1", None))
    for value, least in refused:
        with pytest.raises(ConfigurationError, match=r"^x=.*: seconds, (above 0|0 or more)"):
            seconds("x", value, least=least)


@given(st.text(st.characters(codec="utf-8", max_codepoint=0x7F)), st.integers(0, 2))
@steady
def test_control_characters_are_read_in_texts_alone(text: str, spaces: int) -> None:
    raw = text.replace("\\", "\\\\").replace('"', '\\"').encode()
    assert read_json(b" \n\t"[:spaces] + b'{"a":"' + raw + b'"}') == {"a": text}


@given(st.lists(st.text() | st.sampled_from(["\ud83d", "\ude00", "\\", "\\\n"])).map("".join))
@steady
def test_half_an_emoji_is_read_as_the_replacement_character(text: str) -> None:
    raw = json.dumps(text).replace("\\n", "\n").encode()
    whole = json.loads(json.dumps(text))  # two halves side by side are one
    assert read_json(raw) == re.sub("[\ud800-\udfff]", "\ufffd", whole)


@pytest.mark.parametrize("text", [b"", b"{", b'"a', b"\x00", b'{"a":"\x01"', b"NaN", b'{"\xff":1}'])
def test_what_is_not_json_in_any_reading_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_json(text)
