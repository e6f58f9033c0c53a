"""The commands put together, and the one place where their errors end."""

import contextlib
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any, cast

import attrs
import typer

from keyapi_async.cli import lists
from keyapi_async.cli.demo import demo
from keyapi_async.cli.estimate import estimate
from keyapi_async.cli.exits import ExitCode, InputError, exit_code, sentence
from keyapi_async.cli.harvest import harvest_app
from keyapi_async.cli.ledger import export, status
from keyapi_async.cli.sandbox import sandbox
from keyapi_async.cli.terminal import abandon_output, console
from keyapi_async.errors import KeyAPIError, printable
from keyapi_async.version import __version__

# Typer raises what click raises, and names of that only this one subclass.
_UsageError = cast("type[Exception]", typer.BadParameter.__base__)


@attrs.define
class _Switches:
    debug: bool = False


app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog="Example:  keyapi-async demo --products 60 --qps 100")(demo)
app.command(epilog="Example:  keyapi-async creators 1729492547846767618 --limit 50")(lists.creators)
app.command(epilog="Example:  keyapi-async videos --unique-id tiktok --sort-field create_time")(
    lists.videos
)
app.command(
    epilog="Example:  keyapi-async ranking --region US --rank-type week --rank-field sales"
)(lists.ranking)
app.command(epilog="Example:  keyapi-async livestreams 7130853117586801710 --format csv")(
    lists.livestreams
)
app.command(epilog="Example:  keyapi-async products 7519400157893365022 --format jsonl")(
    lists.products
)
app.add_typer(harvest_app, name="harvest", epilog="Example:  keyapi-async harvest creators --help")
app.command(epilog="Example:  keyapi-async export creators.db creators.csv")(export)
app.command(epilog="Example:  keyapi-async status creators.db")(status)
app.command(epilog="Example:  keyapi-async estimate creators --ids products.txt --qps 50")(estimate)
app.command(epilog="Example:  keyapi-async sandbox --port 8080 --qps 10 --credits 500")(sandbox)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"keyapi-async {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True, epilog="Example:  keyapi-async demo")
def _main(
    context: typer.Context,
    *,
    version: Annotated[  # noqa: ARG001  # its callback has answered
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """KeyAPI's TikTok analytics on the command line.

    The key comes from KEYAPI_TOKEN; demo and sandbox need none.
    """
    context.ensure_object(_Switches).debug = debug
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(ExitCode.USAGE)


def run(args: Sequence[str] | None = None) -> int:
    """Run a command line, that of the process where None; return the exit code."""
    code = _run(args)
    if code == ExitCode.INTERRUPTED and sys.stderr.isatty():
        sys.stderr.write("\n")  # the terminal's ^C stands there
    return code


def _run(args: Sequence[str] | None) -> int:
    switches = _Switches()
    command = typer.main.get_command(app)
    try:
        code = command.main(args, "keyapi-async", standalone_mode=False, obj=switches)
        sys.stdout.flush()
    except (typer.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except (BrokenPipeError, SystemExit):  # typer makes the latter of one that has an errno
        abandon_output()
        return ExitCode.DONE
    except _UsageError as error:
        return _fail(_advice(error), ExitCode.USAGE)
    except (KeyAPIError, InputError, OSError) as error:
        if switches.debug:
            traceback.print_exception(error)
        return _fail(sentence(error), exit_code(error))
    return int(code or ExitCode.DONE)


def _fail(told: str, code: ExitCode) -> ExitCode:
    with contextlib.suppress(BrokenPipeError):
        console(sys.stderr).print(told, style="red", soft_wrap=True)
    return code


def _advice(error: Any) -> str:
    path = "keyapi-async" if error.ctx is None else error.ctx.command_path
    # Choices are listed by the help: typer writes them a line each, and an enum's as its numbers.
    told = error.format_message().partition(" Choose from:")[0].replace("Value error, ", "")
    told = printable(" ".join(told.split()).rstrip("."), 1000)
    return f"{path}: {told} (see {path} --help)"
