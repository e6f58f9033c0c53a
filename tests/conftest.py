"""A real Redis for each module that asks for one, empty for each test."""

import shutil
from collections.abc import Iterator

import pytest

from benchmarks.shared_gate import RedisServer, redis_server


@pytest.fixture(scope="module")
def one_redis() -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    with redis_server() as server:
        yield server


@pytest.fixture
def redis(one_redis: RedisServer) -> RedisServer:
    one_redis.ask("FLUSHALL")
    one_redis.ask("CONFIG", "RESETSTAT")
    return one_redis
