"""What all tests share: signals that work, and a real Redis for who asks for one."""

import inspect
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import virtual
from tests.redis_server import RedisServer, redis_server

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell ignores it for its background jobs, and so would the processes that tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


LAYERS = (
    "test_errors", "test_checks", "test_secret", "call", "streams", "records", "api",
    "test_client", "test_loops", "limiter", "test_public", "sandbox",
)  # fmt: skip
"""Folders and files in the order in which they run, before all others."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the lower layers first: with -x, a break in one is told before what it breaks above."""
    ranks = {name: rank for rank, name in enumerate(LAYERS)}
    here = Path(__file__).parent
    items.sort(
        key=lambda item: ranks.get(Path(item.path.relative_to(here).parts[0]).stem, len(ranks))
    )


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: Any, name: str, obj: Any) -> Any:
    """Run async tests on the event loop that their module names, each on one of its own."""
    loop, generated = getattr(collector.obj, "LOOP", None), getattr(obj, "hypothesis", None)
    test = obj if generated is None else generated.inner_test
    if loop is None or not (name.startswith("test_") and inspect.iscoroutinefunction(test)):
        return None
    test = virtual.clock(test, loop)
    if generated is not None:
        generated.inner_test = test
        return None
    setattr(collector.obj, name, test)
    return collector.ihook.pytest_pycollect_makeitem(collector=collector, name=name, obj=test)


@pytest.fixture(scope="module")
def one_redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def redis(one_redis: RedisServer) -> RedisServer:
    one_redis.ask("FLUSHALL")
    one_redis.ask("CONFIG", "RESETSTAT")
    return one_redis
