"""Clocks that lie: a wall clock that jumps, and a loop's clock that leaps after a suspension."""

import asyncio
import itertools
import random
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from keyapi_async import ProductCreator, RateLimitError, RetryPolicy, fan_out
from keyapi_async.call.wire import Answer, Request
from keyapi_async.sandbox import Service
from keyapi_async.sandbox.faults import Fault
from keyapi_async.sandbox.windows import Window
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
from tests.faults.kinds import CREATORS, LIST, Phase
from tests.faults.readers import PREFETCH, READERS
from tests.gates import worst_second
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


# A date in Retry-After


class Throttled(virtual.SandboxTransport):
    """Answers first with a 429 whose Retry-After is a date, half a minute from the server's now."""

    def __init__(self, dates: dict[str, str]) -> None:
        super().__init__(Service())
        self._dates = dates

    async def send(self, request: Request, within: float) -> Any:
        if not self.sent:
            self.sent.append(asyncio.get_running_loop().time())
            return Answer(429, self._dates, b'{"code": 429, "message": "qps limit exceeded"}')
        return await super().send(request, within)


NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ours", "has_date"),
    [
        (0.0, False),
        (0.0, True),
        (-3 * HOUR, True),
        (3 * HOUR, True),
    ],
)
def test_a_date_to_retry_after_is_read_by_the_servers_clock_where_it_tells_it(
    ours: float, has_date: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOON.timestamp() + ours)
    dates = {"Retry-After": format_datetime(NOON + timedelta(seconds=30), usegmt=True)}
    if has_date:
        dates["Date"] = format_datetime(NOON, usegmt=True)

    async def main() -> None:
        wire = Throttled(dates)
        await virtual.client(wire).tiktok.product.creators("1")
        first, second = wire.sent
        assert second - first == pytest.approx(30, abs=0.5)

    virtual.run(main)


def test_a_date_hours_away_is_raised_at_once() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=5), usegmt=True)

    async def main() -> None:
        with pytest.raises(RateLimitError) as caught:
            await virtual.client(Throttled({"Retry-After": later})).tiktok.product.creators("1")
        assert caught.value.retry_after == pytest.approx(5 * HOUR, abs=60)
        assert asyncio.get_running_loop().time() < 1

    virtual.run(main)


# The loop's clock


async def leap(after: float) -> None:
    """Suspend the machine for an hour."""
    await asyncio.sleep(after)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, virtual.VirtualLoop)
    loop.jump.now += HOUR


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
            await leap(after)

        suspension = asyncio.create_task(suspended())
        await read_all(reader, service, Phase.MIDDLE, 0.0, lambda: None)
        await suspension
        client.idle()
        see_rows(reader, service)
        # Whatever was on its way when the machine fell asleep is lost, and may have been billed.
        see_credits(reader, service, outcome, cut=True, more=1 + PREFETCH)
        assert asyncio.get_running_loop().time() < HOUR + 60

    shop.run(main)


@pytest.mark.parametrize("window", Window)
@pytest.mark.parametrize("qps", [3, 20])
@pytest.mark.parametrize("leaps", [(0.9,), (1.05, 0.4), (0.3, 0.3, 2.0, 0.05)])
def test_those_who_wait_through_a_leap_do_not_burst(
    qps: int, window: Window, leaps: tuple[float, ...]
) -> None:
    service = Service(qps=qps, window=window)
    keys = service.product_ids(60)
    got: dict[str, list[str]] = {}

    async def main() -> None:
        wire = virtual.SandboxTransport(service, latency=(0.005, 0.08))
        api = virtual.client(wire, qps=qps, retry=RetryPolicy(attempts=5))

        async def suspended() -> None:
            for after in leaps:
                await leap(after)

        suspension = asyncio.create_task(suspended())

        def first_rows(key: str) -> Any:
            return api.tiktok.product.iter_creators(key, limit=15)

        async with fan_out(keys, first_rows, concurrency=30) as results:
            creator: ProductCreator
            async for key, creator in results:
                got.setdefault(key, []).append(creator.user_id)
        await suspension
        assert worst_second(sorted(wire.sent)) <= qps
        # Two that come late together are too close for a server that allows no burst at all.
        assert api.stats.throttles <= (10 if window is Window.SPACED else 0)
        spent, uncertain = api.credits.spent, api.credits.uncertain
        assert spent <= service.billed <= spent + uncertain
        assert uncertain <= 30 * len(leaps)

    virtual.run(main)
    rows = {key: list(service.rows(CREATORS, product_id=key))[:15] for key in keys}
    assert got == {key: [str(row["user_id"]) for row in few] for key, few in rows.items() if few}
