"""The documented API and the records name the same fields, and valid rows come back as they are."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyapi_async import Page, unstructure
from keyapi_async.records.codec import kinds_of
from tests.hostile.documents import (
    ENDPOINTS,
    Endpoint,
    literals,
    read,
    row_text,
    rows_of,
    success,
)
from tests.rows import steady

every_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)


@every_endpoint
def test_a_record_has_the_documented_fields_and_no_other(endpoint: Endpoint) -> None:
    fields = list(endpoint.fields)
    assert sorted(kinds_of(endpoint.record)) == sorted(fields) == sorted(endpoint.example)
    described = endpoint.record.__doc__ or ""
    assert not [name for name in fields if not re.search(rf"^ *{name}: ", described, re.MULTILINE)]


@every_endpoint
@given(data=st.data())
@settings(steady, max_examples=40)
def test_valid_rows_come_back_as_they_were_sent(endpoint: Endpoint, data: st.DataObject) -> None:
    rows = data.draw(st.lists(rows_of(endpoint), min_size=1, max_size=9))
    body = success(*(row_text(literals(row)) for row in [*rows, endpoint.example]))
    page = read(body, endpoint)
    assert isinstance(page, Page)
    assert page.rejects == ()
    back = [unstructure(record) for record in page.records]
    assert json.dumps(back, sort_keys=True) == json.dumps([*rows, endpoint.example], sort_keys=True)
