"""What the script believes is what `Belief` believes, event by event."""

from collections.abc import Iterator
from importlib.resources import files

import attrs
import pytest
import redis as redis_py
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.shared_gate import RedisServer
from keyapi_async.limiter.belief import Belief

SHARE = 1.03
BURST = 0.05
NAMES = ("gate", "flying", "landed", "answers", "processes")
KEYS = [f"policy:{name}" for name in NAMES]


@attrs.frozen
class State:
    """What either of the two may believe; times are seconds before now."""

    qps: float | None
    limit: float  # the share of `qps`
    rate: float  # the share of the limit
    demand: float
    granted: float
    waited: float
    busy: float
    lowered: float
    quiet: float
    interval: float
    successes: list[float]


ages = st.floats(0.0, 40.0, width=32)
states = st.builds(
    State,
    qps=st.none() | st.sampled_from([2.0, 5.0, 10.0, 50.0]),
    limit=st.floats(0.1, 1.0),
    rate=st.floats(0.5, SHARE),
    demand=st.floats(0.0, 1.5),
    granted=st.floats(0.0, 0.9),
    waited=ages,
    busy=ages,
    lowered=ages,
    quiet=ages,
    interval=st.sampled_from([15.0, 30.0, 600.0]),
    successes=st.lists(st.floats(0.0, 4.0, width=32), max_size=30),
)


@pytest.fixture(scope="module")
def client(one_redis: RedisServer) -> Iterator[redis_py.Redis]:
    with redis_py.Redis(port=one_redis.port, decode_responses=True) as client:
        yield client


def text() -> str:
    return files("keyapi_async.limiter").joinpath("shared.lua").read_text()


def seconds(client: redis_py.Redis) -> float:
    whole, millionths = client.time()
    return float(whole) + float(millionths) / 1e6


def prepared(client: redis_py.Redis, state: State) -> tuple[Belief, float]:
    """Make both believe the same; give one of them, and the other's time."""
    client.flushall()
    now = seconds(client)
    limit = (state.qps or 40.0) * state.limit
    believed = {
        "limit": limit,
        "rate": limit * state.rate,
        "demand": state.demand,
        "granted": now - state.granted,
        "waited": now - state.waited,
        "busy": now - state.busy,
        "lowered": now - state.lowered,
        "quiet": now - state.quiet,
        "interval": state.interval,
        "seeking": 0,
        **dict.fromkeys(("born", "epoch", "seen"), now),
        **dict.fromkeys(("trip", "next", "pause", "back"), 0),
        "expected": 1,
    }
    for name, value in believed.items():
        client.hset(KEYS[0], name, f"{value:.17g}")
    client.hset(KEYS[0], "qps", "" if state.qps is None else f"{state.qps:.17g}")
    for number, age in enumerate(state.successes):
        client.zadd(KEYS[3], {str(number): now - age})
    belief = Belief(state.qps, SHARE)
    belief.limit, belief.rate = limit, limit * state.rate
    belief._demand, belief._granted = state.demand, now - state.granted
    belief._waited, belief._busy = now - state.waited, now - state.busy
    belief._lowered, belief._quiet_since = now - state.lowered, now - state.quiet
    belief._interval, belief._seeking = state.interval, False
    belief._successes.extend(sorted(now - age for age in state.successes))
    return belief, now


def run(client: redis_py.Redis, *args: str) -> tuple[float, float, float, float]:
    """Run the script; give limit, rate, interval and its time."""
    client.eval(text(), len(KEYS), *KEYS, *args)
    kept = client.hmget(KEYS[0], "limit", "rate", "interval", "seen")
    limit, rate, interval, now = map(float, kept)  # type: ignore[arg-type]  # as above
    return limit, rate, interval, now


def near(age: float, bounds: list[float]) -> bool:
    return any(abs(age - bound) < 0.1 for bound in bounds)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(state=states, sent=st.floats(0.0, 40.0), pause=st.floats(0.0, 100.0))
