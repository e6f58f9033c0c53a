"""The tree of errors: its shape, what each error carries, and that it survives a pickle."""

import copy
import pickle
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import keyapi_async
from keyapi_async import Bookmark, errors
from keyapi_async.errors import error_class, printable, shown
from tests.rows import steady

BASES = {
    ("Exception",): "KeyAPIError",
    ("KeyAPIError",): "ConfigurationError TransportError ResponseError PaginationError"
    " CreditBudgetError APIError",
    ("ConfigurationError", "RuntimeError"): "UsageError",
    ("KeyAPIError", "ValueError"): "InvalidParameterError",
    ("TransportError",): "AttemptTimeoutError ConnectionFailedError",
    ("KeyAPIError", "TimeoutError"): "DeadlineExceededError",
    ("ResponseError",): "DecodeError",
    ("APIError",): "BadRequestError AuthenticationError QuotaExceededError PermissionDeniedError"
    " NotFoundError RateLimitError ServerError",
}
TREE = {name: bases for bases, names in BASES.items() for name in names.split()}
CLASSES: list[type[errors.KeyAPIError]] = [getattr(keyapi_async, name) for name in TREE]
API_ERRORS = [cls for cls in CLASSES if issubclass(cls, errors.APIError)]
ASKED = "GET /v1/x?a=1&b=ß &, 3 attempts"
every_error = pytest.mark.parametrize("cls", CLASSES)


def made(cls: type[errors.KeyAPIError]) -> errors.KeyAPIError:
    if cls in {errors.DecodeError, errors.InvalidParameterError}:
        return cls("user_id", {"a": [1]}, "is required")
    return cls("it happened")


def filled(cls: type[errors.KeyAPIError]) -> errors.KeyAPIError:
    """Make an error that knows all that one can know."""
    error = made(cls)
    error.path, error.params, error.attempts = "/v1/x", {"a": "1", "b": "ß &"}, 3
    error.bookmark = Bookmark(4, 5, 10, 6)
    if isinstance(error, errors.APIError):
        error.status, error.code, error.request_id, error.retry_after = 429, 1001, "r-1", 7.0
    if isinstance(error, errors.ResponseError):
        error.status, error.request_id, error.repeatable = 200, "r-1", True
    if isinstance(error, errors.DecodeError):
        error.page_num = 4
    if isinstance(error, errors.TransportError):
        error.sent = False
    return error


def attributes(error: BaseException) -> dict[str, Any]:
    """Collect what an error says of itself, class attributes included."""
    values = {name: getattr(error, name, None) for name in dir(error) if not name.startswith("_")}
    return {name: value for name, value in values.items() if not callable(value)}


def test_the_tree_is_as_drawn() -> None:
    for name, bases in TREE.items():
        assert tuple(base.__name__ for base in getattr(keyapi_async, name).__bases__) == bases
    public = {name for name in dir(keyapi_async) if name.endswith("Error")}
    assert public == set(TREE)


@every_error
def test_an_error_knows_nothing_before_it_is_told(cls: type[errors.KeyAPIError]) -> None:
    error = made(cls)
    assert (error.path, error.params, error.attempts, error.bookmark) == (None, {}, 0, None)
    assert str(error) == error.message
    assert error.params is not made(cls).params
    assert attributes(made(cls)) == attributes(error)
    assert isinstance(cls(), cls)


@every_error
def test_an_error_survives_pickle_with_all_it_carries(cls: type[errors.KeyAPIError]) -> None:
    error = filled(cls)
    error.add_note("seen on the way")
    protocols = range(2, pickle.HIGHEST_PROTOCOL + 1)
    pickled = [pickle.loads(pickle.dumps(error, protocol)) for protocol in protocols]  # noqa: S301
    for other in (*pickled, copy.copy(error), copy.deepcopy(error)):
        assert type(other) is cls
        assert other is not error
        assert attributes(other) == attributes(error)
        assert str(other) == str(error)
        assert other.__notes__ == ["seen on the way"]


