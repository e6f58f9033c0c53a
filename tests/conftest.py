"""What all tests share: signals that work, and a real Redis for who asks for one."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

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


@pytest.fixture(scope="module")
def one_redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def redis(one_redis: RedisServer) -> RedisServer:
    one_redis.ask("FLUSHALL")
    one_redis.ask("CONFIG", "RESETSTAT")
    return one_redis
