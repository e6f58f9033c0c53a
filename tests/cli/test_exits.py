"""Exit codes, and the one sentence on standard error."""

import pytest

from keyapi_async import errors
from keyapi_async.cli.exits import ExitCode, InputError, exit_code, sentence


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("no such file"), 2),
        (errors.ConfigurationError("no API key"), 2),
        (errors.InvalidParameterError("region", "USA", "two letters"), 2),
        (errors.BadRequestError("date is invalid"), 2),
        (errors.AuthenticationError("apiKey is invalid"), 3),
        (errors.PermissionDeniedError("not this endpoint"), 3),
        (errors.QuotaExceededError("quota is not enough"), 4),
        (errors.CreditBudgetError("max_credits=5 would be passed"), 4),
        (errors.ServerError("Internal server error"), 1),
        (OSError("disk full"), 1),
    ],
)
def test_every_error_has_its_exit_code(error: Exception, code: int) -> None:
    assert exit_code(error) == ExitCode(code)


def test_the_sentence_is_one_line_that_no_terminal_obeys() -> None:
    assert sentence(InputError("a\nb\x1b[31m")) == "keyapi-async: a\\nb\\x1b[31m"


def test_an_error_without_words_is_named() -> None:
    assert sentence(OSError()) == "keyapi-async: OSError"
