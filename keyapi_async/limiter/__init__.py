"""The gate: every request takes a permit here, so that the plan's queries per second are kept.

How a server counts is not known: by the calendar second, over any second, or with a bucket. So
permits are paced in small bursts a little below the limit, and no second ever has more of them than
the limit, the travelling time of a request included. Where the limit itself is unknown or wrong, it
is learned from the 429s.
"""

from typing import TYPE_CHECKING

from keyapi_async.limiter.local import QpsLimiter
from keyapi_async.limiter.protocol import Bound, Connected, Immediate, Limiter, Permit

if TYPE_CHECKING:
    from keyapi_async.limiter.shared import RedisLimiter

__all__ = [
    "Bound",
    "Connected",
    "Immediate",
    "Limiter",
    "Permit",
    "QpsLimiter",
    "RedisLimiter",
]

# To a type checker, `__getattr__` would make any misspelt name an object.
if not TYPE_CHECKING:  # pragma: no branch

    def __getattr__(name: str) -> object:
        if name != "RedisLimiter":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from keyapi_async.limiter.shared import RedisLimiter  # noqa: PLC0415  # few need it

        return RedisLimiter
