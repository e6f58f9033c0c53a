"""KeyAPI on your own machine: a server for tests and demonstrations."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keyapi_async.sandbox.faults import Fault, Faults
    from keyapi_async.sandbox.server import Sandbox
    from keyapi_async.sandbox.service import Asked, Response, Service
    from keyapi_async.sandbox.windows import RateWindow, Window, rate_window

__all__ = [
    "Asked",
    "Fault",
    "Faults",
    "RateWindow",
    "Response",
    "Sandbox",
    "Service",
    "Window",
    "rate_window",
]

_HOMES = {
    "Asked": "service",
    "Fault": "faults",
    "Faults": "faults",
    "RateWindow": "windows",
    "Response": "service",
    "Sandbox": "server",
    "Service": "service",
    "Window": "windows",
    "rate_window": "windows",
}

# To a type checker, `__getattr__` would make any misspelt name an object.
if not TYPE_CHECKING:  # pragma: no branch

    def __getattr__(name: str) -> object:
        """Import what is asked for only then: pytest loads the plugin in every run."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
