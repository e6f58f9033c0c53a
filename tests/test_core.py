"""One call: permits, retries, deadlines, credits, the circuit, closing; on a virtual clock."""

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyapi_async import (
    AttemptTimeoutError,
    AuthenticationError,
    ConnectionFailedError,
    CreditBudgetError,
    DeadlineExceededError,
    KeyAPI,
    KeyAPIError,
    Limiter,
    NotFoundError,
    Permit,
    QpsLimiter,
    QuotaExceededError,
    RateLimitError,
    ResponseError,
    RetryPolicy,
    ServerError,
    UsageError,
)
from keyapi_async.call.wire import Answer, Request
from tests import virtual

PATH = "/v1/thing"
OK = Answer(200, {}, b'{"code": 0, "message": "success", "data": [], "requestId": "r-1"}')


def no(
    code: int,
    message: str = "no",
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    body = orjson.dumps({"code": code, "message": message, "data": None})
    return Answer(code if status is None else status, headers or {}, body)


def lost(*, sent: bool = True) -> KeyAPIError:
    error = ConnectionFailedError("gone")
    error.sent = sent
    return error


class Script:
    """Answers as the script says, each after ``latency`` seconds; then with success."""

    def __init__(self, *answers: Answer | KeyAPIError | float, latency: float = 0.01) -> None:
        self.answers = list(answers)
        self.latency = latency
        self.sent: list[float] = []
        self.open = 0
        self.most_open = 0
        self.closed = False

    async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
        loop = asyncio.get_running_loop()
        self.sent.append(loop.time())
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        answer = self.answers.pop(0) if self.answers else OK
        latency, answer = (
            (answer, OK) if isinstance(answer, (int, float)) else (self.latency, answer)
        )
        try:
            await asyncio.sleep(min(latency, within))
            return AttemptTimeoutError("late") if latency > within else answer
        finally:
            self.open -= 1

    async def close(self) -> None:
        self.closed = True


def calm(attempts: int = 5) -> Callable[[int, KeyAPIError], float | None]:
    """The policy without its dice: the whole bound is waited."""
    policy = RetryPolicy(attempts=attempts)

    def retry(attempt: int, failure: KeyAPIError) -> float | None:
        wait = policy(attempt, failure)
        after = getattr(failure, "retry_after", None)
        return wait if wait is None or after is not None else 0.5 * 2 ** (attempt - 1)

    return retry


def credits_of(api: KeyAPI) -> tuple[int, int]:
    return api.credits.spent, api.credits.uncertain


def test_a_success_is_an_envelope_and_one_credit() -> None:
    async def main() -> None:
        api = virtual.client(Script())
        envelope = await api.get(PATH, {"a": 1})
        assert (envelope.code, envelope.message, envelope.data) == (0, "success", [])
        assert envelope.request_id == "r-1"
        assert credits_of(api) == (1, 0)
        assert (api.stats.requests, api.stats.retries, api.stats.credits) == (1, 0, 1)

    virtual.run(main)


@pytest.mark.parametrize(
    ("failure", "uncertain"),
    [
        (lost(), 1),
        (lost(sent=False), 0),
        (no(429), 0),
        (no(500), 0),
        (no(503), 0),
        (no(408), 0),
        (no(429, status=200), 0),
        (no(500, status=200), 0),
        (Answer(502, {}, b"<html>bad gateway</html>"), 0),
        (Answer(520, {}, b""), 0),
        (Answer(200, {}, b"<html>hello</html>"), 1),
        (Answer(200, {}, b""), 1),
    ],
)
def test_what_passes_is_tried_again(failure: Answer | KeyAPIError, uncertain: int) -> None:
    script = Script(failure)

    async def main() -> None:
        api = virtual.client(script)
        await api.get(PATH)
        assert credits_of(api) == (1, uncertain)
        assert (api.stats.requests, api.stats.retries) == (2, 1)

    virtual.run(main)


@pytest.mark.parametrize(
    "failure",
    [
        no(400),
        no(401),
        no(402),
        no(403),
        no(404),
        no(500, "Usage Limit Exceeded"),
        no(0, status=404),
        no(999, "unique_id is invalid", status=200),
        Answer(403, {}, b"<html>forbidden</html>"),
        Answer(302, {"Location": "/elsewhere"}, b""),
        Answer(302, {"Location": "/elsewhere"}, OK.body),
    ],
)
def test_what_does_not_pass_is_not_tried_again(failure: Answer) -> None:
    script = Script(failure)

    async def main() -> None:
        api = virtual.client(script)
        with pytest.raises(KeyAPIError) as caught:
            await api.get(PATH, {"a": "b"})
        assert caught.value.attempts == len(script.sent) == 1
        assert (caught.value.path, caught.value.params) == (PATH, {"a": "b"})
        assert credits_of(api) == (0, 0)

    virtual.run(main)


def test_an_unreadable_success_is_asked_for_once_more_and_both_are_uncertain() -> None:
    script = Script(*[Answer(200, {}, b"nonsense")] * 5)

    async def main() -> None:
        api = virtual.client(script)
        with pytest.raises(ResponseError, match="nonsense") as caught:
            await api.get(PATH)
        assert caught.value.attempts == 2
        assert credits_of(api) == (0, 2)

    virtual.run(main)


def test_one_more_try_is_granted_to_an_unreadable_success_wherever_it_comes() -> None:
    nonsense = Answer(200, {}, b"nonsense")
    script = Script(no(500), nonsense, no(503), nonsense)

    async def main() -> None:
        with pytest.raises(ResponseError) as caught:
            await virtual.client(script).get(PATH)
        assert caught.value.attempts == 4
        await virtual.client(Script(no(500), nonsense)).get(PATH)

    virtual.run(main)


def test_the_policy_bounds_the_attempts_and_each_error_is_fresh() -> None:
    script = Script(*[no(500)] * 12)

    async def main() -> None:
        api = virtual.client(script, retry=RetryPolicy(attempts=3))
        errors = []
        for _ in range(2):
            with pytest.raises(ServerError) as caught:
                await api.get(PATH)
            errors.append(caught.value)
        assert [error.attempts for error in errors] == [3, 3]
        assert errors[0] is not errors[1]
        assert len(script.sent) == 6

    virtual.run(main)


def test_waits_grow_between_attempts() -> None:
    script = Script(*[no(500)] * 9, latency=0.0)

    async def main() -> None:
        api = virtual.client(script, retry=calm())
        with pytest.raises(ServerError):
            await api.get(PATH)
        gaps = [b - a for a, b in pairwise(script.sent)]
        assert gaps == pytest.approx([0.5, 1, 2, 4], abs=0.01)

    virtual.run(main)


def test_every_attempt_takes_a_permit_and_gives_it_back() -> None:
    class Counting:
        taken = answered = throttled = 0

        async def acquire(self) -> Permit:
            self.taken += 1
            return Permit(asyncio.get_running_loop().time())

        def answered_(self) -> None:
            self.answered += 1

        def throttled_(self) -> None:
            self.throttled += 1

    gate = Counting()

    class Gate:
        async def acquire(self) -> Permit:
            return await gate.acquire()

        def answered(self, permit: Permit) -> None:
            gate.answered_()

        def throttled(self, permit: Permit, retry_after: float | None) -> None:
            gate.throttled_()

    assert isinstance(Gate(), Limiter)
    script = Script(no(429), lost(), no(500))

    async def main() -> None:
        api = virtual.client(script, limiter=Gate(), qps=10)
        await api.get(PATH)
        assert (gate.taken, gate.answered, gate.throttled) == (4, 4, 1)
        assert api.stats.throttles == 1
        task = asyncio.create_task(api.get(PATH))
        await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert gate.answered == gate.taken == 5

    virtual.run(main)


def test_an_error_of_the_callers_own_gate_reaches_the_caller_and_holds_nothing_back() -> None:
    class Gate(QpsLimiter):
        impatient = True

        async def acquire(self) -> Permit:
            if self.impatient:
                raise TimeoutError("the gate's own")
            return await super().acquire()

    gate, script = Gate(1000), Script()

    async def main() -> None:
        api = virtual.client(script, limiter=gate, max_connections=1, max_credits=1, deadline=9.0)
        with pytest.raises(TimeoutError, match="the gate's own"):
            await api.get(PATH)
        assert script.sent == []
        assert credits_of(api) == (0, 0)
        gate.impatient = False
        await api.get(PATH)
        assert credits_of(api) == (1, 0)

    virtual.run(main)


def test_a_429_holds_back_every_request_for_retry_after() -> None:
    script = Script(no(429, headers={"Retry-After": "7"}))

    async def main() -> None:
        api = virtual.client(script)
        await asyncio.gather(*(api.get(PATH) for _ in range(3)))
        first = asyncio.create_task(api.get(PATH))
        await asyncio.sleep(0.001)
        await first
        early = [at for at in script.sent if at < 7]
        assert len(early) <= 3
        assert all(at >= 7 for at in script.sent[len(early) :])

    virtual.run(main)


def test_a_429_without_retry_after_holds_back_every_request_for_half_a_second() -> None:
    script = Script(no(429), latency=0.001)

    async def main() -> None:
        api = virtual.client(script, retry=RetryPolicy(attempts=1))
        with pytest.raises(RateLimitError):
            await api.get(PATH)
        await api.get(PATH)
        assert script.sent[1] == pytest.approx(0.501, abs=0.002)

    virtual.run(main)


def test_a_retry_after_above_two_minutes_is_raised_at_once_and_the_gate_rests() -> None:
    script = Script(no(429, headers={"Retry-After": "600"}))

    async def main() -> None:
        loop = asyncio.get_running_loop()
        api = virtual.client(script)
        with pytest.raises(RateLimitError) as caught:
            await api.get(PATH)
        assert caught.value.retry_after == 600
        assert loop.time() < 1
        await api.get(PATH)
        assert script.sent[1] == pytest.approx(120, abs=1)

    virtual.run(main)


# Deadlines


def test_a_deadline_ends_a_slow_attempt() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        api = virtual.client(Script(100.0), deadline=3.0)
        with pytest.raises(DeadlineExceededError, match="3 s") as caught:
            await api.get(PATH)
        assert loop.time() == pytest.approx(3, abs=0.01)
        assert isinstance(caught.value, TimeoutError)
        assert isinstance(caught.value.__cause__, AttemptTimeoutError)
        assert caught.value.attempts == 1
        assert credits_of(api) == (0, 1)

    virtual.run(main)


def test_a_deadline_that_a_wait_would_pass_is_told_at_once() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        api = virtual.client(Script(no(503, headers={"Retry-After": "60"})), deadline=30.0)
        with pytest.raises(DeadlineExceededError) as caught:
            await api.get(PATH)
        assert loop.time() < 1
        assert isinstance(caught.value.__cause__, ServerError)

    virtual.run(main)


def test_a_deadline_ends_the_wait_for_the_gate_unsent() -> None:
    script = Script()

    async def main() -> None:
        api = virtual.client(script, qps=0.1, deadline=5.0)
        await api.get(PATH)
        with pytest.raises(DeadlineExceededError) as caught:
            await api.get(PATH)
        assert caught.value.attempts == 0
        assert len(script.sent) == 1
        assert credits_of(api) == (1, 0)

    virtual.run(main)


def test_a_failure_that_is_not_tried_again_is_told_even_at_the_deadline() -> None:
    async def main() -> None:
        api = virtual.client(Script(no(404), latency=0.9999), deadline=1.0)
        with pytest.raises(NotFoundError):
            await api.get(PATH)

    virtual.run(main)


def test_a_timed_out_attempt_is_tried_again() -> None:
    async def main() -> None:
        api = virtual.client(Script(100.0), timeout=2.0)
        await api.get(PATH)
        assert credits_of(api) == (1, 1)
        last = virtual.client(Script(100.0), timeout=2.0, retry=RetryPolicy(attempts=1))
        with pytest.raises(AttemptTimeoutError):
            await last.get(PATH)

    virtual.run(main)


# Credits


def test_max_credits_is_never_passed_and_nothing_is_sent_beyond_it() -> None:
    script = Script()

    async def main() -> None:
        api = virtual.client(script, max_credits=2)
        await api.get(PATH)
        await api.get(PATH)
        with pytest.raises(CreditBudgetError, match="max_credits=2") as caught:
            await api.get(PATH)
        assert caught.value.path == PATH
        assert caught.value.attempts == 0
        assert len(script.sent) == 2
        assert (api.credits.budget, api.credits.remaining) == (2, 0)

    virtual.run(main)


def test_a_call_is_budgeted_and_counted_at_its_price() -> None:
    script = Script()

    async def main() -> None:
        api = virtual.client(script, max_credits=6)
        await api.get(PATH, credits=3)
        assert credits_of(api) == (3, 0)
        await api.get("/v1/tiktok/trending/hashtags")  # known to cost two
        await api.get(PATH, credits=0)
        assert credits_of(api) == (5, 0)
        with pytest.raises(CreditBudgetError, match="5 spent, 0 uncertain, 2 asked for"):
            await api.get(PATH, credits=2)
        with pytest.raises(CreditBudgetError):
            await api.iter_records("/v1/tiktok/trending/videos").collect()
        assert len(script.sent) == 3
        await api.iter_records("/v1/tiktok/trending/videos", credits=1).collect()
        assert (api.credits.spent, api.credits.remaining, api.stats.credits) == (6, 0, 6)

    virtual.run(main)


def test_a_lost_answer_is_uncertain_at_its_price() -> None:
    async def main() -> None:
        api = virtual.client(Script(lost()))
        await api.get(PATH, credits=2)
        assert credits_of(api) == (2, 2)

    virtual.run(main)


def test_who_waits_for_more_than_is_left_is_told_so() -> None:
    script = Script(latency=1.0)

    async def main() -> None:
        api = virtual.client(script, max_credits=3)
        first = asyncio.create_task(api.get(PATH, credits=2))
        await asyncio.sleep(0.5)
        dear = asyncio.create_task(api.get(PATH, credits=2))
        cheap = asyncio.create_task(api.get(PATH))
        with pytest.raises(CreditBudgetError):
            await dear
        await asyncio.gather(first, cheap)
        assert credits_of(api) == (3, 0)

    virtual.run(main)


def test_a_request_waits_while_one_in_flight_may_turn_out_free() -> None:
    script = Script(no(404), latency=1.0)

    async def main() -> None:
        api = virtual.client(script, max_credits=1)
        first, second = (asyncio.create_task(api.get(PATH)) for _ in "ab")
        await asyncio.sleep(0.5)
        assert len(script.sent) == 1
        with pytest.raises(NotFoundError):
            await first
        await second
        assert credits_of(api) == (1, 0)

    virtual.run(main)


def test_a_view_has_a_ceiling_of_its_own_and_the_client_counts_it_too() -> None:
    script = Script()

    async def main() -> None:
        api = virtual.client(script, max_credits=3)
        view = api.with_options(max_credits=2)
        await view.get(PATH)
        await view.get(PATH)
        with pytest.raises(CreditBudgetError, match="max_credits=2"):
            await view.get(PATH)
        await api.get(PATH)
        assert (api.credits.spent, view.credits.spent) == (3, 2)
        other = api.with_options(max_credits=9)
        with pytest.raises(CreditBudgetError, match="max_credits=3"):
            await other.get(PATH)
        assert (other.credits.budget, other.credits.remaining) == (9, 0)
        assert view.stats == api.stats

    virtual.run(main)


def test_a_retry_of_a_lost_answer_needs_a_credit_too() -> None:
    script = Script(lost(), lost())

    async def main() -> None:
        api = virtual.client(script, max_credits=1)
        with pytest.raises(CreditBudgetError) as caught:
            await api.get(PATH)
        assert isinstance(caught.value.__cause__, ConnectionFailedError)
        assert caught.value.attempts == len(script.sent) == 1
        assert credits_of(api) == (0, 1)

    virtual.run(main)


def test_a_place_that_is_of_no_use_to_who_is_woken_for_it_goes_to_the_next_in_line() -> None:
    script = Script(no(404), no(404), latency=1.0)

    async def main() -> None:
        api = virtual.client(script, max_credits=2)
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
        assert [type(outcome).__name__ for outcome in outcomes] == [
            "NotFoundError",
            "NotFoundError",
            "Envelope",
            "CreditBudgetError",
            "Envelope",
        ]
        assert (api.credits.spent, narrow.credits.spent, other.credits.spent) == (2, 1, 1)

    virtual.run(main)


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
def test_no_budget_is_ever_passed_and_no_one_waits_for_ever(
    answers: list[Any],
    budgets: tuple[int | None, int | None],
    calls: list[tuple[bool, int, int]],
    connections: int,
) -> None:
    """Any answers, budgets on two levels, cancellations, prices: spent + uncertain + in flight."""
    script = Script(*answers, latency=0.3)

    async def main() -> None:
        api = virtual.client(
            script, max_credits=budgets[0], max_connections=connections, timeout=2.0
        )
        view = api if budgets[1] is None else api.with_options(max_credits=budgets[1])
        meters = {api._caller.options.meter, view._caller.options.meter}

        async def one(through: KeyAPI, cancel_after: int, price: int) -> None:
            with_limit = None if cancel_after > 20 else cancel_after / 10
            try:
                async with asyncio.timeout(with_limit):
                    await through.get(PATH, credits=price)
            except (KeyAPIError, TimeoutError):
                pass

        async def watch() -> None:
            while True:
                for meter in meters:
                    paid = meter.spent + meter.uncertain + meter.in_flight
                    assert meter.budget is None or paid <= meter.budget
                await asyncio.sleep(0.05)

        watcher = asyncio.create_task(watch())
        await asyncio.gather(
            *(one(view if via else api, after, price) for via, after, price in calls)
        )
        watcher.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watcher
        assert all(meter.in_flight == 0 for meter in meters)
        assert script.most_open <= connections

    virtual.run(main)


# The circuit


@pytest.mark.parametrize(
    "answer", [no(402, "empty"), no(500, "Usage Limit Exceeded"), no(402, status=200)]
)
def test_a_402_stops_all_that_waits_and_all_that_comes_until_the_cooldown(answer: Answer) -> None:
    script = Script(answer, latency=0.2)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        api = virtual.client(script, qps=2.0, max_credits=4)
        tasks = [asyncio.create_task(api.get(PATH)) for _ in range(9)]
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert loop.time() < 0.3
        assert len(script.sent) == 1
        errors = [error for error in outcomes if isinstance(error, QuotaExceededError)]
        assert len(errors) == 9
        assert len({id(error) for error in errors}) == 9
        assert {(e.status, e.code, e.message) for e in errors} == {
            (errors[0].status, errors[0].code, errors[0].message)
        }
        assert [error.attempts for error in errors] == [1, *[0] * 8]
        with pytest.raises(QuotaExceededError):
            await api.with_options(timeout=1.0).get(PATH)
        await asyncio.sleep(299)
        with pytest.raises(QuotaExceededError):
            await api.get(PATH)
        assert len(script.sent) == 1
        await asyncio.sleep(2)
        await api.get(PATH)
        assert credits_of(api) == (1, 0)

    virtual.run(main)


def test_reset_closes_the_circuit_at_once() -> None:
    script = Script(no(402))

    async def main() -> None:
        api = virtual.client(script)
        with pytest.raises(QuotaExceededError):
            await api.get(PATH)
        api.credits.reset()
        await api.get(PATH)
        assert len(script.sent) == 2

    virtual.run(main)


def test_a_402_interrupts_a_wait_before_a_retry() -> None:
    script = Script(no(503, headers={"Retry-After": "100"}), no(402))

    async def main() -> None:
        api = virtual.client(script)
        waiting = asyncio.create_task(api.get(PATH))
        await asyncio.sleep(1)
        with pytest.raises(QuotaExceededError):
            await api.get(PATH)
        with pytest.raises(QuotaExceededError) as caught:
            await waiting
        assert caught.value.attempts == 1
        assert isinstance(caught.value.__cause__, ServerError)
        assert asyncio.get_running_loop().time() < 2

    virtual.run(main)


def test_what_is_in_flight_when_the_circuit_opens_is_kept() -> None:
    script = Script(5.0, no(402))

    async def main() -> None:
        api = virtual.client(script)
        slow = asyncio.create_task(api.get(PATH))
        await asyncio.sleep(1)
        with pytest.raises(QuotaExceededError):
            await api.get(PATH)
        assert (await slow).request_id == "r-1"

    virtual.run(main)


def test_without_a_cooldown_those_who_wait_go_on() -> None:
    script = Script(no(402))

    async def main() -> None:
        api = virtual.client(script, quota_cooldown=0, qps=2.0)
        outcomes = await asyncio.gather(*(api.get(PATH) for _ in range(3)), return_exceptions=True)
        assert [type(one).__name__ for one in outcomes] == [
            "QuotaExceededError",
            "Envelope",
            "Envelope",
        ]

    virtual.run(main)


# Closing, loops, connections


def test_closing_ends_all_that_waits_and_refuses_all_that_comes() -> None:
    script = Script()

    async def main() -> None:
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

    virtual.run(main)


def test_a_client_that_was_never_used_can_be_closed() -> None:
    script = Script()

    async def main() -> None:
        api = virtual.client(script)
        await api.aclose()
        assert script.closed
        with pytest.raises(UsageError, match="closed"):
            await api.get(PATH)

    virtual.run(main)


def test_closing_closes_a_gate_that_holds_a_connection() -> None:
    class Gate(QpsLimiter):
        closed = 0

        async def aclose(self) -> None:
            self.closed += 1

    gate = Gate(1000)

    async def main() -> None:
        api = virtual.client(Script(), limiter=gate)
        await api.get(PATH)
        await api.with_options(timeout=1.0).aclose()
        assert gate.closed == 0
        await api.aclose()
        await api.aclose()
        assert gate.closed == 1

    virtual.run(main)


class Deaf(Script):
    """Never answers, and leaves all time limits to the client."""

    async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
        await asyncio.sleep(1e9)
        return OK


def test_closing_does_not_take_the_time_limit_from_what_is_in_flight() -> None:
    async def main() -> None:
        api = virtual.client(Deaf(), timeout=2.0)
        task = asyncio.create_task(api.get(PATH))
        await asyncio.sleep(1)
        await api.aclose()
        with pytest.raises(UsageError, match="closed") as caught:
            await task
        assert isinstance(caught.value.__cause__, AttemptTimeoutError)
        assert asyncio.get_running_loop().time() == pytest.approx(2, abs=0.01)

    virtual.run(main)


def test_closing_a_view_closes_nothing() -> None:
    script = Script()

    async def main() -> None:
        api = virtual.client(script)
        async with api.with_options(timeout=1.0) as view:
            await view.get(PATH)
        assert not view.closed
        await api.get(PATH)
        await api.aclose()
        with pytest.raises(UsageError):
            await view.get(PATH)

    virtual.run(main)


def test_another_event_loop_is_refused() -> None:
    api = virtual.client(Script())

    async def main() -> None:
        await api.get(PATH)

    virtual.run(main)

    async def again() -> None:
        with pytest.raises(UsageError, match="another event loop"):
            await api.get(PATH)

    virtual.run(again)


def test_never_more_requests_in_flight_than_connections() -> None:
    script = Script(latency=1.0)

    async def main() -> None:
        api = virtual.client(script, max_connections=7)
        await asyncio.gather(*(api.get(PATH) for _ in range(50)))

    virtual.run(main)
    assert script.most_open == 7


@pytest.mark.parametrize("after", [0.0, 0.2, 0.9, 1.5])
def test_a_cancelled_call_costs_at_most_its_own_uncertain_credit(after: float) -> None:
    script = Script(latency=1.0)

    async def main() -> None:
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
        assert script.open == 0
        assert (await api.get(PATH)).code == 0

    virtual.run(main)


# Logs


def test_logs_tell_each_attempt_each_retry_and_each_circuit(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "keyapi_async")
    script = Script(no(500), OK, no(402, "apiKey quota is not enough"))

    async def main() -> None:
        api = virtual.client(script)
        await api.get(PATH, {"page_num": "3"})
        with pytest.raises(QuotaExceededError):
            await api.get(PATH)

    virtual.run(main)
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    levels = [level for level, _ in told]
    assert levels == ["DEBUG", "INFO", "DEBUG", "WARNING", "DEBUG"]
    assert "GET /v1/thing page 3" in told[0][1]
    assert "HTTP 500, code 500" in told[0][1]
    assert "retry 1 in" in told[1][1]
    assert "GET /v1/thing page 3: " in told[1][1]
    assert "HTTP 200, code 0, request id r-1, 10 ms" in told[2][1]
    assert "out of credits" in told[3][1]


def test_a_page_number_cannot_forge_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "keyapi_async")

    async def main() -> None:
        api = virtual.client(Script(no(500)), retry=calm())
        await api.get(PATH, {"page_num": "3\nWARNING out of credits" + "!" * 99})

    virtual.run(main)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 3
    assert all("page 3" in line for line in told)
    assert not any("\n" in line or "!" * 99 in line for line in told)


