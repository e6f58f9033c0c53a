"""The faults that live on the wire, on real sockets."""

import asyncio
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from keyapi_async import KeyAPI, RetryPolicy
from keyapi_async.sandbox import Sandbox
from keyapi_async.sandbox.faults import Fault
from tests.faults import (
    OUTCOMES,
    FaultyService,
    in_pairs,
    in_use,
    read_all,
    see_credits,
    see_errors,
    see_rows,
    tasks_but_servers,
)
from tests.faults.kinds import LIST, Phase
from tests.faults.readers import READERS

WIRE = [
    Fault.RESET,
    Fault.CLOSE,
    Fault.TRUNCATE,
    Fault.HANG,
    Fault.DRIP,
    Fault.BAD_UTF8,
    Fault.EMPTY_BODY,
    Fault.REDIRECT,
    Fault.ZEROS,
]
SOME = ["stream", "prefetch", "fan-out that collects", "harvest"]
QUICK = RetryPolicy(attempts=3, initial=0.001)


class _Box(Sandbox):
    """A sandbox in which another service answers."""

    def __init__(self, service: FaultyService) -> None:
        super().__init__()
        self.answer = service.answer  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("fault", "phase", "name"),
    in_pairs(product(WIRE, [Phase.MIDDLE, Phase.CANCELLED, Phase.LEFT], SOME)),
)
async def test_a_fault_of_the_wire_leaves_no_socket_and_loses_no_row(
    fault: Fault, phase: Phase, name: str, tmp_path: Path
) -> None:
    service, outcome = FaultyService(fault, LIST.struck(phase), 1), OUTCOMES[fault]
    timeout = 0.4 if fault in {Fault.HANG, Fault.DRIP} else 10.0
    async with _Box(service) as box:
        async with KeyAPI(
            box.api_key, base_url=box.url, qps=1e4, retry=QUICK, timeout=timeout, proxy=""
        ) as api:

            def idle() -> None:
                assert not in_use(api)
                assert tasks_but_servers() == {asyncio.current_task()}

            reader = READERS[name](api, tmp_path)
            reader.pause = 0.001 if phase is Phase.LEFT else 0.0
            await read_all(reader, service, phase, 0.002, idle)
            see_rows(reader, service)
            see_errors(reader, service, outcome, int(outcome.tries == 1), exactly=not phase.cut)
            see_credits(reader, service, outcome, cut=phase.cut)
            assert reader.longest < 5
        server: Any = getattr(box._runner, "server", None)
        async with asyncio.timeout(5):
            while server.connections:
                await asyncio.sleep(0)