def test_a_429_teaches_both_the_same(
    client: redis_py.Redis, state: State, sent: float, pause: float
) -> None:
    # Time goes on between the two: what lies just at a bound may fall to either side of it.
    ordered = sorted(state.successes)
    gaps = [later - earlier for i, earlier in enumerate(ordered) for later in ordered[i + 1 :]]
    if near(state.waited, [1.0]) or near(state.busy, [0.5]) or near(sent, [state.lowered]):
        return
    if any(near(age, [2.5]) for age in ordered) or any(abs(gap - 1.0) < 1e-3 for gap in gaps):
        return
    belief, _ = prepared(client, state)
    args = ("me", "", "", "" if state.qps is None else repr(state.qps), "1", "", repr(sent))
    limit, rate, interval, now = run(client, *args, repr(pause))
    belief.refused(now - sent, now)
    assert (limit, rate, interval) == pytest.approx(
        (belief.limit, belief.rate, belief._interval), rel=1e-6
    )
    paused = float(str(client.hget(KEYS[0], "pause")))
    assert paused == pytest.approx(now + pause, abs=1e-3)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(state=states)
def test_demand_raises_both_alike(client: redis_py.Redis, state: State) -> None:
    ahead = 0.5 - BURST  # so it has to be waited for
    sums = (state.quiet + ahead - state.interval, state.demand + state.granted + ahead - 1.0)
    if any(near(each, [0.0]) for each in sums):
        return
    belief, _ = prepared(client, state)
    name = KEYS[0]
    client.hset(name, "next", f"{seconds(client) + 0.5:.17g}")
    qps = "" if state.qps is None else repr(state.qps)
    limit, rate, interval, now = run(client, "me", "one", "", qps, "1", "", "", "")
    slot = float(str(client.hget(name, "granted")))
    assert slot > now
    belief.granted(slot, waited=True)
    assert (limit, interval) == pytest.approx((belief.limit, belief._interval), rel=1e-6)
    assert rate == pytest.approx(belief.rate, rel=1e-3)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    places=st.integers(1, 12),
    free=st.lists(st.floats(0.05, 1.4), max_size=20),
    flights=st.lists(st.floats(-1.2, 0.3), max_size=20),
)
def test_a_permit_is_promised_for_when_the_window_has_room(
    client: redis_py.Redis, places: int, free: list[float], flights: list[float]
) -> None:
    client.flushall()
    now = seconds(client)
    for number, each in enumerate(free):
        client.zadd(KEYS[2], {f"landed {number}": now + each})
    for number, each in enumerate(flights):
        client.zadd(KEYS[1], {f"flying {number}": now + each})
    args = ("me", "mine", "", repr(float(places)), "1", "", "", "")
    answer = client.eval(text(), len(KEYS), *KEYS, *args)
    wait = cast_answer(answer)[0]
    certain = not wait.endswith("?")
    wait = wait.rstrip("?")
    ends = sorted([*free, *(each + 1.0 for each in flights)])  # nobody has answered: trip 0
    due = max(0.0, ends[-places]) if len(ends) >= places else 0.0
    assert float(wait) == pytest.approx(due, abs=0.05)
    if certain:  # even where every flight takes as long as it may
        sure = [*free, *(each + 1.3 for each in flights)]
        assert sum(end > float(wait) + 0.05 for end in sure) < places


def cast_answer(answer: object) -> list[str]:
    assert isinstance(answer, list)
    return [str(part) for part in answer]


@pytest.mark.parametrize("qps", [None, 10.0])
def test_both_begin_alike(client: redis_py.Redis, qps: float | None) -> None:
    client.flushall()
    told = "" if qps is None else repr(qps)
    limit, rate, *_ = run(client, "me", "", "", told, "1", "", "", "")
    belief = Belief(qps, SHARE)
    assert (limit, rate) == (belief.limit, belief.rate)
