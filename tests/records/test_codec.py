"""Rows become records and rows again, whatever mixture of forms the wild sends."""

import copy
import json
import pickle
import re
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_async import FoundInfluencer, Product, RankedInfluencer, converter, errors, unstructure
from keyapi_async.records.codec import kinds_of, readers
from keyapi_async.records.converter import page_reader_of, reader_of
from tests.rows import (
    DOCUMENTED,
    RECORDS,
    STRICT,
    Row,
    arbitrary_rows,
    canonical_rows,
    extras,
    sampled,
    steady,
    written,
)

records = st.sampled_from(RECORDS)
structure: Any = converter.structure
every_record = pytest.mark.parametrize("cls", RECORDS)


def read(row: object, cls: type, position: int | None = None) -> Any:
    return reader_of(cls)(row, position)


def required_of(cls: type) -> set[str]:
    return {name for name, kind in kinds_of(cls).items() if kind.required}


def without_none(row: Row) -> Row:
    return {name: value for name, value in row.items() if value is not None}


def test_rank_is_the_position_in_the_list_and_not_of_the_row() -> None:
    row = DOCUMENTED[RankedInfluencer]
    assert read(row, RankedInfluencer, 11).rank == 11
    ranked = read({**row, "rank": 7}, RankedInfluencer, 11)
    assert (ranked.rank, ranked.extra) == (11, {"rank": 7})
    assert unstructure(ranked) == {**row, "rank": 7}


@given(st.data(), records, extras)
@steady
def test_unstructure_gives_the_documented_form_of_any_row(
    data: st.DataObject, cls: type, more: Row
) -> None:
    """Whatever forms the wild mixes, the record is the same, and knows what was sent."""
    row = data.draw(canonical_rows(cls))
    one, other = (structure({**data.draw(written(cls, row)), **more}, cls) for _ in "ab")
    assert one == other
    assert hash(one) == hash(other)
    back = unstructure(one)
    assert back == {**without_none(row), **more}
    assert json.loads(json.dumps(back)) == back
    assert structure(back, cls) == one


@given(st.data(), records)
@steady
def test_the_generated_reader_agrees_with_its_kinds_field_by_field(
    data: st.DataObject, cls: type
) -> None:
    """A record with exactly what each kind reads; a misfit is an error, or kept where inferred."""
    row = data.draw(arbitrary_rows(cls))
    before = copy.deepcopy(row)
    values, wrong = {}, set()
    for name, kind in kinds_of(cls).items():
        try:
            values[name] = kind.read(row.get(name))
        except ValueError:
            wrong.add(name)
    invalid = wrong if cls in STRICT else wrong & required_of(cls)
    if invalid:
        with pytest.raises(errors.DecodeError) as caught:
            read(row, cls, 3)
        field = caught.value.field
        assert field in invalid
        assert caught.value.value == row.get(field)
        assert str(caught.value).startswith(f"{field}: ")
    else:
        record = read(row, cls, 3)
        assert {name: getattr(record, name) for name in values} == values
        assert all(type(getattr(record, name)) is type(values[name]) for name in values)
        assert all(getattr(record, name) is None for name in wrong)
        assert record.extra == {name: row[name] for name in row if name not in values}
    assert row == before


@every_record
def test_identities_are_required_and_enough(cls: type) -> None:
    required = dict.fromkeys(required_of(cls), "7")
    assert required or cls is FoundInfluencer
    record = structure(required, cls)
    assert record == cls(**required)
    assert unstructure(record) == required
    for name in required:
        for lost in (None, "", True, -1, 1.5):
            with pytest.raises(errors.DecodeError, match=f"^{name}: .* is required") as caught:
                structure({**DOCUMENTED[cls], name: lost}, cls)
            assert caught.value.field == name
        with pytest.raises(errors.DecodeError, match=f"^{name}: None is required"):
            structure(without(DOCUMENTED[cls], name), cls)


@given(st.data(), records)
@steady
def test_the_rows_of_a_page_are_read_as_each_of_them_is(data: st.DataObject, cls: type) -> None:
    rows = [data.draw(arbitrary_rows(cls)) for _ in range(data.draw(st.integers(0, 4)))]
    before = copy.deepcopy(rows)
    _, read_page = readers(cls)  # which has read no row yet
    try:
        expected = [read(row, cls, place) for place, row in enumerate(rows, 7)]
    except errors.DecodeError as error:
        with pytest.raises(errors.DecodeError, match=re.escape(str(error))):
            read_page(rows, 7)
    else:
        assert read_page(rows, 7) == expected
    assert rows == before


def test_rows_that_each_miss_another_field_are_read() -> None:
    row = without_none(DOCUMENTED[Product])
    whole = read(row, Product)
    missing = [name for name in row if name not in required_of(Product)]
    expected = [attrs.evolve(whole, **{name: None}) for name in missing]
    _, read_page = readers(Product)
    with pytest.raises(errors.DecodeError, match="is not an object"):
        read_page([[]], 1)
    assert read_page([without(row, name) for name in missing], 1) == expected


def without(row: Row, name: str) -> Row:
    return {key: value for key, value in row.items() if key != name}


def test_values_that_came_before_are_remembered_by_their_type_and_not_for_ever() -> None:
    row = without_none(DOCUMENTED[Product])
    for flag, other, read, kept in ((1, True, True, {}), (1, 1.0, None, 1.0), (True, 1, True, {})):
        rows = [{**row, "free_shipping": one} for one in (flag, other)]
        first, second = page_reader_of(Product)(rows, 1)
        assert (first.free_shipping, second.free_shipping) == (True, read)
        assert second.extra == ({"free_shipping": kept} if kept else {})
    codes = range(5, 1100)
    rows = [{"product_id": "1", "sales_trend_flag": code} for code in codes]
    for _ in "ab":
        assert [one.sales_trend_flag for one in page_reader_of(Product)(rows, 1)] == [*codes]


def test_fields_beyond_the_documentation_are_kept_untouched() -> None:
    more: Row = {"new": 0, "products": "[1732322694475518433]", "deep": {"a": [None, 1.0]}}
    row = {**DOCUMENTED[RankedInfluencer], **more}
    for candidate in (row, without(row, "nick_name")):
        record = structure(candidate, RankedInfluencer)
        assert record.extra == more
        assert record.extra["deep"] is more["deep"]
        assert unstructure(record) == candidate
        assert record.extra is not structure(candidate, RankedInfluencer).extra


@every_record
def test_a_read_record_is_like_one_made_by_hand(cls: type) -> None:
    """``extra`` counts for equality, and not for the hash, as it may hold what has none."""
    record = read({**DOCUMENTED[cls], "new": [1]}, cls, 5)
    made = cls(**attrs.asdict(record, recurse=False))
    copies = [pickle.loads(pickle.dumps(record, protocol)) for protocol in range(2, 6)]  # noqa: S301
    for other in (made, *copies, copy.copy(record), copy.deepcopy(record)):
        assert type(other) is cls
        assert (record, hash(record), repr(record)) == (other, hash(other), repr(other))
    poorer = attrs.evolve(record, extra={})
    assert poorer != record
    assert hash(poorer) == hash(record)
    for name, kind in sampled(cls).items():
        if getattr(record, name) is not None:
            assert attrs.evolve(record, **{name: "0" if kind.required else None}) != record


@every_record
def test_a_record_cannot_be_changed(cls: type) -> None:
    record = structure(DOCUMENTED[cls], cls)
    (name, *_) = kinds_of(cls)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(record, name, "7")
    assert not hasattr(record, "__dict__")
