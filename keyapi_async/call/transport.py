"""One GET over aiohttp, sent exactly once. The only file of the client that imports aiohttp."""

import ipaddress
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from http.cookies import BaseCookie
from typing import Protocol, TypeAlias

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from aiohttp.connector import Connection
from yarl import URL

from keyapi_async.call.wire import MAX_BODY, Answer, Request
from keyapi_async.errors import (
    AttemptTimeoutError,
    ConfigurationError,
    ConnectionFailedError,
    KeyAPIError,
    ResponseError,
    TransportError,
    UsageError,
    printable,
    shown,
)
from keyapi_async.secret import Secret

__all__ = ["Transport"]

ClientSession: TypeAlias = aiohttp.ClientSession
TraceConfig: TypeAlias = aiohttp.TraceConfig

_CONNECT_SHARE = 0.9  # of an attempt's time: what could not connect by then was surely not sent


class Transport(Protocol):
    """What carries a request to the API and brings the answer back."""

    async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
        """Send a request exactly once; return a failure, not raise it.

        The caller ends it after ``within`` seconds: a connection must be there well before.
        """
        ...

    async def close(self) -> None:
        """Close what is the transport's own."""
        ...


class HttpTransport:
    """GETs below one base URL, over a session of its own or the caller's.

    Failures are returned as values and carry no cause: aiohttp's exceptions hold the request's
    headers, and those hold the key.
    """

    def __init__(
        self,
        base_url: str,
        secret: Secret,
        *,
        max_connections: int,
        proxy: str | None,
        session: ClientSession | None,
        trace_configs: Sequence[TraceConfig],
    ) -> None:
        if session is not None and not isinstance(session, ClientSession):
            raise ConfigurationError(f"session={shown(session)}: an aiohttp.ClientSession")
        if not isinstance(trace_configs, Sequence) or not all(
            isinstance(config, TraceConfig) for config in trace_configs
        ):
            raise ConfigurationError("trace_configs: a sequence of aiohttp.TraceConfig")
        base = checked_base_url(base_url)
        self._proxy = checked_proxy(proxy, base)
        self._endpoint = lru_cache(256)(lambda path: base.with_path(base.path.rstrip("/") + path))
        self._secret = secret
        # A session of our own has the headers from its beginning, which costs less per request.
        self._headers = secret.headers() if session is not None else None
        self._middlewares = (_send_once,) if session is not None else ()
        self.connections: int = max_connections
        self._trace_configs = list(trace_configs)
        self._session = session
        if session is not None and session.connector is not None:
            pools = (session.connector.limit, session.connector.limit_per_host)
            self.connections = min(filter(None, (max_connections, *pools)))
        self._owns_session = session is None
        self._limits: dict[float, aiohttp.ClientTimeout] = {}

    def _open(self) -> ClientSession:
        return ClientSession(
            headers=self._secret.headers(),
            connector=aiohttp.TCPConnector(limit=self.connections),
            cookie_jar=_NoCookies(),
            trace_configs=self._trace_configs,
            response_class=_OnlyResponse,
        )

    async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
        """Send a request exactly once; connect well within so many seconds."""
        if self._session is None:
            self._session = self._open()
        try:
            response = await self._session.get(
                self._url(request),
                headers=self._headers,
                allow_redirects=False,
                raise_for_status=False,
                timeout=self._limits.get(within) or self._connect_limit(within),
                middlewares=self._middlewares,
                proxy=self._proxy,
            )
            content = response.content
            # A page often comes as a whole: then there is nothing to wait for, or to close.
            body = content.read_nowait() if content.is_eof() else await _read(response)
            if len(body) > MAX_BODY:
                return _too_large(response.status)
            return Answer(response.status, response.headers, body)
        except (aiohttp.ClientError, TimeoutError) as error:
            return self._failure(error, within)
        except (RuntimeError, ValueError) as error:
            if self._session.closed:
                return UsageError("the aiohttp session of this client is closed")
            return ConfigurationError(f"aiohttp refused to send: {self._reason(error)}")

    def _url(self, request: Request) -> URL:
        endpoint, query = self._endpoint(request.path), request.query
        if "%" in query or "+" in query:
            return URL(f"{endpoint}?{query}", encoded=True)
        return endpoint.with_query(query)  # twice as fast, but it would escape the escapes

    def _connect_limit(self, within: float) -> aiohttp.ClientTimeout:
        """Limit the time to connect; it has no effect on a connection that is open already."""
        self._limits.clear()
        self._limits[within] = limit = aiohttp.ClientTimeout(connect=within * _CONNECT_SHARE)
        return limit

    def _failure(self, error: Exception, within: float) -> TransportError:
        """Say what became of a request; ``sent`` is whether it may have reached the API."""
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            failure: TransportError = AttemptTimeoutError(
                f"no connection within {within * _CONNECT_SHARE:.3g} s"
            )
            failure.sent = False
        elif isinstance(error, aiohttp.ClientConnectorError):
            failure = ConnectionFailedError(self._reason(error))
            failure.sent = False
        elif isinstance(error, aiohttp.ClientHttpProxyError):  # it made no tunnel
            reason = f"{error.status} {self._reason(error.message)}".rstrip()
            failure = ConnectionFailedError(f"the proxy refused to connect: {reason}")
            failure.sent = False
        elif isinstance(error, aiohttp.ClientResponseError):
            failure = TransportError(f"the answer is not HTTP: {self._reason(error.message)}")
        else:
            failure = ConnectionFailedError(self._reason(error))
        return failure

    def _reason(self, error: Exception | str) -> str:
        """Give aiohttp's reason without the key, which a server may have quoted."""
        said = self._secret.hide(str(error) or type(error).__name__)
        return printable(" ".join(said.replace(" ssl:default", "").split()))

    async def close(self) -> None:
        """Close the session, if it is not the caller's."""
        if self._owns_session and self._session is not None:
            await self._session.close()


