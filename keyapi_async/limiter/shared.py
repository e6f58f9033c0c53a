"""The gate that processes and hosts share: its state and its clock are those of a Redis."""

import asyncio
import json
import logging
import math
import re
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, Self
from uuid import uuid4

import attrs

from keyapi_async.checks import setting
from keyapi_async.errors import ConfigurationError, UsageError, shown
from keyapi_async.limiter.estimate import DEFAULT_PAUSE, RateEstimate, State
from keyapi_async.limiter.link import Link, LinkError
from keyapi_async.limiter.local import QpsLimiter, checked_qps, pause_of
from keyapi_async.limiter.protocol import Permit
from keyapi_async.limiter.slots import FLIGHT, Spacing

__all__ = ["RedisLimiter"]

log: logging.Logger = logging.getLogger("keyapi_async")

_SHARE = 1.03  # of the limit, at which permits are paced: the places are the bound
_BURST = 0.05  # seconds of permits that may go together where they are not
_EARLY = 0.25  # seconds before its time at which a permit far ahead is asked for again
_LATE = 0.25  # seconds after its time until which a permit can be used
_TURN = 0.2  # seconds of permits for one process where they are spaced
_GUARD = 0.4  # of the spacing, between a process' permits and another's where they are spaced
_TICK = 0.001  # seconds; a shorter wait does not count as one
_AGAIN = 0.5  # seconds after which Redis is tried again
_TOGETHER = 32  # permits that are asked for together, at most
_ELSEWHERE = "elsewhere:0"  # the version of a process that had permits without Redis


@attrs.define(eq=False)
class SharedPermit(Permit):
    """Permission to send one request, with the name that the request has in Redis."""

    name: str = ""


class Reservation(NamedTuple):
    """A permit that Redis has granted: when to send, and whether there is a wait until then."""

    name: str
    at: float
    waited: bool


class Fallback(QpsLimiter):
    """The gate of one process while Redis does not answer; it opens at ``begin``."""

    def __init__(self, qps: float, begin: float) -> None:
        super().__init__(qps)
        self._paused_until = begin