def test_a_gate_of_the_users_own_making_grants_every_permit_itself() -> None:
    class Counted(QpsLimiter):
        asked = 0

        async def acquire(self) -> Permit:
            self.asked += 1
            return await super().acquire()

    async def main() -> None:
        gate = Counted(100)
        api = virtual.client(Script(), limiter=gate)
        for _ in range(3):
            await api.get(PATH)
        assert gate.asked == 3

    virtual.run(main)


def test_an_error_that_quotes_the_key_does_not_carry_it_further(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "keyapi_async")

    async def main() -> None:
        api = virtual.client(Script(no(401, "apiKey sandbox-key is unknown")))
        with pytest.raises(AuthenticationError) as caught:
            await api.get(PATH)
        assert caught.value.message == "apiKey *** is unknown"

    virtual.run(main)
    assert "sandbox-key" not in caplog.text


def test_stats_count_rows_waits_and_throttles() -> None:
    body = b'{"code": 0, "data": [{"a": 1}, 7]}'
    script = Script(Answer(200, {}, body), no(429), Answer(200, {}, body))

    async def main() -> None:
        api = virtual.client(script, qps=1.0)
        assert api.stats.waited == 0.0
        for _ in range(2):
            await api.iter_records(PATH, skip_invalid=True).collect()
        stats = api.stats
        assert (stats.requests, stats.retries, stats.throttles, stats.records) == (3, 1, 1, 4)
        assert stats.credits == 2
        assert 0 < stats.waited < math.inf

    virtual.run(main)


def test_a_wait_that_ends_without_a_permit_is_a_wait_too() -> None:
    async def main() -> None:
        api = virtual.client(Script(), qps=0.1, deadline=2.0)
        await api.get(PATH)
        outcomes = await asyncio.gather(*(api.get(PATH) for _ in range(4)), return_exceptions=True)
        assert all(isinstance(outcome, DeadlineExceededError) for outcome in outcomes)
        assert api.stats.waited == pytest.approx(8, abs=0.1)

    virtual.run(main)


def test_a_cancelled_attempt_has_its_line_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "keyapi_async")

    async def main() -> None:
        task = asyncio.create_task(virtual.client(Script(5.0)).get(PATH))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait((task,))

    virtual.run(main)
    assert caplog.messages == ["GET /v1/thing page -: cancelled, 1000 ms"]


def test_the_default_gate_is_the_clients_own() -> None:
    assert isinstance(QpsLimiter(), Limiter)
