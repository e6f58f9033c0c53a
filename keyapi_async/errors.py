"""What can go wrong, as one tree.

::

    KeyAPIError
    ├── ConfigurationError
    │   └── UsageError (RuntimeError)      closed, already being read, or another event loop's
    ├── InvalidParameterError (ValueError)
    ├── TransportError
    │   ├── AttemptTimeoutError
    │   └── ConnectionFailedError
    ├── DeadlineExceededError (TimeoutError)
    ├── ResponseError                      no envelope, too large, not JSON
    │   └── DecodeError                    an invalid row
    ├── PaginationError
    ├── CreditBudgetError                  max_credits would be passed: nothing was sent
    └── APIError                           the API said no
        ├── BadRequestError                400
        ├── AuthenticationError            401
        ├── QuotaExceededError             402, or "Usage Limit Exceeded"
        ├── PermissionDeniedError          403
        ├── NotFoundError                  404
        ├── RateLimitError                 429
        └── ServerError                    5xx
"""

from collections.abc import Mapping
from reprlib import Repr
from typing import Self

from keyapi_async.bookmark import Bookmark

__all__ = [
    "APIError",
    "AttemptTimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "ConfigurationError",
    "ConnectionFailedError",
    "CreditBudgetError",
    "DeadlineExceededError",
    "DecodeError",
    "InvalidParameterError",
    "KeyAPIError",
    "NotFoundError",
    "PaginationError",
    "PermissionDeniedError",
    "QuotaExceededError",
    "RateLimitError",
    "ResponseError",
    "ServerError",
    "TransportError",
    "UsageError",
]

_short = Repr()
_short.maxstring = _short.maxother = 120
_short.maxlong = 60


def shown(value: object) -> str:
    """Show a value in one line: escaped, and cut where it is long."""
    try:
        return printable(_short.repr(value))
    except ValueError:  # Python refuses to write a whole number of thousands of digits
        return f"<{type(value).__name__} too large to show>"


def printable(text: str, most: int = 300) -> str:
    """Give foreign text in one line, with no control character that a terminal or log obeys."""
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in cut)


class KeyAPIError(Exception):
    """Anything that this package raises on purpose.

    Attributes:
        message: what happened, in one sentence.
        path: the endpoint asked, or None where nothing was asked.
        params: the query as it was (to be) sent.
        attempts: requests sent for this call, from 0.
        bookmark: where the stream stands, for an error that comes out of a stream.
    """

    def __init__(self, message: str = "") -> None:
        """Say what happened; the code that catches it may fill in the attributes."""
        super().__init__(message)
        self.message = message
        self.path: str | None = None
        self.params: Mapping[str, str] = {}
        self.attempts = 0
        self.bookmark: Bookmark | None = None

    def __str__(self) -> str:
        """Say what happened, then to which request."""
        facts = list(self._facts())
        if self.path is not None:
            query = "&".join(
                f"{name}={printable(value, 80)}" for name, value in self.params.items()
            )
            facts.append(f"GET {self.path}{'?' if query else ''}{query}")
        if self.attempts > 1:
            facts.append(f"{self.attempts} attempts")
        return f"{self.message} [{', '.join(facts)}]" if facts else self.message

    def _facts(self) -> tuple[str, ...]:
        return ()


class ConfigurationError(KeyAPIError):
    """The client was set up wrongly; nothing was sent."""


class UsageError(ConfigurationError, RuntimeError):
    """A client or stream was used after closing, by two tasks at once, or from another loop."""


class InvalidParameterError(KeyAPIError, ValueError):
    """A parameter is refused before a credit is spent.

    Attributes:
        parameter: its name, as the API documents it.
        value: what was given.
        allowed: what would have been accepted.
    """

    def __init__(self, parameter: str = "", value: object = None, allowed: str = "") -> None:
        """Name the parameter, the value and what is allowed."""
        super().__init__(f"{parameter}={shown(value)} is not accepted: {allowed}")
        self.args: tuple[object, ...] = (parameter, value, allowed)
        self.parameter = parameter
        self.value = value
        self.allowed = allowed


class TransportError(KeyAPIError):
    """No answer of the API came back.

    Attributes:
        sent: whether the request may have reached the API, and so may have cost a credit.
    """

    sent = True