@every_error
def test_an_error_says_what_happened_and_to_which_request(cls: type[errors.KeyAPIError]) -> None:
    error = filled(cls)
    assert re.fullmatch(rf"{re.escape(error.message)} \[(.*, )?{re.escape(ASKED)}\]", str(error))
    error.attempts = 1
    error.params = {"q": "a\n\x1b[2J" + "b" * 100}
    assert re.search(r"[\[ ]GET /v1/x\?q=a\\n\\x1b\[2Jbbb+…\]$", str(error))
    error.params = {}
    assert str(error).endswith("GET /v1/x]")


def test_an_error_tells_its_facts() -> None:
    told = f"it happened [HTTP 429, code 1001, request id r-1, retry after 7.0, {ASKED}]"
    assert str(filled(errors.RateLimitError)) == told
    told = f"user_id: {{'a': [1]}} is required [page 4, HTTP 200, request id r-1, {ASKED}]"
    assert str(filled(errors.DecodeError)) == told
    assert str(errors.DecodeError(None, 5, "is not an object")) == "row: 5 is not an object"
    assert repr(errors.DecodeError("id", 1, "is required")) == "DecodeError('id: 1 is required')"
    invalid = errors.InvalidParameterError("page_size", 11, "1 to 10")
    assert str(invalid) == "page_size=11 is not accepted: 1 to 10"
    assert (invalid.parameter, invalid.value, invalid.allowed) == ("page_size", 11, "1 to 10")


@pytest.mark.parametrize("cls", API_ERRORS)
def test_a_fresh_error_is_equal_and_belongs_to_no_request(cls: type[errors.APIError]) -> None:
    error = filled(cls)
    assert isinstance(error, errors.APIError)
    error.__cause__ = ValueError()
    other = error.fresh()
    assert type(other) is cls
    of_none: dict[str, Any] = {"path": None, "params": {}, "attempts": 0, "bookmark": None}
    assert attributes(other) == attributes(error) | of_none
    assert (other.message, other.__cause__, other.__traceback__) == (error.message, None, None)


def test_known_numbers_have_a_class_and_others_have_none() -> None:
    named = dict(zip((400, 401, 402, 403, 404, 429), API_ERRORS[1:-1], strict=True))
    named |= dict.fromkeys(range(500, 600), API_ERRORS[-1])
    for number in [None, *range(-1, 700)]:
        assert error_class(number) is named.get(number or 0)


class Broken:
    """Cannot show itself."""

    def __repr__(self) -> str:
        raise RuntimeError


class Loud:
    """Shows itself in a way that no log should obey."""

    def __repr__(self) -> str:
        return "a\nb\x1b[31m"


@pytest.mark.parametrize(
    ("value", "begins"),
    [
        ("a\nb", r"'a\nb'"), ("x" * 1000, "'xxx"), (list(range(1000)), "[0, 1,"),
        (10**60, "1000"), (Broken(), "<Broken instance"), (Loud(), r"a\nb\x1b[31m"),
        ("\ud800", r"'\ud800'"), (b"\x00", r"b'\x00'"),
    ],
)  # fmt: skip
def test_any_value_is_shown_in_one_short_line(value: object, begins: str) -> None:
    assert shown(value).startswith(begins)
    assert shown(value).isprintable()
    assert len(shown(value)) < 200


def test_a_number_that_python_refuses_to_write_is_named_by_its_type() -> None:
    # Python 3.14 has words of its own for it.
    assert re.match("<int (too large to show|instance with roughly 5001 digits)", shown(10**5000))
    assert re.match("<list too large to show|.<int instance with roughly", shown([10**5000]))


@given(st.text(), st.integers(1, 400))
@steady
def test_printable_text_is_one_line_and_cut(text: str, most: int) -> None:
    safe = printable(text, most)
    assert safe.isprintable()
    assert len(safe) <= 10 * most
    if text.isprintable() and len(text) <= most:
        assert safe == text
    if len(text) > most:
        assert safe.endswith("…")
