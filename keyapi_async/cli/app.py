"""The commands put together, and the one place where their errors end."""

import contextlib
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any, cast

import attrs
import typer

from keyapi_async.cli.demo import demo
from keyapi_async.cli.exits import ExitCode, InputError, exit_code, sentence
from keyapi_async.cli.sandbox import sandbox
from keyapi_async.cli.terminal import abandon_output, console
from keyapi_async.errors import KeyAPIError
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
    """KeyAPI's TikTok analytics on the command line."""
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
    except BrokenPipeError:
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
    return f"{path}: {error.format_message().rstrip('.')} (see {path} --help)"
