"""The command line, ``keyapi-async``."""

import sys

__all__ = ["main"]


def main() -> int:
    """Run the command line, or say what it lacks; return the exit code."""
    try:
        from keyapi_async.cli.app import run  # noqa: PLC0415  # it needs the extra

        return run()
    except KeyboardInterrupt:  # while it was being imported, or was ending
        return 130
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"rich", "typer"}:
            raise
        print(  # noqa: T201  # rich is what is missing
            "keyapi-async: the command line needs its extra: pip install 'keyapi-async[cli]'",
            file=sys.stderr,
        )
        return 2
