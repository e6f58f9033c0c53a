"""Exit codes, and the one sentence on standard error."""

import pytest

from keyapi_async import errors
from keyapi_async.cli.exits import ExitCode, InputError, exit_code, sentence
from keyapi_async.harvest import HarvestReport, HarvestStoppedError


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


@pytest.mark.parametrize(
    ("error", "way_out"),
    [
        (errors.AuthenticationError("apiKey is invalid"), "; check KEYAPI_TOKEN: the key alone"),
        (errors.ConnectionFailedError("no route"), "; check the network, and KEYAPI_BASE_URL"),
    ],
)
def test_an_error_from_outside_is_followed_by_what_to_look_at(
    error: errors.KeyAPIError, way_out: str
) -> None:
    assert sentence(error).startswith(f"keyapi-async: {error}{way_out}")
    report = HarvestReport(
        done=0, failed=0, left=1, pages=0, rows=0, rejects=0, spent=0, uncertain=0,
        requests=1, elapsed=0.1, qps=10,
    )  # fmt: skip
    stopped = HarvestStoppedError("the harvest was stopped", report)
    stopped.__cause__ = error
    assert sentence(stopped).startswith(f"keyapi-async: {stopped}{way_out}")


def test_an_error_without_words_is_named() -> None:
    assert sentence(OSError()) == "keyapi-async: OSError"