class AttemptTimeoutError(TransportError):
    """One attempt took longer than ``timeout`` seconds, body included."""


class ConnectionFailedError(TransportError):
    """The connection could not be made, was dropped, or broke in the middle of the answer."""


class DeadlineExceededError(KeyAPIError, TimeoutError):
    """One call, with all its waits and retries, would take longer than ``deadline`` seconds."""

    def _facts(self) -> tuple[str, ...]:
        if not isinstance(cause := self.__cause__, KeyAPIError):
            return ()
        late = isinstance(cause, AttemptTimeoutError)
        return (f"last attempt: {'no whole answer' if late else cause.message}",)


class ResponseError(KeyAPIError):
    """An answer came that cannot be read: not an envelope, not JSON, too large, or a redirect.

    Attributes:
        status: its HTTP status, or None where a row was converted without a request.
        request_id: the API's id of the answer, where it gave one.
        repeatable: whether asking once more may bring a better one.
    """

    status: int | None = None
    request_id: str | None = None
    repeatable = False

    def _facts(self) -> tuple[str, ...]:
        return _present(("HTTP", self.status), ("request id", self.request_id))


class DecodeError(ResponseError):
    """A row is invalid: it cannot be a record.

    Attributes:
        field: the field that is wrong, or None where the row itself is.
        value: what stood there.
        page_num: the page of the row, from 1.
    """

    page_num: int | None = None

    def __init__(self, field: str | None = None, value: object = None, reason: str = "") -> None:
        """Name the field, its value and what is wrong with it."""
        super().__init__(f"{field or 'row'}: {shown(value)} {reason}")
        self.args: tuple[object, ...] = (field, value, reason)
        self.field = field
        self.value = value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r})"  # a value may be large, or nested deep

    def _facts(self) -> tuple[str, ...]:
        return (*_present(("page", self.page_num)), *super()._facts())


class PaginationError(KeyAPIError):
    """The pages cannot be walked: the server repeats itself, or page 100001 would be needed."""


class CreditBudgetError(KeyAPIError):
    """``max_credits`` would be passed; the request was not sent."""


class APIError(KeyAPIError):
    """The API answered with an error; it costs nothing.

    Attributes:
        status: the HTTP status.
        code: the envelope's code, or None where the answer had no envelope.
        request_id: the API's id of the answer; error answers rarely have one.
        retry_after: seconds that the API asks to wait, or None.
    """

    status: int = 0
    code: int | None = None
    request_id: str | None = None
    retry_after: float | None = None

    def _facts(self) -> tuple[str, ...]:
        return _present(
            ("HTTP", self.status or None),
            ("code", self.code),
            ("request id", self.request_id),
            ("retry after", self.retry_after),
        )

    def fresh(self) -> Self:
        """Make an equal error that belongs to no request yet."""
        other = type(self)(self.message)
        other.status, other.code = self.status, self.code
        other.request_id, other.retry_after = self.request_id, self.retry_after
        return other


class BadRequestError(APIError):
    """400: a parameter is missing, or its value is not allowed."""


class AuthenticationError(APIError):
    """401: the key is missing, wrong or revoked; check ``KEYAPI_TOKEN``."""


class QuotaExceededError(APIError):
    """402, or "Usage Limit Exceeded": the plan's credits are used up."""


class PermissionDeniedError(APIError):
    """403: this key may not use that endpoint."""


class NotFoundError(APIError):
    """404: the endpoint does not exist, or what was asked for is not indexed."""


class RateLimitError(APIError):
    """429: more requests a second than the plan allows."""


class ServerError(APIError):
    """5xx: the API failed; the same request may succeed later."""


_BY_CODE: Mapping[int, type[APIError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: QuotaExceededError,
    403: PermissionDeniedError,
    404: NotFoundError,
    429: RateLimitError,
}


def error_class(code: int | None) -> type[APIError] | None:
    """Find the error that a code or an HTTP status stands for; None where it is not known."""
    if code is None:
        return None
    return ServerError if 500 <= code <= 599 else _BY_CODE.get(code)


def _present(*facts: tuple[str, object]) -> tuple[str, ...]:
    return tuple(f"{name} {printable(str(fact), 80)}" for name, fact in facts if fact is not None)
