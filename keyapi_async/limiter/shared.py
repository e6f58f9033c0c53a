"""The gate that processes and hosts share: its state and its clock are those of a Redis."""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple, Self
from uuid import uuid4

import attrs

from keyapi_async.errors import ConfigurationError, UsageError
from keyapi_async.limiter.estimate import UNKNOWN, Belief
from keyapi_async.limiter.link import Link, LinkError
from keyapi_async.limiter.local import QpsLimiter, checked_qps, pause_of
from keyapi_async.limiter.protocol import Permit
from keyapi_async.limiter.window import Window
from keyapi_async.loops import RunningLoop
from keyapi_async.secret import Secret

log: logging.Logger = logging.getLogger("keyapi_async")

_SHARE = 0.99  # of the process' share, at which permits are paced without Redis
_FAR = 0.5  # seconds of waiting after which a promise is looked at again before it is used
_LATE = 0.25  # seconds behind its time after which a permit is worth nothing
_AGAIN = 0.5  # seconds after which Redis is looked for again
_AT_ONCE = 32  # permits that are asked for at once, at most
_NEWS = 0.5  # seconds after which answers are told where no permit is asked for
_ELSEWHERE = "elsewhere"  # where permits came from that Redis does not know
_NAMES = ("gate", "flying", "landed", "answers", "processes")


@attrs.define(eq=False)
class SharedPermit(Permit):
    """The leave to send one request, and what Redis knows the request by."""

    name: str = ""


class Promise(NamedTuple):
    """A permit that Redis has promised.

    Attributes:
        name: what Redis knows the request by.
        at: when to send it, seconds on the event loop's clock.
        epoch: what Redis calls the time until its next 429.
        firm: whether it may be sent then without asking again.
    """

    name: str
    at: float
    epoch: str
    firm: bool


class Reply(NamedTuple):
    """What the script says.

    Attributes:
        waits: seconds until each request may be sent, and whether that is more than a guess.
        epoch: the time until the next 429.
        birth: which gate it is; another one where Redis has forgotten the last.
        limit: queries a second believed to be allowed.
        processes: how many processes share the gate.
    """

    waits: list[tuple[float, bool]]
    epoch: str
    birth: str
    limit: float
    processes: int

    @classmethod
    def of(cls, waits: str, epoch: str, birth: str, limit: str, processes: str) -> Self:
        """Read it; a wait that is a guess ends in a question mark."""
        read = [(float(wait.rstrip("?")), wait[-1] != "?") for wait in waits.split()]
        return cls(read, epoch, birth, float(limit), int(processes))


class Answered(NamedTuple):
    """A request that was answered: when its place is free, and whether the answer was good."""

    free: float
    at: float
    good: bool


class Share(QpsLimiter):
    """The gate of one process without Redis: its share, and what it has sent so far.

    In its first second it has no more places than the process had, as others have the rest.
    """

    def __init__(self, qps: float, window: Window, now: float, paused_until: float) -> None:
        super().__init__(qps)
        self._belief = Belief(qps, _SHARE)
        self._window = window
        self._paused_until = paused_until
        self._pace_of = 0.0  # a pace begins without a burst, and that is one that changed
        self._begun = now
        self._had = max(1, len(window.taken(now)))

    def _opens_at(self, now: float) -> float:
        places = self._belief.places
        if now < self._begun + 1.0:
            places = min(places, self._had)
        return max(self._window.room_at(now, places), self._paused_until)


