"""Every fault, at every moment, to whatever reads."""

from pathlib import Path
from typing import NamedTuple

import pytest

from keyapi_async import DeadlineExceededError
from keyapi_async.sandbox.faults import Fault
from tests.faults import (
    ATTEMPTS,
    FOR_EVER,
    ILLS,
    PATIENCE,
    READERS,
    Phase,
    Ring,
    Ward,
    read_all,
    see_credits,
    see_errors,
    see_rows,
)
from tests.harvest import shop

MOMENTS = (0.005, 0.4)
"""Seconds after a fault struck: its answer is on the way, or it is waited for, or tried again."""


def strikes(fault: Fault) -> list[int]:
    """How often a fault may strike: odd answers always, others until just before or at the end."""
    tries = ILLS[fault].tries
    return [times for times in (tries - 1, tries) if times > 0] or [FOR_EVER]


class Cell(NamedTuple):
    """One fault at one moment."""

    fault: Fault
    phase: Phase
    times: int
    moment: float

    def __str__(self) -> str:
        lasts = "lasts" if self.times >= ILLS[self.fault].tries else "passes"
        after = f" after {self.moment:g} s" if self.phase is Phase.CANCELLED else ""
        return f"{self.fault} {lasts} on {self.phase}{after}"


CELLS = [
    pytest.param(cell, id=str(cell))
    for fault in ILLS
    for phase in Phase
    for times in strikes(fault)
    for moment in (MOMENTS if phase is Phase.CANCELLED else MOMENTS[:1])
    for cell in [Cell(fault, phase, times, moment)]
]


def test_the_matrix_knows_every_fault() -> None:
    assert set(ILLS) == set(Fault)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("cell", CELLS)
def test_a_fault_costs_no_row_and_no_credit_but_its_own(
    cell: Cell, name: str, tmp_path: Path
) -> None:
    fault, phase, times, moment = cell
    service, ill = Ward(fault, phase.page, times), ILLS[fault]

    async def main() -> None:
        ring = Ring(service)
        reader = READERS[name](ring.api, tmp_path)
        reader.pause = {Phase.AHEAD: 30.0, Phase.LEFT: 0.004}.get(phase, 0.0)
        await read_all(reader, service, phase, moment, ring.idle)
        see_rows(reader, fault, phase.page)
        see_errors(reader, ill, int(times == ill.tries), exactly=not phase.cut)
        see_credits(reader, service, ill, cut=phase.cut)
        assert reader.longest <= PATIENCE
        assert phase.cut or times in {service.strikes, FOR_EVER}

    shop.run(main)


@pytest.mark.parametrize("name", [name for name in READERS if name != "harvest"])
@pytest.mark.parametrize("fault", [fault for fault, ill in ILLS.items() if ill.tries == ATTEMPTS])
@pytest.mark.parametrize("deadline", [0.6, 7.0])
def test_a_deadline_bounds_a_call_whatever_lasts(
    fault: Fault, name: str, deadline: float, tmp_path: Path
) -> None:
    service, ill = Ward(fault, Phase.MIDDLE.page, ATTEMPTS), ILLS[fault]

    async def main() -> None:
        ring = Ring(service, deadline=deadline)
        reader = READERS[name](ring.api, tmp_path)
        await read_all(reader, service, Phase.MIDDLE, 0.0, ring.idle)
        see_rows(reader, fault, Phase.MIDDLE.page)
        # What a deadline cut short on its way there is uncertain, too.
        see_credits(reader, service, ill, cut=False, more=len(reader.errors))
        assert {type(error) for error in reader.errors} <= {ill.error, DeadlineExceededError}
        assert reader.longest <= deadline + 0.01

    shop.run(main)
