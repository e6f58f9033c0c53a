"""The API key, which shows itself to nobody."""

import copy
import pickle
import re
from typing import Any

import pytest

from keyapi_async import (
    ConfigurationError,
    __version__,
)
from keyapi_async.secret import Secret

# The key.


def test_the_key_travels_in_the_headers_alone() -> None:
    assert Secret(f" {KEY}\t").headers() == {
        "Authorization": f"Bearer {KEY}",
        "Accept": "application/json",
        "User-Agent": f"keyapi-async/{__version__}",
    }


def test_the_key_shows_itself_to_nobody() -> None:
    secret = Secret(KEY)
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r}",
        repr([secret]),
        repr({1: secret}),
    ]
    assert all("secret" not in text.replace("Secret", "") for text in shown)
    assert not hasattr(secret, "__dict__")
    assert secret != Secret(KEY)


def test_a_fingerprint_is_the_keys_own_and_does_not_show_it() -> None:
    assert Secret(KEY).fingerprint() == Secret(f" {KEY} ").fingerprint()
    assert Secret(KEY).fingerprint() != Secret(KEY + "x").fingerprint()
    assert re.fullmatch(r"[0-9a-f]{32}", Secret(KEY).fingerprint())


@pytest.mark.parametrize("copying", [pickle.dumps, copy.copy, copy.deepcopy])
def test_the_key_is_not_pickled(copying: Any) -> None:
    with pytest.raises(TypeError, match="an API key is not pickled") as caught:
        copying(Secret(KEY))
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("key", [None, "", "  ", "\t", 5, b"key", ["key"]])
def test_a_missing_key_is_refused(key: Any) -> None:
    with pytest.raises(ConfigurationError, match="no API key: pass api_key=, or set KEYAPI_TOKEN"):
        Secret(key).check()


@pytest.mark.parametrize(
    "key", ["secret\n", "\nsecret", "se\r\nX: cret", "se\0cret", "sécret", "\ud800"]
)
def test_a_key_that_would_break_the_header_is_refused_unseen(key: str) -> None:
    with pytest.raises(ConfigurationError, match="a line break, or is no plain text") as caught:
        Secret(key).check()
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize("key", ["Bearer a-key", "bearer a-key"])
def test_a_key_that_brings_its_bearer_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ConfigurationError, match="goes without 'Bearer'") as caught:
        Secret(key).check()
    assert "a-key" not in str(caught.value)


def test_a_good_key_is_taken() -> None:
    Secret(KEY).check()