class RedisLimiter:
    """One gate for all processes and hosts that use a key; the extra ``redis`` brings it.

    ::

        async with KeyAPI(limiter=RedisLimiter("redis://gate.example:6379", qps=50)) as api:
            ...

    All permits come from one script in Redis (5 or later), by the clock of Redis, in the order of
    asking, and in no second more than the limit. A 429 that one process meets slows all of them.
    It costs one round trip to Redis a permit at most, and another one where a permit was promised
    for more than half a second ahead; where Redis is far, several permits are asked for at once.

    Where Redis does not answer within half a second, each process keeps to its share,
    ``qps / expected_processes``, says so with a WARNING, and comes back by itself.

    One limiter serves the clients of one event loop. A client that is closed closes the limiter's
    connections too; they are opened again when they are needed.

    Args:
        url: address of Redis: ``redis://``, ``rediss://`` and ``unix://`` go to redis-py as they
            are; ``redis+sentinel://host:26379,host:26379/service/0`` asks its Sentinels.
        key: the API key whose gate it is, ``KEYAPI_TOKEN`` where None. Redis sees a hash of it.
        qps: queries a second that the plan allows, the same in all processes; None where that is
            unknown: find it.
        expected_processes: how many processes share the gate; those seen of late where None. Say
            it where Redis may be away from the beginning, when none is seen but this one.

    Raises:
        ConfigurationError: no key, an address or a number that cannot be, or no redis-py.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        qps: float | None = 10.0,
        expected_processes: int | None = None,
    ) -> None:
        secret = Secret(os.environ.get("KEYAPI_TOKEN") if key is None else key)
        del key  # from here on no frame of ours shows it
        secret.check("key")
        self.qps = checked_qps(qps)
        if expected_processes is not None and (
            isinstance(expected_processes, bool)
            or not isinstance(expected_processes, int)
            or expected_processes < 1
        ):
            raise ConfigurationError(
                f"expected_processes={expected_processes!r}: a whole number, 1 or more, or None"
            )
        self._link = Link(url)
        self._expected = expected_processes
        self._keys = [f"keyapi_async:{{{secret.fingerprint()}}}:{name}" for name in _NAMES]
        self._me = uuid4().hex
        self._running = RunningLoop()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._free = True  # closed, and for another event loop to have
        self._limit = UNKNOWN if self.qps is None else float(self.qps)
        self._processes = 1
        self._forget()

    def _forget(self) -> None:
        """Stand as one that has sent nothing yet."""
        self._turn = asyncio.Lock()
        self._users = 0
        self._window = Window()
        self._count = 0
        self._birth = ""
        self._promises: deque[Promise] = deque()
        self._trip = 0.0  # seconds that Redis takes to answer
        self._asking: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self._refused_at: float | None = None  # when the last one was sent that met a 429
        self._answered: dict[str, Answered] = {}
        self._news: asyncio.TimerHandle | None = None
        self._paused_until = 0.0
        self._share: Share | None = None
        self._look_at = 0.0
        self._found = False

    @property
    def limit(self) -> float:
        """Queries a second that the gate believes are allowed; the process' share without Redis."""
        return self._limit if self._share is None else self._share.limit

    @property
    def sharing(self) -> bool:
        """Whether permits come from Redis, so far as is known."""
        return self._share is None

    async def acquire(self) -> Permit:
        """Wait for a permit; a cancelled waiter leaves its place to the next.

        Raises:
            UsageError: it is in use in another event loop.
        """
        loop = self._enter()
        self._users += 1
        try:
            async with self._turn:
                while self._share is None or self._found:
                    if self._share is not None:
                        self._come_back()
                    if (permit := await self._shared(loop)) is not None:
                        return permit
                if loop.time() >= self._look_at and not self._telling:
                    self._tell()
                return await self._share.acquire()
        finally:
            self._users -= 1

    async def _shared(self, loop: asyncio.AbstractEventLoop) -> Permit | None:
        """Wait for what Redis promises; None where that did not come to be."""
        if not self._promises:
            # One that was cancelled may have asked already.
            asking = self._asking or self._begin_to_ask(loop, self._wanted())
            await asyncio.wait((asking,))
            asking.result()
            return None
        promise = self._promises[0]
        ahead = len(self._promises)
        if self._asking is None and ahead < self._users and ahead <= self._meanwhile():
            _ = self._begin_to_ask(loop, self._wanted())  # Redis is far: there is no time to lose
        if (wait := max(promise.at, self._paused_until) - loop.time()) > 0:
            await asyncio.sleep(wait)
        now = loop.time()
        if promise not in self._promises:
            return None  # Redis went away meanwhile
        self._promises.remove(promise)
        if now > promise.at + _LATE or (self._promises and not promise.firm):
            # It is given back; it may be the next one's turn already.
            self._answered[promise.name] = Answered(now, now, good=False)
            return None
        if not promise.firm:
            await self._ask_again(loop, promise)
            return None
        permit = SharedPermit(now, name=promise.name)
        self._window.room_at(now, 1)
        self._window.enter(permit)
        return permit

    def _meanwhile(self) -> float:
        """Say how many permits of this process are due while Redis is asked."""
        return self._trip * self._limit / self._processes

    def _wanted(self) -> list[str]:
        """Name the requests to ask for: one, or more where Redis is far and others wait."""
        waiting = self._users - len(self._promises)
        count = max(1, min(waiting, 1 + int(2 * self._meanwhile()), _AT_ONCE))
        self._count += count
        return [f"{self._me}:{self._count - number}" for number in reversed(range(count))]

    def answered(self, permit: Permit) -> None:
        """Take note that the answer is there; Redis hears of it with the next permit."""
        loop = self._running()
        now = loop.time()
        free = self._window.leave(permit, now)
        if not isinstance(permit, SharedPermit):
            if self._share is not None:
                self._share.answered(permit)
            return
        self._answered[permit.name] = Answered(free, now, not permit.throttled)
        if self._news is None and self._share is None:
            self._news = loop.call_later(_NEWS, self._tell_news)

    def throttled(self, permit: Permit, retry_after: float | None) -> None:
        """Hold back every request of every process for ``retry_after`` seconds."""
        now = self._running().time()
        permit.throttled = True
        pause = pause_of(retry_after)
        self._paused_until = max(self._paused_until, now + pause)
        if self._share is not None:
            self._share.throttled(permit, retry_after)
            return
        # 429s come together, and lower the limit once: one call at a time tells of all.
        if self._refused_at is None:
            log.info("throttled: all processes wait %.1f s", pause)
        self._refused_at = max(permit.at, self._refused_at or permit.at)
        if not self._telling:
            self._tell()

    async def aclose(self) -> None:
        """Close the connections to Redis, unless somebody waits for a permit.

        The limiter can be used again: they are opened when they are needed.
        """
        if self._users:
            await asyncio.sleep(0)  # those whom a closing client has just cancelled leave now
        if self._users:
            return
        if self._news is not None:
            self._news.cancel()
            self._news = None
        tasks = [*self._telling, *([self._asking] if self._asking else [])]
        if tasks:
            await asyncio.wait(tasks)
        if self._birth and self._share is None and not self._users:
            await self._call(self._running(), leaves=True)
        await self._link.close()
        self._free = not self._users

    async def __aenter__(self) -> Self:
        self._enter()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        state = "sharing" if self.sharing else "by itself"
        return f"<RedisLimiter {self._link.name}, {self.limit:g} queries a second, {state}>"

    def _enter(self) -> asyncio.AbstractEventLoop:
        loop = self._running()
        if self._loop is not loop:
            if not self._free and self._loop is not None and not self._loop.is_closed():
                raise UsageError(
                    "this limiter is in use in another event loop: make one in each loop"
                )
            self._loop = loop
            self._link.abandon()
            self._forget()
        self._free = False
        return loop

    async def _ask_again(self, loop: asyncio.AbstractEventLoop, promise: Promise) -> None:
        """Have Redis look again at what it has promised."""
        while self._asking is not None:
            await asyncio.wait((self._asking,))
        asking = self._begin_to_ask(loop, [promise.name], promise.epoch)
        await asyncio.wait((asking,))
        asking.result()

    def _begin_to_ask(
        self, loop: asyncio.AbstractEventLoop, names: list[str], epoch: str = ""
    ) -> "asyncio.Task[None]":
        self._asking = loop.create_task(self._asked(loop, names, epoch))
        self._asking.add_done_callback(self._end_asking)
        return self._asking

    def _end_asking(self, _: "asyncio.Task[None]") -> None:
        self._asking = None

    async def _asked(self, loop: asyncio.AbstractEventLoop, names: list[str], epoch: str) -> None:
        reply = None
        while reply is None or self._birth == _ELSEWHERE:
            reply = await self._call(loop, names=names, epoch=epoch)
            if reply is None:
                return
        now = loop.time()
        promised = [
            Promise(name, now + wait, reply.epoch, certain and wait <= _FAR)
            for name, (wait, certain) in zip(names, reply.waits, strict=False)
        ]
        self._promises = deque(sorted([*self._promises, *promised], key=lambda each: each.at))

    def _tell_news(self) -> None:
        self._news = None
        if self._share is None and self._answered:
            self._tell()

    def _tell(self) -> None:
        """Call Redis without asking for a permit, in a task of its own."""
        loop = self._running()
        task = loop.create_task(self._told(loop))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _told(self, loop: asyncio.AbstractEventLoop) -> None:
        reply = await self._call(loop)
        while reply is not None and self._refused_at is not None:
            reply = await self._call(loop)
        self._found = reply is not None and self._share is not None

    async def _call(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        names: Sequence[str] = (),
        epoch: str = "",
        leaves: bool = False,
    ) -> Reply | None:
        """Run the script; where that fails, fall back to the process' share."""
        now = loop.time()
        told = dict(self._answered)
        at, self._refused_at = self._refused_at, None
        # Where the share is in use, this only looks whether Redis is there: it is nobody's call.
        me, birth = (self._me, self._birth) if self._share is None else ("", "")
        args = [
            f"-{me}" if leaves else me,
            " ".join(names),
            epoch,
            "" if self.qps is None else repr(float(self.qps)),
            str(self._expected or self._processes),
            birth,
            *(("", "") if at is None else (repr(now - at), repr(self._paused_until - now))),
        ]
        if birth == _ELSEWHERE:  # Redis knows nothing of what was sent lately
            for number, free in enumerate(self._window.taken(now)):
                args += [f"{self._me}:elsewhere:{number}", repr(free - now), ""]
        for request, answer in told.items():
            since = repr(now - answer.at) if answer.good else ""
            args += [request, repr(answer.free - now), since]
        try:
            reply = Reply.of(*await self._link.run(self._keys, args))
        except LinkError as error:
            if not leaves:
                self._fall_back(loop, error)
            return None
        took = loop.time() - now
        self._trip += (took - self._trip) / 4
        for request in told:
            self._answered.pop(request, None)
        self._limit, self._processes = reply.limit, reply.processes
        if me:
            known = birth in ("", _ELSEWHERE, reply.birth)
            self._birth = reply.birth if known else _ELSEWHERE
        return reply

    def _come_back(self) -> None:
        """Ask Redis again, now that nobody waits for the share."""
        self._share, self._found = None, False
        log.info("%s answers again: the gate is shared", self._link.name)

    def _fall_back(self, loop: asyncio.AbstractEventLoop, error: LinkError) -> None:
        self._look_at = loop.time() + _AGAIN
        if self._share is not None:
            return
        self._answered.clear()
        self._promises.clear()
        self._refused_at = None
        self._birth = _ELSEWHERE
        share = self._limit / (self._expected or self._processes)
        self._share = Share(share, self._window, loop.time(), self._paused_until)
        log.warning(
            "%s: %s; until it answers, this process keeps to %.3g queries a second by itself",
            self._link.name,
            error,
            share,
        )
