"""Every fault, at every moment, to whatever reads; and clocks that lie meanwhile."""

import asyncio
import itertools
import time
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from keyapi_async.sandbox.faults import Fault
from tests import virtual
from tests.faults import (
    FOR_EVER,
    OUTCOMES,
    PATIENCE,
    CheckedClient,
    FaultyService,
    in_pairs,
    read_all,
    see_credits,
    see_errors,
    see_rows,
)
from tests.faults.kinds import KINDS, LIST, Phase
from tests.faults.readers import PREFETCH, READERS, HarvestReader
from tests.harvest import shop

MOMENTS = (0.005, 0.4)
"""Seconds after a fault struck: its answer is on the way, or it is waited for, or tried again."""
HOUR = 3600.0


class Cell(NamedTuple):
    """One fault at one moment, and who meets it."""

    fault: Fault
    phase: Phase
    lasts: bool
    moment: float
    reader_name: str
    kind_name: str


SINGLE = {Phase.FIRST, Phase.CANCELLED, Phase.LEFT}
"""All that can be told apart of a list that is one call; nothing is fetched ahead there."""
CELLS = [
    Cell(fault, phase, lasts, moment, reader, kind)
    for fault, reader, phase, lasts, kind in product(OUTCOMES, READERS, Phase, (False, True), KINDS)
    for moment in (MOMENTS if phase is Phase.CANCELLED else MOMENTS[:1])
    if lasts or OUTCOMES[fault].tries > 1
    if kind != "single calls" or (phase in SINGLE and "prefetch" not in reader)
]


@pytest.fixture(autouse=True)
def _jumping_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the wall clock forward and back by hours, which changes nothing."""
    now, jumps = time.time(), itertools.cycle((0.0, 5 * HOUR, -7 * HOUR, HOUR, -HOUR))
    monkeypatch.setattr(time, "time", lambda: now + next(jumps))


def test_the_matrix_knows_every_fault() -> None:
    assert set(OUTCOMES) == set(Fault)


@pytest.mark.parametrize(Cell._fields, in_pairs(CELLS))
def test_a_fault_costs_no_row_and_no_credit_but_its_own(
    *,
    fault: Fault,
    phase: Phase,
    lasts: bool,
    moment: float,
    reader_name: str,
    kind_name: str,
    tmp_path: Path,
) -> None:
    outcome, kind = OUTCOMES[fault], KINDS[kind_name]
    times = (outcome.tries or FOR_EVER) if lasts else outcome.tries - 1
    service = FaultyService(fault, kind.struck(phase), times)

    async def main() -> None:
        client = CheckedClient(service)
        reader = READERS[reader_name](client.api, tmp_path, kind)
        if isinstance(reader, HarvestReader):
            reader.patient = phase is not Phase.FIRST or len(reader.keys) > 1
        reader.pause = {Phase.AHEAD: 30.0, Phase.LEFT: 0.004}.get(phase, 0.0)
        await read_all(reader, service, phase, moment, client.idle)
        see_rows(reader, service)
        told = int(lasts and reader.tells(outcome.error))
        see_errors(reader, service, outcome, told, exactly=not phase.cut)
        see_credits(reader, service, outcome, cut=phase.cut)
        assert reader.longest <= PATIENCE
        assert phase.cut or times in {service.strikes, FOR_EVER}

    shop.run(main)


TROUBLES = [
    Fault.TOO_MANY_REQUESTS, Fault.SERVER_ERROR, Fault.HANG, Fault.QUOTA, Fault.RESET,
    Fault.UNKNOWN_FIELDS,
]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "name", "after"), in_pairs(product(TROUBLES, READERS, [0.0, 0.005, 0.2]))
)
def test_a_leap_of_the_loops_clock_loses_no_row_and_hangs_nothing(
    fault: Fault, after: float, name: str, tmp_path: Path
) -> None:
    """As after a suspension of the machine."""
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
