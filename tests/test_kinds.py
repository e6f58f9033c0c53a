"""Every kind of field: the forms that it takes, what it refuses, what it writes back."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_async import CategoryRank, SalesFlag
from keyapi_async.records.fields import Kind
from tests.rows import (
    AMOUNT,
    CANONICAL,
    CATEGORIES,
    COUNT,
    COUNT_TEXT,
    EXACT,
    FLAG,
    FLAG_TEXT,
    ID,
    KINDS,
    MISSING,
    MOMENT,
    MOMENT_TEXT,
    SALES,
    TEXT,
    forms,
    json_values,
    steady,
)

NOON = datetime(2025, 1, 4, 14, 24, 39, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HUGE = 10**400
ENDLESS = "9" * 5000  # more digits than Python turns into an int


@pytest.mark.parametrize(
    ("kind", "wire", "value"),
    [
        (ID, "1729492547846767618", "1729492547846767618"),
        (ID, 1729492547846767618, "1729492547846767618"),
        (ID, 0, "0"),
        (ID, "00", "00"),
        (TEXT, None, None),
        (TEXT, "", ""),
        (TEXT, " ﾌひﾚﾉの 👀 ", " ﾌひﾚﾉの 👀 "),
        (TEXT, 2025, "2025"),
        (COUNT, None, None),
        (COUNT, "", None),
        (COUNT, "   ", None),
        (COUNT, 12, 12),
        (COUNT, "12", 12),
        (COUNT, " 12 ", 12),
        (COUNT, "012", 12),
        (COUNT, "+12", 12),
        (COUNT, "-12", -12),
        (COUNT, 12.0, 12),
        (COUNT, "12.0", 12),
        (COUNT, "12.", 12),
        (COUNT, "1.2e1", 12),
        (COUNT, "1E3", 1000),
        (COUNT, "9007199254740993", 9007199254740993),
        (AMOUNT, None, None),
        (AMOUNT, "", None),
        (AMOUNT, 0, 0.0),
        (AMOUNT, 2627, 2627.0),
        (AMOUNT, 2627.73, 2627.73),
        (AMOUNT, "2627.73", 2627.73),
        (AMOUNT, ".5", 0.5),
        (AMOUNT, "5.", 5.0),
        (AMOUNT, "-1.5e-3", -0.0015),
        (MOMENT, None, None),
        (MOMENT, "", None),
        (MOMENT, 0, EPOCH),
        (MOMENT, 1736000679, NOON),
        (MOMENT, "1736000679", NOON),
        (MOMENT, 1736000679.0, NOON),
        (FLAG, None, None),
        (FLAG, "", None),
        (FLAG, True, True),
        (FLAG, "true", True),
        (FLAG, "FALSE", False),
        (FLAG, 1, True),
        (FLAG, 0, False),
        (FLAG, "1", True),
        (FLAG, " 0 ", False),
        (SALES, None, None),
        (SALES, "", None),
        (SALES, 0, SalesFlag(0)),
        (SALES, 3, SalesFlag.VIDEO | SalesFlag.LIVE),
        (SALES, "4", SalesFlag.SHOWCASE),
        (SALES, 8, SalesFlag(8)),
        (CATEGORIES, None, None),
        (CATEGORIES, "", ()),
        (CATEGORIES, " ", ()),
        (CATEGORIES, "1-2-3:1", (CategoryRank("1", "2", "3", 1),)),
        (
            CATEGORIES,
            "1:1, 1-2:2",
            (CategoryRank("1", None, None, 1), CategoryRank("1", "2", None, 2)),
        ),
    ],
)
def test_every_documented_and_observed_form_is_read(
    kind: Kind, wire: object, value: object
) -> None:
    read = kind.read(wire)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("kind", "wires"),
    [
        (ID, [None, "", True, False, -1, 1.0, 7.2e18, [], {}, ["1"]]),
        (TEXT, [True, [], {}, 7.5, 7.190508362273736e18, -1e16, math.nan, math.inf]),
        (
            COUNT,
            [
                True,
                1.5,
                "1.5",
                "x",
                "1,234",
                "1_000",
                "0x10",
                "\uff11\uff12",
                "--1",
                "1e",
                "e1",
                ".",
                [1],
            ],
        ),
        (COUNT, [{}, math.nan, math.inf, -math.inf, "nan", "inf", "1e999", "12 %", "1 2", 1e300]),
        (COUNT, [float(EXACT), f"{EXACT + 1}.0", "9.007199254740993e15", ENDLESS, ENDLESS + " "]),
        (
            AMOUNT,
            [False, "x", "1,5", "$5", "1e999", HUGE, str(HUGE), math.nan, math.inf, [], ENDLESS],
        ),
        (MOMENT, [True, "2025-01-04", 1.5, 1736000679000, -(10**12), HUGE, "1e30", math.nan, []]),
        (FLAG, ["yes", "no", 2, -1, "2", 1.0, [], "truefalse", ENDLESS]),
        (SALES, [-1, 65536, 1.5, True, "video", [], HUGE]),
        (
            CATEGORIES,
            ["1-2-3", ":1", "1-2-3-4:1", "1:1,", ",", "a:1", "1:-1", "1::1", 5, [], ["1:1"]],
        ),
        (CATEGORIES, [f"1:{ENDLESS}"]),
    ],
)
def test_what_cannot_be_read_is_refused_and_never_guessed(kind: Kind, wires: list[object]) -> None:
    for wire in wires:
        with pytest.raises(ValueError, match=r"\w"):
            kind.read(wire)


@given(st.sampled_from(KINDS), json_values)
@steady
def test_a_kind_gives_its_one_type_or_refuses_with_a_reason(kind: Kind, wire: object) -> None:
    """Whatever JSON carries: no other exception, no other type."""
    one_type: dict[Kind, type] = {
        ID: str, TEXT: str, COUNT: int, COUNT_TEXT: int, AMOUNT: float, MOMENT: datetime,
        MOMENT_TEXT: datetime, FLAG: bool, FLAG_TEXT: bool, SALES: SalesFlag, CATEGORIES: tuple,
    }  # fmt: skip
    try:
        value = kind.read(wire)
    except ValueError as error:
        reason = str(error)
    else:
        reason = ""
        assert type(value) is one_type[kind] or (value is None and not kind.required)
    assert reason.isprintable()


@given(st.data(), st.sampled_from(KINDS))
@steady
def test_all_forms_of_a_value_read_the_same(data: st.DataObject, kind: Kind) -> None:
    optional = st.none() if not kind.required else st.nothing()
    canonical = data.draw(optional | CANONICAL[kind])
    values = [kind.read(form) for form in forms(kind, canonical) if form is not MISSING]
    assert all(value == values[0] and type(value) is type(values[0]) for value in values)


@given(st.data(), st.sampled_from(KINDS))
@steady
def test_what_is_read_is_written_back_as_documented(data: st.DataObject, kind: Kind) -> None:
    canonical = data.draw(CANONICAL[kind])
    value = kind.read(canonical)
    back = value if kind.write is None else kind.write(value)
    assert back == canonical
    assert type(back) is type(canonical)
    assert kind.read(back) == value


@given(st.floats())
@steady
def test_a_float_is_a_count_only_where_it_is_that_number_alone(number: float) -> None:
    try:
        count = COUNT.read(number)
    except ValueError:
        assert not number.is_integer() or abs(number) >= EXACT
    else:
        assert count == number
        assert abs(number) < EXACT


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (0.0, 0),
        (-0.0, 0),
        (5, 5),
        (73446.0, 73446),
        (2627.73, 2627.73),
        (1e22, 1e22),
        (1e300, 1e300),
    ],
)
def test_whole_amounts_are_written_without_a_fraction(value: float, wire: float) -> None:
    """Unless no JSON writer would take so long a whole number."""
    write: Callable[..., Any] | None = AMOUNT.write
    assert write is not None
    assert (write(value), type(write(value))) == (wire, type(wire))


def test_sales_flags_show_what_they_hold() -> None:
    assert [flag.name for flag in SalesFlag] == ["VIDEO", "LIVE", "SHOWCASE"]
    assert [int(flag) for flag in SalesFlag] == [1, 2, 4]
    assert SalesFlag.LIVE in SalesFlag(3)
    assert not SalesFlag(0)
