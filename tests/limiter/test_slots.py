"""When a server may be asked again, told by the times of requests and answers."""

import pytest

from keyapi_async.limiter import Permit
from keyapi_async.limiter.slots import Slots, Spacing


def times(*expected: float) -> list[object]:
    return [pytest.approx(one) for one in expected]


def test_a_place_is_free_a_second_after_the_answer_and_once() -> None:
    slots = Slots()
    assert slots.room_at(10.0, 1) == 10.0
    permit = slots.grant(10.0)
    assert [slots.room_at(10.0, places) for places in (2, 1)] == times(10.0, 10.85)
    slots.leave(permit, 10.125)
    slots.leave(permit, 10.25)
    assert [slots.room_at(now, 1) for now in (10.1, 11.0, 11.125)] == times(11.0375, 11.125, 11.125)
    slots.grant(11.125)
    assert all(slots.room_at(now, 1) > now for now in (11.125, 11.3))


def test_the_shortest_trip_is_believed_after_twenty_and_half_of_it_is_certain() -> None:
    slots = Slots()
    for n in range(21):
        assert slots.shortest == 0.0
        permit = slots.grant(float(n))
        slots.leave(permit, permit.at + (0.125 if permit.at == 3 else 0.25))
    assert slots.shortest == 0.125
    assert [slots.room_at(now, 1) for now in (20.5, 22.0)] == times(21.25 - 0.0625, 22.0)


def test_places_are_free_in_the_order_of_their_answers() -> None:
    slots = Slots()
    first, second = slots.grant(10.0), slots.grant(10.25)
    slots.leave(second, 10.35)
    slots.leave(first, 10.4)  # it counts for 0.3 s alone
    assert [slots.room_at(now, 1) for now in (11.3, 11.35)] == times(11.35, 11.35)


@pytest.mark.parametrize(
    ("now", "shortest", "opens"),
    [(10.0, 0.0, 10.1), (10.1, 0.0, 10.15), (10.1, 0.05, 10.1), (10.1, 0.04, 10.15),
     (10.09, 0.04, 10.1)],
)  # fmt: skip
def test_where_the_last_answer_is_not_there_it_is_waited_for_a_little(
    now: float, shortest: float, opens: float
) -> None:
    spacing = Spacing()
    assert spacing.opens_at(now, 0.1, shortest) < now
    spacing.last = Permit(10.0)
    assert spacing.opens_at(now, 0.1, shortest) == pytest.approx(opens)


@pytest.mark.parametrize(("answered", "opens"), [(10.01, 10.1), (10.03, 10.12), (10.2, 10.15)])
def test_a_late_answer_holds_back_the_next_request(answered: float, opens: float) -> None:
    spacing = Spacing()
    spacing.last = Permit(5.0)
    spacing.landed(9.0, 0.01)
    spacing.last = permit = Permit(10.0)
    permit.landed = True
    assert spacing.opens_at(10.0, 0.1, 0.0) == pytest.approx(10.1)
    spacing.landed(answered, 0.01)
    assert spacing.opens_at(10.3, 0.1, 0.0) == pytest.approx(opens)
