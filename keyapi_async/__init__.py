"""The asyncio client for KeyAPI's TikTok analytics: streams of typed records.

A file's ``__all__`` says which of its names are public here. They are imported when they are first
asked for: pytest loads the package in every run for its plugin, the command line for ``--help``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from keyapi_async.version import __version__ as __version__

if TYPE_CHECKING:
    from keyapi_async.api.category import *
    from keyapi_async.api.endpoint import *
    from keyapi_async.api.influencer import *
    from keyapi_async.api.influencer_record import *
    from keyapi_async.api.params import *
    from keyapi_async.api.product import *
    from keyapi_async.api.product_record import *
    from keyapi_async.api.search import *
    from keyapi_async.api.shared import *
    from keyapi_async.api.shop import *
    from keyapi_async.api.video import *
    from keyapi_async.bookmark import *
    from keyapi_async.call.core import *
    from keyapi_async.call.credits import *
    from keyapi_async.call.retry import *
    from keyapi_async.call.transport import *
    from keyapi_async.call.wire import *
    from keyapi_async.client import *
    from keyapi_async.errors import *
    from keyapi_async.limiter import *
    from keyapi_async.limiter.shared import *
    from keyapi_async.records.converter import *
    from keyapi_async.records.fields import *
    from keyapi_async.streams.fanout import *
    from keyapi_async.streams.listing import *
    from keyapi_async.streams.page import *
    from keyapi_async.streams.paging import *
    from keyapi_async.streams.stream import *

# In the order in which they are searched for a name: what every client needs comes first.
_FILES = (
    "client errors bookmark call.core call.credits call.retry call.transport call.wire limiter "
    "streams.fanout streams.listing streams.page streams.paging streams.stream records.fields "
    "api.params api.shared api.endpoint api.category api.product_record api.product "
    "api.video api.influencer_record api.influencer api.shop api.search "
    "records.converter limiter.shared"
)


# To a type checker, `__getattr__` would make any misspelt name an object.
if not TYPE_CHECKING:  # pragma: no branch

    def __getattr__(name: str) -> object:
        if name == "__all__":
            return __dir__()
        if not name.startswith("_"):
            for file in _FILES.split():
                module = import_module(f"{__name__}.{file}")
                if name in module.__all__:
                    value: object = getattr(module, name)
                    globals()[name] = value
                    return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        files = [import_module(f"{__name__}.{file}") for file in _FILES.split()]
        return sorted(["__version__", *(name for file in files for name in file.__all__)])
