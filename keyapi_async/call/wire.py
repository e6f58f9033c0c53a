"""What goes over the wire and what comes back, as functions of values, without I/O."""

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import parse_qsl, quote_plus

import orjson

from keyapi_async.errors import APIError, QuotaExceededError, ResponseError, error_class, printable
from keyapi_async.jsontext import JSON, read_json

__all__ = ["Answer", "Envelope", "Request"]

Hide = Callable[[str], str]

MAX_BODY = 8 * 2**20

_PLAIN = re.compile(r"[\w.,-]*", re.ASCII)
_SECONDS = re.compile(r"\d{1,99}(\.\d{1,99})?", re.ASCII)
_TAGS = re.compile(r"<(script|style)\b.*?(</\1\s*>|\Z)|<[^>]*>", re.DOTALL | re.IGNORECASE)
_OUT_OF_CREDITS = "usage limit exceeded"


class Request(NamedTuple):
    """One GET: the path, and the query as it is sent."""

    path: str
    query: str = ""

    @property
    def params(self) -> dict[str, str]:
        """The query by name, for messages."""
        return dict(parse_qsl(self.query, keep_blank_values=True))


class Answer(NamedTuple):
    """What HTTP brought: the status, the headers and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Envelope(NamedTuple):
    """A successful answer of the API.

    Attributes:
        code: 0 (some answers have 200).
        message: what the API says of it.
        data: what was asked for, as JSON has it.
        request_id: the API's id of the answer, or None.
    """

    code: int
    message: str
    data: JSON
    request_id: str | None

    def rows(self, where: str = "data") -> list[JSON]:
        """Find the rows of a list: null or nothing is none of them, a single object is one.

        Args:
            where: names from ``data`` on, with dots between them, such as ``data.list``.

        Raises:
            ResponseError: there is something else.
        """
        data = self.data
        for name in () if where == "data" else where.split(".")[1:]:
            if data is None or data == {}:
                return []
            if not isinstance(data, dict) or name not in data:
                named = f"; it has {', '.join(sorted(data))}" if isinstance(data, dict) else ""
                raise self._error(f"the answer has no {where}{named}")
            data = data[name]
        if isinstance(data, list):
            return data
        if data is None or isinstance(data, dict):
            return [] if data is None else [data]
        # It is not shown: a server that errs like this may quote anything there.
        raise self._error(f"the answer's {where} is not a list of rows, but {type(data).__name__}")

    @property
    def has_more(self) -> bool | None:
        """Whether ``data.pagination`` says that the list goes on; None where it says nothing."""
        pagination = self.data.get("pagination") if isinstance(self.data, dict) else None
        more = pagination.get("has_more") if isinstance(pagination, dict) else None
        return bool(more) if isinstance(more, (bool, int)) else None

    def _error(self, message: str) -> ResponseError:
        error = ResponseError(printable(message))
        error.status, error.request_id = 200, self.request_id
        return error


def query_of(params: Mapping[str, str | int | None]) -> str:
    """Write a query; what is None is not asked for."""
    return "&".join(
        f"{_quoted(name)}={_quoted(str(value))}"
        for name, value in params.items()
        if value is not None
    )


def _quoted(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else quote_plus(text, ",")


def classify(answer: Answer, hide: Hide = str) -> Envelope | APIError | ResponseError:
    """Tell what an answer means; ``hide`` goes over every text of its that an error will show.

    The envelope's code decides where it is a known error, else the HTTP status; code 0 and 200 are
    success, unless the HTTP status is an error.
    """
    status = answer.status
    try:
        document = read_json(answer.body)
    except ValueError:
        document = None
    code = document.get("code") if isinstance(document, dict) else None
    if code.__class__ is not int:
        code = _code(code)
    if code is None or not isinstance(document, dict):
        return _no_envelope(answer, document, hide)
    request_id = document.get("requestId")
    if request_id is not None and request_id.__class__ is not str:
        request_id = str(request_id) if request_id.__class__ is int else None
    request_id = None if request_id is None else hide(request_id)
    message = document.get("message")
    if message.__class__ is not str:
        message = ""
    if 200 <= status < 300 and code in (0, 200):
        return Envelope(code, message, document.get("data"), request_id)
    if 300 <= status < 400:
        return _unreadable(answer, "the answer is a redirect, which is never followed")
    request_id = None if request_id is None else printable(request_id, 80)
    return _api_error(answer, code, hide(message), request_id)


def _code(value: object) -> int | None:
    """Read a code that came as a text; what is an int already never comes here."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return None


def _no_envelope(answer: Answer, document: JSON, hide: Hide) -> APIError | ResponseError:
    said = document.get("message") if isinstance(document, dict) else None
    if isinstance(said, str) and said:
        text = hide(said)
    else:
        text = readable(hide(_plain(answer.body, document)))
    if answer.status >= 400 or text.lower().startswith(_OUT_OF_CREDITS):
        return _api_error(answer, None, text, None)
    if answer.status >= 300:
        return _unreadable(answer, "the answer is a redirect, which is never followed")
    return _unreadable(answer, f"the answer is not an envelope: {printable(text, 160) or 'empty'}")


def _plain(body: bytes, document: JSON) -> str:
    if document is not None:
        try:
            return orjson.dumps(document).decode()  # without escapes, in which a key could hide
        except orjson.JSONEncodeError:
            return "JSON of many levels"
    return body.decode(errors="replace")


def _unreadable(answer: Answer, message: str) -> ResponseError:
    error = ResponseError(message)
    error.status = answer.status
    error.repeatable = answer.status < 300
    return error


def _api_error(answer: Answer, code: int | None, message: str, request_id: str | None) -> APIError:
    if _OUT_OF_CREDITS in message.lower():
        found: type[APIError] = QuotaExceededError
    else:
        found = error_class(code) or error_class(answer.status) or APIError
    error = found(printable(message) or "the API gave no reason")
    error.status, error.code, error.request_id = answer.status, code, request_id
    now = _instant(answer.headers.get("Date", ""))  # our clock may be hours off
    error.retry_after = retry_after(
        answer.headers.get("Retry-After"), time.time() if now is None else now
    )
    return error


def readable(text: str) -> str:
    """Give what the beginning of a page shows, without its tags."""
    return " ".join(_TAGS.sub(" ", text[:4096]).split())


def retry_after(value: str | None, now: float) -> float | None:
    """Read Retry-After, seconds or an HTTP date, as seconds from now; None if unreadable."""
    if value is None:
        return None
    if _SECONDS.fullmatch(value := value.strip()):
        return float(value)
    date = _instant(value)
    return None if date is None else max(0.0, date - now)


def _instant(value: str) -> float | None:
    """Read an HTTP date as Unix seconds; None where it cannot be read."""
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    # One of HTTP's three forms names no zone, and means GMT like the others.
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
