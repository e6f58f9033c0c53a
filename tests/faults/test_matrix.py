"""Every fault, at every moment, to whatever reads; and clocks that lie meanwhile."""

import asyncio
import itertools
import random
import re
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations, product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from _pytest.mark.structures import ParameterSet

from keyapi_async import KeyAPIError, RetryPolicy, errors
from keyapi_async.call.credits import Cost
from keyapi_async.sandbox import Response, Service
from keyapi_async.sandbox.faults import Fault, Faults
from tests import faults, virtual
from tests.faults.kinds import KINDS, LIST, Call, Phase
from tests.faults.readers import PREFETCH, READERS, HarvestReader, Reader
from tests.harvest import shop

ATTEMPTS = 3
TIMEOUT = 5.0
RETRY = RetryPolicy(attempts=ATTEMPTS, initial=0.5, maximum=4.0)
PATIENCE = ATTEMPTS * TIMEOUT + (0.5 + 1.0) + ATTEMPTS * 0.5 + 0.5
"""Seconds that a call may take: its attempts, backoffs and the gate's pauses, and the rest."""
FOR_EVER = 1_000


class Outcome(NamedTuple):
    """What a fault is to a client: the error it ends in, requests until then, their price."""

    error: type[KeyAPIError] | None
    says: str
    tries: int
    cost: Cost


def _refused(error: type[KeyAPIError], says: str, tries: int = ATTEMPTS) -> Outcome:
    return Outcome(error, says, tries, Cost.FREE)


def _unclear(error: type[KeyAPIError], says: str, tries: int = ATTEMPTS) -> Outcome:
    return Outcome(error, says, tries, Cost.UNCERTAIN)


_BROKEN = _unclear(errors.ConnectionFailedError, "(?i)connection|disconnect|payload")
_ENDLESS = _unclear(errors.AttemptTimeoutError, r"no whole answer within [\d.]+ s")
_NO_ENVELOPE = _unclear(errors.ResponseError, "the answer is not an envelope", 2)
_OUT_OF_CREDITS = "quota is not enough|Usage Limit Exceeded"

ODD = (
    Fault.NUMERIC_STRINGS, Fault.CONTROL_CHARACTERS, Fault.UNKNOWN_FIELDS, Fault.MISSING_FIELDS,
    Fault.OBJECT_DATA, Fault.NULL_DATA, Fault.MISSING_DATA,
)  # fmt: skip
OUTCOMES: Mapping[Fault, Outcome] = {
    Fault.TOO_MANY_REQUESTS: _refused(errors.RateLimitError, "qps limit exceeded .*429"),
    Fault.TOO_MANY_IN_200: _refused(errors.RateLimitError, "qps limit exceeded .*code 429"),
    Fault.SERVER_ERROR: _refused(errors.ServerError, "Internal server error .*500"),
    Fault.ERROR_IN_200: _refused(errors.ServerError, "Internal server error .*code 500"),
    Fault.BAD_GATEWAY: _refused(errors.ServerError, "502 Bad Gateway"),
    Fault.UNAVAILABLE: _refused(errors.ServerError, "Service unavailable .*503"),
    Fault.QUOTA: _refused(errors.QuotaExceededError, _OUT_OF_CREDITS, 1),
    Fault.QUOTA_500: _refused(errors.QuotaExceededError, _OUT_OF_CREDITS, 1),
    Fault.UNAUTHORIZED: _refused(errors.AuthenticationError, "apiKey is invalid .*401", 1),
    Fault.FORBIDDEN: _refused(errors.PermissionDeniedError, "may not use this endpoint .*403", 1),
    Fault.NOT_FOUND: _refused(errors.NotFoundError, "Not found .*404", 1),
    Fault.REDIRECT: _refused(errors.ResponseError, "a redirect, which is never followed", 1),
    **dict.fromkeys((Fault.RESET, Fault.CLOSE, Fault.TRUNCATE), _BROKEN),
    **dict.fromkeys((Fault.HANG, Fault.DRIP, Fault.DELAY), _ENDLESS),
    **dict.fromkeys((Fault.BAD_JSON, Fault.BAD_UTF8, Fault.HTML, Fault.EMPTY_BODY), _NO_ENVELOPE),
    Fault.ZEROS: _unclear(errors.ResponseError, "larger than 8 MiB", 1),
    **dict.fromkeys(ODD, Outcome(None, "", 0, Cost.SPENT)),
}


def in_pairs(cases: Iterable[tuple[Any, ...]]) -> list[ParameterSet]:
    """Take a few cases in which every pair of values occurs; the others are exhaustive."""
    pairs = {case: set(combinations(enumerate(case), 2)) for case in cases}
    unseen = set().union(*pairs.values())
    chosen = set()
    for wanted in range(len(next(iter(pairs.values()))), 0, -1):
        for case in random.Random(1).sample(list(pairs), len(pairs)):
            if len(pairs[case] & unseen) >= wanted:
                chosen.add(case)
                unseen -= pairs[case]
    others = pairs.keys() - chosen if faults.whole else ()
    return [
        pytest.param(
            case,
            marks=pytest.mark.exhaustive if case in others else (),
            id=", ".join(map(str, case)),
        )
        for case in pairs
        if case in chosen or case in others
    ]


NOTHING = {Fault.NULL_DATA, Fault.MISSING_DATA}
"""These say that the list ends here, and nobody can know that it does not."""


