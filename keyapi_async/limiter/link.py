"""The connection to Redis: makes a redis-py client of an address, and runs the script there."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from keyapi_async.errors import ConfigurationError, printable

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.commands.core import AsyncScript

TIMEOUT = 0.5
"""Seconds for one call, connecting included, and for each step of it."""

_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")
_SENTINEL_PORT = 26379
_SCRIPT = "shared.lua"


class LinkError(Exception):
    """Redis did not do what it was asked for, and why."""


class Link:
    """A connection to Redis, made when it is needed.

    Its address is one that redis-py reads, or
    ``redis+sentinel://[[user]:password@]host[:port][,host[:port]…]/service[/db]``.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.name: str = _named(url)
        self._calls: set[asyncio.Task[list[str]]] = set()
        self._clients: list[Redis] = []
        self._script = self._opened()  # an address that redis-py refuses is refused at once

    async def run(self, keys: Sequence[str], args: Sequence[str]) -> list[str]:
        """Run the script; after a LinkError it may have been run all the same."""
        call = asyncio.create_task(self._run(keys, args))
        self._calls.add(call)
        call.add_done_callback(self._ended)
        # A call that is overdue is left to its end: redis-py tidies up after itself.
        await asyncio.wait((call,), timeout=TIMEOUT)
        if not call.done():
            raise LinkError(f"no answer within {TIMEOUT:g} s")
        return call.result()

    async def _run(self, keys: Sequence[str], args: Sequence[str]) -> list[str]:
        from redis.exceptions import MovedError, RedisError  # noqa: PLC0415  # an extra, too

        if not self._clients:
            self._script = self._opened()
        try:
            answer = await self._script(keys=keys, args=args)
        except MovedError as error:
            place = printable(f"{error.host}:{error.port}", 80)
            raise LinkError(f"of its cluster, {place} has the gate: name that one") from error
        except (RedisError, OSError) as error:
            raise LinkError(printable(str(error) or type(error).__name__, 200)) from error
        return [part if isinstance(part, str) else part.decode() for part in answer]

    def _ended(self, call: "asyncio.Task[list[str]]") -> None:
        self._calls.discard(call)
        _ = call.cancelled() or call.exception()  # its caller may have stopped waiting

    async def close(self) -> None:
        """Close what is open; the next run opens it anew."""
        clients, self._clients = self._clients, []
        if self._calls:
            await asyncio.wait(self._calls)
        for client in clients:
            await client.aclose()

    def abandon(self) -> None:
        """Forget connections of another event loop, which cannot be closed from this one."""
        self._clients = []

    def _opened(self) -> "AsyncScript":
        try:
            from redis.asyncio import Redis  # noqa: PLC0415  # the extra is optional

            if "+sentinel" in self.name:
                self._clients = _sentinel(self._url)
            else:
                self._clients = [Redis.from_url(self._url, **_options())]
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                "RedisLimiter needs redis-py: pip install 'keyapi-async[redis]'"
            ) from error
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"{self.name}: {printable(str(error), 200)}") from None
        text = files(__package__).joinpath(_SCRIPT).read_text()
        return self._clients[0].register_script(text)


def _named(url: str) -> str:
    """Say where Redis is, without user and password."""
    parts = None
    if isinstance(url, str):
        with suppress(ValueError):
            parts = urlsplit(url)
    if parts is None or parts.scheme not in _SCHEMES:
        raise ConfigurationError(
            "url: an address of Redis, such as redis://localhost:6379/0; known are "
            + ", ".join(f"{scheme}://" for scheme in _SCHEMES)
        )
    place = parts.netloc.rpartition("@")[2] or parts.path
    return f"{parts.scheme}://{printable(place, 80)}"


def _options() -> dict[str, Any]:
    from redis.asyncio.retry import Retry  # noqa: PLC0415  # the extra is optional
    from redis.backoff import NoBackoff  # noqa: PLC0415

    return {
        "socket_timeout": TIMEOUT,
        "socket_connect_timeout": TIMEOUT,
        "retry": Retry(NoBackoff(), 0),  # the gate of this process is better than a wait
    }


def _sentinel(url: str) -> "list[Redis]":
    """Make a client of the Redis that Sentinels name, and then those of the Sentinels."""
    from redis.asyncio.connection import parse_url  # noqa: PLC0415  # the extra is optional
    from redis.asyncio.sentinel import Sentinel  # noqa: PLC0415

    parts = urlsplit(url)
    login, _, places = parts.netloc.rpartition("@")
    service, _, database = parts.path.strip("/").partition("/")
    if not service or not re.fullmatch(r"\d*", database, re.ASCII):
        raise ValueError("the path of a Sentinel address is the service's name, then a database")
    options = {**_options(), **parse_url(f"redis://{login}@/{database}?{parts.query}")}
    if parts.scheme == "rediss+sentinel":
        options["ssl"] = True
    sentinels = []
    for place in map(urlsplit, (f"//{one}" for one in places.split(","))):
        if not place.hostname:
            raise ValueError("a Sentinel address names a host, or several with commas between them")
        sentinels.append((place.hostname, place.port or _SENTINEL_PORT))
    asked = Sentinel(sentinels, sentinel_kwargs=_options(), **options)  # type: ignore[no-untyped-call]
    return [asked.master_for(service), *asked.sentinels]
