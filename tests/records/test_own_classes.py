"""Rows into other things than the records, with iter_records(into=…): nothing is misread either."""

from collections.abc import Callable
from enum import IntEnum
from typing import Any

import attrs
import pytest

from keyapi_async import DecodeError, InvalidParameterError, ProductCreator, converter, unstructure
from keyapi_async.records.converter import reader_of
from tests.rows import DOCUMENTED

ROW = DOCUMENTED[ProductCreator]


class Rank(IntEnum):
    """Numbers with names."""

    FIRST = 1


@attrs.frozen
class Own:
    """What JSON has, as a user would write it."""

    whole: int
    number: float = 0.0
    flag: bool = False
    name: str = ""
    maybe: int | None = None
    many: list[int] = attrs.field(factory=list)
    named: dict[str, bool] = attrs.field(factory=dict)
    rank: Rank = Rank.FIRST


@pytest.mark.parametrize(
    "row",
    [
        {"whole": 1.5}, {"whole": True}, {"whole": 2.0**64}, {"whole": None}, {"whole": "1e-400"},
        {"number": "nan"}, {"number": True}, {"number": None}, {"number": "1e999"},
        {"flag": "no"}, {"flag": 2}, {"flag": None}, {"flag": []}, {"flag": 0.0},
        {"name": None}, {"name": 1.8e19}, {"name": True}, {"name": ["x"]}, {"name": {}},
        {"maybe": 1.5}, {"many": [1, 1.5]}, {"named": {"a": "x"}}, {"rank": 2}, None, [], "x",
    ],
    ids=str,
)  # fmt: skip
def test_what_would_be_misread_is_no_record(row: Any) -> None:
    is_row = isinstance(row, dict)
    sent = {"whole": 1, **row} if is_row else row
    says = "cannot become Own: " if is_row else "is not an object"
    with pytest.raises(DecodeError, match=says) as caught:
        reader_of(Own)(sent, 1)
    assert (caught.value.field, caught.value.value) == (None, sent)
    assert str(caught.value).isprintable()
    with pytest.raises(DecodeError, match=r"cannot become .*Own"):
        reader_of(Own | None)({}, 1)  # type: ignore[arg-type]  # a union, which has no name


def test_the_forms_of_the_wild_are_read() -> None:
    row = {
        "whole": "7", "number": 7, "flag": "false", "name": 7, "maybe": 7.0, "many": ["7", 8],
        "named": {"a": "1", "b": 0}, "rank": 1,
    }  # fmt: skip
    read = reader_of(Own)(row, None)
    assert read == Own(7, 7.0, False, "7", 7, [7, 8], {"a": True, "b": False}, Rank.FIRST)
    assert [type(one) for one in attrs.astuple(read)[:5]] == [int, float, bool, str, int]
    assert reader_of(dict)(row, None) is row


@pytest.mark.parametrize(
    "trouble",
    [KeyError, IndexError, AttributeError, ZeroDivisionError, OverflowError, TypeError, ValueError],
)
def test_what_a_users_hook_trips_over_is_named_escaped_and_cut(trouble: type[Exception]) -> None:
    class Guest:
        """A class whose hook trips, and repeats what it cannot read."""

    def trip(row: dict[str, str], _: object) -> Guest:
        raise trouble(row["name"] * 10**5)

    converter.register_structure_hook(Guest, trip)
    with pytest.raises(DecodeError, match=f"become Guest: {trouble.__name__}: ") as caught:
        reader_of(Guest)({"name": "\x1b[2J\nWARNING \u202e"}, None)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 3000


def test_a_subclass_of_a_record_is_made_not_its_base() -> None:
    @attrs.frozen(kw_only=True)
    class Mine(ProductCreator):
        """With more methods."""

    class Row(dict[str, Any]):
        """As other JSON decoders make them."""

    mine = reader_of(Mine)(Row(ROW), 1)
    assert type(mine) is Mine
    assert unstructure(mine) == ROW
    with pytest.raises(DecodeError, match=r"^user_id: None is required"):
        reader_of(Mine)({"product_id": "1"}, 1)
    inside = converter.structure([ROW], list[ProductCreator])
    assert inside == [reader_of(ProductCreator)(ROW, None)]


@pytest.mark.parametrize("into", [5, "ProductCreator", [], {}, object, int | str, Callable])
def test_what_no_row_can_become_is_refused_by_name(into: Any) -> None:
    with pytest.raises(InvalidParameterError, match=r"^into=.*a record class, dict, or") as caught:
        reader_of(into)
    assert caught.value.value is into