class FaultyService(Service):
    """A service at which one call goes wrong, so many times; all others go well."""

    def __init__(self, fault: Fault, call: Call, times: int) -> None:
        super().__init__()
        self.struck = asyncio.Event()
        self.call = call
        self._fault, self._times = fault, times

    def answer(
        self, path: str, query: Iterable[tuple[str, str]], authorization: str | None, now: float
    ) -> Response:
        pairs = dict(query)
        strikes = self.call.asks.items() <= pairs.items() and self._times > 0
        self._times -= strikes
        self.faults = Faults(script=[self._fault if strikes else None], delay=60.0)
        reply = super().answer(path, pairs.items(), authorization, now)
        if strikes:
            self.struck.set()
        return reply

    @property
    def empty(self) -> Call | None:
        """The call that brings nothing, if one does."""
        return self.call if self._fault in NOTHING else None

    @property
    def strikes(self) -> int:
        return sum(asked.fault is not None for asked in self.requests)


class CheckedClient:
    """A client on a sandbox in memory, and what it must have left behind whenever it rests."""

    def __init__(self, service: Service) -> None:
        self._wire = virtual.SandboxTransport(service)
        self.api = virtual.client(self._wire, timeout=TIMEOUT, retry=RETRY)

    def idle(self) -> None:
        assert self._wire.open == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}
        generators = getattr(asyncio.get_running_loop(), "_asyncgens", ())
        assert not [one for one in generators if one.ag_frame is not None]


async def read_all(
    reader: Reader, service: FaultyService, phase: Phase, moment: float, idle: Callable[[], None]
) -> None:
    """Read everything, interrupted as the phase says; nothing may be left behind at any time."""
    if phase is Phase.CANCELLED:
        task = asyncio.create_task(reader.read())
        await service.struck.wait()
        await asyncio.sleep(moment)
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled() or not task.exception()
        idle()
    elif phase is Phase.LEFT:
        reader.leaves = service.struck.is_set
        await reader.read()
        reader.leaves = lambda: False
        idle()
    for _ in range(4):
        done = await reader.read()
        idle()
        if done:
            return
    raise AssertionError("it does not come to an end")


def see_rows(reader: Reader, service: FaultyService) -> None:
    """See that every row is there once, and in order."""
    wanted = {key: reader.kind.wanted(key, service.empty) for key in reader.keys}
    assert reader.rows == {key: rows for key, rows in wanted.items() if rows}


def see_errors(
    reader: Reader, service: FaultyService, outcome: Outcome, most: int, *, exactly: bool
) -> None:
    """See that what lasted was told as what it is, once, and that what passed was not."""
    # One of credits with no attempt was told to a reader who waited while another met it.
    unsent = (errors.QuotaExceededError, 0)
    told = [one for one in reader.errors if (type(one), getattr(one, "attempts", None)) != unsent]
    assert len(told) == most if exactly else len(told) <= most
    for error in told:
        if not isinstance(error, str):  # a ledger keeps what was said
            assert (type(error), error.attempts) == (outcome.error, outcome.tries)
            assert service.call.asks.items() <= error.params.items()
        assert re.search(outcome.says, str(error)), error


def see_credits(
    reader: Reader, service: FaultyService, outcome: Outcome, *, cut: bool, more: int = 0
) -> None:
    """See that the meter is right, and nothing bought in vain but what the rules allow."""
    assert service.strikes
    spent, uncertain = reader.api.credits.spent, reader.api.credits.uncertain
    assert spent <= service.billed <= spent + uncertain
    assert len(service.requests) <= reader.api.stats.requests
    calls = sum(len(reader.kind.bought(key, service.empty)) for key in reader.keys)
    calls += service.strikes if outcome.cost is Cost.UNCERTAIN else 0
    paid = (spent + uncertain) / reader.kind.price
    assert calls <= paid <= calls + more + reader.waste(cut=cut)


MOMENTS = (0.005, 0.4)
"""Seconds after a fault struck: its answer is on the way, or it is waited for, or tried again."""
HOUR = 3600.0


SINGLE = {Phase.FIRST, Phase.CANCELLED, Phase.LEFT}
"""All that can be told apart of a list that is one call; nothing is fetched ahead there."""
Case = tuple[Fault, Phase, bool, float, str, str]
CASES: list[Case] = [
    (fault, phase, lasts, moment, reader, kind)
    for fault, reader, phase, lasts, kind in product(OUTCOMES, READERS, Phase, (False, True), KINDS)
    for moment in (MOMENTS if phase is Phase.CANCELLED else MOMENTS[:1])
    if lasts or OUTCOMES[fault].tries > 1
    if kind != "single calls" or (phase in SINGLE and "prefetch" not in reader)
]


@pytest.fixture(autouse=True)
def _jumping_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the wall clock forward and back by hours, which changes nothing; jitter is the same."""
    random.seed(1)
    now, jumps = time.time(), itertools.cycle((0.0, 5 * HOUR, -7 * HOUR, HOUR, -HOUR))
    monkeypatch.setattr(time, "time", lambda: now + next(jumps))


def test_the_matrix_knows_every_fault() -> None:
    assert set(OUTCOMES) == set(Fault)


@pytest.mark.parametrize("case", in_pairs(CASES))
def test_a_fault_costs_no_row_and_no_credit_but_its_own(case: Case, tmp_path: Path) -> None:
    fault, phase, lasts, moment, reader_name, kind_name = case
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


@pytest.mark.parametrize("case", in_pairs(product(TROUBLES, READERS, [0.0, 0.005, 0.2])))
def test_a_leap_of_the_loops_clock_loses_no_row_and_hangs_nothing(
    case: tuple[Fault, str, float], tmp_path: Path
) -> None:
    """As after a suspension of the machine."""
    fault, name, after = case
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