async def _read(response: ClientResponse) -> bytes:
    """Read a body to its end, or until it is too large."""
    chunks: list[bytes] = []
    size = 0
    try:
        while size <= MAX_BODY and not response.content.at_eof():
            chunks.append(await response.content.readany())
            size += len(chunks[-1])
    finally:
        response.close()  # if it is not at its end
    return b"".join(chunks)


class _NoCookies(aiohttp.DummyCookieJar):
    """Says that there are none without making a new object each time."""

    _none: "BaseCookie[str]" = BaseCookie()

    def filter_cookies(self, request_url: URL) -> "BaseCookie[str]":  # noqa: ARG002
        return self._none


class _OnlyResponse(ClientResponse):
    """Keeps aiohttp from silently sending a GET again when a kept connection proves dead."""

    async def start(self, connection: Connection) -> ClientResponse:
        try:
            return await super().start(connection)
        except _RESENT as error:
            reason = str(error)
        raise aiohttp.ClientConnectionError(reason)


async def _send_once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Do the same as a middleware, in a session that belongs to the caller."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except _RESENT as error:
        reason = str(error)
    raise aiohttp.ClientConnectionError(reason)


_RESENT = (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)


def _too_large(status: int) -> ResponseError:
    error = ResponseError(f"the answer is larger than {MAX_BODY // 2**20} MiB")
    error.status = status
    return error


def checked_base_url(value: str) -> URL:
    """Check a base URL: https, or http on this machine alone; else raise a ConfigurationError."""
    url = _url_of(value)
    if url is None or url.user or url.password or url.query_string or url.fragment:
        # Not shown where it may hold a password.
        told = "" if "@" in str(value) else f"={shown(value)}"
        raise ConfigurationError(
            f"base_url{told}, or KEYAPI_BASE_URL: an address such as 'https://api.keyapi.ai',"
            " with http:// or https://, and no more"
        )
    if url.scheme == "https" or (url.scheme == "http" and _is_loopback(url.host or "")):
        return url
    raise ConfigurationError(
        f"base_url={str(url)!r}: the key travels over https only; http is for loopback hosts"
    )


def _url_of(value: str) -> URL | None:
    """Read the URL of a host; None where it is not one."""
    with suppress(TypeError, ValueError):
        url = URL(value)
        if url.host and url.port is not None:
            return url
    return None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_proxy(value: str | None, base: URL) -> URL | None:
    """Check a proxy's URL; None looks into the environment once, an empty text means none."""
    name = "proxy"
    if value is None:
        import urllib.request  # noqa: PLC0415  # it loads an HTTP client of its own

        if urllib.request.proxy_bypass(f"{base.host}:{base.port}"):
            return None
        name = f"{base.scheme.upper()}_PROXY of the environment"
        value = urllib.request.getproxies().get(base.scheme)
        if value and "://" not in value:
            value = f"http://{value}"
    if not value:
        return None
    url = _url_of(value)
    if url is None or url.scheme not in ("http", "https"):
        # Not shown: a proxy's URL may hold a password.
        raise ConfigurationError(f"{name}: an address such as 'http://proxy.example:3128'")
    return url
