"""The desk, in memory: refusals, paging, billing, limits, and the faults it needs no socket for."""

from collections.abc import Mapping
from datetime import date
from typing import cast

import orjson
import pytest

from keyapi_async.sandbox import Desk, Fault, Faults, Reply

CREATORS = "/v1/tiktok/product/creators/analytics"
VIDEOS = "/v1/tiktok/influencer/videos/analytics"
RANKING = "/v1/tiktok/influencer/ranking/analytics"
ROOMS = "/v1/tiktok/influencer/livestreams/analytics"
PRODUCTS = "/v1/tiktok/video/products/analytics"
DOCUMENTED = {"product_id": "1729492547846767618"}
PAGE = {"page_num": "1", "page_size": "10"}
RANK = {"date": "2025-10-27", "region": "US", "rank_type": "2", "influencer_rank_field": "2"}


def ask(
    desk: Desk, path: str = CREATORS, params: Mapping[str, str] = DOCUMENTED, *, now: float = 0.0
) -> Reply:
    return desk.answer(path, {**PAGE, **params}.items(), "Bearer sandbox-key", now)


def envelope(reply: Reply) -> dict[str, object]:
    return cast("dict[str, object]", orjson.loads(reply.body))


def rows(reply: Reply) -> list[dict[str, object]]:
    return cast("list[dict[str, object]]", envelope(reply)["data"])


def test_success_is_an_envelope_with_a_request_id() -> None:
    """As documented, and billed; request ids differ, but not from run to run."""
    desk = Desk()
    first, second = ask(desk), ask(desk)
    assert envelope(first).keys() == {"code", "message", "data", "requestId"}
    assert envelope(first)["code"] == 0
    assert envelope(first)["message"] == "success"
    assert envelope(first)["requestId"] != envelope(second)["requestId"]
    assert ask(Desk()).body == first.body
    assert first.headers == {"Content-Type": "application/json"}
    assert desk.billed == 2


def test_pages_are_slices_of_the_list() -> None:
    """Every row once, the last page short, what is beyond it empty."""
    desk = Desk()
    whole = list(desk.world.product_creators(DOCUMENTED["product_id"]))
    paged = []
    for page in range(1, 1000):
        got = rows(ask(desk, params=DOCUMENTED | {"page_num": str(page), "page_size": "7"}))
        paged += got
        if len(got) < 7:
            break
    assert paged == whole
    assert rows(ask(desk, params=DOCUMENTED | {"page_num": "100000"})) == []


@pytest.mark.parametrize(
    ("authorization", "message"),
    [(None, "apiKey is null"), ("", "apiKey is null"), ("Bearer other", "apiKey is invalid")],
)
def test_without_the_key_nothing_is_answered(authorization: str | None, message: str) -> None:
    """401 comes before everything else."""
    desk = Desk(faults=Faults(script=["500"]))
    reply = desk.answer("/nowhere", [], authorization, 0.0)
    assert reply.status == 401
    assert envelope(reply) == {"code": 401, "data": None, "message": message}
    assert ask(desk).status == 500


def test_an_unknown_path_is_404() -> None:
    """In an envelope, and free."""
    desk = Desk()
    reply = ask(desk, "/v1/tiktok/nothing")
    assert (reply.status, reply.code, desk.billed) == (404, 404, 0)


@pytest.mark.parametrize(
    ("path", "params", "message"),
    [
        (CREATORS, PAGE, "Missing required parameter: product_id"),
        (CREATORS, {"product_id": ""}, "Missing required parameter: product_id"),
        (CREATORS, {"product_id": "12x"}, "product_id must be a string of 1 to 20 digits"),
        (CREATORS, {"product_id": "٣"}, "product_id must be a string of 1 to 20 digits"),
        (CREATORS, DOCUMENTED | {"page_num": "0"}, "page_num must be an integer from 1 to 100000"),
        (CREATORS, DOCUMENTED | {"page_num": "100001"}, "page_num must be"),
        (CREATORS, DOCUMENTED | {"page_num": "9" * 5000}, "page_num must be"),
        (CREATORS, DOCUMENTED | {"page_num": ""}, "Missing required parameter: page_num"),
        (CREATORS, DOCUMENTED | {"page_size": "11"}, "page_size must be an integer from 1 to 10"),
        (CREATORS, DOCUMENTED | {"page_size": "-1"}, "page_size must be"),
        (
            CREATORS,
            DOCUMENTED | {"product_influencer_sort_field": "8"},
            "product_influencer_sort_field must be an integer from 1 to 7",
        ),
        (CREATORS, DOCUMENTED | {"sort_type": "2"}, "sort_type must be an integer from 0 to 1"),
        (CREATORS, DOCUMENTED | {"limit": "1"}, "Unknown parameter: limit"),
        (VIDEOS, PAGE, "Missing required parameter: user_id or unique_id"),
        (VIDEOS, {"user_id": "1", "unique_id": "a"}, "Only one of these parameters is allowed"),
        (VIDEOS, {"user_id": "1", "influencer_video_sort_field": "5"}, "integer from 1 to 4"),
        (RANKING, RANK | {"date": "27.10.2025"}, "date must be a date, yyyy-MM-dd"),
        (RANKING, RANK | {"date": "2025-02-30"}, "date must be a date of the calendar"),
        (RANKING, RANK | {"region": "USA"}, "region must be a region code of two letters"),
        (RANKING, RANK | {"rank_type": "4"}, "rank_type must be an integer from 1 to 3"),
        (RANKING, RANK | {"influencer_rank_field": "3"}, "influencer_rank_field must be"),
        (RANKING, RANK | {"product_category_id": "x"}, "product_category_id must be"),
        (RANKING, RANK | {"category_id": "1"}, "Unknown parameter: category_id"),
        (ROOMS, {"user_id": "@me"}, "user_id must be"),
        (PRODUCTS, {"video_id": "1"}, "Unknown parameter: video_id"),
        (PRODUCTS, {"video_ids": ",".join(["1"] * 11)}, "1 to 10 strings of digits"),
        (PRODUCTS, {"video_ids": "1,,2"}, "1 to 10 strings of digits"),
    ],
)
def test_what_is_not_documented_is_refused(
    path: str, params: Mapping[str, str], message: str
) -> None:
    """400, naming the parameter; free."""
    desk = Desk()
    reply = ask(desk, path, params)
    assert (reply.status, reply.code, reply.billed) == (400, 400, False)
    assert message in str(envelope(reply)["message"])
    assert "requestId" not in envelope(reply)


