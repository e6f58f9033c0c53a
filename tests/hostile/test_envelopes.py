"""A hostile envelope is a success that says what it holds, or an error of ours that says why."""

import json
from typing import Any

import pytest

from keyapi_async import APIError, Envelope, ResponseError, ServerError
from keyapi_async.call.wire import Answer, classify
from tests.hostile.documents import row_text
from tests.records.literals import ANY, NO_JSON, narrowed

PARTS: dict[str, bytes] = {
    "code": b"0", "message": b'"success"', "data": b"[]", "requestId": b'"r-1"'
}  # fmt: skip


def meaning(body: bytes, status: int = 200) -> Any:
    found = classify(Answer(status, {}, body))
    if not isinstance(found, Envelope):
        assert str(found).isprintable()
        assert len(str(found)) < 800
        assert len(repr(found)) < 800
    return found


def envelope(**parts: bytes) -> bytes:
    return row_text(PARTS | parts)


def is_int(told: object) -> bool:
    return type(told) is int and -(2**63) <= told < 2**64


def code_of(literal: bytes) -> int | None:
    """Judge what a code says: a whole number, or digits as a text; nothing else is one."""
    told = json.loads(literal)
    if isinstance(told, str) and told.isascii() and told.isdigit() and len(told) < 10:
        return int(told)
    return told if is_int(told) else None


@pytest.mark.parametrize("status", [200, 201, 299, 400, 402, 429, 500, 599])
def test_a_code_is_a_success_only_where_it_and_the_status_say_so(status: int) -> None:
    for code in (*ANY, b"200", b'"200"', b"201", b"429"):
        found, told = meaning(envelope(code=code), status), code_of(code)
        if told in {0, 200} and status < 300:
            assert found == Envelope(told, "success", [], "r-1")
        elif told is None and status < 300:
            assert type(found) is ResponseError
            assert found.repeatable
        else:
            assert isinstance(found, APIError)
            assert (found.code, found.status) == (told, status)


def test_data_is_a_list_of_rows_or_an_error_that_does_not_quote_it() -> None:
    for data in (*ANY, b"1" * 300):
        found, sent = meaning(envelope(data=data)), json.loads(data)
        sent = narrowed(sent) if type(sent) is int else sent
        assert (type(found.data), found.data) == (type(sent), sent)
        if isinstance(sent, (list, dict)) or sent is None:
            assert found.rows() == (sent if isinstance(sent, list) else [sent][: sent is not None])
        else:
            told = f"the answer's data is not a list of rows, but {type(sent).__name__}"
            with pytest.raises(ResponseError) as caught:
                found.rows()
            assert (caught.value.message, caught.value.request_id) == (told, "r-1")


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("code", [b"0", b"400", b"1001"])
def test_what_an_answer_says_of_itself_is_text_or_nothing(code: bytes, status: int) -> None:
    for value in ANY:
        sent = json.loads(value)
        found = meaning(envelope(code=code, message=value), status)
        assert isinstance(found, Envelope) is (code == b"0" and status == 200)
        if not isinstance(sent, str):
            assert found.message in {"", "the API gave no reason"}
        if not isinstance(sent, str):
            kept = meaning(envelope(code=code, requestId=value), status).request_id
            assert kept == (str(sent) if is_int(sent) else None)


@pytest.mark.parametrize("part", [*PARTS, "more"])
def test_what_is_no_json_anywhere_is_no_envelope(part: str) -> None:
    for value in NO_JSON:
        assert type(meaning(envelope(**{part: value}))) is ResponseError, value[:12]
        found = meaning(envelope(**{part: value}), 500)
        assert (type(found), found.code) == (ServerError, None), value[:12]
