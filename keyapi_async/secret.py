"""The API key, and the headers made of it."""

import hashlib
from typing import NoReturn

from keyapi_async.errors import ConfigurationError
from keyapi_async.version import __version__


class Secret:
    """The API key; printing, pickling or comparing it does not reveal it."""

    __slots__ = ("_key",)

    def __init__(self, key: str | None) -> None:
        self._key = key.strip(" \t") if isinstance(key, str) else ""

    def check(self, name: str = "api_key") -> None:
        """Raise a ConfigurationError for what cannot be a key, which came by ``name``."""
        if not self._key:
            raise ConfigurationError(
                f"no API key: set KEYAPI_TOKEN, or pass {name}="
                " (keys are at https://keyapi.ai/app/dashboard)"
            )
        if self._key.lower().startswith("bearer "):
            raise ConfigurationError(
                "the API key goes without 'Bearer': it is added to each request"
            )
        if not self._key.isascii() or not self._key.isprintable():
            raise ConfigurationError(
                "the API key has a line break, or letters, quotes or spaces beyond ASCII:"
                " copy it again"
            )

    def headers(self) -> dict[str, str]:
        """Write the headers of every request."""
        return {
            "Authorization": f"Bearer {self._key}",
            "Accept": "application/json",
            "User-Agent": f"keyapi-async/{__version__}",
        }

    def fingerprint(self) -> str:
        """Give a name that only this key has, and that does not lead back to it."""
        return hashlib.sha256(b"keyapi_async\0" + self._key.encode()).hexdigest()[:32]

    def hide(self, text: str) -> str:
        """Strike the key out of what a server quotes."""
        return text.replace(self._key, "***")

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an API key is not pickled: hand it over explicitly")
