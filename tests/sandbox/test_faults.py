"""Faults: when they strike, and what they do to an answer."""

import itertools
import json
from collections import Counter
from typing import Any

import pytest

from keyapi_async.sandbox.faults import Fault, Faults, spoilt


def test_the_script_comes_first_then_the_rates() -> None:
    faults = Faults(script=["429", None, Fault.RESET], rates={"500": 1.0})
    assert [faults.draw() for _ in range(5)] == ["429", None, "reset", "500", "500"]
    endless = Faults(script=itertools.cycle([None, None, "503"]))
    assert [endless.draw() for _ in range(6)] == [None, None, "503"] * 2


def test_rates_follow_the_seed() -> None:
    rates = {"500": 0.2, Fault.DELAY: 0.1}
    first, again, other = (Faults(rates=rates, seed=seed) for seed in (1, 1, 2))
    drawn = [first.draw() for _ in range(1000)]
    assert drawn == [again.draw() for _ in range(1000)]
    assert drawn != [other.draw() for _ in range(1000)]
    assert Counter(drawn)[Fault.SERVER_ERROR] == pytest.approx(200, abs=40)
    assert Counter(drawn)[None] == pytest.approx(700, abs=60)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rates": {"boom": 0.1}}, "no fault 'boom'; there are: 429, 500"),
        ({"rates": {"500": -0.1}}, "the rate of 500 must be 0 to 1, not -0.1"),
        ({"rates": {"500": float("nan")}}, "the rate of 500 must be 0 to 1, not nan"),
        ({"rates": {"500": 0.6, "429": 0.6}}, "add up to 1 at most, not 1.2"),
        ({"script": ["boom"]}, "no fault 'boom'"),
        ({"delay": -1}, "delay"),
    ],
)
def test_what_cannot_be_is_refused_at_once(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Faults(**given)


def test_an_endless_script_is_checked_when_its_step_comes() -> None:
    endless = Faults(script=itertools.repeat("boom"))
    with pytest.raises(ValueError, match="no fault 'boom'"):
        endless.draw()


def test_control_characters_stand_raw_in_texts_alone() -> None:
    row = {"product_id": "7", "product_name": "a", "desc_detail": "[]", "title": ""}
    body = json.dumps(row, separators=(",", ":")).encode()
    raw = spoilt(Fault.CONTROL_CHARACTERS, body)
    with pytest.raises(json.JSONDecodeError, match="Invalid control character"):
        json.loads(raw)
    assert json.loads(raw, strict=False) == {
        "product_id": "7", "product_name": "\n\ta", "desc_detail": "\n\t[]", "title": "\n\t"
    }  # fmt: skip
    assert spoilt(None, body) == body
