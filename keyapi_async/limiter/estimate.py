"""What a server allows, judged by its answers: a function of times and events."""

import json
import math
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Self

import attrs

SHARE = 0.95
"""Of the limit, at which permits are paced."""

SPACED_SHARE = 0.98
"""The same where each permit keeps its distance from the last, and late timers are not made up."""

DEFAULT_PAUSE = 0.5
"""Seconds that every request waits after a 429 that names no time."""

UNKNOWN = 5.0
"""Queries a second to begin with, where the limit is unknown."""

_CLOSE = 0.95  # of the spacing of permits: what is less may be too close for the server
_SATURATED = 0.5  # seconds of demand after which the rate reached says what is allowed
_RECENT = 2.5  # seconds for which successes count
_SOON = 3.0  # seconds after a 429 in which another one lowers the limit twice as much
_STEP, _LARGEST_STEP = 0.05, 0.5  # of the limit, by which it rises
_CUT, _LARGEST_CUT = 0.03, 0.2  # of the limit, by which it is lowered
_LEAST = 0.5  # queries a second, where the limit is unknown and the server refuses all the same
_FIRST, _LONGEST = 30.0, 600.0  # seconds from a 429 to the next rise of the limit
_UNKNOWN_FIRST, _UNKNOWN_LONGEST = 2.0, 30.0  # the same where the limit is unknown
_SPACED_FIRST = 60.0  # seconds for which permits are spaced at first


@attrs.define
class State:
    """What is known of a server's limit; times are seconds on one clock.

    Attributes:
        limit: queries a second that seem to be allowed.
        rate: queries a second to send at.
        seeking: whether no 429 has bounded the limit so far.
        interval: seconds from the next 429 to a rise, before they are doubled.
        spaced: whether each permit must keep its distance from the last.
        spaced_for: seconds for which they are next spaced.
        throttled: when a 429 last counted.
        changed: when the limit last changed.
        raised: when it last rose above what a 429 had made of it.
        risen: when limit or rate last rose.
        before: the limit before it was raised.
        wait: seconds from the last change to the next rise.
        step: of the limit, by which it next rises beyond the last refusal.
        cut: of the limit, by which it was last lowered.
        too_fast: the limit at the last 429.
    """

    limit: float
    rate: float
    seeking: bool
    interval: float
    spaced: bool = False
    spaced_for: float = _SPACED_FIRST
    throttled: float = -math.inf
    changed: float = -math.inf
    raised: float = -math.inf
    risen: float = -math.inf
    before: float = 0.0
    wait: float = 0.0
    step: float = _STEP
    cut: float = _CUT
    too_fast: float = math.inf

    def text(self) -> str:
        """Write it for other processes."""
        return json.dumps(attrs.asdict(self))

    @classmethod
    def read(cls, text: str, now: float) -> Self:
        """Read what another process has written; a clock put back leaves no time after now."""
        kept = json.loads(text)
        for name in ("throttled", "changed", "raised", "risen"):
            kept[name] = min(kept[name], now)
        return cls(**kept)


