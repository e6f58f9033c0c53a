"""A broken row is a right record, or an error that names it; it is never misread in silence."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyapi_async import (
    Bookmark,
    DecodeError,
    KeyAPIError,
    Page,
    RecordStream,
    ResponseError,
    unstructure,
)
from keyapi_async.records.codec import kinds_of
from tests import virtual
from tests.hostile.documents import (
    ENDPOINTS,
    NESTED,
    NO_JSON,
    SCALARS,
    TEXTS,
    Endpoint,
    Wire,
    any_json,
    literals,
    outcome,
    plainly,
    read,
    row_text,
    success,
)
from tests.hostile.judge import says, says_json
from tests.rows import steady

every_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)


def judge(found: Page[Any] | KeyAPIError, endpoint: Endpoint, row: bytes, broken: str) -> None:
    """See that a row became a record that says what was sent, or a reject that names a field."""
    assert isinstance(found, Page), found
    sent = plainly(row)
    if found.rejects:
        error = found.rejects[0].error
        told = str(error)
        assert (error.field, error.page_num, error.request_id) == (broken, 1, "r-1")
        assert told.startswith(f"{broken}: ")
        assert "page 1, HTTP 200, request id r-1" in told
        assert told.isprintable()
        assert len(told) < 600
        assert len(repr(error)) < 700
        return
    (record,) = found.records
    for name in endpoint.fields:
        is_true = says_json if endpoint.fields[name]["x-kind"] == "json" else says
        assert is_true(getattr(record, name), sent.get(name)), name


@every_endpoint
def test_no_value_in_any_field_is_misread(endpoint: Endpoint) -> None:
    async def main() -> None:
        for name in endpoint.fields:
            for value in [*SCALARS, *TEXTS, *NESTED]:
                row = row_text(literals(endpoint.example) | {name: value})
                judge(await outcome(success(row), endpoint), endpoint, row, name)

    virtual.run(main)


@every_endpoint
@given(data=st.data())
@settings(steady, max_examples=80)
def test_no_json_in_any_fields_is_misread(endpoint: Endpoint, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(endpoint.fields)), min_size=1, max_size=3))
    row = literals(endpoint.example) | {name: data.draw(any_json) for name in names}
    found = read(success(row_text(row)), endpoint)
    assert isinstance(found, Page)
    field = found.rejects[0].error.field if found.rejects else None
    assert field is None or field in names
    judge(found, endpoint, row_text(row), field or "")


@pytest.mark.parametrize("value", NO_JSON, ids=lambda value: repr(value[:12]))
def test_what_is_no_json_is_no_answer(value: bytes) -> None:
    endpoint = ENDPOINTS[0]
    for name in ("user_id", "nick_name", "total_digg_cnt", "per_product_ifl_gmv_amt", "new"):
        found = read(success(row_text(literals(endpoint.example) | {name: value})), endpoint)
        assert type(found) is ResponseError
        assert str(found).startswith("the answer is not an envelope: ")
        assert str(found).isprintable()
        assert found.attempts == 2


IDS = [(e, name) for e in ENDPOINTS for name in e.fields if name.endswith(("_id", "unique_id"))]


@pytest.mark.parametrize(
    "value", [b"7.0", b"7.5", b"1e3", b"7.122344901288068e18", b"18446744073709551616"]
)
def test_a_number_that_is_no_id_is_never_one(value: bytes) -> None:
    """Above 64 bits the reader of JSON makes a float of a number, and that would be another id."""
    for endpoint, name in IDS:
        refuses_as_id(endpoint, name, value)


def refuses_as_id(endpoint: Endpoint, name: str, value: bytes) -> None:
    body = success(row_text(literals(endpoint.example) | {name: value}))
    found = read(body, endpoint)
    assert isinstance(found, Page)
    assert [reject.error.field for reject in found.rejects] == [name]


@every_endpoint
def test_a_field_left_out_is_none_or_names_itself(endpoint: Endpoint) -> None:
    async def main() -> None:
        for name in endpoint.fields:
            row = literals(endpoint.example)
            del row[name]
            found = await outcome(success(row_text(row)), endpoint)
            judge(found, endpoint, row_text(row), name)
            assert isinstance(found, Page)
            assert bool(found.rejects) is kinds_of(endpoint.record)[name].required

    virtual.run(main)


@every_endpoint
def test_what_is_no_object_is_no_row(endpoint: Endpoint) -> None:
    values = [value for value in [*SCALARS, *TEXTS, *NESTED] if not value.startswith(b"{")]
    found = read(success(*values), endpoint)
    assert isinstance(found, Page)
    errors = [reject.error for reject in found.rejects]
    assert [error.field for error in errors] == [None] * len(values)
    assert all(str(error).isprintable() and len(str(error)) < 600 for error in errors)


@every_endpoint
@given(data=st.data())
@settings(steady, max_examples=25)
def test_broken_rows_cost_no_good_one_its_place(endpoint: Endpoint, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(endpoint.fields)))
    values = data.draw(st.lists(st.sampled_from([*SCALARS, *TEXTS]), max_size=4))
    good = literals(endpoint.example)
    rows = data.draw(st.permutations([good, good, *({**good, name: one} for one in values)]))
    texts = [row_text(row) for row in rows]
    found = read(success(*texts), endpoint)
    assert isinstance(found, Page)
    records = iter(found.records)
    rejects = {reject.offset: reject for reject in found.rejects}
    for place, text in enumerate(texts):
        if place in rejects:
            assert rejects[place].error.field == name
        else:
            record = next(records)
            for field, sent in plainly(text).items():
                told = says_json if endpoint.fields[field]["x-kind"] == "json" else says
                assert told(getattr(record, field), sent), field
    assert next(records, None) is None


@every_endpoint
def test_of_a_field_sent_twice_the_last_counts_as_everywhere(endpoint: Endpoint) -> None:
    """JSON leaves it open; every common reader takes the last one, and so does this."""
    good = literals(endpoint.example)
    for name, value in good.items():
        twice = row_text([(name, b'"first"'), *good.items(), (name, b"[]"), (name, value)])
        found = read(success(twice), endpoint)
        assert isinstance(found, Page)
        assert [unstructure(one) for one in found.records] == [json.loads(twice)]


@every_endpoint
@pytest.mark.parametrize(
    "name", ["", "no_field", "extra", "rank", "list_user_id", "__class__", "\0"]
)
def test_an_undocumented_field_is_kept_and_touches_no_other(endpoint: Endpoint, name: str) -> None:
    async def main() -> None:
        for value in [b'"<&>"', b"[[1]]", b"7.5", b"null", *NESTED]:
            row = row_text(literals(endpoint.example) | {name: value})
            found = await outcome(success(row), endpoint)
            assert isinstance(found, Page)
            assert found.records[0].extra == {name: json.loads(value)}
            unstructured = unstructure(found.records[0])
            assert {**unstructured, name: None} == {**endpoint.example, name: None}

    virtual.run(main)


@every_endpoint
@pytest.mark.parametrize("value", [b"18446744073709551616", b"-9223372036854775809", b"1" * 300])
def test_an_undocumented_number_beyond_64_bits_is_the_nearest_float(
    endpoint: Endpoint, value: bytes
) -> None:
    """So that nobody takes it for the whole number: its type says that digits are gone."""
    row = row_text(literals(endpoint.example) | {"new": value})
    found = read(success(row), endpoint)
    assert isinstance(found, Page)
    (new,) = found.records[0].extra.values()
    assert type(new) is float
    assert new == float(value)


async def test_a_stream_stands_behind_each_bad_row_and_loses_none() -> None:
    endpoint = ENDPOINTS[0]
    good = literals(endpoint.example)
    texts = [row_text(good | {"user_id": value}) for value in (b'"1"', b"1.5", b"2", b"{}", b'"3"')]
    api = Wire(success(*texts)).client()
    stream: RecordStream[Any] = api.iter_records(endpoint.path, {}, endpoint.record)
    seen: list[object] = []
    for good_one in (True, False, True, False, True):
        if good_one:
            seen.append((await anext(stream)).user_id)
        else:
            with pytest.raises(DecodeError, match=r"^user_id: ") as caught:
                await anext(stream)
            seen.append(caught.value.bookmark)
    assert seen == ["1", Bookmark(1, 1), "2", Bookmark(1, 3), "3"]
