"""The service, in memory: billing, limits, faults and when they strike."""

import itertools
import json
from collections import Counter
from typing import Any

import orjson
import pytest

from keyapi_async.sandbox import Asked, Fault, Faults, Response, Service
from keyapi_async.sandbox.faults import REFUSALS, spoilt
from tests.sandbox.calls import ask as asked
from tests.sandbox.calls import envelope, path_of, rows, service

CREATORS = path_of("product/creators")
PRODUCT = "1729492547846767618"
HASHTAGS = "/v1/tiktok/trending/hashtags"


def ask(box: Service, **params: object) -> Response:
    return asked(box, CREATORS, {"product_id": PRODUCT, **params})


def test_success_is_an_envelope_with_a_request_id() -> None:
    box = service()
    first, second = ask(box), ask(box)
    known = {"code": 0, "message": "success", "data": rows(first)}
    assert envelope(first) == known | {"requestId": envelope(first)["requestId"]}
    assert envelope(first)["requestId"] != envelope(second)["requestId"]
    assert ask(service()).body == first.body
    assert first.headers == {"Content-Type": "application/json"}
    assert box.billed == 2


def test_pages_are_slices_of_the_list() -> None:
    box = service()
    whole = box.rows(CREATORS, product_id=PRODUCT)
    pages = -(-len(whole) // 7)
    paged = [row for page in range(pages) for row in rows(ask(box, page_num=page + 1, page_size=7))]
    assert paged == whole
    assert rows(ask(box, page_num=100000)) == []
    assert len(box.requests) == box.billed == pages + 1


@pytest.mark.parametrize(
    ("authorization", "status", "message"),
    [
        *((none, 401, "apiKey is null") for none in (None, "")),
        ("Bearer other", 401, "apiKey is invalid"),
        ("Bearer sandbox-key", 404, "No such endpoint: /nowhere"),
    ],
)
def test_what_is_refused_draws_no_fault(
    authorization: str | None, status: int, message: str
) -> None:
    box = Service(faults=Faults(script=["500"]))
    response = box.answer("/nowhere", [], authorization, 0.0)
    assert (response.status, response.code, box.billed) == (status, status, 0)
    assert envelope(response) == {"code": status, "data": None, "message": message}
    assert ask(box).status == 500


def test_the_window_limits_and_costs_nothing() -> None:
    box = service(qps=2)
    query = {"product_id": PRODUCT, "page_num": "1", "page_size": "10"}

    def at(now: float) -> Response:
        return box.answer(CREATORS, query.items(), "Bearer sandbox-key", now)

    assert [at(0.5).status for _ in range(4)] == [200, 200, 429, 429]
    assert at(0.6).headers == {"Content-Type": "application/json"}
    assert envelope(at(0.6))["message"] == "qps limit exceeded"
    box.faults = Faults(retry_after=0.5)
    assert at(0.9).headers["Retry-After"] == "0.5"
    box.faults = Faults(retry_after="Wed, 21 Oct 2026 07:28:00 GMT")
    assert at(0.9).headers["Retry-After"].startswith("Wed")
    assert at(1.0).status == 200
    assert box.billed == 3


def test_credits_run_out() -> None:
    box = service(credits=3, faults=Faults(script=["500"]))
    assert [ask(box).status for _ in range(3)] == [500, 200, 200]
    paging = {"page": 1, "limit": 20}
    assert asked(box, HASHTAGS, paging).status == 402
    assert [ask(box).status for _ in range(2)] == [200, 402]
    assert box.billed == 3


def test_hashtags_come_by_page_and_limit_for_two_credits() -> None:
    box = service()
    paging = ({"page": page, "limit": 20} for page in range(1, 5))
    pages = [envelope(asked(box, HASHTAGS, one))["data"] for one in paging]
    assert [one["pagination"]["has_more"] for one in pages] == [True, True, True, False]
    assert pages[3]["pagination"] == {"page": 4, "size": 20, "total": 64, "has_more": False}
    assert [row["rank"] for one in pages for row in one["list"]] == list(range(1, 65))
    assert box.billed == 8


def test_every_request_is_on_record() -> None:
    box = service(faults=Faults(script=["reset"]))
    ask(box, page_num=3, page_size=4)
    ask(box, page_num="x")
    first = {"product_id": PRODUCT, "page_num": "3", "page_size": "4"}
    second = {"product_id": PRODUCT, "page_num": "x", "page_size": "10"}
    assert box.requests == [
        Asked(CREATORS, first, 3, 4, 200, 0, 1, Fault.RESET, 0.0),
        Asked(CREATORS, second, None, 10, 400, 400, 0, None, 0.0),
    ]


ANSWERS: dict[str, tuple[int, int | None, int]] = {
    **{str(n): (n, n, 0) for n in (429, 500, 503, 402, 401, 403, 404)},
    "error_in_200": (200, 500, 0), "429_in_200": (200, 429, 0), "quota_500": (500, 500, 0),
    "502": (502, None, 0), "html": (200, None, 0), "empty_body": (200, None, 0),
    "redirect": (302, None, 0), "zeros": (200, None, 0),
    "bad_json": (200, None, 1), "bad_utf8": (200, None, 1),
}  # fmt: skip
"""HTTP status, code and credits of an answer that goes wrong; of all others 200, 0 and 1."""


@pytest.mark.parametrize("fault", Fault)
def test_each_fault_has_its_status_its_code_and_its_price(fault: Fault) -> None:
    box = service(qps=1, latency=0.25, faults=Faults(script=[fault], delay=2))
    response = ask(box)
    status, code, billed = ANSWERS.get(fault, (200, 0, 1))
    assert (response.status, response.code, response.billed) == (status, code, billed)
    assert box.billed == billed
    assert (response.fault, response.delay) == (fault, 2.25 if fault == "delay" else 0.25)
    if code:
        assert envelope(response) == {"code": code, "data": None, "message": REFUSALS[fault][0]}
    elif code is None:
        with pytest.raises(ValueError, match=r"\w"):
            orjson.loads(response.body.decode())
    elif fault not in {"null_data", "missing_data", "control_characters"}:
        assert len(rows(response)) == 10
    assert ("text/html" in response.headers.values()) == response.body.startswith(b"<html>")
    assert response.headers.get("Location") == ("/moved" + CREATORS if status == 302 else None)
    assert ask(box).status == (429 if billed else 200)


def test_answers_in_odd_shapes() -> None:
    [known] = rows(ask(service(), page_size=1))

    def answered(fault: str, page_num: int = 1) -> Any:
        box = service(faults=Faults(script=[fault]))
        answer = envelope(ask(box, page_num=page_num, page_size=1))
        assert rows(ask(box, page_size=1)) == [known]
        return answer.get("data", "none at all")

    assert answered("null_data") is None
    assert answered("missing_data") == "none at all"
    assert (answered("object_data"), answered("object_data", 10**5)) == (known, [])
    [row] = answered("numeric_strings")
    assert (row["user_id"], row["total_views_cnt"]) == (7122344901288068123, "358710")
    [row] = answered("unknown_fields")
    assert row == known | {"is_ad": 0, "video_products": "[1732322694475518433]"}
    [row] = answered("missing_fields")
    assert row.keys() == {"user_id", "product_id"}


def test_the_script_comes_first_then_the_rates() -> None:
    faults = Faults(script=["429", None, Fault.RESET], rates={"500": 1.0})
    assert [faults.draw() for _ in range(5)] == ["429", None, "reset", "500", "500"]
    endless = Faults(script=itertools.cycle([None, None, "503"]))
    assert [endless.draw() for _ in range(6)] == [None, None, "503"] * 2
    with pytest.raises(ValueError, match="no fault 'boom'"):
        Faults(script=itertools.repeat("boom")).draw()


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