class RateEstimate:
    """The limit that a server seems to have, and how to send under it.

    A 429 means "too fast" or "too close together". Where far fewer permits than the limit were used
    in the last second, or as many as could be, they are spaced strictly first; only a 429 after
    that lowers the limit. The limit rises again while there is demand. Where it is unknown it
    doubles at first, every two seconds or so; later it rises halfway to where the last 429 came,
    and beyond that in steps that grow, half a minute after a 429 at the latest.

    Args:
        qps: queries a second that the plan allows, or None.
        share: of the limit, at which permits are paced; above 1 where something else bounds them.

    Attributes:
        state: what is known.
        slots: requests that any second may have.
        granted_at: when the last permit was granted.
    """

    def __init__(self, qps: float | None, share: float = SHARE) -> None:
        self._known = qps is not None
        self._most = math.inf if qps is None else float(qps)
        self._least = _LEAST if qps is None else qps / 10
        self._shares = share, SPACED_SHARE
        limit = UNKNOWN if qps is None else float(qps)
        interval = _FIRST / 2 if self._known else _UNKNOWN_FIRST / 2
        self.state: State = State(limit, share * limit, not self._known, interval)
        self.slots: int = self._count_slots()
        self._successes: deque[float] = deque()
        self.granted_at: float = -math.inf
        self._close = -math.inf  # the last one that came close after another
        self._demand = 0.0  # seconds of demand since the rate rose
        self._waited = -math.inf  # the last grant that had to be waited for
        self._busy = -math.inf  # the first of those that follow one another within a second

    def _count_slots(self) -> int:
        # Where five a second were served, 0.97 of that is the limit, and there are still five.
        limit = self.state.limit
        return max(1, int(min(self._most, max(limit / (1 - _CUT) + 1e-9, limit + 0.3))))

    @property
    def full_rate(self) -> float:
        """Queries a second at which permits are paced when no 429 came lately."""
        return self._shares[self.state.spaced] * self.state.limit

    def take_over(self, state: State) -> None:
        """Go on from what another process has found out."""
        self.state, self._demand = state, 0.0
        self.slots = self._count_slots()

    def granted(self, now: float, *, waited: bool) -> None:
        """Take note of a grant; while there is demand, the rate rises."""
        since, self.granted_at = now - self.granted_at, now
        if since < _CLOSE / self.state.rate:
            self._close = now
        if not waited:
            return
        self._demand += max(0.0, min(since, 1.0))
        if now - self._waited > 1.0:
            self._busy = now
        self._waited = now
        if self._demand >= 1.0:
            self._rise(now)
            self._demand = 0.0

    def succeeded(self, now: float) -> None:
        """Take note of a request that ended without a 429.

        One that timed out counts, too: a server that counts requests has let it in. Where it does
        not count, a slow server seems to allow less than it does, and draws ten times the 429s.
        """
        successes = self._successes
        successes.append(now)
        while successes[0] < now - _RECENT:
            successes.popleft()

    def refused(self, sent: float, now: float, successes: Iterable[float] | None = None) -> bool:
        """Take note of a 429; say whether it counts: once for all that were sent before that.

        ``successes`` are the times of the last ones, in order, where others have sent some.
        """
        state, last = self.state, self.state.throttled
        if sent <= last:
            return False
        successes = self._successes if successes is None else successes
        recent = [at for at in successes if at >= now - _RECENT]
        reached = _most_in_a_second(recent)
        used = sum(at > now - 1.0 for at in recent)
        state.throttled, self._demand = now, 0.0
        few = used < 0.5 * state.limit
        # After a pause, a second has few permits whatever the limit.
        many = used >= 0.8 * min(state.limit, state.rate) or now - last < 3 * DEFAULT_PAUSE
        close = self._close >= sent - 1.0 or reached >= 0.95 * min(state.rate, state.limit)
        demand = now - max(self._busy, last + DEFAULT_PAUSE) if now - self._waited < 1.0 else 0.0
        # Too fast it would have been at once, or when all that was to be sent was sent.
        stray = demand >= 1.0 and reached < 0.9 * min(state.rate, state.limit)
        if not state.spaced and (few or (many and close and not state.seeking)):
            self._space(now)
        elif state.spaced and stray and now - state.raised >= 1.0:
            state.rate = min(state.rate, 0.85 * state.limit)
        else:
            self._lower(now, last, math.inf if few else reached, demand)
        state.rate = min(state.rate, self.full_rate)
        return True

    def _space(self, now: float) -> None:
        state = self.state
        state.spaced = True
        if state.seeking:
            state.seeking, state.too_fast = False, state.limit
            state.changed, state.wait = now, _UNKNOWN_FIRST

    def _lower(self, now: float, last: float, reached: float, demand: float) -> None:
        state = self.state
        soon = now - last < _SOON
        if demand < (1.0 if state.spaced or (soon and self._known) else _SATURATED):
            reached = math.inf
        elif now - state.raised < 1.0:  # the last rise was too much
            reached = state.before / (1 - _CUT)
        elif state.rate < _CLOSE * self.full_rate:  # it was still rising
            reached *= self.full_rate / state.rate
        elif state.spaced and self._known:  # it cannot be more than the pace
            reached /= SHARE
        state.interval = self._next_interval(now, reached)
        state.too_fast = state.limit
        state.cut = min(2 * state.cut, _LARGEST_CUT) if soon else _CUT
        lower = reached * (1 - _CUT) if reached < state.limit else state.limit * (1 - state.cut)
        state.limit = max(self._least, lower)
        self.slots = self._count_slots()
        state.rate = 0.85 * state.limit
        state.seeking = False
        state.changed, state.wait, state.step = now, state.interval, _STEP
        state.raised = -math.inf

    def _next_interval(self, now: float, reached: float) -> float:
        state = self.state
        if self._known:
            return min(2 * state.interval, _LONGEST)
        if state.limit > 1.25 * state.too_fast:
            return _UNKNOWN_FIRST
        if 0.7 <= reached / state.rate < 0.95 and now - state.raised >= 1.0:
            return _UNKNOWN_LONGEST  # the server has served what it can
        return min(2 * state.interval, _UNKNOWN_LONGEST)

    def _rise(self, now: float) -> None:
        state = self.state
        if state.spaced and now - state.throttled >= state.spaced_for:
            state.spaced, state.spaced_for = False, min(2 * state.spaced_for, _LONGEST)
        since = min(self._demand, now - state.risen)  # others may have raised it meanwhile
        was = state.limit, state.rate
        if state.seeking and now - state.changed >= 1.0:
            state.limit, state.changed = 1.5 * state.limit, now
            state.rate = self.full_rate
        elif not state.seeking and state.limit < self._most and now - state.changed >= state.wait:
            self._raise(now)
        state.rate = min(self.full_rate, state.rate + _STEP * state.limit * since)
        self.slots = self._count_slots()
        if was != (state.limit, state.rate):
            state.risen = now

    def _raise(self, now: float) -> None:
        state = self.state
        state.changed = state.raised = now
        state.before = state.limit
        if self._known:
            state.limit = min(self._most, (1 + _STEP) * state.limit)
            return
        if state.limit < 0.95 * state.too_fast:
            halfway = (state.limit + state.too_fast) / 2
            goal = min(max(halfway, (1 + _STEP) * state.limit), (1 + _LARGEST_STEP) * state.limit)
        else:
            goal = (1 + state.step) * state.limit
            state.step = min(2 * state.step, _LARGEST_STEP)
        state.limit, state.wait = goal, _UNKNOWN_FIRST
        state.rate = self.full_rate


def _most_in_a_second(times: Sequence[float]) -> int:
    """Count the most of some times in order within any second that is open at its end."""
    most = begin = 0
    for end, time in enumerate(times):
        while times[begin] <= time - 1.0:
            begin += 1
        most = max(most, end - begin + 1)
    return most
