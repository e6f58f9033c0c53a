"""What a server allows, judged by its answers: pure functions of times and events."""

import math
from collections import deque

SHARE = 0.95
"""Of the limit, at which permits are paced."""

SPACED_SHARE = 0.98
"""The same where each permit keeps its distance from the last, and a late timer is not made up."""

UNKNOWN = 5.0
"""Queries a second to begin with, where the limit is unknown."""

_SATURATED = 0.5  # seconds of demand after which the rate reached says what is allowed
_CUT, _LARGEST_CUT = 0.03, 0.2  # of the limit, that one 429 and one of many take away
_SOON = 2.0  # seconds after a 429 in which another one takes twice as much away
_LEAST = 0.5  # queries a second, where the limit is unknown and the server refuses all the same
_STEP = 0.05  # of the limit, by which it rises
_LONGEST = 600.0  # seconds between two attempts to go faster or closer
_UNKNOWN_FIRST, _UNKNOWN_LONGEST = 2.0, 30.0  # the same where the limit is unknown


class RateEstimate:
    """The limit that a server seems to have, and how to send under it.

    A 429 means "too fast" or "too close together". Where permits were closer than the limit's even
    spacing, they are spaced first; a 429 after that lowers the limit.

    Attributes:
        limit: queries a second that seem to be allowed.
        rate: queries a second to send at.
        spaced: whether each permit must keep its distance from the last.
    """

    def __init__(self, qps: float | None) -> None:
        self.limit = UNKNOWN if qps is None else float(qps)
        self.spaced = False
        self.rate = SHARE * self.limit
        self._known = qps is not None
        self._most = math.inf if qps is None else float(qps)
        self._least = _LEAST if qps is None else qps / 10
        self._seeking = qps is None
        self._successes: deque[float] = deque()
        self._grants: deque[float] = deque()
        self._granted = -math.inf  # the last grant
        self._close = -math.inf  # the last grant that was closer to its predecessor than allowed
        self._demand = 0.0  # seconds of demand since the rate rose
        self._waited = -math.inf  # the last grant that had to be waited for
        self._busy = -math.inf  # the first of those that follow one another within a second
        self._throttled = -math.inf  # when a 429 last counted
        self._changed = 0.0  # when the limit last changed
        self._interval = 15.0 if self._known else _UNKNOWN_FIRST / 2  # the first 429 doubles it
        self._wait = self._interval  # seconds from the last change to the next rise
        self._step = _STEP
        self._cut = _CUT
        self._too_fast = math.inf  # the limit at the last 429
        self._spaced_for = 30.0  # seconds; the first 429 that spaces permits doubles it

    @property
    def slots(self) -> int:
        """Requests that any second may have."""
        # Where five a second were served, 0.97 of that is the limit, and there are still five.
        return max(1, int(min(self._most, self.limit + 0.03 * min(self.limit, 10.0) + 1e-9)))

    @property
    def _full(self) -> float:
        return (SPACED_SHARE if self.spaced else SHARE) * self.limit

    def granted(self, now: float, *, waited: bool) -> None:
        """Take note of a grant; while there is demand, the rate rises."""
        since = now - self._granted
        if since < 0.95 / self.rate:
            self._close = now
        self._grants.append(now)
        while self._grants[0] < now - 2.0:
            self._grants.popleft()
        if waited:
            self._demand += min(since, 1.0)
            if now - self._waited > 1.0:
                self._busy = now
            self._waited = now
        self._granted = now
        if self._demand >= 1.0:
            self._rise(now)
            self._demand = 0.0

    def succeeded(self, now: float) -> None:
        """Take note of an answer that was no 429."""
        successes, old = self._successes, now - 2.5
        successes.append(now)
        while successes[0] < old:
            successes.popleft()

    def refused(self, sent: float, now: float) -> bool:
        """Take note of a 429; say whether it changes anything: once for all sent before that."""
        if sent <= self._throttled:
            return False
        last = self._throttled
        self._throttled, self._demand = now, 0.0
        last_second = sum(sent - 1.0 < at <= sent for at in self._grants)
        few = last_second < 0.5 * self.limit
        close = self._close >= sent - 1.0 or self._reached(now) >= 0.95 * self.rate
        # After a pause, a second has few permits whatever the limit.
        many = last_second >= 0.8 * min(self.limit, self.rate) or now - last < 1.5
        if not self.spaced and (few or (close and many)):
            self.spaced = True
            self._spaced_for = min(2 * self._spaced_for, _LONGEST)
        else:
            self._lower(now, few=few, last=last)
        self.rate = min(self.rate, self._full)
        return True

    def _lower(self, now: float, *, few: bool, last: float) -> None:
        soon = now - last < _SOON
        demand = now - max(self._busy, last + 0.5) if now - self._waited < 1.0 else 0.0
        reached = math.inf
        if demand >= (1.0 if soon else _SATURATED) and not few:
            reached = self._reached(now)
            if self.rate < 0.95 * self._full:
                reached *= self._full / self.rate
            elif self.spaced:
                reached /= SHARE
        if self._known:
            self._interval = min(2 * self._interval, _LONGEST)
        elif self.limit > 1.25 * self._too_fast:
            self._interval = _UNKNOWN_FIRST
        elif few or reached < 0.7 * self.rate:
            self._interval = min(2 * self._interval, _UNKNOWN_LONGEST)
        else:
            self._interval = _UNKNOWN_LONGEST
        self._too_fast = self.limit
        self._cut = min(2 * self._cut, _LARGEST_CUT) if soon else _CUT
        if reached < self.limit:
            self.limit = (1 - _CUT) * reached
        else:
            self.limit *= 1 - self._cut
        self.limit = max(self._least, self.limit)
        self.rate = 0.85 * self.limit
        self._seeking = False
        self._changed, self._wait, self._step = now, self._interval, _STEP

    def _rise(self, now: float) -> None:
        if self.spaced and now - self._throttled >= self._spaced_for:
            self.spaced = False
        if self._seeking:
            self.limit, self._changed = 1.5 * self.limit, now
            self.rate = self._full
        elif self.limit < self._most and now - self._changed >= self._wait:
            self._raise(now)
        self.rate = min(self._full, self.rate + 0.05 * self.limit * self._demand)

    def _raise(self, now: float) -> None:
        if self._known:
            goal = (1 + _STEP) * self.limit
        else:
            self._wait = _UNKNOWN_FIRST
            if self.limit < 0.95 * self._too_fast:  # half of the way to where the last 429 came
                goal = (self.limit + self._too_fast) / 2
                goal = min(max(goal, (1 + _STEP) * self.limit), 1.5 * self.limit)
            else:  # beyond it, first carefully
                goal = (1 + self._step) * self.limit
                self._step = min(2 * self._step, 0.5)
        self.limit, self._changed = min(self._most, goal), now
        if not self._known:
            self.rate = self._full

    def _reached(self, now: float) -> float:
        """Count the most successes in any second of the last ones."""
        times = [time for time in self._successes if time >= now - 2.5]
        most = begin = 0
        for end, time in enumerate(times):
            while times[begin] <= time - 1.0:
                begin += 1
            most = max(most, end - begin + 1)
        return most or math.inf
