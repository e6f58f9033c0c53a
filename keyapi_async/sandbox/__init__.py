"""KeyAPI on your own machine: a server for tests and demonstrations."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keyapi_async.sandbox.data import World
    from keyapi_async.sandbox.desk import Asked, Desk, Reply
    from keyapi_async.sandbox.faults import Fault, Faults
    from keyapi_async.sandbox.server import Sandbox
    from keyapi_async.sandbox.windows import RateWindow, Window, rate_window

__all__ = [
    "Asked",
    "Desk",
    "Fault",
    "Faults",
    "RateWindow",
    "Reply",
    "Sandbox",
    "Window",
    "World",
    "rate_window",
]

_HOMES = {
    "Asked": "desk",
    "Desk": "desk",
    "Fault": "faults",
    "Faults": "faults",
    "RateWindow": "windows",
    "Reply": "desk",
    "Sandbox": "server",
    "Window": "windows",
    "World": "data",
    "rate_window": "windows",
}

# To a type checker, `__getattr__` would make any misspelt name an object.
if not TYPE_CHECKING:  # pragma: no branch

    def __getattr__(name: str) -> object:
        """Import what is asked for only then: pytest loads the plugin in every run."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
