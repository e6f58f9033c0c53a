"""What the client asks of a gate: a permit before each request, returned after its answer."""

from typing import Protocol, runtime_checkable

import attrs


@attrs.define(eq=False)
class Permit:
    """Permission to send one request.

    Attributes:
        at: when it was granted, seconds on the event loop's clock.
        throttled: whether the request met a 429.
        landed: whether the request has surely reached the server.
    """

    at: float
    throttled: bool = False
    landed: bool = False


@runtime_checkable
class Limiter(Protocol):
    """What a gate does; implement it to pace requests in a way of your own.

    Each permit is given back by exactly one call of ``answered``; a request that met a 429 calls
    ``throttled`` before that. The methods of ``Immediate``, ``Bound`` and ``Connected`` are
    optional.
    """

    async def acquire(self) -> Permit:
        """Wait for a permit to send one request, in the order of asking."""
        ...

    def answered(self, permit: Permit) -> None:
        """Take note that the answer is there, or that there will be none."""
        ...

    def throttled(self, permit: Permit, retry_after: float | None) -> None:
        """Take note of a 429, and hold back every request for ``retry_after`` seconds."""
        ...


@runtime_checkable
class Immediate(Protocol):
    """The optional method of a gate that can grant a permit without a coroutine."""

    def at_once(self, now: float) -> Permit | None:
        """Grant a permit if there is nothing to wait for, else None."""
        ...


@runtime_checkable
class Bound(Protocol):
    """The optional method of a gate that belongs to one API key."""

    def bind(self, fingerprint: str) -> None:
        """Take note of a client whose key has this fingerprint; refuse a second key's."""
        ...


@runtime_checkable
class Connected(Protocol):
    """The optional method of a gate with connections of its own; closing a client calls it."""

    async def aclose(self) -> None:
        """Close the connections, unless they are in use; they are opened again when needed."""
        ...
