"""A hostile envelope is a success that says what it holds, or an error of ours that says why."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyapi_async import (
    APIError,
    Envelope,
    KeyAPI,
    KeyAPIError,
    ResponseError,
    RetryPolicy,
    ServerError,
)
from tests import servers, virtual
from tests.hostile.documents import (
    ENDPOINTS,
    NESTED,
    NO_JSON,
    SCALARS,
    TEXTS,
    Wire,
    any_json,
    literals,
    outcome,
    page_of,
    plainly,
    read,
    row_text,
    success,
)
from tests.hostile.judge import narrowed
from tests.rows import steady

ENDPOINT = ENDPOINTS[0]
GOOD = row_text(literals(ENDPOINT.example))
ANY = [*SCALARS, *TEXTS, *NESTED]
PARTS: dict[str, bytes] = {
    "code": b"0", "message": b'"success"', "data": b"[]", "requestId": b'"r-1"'
}  # fmt: skip


def meaning(body: bytes, status: int = 200) -> Envelope | KeyAPIError:
    """Give what one call makes of an answer; what is no error of ours passes, and fails a test."""

    async def main() -> Envelope | KeyAPIError:
        try:
            return await Wire(body, status).client().get("/v1/x")
        except KeyAPIError as error:
            return error

    found = virtual.run(main)
    if isinstance(found, KeyAPIError):
        assert str(found).isprintable()
        assert len(str(found)) < 800
        assert len(repr(found)) < 800
    return found


def envelope(**parts: bytes) -> bytes:
    return row_text(PARTS | parts)


def code_of(literal: bytes) -> int | None:
    """Judge what a code says: a whole number, or digits as a text; nothing else is one."""
    told = plainly(literal)
    if isinstance(told, str) and told.isascii() and told.isdigit() and len(told) < 10:
        return int(told)
    return told if type(told) is int and -(2**63) <= told < 2**64 else None


@given(st.sampled_from(ANY) | any_json, st.sampled_from([200, 201, 299, 400, 402, 429, 500, 599]))
@settings(steady, max_examples=150)
def test_a_code_is_a_success_only_where_it_and_the_status_say_so(code: bytes, status: int) -> None:
    found, told = meaning(envelope(code=code), status), code_of(code)
    if isinstance(found, Envelope):
        assert (found.code, status < 300) == (told, True)
        assert told in {0, 200}
    elif told is None and status < 300:
        assert type(found) is ResponseError
    else:
        assert isinstance(found, APIError)
        assert (found.code, found.status) == (told, status)


def test_no_code_is_taken_for_zero() -> None:
    for code in ANY:
        found = meaning(envelope(code=code))
        assert isinstance(found, Envelope) is (code in {b"0", b"-0", b'"0"'}), code[:12]


@pytest.mark.parametrize("data", ANY, ids=lambda data: repr(data[:12]))
def test_data_is_a_list_of_rows_or_an_error_that_does_not_quote_it(data: bytes) -> None:
    found = read(envelope(data=data), ENDPOINT)
    sent = plainly(data)
    if isinstance(sent, (list, dict)) or sent is None:
        rows = sent if isinstance(sent, list) else [sent][: sent is not None]
        assert not isinstance(found, KeyAPIError)
        assert found.records == ()
        assert len(found.rejects) == len(rows)
    else:
        kind = (
            "float" if type(sent) is int and not -(2**63) <= sent < 2**64 else type(sent).__name__
        )
        assert type(found) is ResponseError
        assert found.message == f"the answer's data is not a list of rows, but {kind}"
        assert found.request_id == "r-1"


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("code", [b"0", b"400", b"1001"])
@pytest.mark.parametrize("part", ["message", "requestId"])
def test_what_an_answer_says_of_itself_is_text_or_nothing(
    part: str, code: bytes, status: int
) -> None:
    for value in ANY:
        found = meaning(envelope(**{"code": code, part: value}), status)
        assert isinstance(found, Envelope) is (code == b"0" and status == 200)
        assert isinstance(found, (Envelope, APIError))
        sent = plainly(value)
        if part == "message" and not isinstance(sent, str):
            assert found.message in {"", "the API gave no reason"}
        elif part == "requestId" and not isinstance(sent, str):
            whole = type(sent) is int and -(2**63) <= sent < 2**64
            assert found.request_id == (str(sent) if whole else None)


@pytest.mark.parametrize("part", [*PARTS, "more"])
def test_what_is_no_json_anywhere_is_no_envelope(part: str) -> None:
    for value in NO_JSON:
        assert type(meaning(envelope(**{part: value}), 200)) is ResponseError, value[:12]
        found = meaning(envelope(**{part: value}), 500)
        assert type(found) is ServerError, value[:12]
        assert found.code is None


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"\0", b"\xef\xbb\xbf", b"\xff\xfe{\0}\0", b"null", b"0", b'"code"', b"[]",
        b"{}", b'[{"code":0}]', b'{"Code":0}', b'{"code":0', b'{"code":0}{}', b'{"code":0}x',
        b'{"code":0,}', b"{'code':0}", b'{"code":0,"data":[}', b"callback({})", b"<html>" * 10**5,
        b"[" * 10**6, b'{"a":' * 10**6, b"\xef\xbb\xbf" + success(GOOD), success(GOOD)[:-1],
        success(GOOD).decode().encode("utf-16"), success(GOOD).decode().encode("utf-32"),
    ],
    ids=lambda body: repr(body[:12]),
)  # fmt: skip
def test_what_is_no_envelope_is_told_and_asked_for_once_more(body: bytes) -> None:
    wire = Wire(body)
    with pytest.raises(ResponseError, match=r"^the answer is not an envelope: ") as caught:
        virtual.run(lambda: page_of(wire.client(), ENDPOINT))
    assert type(caught.value) is ResponseError
    assert (wire.asked, caught.value.attempts) == (2, 2)


@pytest.mark.parametrize("name", PARTS)
def test_of_a_part_sent_twice_the_last_counts_as_everywhere(name: str) -> None:
    found = meaning(row_text([(name, b"500"), *PARTS.items()]))
    assert isinstance(found, Envelope)
    assert found == meaning(envelope())


@given(st.dictionaries(st.sampled_from([*PARTS, "", "error"]), any_json), st.integers(200, 599))
@settings(steady, max_examples=100)
def test_any_object_under_any_status_has_a_meaning(parts: dict[str, bytes], status: int) -> None:
    found = meaning(row_text(parts), status)
    if isinstance(found, Envelope):
        assert status < 300
        assert code_of(parts["code"]) in {0, 200}
        assert json.dumps(found.data) == json.dumps(narrowed(plainly(parts.get("data", b"null"))))


@given(st.data())
@settings(steady, max_examples=150)
def test_an_answer_damaged_anywhere_is_no_crash_and_no_other_row(data: st.DataObject) -> None:
    """Bytes are changed, cut out or put in; an id that comes through is one that was sent."""
    body = success(GOOD, GOOD)
    begin = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(begin, min(len(body), begin + 4)))
    damaged = body[:begin] + data.draw(st.binary(max_size=4)) + body[end:]
    found = read(damaged, ENDPOINT)
    if isinstance(found, KeyAPIError):
        assert str(found).isprintable()
    else:
        sent = damaged.decode()
        ids = [record.user_id for record in found.records]
        assert all(json.dumps(one)[1:-1] in sent or one in sent for one in ids)


@pytest.mark.parametrize("body", [success(GOOD), *(envelope(data=one) for one in NO_JSON[:12])])
async def test_real_http_carries_the_same_bytes_to_the_same_end(body: bytes) -> None:
    async def talk(_: bytes, writer: Any) -> None:
        writer.write(servers.http(body))

    async with (
        servers.raw(talk) as server,
        KeyAPI("key", base_url=server.url, proxy="", retry=RetryPolicy(attempts=1)) as api,
    ):
        try:
            found: Any = await page_of(api, ENDPOINT)
        except KeyAPIError as error:
            found = error
    assert type(found) is type(await outcome(body, ENDPOINT))
