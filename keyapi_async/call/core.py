"""The attempt loop of every request: reserve credits → permit → send → classify → retry."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import NamedTuple

import attrs

from keyapi_async.call.credits import Circuit, Cost, Meter
from keyapi_async.call.retry import Retry
from keyapi_async.call.transport import Transport
from keyapi_async.call.wire import Answer, Envelope, Request, classify
from keyapi_async.errors import (
    APIError,
    AttemptTimeoutError,
    ConfigurationError,
    CreditBudgetError,
    DeadlineExceededError,
    KeyAPIError,
    QuotaExceededError,
    RateLimitError,
    ResponseError,
    TransportError,
    UsageError,
    printable,
)
from keyapi_async.limiter import Bound, Connected, Immediate, Limiter, Permit
from keyapi_async.loops import RunningLoop, Timeout, Timeouts
from keyapi_async.secret import Secret

__all__ = ["Stats"]

log: logging.Logger = logging.getLogger("keyapi_async")

_TICK = 0.001  # seconds that a loop's timer may come early


@attrs.frozen
class Stats:
    """What a client has done so far.

    Attributes:
        requests: requests sent, retries included.
        retries: requests that repeated a failed one.
        throttles: answers with 429.
        records: rows received, invalid ones included.
        waited: seconds that requests waited for the gate, added up.
        credits: credits spent.
    """

    requests: int = 0
    retries: int = 0
    throttles: int = 0
    records: int = 0
    waited: float = 0.0
    credits: int = 0


class Options(NamedTuple):
    """What may differ from call to call of one client."""

    timeout: float
    deadline: float | None
    retry: Retry
    meter: Meter


class _Call:
    """One call: what is asked for, and until when."""

    __slots__ = ("deadline", "loop", "options", "price", "request")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, request: Request, options: Options, price: int
    ) -> None:
        self.loop = loop
        self.request = request
        self.options = options
        self.price = price
        self.deadline = None if options.deadline is None else loop.time() + options.deadline

    def ends(self, begun: float) -> float:
        """Say when an attempt must be over."""
        end = begun + self.options.timeout
        return end if self.deadline is None else min(end, self.deadline)

    def is_late(self, wait: float = 0.0) -> bool:
        """Say whether a wait would end after the deadline."""
        return self.deadline is not None and self.loop.time() + wait + _TICK >= self.deadline

    def late(self) -> DeadlineExceededError:
        """Make the error of a missed deadline."""
        return DeadlineExceededError(
            f"the call would take longer than its {self.options.deadline:g} s"
        )


class _Attempt(Timeout):
    """One attempt: how long it may take, what it holds, and what came of it."""

    __slots__ = ("begun", "connected", "cost", "outcome", "permit", "reserved", "status")

    def __init__(self, timeouts: Timeouts, call: _Call) -> None:
        super().__init__(timeouts, call.loop, call.deadline)
        self.reserved = self.connected = False
        self.permit: Permit | None = None
        self.begun = 0.0
        self.outcome: Envelope | KeyAPIError | None = None
        self.status = 0
        self.cost = Cost.FREE


class Core:
    """What all views of a client share: transport, gate, circuit, connections and counters."""

    def __init__(
        self,
        transport: Transport,
        limiter: Limiter,
        secret: Secret,
        *,
        quota_cooldown: float,
        max_connections: int,
    ) -> None:
        self._running = RunningLoop()
        self.circuit: Circuit = Circuit(quota_cooldown, lambda: self._running().time())
        self.requests: int = 0
        self.retries: int = 0
        self.throttles: int = 0
        self.records: int = 0
        self.waited: float = 0.0
        self._transport = transport
        self.limiter = limiter
        self._secret = secret
        self._connections = asyncio.Semaphore(max_connections)
        self._timeouts: Timeouts
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        if isinstance(limiter, Bound):
            limiter.bind(secret.fingerprint())
        self._at_once = limiter.at_once if isinstance(limiter, Immediate) else _never

    async def call(self, request: Request, options: Options, price: int) -> tuple[Envelope, int]:
        """Make a request until it succeeds or the policy gives up; say how many attempts it took.

        A success costs ``price`` credits.
        """
        call = _Call(self.enter(), request, options, price)
        failure: KeyAPIError | None = None
        outcome: Envelope | KeyAPIError | None = None
        attempts, delay, repeatable = 0, 0.0, True
        while True:
            outcome, sent = await self._attempt(call, delay)
            if isinstance(outcome, Envelope):
                return outcome, attempts + 1
            if not sent:
                outcome.__cause__ = failure
                failure = outcome
                break
            attempts += 1
            if isinstance(outcome, ResponseError):
                # One more try may bring a better answer; a third would only cost another credit.
                outcome.repeatable, repeatable = outcome.repeatable and repeatable, False
            failure, wait = outcome, options.retry(attempts, outcome)
            late = call.is_late(wait or 0.0)
            if late and (wait is not None or isinstance(outcome, AttemptTimeoutError)):
                failure = call.late()
                failure.__cause__ = outcome
                break
            if wait is None:
                break
            delay = wait
            self.retries += 1
            log.info("retry %d in %.2f s: %s: %s", attempts, delay, _named(request), failure)
        failure.path, failure.params, failure.attempts = request.path, request.params, attempts
        try:
            raise failure
        finally:
            failure = outcome = None  # an exception and its frame would keep each other alive

    def enter(self) -> asyncio.AbstractEventLoop:
        """Bind the client to the running loop, or refuse another one, or one after closing."""
        loop = self._running()
        if self._loop is None:
            self._loop, self._timeouts = loop, Timeouts(loop)
        if self._loop is not loop:
            raise UsageError("this client belongs to another event loop: make one in each loop")
        if self._closed:
            raise UsageError("this client is closed: make another")
        return loop

    async def _attempt(self, call: _Call, delay: float) -> tuple[Envelope | KeyAPIError, bool]:
        """Wait for credits, a connection and a permit, then send; say whether it was sent.

        One timeout covers both: the waits end at the deadline, or when a 402 or a close interrupts
        them; the sending ends at the attempt's timeout.
        """
        attempt = _Attempt(self._timeouts, call)
        try:
            with attempt:
                if (refusal := self._refusal()) is not None:
                    return refusal, False
                if delay > 0:
                    await asyncio.sleep(delay)
                if not call.options.meter.reserve_at_once(call.price):
                    await call.options.meter.reserve(call.price)
                attempt.reserved = True
                await self._connections.acquire()
                attempt.connected = True
                attempt.begun = call.loop.time()
                permit = self._at_once(attempt.begun)
                attempt.permit = permit or await self._permit(attempt, call.loop)
                attempt.move(call.ends(attempt.begun))
                attempt.cost = Cost.UNCERTAIN
                self.requests += 1
                answer = await self._transport.send(call.request, call.options.timeout)
                self._read(attempt, answer)
            if attempt.outcome is None and attempt.permit is not None:
                late = f"no whole answer within {call.options.timeout:g} s"
                attempt.outcome = AttemptTimeoutError(late)
        except CreditBudgetError as error:
            return error.with_traceback(None), False
        finally:
            self._give_back(attempt, call)
        if attempt.outcome is not None:
            return attempt.outcome, not isinstance(attempt.outcome, ConfigurationError)
        if (refusal := self._refusal()) is not None:
            return refusal, False
        if call.is_late():
            return call.late(), False
        # A 402 interrupted it, but its circuit is closed again.
        return await self._attempt(call, 0.0)

    async def _permit(self, attempt: _Attempt, loop: asyncio.AbstractEventLoop) -> Permit:
        """Wait for the gate."""
        asked = attempt.begun
        try:
            return await self.limiter.acquire()
        finally:
            attempt.begun = loop.time()
            self.waited += attempt.begun - asked

    def _read(self, attempt: _Attempt, answer: Answer | KeyAPIError) -> None:
        """Read an answer, and say what it costs."""
        if isinstance(answer, Answer):
            attempt.status = answer.status
            attempt.outcome = classify(answer, self._secret.hide)
        else:
            attempt.outcome = answer
        attempt.cost = _cost_of(attempt.outcome)

    def _give_back(self, attempt: _Attempt, call: _Call) -> None:
        """Report the outcome to gate, circuit and meter, and release what the attempt held."""
        if attempt.permit is not None:
            if isinstance(attempt.outcome, APIError):
                self._learn(attempt.outcome, attempt.permit)
            self.limiter.answered(attempt.permit)
            if log.isEnabledFor(logging.DEBUG):
                log.debug("%s", _line(call, attempt))
        if attempt.connected:
            self._connections.release()
        if attempt.reserved:
            call.options.meter.settle(attempt.cost, call.price)

    def _refusal(self) -> KeyAPIError | None:
        return UsageError("this client is closed") if self._closed else self.circuit.blocked()

    def _learn(self, error: APIError, permit: Permit) -> None:
        """Report a 429 to the gate, and open the circuit after a 402."""
        if isinstance(error, RateLimitError):
            self.throttles += 1
            self.limiter.throttled(permit, error.retry_after)
        elif isinstance(error, QuotaExceededError):
            log.warning("out of credits: nothing is sent for %g s", self.circuit.cooldown)
            self.circuit.open(error)
            self._timeouts.interrupt()  # every waiting attempt checks the circuit again

    def stats(self, spent: int) -> Stats:
        """Count what was done so far."""
        return Stats(self.requests, self.retries, self.throttles, self.records, self.waited, spent)

    async def close(self) -> None:
        """Stop everything that waits, and close the connections."""
        if not self._closed:
            self._closed = True
            if self._loop is not None:
                self._timeouts.interrupt()
            try:
                await self._transport.close()
            finally:  # also where closing was cancelled: it is not done a second time
                if isinstance(self.limiter, Connected):
                    await self.limiter.aclose()
                if self._loop is not None:
                    self._timeouts.stop_timer()

    def received(self, records: int) -> None:
        """Count rows that came."""
        self.records += records

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._closed


class Caller(NamedTuple):
    """One view of a client: the shared core, and the options of its calls."""

    core: Core
    options: Options

    def call(self, request: Request, price: int) -> Coroutine[None, None, tuple[Envelope, int]]:
        """Make a request; a success costs ``price`` credits, and comes with its attempts."""
        return self.core.call(request, self.options, price)


def _never(_: float) -> None:
    """Stand in for ``at_once`` where a gate has none."""


def _cost_of(outcome: Envelope | KeyAPIError) -> Cost:
    if isinstance(outcome, Envelope):
        return Cost.SPENT
    if isinstance(outcome, TransportError):
        return Cost.UNCERTAIN if outcome.sent else Cost.FREE
    if isinstance(outcome, ResponseError) and (outcome.status or 0) < 300:
        return Cost.UNCERTAIN
    return Cost.FREE


def _named(request: Request) -> str:
    params = request.params
    page = params.get("page_num") or params.get("page", "-")
    return f"GET {request.path} page {printable(page, 80)}"


def _line(call: _Call, attempt: _Attempt) -> str:
    outcome = attempt.outcome
    if isinstance(outcome, Envelope):
        request_id = printable(outcome.request_id or "-", 80)
        result = f"HTTP {attempt.status}, code {outcome.code}, request id {request_id}"
    elif outcome is None:
        result = "cancelled"
    else:
        result = f"{type(outcome).__name__}: {outcome}"
    return f"{_named(call.request)}: {result}, {(call.loop.time() - attempt.begun) * 1000:.0f} ms"
