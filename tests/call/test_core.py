"""What the calls of a client share: closing, event loop, connections, log and counts."""

import asyncio
import logging
import math

import attrs
import pytest

from keyapi_async import QpsLimiter, Stats, errors
from keyapi_async.call.wire import Answer, Request
from tests import virtual
from tests.call.script import OK, PATH, Script, failing, no

LOOP = virtual.VirtualLoop


async def test_closing_a_view_closes_nothing_and_a_cancelled_closing_the_gate_too() -> None:
    class Slow(Script):
        async def close(self) -> None:
            await asyncio.sleep(10.0)

    class Gate(QpsLimiter):
        closed = 0

        async def aclose(self) -> None:
            self.closed += 1

    gate = Gate(1000)
    api = virtual.client(Slow(), limiter=gate)
    async with api.with_options(timeout=1.0) as view:
        await view.get(PATH)
    assert (view.closed, gate.closed) == (False, 0)
    await api.get(PATH)
    closing = asyncio.create_task(api.aclose())
    await asyncio.sleep(1.0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await api.aclose()
    assert gate.closed == 1
    await failing(view, errors.UsageError)


async def test_closing_ends_all_that_waits_and_refuses_all_that_comes() -> None:
    api = virtual.client(script := Script(), qps=1.0)
    async with api:
        await api.get(PATH)
        waiting = asyncio.create_task(api.get(PATH))
        await asyncio.sleep(0.1)
    with pytest.raises(errors.UsageError, match="closed"):
        await waiting
    await failing(api, errors.UsageError, match="closed")
    with pytest.raises(errors.UsageError, match="closed"):
        async with api:
            pass
    assert script.closed
    assert api.closed
    assert len(script.sent) == 1
    await api.aclose()
    unused = virtual.client(Script())
    await unused.aclose()
    await failing(unused, errors.UsageError, match="closed")


class Deaf(Script):
    """Never answers, and leaves all time limits to the client."""

    async def send(self, request: Request, within: float) -> Answer | errors.KeyAPIError:
        await asyncio.sleep(1e9)
        return OK


async def test_closing_does_not_take_the_time_limit_from_what_is_in_flight() -> None:
    api = virtual.client(Deaf(), timeout=2.0)
    task = asyncio.create_task(api.get(PATH))
    await asyncio.sleep(1)
    await api.aclose()
    with pytest.raises(errors.UsageError, match="closed") as caught:
        await task
    assert isinstance(caught.value.__cause__, errors.AttemptTimeoutError)
    assert asyncio.get_running_loop().time() == pytest.approx(2, abs=0.01)


def test_another_event_loop_is_refused() -> None:
    api = virtual.client(Script())
    virtual.run(lambda: api.get(PATH))
    with pytest.raises(errors.UsageError, match="another event loop"):
        virtual.run(lambda: api.get(PATH))


@pytest.mark.parametrize("after", [0.0, 0.2, 0.9, 1.5])
async def test_a_cancelled_call_costs_at_most_its_own_uncertain_credit(after: float) -> None:
    api = virtual.client(script := Script(latency=1.0), qps=1.0)
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


async def test_each_attempt_each_retry_and_each_circuit_is_one_line_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "keyapi_async")
    long = Answer(200, {}, b'{"code": 0, "requestId": "%s"}' % (b"r" * 99))
    api = virtual.client(Script(no(500), long, no(402, "apiKey quota is not enough"), 5.0))
    await api.get(PATH, {"page_num": "3\nWARNING out of credits" + "!" * 99})
    await failing(api, errors.QuotaExceededError)
    api.credits.reset()
    task = asyncio.create_task(api.get(PATH, {"page": "7"}))
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.wait((task,))
    levels = [record.levelname for record in caplog.records]
    assert levels == ["DEBUG", "INFO", "DEBUG", "WARNING", "DEBUG", "DEBUG"]
    failed, again, done, circuit, _, cancelled = caplog.messages
    for line in (failed, again, done):
        assert "GET /v1/thing page 3" in line
        assert line.isprintable()
        assert "!" * 99 not in line
    assert "HTTP 500, code 500" in failed
    assert "retry 1 in" in again
    assert f"HTTP 200, code 0, request id {'r' * 79}…, 10 ms" in done
    assert "out of credits" in circuit
    assert cancelled == "GET /v1/thing page 7: cancelled, 1000 ms"


async def test_stats_count_rows_waits_and_throttles() -> None:
    body = b'{"code": 0, "data": [{"a": 1}, 7]}'
    script = Script(Answer(200, {}, body), no(429), Answer(200, {}, body))
    api = virtual.client(script, qps=1.0)
    assert api.stats == Stats()
    for _ in range(2):
        await api.iter_records(PATH, skip_invalid=True).collect()
    stats = api.stats
    assert attrs.astuple(attrs.evolve(stats, waited=0.0)) == (3, 1, 1, 4, 0.0, 2)
    assert 0 < stats.waited < math.inf
    patient = virtual.client(Script(), qps=0.1)
    hurried = patient.with_options(deadline=2.0)
    calls = [patient.get(PATH), *(hurried.get(PATH) for _ in range(4))]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(outcome, errors.DeadlineExceededError) for outcome in outcomes[1:])
    assert patient.stats.waited == pytest.approx(8)  # one that ends without a permit is a wait
