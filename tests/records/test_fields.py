"""Every kind of field: the forms that it takes, what it refuses, what it writes back."""

import json
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_async import CategoryRank, SalesFlag
from keyapi_async.api.category import CategoryLevel
from keyapi_async.api.params import SortType
from keyapi_async.jsontext import read_json
from keyapi_async.records.fields import Kind, choice
from tests.records.literals import ANY, says
from tests.rows import ALL_KINDS, CHOICES, KINDS, canonical, forms, json_values, name_of, steady

HUGE = 10**400

# Beyond what `forms` lists, and what the judges of values cannot tell apart.
READ: dict[str, list[tuple[object, object]]] = {
    "Identity": [("00", "00")],
    "Text": [(" ﾌひﾚﾉの 👀 ", " ﾌひﾚﾉの 👀 "), (2025, "2025")],
    "Count": [("012", 12), ("-12", -12), ("1.2e1", 12), ("1E3", 1000)],
    "Amount": [(".5", 0.5), ("5.", 5.0), ("-1.5e-3", -0.0015)],
    "Sales": [(0, SalesFlag(0)), (3, SalesFlag.VIDEO | SalesFlag.LIVE), ("4", SalesFlag.SHOWCASE),
              (8, SalesFlag(8))],
    "Categories": [
        ("1-2-3:1", (CategoryRank("1", "2", "3", 1),)),
        ("1:1, 1-2:2", (CategoryRank("1", None, None, 1), CategoryRank("1", "2", None, 2)))],
    "JSONText": [
        (None, None), ("null", None), ("", ""), ("[1, 2]", [1, 2]), ([1], [1]), ({}, {}), (5, 5),
        ('["a\nb"]', ["a\nb"]), ("[{index=1}]", "[{index=1}]"), ('"said"', '"said"'),
        ("[1756219203498480002]", [1756219203498480002]), ("\ud800", "\ud800")],
}  # fmt: skip

every_kind = pytest.mark.parametrize("kind", ALL_KINDS, ids=name_of)


@pytest.mark.parametrize("name", READ)
def test_every_documented_and_observed_form_is_read(name: str) -> None:
    for wire, value in READ[name]:
        read = KINDS[name].read(wire)
        assert read == value, wire
        assert type(read) is type(value), wire


def see_meaning(kind: Kind, literal: bytes) -> None:
    """See that JSON becomes what it says, of the kind's one type, or is refused with a reason."""
    types: dict[str, tuple[type, ...]] = {
        "id": (str,), "text": (str,), "url": (str,), "count": (int,), "amount": (float,),
        "rate": (float,), "moment": (datetime,), "moment_ms": (datetime,), "date": (date,),
        "flag": (bool,), "categories": (tuple,), "json": (str, int, float, bool, list, dict),
        "choice": (SalesFlag,) if kind is KINDS["Sales"] else (int, CHOICES.get(kind, int)),
    }  # fmt: skip
    try:
        value = kind.read(read_json(literal))
    except ValueError as error:
        assert str(error).isprintable()  # noqa: PT017  # either way is right
    else:
        assert type(value) in types[kind.name] or (value is None and not kind.required)
        assert says(kind.name, value, json.loads(literal)), literal[:99]


@every_kind
def test_no_value_of_the_wild_is_misread(kind: Kind) -> None:
    for literal in ANY:
        see_meaning(kind, literal)


@every_kind
@given(literal=json_values.map(orjson.dumps) | st.integers(-(10**30), 10**30).map(b"%d".__mod__))
@steady
def test_no_json_is_misread(kind: Kind, literal: bytes) -> None:
    see_meaning(kind, literal)


@every_kind
@given(data=st.data())
@steady
def test_all_forms_of_a_value_read_the_same_and_are_written_as_documented(
    kind: Kind, data: st.DataObject
) -> None:
    documented = data.draw(canonical(kind) if kind.required else st.none() | canonical(kind))
    values = [kind.read(form) for form in forms(kind, documented)]
    assert all(value == values[0] and type(value) is type(values[0]) for value in values)
    if documented is not None:
        back = values[0] if kind.write is None else kind.write(values[0])
        assert back == documented
        assert type(back) is type(documented)


@pytest.mark.parametrize(
    ("name", "value", "wire"),
    [
        ("Amount", -0.0, 0), ("Amount", 5, 5), ("Amount", 1e22, 1e22), ("Amount", 1e300, 1e300),
        ("AmountDecimals", 0.125, "0.125"), ("AmountDecimals", 1e300, "1e+300"),
        ("CountDecimals", 2**60 + 1, str(2**60 + 1)), ("CountDecimals", HUGE, str(HUGE)),
    ],
)  # fmt: skip
def test_amounts_are_written_so_that_no_digit_is_lost(name: str, value: float, wire: float) -> None:
    """Whole ones without a fraction, unless no JSON writer would take so long a whole number."""
    write: Callable[..., Any] | None = KINDS[name].write
    assert write is not None
    assert (write(value), type(write(value))) == (wire, type(wire))
    assert KINDS[name].read(wire) == value


def test_json_of_many_levels_is_written_again() -> None:
    kind = KINDS["JSONText"]
    deep = "[" * 700 + '"ﾌひ"' + "]" * 700
    assert kind.write is not None
    assert kind.write(kind.read(deep)) == deep


def test_a_code_is_a_member_where_it_is_listed_and_stays_an_int_elsewhere() -> None:
    kind = choice(SortType)
    assert [kind.read(one) for one in ("1", 7, "", None)] == [SortType.DESC, 7, None, None]
    assert type(kind.read(7)) is int
    assert {CategoryLevel} < set(CHOICES.values())
    for flags in (-1, 65536):
        with pytest.raises(ValueError, match="set of sales flags"):
            KINDS["Sales"].read(flags)
