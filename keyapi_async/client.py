"""The client: owns the session, and puts gate, meter, circuit and endpoints together."""

import os
from collections.abc import Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Final, Self, Unpack

from keyapi_async.api import TikTok
from keyapi_async.call.core import Caller, Core, Options, Stats
from keyapi_async.call.credits import Credits, Meter
from keyapi_async.call.retry import Retry, RetryPolicy
from keyapi_async.call.transport import ClientSession, HttpTransport, TraceConfig, Transport
from keyapi_async.call.wire import Envelope, Request, query_of
from keyapi_async.checks import number, seconds, setting
from keyapi_async.errors import ConfigurationError, InvalidParameterError, shown
from keyapi_async.jsontext import JSON
from keyapi_async.limiter import Limiter, QpsLimiter
from keyapi_async.secret import Secret
from keyapi_async.streams.listing import Listing, PageLimit, PageNum
from keyapi_async.streams.paging import Paging
from keyapi_async.streams.stream import RecordStream

__all__ = ["KeyAPI"]

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # it knows of defaults, and type checkers bring it

    T = TypeVar("T", default=dict[str, JSON])
else:
    from typing import TypeVar

    T = TypeVar("T")

_ROWS: type[dict[str, JSON]] = dict

DEFAULT_BASE_URL = "https://api.keyapi.ai"

_TWO_CREDITS: Final = frozenset(
    f"/v1/tiktok/{name}"
    for name in (
        "insights/ads",
        "insights/product/detail",
        "insights/products",
        "shop/products",
        "trending/hashtags",
        "trending/music",
        "trending/music/detail",
        "trending/videos",
        "video/comments/keywords",
        "video/trends",
    )
)
"""What is known to cost two credits; everything else is taken to cost one."""

_OF_PAGING: Final = ("page_num", "page_size", "page", "limit")


