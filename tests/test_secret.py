"""The API key, which shows itself to nobody."""

import copy
import pickle
import re
from typing import Any

import pytest

from keyapi_async import __version__
from keyapi_async.secret import Secret

KEY = "kid/9+secret=="


def test_the_key_travels_in_the_headers_alone() -> None:
    assert Secret(f" {KEY}\t").headers() == {
        "Authorization": f"Bearer {KEY}",
        "Accept": "application/json",
        "User-Agent": f"keyapi-async/{__version__}",
    }


def test_the_key_shows_itself_to_nobody() -> None:
    secret = Secret(KEY)
    shown = (repr(secret), str(secret), f"{secret}", repr([secret]), repr({1: secret}))
    assert all("secret" not in text.replace("Secret", "") for text in shown)
    assert not hasattr(secret, "__dict__")
    assert secret != Secret(KEY)
    assert Secret("abc").hide("an abc in a text") == "an *** in a text"


def test_a_fingerprint_is_the_keys_own_and_does_not_show_it() -> None:
    assert Secret(KEY).fingerprint() == Secret(f" {KEY} ").fingerprint()
    assert Secret(KEY).fingerprint() != Secret(KEY + "x").fingerprint()
    assert re.fullmatch(r"[0-9a-f]{32}", Secret(KEY).fingerprint())


@pytest.mark.parametrize("copying", [pickle.dumps, copy.copy, copy.deepcopy])
def test_the_key_is_not_pickled(copying: Any) -> None:
    with pytest.raises(TypeError, match="an API key is not pickled") as caught:
        copying(Secret(KEY))
    assert KEY not in str(caught.value)
