"""One call: permits, retries and deadlines, on a virtual clock."""

import asyncio
from itertools import pairwise

import pytest

from keyapi_async import Limiter, Permit, QpsLimiter, errors
from keyapi_async.call.wire import Answer
from keyapi_async.secret import Secret
from tests import virtual
from tests.call.script import OK, PATH, Script, credits_of, failing, lost, no

LOOP = virtual.VirtualLoop


@pytest.mark.parametrize(
    ("failure", "uncertain"),
    [
        (lost(), 1), (100.0, 1),  # longer than an attempt may take
        (lost(sent=False), 0), (no(429), 0), (no(500, status=200), 0),
        (Answer(502, {}, b"<html>bad gateway</html>"), 0),
        (Answer(299, {}, b"<html>hello</html>"), 1),
    ],
)  # fmt: skip
async def test_what_passes_is_tried_again(
    failure: Answer | errors.KeyAPIError | float, uncertain: int
) -> None:
    api = virtual.client(Script(failure))
    await api.get(PATH)
    assert credits_of(api) == (1, uncertain)
    assert (api.stats.requests, api.stats.retries) == (2, 1)
    unreadable = Answer(200, {}, b'{"code": 0, "data": [7]}')
    with pytest.raises(errors.DecodeError) as caught:
        await virtual.client(Script(failure, unreadable)).iter_records(PATH).collect()
    assert caught.value.attempts == 2


@pytest.mark.parametrize(
    "failure",
    [
        no(404), no(500, "Usage Limit Exceeded"), no(999, "unique_id is invalid", status=200),
        Answer(300, {}, b""), Answer(302, {"Location": "/elsewhere"}, OK.body),
    ],
)  # fmt: skip
async def test_what_does_not_pass_is_not_tried_again(failure: Answer) -> None:
    api = virtual.client(script := Script(failure))
    with pytest.raises(errors.KeyAPIError) as caught:
        await api.get(PATH, {"a": "b"})
    assert caught.value.attempts == len(script.sent) == 1
    assert (caught.value.path, caught.value.params) == (PATH, {"a": "b"})
    assert credits_of(api) == (0, 0)


@pytest.mark.parametrize(("met", "attempts"), [([], 2), ([no(500), no(503)], 4)])
async def test_one_more_try_is_granted_to_an_unreadable_success_wherever_it_comes(
    met: list[Answer], attempts: int
) -> None:
    nonsense = Answer(200, {}, b"nonsense")
    api = virtual.client(Script(*met[:1], nonsense, *met[1:], nonsense))
    error = await failing(api, errors.ResponseError, match="nonsense")
    assert error.attempts == attempts
    assert credits_of(api) == (0, 2)


async def test_waits_grow_between_attempts() -> None:
    script, waits = Script(*[no(500)] * 9, latency=0.0), [0.5, 1.0, 2.0, 4.0, None]
    api = virtual.client(script, retry=lambda attempt, _: waits[attempt - 1])
    await failing(api, errors.ServerError)
    assert [b - a for a, b in pairwise(script.sent)] == pytest.approx(waits[:-1], abs=0.01)


class Telling:
    """A gate that grants everything, and keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def bind(self, key: str) -> None:
        self.told.append(key)

    async def acquire(self) -> Permit:
        self.told.append("taken")
        return Permit(asyncio.get_running_loop().time())

    def answered(self, permit: Permit) -> None:
        self.told.append("given back")

    def throttled(self, permit: Permit, retry_after: float | None) -> None:
        self.told.append(retry_after)


async def test_every_attempt_takes_a_permit_and_gives_it_back() -> None:
    gate = Telling()
    assert isinstance(gate, Limiter)
    busy = no(429, headers={"Retry-After": "7"})
    api = virtual.client(Script(no(429), lost(), no(500), busy), limiter=gate, qps=10)
    await api.get(PATH)
    task = asyncio.create_task(api.get(PATH))
    await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    taken, free = ["taken"], ["taken", "given back"]
    told = [*taken, None, "given back", *free, *free, *taken, 7.0, "given back", *free, *free]
    assert gate.told == [Secret("sandbox-key").fingerprint(), *told]
    assert api.stats.throttles == 2


async def test_an_error_of_the_callers_own_gate_reaches_the_caller_and_holds_nothing_back() -> None:
    class Gate(QpsLimiter):
        impatient = True

        async def acquire(self) -> Permit:
            if self.impatient:
                raise TimeoutError("the gate's own")
            return await super().acquire()

    gate, script = Gate(1000), Script()
    api = virtual.client(script, limiter=gate, max_connections=1, max_credits=1, deadline=9.0)
    await failing(api, TimeoutError, match="the gate's own")
    assert script.sent == []
    assert credits_of(api) == (0, 0)
    gate.impatient = False
    await api.get(PATH)
    assert credits_of(api) == (1, 0)


@pytest.mark.parametrize(
    ("answer", "deadline", "ends", "cause", "told"),
    [
        (100.0, 3.0, 3.0, errors.AttemptTimeoutError, "no whole answer"),
        (no(503, headers={"Retry-After": "60"}), 30.0, 0.01, errors.ServerError, "no"),
    ],
)
async def test_a_deadline_ends_a_slow_attempt_and_is_told_before_a_wait_that_would_pass_it(
    answer: Answer | float, deadline: float, ends: float, cause: type[errors.KeyAPIError], told: str
) -> None:
    api = virtual.client(Script(answer), deadline=deadline)
    error = await failing(api, errors.DeadlineExceededError, match=f"{deadline:g} s")
    assert asyncio.get_running_loop().time() == pytest.approx(ends, abs=0.01)
    assert type(error.__cause__) is cause
    assert f"[last attempt: {told}, GET " in str(error)
    assert error.attempts == 1
    assert credits_of(api) == (0, int(cause is errors.AttemptTimeoutError))
    await virtual.client(Script(no(503, headers={"Retry-After": "29"})), deadline=30.0).get(PATH)


async def test_a_deadline_ends_the_wait_for_the_gate_unsent() -> None:
    api = virtual.client(script := Script(), qps=0.1, deadline=5.0)
    await api.get(PATH)
    error = await failing(api, errors.DeadlineExceededError, match=rf"5 s \[GET {PATH}\]$")
    assert error.attempts == 0
    assert len(script.sent) == 1
    assert credits_of(api) == (1, 0)


async def test_a_failure_that_is_not_tried_again_is_told_even_at_the_deadline() -> None:
    api = virtual.client(Script(no(404), latency=0.9999), deadline=1.0)
    await failing(api, errors.NotFoundError)
