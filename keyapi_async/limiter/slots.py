"""What a server may still count into the running second, and how close to the last request."""

import math
from collections import deque

from keyapi_async.limiter.protocol import Permit

FLIGHT = 0.3
"""Seconds for which an unanswered request may still be on its way to the server."""

_WAITED_FOR = 0.5  # of the spacing of requests, for which a late answer holds back the next request
_TRIPS = 20  # answers before the shortest round trip is believed


class Slots:
    """Counts what a server may still count into the second that is running.

    A request reached the server before its answer came, and the one that takes its place will
    reach it some time after it is sent. So a place is free again one second after the answer, less
    what every request travels: half of the shortest round trip is taken as certain.

    Attributes:
        shortest: seconds of the shortest round trip; 0 until there were enough of them.
        taken: places that are taken, and those of them that were given back since the last look.
    """

    def __init__(self) -> None:
        self._flying: deque[Permit] = deque()
        self._leaving: deque[float] = deque()
        self.taken: int = 0
        self._trips = 0
        self._shortest = math.inf
        self.shortest: float = 0.0

    def grant(self, now: float) -> Permit:
        """Make a permit, and take note of it."""
        self._flying.append(permit := Permit(now))
        self.taken += 1
        return permit

    def leave(self, permit: Permit, now: float) -> None:
        """Take note of an answer, or of one overdue: its place is given back a second later."""
        if permit.landed:
            return
        permit.landed = True
        trip = min(now - permit.at, FLIGHT)
        self._shortest = min(self._shortest, trip)
        self._trips += 1
        if self._trips > _TRIPS:
            self.shortest = self._shortest
        when = permit.at + trip + 1.0 - self.shortest / 2
        flying, leaving = self._flying, self._leaving
        leaving.append(max(when, leaving[-1]) if leaving else when)
        self._forget(now)
        while flying and flying[0].landed:
            flying.popleft()

    def _forget(self, now: float) -> None:
        """Give back the places whose time has come."""
        leaving = self._leaving
        while leaving and leaving[0] <= now:
            leaving.popleft()
            self.taken -= 1

    def room_at(self, now: float, places: int) -> float:
        """Say when to look for a free place; a time not after now means that one is free."""
        flying, leaving = self._flying, self._leaving
        while flying and flying[0].at + FLIGHT <= now:
            self.leave(flying.popleft(), now)
        self._forget(now)
        if self.taken < places:
            return now
        # A place that is not leaving yet is not given back before that.
        soonest = now + 1.0 - min(self._shortest, FLIGHT) / 2
        return min(leaving[0], soonest) if leaving else soonest


class Spacing:
    """Keeps each request's distance from the last, where a server allows no burst.

    The last one may have arrived as late as its answer says; where that does not come in
    time, the next one waits for it a little.

    Attributes:
        last: the last permit granted.
    """

    def __init__(self) -> None:
        self.last: Permit = Permit(-math.inf)
        self._answered: Permit | None = None
        self._late = 0.0

    def landed(self, now: float, shortest: float) -> None:
        """Take note of an answer to the last one, and of the shortest round trip."""
        self._answered, self._late = self.last, now - self.last.at - shortest

    def opens_at(self, now: float, spacing: float, shortest: float) -> float:
        """Say when to try to send; a time not after now means now."""
        soonest, most = self.last.at + spacing, _WAITED_FOR * spacing
        if self.last.landed:
            return soonest + (min(self._late, most) if self._answered is self.last else 0.0)
        return soonest + most if now >= soonest and shortest < spacing / 2 else soonest
