"""Credits: what was spent, what may still be, and the circuit breaker that a 402 opens.

A request costs its price only if it is answered with success.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum

from keyapi_async.errors import CreditBudgetError, QuotaExceededError

__all__ = ["Credits"]


class Cost(Enum):
    """What became of the price of one request."""

    SPENT = "answered with success"
    UNCERTAIN = "sent, and never answered, or answered with an unreadable success"
    FREE = "answered with an error, or never sent"


class Meter:
    """Counts credits, and lets no request pass that could break a budget.

    A meter with a parent counts there too, and is bound by the parent's budget as well.
    """

    def __init__(self, budget: int | None, parent: "Meter | None" = None) -> None:
        self.budget = budget
        self.spent: int = 0
        self.uncertain: int = 0
        self.in_flight: int = 0
        self.levels: tuple[Meter, ...] = (self, *(() if parent is None else parent.levels))
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._highest = 1  # the highest price asked for so far
        self._bounded = budget is not None or parent is not None

    @property
    def left(self) -> int | None:
        """What is left of this meter's own budget; None without one."""
        return None if self.budget is None else max(0, self.budget - self.spent - self.uncertain)

    @property
    def remaining(self) -> int | None:
        """Credits that may still be asked for, by every budget; None without any."""
        return min((level.left for level in self.levels if level.left is not None), default=None)

    def reserve_at_once(self, price: int) -> bool:
        """Set credits aside where no budget can forbid it, which costs no coroutine."""
        if self._bounded:
            return False
        self.in_flight += price
        return True

    async def reserve(self, price: int) -> None:
        """Set credits aside; wait while a request in flight may still turn out free.

        A CreditBudgetError says that the budget does not suffice.
        """
        while (full := self._full(price)) is not None:
            if full.left is not None and full.left < price:
                raise CreditBudgetError(
                    f"max_credits={full.budget} would be passed:"
                    f" {full.spent} spent, {full.uncertain} uncertain, {price} asked for"
                )
            await full.wait_for_change(price)
        for level in self.levels:
            level.in_flight += price

    def settle(self, cost: Cost, price: int) -> None:
        """Say what became of reserved credits."""
        for level in self.levels:
            level.in_flight -= price
            if cost is Cost.SPENT:
                level.spent += price
            elif cost is Cost.UNCERTAIN:
                level.uncertain += price
            if level._waiters:  # noqa: SLF001  # of the same class
                level.wake(freed=cost is Cost.FREE)

    def _full(self, price: int) -> "Meter | None":
        for level in self.levels:
            left = level.left
            if left is not None and level.in_flight + price > left:
                return level
        return None

    async def wait_for_change(self, price: int) -> None:
        """Wait until there may be room, or certainly is none."""
        self._highest = max(self._highest, price)
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            if waiter in self._waiters:  # it was cancelled while it waited
                self._waiters.remove(waiter)

    def wake(self, *, freed: bool) -> None:
        """Wake those who wait, in their order, if the change can matter to them."""
        if freed or (self.left or 0) < self._highest:
            waiters, self._waiters = self._waiters, deque()
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)


class Circuit:
    """Open after a 402: for a while every request fails unsent, with an equal error."""

    def __init__(self, cooldown: float, clock: Callable[[], float]) -> None:
        self.cooldown = cooldown
        self._clock = clock
        self.error: QuotaExceededError | None = None
        self._until = 0.0

    def open(self, error: QuotaExceededError) -> None:
        """Remember the error until the cooldown is over."""
        self.error, self._until = error.fresh(), self._clock() + self.cooldown

    def reset(self) -> None:
        """Close the circuit: requests are sent again."""
        self.error = None

    def blocked(self) -> QuotaExceededError | None:
        """Give a fresh error while the circuit is open."""
        if self.error is None:
            return None
        if (now := self._clock()) >= self._until:
            self.reset()
            return None
        error = self.error.fresh()
        error.retry_after = self._until - now
        error.message += f"; not sent: the API said so less than {self.cooldown:g} s ago"
        return error


class Credits:
    """What a client has spent and may spend, in credits; always up to date."""

    def __init__(self, meter: Meter, circuit: Circuit) -> None:
        self._meter = meter
        self._circuit = circuit

    @property
    def spent(self) -> int:
        """Credits of the requests that were answered with success."""
        return self._meter.spent

    @property
    def uncertain(self) -> int:
        """Credits of requests that were sent, and never answered or not readably."""
        return self._meter.uncertain

    @property
    def budget(self) -> int | None:
        """``max_credits``: the ceiling on spent, uncertain and in flight together."""
        return self._meter.budget

    @property
    def remaining(self) -> int | None:
        """What is left of the budget, and of that of the client whose view this is; or None."""
        return self._meter.remaining

    def reset(self) -> None:
        """Send requests again before the cooldown after a 402 is over; counts stay."""
        self._circuit.reset()

    def __repr__(self) -> str:
        return (
            f"Credits(spent={self.spent}, uncertain={self.uncertain},"
            f" budget={self.budget}, remaining={self.remaining})"
        )