def test_a_repeated_parameter_is_refused() -> None:
    """Which of the two would be meant?"""
    query = [*DOCUMENTED.items(), *PAGE.items(), ("page_num", "2")]
    reply = Desk().answer(CREATORS, query, "Bearer sandbox-key", 0.0)
    assert envelope(reply)["message"] == "Repeated parameter: page_num"


def test_an_unknown_handle_is_an_error_with_status_200() -> None:
    """As users observed it."""
    desk = Desk()
    reply = ask(desk, VIDEOS, {"unique_id": "nobody at all"})
    assert (reply.status, desk.billed) == (200, 0)
    assert envelope(reply) == {"code": 400, "data": None, "message": "unique_id is invalid"}


def test_all_endpoints_answer_their_documented_example() -> None:
    """By every way that leads to it."""
    desk = Desk()
    by_handle = ask(desk, VIDEOS, {"unique_id": "mrmnaznrm_"})
    by_id = ask(desk, VIDEOS, {"user_id": "7122344901288068123"})
    assert rows(by_handle) == rows(by_id)
    assert rows(by_id)[0]["video_id"] == "7456066022957665553"
    room = rows(ask(desk, ROOMS, {"user_id": "7288986759428588590"}))[0]
    assert room["title"] == "NEW FREEBIES!!!"
    ids = "7521783049722285367,7456066022957665553"
    pairs = [row["product_id"] for row in rows(ask(desk, PRODUCTS, {"video_ids": ids}))]
    assert pairs == ["1729422228922143703", "1729492547846767618"]
    filters = {"influencer_category_name": "Other", "product_category_id": "601450"}
    ranked = [row["unique_id"] for row in rows(ask(desk, RANKING, RANK | filters))]
    assert "iamjuliocr" in ranked


def test_today_is_a_parameter() -> None:
    """A week is ranked when it is over."""
    early, late = Desk(today=date(2025, 11, 2)), Desk(today=date(2025, 11, 3))
    assert rows(ask(early, RANKING, RANK)) == []
    assert len(rows(ask(late, RANKING, RANK))) == 10


def test_the_window_limits_and_costs_nothing() -> None:
    """429 without a `Retry-After`, unless one is configured."""
    desk = Desk(qps=2)
    assert [ask(desk, now=0.5).status for _ in range(4)] == [200, 200, 429, 429]
    assert ask(desk, now=0.6).headers == {"Content-Type": "application/json"}
    assert envelope(ask(desk, now=0.6))["message"] == "qps limit exceeded"
    desk.faults = Faults(retry_after=0.5)
    assert ask(desk, now=0.9).headers["Retry-After"] == "0.5"
    desk.faults = Faults(retry_after="Wed, 21 Oct 2026 07:28:00 GMT")
    assert ask(desk, now=0.9).headers["Retry-After"].startswith("Wed")
    assert ask(desk, now=1.0).status == 200
    assert desk.billed == 3


def test_credits_run_out() -> None:
    """402 when they are spent; errors spend none."""
    desk = Desk(credits=2, faults=Faults(script=["500", None, None]))
    assert [ask(desk).status for _ in range(4)] == [500, 200, 200, 402]
    assert desk.billed == 2


