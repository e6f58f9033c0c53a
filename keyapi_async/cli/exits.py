"""How a command ends: its exit code, and the one sentence that says why."""

from enum import IntEnum

from keyapi_async.errors import (
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConnectionFailedError,
    CreditBudgetError,
    InvalidParameterError,
    PermissionDeniedError,
    QuotaExceededError,
    printable,
)

KEYS = "https://keyapi.ai/app/dashboard"
"""Where users find their keys."""


class ExitCode(IntEnum):
    """The exit codes of the command line."""

    DONE = 0
    INCOMPLETE = 1
    USAGE = 2
    AUTHENTICATION = 3
    CREDITS = 4
    INTERRUPTED = 130


class InputError(ConfigurationError):
    """What was given on the command line cannot be used; the message says why."""


_CODES = {
    (ConfigurationError, InvalidParameterError, BadRequestError): ExitCode.USAGE,
    (AuthenticationError, PermissionDeniedError): ExitCode.AUTHENTICATION,
    (QuotaExceededError, CreditBudgetError): ExitCode.CREDITS,
}
_ADVICE: dict[type[BaseException], str] = {
    AuthenticationError: f"check KEYAPI_TOKEN: the key alone; keys are at {KEYS}",
    ConnectionFailedError: "check the network, and KEYAPI_BASE_URL, HTTPS_PROXY and HTTP_PROXY"
    " where they are set",
}
"""What to look at after errors that do not say so themselves."""


def exit_code(error: BaseException) -> ExitCode:
    """Find the exit code that an error stands for."""
    from keyapi_async.harvest import HarvestStoppedError, LedgerError  # noqa: PLC0415  # it costs

    if isinstance(error, HarvestStoppedError) and error.__cause__ is not None:
        return exit_code(error.__cause__)
    if isinstance(error, LedgerError):
        reason = getattr(error.__cause__, "sqlite_errorname", "")
        of_the_disk = reason.startswith(("SQLITE_FULL", "SQLITE_IOERR"))
        return ExitCode.INCOMPLETE if of_the_disk else ExitCode.USAGE
    codes = (code for kinds, code in _CODES.items() if isinstance(error, kinds))
    return next(codes, ExitCode.INCOMPLETE)


def sentence(error: Exception) -> str:
    """Say what happened in one line, safe for any terminal."""
    message = f"keyapi-async: {printable(str(error) or type(error).__name__, 1000)}"
    for kind, advice in _ADVICE.items():
        if isinstance(error, kind) or isinstance(error.__cause__, kind):
            return f"{message}; {advice}"
    return message
