"""Rate windows: the ways in which a server may count queries per second."""

import math
from collections import deque
from enum import StrEnum
from typing import Protocol

__all__ = ["RateWindow", "Window", "rate_window"]


class Window(StrEnum):
    """How a server counts what it allows."""

    FIXED = "fixed"
    SLIDING = "sliding"
    TOKEN = "token"  # noqa: S105
    GCRA = "gcra"
    SPACED = "spaced"


class RateWindow(Protocol):
    """Says yes or "not yet" to each request, on a clock that the caller holds."""

    def admit(self, now: float) -> float | None:
        """Admit a request at `now` (`None`), or say in how many seconds asking again is useful."""


def rate_window(window: Window | str, qps: float, burst: int | None = None) -> RateWindow:
    """The window of that kind for `qps` queries a second; below 1, for one in `1 / qps` seconds.

    Those that space queries evenly admit `burst` of them at once: a whole period's for `token`,
    one for `spaced`, and for `gcra` half a period's, where it is `None`.
    """
    if not (qps > 0 and math.isfinite(qps)):
        raise ValueError(f"qps must be a finite number above 0, not {qps!r}")
    if window not in list(Window):
        raise ValueError(f"window must be one of {', '.join(Window)}, not {window!r}")
    if burst is not None and (window != Window.GCRA or burst < 1):
        raise ValueError(f"burst must be 1 or more, and only gcra has one, not {burst!r}")
    limit = max(1, math.floor(qps))
    if window in {Window.FIXED, Window.SLIDING}:
        return (_Fixed if window == Window.FIXED else _Sliding)(limit, limit / qps)
    bursts = {Window.TOKEN: limit, Window.GCRA: burst or math.ceil(limit / 2), Window.SPACED: 1}
    return _Spaced(1 / qps, bursts[Window(window)])


class _Fixed:
    """At most `limit` in each period of the clock; the count starts anew with the period."""

    def __init__(self, limit: int, period: float) -> None:
        self._limit, self._period, self._current, self._count = limit, period, 0, 0

    def admit(self, now: float) -> float | None:
        if (current := math.floor(now / self._period)) != self._current:
            self._current, self._count = current, 0
        if self._count < self._limit:
            self._count += 1
            return None
        return max(0.0, (current + 1) * self._period - now)


class _Sliding:
    """At most `limit` in any period, wherever it starts."""

    def __init__(self, limit: int, period: float) -> None:
        self._limit, self._period, self._ends = limit, period, deque[float]()

    def admit(self, now: float) -> float | None:
        while self._ends and self._ends[0] <= now:
            self._ends.popleft()
        if len(self._ends) < self._limit:
            self._ends.append(now + self._period)
            return None
        return self._ends[0] - now


class _Spaced:
    """A bucket of `burst` tokens that fills evenly, as GCRA keeps it: by when it will be full."""

    def __init__(self, spacing: float, burst: int) -> None:
        self._spacing, self._tolerance = spacing, (burst - 1) * spacing
        self._due = -math.inf

    def admit(self, now: float) -> float | None:
        early = self._due - now
        if early > self._tolerance:
            return early - self._tolerance
        self._due = max(self._due, now) + self._spacing
        return None
