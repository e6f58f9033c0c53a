"""What limit to believe in, and at what rate to send: pure functions of times and events."""

import math
from collections import deque

SHARE = 0.95
"""Of the limit, at which permits are paced."""

UNKNOWN = 5.0
"""Queries a second to begin with, where nothing is known."""

_TELLING = 0.5  # seconds of demand before what was reached tells what is allowed
_LEAST = 0.5  # queries a second, where nothing is known and the server refuses all the same


class Belief:
    """What limit to believe in, and at what rate to send: pure, of times and events.

    Attributes:
        limit: queries a second believed to be allowed.
        places: requests that any second may have.
        rate: queries a second to send at.
    """

    def __init__(self, qps: float | None, share: float = SHARE) -> None:
        self._share = share
        self._believe(UNKNOWN if qps is None else float(qps))
        self.rate = self._share * self.limit
        self._most = math.inf if qps is None else float(qps)
        self._least = _LEAST if qps is None else qps / 10
        self._seeking = qps is None
        self._successes: deque[float] = deque()
        self._granted = -math.inf  # the last grant
        self._demand = 0.0  # seconds of demand since the rate rose
        self._waited = -math.inf  # the last grant that had to be waited for
        self._busy = -math.inf  # the first of those that follow one another within a second
        self._lowered = -math.inf  # when the limit was lowered
        self._quiet_since = 0.0  # since when no 429 and no rise of the limit
        self._interval = 15.0  # seconds of quiet before the limit rises; the first 429 makes it 30

    def _believe(self, limit: float) -> None:
        self.limit, self.places = limit, max(1, int(limit))

    def granted(self, now: float, *, waited: bool) -> None:
        """Take note of a grant; while there is demand, the rate rises."""
        if waited:
            self._demand += min(now - self._granted, 1.0)
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
        """Take note of a 429; say whether it lowers the limit: once for all sent before that."""
        if sent <= self._lowered:
            return False
        full = now - self._waited < 1.0 and now - self._busy >= _TELLING
        reached = self._reached(now) if full else math.inf
        self._believe(max(self._least, 0.97 * min(self.limit, reached)))
        self.rate = 0.85 * self.limit
        self._seeking = False
        self._lowered = self._quiet_since = now
        self._interval = min(2 * self._interval, 600.0)
        self._demand = 0.0
        return True

    def _rise(self, now: float) -> None:
        if self._seeking:
            self._believe(1.5 * self.limit)
            self.rate = self._share * self.limit
            return
        if self.limit < self._most and now - self._quiet_since >= self._interval:
            self._believe(min(self._most, 1.05 * self.limit))
            self._quiet_since = now
        self.rate = min(self._share * self.limit, self.rate + 0.05 * self.limit * self._demand)

    def _reached(self, now: float) -> float:
        """Count the most successes in any second of the last ones."""
        times = [time for time in self._successes if time >= now - 2.5]
        most = begin = 0
        for end, time in enumerate(times):
            while times[begin] <= time - 1.0:
                begin += 1
            most = max(most, end - begin + 1)
        return most or math.inf
