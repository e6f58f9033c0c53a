"""What is handed to the file is written once, wherever a cancellation strikes."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

from keyapi_async.harvest.ledger import Entry, Failed, Written
from keyapi_async.harvest.run import Writer
from tests import virtual


@pytest.mark.parametrize(
    ("at", "told"), [(0.0005, 1), (0.005, 0)], ids=["while more is awaited", "while it is written"]
)
@virtual.clock
async def test_a_cancelled_writer_leaves_nothing_unwritten(at: float, told: int) -> None:
    written: list[Entry] = []
    committed: list[Written] = []

    async def write(entries: Sequence[Entry]) -> Written:
        written.extend(entries)
        await asyncio.sleep(0.01)
        return Written(0, len(entries), 0, 0, 0)

    writer = Writer(write, committed.append, lambda: None)
    putting = asyncio.create_task(writer.put(Failed(1, "no")))
    await asyncio.sleep(at)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await putting
    with pytest.raises(asyncio.CancelledError):
        await writer.settle()
    assert written == [Failed(1, "no")]
    assert len(committed) == told
