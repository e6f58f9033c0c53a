"""Which event loop is running, asked for cheaply."""

import asyncio
from threading import get_ident


class RunningLoop:
    """Gives the running loop; before Python 3.12 asyncio makes a system call for each answer.

    A loop that runs in this thread is the running one, and that much can be seen without a call.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

    def __call__(self) -> asyncio.AbstractEventLoop:
        """Give the running loop."""
        loop = self._loop
        if loop is None or not loop.is_running() or get_ident() != self._thread:
            loop = self._loop = asyncio.get_running_loop()
            self._thread = get_ident()
        return loop