class RedisLimiter:
    """One gate for all processes and hosts that use a key; the extra ``redis`` brings it.

    ::

        async with KeyAPI(limiter=RedisLimiter("redis://gate.example:6379", qps=50)) as api:
            ...

    All permits come from one Redis (5 or later), by its clock, and in no second more than the
    limit. A 429 that one process meets slows all of them. A permit costs one round trip to Redis
    at most, unless it is more than half a second ahead; where Redis is far, several are asked for
    together. The gate is that of the key of the client that uses it; Redis sees a hash of the key.

    Where Redis does not answer within half a second, each process keeps to its share,
    ``qps / expected_processes``, says so with a WARNING, and comes back by itself.

    One limiter serves the clients of one event loop. A client that is closed closes the limiter's
    connections too; they are opened again when they are needed.

    Args:
        url: address of Redis: ``redis://``, ``rediss://`` and ``unix://`` go to redis-py as they
            are; ``redis+sentinel://host:26379,host:26379/service/0`` asks its Sentinels.
        qps: queries a second that the plan allows, the same in all processes; None where that is
            unknown: find it.
        expected_processes: how many processes share the gate; those seen of late where None. Say
            it where Redis may be away from the beginning, when none is seen but this one.
        name: of the gate, instead of its key's hash: letters, digits, ``.``, ``_`` and ``-``.

    Raises:
        ConfigurationError: an invalid address, number or name, or redis-py is missing.
    """

    def __init__(
        self,
        url: str,
        *,
        qps: float | None = 10.0,
        expected_processes: int | None = None,
        name: str | None = None,
    ) -> None:
        self.qps: float | None = checked_qps(qps)
        if expected_processes is not None:
            setting("expected_processes", expected_processes, 1)
        if name is not None and not (isinstance(name, str) and re.fullmatch(r"[\w.-]+", name)):
            raise ConfigurationError(f"name={shown(name)}: letters, digits, '.', '_' and '-'")
        self._name = name
        self._gate = name
        self._link = Link(url)
        self._expected = expected_processes
        self._me = uuid4().hex
        self._loop: asyncio.AbstractEventLoop | None = None
        self._forget()

    def _forget(self) -> None:
        """Go back to the state of a limiter that has sent nothing yet."""
        self._turn = asyncio.Lock()
        self._users = 0
        self._open = False  # whether an event loop has it
        self._estimate = RateEstimate(self.qps, _SHARE)
        self._version = ""
        self._known = ""  # what Redis knows of the limit
        self._ahead = 0.0  # seconds by which Redis' clock is ahead of the loop's
        self._processes = 1
        self._trip = 0.0  # seconds that Redis takes to answer
        self._spacing = Spacing()
        self._shortest = math.inf  # round trip, seconds
        self._flight = FLIGHT  # seconds that a request took of late, at most
        self._count = 0
        self._reserved: deque[Reservation] = deque()
        self._answered: dict[str, float | None] = {}  # when; None where it met a 429
        self._paused_until = 0.0
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._refused: float | None = None  # when the last one was sent that met a 429
        self._fallback: Fallback | None = None
        self._probe_at = 0.0

    def bind(self, fingerprint: str) -> None:
        """Make it the gate of a client's key.

        Raises:
            ConfigurationError: it is the gate of another key.
        """
        if self._name is None and self._gate not in {None, fingerprint}:
            raise ConfigurationError(
                "limiter: this RedisLimiter is the gate of another API key; make one for each key"
            )
        self._gate = self._gate or fingerprint

    @property
    def limit(self) -> float:
        """Queries a second that seem to be allowed; the process' share without Redis."""
        return self._estimate.state.limit if self._fallback is None else self._fallback.limit

    @property
    def sharing(self) -> bool:
        """Whether permits come from Redis, so far as is known."""
        return self._fallback is None

    async def acquire(self) -> Permit:
        """Wait for a permit; a cancelled waiter leaves its place to the next.

        Raises:
            ConfigurationError: it has neither a client nor a name.
            UsageError: it is in use in another event loop.
        """
        loop = self._enter()
        self._users += 1
        try:
            async with self._turn:
                while self._fallback is None:
                    if (permit := await self._shared(loop)) is not None:
                        return permit
                if loop.time() >= self._probe_at:
                    _ = self._start("probe", self._probe)
                return await self._fallback.acquire()
        finally:
            self._users -= 1

    async def _shared(self, loop: asyncio.AbstractEventLoop) -> Permit | None:
        """Wait for the next reserved permit; None where a new permit has to be asked for."""
        if not self._reserved:  # one that was cancelled may have asked already
            await asyncio.wait((asked := self._start("ask", self._ask),))
            asked.result()
            return None
        reserved = self._reserved[0]
        spaced, spacing = self._estimate.state.spaced, 1.0 / self._estimate.state.limit
        due = reserved.at
        while True:
            now = loop.time()
            if spaced:
                due = max(due, self._spacing.opens_at(now, spacing, self._shortest))
            if due <= now:
                break
            await asyncio.sleep(due - now)
        late = _GUARD * spacing if spaced else _LATE
        if reserved not in self._reserved:
            return None  # Redis went away meanwhile
        self._reserved.popleft()
        if not reserved.name or now > reserved.at + late or reserved.at < self._paused_until:
            return None
        self._estimate.granted(now + self._ahead, waited=reserved.waited)
        permit = SharedPermit(now, name=reserved.name)
        self._spacing.last = permit
        return permit

    def answered(self, permit: Permit) -> None:
        """Take note that the answer is there; Redis hears of it with the next permit."""
        now = asyncio.get_running_loop().time()
        if isinstance(permit, SharedPermit):
            permit.landed = True
            self._shortest = min(self._shortest, now - permit.at)
            if permit is self._spacing.last:
                self._spacing.landed(now, self._shortest)
            self._flight = min(FLIGHT, max(now - permit.at, 0.95 * self._flight))
            self._answered[permit.name] = None if permit.throttled else now
        elif self._fallback is not None:
            self._fallback.answered(permit)

    def throttled(self, permit: Permit, retry_after: float | None) -> None:
        """Hold back every request of every process for ``retry_after`` seconds."""
        now = asyncio.get_running_loop().time()
        permit.throttled = True
        pause = pause_of(retry_after)
        self._paused_until = max(self._paused_until, now + pause)
        if self._fallback is not None:
            self._fallback.throttled(permit, retry_after)
            return
        # 429s come together, and count once: one call at a time reports all.
        if self._refused is None:
            log.info("throttled: all processes wait %.1f s", pause)
        self._refused = max(permit.at, self._refused or permit.at)
        _ = self._start("tell", self._tell)

    async def aclose(self) -> None:
        """Close the connections to Redis, unless somebody waits for a permit.

        The limiter can be used again: they are opened when they are needed.
        """
        if self._users:
            await asyncio.sleep(0)  # those whom a closing client has just cancelled leave now
        if self._users:
            return
        while self._tasks:
            await asyncio.wait(self._tasks.values())
        if self._version and self._fallback is None and not self._users:
            await self._call(leaves=True)
        await self._link.close()
        self._open = self._users > 0

    async def __aenter__(self) -> Self:
        self._enter()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        state = "sharing" if self.sharing else "by itself"
        return f"<RedisLimiter {self._link.name}, {self.limit:g} queries a second, {state}>"

    def _enter(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        if self._gate is None:
            raise ConfigurationError(
                "RedisLimiter: give it to a client as limiter=, or give it a name="
            )
        if self._loop is not loop:
            if self._open and self._loop is not None and not self._loop.is_closed():
                raise UsageError(
                    "this limiter is in use in another event loop: make one in each loop"
                )
            self._loop = loop
            self._link.abandon()
            self._forget()
        self._open = True
        return loop

    def _start(
        self, name: str, what: Callable[[], Coroutine[Any, Any, None]]
    ) -> asyncio.Task[None]:
        """Begin to do something in a task of its own, or give the one that is under way."""
        if (task := self._tasks.get(name)) is None:
            task = self._tasks[name] = asyncio.get_running_loop().create_task(what())
            task.add_done_callback(lambda _: self._tasks.pop(name))
        return task

    async def _ask(self) -> None:
        """Ask for a permit, or for more where Redis is far and others wait."""
        state = self._estimate.state
        most = 1 + int(2 * self._trip * state.rate / self._processes)
        if state.spaced:  # one after another keeps its distance best within a process
            most += int(_TURN * state.rate)
        await self._call(max(1, min(self._users, most, _TOGETHER)))

    async def _probe(self) -> None:
        """See whether Redis is there again."""
        if await self._call() is not None:
            self._fallback = None
            log.info("%s answers again: the gate is shared", self._link.name)

    async def _tell(self) -> None:
        """Report a 429 to Redis, and lower the limit unless another process has done so."""
        while (sent := self._refused) is not None:
            self._refused = None
            now = asyncio.get_running_loop().time()
            successes = await self._call(pause=self._paused_until - now)
            now += self._ahead
            # What others sent in the pause, they had reserved before it.
            sent += self._ahead - DEFAULT_PAUSE
            while successes is not None and self._estimate.refused(sent, now, successes):
                await self._call()  # where another one was faster, this brings what it has found

    async def _call(
        self, wanted: int = 0, *, pause: float | None = None, leaves: bool = False
    ) -> list[float] | None:
        """Run the script, and give when the last requests succeeded; without Redis, fall back."""
        loop, estimate = asyncio.get_running_loop(), self._estimate
        now, (answered, self._answered) = loop.time(), (self._answered, {})
        text, rate = self._text(), estimate.state.rate
        spaced = estimate.state.spaced
        args = [
            ("-" if leaves else "") + self._me,
            self._version,
            "" if text == self._known else text,
            "" if pause is None else repr(pause),
            repr(1 / rate),
            repr(0.0 if spaced else _BURST),
            repr(_GUARD / rate if spaced else 0.0),
            str(estimate.slots),
            repr(self._flight),
            str(wanted),
            str(self._count),
        ]
        for request, at in answered.items():
            args += request, "" if at is None else repr(at + 1.0 - now)
        keys = [f"keyapi_async:2:{{{self._gate}}}:{of}" for of in ("gate", "places", "processes")]
        first, self._count = self._count, self._count + wanted
        try:
            answer = await self._link.run(keys, args)
            return self._understood(answer, text, now, first)
        except LinkError as error:
            reason = error
        except (LookupError, TypeError, ValueError) as error:
            reason = LinkError("its answer makes no sense; does another version share this gate?")
            reason.__cause__ = error
        if not leaves:
            self._fall_back(reason)
        return None

    def _understood(self, answer: list[str], text: str, now: float, first: int) -> list[float]:
        """Take over what the script says; give when the last requests succeeded."""
        version, found, clock, here, waits, ended = answer
        here_now = asyncio.get_running_loop().time()
        self._trip += (here_now - now - self._trip) / 4
        self._ahead = float(clock) - here_now
        self._version, self._processes = version, int(here)
        self._known = "" if version.endswith(":0") else text
        if found:
            self._take_over(json.loads(found), float(clock))
        for number, wait in enumerate(map(float, waits.split()), first):
            far = Reservation("", here_now - wait - _EARLY, waited=True)
            near = Reservation(f"{self._me}:{number}", here_now + wait, wait > _TICK)
            self._reserved.append(far if wait < 0 else near)
        return [float(at) for at in ended.split()]

    def _text(self) -> str:
        return json.dumps([self.qps, self._estimate.state.text()])

    def _take_over(self, found: tuple[float | None, str], now: float) -> None:
        """Go on from what other processes know, unless their ``qps`` is another."""
        qps, state = found
        self._known = ""
        if qps == self.qps:
            self._estimate.take_over(State.read(state, now))
            self._known = self._text()

    def _fall_back(self, error: LinkError) -> None:
        now = asyncio.get_running_loop().time()
        self._probe_at = now + _AGAIN
        if self._fallback is not None:
            return
        self._reserved.clear()
        self._answered.clear()
        self._refused, self._version, self._known = None, _ELSEWHERE, ""
        share = self.limit / (self._expected or self._processes)
        self._fallback = Fallback(share, max(now + 1 / share, self._paused_until))
        log.warning(
            "%s: %s; until it answers, this process keeps to %.3g queries a second by itself",
            self._link.name,
            error,
            share,
        )
