"""What a call may cost: budgets, and the circuit that a 402 opens."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyapi_async import Envelope, KeyAPI, errors
from keyapi_async.call.credits import Circuit
from tests import virtual
from tests.call.script import OK, PATH, Script, credits_of, failing, lost, no

LOOP = virtual.VirtualLoop


async def test_a_call_is_budgeted_and_counted_at_its_price() -> None:
    api = virtual.client(script := Script(lost()), max_credits=6)
    await api.get(PATH, credits=2)
    assert credits_of(api) == (2, 2)
    await api.get(PATH, credits=0)
    with pytest.raises(errors.CreditBudgetError, match=r"=6.* 2 spent, 2 uncertain, 3 ") as caught:
        await api.get(PATH, credits=3)
    assert (caught.value.path, caught.value.attempts, len(script.sent)) == (PATH, 0, 3)
    await api.iter_records(PATH, credits=2).collect()
    assert (credits_of(api), api.stats.credits, api.credits.remaining) == ((4, 2), 4, 0)


async def test_who_waits_for_more_than_is_left_is_told_so() -> None:
    api = virtual.client(Script(latency=1.0), max_credits=3)
    first = asyncio.create_task(api.get(PATH, credits=2))
    await asyncio.sleep(0.5)
    with pytest.raises(TimeoutError):  # who goes away leaves the line
        await asyncio.wait_for(api.get(PATH, credits=2), 0.1)
    dear = asyncio.create_task(api.get(PATH, credits=3))
    cheap = asyncio.create_task(api.get(PATH))
    with pytest.raises(errors.CreditBudgetError, match="2 spent, 0 uncertain, 3 asked for"):
        await dear
    await asyncio.gather(first, cheap)
    assert credits_of(api) == (3, 0)


async def test_a_view_has_a_ceiling_of_its_own_and_the_client_counts_it_too() -> None:
    api = virtual.client(Script(), max_credits=3)
    view = api.with_options(max_credits=2)
    await view.get(PATH)
    await view.get(PATH)
    await failing(view, errors.CreditBudgetError, match="max_credits=2")
    await api.get(PATH)
    assert (api.credits.spent, view.credits.spent) == (3, 2)
    other = api.with_options(max_credits=9)
    await failing(other, errors.CreditBudgetError, match="max_credits=3")
    assert (other.credits.budget, other.credits.remaining) == (9, 0)
    assert view.stats == api.stats


async def test_a_retry_of_a_lost_answer_needs_a_credit_too() -> None:
    api = virtual.client(script := Script(lost(), lost()), max_credits=1)
    error = await failing(api, errors.CreditBudgetError)
    assert isinstance(error.__cause__, errors.ConnectionFailedError)
    assert error.attempts == len(script.sent) == 1
    assert credits_of(api) == (0, 1)


async def test_a_place_that_is_of_no_use_to_who_is_woken_for_it_goes_to_the_next_in_line() -> None:
    api = virtual.client(script := Script(no(404), no(404), latency=1.0), max_credits=2)
    narrow, other = api.with_options(max_credits=1), api.with_options(max_credits=1)
    first = asyncio.create_task(api.get(PATH))
    await asyncio.sleep(0.5)
    second = asyncio.create_task(api.get(PATH))
    await asyncio.sleep(0.1)
    waiting = [asyncio.create_task(one.get(PATH)) for one in (narrow, narrow, other)]
    await asyncio.wait((first, second))
    await asyncio.wait(waiting)
    # The second of the narrow view is woken at 1.5 s, when the first one holds its only credit.
    assert script.sent == pytest.approx([0.0, 0.5, 1.0, 1.5], abs=0.01)
    outcomes = await asyncio.gather(first, second, *waiting, return_exceptions=True)
    free, dear = errors.NotFoundError, errors.CreditBudgetError
    assert [type(outcome) for outcome in outcomes] == [free, free, Envelope, dear, Envelope]
    assert (api.credits.spent, narrow.credits.spent, other.credits.spent) == (2, 1, 1)


@settings(max_examples=150, deadline=None)
@given(
    answers=st.lists(
        st.sampled_from([OK, OK, no(500), no(404), no(429), lost(), lost(sent=False), 9.0]),
        max_size=40,
    ),
    budgets=st.tuples(st.none() | st.integers(0, 12), st.none() | st.integers(0, 12)),
    calls=st.lists(
        st.tuples(st.booleans(), st.integers(0, 30), st.sampled_from([1, 1, 1, 0, 2, 3])),
        max_size=30,
    ),
    connections=st.integers(1, 5),
)
async def test_no_budget_is_ever_passed_and_no_one_waits_for_ever(
    answers: list[Any],
    budgets: tuple[int | None, int | None],
    calls: list[tuple[bool, int, int]],
    connections: int,
) -> None:
    """Any answers, budgets on two levels, cancellations, prices: spent + uncertain + in flight."""
    script = Script(*answers, latency=0.3)
    api = virtual.client(script, max_credits=budgets[0], max_connections=connections, timeout=2.0)
    view = api if budgets[1] is None else api.with_options(max_credits=budgets[1])

    async def one(through: KeyAPI, cancel_after: int, price: int) -> None:
        with_limit = None if cancel_after > 20 else cancel_after / 10
        try:
            async with asyncio.timeout(with_limit):
                await through.get(PATH, {"price": price, "of": id(through)}, credits=price)
        except (errors.KeyAPIError, TimeoutError):
            pass

    async def watch() -> None:
        while True:
            flying = [request.params for request in script.flying]
            for told, of in ((view.credits, (id(view),)), (api.credits, (id(view), id(api)))):
                paid = sum(int(one["price"]) for one in flying if int(one["of"]) in of)
                paid += told.spent + told.uncertain
                assert told.budget is None or paid <= told.budget
            await asyncio.sleep(0.05)

    watcher = asyncio.create_task(watch())
    await asyncio.gather(*(one(view if via else api, after, price) for via, after, price in calls))
    watcher.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watcher
    assert script.most_open <= connections
    # Nothing is held back for ever: all that is left can be spent.
    script.answers.clear()
    await view.get(PATH, credits=view.credits.remaining or 0)
    await api.get(PATH, credits=api.credits.remaining or 0)
    assert not api.credits.remaining


async def test_a_402_stops_all_that_waits_and_all_that_comes_until_the_cooldown() -> None:
    script = Script(no(500, "Usage Limit Exceeded"), latency=0.2)
    loop = asyncio.get_running_loop()
    api = virtual.client(script, qps=2.0, max_credits=4)
    tasks = [asyncio.create_task(api.get(PATH)) for _ in range(9)]
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert loop.time() < 0.3
    met = [error for error in outcomes if isinstance(error, errors.QuotaExceededError)]
    assert len({id(error) for error in met}) == 9
    unsent = f"{met[0].message}; not sent: the API said so less than 300 s ago"
    assert {(e.status, e.code, e.message) for e in met[1:]} == {
        (met[0].status, met[0].code, unsent)
    }
    assert [error.attempts for error in met] == [1, *[0] * 8]
    await failing(api.with_options(timeout=1.0), errors.QuotaExceededError)
    await asyncio.sleep(299)
    await failing(api, errors.QuotaExceededError)
    assert len(script.sent) == 1
    await asyncio.sleep(2)
    await api.get(PATH)
    assert credits_of(api) == (1, 0)


async def test_a_402_interrupts_a_wait_before_a_retry_and_nothing_that_is_in_flight() -> None:
    api = virtual.client(Script(no(503, headers={"Retry-After": "100"}), 5.0, no(402)))
    waiting, slow = (asyncio.create_task(api.get(PATH)) for _ in "ab")
    await asyncio.sleep(1)
    await failing(api, errors.QuotaExceededError)
    with pytest.raises(errors.QuotaExceededError) as caught:
        await waiting
    assert caught.value.attempts == 1
    assert isinstance(caught.value.__cause__, errors.ServerError)
    assert asyncio.get_running_loop().time() < 2
    assert (await slow).request_id == "r-1"


async def test_without_a_cooldown_those_who_wait_go_on() -> None:
    api = virtual.client(Script(no(402)), quota_cooldown=0, qps=3.0, deadline=1.0)
    outcomes = await asyncio.gather(*(api.get(PATH) for _ in range(3)), return_exceptions=True)
    assert [isinstance(one, errors.QuotaExceededError) for one in outcomes] == [True, False, False]
    assert asyncio.get_running_loop().time() == pytest.approx(2 / 2.85, abs=0.02)
    circuit = Circuit(cooldown=3.0, clock=lambda: times.pop(0))
    times = [2.0, 4.9, 5.0]
    circuit.open(errors.QuotaExceededError("x"))
    blocked = circuit.blocked()
    assert blocked is not None
    assert blocked.retry_after == pytest.approx(0.1)
    assert circuit.blocked() is None
