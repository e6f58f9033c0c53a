"""Rate windows: the four ways in which a server may count queries per second."""

import math
from collections import deque
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, Protocol

__all__ = ["RateWindow", "Window", "rate_window"]


class Window(StrEnum):
    """How a server counts what it allows."""

    FIXED = "fixed"
    SLIDING = "sliding"
    TOKEN = "token"  # noqa: S105
    GCRA = "gcra"


class RateWindow(Protocol):
    """Says yes or "not yet" to each request, on a clock that the caller holds."""

    def admit(self, now: float) -> float | None:
        """Admit a request at `now` (`None`), or say in how many seconds asking again is useful."""
        ...


def rate_window(window: Window | str, qps: float) -> RateWindow:
    """The window of that kind for `qps` queries a second; below 1, for one in `1 / qps` seconds."""
    if not (qps > 0 and math.isfinite(qps)):
        raise ValueError(f"qps must be a finite number above 0, not {qps!r}")
    try:
        kind = Window(window)
    except ValueError:
        allowed = ", ".join(Window)
        raise ValueError(f"window must be one of {allowed}, not {window!r}") from None
    limit = max(1, math.floor(qps))
    return _KINDS[kind](limit, limit / qps)


class _Fixed:
    """At most `limit` in each period of the clock; the count starts anew with the period."""

    def __init__(self, limit: int, period: float) -> None:
        self._limit, self._period = limit, period
        self._current, self._count = 0, 0

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
        self._limit, self._period = limit, period
        self._ends: deque[float] = deque()

    def admit(self, now: float) -> float | None:
        while self._ends and self._ends[0] <= now:
            self._ends.popleft()
        if len(self._ends) < self._limit:
            self._ends.append(now + self._period)
            return None
        return self._ends[0] - now


class _Token:
    """A bucket of `limit` tokens that fills evenly; a query takes one."""

    def __init__(self, limit: int, period: float) -> None:
        self._limit, self._rate = limit, limit / period
        self._tokens, self._seen = float(limit), -math.inf

    def admit(self, now: float) -> float | None:
        self._tokens = min(self._limit, self._tokens + (now - self._seen) * self._rate)
        self._seen = now
        if self._tokens >= 1:
            self._tokens -= 1
            return None
        return (1 - self._tokens) / self._rate


class _Gcra:
    """Even spacing (ATM's cell rate algorithm), with a tolerance of half a period for bursts."""

    def __init__(self, limit: int, period: float) -> None:
        self._spacing = period / limit
        self._tolerance = (math.ceil(limit / 2) - 1) * self._spacing
        self._due = -math.inf

    def admit(self, now: float) -> float | None:
        early = self._due - now
        if early > self._tolerance:
            return early - self._tolerance
        self._due = max(self._due, now) + self._spacing
        return None


_KINDS: Final[Mapping[Window, Callable[[int, float], RateWindow]]] = {
    Window.FIXED: _Fixed,
    Window.SLIDING: _Sliding,
    Window.TOKEN: _Token,
    Window.GCRA: _Gcra,
}
