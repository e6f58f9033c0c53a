"""Time limits that share one timer, on a virtual clock."""

import asyncio
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyapi_async.loops import Places, Timeout, Timeouts
from tests import virtual
from tests.rows import steady

LOOP = virtual.VirtualLoop


def limit_of(end: float | None, timeouts: Timeouts | None = None) -> Timeout:
    loop = asyncio.get_running_loop()
    return Timeout(timeouts or Timeouts(loop), loop, end)


def cancellations() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


async def test_what_is_told_to_end_ends_at_once_and_only_once() -> None:
    loop = asyncio.get_running_loop()
    limit = limit_of(3.0)
    loop.call_later(1.0, limit.expire)
    loop.call_later(1.0, limit.expire)
    with limit:
        await asyncio.sleep(60)
    assert limit.expired
    assert loop.time() == pytest.approx(1.0)
    assert cancellations() == 0


@pytest.mark.parametrize("also_expires", [False, True])
@pytest.mark.parametrize("first", ["limit", "task"])
async def test_a_cancellation_from_elsewhere_goes_through(
    first: str, *, also_expires: bool
) -> None:
    limits: list[Timeout] = []

    async def limited() -> None:
        limits.append(limit_of(None))
        with limits[0]:
            await asyncio.sleep(60)
        raise AssertionError("the cancellation was lost")

    task = asyncio.create_task(limited())
    await asyncio.sleep(1)
    if also_expires and first == "limit":
        limits[0].expire()
    task.cancel()
    if also_expires and first == "task":
        limits[0].expire()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert limits[0].expired == also_expires


async def test_an_error_of_the_block_goes_through_even_when_its_time_is_up() -> None:
    async def limited() -> None:
        with limit_of(1.0):
            try:
                await asyncio.sleep(60)
            finally:
                raise LookupError

    with pytest.raises(LookupError):
        await limited()
    assert cancellations() == 0


@pytest.mark.parametrize(("inner", "outer"), [(1.0, 2.0), (2.0, 1.0)])
async def test_of_two_limits_one_in_the_other_the_sooner_one_ends_its_own_block(
    inner: float, outer: float
) -> None:
    timeouts = Timeouts(asyncio.get_running_loop())
    within, around = limit_of(inner, timeouts), limit_of(outer, timeouts)
    behind = False
    with around:
        with within:
            await asyncio.sleep(60)
        behind = True
    assert (within.expired, around.expired) == (inner < outer, outer < inner)
    assert behind == within.expired
    assert asyncio.get_running_loop().time() == pytest.approx(1.0)
    assert cancellations() == 0


async def test_an_interruption_ends_the_blocks_that_wait_and_none_whose_limit_was_moved() -> None:
    loop = asyncio.get_running_loop()
    timeouts = Timeouts(loop)

    async def limited(moved: float | None) -> tuple[bool, float]:
        limit = limit_of(None, timeouts)
        with limit:
            if moved is not None:
                limit.move(moved)
            await asyncio.sleep(5)
        return limit.expired, loop.time()

    loop.call_later(1.0, timeouts.interrupt)
    loop.call_later(2.0, timeouts.interrupt)
    outcomes = await asyncio.gather(limited(None), limited(9.0), limited(3.0))
    assert [expired for expired, _ in outcomes] == [True, False, True]
    assert [at for _, at in outcomes] == pytest.approx([1.0, 5.0, 3.0])


def test_a_limit_needs_a_task_to_cut_short() -> None:
    with closing(virtual.VirtualLoop()) as loop, pytest.raises(RuntimeError, match="needs a task"):
        Timeout(Timeouts(loop), loop, 1.0)


@settings(steady, max_examples=150)
@given(
    blocks=st.lists(
        st.tuples(
            st.integers(0, 5),  # when it begins
            st.none() | st.integers(0, 9),  # its limit, from there on
            st.integers(0, 5),  # half of the time that it needs
            st.none() | st.integers(0, 9),  # its limit from then on
        ),
        max_size=12,
    )
)
async def test_one_timer_ends_every_block_at_its_own_time(
    blocks: list[tuple[int, int | None, int, int | None]],
) -> None:
    """Any limits, moved or not; after them a task goes on as if it had never been cancelled."""
    loop = asyncio.get_running_loop()
    timeouts = Timeouts(loop)

    async def limited(
        begin: int, most: int | None, half: int, moved: int | None
    ) -> tuple[bool, float]:
        await asyncio.sleep(begin)
        limit = limit_of(None if most is None else loop.time() + most + 0.3, timeouts)
        with limit:
            await asyncio.sleep(half)
            if moved is not None:
                limit.move(loop.time() + moved + 0.3)
            await asyncio.sleep(half)
        end = loop.time()
        assert cancellations() == 0
        await asyncio.sleep(60)
        assert loop.time() == pytest.approx(end + 60)
        return limit.expired, end

    ended = await asyncio.gather(*(limited(*block) for block in blocks))
    for (expired, at), (begin, most, half, moved) in zip(ended, blocks, strict=True):
        if moved is not None and (most is None or half <= most):
            most = half + moved  # noqa: PLW2901  # it came to be moved
        late = most is not None and most < 2 * half
        end = begin + (2 * half if most is None or not late else most + 0.3)
        assert expired == late
        assert at == pytest.approx(end, abs=1e-6)


@settings(steady, max_examples=150)
@given(
    most=st.integers(1, 3),
    guests=st.lists(
        st.tuples(
            st.integers(0, 6),  # when it asks
            st.integers(0, 6),  # how long it stays
            st.none() | st.integers(0, 9),  # when it is cancelled, after it asked
        ),
        max_size=12,
    ),
)
async def test_places_are_given_in_the_order_of_asking_and_none_is_lost(
    most: int, guests: list[tuple[int, int, int | None]]
) -> None:
    """A cancellation may come as a place is given, too: then the next one has it."""
    loop, places = asyncio.get_running_loop(), Places(most)
    asked: list[int] = []
    given: dict[int, float] = {}
    inside = 0

    async def guest(number: int, stay: int) -> None:
        nonlocal inside
        asked.append(number)
        if not places.take():
            await places.wait()
        given[number] = round(loop.time(), 6)  # who waited goes on a moment after it was given
        inside += 1
        try:
            assert inside <= most
            await asyncio.sleep(stay)
        finally:
            inside -= 1
            places.release()

    tasks = []
    for number, (begin, stay, left) in enumerate(guests):
        await asyncio.sleep(max(0, begin - loop.time()))
        task = asyncio.create_task(guest(number, stay))
        tasks.append(task)
        if left is not None:
            loop.call_later(left, task.cancel)
    await asyncio.gather(*tasks, return_exceptions=True)
    times = [given[number] for number in asked if number in given]
    assert times == sorted(times)
    assert not any(task.exception() for task in tasks if not task.cancelled())
    assert [places.take() for _ in range(most + 1)] == [True] * most + [False]
