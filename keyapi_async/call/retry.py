"""Whether and when to try again: a pure function of the attempt and its failure.

The waits come from backoff's generator and jitter; nothing else in the package knows of backoff.
"""

from collections.abc import Callable
from itertools import islice

import attrs

from keyapi_async.checks import seconds, setting
from keyapi_async.errors import (
    APIError,
    KeyAPIError,
    QuotaExceededError,
    ResponseError,
    TransportError,
)
from keyapi_async.limiter.local import MAX_RETRY_AFTER

__all__ = ["RetryPolicy"]

Retry = Callable[[int, KeyAPIError], float | None]
"""What ``retry=`` takes: (attempt from 1, its failure) to seconds to wait, or None to give up."""

_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})


@attrs.frozen
class RetryPolicy:
    """Exponential backoff with full jitter; ``Retry-After`` is obeyed exactly.

    ``RetryPolicy()(attempt, failure)`` gives the seconds to wait before the next attempt, or None.

    Attributes:
        attempts: requests at most for one call, the first included.
        initial: upper bound of the first wait, seconds; it doubles with each attempt.
        maximum: upper bound of every wait, seconds.
    """

    attempts: int = 5
    initial: float = 0.5
    maximum: float = 30.0

    def __attrs_post_init__(self) -> None:
        """Refuse a policy that could not be followed."""
        setting("attempts", self.attempts, 1)
        seconds("initial", self.initial, least=0.0)
        seconds("maximum", self.maximum, least=0.0)

    def __call__(self, attempt: int, failure: KeyAPIError) -> float | None:
        """Give the seconds to wait after an attempt (from 1), or None where it was the last."""
        if attempt >= self.attempts or not is_transient(failure):
            return None
        if isinstance(failure, APIError) and failure.retry_after is not None:
            return failure.retry_after if failure.retry_after <= MAX_RETRY_AFTER else None
        import backoff  # noqa: PLC0415  # most programs never wait

        # The generator's first value only starts it.
        waits = backoff.expo(factor=1, max_value=2**64)
        doubled: float = next(islice(waits, min(attempt, 64), None))
        return backoff.full_jitter(min(self.initial * doubled, self.maximum))


def is_transient(failure: KeyAPIError) -> bool:
    """Tell whether the same request may succeed when it is made again."""
    if isinstance(failure, APIError):
        if isinstance(failure, QuotaExceededError):
            return False
        if failure.code is None:
            return failure.status in _TRANSIENT or failure.status >= 500
        return (failure.code if 400 <= failure.code <= 599 else failure.status) in _TRANSIENT
    return isinstance(failure, TransportError) or (
        isinstance(failure, ResponseError) and failure.repeatable
    )
