"""The gate: every request takes a permit here, so that the plan's queries per second are kept.

How a server counts is not known: by the calendar second, over any second, or with a bucket. So
permits are paced in small bursts a little below the limit, and no second ever has more of them than
the limit, the travelling time of a request included. Where the limit itself is unknown or wrong, it
is learned from the 429s.
"""

from keyapi_async.limiter.local import QpsLimiter
from keyapi_async.limiter.protocol import Bound, Connected, Immediate, Limiter, Permit

__all__ = ["Bound", "Connected", "Immediate", "Limiter", "Permit", "QpsLimiter"]
