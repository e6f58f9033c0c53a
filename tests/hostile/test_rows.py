"""A broken row is a right record, or an error that names it; it is never misread in silence."""

import json
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyapi_async import DecodeError, KeyAPIError, Page, ResponseError
from keyapi_async.records.codec import kinds_of
from tests import virtual
from tests.hostile.documents import (
    ENDPOINTS,
    NESTED,
    NO_JSON,
    SCALARS,
    TEXTS,
    Endpoint,
    any_json,
    literals,
    outcome,
    plainly,
    read,
    row_text,
    success,
)
from tests.hostile.judge import is_json, says
from tests.rows import steady

every_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)


def judge(
    found: Page[Any] | KeyAPIError, endpoint: Endpoint, rows: list[bytes], broken: str
) -> None:
    """See that each row became a record that says what was sent, or a reject that names a field."""
    assert isinstance(found, Page), found
    records, rejects = iter(found.records), {one.offset: one.error for one in found.rejects}
    for place, row in enumerate(rows):
        if place in rejects:
            see_error(rejects[place], broken)
        else:
            see_record(next(records), endpoint, plainly(row), broken)
    assert next(records, None) is None


def see_error(error: DecodeError, broken: str) -> None:
    told = str(error)
    assert (error.field, error.page_num, error.request_id) == (broken, 1, "r-1")
    assert told.startswith(f"{broken}: ")
    assert "page 1, HTTP 200, request id r-1" in told
    assert told.isprintable()
    assert len(told) < 600
    assert len(repr(error)) < 700


def see_record(record: Any, endpoint: Endpoint, sent: dict[str, Any], broken: str) -> None:
    """See it; where the shape is only inferred, what does not fit is kept as it came."""
    assert set(record.extra) <= ({broken} - {*endpoint.fields} if endpoint.strict else {broken})
    for name, kind in kinds_of(endpoint.record).items():
        value = getattr(record, name)
        if name in record.extra:
            assert value is None
            assert is_json(record.extra[name], sent[name]), name
        else:
            assert says(kind.name, value, sent.get(name)), name


@every_endpoint
def test_no_value_in_any_field_is_misread(endpoint: Endpoint) -> None:
    async def main() -> None:
        for name, kind in endpoint.fields.items():
            good = literals(endpoint.example)
            rows = [row_text(good | {name: value}) for value in [*SCALARS, *TEXTS, *NESTED]]
            found = await outcome(success(*rows), endpoint)
            judge(found, endpoint, rows, name)
            assert isinstance(found, Page)
            assert endpoint.strict or kind.required or not found.rejects
            rejected = {one.offset for one in found.rejects}
            valid = [row for place, row in enumerate(rows) if place not in rejected]
            judge(await outcome(success(*valid), endpoint), endpoint, valid, name)

    virtual.run(main)


@every_endpoint
@given(data=st.data())
@settings(steady, max_examples=20)
def test_no_json_in_any_fields_is_misread(endpoint: Endpoint, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(endpoint.fields)))
    good = literals(endpoint.example)
    rows = [row_text(good | {name: one}) for one in data.draw(st.lists(any_json, max_size=9))]
    judge(read(success(*rows), endpoint), endpoint, rows, name)


@pytest.mark.parametrize("value", NO_JSON, ids=lambda value: repr(value[:12]))
def test_what_is_no_json_is_no_answer(value: bytes) -> None:
    endpoint = ENDPOINTS[0]
    for name in ("user_id", "nick_name", "total_digg_cnt", "per_product_ifl_gmv_amt", "new"):
        found = read(success(row_text(literals(endpoint.example) | {name: value})), endpoint)
        assert type(found) is ResponseError
        assert str(found).startswith("the answer is not an envelope: ")
        assert str(found).isprintable()
        assert found.attempts == 2


@every_endpoint
@pytest.mark.parametrize(
    "name", ["", "no_field", "extra", "rank", "list_user_id", "__class__", "\0"]
)
def test_an_undocumented_field_is_kept_and_touches_no_other(endpoint: Endpoint, name: str) -> None:
    async def main() -> None:
        plain = await outcome(success(row_text(literals(endpoint.example))), endpoint)
        assert isinstance(plain, Page)
        for value in [b'"<&>"', b"[[1]]", b"7.5", b"null", *NESTED]:
            row = row_text(literals(endpoint.example) | {name: value})
            found = await outcome(success(row), endpoint)
            assert isinstance(found, Page)
            assert found.records[0].extra == {name: json.loads(value)}
            assert attrs.evolve(found.records[0], extra={}) == plain.records[0]

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