def test_every_request_is_on_record() -> None:
    """What was asked, how it was answered, and when."""
    desk = Desk(faults=Faults(script=["reset"]))
    ask(desk, params=DOCUMENTED | {"page_num": "3", "page_size": "4"}, now=1.5)
    ask(desk, params=DOCUMENTED | {"page_num": "x"}, now=2.5)
    first, second = desk.requests
    assert (first.path, first.page_num, first.page_size, first.at) == (CREATORS, 3, 4, 1.5)
    assert (first.status, first.code, first.billed, first.fault) == (200, 0, True, Fault.RESET)
    assert first.params == DOCUMENTED | {"page_num": "3", "page_size": "4"}
    assert (second.status, second.page_num, second.fault, second.billed) == (400, None, None, False)


@pytest.mark.parametrize(
    ("fault", "status", "code", "message"),
    [
        ("429", 429, 429, "qps limit exceeded"),
        ("500", 500, 500, "Internal server error"),
        ("503", 503, 503, "Service unavailable"),
        ("402", 402, 402, "apiKey quota is not enough"),
        ("401", 401, 401, "apiKey is invalid"),
        ("403", 403, 403, "This apiKey may not use this endpoint"),
        ("404", 404, 404, "Not found"),
        ("error_in_200", 200, 500, "Internal server error"),
        ("429_in_200", 200, 429, "qps limit exceeded"),
        ("quota_500", 500, 500, "Usage Limit Exceeded"),
    ],
)
def test_faults_that_refuse(fault: str, status: int, code: int, message: str) -> None:
    """An error envelope, free, and not counted by the window."""
    desk = Desk(qps=1, faults=Faults(script=[fault]))
    reply = ask(desk)
    assert (reply.status, reply.code, reply.fault, reply.billed) == (status, code, fault, False)
    assert envelope(reply) == {"code": code, "data": None, "message": message}
    assert ask(desk).status == 200


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        ("502", 502, "text/html"),
        ("html", 200, "text/html"),
        ("empty_body", 200, "application/json"),
    ],
)
def test_faults_of_a_gateway(fault: str, status: int, kind: str) -> None:
    """No envelope, no cost."""
    reply = ask(Desk(faults=Faults(script=[fault])))
    assert (reply.status, reply.code, reply.billed) == (status, None, False)
    assert reply.headers["Content-Type"] == kind
    assert reply.body.startswith(b"<html>") or not reply.body


def test_a_redirect_leads_elsewhere() -> None:
    """To another path of the same host."""
    reply = ask(Desk(faults=Faults(script=["redirect"])))
    assert (reply.status, reply.headers["Location"]) == (302, "/moved" + CREATORS)


@pytest.mark.parametrize(
    ("fault", "error"), [("bad_json", orjson.JSONDecodeError), ("bad_utf8", UnicodeDecodeError)]
)
def test_garbled_answers_are_unreadable_and_paid(fault: str, error: type[ValueError]) -> None:
    """The work was done; the bytes are spoilt."""
    reply = ask(Desk(faults=Faults(script=[fault])))
    assert (reply.status, reply.code, reply.billed) == (200, None, True)
    with pytest.raises(error):
        orjson.loads(reply.body.decode())


@pytest.mark.parametrize("fault", ["reset", "close", "truncate", "hang", "drip", "delay"])
def test_answers_that_get_lost_are_paid(fault: str) -> None:
    """The reply says what to do; its body is the one to lose."""
    desk = Desk(latency=0.25, faults=Faults(script=[fault], delay=2))
    reply = ask(desk)
    assert (reply.fault, reply.billed, desk.billed) == (fault, True, 1)
    assert len(rows(reply)) == 10
    assert reply.delay == (2.25 if fault == "delay" else 0.25)


def test_answers_in_odd_shapes() -> None:
    """Everything that users have met in a success."""
    odd = ["null_data", "missing_data", "object_data", "numeric_strings", "unknown_fields"]
    desk = Desk(faults=Faults(script=[*odd, "missing_fields"]))
    replies = [ask(desk, params=DOCUMENTED | {"page_size": "1"}) for _ in range(6)]
    null, missing, single, strings, unknown, few = map(envelope, replies)
    assert desk.billed == 6
    assert null["data"] is None
    assert "data" not in missing
    assert isinstance(single["data"], dict)
    [row] = rows(replies[3])
    assert row["user_id"] == 7122344901288068123
    assert row["total_views_cnt"] == "358710"
    assert strings.keys() == unknown.keys() == few.keys()
    assert rows(replies[4])[0]["is_ad"] == 0
    assert rows(replies[4])[0]["video_products"] == "[1732322694475518433]"
    assert rows(replies[5])[0].keys() == {"user_id", "product_id"}


def test_the_data_stays_as_it_was() -> None:
    """Faults spoil answers, not the world."""
    desk = Desk(faults=Faults(script=["numeric_strings", "unknown_fields", "missing_fields"]))
    spoilt = [ask(desk).body for _ in range(3)]
    assert rows(ask(desk)) == rows(ask(Desk()))
    assert len(set(spoilt)) == 3


def test_latency_is_not_negative() -> None:
    """A clear error at construction."""
    with pytest.raises(ValueError, match="latency must be 0 seconds or more"):
        Desk(latency=-1)
