"""Closing, event loops, connections and cancellations."""

import asyncio

import pytest

from keyapi_async import (
    AttemptTimeoutError,
    KeyAPIError,
    QpsLimiter,
    UsageError,
)
from keyapi_async.call.wire import Answer, Request
from tests import virtual
from tests.call.script import OK, PATH, Script


@virtual.clock
async def test_closing_ends_all_that_waits_and_refuses_all_that_comes() -> None:
    script = Script()
    api = virtual.client(script, qps=1.0)
    async with api:
        await api.get(PATH)
        waiting = asyncio.create_task(api.get(PATH))
        await asyncio.sleep(0.1)
    with pytest.raises(UsageError, match="closed"):
        await waiting
    with pytest.raises(UsageError, match="closed"):
        await api.get(PATH)
    with pytest.raises(UsageError, match="closed"):
        async with api:
            pass
    assert script.closed
    assert api.closed
    assert len(script.sent) == 1
    await api.aclose()


@virtual.clock
async def test_a_client_that_was_never_used_can_be_closed() -> None:
    script = Script()
    api = virtual.client(script)
    await api.aclose()
    assert script.closed
    with pytest.raises(UsageError, match="closed"):
        await api.get(PATH)


@virtual.clock
async def test_closing_closes_a_gate_that_holds_a_connection() -> None:
    class Gate(QpsLimiter):
        closed = 0

        async def aclose(self) -> None:
            self.closed += 1

    gate = Gate(1000)
    api = virtual.client(Script(), limiter=gate)
    await api.get(PATH)
    await api.with_options(timeout=1.0).aclose()
    assert gate.closed == 0
    await api.aclose()
    await api.aclose()
    assert gate.closed == 1


class Deaf(Script):
    """Never answers, and leaves all time limits to the client."""

    async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
        await asyncio.sleep(1e9)
        return OK


@virtual.clock
async def test_closing_does_not_take_the_time_limit_from_what_is_in_flight() -> None:
    api = virtual.client(Deaf(), timeout=2.0)
    task = asyncio.create_task(api.get(PATH))
    await asyncio.sleep(1)
    await api.aclose()
    with pytest.raises(UsageError, match="closed") as caught:
        await task
    assert isinstance(caught.value.__cause__, AttemptTimeoutError)
    assert asyncio.get_running_loop().time() == pytest.approx(2, abs=0.01)


@virtual.clock
async def test_closing_a_view_closes_nothing() -> None:
    script = Script()
    api = virtual.client(script)
    async with api.with_options(timeout=1.0) as view:
        await view.get(PATH)
    assert not view.closed
    await api.get(PATH)
    await api.aclose()
    with pytest.raises(UsageError):
        await view.get(PATH)


def test_another_event_loop_is_refused() -> None:
    api = virtual.client(Script())
    virtual.run(lambda: api.get(PATH))
    with pytest.raises(UsageError, match="another event loop"):
        virtual.run(lambda: api.get(PATH))


@virtual.clock
async def test_never_more_requests_in_flight_than_connections() -> None:
    script = Script(latency=1.0)
    api = virtual.client(script, max_connections=7)
    await asyncio.gather(*(api.get(PATH) for _ in range(50)))
    assert script.most_open == 7


@pytest.mark.parametrize("after", [0.0, 0.2, 0.9, 1.5])
@virtual.clock
async def test_a_cancelled_call_costs_at_most_its_own_uncertain_credit(after: float) -> None:
    script = Script(latency=1.0)
    api = virtual.client(script, qps=1.0)
    blocker = asyncio.create_task(api.get(PATH))
    task = asyncio.create_task(api.get(PATH))
    await asyncio.sleep(after)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await blocker
    assert api.credits.spent == 1
    assert api.credits.uncertain == len(script.sent) - 1 <= 1
    assert not script.flying
    assert (await api.get(PATH)).code == 0
