"""The service, in memory: billing, limits, and the faults it needs no socket for."""

from typing import Any

import orjson
import pytest

from keyapi_async.sandbox import Fault, Faults, Response, Service
from keyapi_async.sandbox.faults import REFUSALS
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
    assert envelope(first).keys() == {"code", "message", "data", "requestId"}
    assert (envelope(first)["code"], envelope(first)["message"]) == (0, "success")
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
    ("authorization", "message"),
    [(None, "apiKey is null"), ("", "apiKey is null"), ("Bearer other", "apiKey is invalid")],
)
def test_without_the_key_nothing_is_answered(authorization: str | None, message: str) -> None:
    box = Service(faults=Faults(script=["500"]))
    response = box.answer("/nowhere", [], authorization, 0.0)
    assert response.status == 401
    assert envelope(response) == {"code": 401, "data": None, "message": message}
    assert ask(box).status == 500


def test_an_unknown_path_is_404() -> None:
    box = service()
    response = box.answer("/v1/tiktok/nothing", [], "Bearer sandbox-key", 0.0)
    assert (response.status, response.code, box.billed) == (404, 404, 0)


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
    found: list[Any] = []
    for page in range(1, 10):
        data = envelope(asked(box, HASHTAGS, {"page": page, "limit": 20}))["data"]
        found += data["list"]
        if not data["pagination"]["has_more"]:
            break
    assert data["pagination"] == {"page": 4, "size": 20, "total": 64, "has_more": False}
    assert [row["rank"] for row in found] == list(range(1, 65))
    assert box.billed == 8


def test_every_request_is_on_record() -> None:
    box = service(faults=Faults(script=["reset"]))
    ask(box, page_num=3, page_size=4)
    ask(box, page_num="x")
    first, second = box.requests
    assert (first.path, first.page_num, first.page_size, first.at) == (CREATORS, 3, 4, 0.0)
    assert (first.status, first.code, first.billed, first.fault) == (200, 0, 1, Fault.RESET)
    assert first.params == {"product_id": PRODUCT, "page_num": "3", "page_size": "4"}
    assert (second.status, second.page_num, second.fault, second.billed) == (400, None, None, 0)


ANSWERS: dict[str, tuple[int, int | None, int]] = {
    "429": (429, 429, 0), "500": (500, 500, 0), "503": (503, 503, 0), "402": (402, 402, 0),
    "401": (401, 401, 0), "403": (403, 403, 0), "404": (404, 404, 0),
    "error_in_200": (200, 500, 0), "429_in_200": (200, 429, 0), "quota_500": (500, 500, 0),
    "502": (502, None, 0), "html": (200, None, 0), "empty_body": (200, None, 0),
    "redirect": (302, None, 0), "zeros": (200, None, 0),
    "bad_json": (200, None, 1), "bad_utf8": (200, None, 1),
    **dict.fromkeys(("reset", "close", "truncate", "hang", "drip", "delay"), (200, 0, 1)),
    **dict.fromkeys(("null_data", "missing_data", "object_data", "numeric_strings"), (200, 0, 1)),
    **dict.fromkeys(("control_characters", "unknown_fields", "missing_fields"), (200, 0, 1)),
}  # fmt: skip
"""HTTP status, code of the envelope, and credits of an answer that goes wrong."""


@pytest.mark.parametrize("fault", Fault)
def test_each_fault_has_its_status_its_code_and_its_price(fault: Fault) -> None:
    box = service(qps=1, latency=0.25, faults=Faults(script=[fault], delay=2))
    response = ask(box)
    status, code, billed = ANSWERS[fault]
    assert (response.status, response.code, response.billed, box.billed) == (
        status, code, billed, billed,
    )  # fmt: skip
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
    odd = ["null_data", "missing_data", "object_data", "numeric_strings", "unknown_fields"]
    box = service(faults=Faults(script=[*odd, "missing_fields"]))
    responses = [ask(box, page_size=1) for _ in range(6)]
    null, missing, single, _, _, _ = map(envelope, responses)
    assert box.billed == 6
    assert null["data"] is None
    assert "data" not in missing
    assert single["data"]["user_id"] == "7122344901288068123"
    [row] = rows(responses[3])
    assert (row["user_id"], row["total_views_cnt"]) == (7122344901288068123, "358710")
    [row] = rows(responses[4])
    assert (row["is_ad"], row["video_products"]) == (0, "[1732322694475518433]")
    assert rows(responses[5])[0].keys() == {"user_id", "product_id"}
    assert rows(ask(box)) == rows(ask(service()))


def test_latency_is_not_negative() -> None:
    with pytest.raises(ValueError, match="latency"):
        Service(latency=-1)
