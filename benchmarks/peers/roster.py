"""Who is measured."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Peer:
    """A way to read the lists.

    Attributes:
        module: its program, in ``benchmarks.peers.clients``.
        title: what tables call it.
        rows: what its rows are.
        needs: what is installed for it, beyond what this package depends on.
        installs: what its users install.
        loop: the event loop that it runs in.
        streams: lists that its users read at a time under a limit.
        manner: how its users live with a limit.
        latency: seconds before each answer of a server with a limit.
    """

    module: str
    title: str
    rows: str
    needs: tuple[str, ...] = ()
    installs: tuple[str, ...] = ()
    loop: str = "asyncio"
    streams: int = 16
    manner: str = "16 streams, retry on 429"
    latency: float = 0.08


SDK = Peer("keyapi", "keyapi_async", "attrs", installs=(".",), manner="16 streams, qps=20")
BARE = Peer("aiohttp_orjson", "aiohttp + orjson", "dict", installs=("aiohttp", "orjson"))
REQUESTS = Peer(
    "requests_loop",
    "requests",
    "dict",
    needs=("requests",),
    installs=("requests",),
    streams=1,
    manner="a plain loop, retry on 429",
)
HTTPX = Peer(
    "httpx_pydantic",
    "httpx + pydantic",
    "pydantic",
    needs=("httpx", "pydantic"),
    installs=("httpx", "pydantic"),
)
PYTHON_CLIENT = Peer(
    "openapi_python_client",
    "openapi-python-client",
    "attrs",
    needs=("openapi-python-client",),
    installs=("httpx", "attrs", "python-dateutil"),
)
GENERATOR = Peer(
    "openapi_generator",
    "openapi-generator",
    "pydantic",
    needs=("openapi-generator-cli",),
    installs=("aiohttp", "aiohttp-retry", "pydantic", "python-dateutil"),
)

PEERS = (SDK, BARE, REQUESTS, HTTPX, PYTHON_CLIENT, GENERATOR)
"""The peers of the first table; those with an event loop run in uvloop, too."""

UNDER_UVLOOP = tuple(
    replace(peer, title=f"{peer.title}, uvloop", loop="uvloop", needs=(*peer.needs, "uvloop"))
    for peer in PEERS
    if peer is not REQUESTS
)

LIMITED = (
    SDK,
    Peer(
        "aiohttp_aiolimiter",
        "aiohttp + aiolimiter",
        "dict",
        manner="16 streams, AsyncLimiter(20, 1), retry on 429",
    ),
    BARE,
    REQUESTS,
    HTTPX,
    PYTHON_CLIENT,
    GENERATOR,
    Peer("keyapi", "keyapi_async, no latency", "attrs", manner=SDK.manner, latency=0.0),
)
"""The peers of the second table."""
