"""What to do where no connection can be made: end the run, or wait until there is one again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from keyapi_async.errors import TransportError

_log = logging.getLogger("keyapi_async")

_ENOUGH = 3
"""Failures in a row that say that there is no network, where nothing has come through yet."""
_FIRST, _LONGEST = 1.0, 60.0
"""Seconds of the first wait, and of the longest."""


class NoNetworkError(Exception):
    """There is no network; the last error is its cause."""


class Network:
    """Whether the API can be reached, as far as the lists of one run tell.

    A network that was there before is waited for; ``paused`` is told why, and ``resumed`` the end.
    """

    def __init__(
        self,
        patience: timedelta,
        paused: Callable[[str], Awaitable[None]],
        resumed: Callable[[], None],
    ) -> None:
        self._patience = patience.total_seconds()
        self._paused = paused
        self._resumed = resumed
        self._enough = _ENOUGH
        self._failures = 0
        self._away_since: float | None = None
        self._wait = _FIRST
        self._turn = asyncio.Lock()
        self._over = asyncio.Event()
        self._answered = False

    def expect(self, lists: int) -> None:
        """Take note of how many lists there are to fail."""
        self._enough = min(_ENOUGH, lists)

    def came_through(self) -> None:
        """Take note of a page that came: there is a network."""
        self._answered = True
        if not self._failures:
            return
        self._failures = 0
        if self._away_since is not None:
            self._away_since, self._wait = None, _FIRST
            self._resumed()
        self.go_on()

    def go_on(self) -> None:
        """Let everyone who waits go on."""
        self._over.set()
        self._over = asyncio.Event()

    async def failed(self, error: TransportError, *, alone: bool) -> bool:
        """Take note of a failure, and wait before the next try: one list after the other tries.

        Says whether others came through meanwhile, so that the list itself is to blame. One that
        has failed before while others did not, ``alone``, is given a minute at most.

        Raises:
            NoNetworkError: there is no network, or not for longer than the patience.
        """
        now = asyncio.get_running_loop().time
        over, failed_at = self._over, now()
        self._failures += 1
        if not self._answered:
            if self._failures >= self._enough:
                raise NoNetworkError("no connection could be made") from error
        elif self._away_since is None:
            self._away_since = failed_at
            reason = f"the connection is lost, waiting for it: {error}"
            _log.warning("%s", reason)
            await self._paused(reason)
        async with self._turn:
            if not over.is_set():
                try:
                    await asyncio.wait_for(over.wait(), self._wait)
                except TimeoutError:
                    self._wait = min(2 * self._wait, _LONGEST)
        if over.is_set():
            return now() - failed_at <= _FIRST
        patience = min(self._patience, _LONGEST) if alone else self._patience
        if self._away_since is not None and now() - self._away_since > patience:
            waited = timedelta(seconds=int(patience))
            raise NoNetworkError(f"there was no connection for {waited}") from error
        return False