class KeyAPI:
    """A client of KeyAPI; one for each key and event loop, shared by all tasks.

    ::

        async with KeyAPI() as api:
            async for creator in api.tiktok.product.iter_creators("1729492547846767618"):
                print(creator.nick_name, creator.total_followers_cnt)

    Args:
        api_key: the key; ``KEYAPI_TOKEN`` of the environment where None.
        base_url: address of the API; ``KEYAPI_BASE_URL``, else the documented one, where None.
        qps: queries a second that the plan allows; None where that is unknown.
        limiter: a gate to share with other clients of the key, instead of ``qps``.
        retry: whether and when to try again.
        timeout: seconds for one attempt, body included, the wait for the gate not; connecting may
            take nine tenths of it.
        deadline: seconds for one call with all its waits and retries; None for no end.
        max_credits: credits that may be spent at most; None for no ceiling.
        quota_cooldown: seconds for which nothing is sent after the plan's credits are used up.
        max_connections: requests in flight at most.
        proxy: address of an HTTP proxy; ``HTTPS_PROXY``/``HTTP_PROXY`` where None, none where "".
        session: an aiohttp session of yours; it is used and never closed. Client middlewares of
            its own are not called: each request has one that sends it once.
        trace_configs: aiohttp's tracing, for a session of the client's own.
        transport: what carries requests in place of HTTP, for tests; it is closed with the client.

    Raises:
        ConfigurationError: no key, or a value that cannot be; nothing was sent.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        qps: float | None = 10.0,
        limiter: Limiter | None = None,
        retry: Retry = RetryPolicy(),  # noqa: B008  # it is frozen
        timeout: float = 30.0,
        deadline: float | None = None,
        max_credits: int | None = None,
        quota_cooldown: float = 300.0,
        max_connections: int = 100,
        proxy: str | None = None,
        session: ClientSession | None = None,
        trace_configs: Sequence[TraceConfig] = (),
        transport: Transport | None = None,
    ) -> None:
        secret = Secret(os.environ.get("KEYAPI_TOKEN") if api_key is None else api_key)
        del api_key  # from here on no frame of ours shows it
        secret.check()
        if session is not None and trace_configs:
            raise ConfigurationError("trace_configs: give them to the session that you pass")
        if limiter is not None and not isinstance(limiter, Limiter):
            raise ConfigurationError(f"limiter={shown(limiter)}: what the protocol Limiter says")
        seconds("quota_cooldown", quota_cooldown, least=0.0)
        setting("max_connections", max_connections, 1)
        if transport is None:
            transport = http = HttpTransport(
                base_url or os.environ.get("KEYAPI_BASE_URL") or DEFAULT_BASE_URL,
                secret,
                max_connections=max_connections,
                proxy=proxy,
                session=session,
                trace_configs=trace_configs,
            )
            max_connections = http.connections
        elif base_url or proxy or session or trace_configs:
            raise ConfigurationError("transport: it takes no base_url, proxy, session or tracing")
        core = Core(
            transport,
            QpsLimiter(qps) if limiter is None else limiter,
            secret,
            quota_cooldown=quota_cooldown,
            max_connections=max_connections,
        )
        options = Options(timeout, deadline, retry, Meter(_budget(max_credits)))
        self._assemble(core, _checked(options), owner=True)

    def _assemble(self, core: Core, options: Options, *, owner: bool) -> None:
        self._caller = Caller(core, options)
        self._owner = owner
        self.tiktok: TikTok = TikTok(self._caller)

    def with_options(
        self,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        retry: Retry | None = None,
        max_credits: int | None = None,
    ) -> "KeyAPI":
        """Make a view of this client with other options; None keeps the client's own.

        The view shares session, gate, meter and circuit. Its ``max_credits`` is a ceiling on what
        goes through the view; the client counts it too. Closing a view closes nothing.

        Raises:
            ConfigurationError: a value that cannot be.
        """
        old = self._caller.options
        options = Options(
            old.timeout if timeout is None else timeout,
            old.deadline if deadline is None else deadline,
            old.retry if retry is None else retry,
            old.meter if max_credits is None else Meter(_budget(max_credits), old.meter),
        )
        view = copy(self)
        view._assemble(self._caller.core, _checked(options), owner=False)  # noqa: SLF001
        return view

    async def get(
        self,
        path: str,
        params: Mapping[str, str | float | None] | None = None,
        *,
        credits: int | None = None,  # noqa: A002
    ) -> Envelope:
        """Get any endpoint of the API, with the same gate, retries and metering.

        Args:
            path: such as ``/v1/tiktok/video/captions``.
            params: the query; None is left out.
            credits: what it costs; where None, the known price, else one credit.

        Cost:
            Its price, where the answer is a success.

        Raises:
            InvalidParameterError: the path or a parameter is refused; nothing was sent.
            KeyAPIError: no success came back.
        """
        # The checks are imported where they are used: making a client is cheap.
        from keyapi_async.api import params as checks  # noqa: PLC0415

        request = Request(checks.path(path), query_of(checks.query(params or {})))
        core, options = self._caller
        envelope, _ = await core.call(request, options, _price(path, credits))
        return envelope

    def iter_records(
        self,
        path: str,
        params: Mapping[str, str | float | None] | None = None,
        into: type[T] = _ROWS,  # type: ignore[assignment]  # a default for a type variable
        *,
        credits: int | None = None,  # noqa: A002
        rows: str = "data",
        pages: PageNum | PageLimit | None = PageNum(),  # noqa: B008  # it is frozen
        **paging: Unpack[Paging],
    ) -> RecordStream[T]:
        """Stream any list of the API; rows become dicts, or what ``into`` names.

        Args:
            path: such as ``/v1/tiktok/trending/hashtags``.
            params: the query, paging left out; None is left out.
            into: a record class of this package, or any class that cattrs can structure.
            credits: what a page costs; where None, the known price, else one credit.
            rows: where the rows stand in the answer, such as ``data.list``.
            pages: how it is paged: ``PageNum()``, or ``PageLimit()`` for ``page`` and ``limit``;
                None where there is one answer.
            paging: the options of every ``iter_*``.

        Cost:
            The price a page.

        Raises:
            InvalidParameterError: at once, before anything is sent.
        """
        from keyapi_async.api import params as checks  # noqa: PLC0415  # as above

        query = checks.query(params or {})
        for name in _OF_PAGING:
            if name in query and pages is not None:
                allowed = "it belongs to the paging: say page_size, page_num or start"
                raise InvalidParameterError(name, query[name], allowed)
        if pages is not None and not isinstance(pages, (PageNum, PageLimit)):
            raise InvalidParameterError("pages", pages, "PageNum(), PageLimit() or None")
        if not isinstance(rows, str) or rows.split(".", maxsplit=1)[0] != "data":
            raise InvalidParameterError("rows", rows, "names from data on, such as 'data.list'")
        listing = Listing(
            name=path,
            path=checks.path(path),
            into=into,
            queries=(query_of(query),),
            key=query,
            pages=pages,
            rows=rows,
            credits=_price(path, credits),
        )
        return RecordStream(self._caller, listing, **paging)

    @property
    def credits(self) -> Credits:
        """What was spent through this client or view, and what may be."""
        return Credits(self._caller.options.meter, self._caller.core.circuit)

    @property
    def stats(self) -> Stats:
        """What was done so far by this client and its views, as a snapshot."""
        return self._caller.core.stats(self._caller.options.meter.levels[-1].spent)

    @property
    def limiter(self) -> Limiter:
        """The gate of this client, to share with others of the same key."""
        return self._caller.core.limiter

    @property
    def closed(self) -> bool:
        """Whether the client is closed, and nothing can be sent any more."""
        return self._caller.core.closed

    async def aclose(self) -> None:
        """Close the client: what waits fails, and its own session is closed."""
        if self._owner:
            await self._caller.core.close()

    async def __aenter__(self) -> Self:
        self._caller.core.enter()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        if not hasattr(self, "_caller"):  # a traceback shows a client whose construction failed
            return "<KeyAPI, not set up>"
        return f"<KeyAPI {'closed' if self.closed else 'open'}, {self.credits!r}>"


def _checked(options: Options) -> Options:
    seconds("timeout", options.timeout)
    if options.deadline is not None:
        seconds("deadline", options.deadline)
    if not callable(options.retry) or isinstance(options.retry, type):
        raise ConfigurationError(f"retry={options.retry!r}: a RetryPolicy, or a function like it")
    return options


def _budget(max_credits: int | None) -> int | None:
    return None if max_credits is None else setting("max_credits", max_credits, 0)


def _price(path: str, price: int | None) -> int:
    if price is None:
        return 2 if path in _TWO_CREDITS else 1
    return number("credits", price, 0)
