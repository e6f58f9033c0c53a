"""Every fault, at every moment, to whatever reads."""

from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from keyapi_async.sandbox.faults import Fault
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
from tests.faults.kinds import KINDS, Phase
from tests.faults.readers import READERS, HarvestReader
from tests.harvest import shop

MOMENTS = (0.005, 0.4)
"""Seconds after a fault struck: its answer is on the way, or it is waited for, or tried again."""


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
