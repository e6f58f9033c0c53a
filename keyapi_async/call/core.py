"""The attempt loop of every request: reserve credits → permit → send → classify → retry."""

import asyncio
import logging
import math
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
from keyapi_async.loops import Places, Timeout, Timeouts
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


class _Call(Timeout):
    """One call: what is asked for, until when, and the state of its last attempt."""

    __slots__ = (
        "begun",
        "connected",
        "cost",
        "deadline",
        "loop",
        "options",
        "outcome",
        "permit",
        "price",
        "request",
        "reserved",
        "status",
    )

    def __init__(
        self, timeouts: Timeouts, loop: asyncio.AbstractEventLoop, request: Request,
        options: Options, price: int,
    ) -> None:  # fmt: skip
        self.deadline = math.inf if options.deadline is None else loop.time() + options.deadline
        super().__init__(timeouts, loop, self.deadline)
        self.loop = loop
        self.request = request
        self.options = options
        self.price = price

    def begin(self) -> None:
        """Begin an attempt."""
        self.end = self.deadline
        self.reserved = self.connected = False
        self.permit: Permit | None = None
        self.begun = 0.0
        self.outcome: Envelope | KeyAPIError | None = None
        self.status = 0
        self.cost = Cost.FREE

    def is_late(self, wait: float = 0.0) -> bool:
        """Say whether a wait would end after the deadline."""
        return self.loop.time() + wait + _TICK >= self.deadline

    def late(self) -> DeadlineExceededError:
        """Make the error of a missed deadline."""
        return DeadlineExceededError(
            f"the call would take longer than its {self.options.deadline:g} s"
        )


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
        self.circuit: Circuit = Circuit(quota_cooldown, lambda: asyncio.get_running_loop().time())
        self.requests: int = 0
        self.retries: int = 0
        self.throttles: int = 0
        self.records: int = 0
        self.waited: float = 0.0
        self._transport = transport
        self.limiter = limiter
        self._secret = secret
        self._connections = Places(max_connections)
        self._timeouts: Timeouts
        self._loop: asyncio.AbstractEventLoop | None = None
        self.closed: bool = False
        if isinstance(limiter, Bound):
            limiter.bind(secret.fingerprint())
        self._at_once = limiter.at_once if isinstance(limiter, Immediate) else _never

    async def call(self, request: Request, options: Options, price: int) -> tuple[Envelope, int]:
        """Make a request until it succeeds or the policy gives up; say how many attempts it took.

        A success costs ``price`` credits.
        """
        loop = self.enter()
        call = _Call(self._timeouts, loop, request, options, price)
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
            del call

    def enter(self) -> asyncio.AbstractEventLoop:
        """Bind the client to the running loop, or refuse another one, or one after closing."""
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop, self._timeouts = loop, Timeouts(loop)
        if self._loop is not loop:
            raise UsageError(
                "this client belongs to another event loop: make one for each asyncio.run()"
            )
        if self.closed:
            raise UsageError("this client is closed: make another")
        return loop

    async def _attempt(self, call: _Call, delay: float) -> tuple[Envelope | KeyAPIError, bool]:
        """Wait for credits, a connection and a permit, then send; say whether it was sent.

        One timeout covers both: the waits end at the deadline, or when a 402 or a close interrupts
        them; the sending ends at the attempt's timeout.
        """
        meter = call.options.meter
        call.begin()
        try:
            with call:
                # Asked without a call first, as every page comes by here.
                if (self.closed or self.circuit.error) and (refusal := self._refusal()) is not None:
                    return refusal, False
                if delay > 0:
                    await asyncio.sleep(delay)
                if not meter.reserve_at_once(call.price):
                    await meter.reserve(call.price)
                call.reserved = True
                if not self._connections.take():
                    await self._connections.wait()
                call.connected = True
                now = call.begun = call.loop.time()
                call.permit = self._at_once(now) or await self._permit(call)
                call.move(min(call.begun + call.options.timeout, call.deadline))
                call.cost = Cost.UNCERTAIN
                self.requests += 1
                self._read(call, await self._transport.send(call.request, call.options.timeout))
            if call.outcome is None and call.permit is not None:
                late = f"no whole answer within {call.options.timeout:g} s"
                call.outcome = AttemptTimeoutError(late)
        except CreditBudgetError as error:
            return error.with_traceback(None), False
        finally:
            self._give_back(call)
        if call.outcome is not None:
            return call.outcome, not isinstance(call.outcome, ConfigurationError)
        if (refusal := self._refusal()) is not None:
            return refusal, False
        if call.is_late():
            return call.late(), False
        # A 402 interrupted it, but its circuit is closed again.
        return await self._attempt(call, 0.0)

    async def _permit(self, call: _Call) -> Permit:
        """Wait for the gate."""
        asked = call.begun
        try:
            return await self.limiter.acquire()
        finally:
            call.begun = call.loop.time()
            self.waited += call.begun - asked

    def _read(self, call: _Call, answer: Answer | KeyAPIError) -> None:
        """Read an answer, and say what it costs."""
        outcome: Envelope | KeyAPIError
        if isinstance(answer, Answer):
            call.status = answer.status
            outcome = classify(answer, self._secret.hide)
        else:
            outcome = answer
        call.outcome = outcome
        call.cost = Cost.SPENT if isinstance(outcome, Envelope) else _cost_of(outcome)

    def _give_back(self, call: _Call) -> None:
        """Report the outcome to gate, circuit and meter, and release what the attempt held."""
        if call.permit is not None:
            if isinstance(call.outcome, APIError):
                self._learn(call.outcome, call.permit)
            self.limiter.answered(call.permit)
            if log.isEnabledFor(logging.DEBUG):
                log.debug("%s", _line(call))
        if call.connected:
            self._connections.release()
        if call.reserved:
            call.options.meter.settle(call.cost, call.price)

    def _refusal(self) -> KeyAPIError | None:
        return UsageError("this client is closed") if self.closed else self.circuit.blocked()

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
        if not self.closed:
            self.closed = True
            if self._loop is not None:
                self._timeouts.interrupt()
            try:
                await self._transport.close()
            finally:  # also where closing was cancelled: it is not done a second time
                if isinstance(self.limiter, Connected):
                    await self.limiter.aclose()
                if self._loop is not None:
                    self._timeouts.stop_timer()


class Caller(NamedTuple):
    """One view of a client: the shared core, and the options of its calls."""

    core: Core
    options: Options


def _never(_: float) -> None:
    """Stand in for ``at_once`` where a gate has none."""


def _cost_of(outcome: KeyAPIError) -> Cost:
    if isinstance(outcome, TransportError):
        return Cost.UNCERTAIN if outcome.sent else Cost.FREE
    if isinstance(outcome, ResponseError) and (outcome.status or 0) < 300:
        return Cost.UNCERTAIN
    return Cost.FREE


def _named(request: Request) -> str:
    params = request.params
    page = params.get("page_num") or params.get("page", "-")
    return f"GET {request.path} page {printable(page, 80)}"


def _line(call: _Call) -> str:
    outcome = call.outcome
    if isinstance(outcome, Envelope):
        request_id = printable(outcome.request_id or "-", 80)
        result = f"HTTP {call.status}, code {outcome.code}, request id {request_id}"
    elif outcome is None:
        result = "cancelled"
    else:
        result = f"{type(outcome).__name__}: {outcome}"
    return f"{_named(call.request)}: {result}, {(call.loop.time() - call.begun) * 1000:.0f} ms"
