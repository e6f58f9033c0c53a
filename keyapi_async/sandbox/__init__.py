"""KeyAPI on your own machine: a server for tests and demonstrations."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keyapi_async.sandbox.faults import Fault, Faults
    from keyapi_async.sandbox.server import Sandbox
    from keyapi_async.sandbox.service import Asked, Response, Service
    from keyapi_async.sandbox.windows import RateWindow, Window, rate_window

__all__ = [
    "Asked", "Fault", "Faults", "RateWindow", "Response", "Sandbox", "Service", "Window",
    "rate_window",
]  # fmt: skip

# To a type checker, `__getattr__` would make any misspelt name an object.
if not TYPE_CHECKING:  # pragma: no branch

    def __getattr__(name: str) -> object:
        """Import what is asked for only then: pytest loads the plugin in every run."""
        for home in ("windows", "faults", "service", "server") if name in __all__ else ():
            module = importlib.import_module(f"{__name__}.{home}")
            if name in module.__all__:
                return getattr(module, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
