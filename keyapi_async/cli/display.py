"""Shows how far a job is: lines that move on a terminal, a line now and then elsewhere."""

from abc import ABC, abstractmethod
from collections import deque
from contextlib import AbstractContextManager
from itertools import pairwise
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from rich.console import Console, RenderableType
from rich.live import Live

_SLOT = 0.5
"""Seconds that one bar of the rate stands for."""
_SLOTS = 240
_RECENT = 4
"""Slots over which the rate of now is taken."""


class Look(Protocol):
    """How far a job is at one moment, as much of it as every display needs."""

    @property
    def requests(self) -> int:
        """Requests sent, retries included."""
        ...

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        ...


L = TypeVar("L", bound=Look)
L_contra = TypeVar("L_contra", bound=Look, contravariant=True)


class Pace:
    """Requests a second, slot after slot."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque([(0.0, 0)], _SLOTS + 1)

    def see(self, elapsed: float, requests: int) -> None:
        """Take note of how many requests there were so far."""
        if elapsed >= self._marks[-1][0] + _SLOT:
            self._marks.append((elapsed, requests))

    @property
    def rates(self) -> list[float]:
        """The rate of each slot, oldest first."""
        return [
            (requests - before) / (end - start)
            for (start, before), (end, requests) in pairwise(self._marks)
        ]

    @property
    def now(self) -> float:
        """The rate of the last two seconds."""
        recent = list(self._marks)[-_RECENT - 1 :]
        (start, before), (end, requests) = recent[0], recent[-1]
        return (requests - before) / (end - start) if end > start else 0.0


class Display(AbstractContextManager["Display[L_contra]"], Protocol[L_contra]):
    """What shows how far a job is."""

    every: float
    """Seconds after which it wants another look."""

    def show(self, look: L_contra) -> None:
        """Show how far the job is."""
        ...


def moves(console: Console) -> bool:
    """Tell whether what is behind the console can show lines that move."""
    return console.file.isatty() and not console.is_dumb_terminal


class _Entered:
    """A display leaves behind what it wrote, unless it says otherwise."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        """Leave what was written."""


class LineDisplay(_Entered, ABC, Generic[L]):
    """A line every few seconds, for logs and pipes."""

    every = 5.0

    def __init__(self, console: Console, qps: float) -> None:
        self._console = console
        self._qps = qps

    def show(self, look: L) -> None:
        """Write a line, once there is something to tell."""
        if look.requests:
            self._console.print(self._line(look), soft_wrap=True)

    @abstractmethod
    def _line(self, look: L) -> str:
        """Tell how far the job is."""


class LiveDisplay(_Entered, ABC, Generic[L]):
    """Some lines that move, and are wiped at the end."""

    every = 0.1

    def __init__(self, console: Console, qps: float) -> None:
        self._qps = qps
        self._pace = Pace()
        # Refreshed by show() alone: rich's own thread could not report a closed terminal.
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def _end(self) -> None:
        """Wipe the display, and give the cursor back."""
        self._live.stop()

    def show(self, look: L) -> None:
        """Draw the display anew."""
        self._pace.see(look.elapsed, look.requests)
        self._live.update(self._drawing(look), refresh=True)

    @abstractmethod
    def _drawing(self, look: L) -> RenderableType:
        """Draw how far the job is; it fits 80 columns."""
