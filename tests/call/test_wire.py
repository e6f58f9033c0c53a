"""What an answer means: the table, and no answer without a meaning."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keyapi_async import Envelope, errors
from keyapi_async.call.wire import Answer, Request, classify, query_of, readable
from keyapi_async.errors import error_class
from keyapi_async.jsontext import JSON
from keyapi_async.secret import Secret
from tests.rows import json_values, steady

KEY = "kid/9+secret=="


def meaning(status: int, document: object, hide: Callable[[str], str] = str) -> Any:
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    return classify(Answer(status, {}, body), hide)


@pytest.mark.parametrize(
    "quoted",
    [
        b"no JSON: kid/9+secret==",
        b'{"message": "kid/9+secret== is wrong"}',
        rb'{"message": "kid\/9+secret== is wrong"}',
        rb'{"code": 1, "message": "kid/9\u002bsecret\u003D\u003d is wrong"}',
        b'{"code": 401, "message": "x", "requestId": "kid/9+secret=="}',
        b"[" * 500 + b'"kid/9+secret=="' + b"]" * 500,
        b"x" * 295 + b"kid/9+secret==",
    ],
)
@pytest.mark.parametrize("status", [200, 401, 500])
def test_a_key_that_a_server_quotes_is_struck_out(quoted: bytes, status: int) -> None:
    """However JSON has escaped it, and before a cut could leave half of it."""
    error = meaning(status, quoted, Secret(KEY).hide)
    assert isinstance(error, errors.KeyAPIError)
    assert "kid/9" not in str(error) + repr(error)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@given(st.dictionaries(texts, texts))
@steady
def test_a_query_is_read_back_as_it_was_meant(params: dict[str, str]) -> None:
    query = query_of({**params, "\0": None, "number": 0})  # what is None is left out
    assert dict(parse_qsl(query, keep_blank_values=True)) == {**params, "number": "0"}
    assert Request("/v1/x", query_of(params)).params == params
    assert query_of(params).isascii()


ROW: JSON = {"user_id": "1"}


@pytest.mark.parametrize(
    ("data", "where", "rows"),
    [
        (None, "data", []), ([], "data", []), (ROW, "data", [ROW]), ({}, "data", [{}]),
        ([ROW, None, 5], "data", [ROW, None, 5]), ({"list": [ROW, 5]}, "data.list", [ROW, 5]),
        ({"list": ROW}, "data.list", [ROW]), ({"list": None}, "data.list", []),
        (None, "data.list", []), ({}, "data.list", []),
        ({"a": {"b": [ROW]}}, "data.a.b", [ROW]), ({"a": None}, "data.a.b", []),
        ("oops", "data", "the answer's data is not a list of rows, but str"),
        (0, "data", "the answer's data is not a list of rows, but int"),
        ([ROW], "data.list", "the answer has no data.list"),
        ({"b": [], "a": 3}, "data.list", "the answer has no data.list; it has a, b"),
        ({"a": "text"}, "data.a", "the answer's data.a is not a list of rows, but str"),
        ({"a\x1b[2J": 1}, "data.list", r"the answer has no data.list; it has a\x1b[2J"),
    ],
)  # fmt: skip
def test_rows_stand_where_they_are_said_to(data: JSON, where: str, rows: object) -> None:
    """Null or nothing is no row, a single object is one, and all else is an error."""
    envelope = meaning(200, {"code": 0, "data": data, "requestId": "r-1"})
    assert envelope == Envelope(0, "", data, "r-1")
    if isinstance(rows, list):
        assert envelope.rows(where) == rows
        return
    with pytest.raises(errors.ResponseError) as caught:
        envelope.rows(where)
    assert caught.value.message == rows
    assert (caught.value.status, caught.value.request_id) == (200, "r-1")


def test_whether_there_is_more_is_said_by_a_flag_or_by_nobody() -> None:
    said: dict[bool, list[JSON]] = {True: [True, 1], False: [False, 0]}
    for more, flags in said.items():
        for flag in flags:
            assert Envelope(0, "", {"pagination": {"has_more": flag}}, None).has_more is more
    nothing: list[JSON] = [{"has_more": None}, {"has_more": "no"}, {}, None, [0]]
    for data in (*({"pagination": one} for one in nothing), *nothing):
        assert Envelope(0, "", data, None).has_more is None


@given(st.integers(200, 599), st.integers(-5, 700), st.booleans(), json_values, json_values)
@example(200, 429, True, None, "")
@steady
def test_the_code_decides_where_it_is_known_else_the_status(
    status: int, code: int, as_text: bool, data: object, message: object
) -> None:
    sent = str(code) if as_text and code >= 0 else code
    found = meaning(status, {"code": sent, "message": message, "data": data})
    if 300 <= status < 400:
        assert type(found) is errors.ResponseError
    elif status < 300 and code in {0, 200}:
        assert type(found) is Envelope
        assert found.data == data
    else:
        assert type(found) is (error_class(code) or error_class(status) or errors.APIError)
        assert (found.status, found.code) == (status, code)
        assert (found.request_id, found.retry_after) == (None, None)
        if not isinstance(message, str) or not message:
            assert found.message == "the API gave no reason"


@given(st.integers(100, 599), st.binary() | json_values.map(orjson.dumps), st.none() | st.text())
@example(200, b"\xff\xfe{}", None)
@example(500, b"[" * 100_000, "x")
@example(200, b'{"code": 0, "data": NaN}', None)
@example(200, b'\xef\xbb\xbf{"code": 0}', None)
@example(502, b"<" * 9000, "-1")
@example(403, b"<script" * 2000, "Wed, 99 Oct 2015 99:28:00 GMT")
@steady
def test_no_answer_is_without_a_meaning(status: int, body: bytes, wait: str | None) -> None:
    """Arbitrary bytes under any status: a value, in one readable line, never an exception."""
    headers = {} if wait is None else {"Retry-After": wait}
    found = classify(Answer(status, headers, body))
    if isinstance(found, Envelope):
        assert 200 <= status < 300
        return
    assert str(found).isprintable()
    assert len(found.message) < 5000
    assert found.status == status
    if isinstance(found, errors.APIError):
        assert found.code is not None or status >= 400


PAGE = b"<html>\n<title>Oh</title><style>\nb{}</style>\n<body>Bad \xff gateway\n</body>"


@pytest.mark.parametrize("status", [400, 402, 408, 429, 502, 520])
def test_a_page_or_document_without_a_code_is_an_error_by_its_status(status: int) -> None:
    for document, message in (
        (PAGE, "Oh Bad � gateway"), ({"message": "Internal server error"}, "Internal server error"),
        ({"message": 5}, '{"message":5}'), (b"", "the API gave no reason"),
    ):  # fmt: skip
        found = meaning(status, document)
        assert type(found) is (error_class(status) or errors.APIError)
        assert (found.status, found.code, found.message) == (status, None, message)


@pytest.mark.parametrize("status", [200, 302, 400, 429, 500, 503])
def test_out_of_credits_is_known_by_its_words_under_any_status(status: int) -> None:
    """Also where the message is cut before them."""
    words = "Usage Limit Exceeded"
    for document in (words.encode(), {"message": words}, b"<p>Usage\n<b>limit</b> exceeded"):
        found = meaning(status, document)
        assert type(found) is errors.QuotaExceededError
        assert (found.status, found.code) == (status, None)
    for found in (
        meaning(500, {"code": 500, "message": "x" * 400 + " Usage Limit Exceeded"}),
        meaning(500, b"<html>" + b"x" * 1000 + b" Usage Limit Exceeded"),
    ):
        assert type(found) is errors.QuotaExceededError
        assert len(found.message) == 300
        assert found.message.endswith("…")
    row: JSON = {"video_desc": "usage limit exceeded"}
    assert isinstance(meaning(200, {"code": 0, "message": "success", "data": [row]}), Envelope)
    assert type(meaning(200, [row])) is errors.ResponseError


@pytest.mark.parametrize("status", [300, 307, 399])
@pytest.mark.parametrize("body", [b"", b"<html>moved", b'{"code": 0, "data": []}'])
def test_a_redirect_is_named_and_never_repeated(status: int, body: bytes) -> None:
    found = meaning(status, body)
    assert type(found) is errors.ResponseError
    assert (found.status, found.repeatable) == (status, False)
    assert found.message == "the answer is a redirect, which is never followed"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "empty"), (b"   ", "empty"), (b"<html><body>Hello</body></html>", "Hello"),
        (b'{"code": 0, "data": [', '{"code": 0, "data": ['), (b'{"cod": 0}', '{"cod":0}'),
        (b"[" * 500 + b"]" * 500, "JSON of many levels"), (b"[]", "[]"), (b"null", "null"),
        (b"a\x00\x1b[31mb", r"a\x00\x1b[31mb"),
    ],
)  # fmt: skip
def test_a_success_that_is_no_envelope_shows_how_it_begins(body: bytes, told: str) -> None:
    found = meaning(200, body)
    assert type(found) is errors.ResponseError
    assert found.message == f"the answer is not an envelope: {told}"
    assert found.repeatable


def test_foreign_text_cannot_write_into_a_terminal() -> None:
    found = meaning(400, {"code": 400, "message": "a\n\x1b[2Jb", "requestId": "\x07" + "r" * 99})
    assert found.message == r"a\n\x1b[2Jb"
    assert found.request_id == r"\x07" + "r" * 78 + "…"
    assert str(found).isprintable()


def test_a_page_is_read_without_its_tags_scripts_and_styles() -> None:
    assert readable("<SCRIPT>if (a < b) {}</SCRIPT >a<br>b<!-- c -->\n\n d") == "a b d"
    assert readable("a<style>" + "p{} " * 2000 + "</style>") == "a"
    assert readable("x" * 10_000) == "x" * 4096
