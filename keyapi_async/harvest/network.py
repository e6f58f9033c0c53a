"""What to do where no connection comes about: end the run, or wait until there is one again."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from keyapi_async.errors import ConnectionFailedError

_log = logging.getLogger("keyapi_async")

_ENOUGH = 3
"""Failures in a row that say that there is no network, where nothing has come through yet."""
_FIRST, _LONGEST = 1.0, 60.0
"""Seconds of the first wait, and of the longest."""


class NoNetworkError(Exception):
    """No connection comes about; its cause says why."""


class Network:
    """Whether the API can be reached, as far as the lists of one run tell.

    Args:
        patience: how long to wait for a network that was there before.
        told: is called with the reason when a pause begins, and with None when it ends.
    """

    def __init__(self, patience: timedelta, told: Callable[[str | None], None]) -> None:
        self._patience = patience.total_seconds()
        self._told = told
        self._enough = _ENOUGH
        self._failures = 0
        self._away_since: float | None = None
        self._wait = _FIRST
        self._turn = asyncio.Lock()
        self._over = asyncio.Event()
        self.answers = 0
        """Pages that came through so far."""

    def expect(self, lists: int) -> None:
        """Take note of how many lists there are to fail."""
        self._enough = min(_ENOUGH, lists)

    def came_through(self) -> None:
        """Take note of a page that came: there is a network."""
        self.answers += 1
        self._failures = 0
        if self._away_since is not None:
            self._away_since, self._wait = None, _FIRST
            self._told(None)
            self.go_on()

    def go_on(self) -> None:
        """Let everyone who waits go on."""
        self._over.set()
        self._over = asyncio.Event()

    async def failed(self, error: ConnectionFailedError) -> None:
        """Take note of a failure, and wait before the next try: one list after the other tries.

        Raises:
            NoNetworkError: there is no network, or not for longer than the patience.
        """
        now = asyncio.get_running_loop().time
        over = self._over
        self._failures += 1
        if not self.answers:
            if self._failures >= self._enough:
                raise NoNetworkError("no connection comes about") from error
        elif self._away_since is None:
            self._away_since = now()
            reason = f"the connection is lost, waiting for it: {error}"
            _log.warning("%s", reason)
            self._told(reason)
        async with self._turn:
            if over.is_set():
                return
            try:
                await asyncio.wait_for(over.wait(), self._wait)
            except TimeoutError:
                self._wait = min(2 * self._wait, _LONGEST)
        if self._away_since is not None and now() - self._away_since > self._patience:
            raise NoNetworkError(
                f"there was no connection for {timedelta(seconds=int(self._patience))}"
            ) from error
