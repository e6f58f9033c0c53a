"""A maker of limiters that share one gate."""

from collections.abc import AsyncIterator

import pytest

from keyapi_async import RedisLimiter
from tests.redis_server import RedisServer
from tests.shared_gate.sharing import Gates


@pytest.fixture
async def gates(redis: RedisServer) -> AsyncIterator[Gates]:
    made: list[RedisLimiter] = []

    def gate(qps: float | None = 50, **options: int) -> RedisLimiter:
        made.append(RedisLimiter(redis.url, name="plan", qps=qps, **options))
        return made[-1]

    yield gate
    for one in made:
        await one.aclose()
