"""The lists of a run that are still to be read, in their order."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import attrs

from keyapi_async.harvest.ledger import Unread

_AT_A_TIME = 256


@attrs.define(eq=False)
class OpenList:
    """A list that is to be read.

    Attributes:
        unread: what the ledger says of it.
        failed_alone: whether its connection has failed while those of others did not.
    """

    unread: Unread
    failed_alone: bool = False


class OpenLists:
    """Gives out lists; those whose connection was lost come again after all others.

    Args:
        draw: gives some unread lists that come after a list.
    """

    def __init__(self, draw: Callable[[int, int], Awaitable[list[Unread]]]) -> None:
        self._draw = draw
        self._ready: deque[OpenList] = deque()
        self._again: deque[OpenList] = deque()
        self._after = 0
        self._drawn = self._stopped = False
        self._out = 0
        self._turn = asyncio.Lock()
        self._change = asyncio.Event()

    async def next(self) -> OpenList | None:
        """Give the next list; None where there will be none any more."""
        async with self._turn:
            while not self._stopped:
                if not self._ready and not self._drawn:
                    lists = await self._draw(self._after, _AT_A_TIME)
                    self._ready.extend(map(OpenList, lists))
                    self._drawn = not lists
                    self._after = lists[-1].list_id if lists else self._after
                elif self._ready or self._again:
                    self._out += 1
                    return (self._ready or self._again).popleft()
                elif not self._out:
                    return None
                else:
                    self._change.clear()
                    await self._change.wait()
        return None

    def ended(self) -> None:
        """Take note that a list that was given out is done with."""
        self._out -= 1
        self._change.set()

    def again(self, one: OpenList) -> None:
        """Take a list back, to be read later."""
        self._again.append(one)

    def stop(self) -> None:
        """Give out no more."""
        self._stopped = True
        self._change.set()
