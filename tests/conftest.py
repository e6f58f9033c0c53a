"""What all tests share: signals that work, and a real Redis for who asks for one."""

import signal
from collections.abc import Iterator

import pytest

from tests.redis_server import RedisServer, redis_server

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell ignores it for its background jobs, and so would the processes that tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def one_redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def redis(one_redis: RedisServer) -> RedisServer:
    one_redis.ask("FLUSHALL")
    one_redis.ask("CONFIG", "RESETSTAT")
    return one_redis
