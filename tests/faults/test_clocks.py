"""Clocks that lie: a wall clock that jumps, and a loop's clock that leaps after a suspension."""

import asyncio
import itertools
import random
import time
from pathlib import Path

import pytest

from keyapi_async.sandbox.faults import Fault
from tests import virtual
from tests.faults import (
    OUTCOMES,
    CheckedClient,
    FaultyService,
    in_pairs,
    read_all,
    see_credits,
    see_rows,
)
from tests.faults.kinds import LIST, Phase
from tests.faults.readers import PREFETCH, READERS
from tests.harvest import shop

HOUR = 3600.0
TROUBLES = [
    Fault.TOO_MANY_REQUESTS,
    Fault.SERVER_ERROR,
    Fault.HANG,
    Fault.QUOTA,
    Fault.RESET,
    Fault.UNKNOWN_FIELDS,
]


def course(fault: Fault, name: str, folder: Path) -> list[object]:
    """Read everything through a fault; give all that happened, and when."""
    random.seed(1)
    folder.mkdir()
    service = FaultyService(fault, LIST.struck(Phase.MIDDLE), 2)

    async def main() -> list[object]:
        client = CheckedClient(service)
        reader = READERS[name](client.api, folder)
        await read_all(reader, service, Phase.MIDDLE, 0.0, client.idle)
        end = asyncio.get_running_loop().time()
        return [service.requests, reader.rows, reader.longest, client.api.stats, end]

    return shop.run(main)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("fault", TROUBLES)
def test_a_wall_clock_that_jumps_by_hours_changes_nothing(
    fault: Fault, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steady = course(fault, name, tmp_path / "steady")
    jumps = itertools.cycle((0.0, 5 * HOUR, -7 * HOUR, HOUR, -HOUR))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + next(jumps))
    assert course(fault, name, tmp_path / "jumping") == steady


@pytest.mark.parametrize(
    ("fault", "name", "after"), in_pairs(itertools.product(TROUBLES, READERS, [0.0, 0.005, 0.2]))
)
def test_a_leap_of_the_loops_clock_loses_no_row_and_hangs_nothing(
    fault: Fault, after: float, name: str, tmp_path: Path
) -> None:
    outcome = OUTCOMES[fault]
    service = FaultyService(fault, LIST.struck(Phase.MIDDLE), max(1, outcome.tries - 1))

    async def main() -> None:
        client = CheckedClient(service)
        reader = READERS[name](client.api, tmp_path)

        async def suspended() -> None:
            await service.struck.wait()
            await asyncio.sleep(after)
            loop = asyncio.get_running_loop()
            assert isinstance(loop, virtual.VirtualLoop)
            loop.jump.now += HOUR

        suspension = asyncio.create_task(suspended())
        await read_all(reader, service, Phase.MIDDLE, 0.0, lambda: None)
        await suspension
        client.idle()
        see_rows(reader, service)
        # Whatever was on its way when the machine fell asleep is lost, and may have been billed.
        see_credits(reader, service, outcome, cut=True, more=1 + PREFETCH)
        assert asyncio.get_running_loop().time() < HOUR + 60

    shop.run(main)
