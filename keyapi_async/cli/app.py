"""The commands put together, and the one place where their errors end."""

import contextlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from keyapi_async.cli.commands import HELP, Command, Entry, LazyGroup, command, group
from keyapi_async.errors import KeyAPIError, printable
from keyapi_async.version import __version__

if TYPE_CHECKING:
    from keyapi_async.api.endpoint import Endpoint

# Typer raises what click raises, and names of that only this one subclass.
_UsageError = cast("type[Exception]", typer.BadParameter.__base__)

_GROUPS = {
    "harvest": "Read many lists into a ledger; a second run continues the first.",
    "estimate": "Say what a harvest would cost at least; it spends nothing.",
}
_PLAIN = {
    "export": ("ledger", "Write the rows of a ledger to a file.", "lists.db lists.csv"),
    "status": ("ledger", "Show what a ledger holds, even during a run.", "lists.db --watch"),
    "report": ("ledger", "Write a report of a ledger as an HTML page.", "lists.db lists.html"),
    "demo": ("demo", "See a harvest in half a minute, with no key.", "--qps 100"),
    "endpoints": ("endpoints", "List every endpoint: its needs, price and evidence.", ""),
    "sandbox": ("sandbox", "Serve a KeyAPI with made-up data on this machine.", "--port 8080"),
}
"""The file of each other command, what it does, and what an example is given."""


def _commands() -> Mapping[str, Entry]:
    """Give the resources, what is done with many lists, and all else."""
    found = _resources("lists", "One list")
    for name, summary in _GROUPS.items():
        make = partial(group, name, summary, partial(_resources, name))
        found[name] = Entry(summary, make, "Many lists")
    for name, (module, summary, example) in _PLAIN.items():
        panel = "Many lists" if module == "ledger" else "More"
        found[name] = Entry(summary, partial(_plain, module, name, example), panel)
    return found


def _resources(module: str, panel: str = "Commands") -> dict[str, Entry]:
    from keyapi_async.api import RESOURCES, TikTok  # noqa: PLC0415  # --version needs none

    found = {}
    for name in RESOURCES:
        summary = getattr(TikTok, name).__doc__
        make = partial(group, name, summary, partial(_endpoints, name, module))
        found[name] = Entry(summary, make, panel)
    return found


def _endpoints(resource: str, module: str) -> dict[str, Entry]:
    from keyapi_async.api import resource_class  # noqa: PLC0415  # only this one
    from keyapi_async.api.declaration import declared_in  # noqa: PLC0415

    return {
        one.name: Entry(one.summary, partial(_of_endpoint, module, one))
        for one in declared_in(resource_class(resource))
    }


def _of_endpoint(module: str, endpoint: "Endpoint") -> Command:
    return import_module(f"keyapi_async.cli.{module}").command_of(endpoint)


def _plain(module: str, name: str, example: str) -> Command:
    return command(name, getattr(import_module(f"keyapi_async.cli.{module}"), name), example)


_app = typer.Typer(
    cls=LazyGroup, pretty_exceptions_enable=False, rich_markup_mode=None, context_settings={**HELP}
)


@_app.callback(invoke_without_command=True, epilog="Example:  keyapi-async demo")
def _main(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """KeyAPI's TikTok analytics on the command line.

    The key comes from KEYAPI_TOKEN; demo and sandbox need none.
    """
    context.ensure_object(dict)["debug"] = debug
    if version:
        typer.echo(f"keyapi-async {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        _welcome()


_WELCOME = f"""\
keyapi-async {__version__}: KeyAPI's TikTok analytics on the command line.

  keyapi-async demo              see a harvest in half a minute; it needs no key
  keyapi-async endpoints         all lists there are, and what each needs
  keyapi-async product --help    one list: a table here, JSON Lines in a pipe
"""


def _welcome() -> None:
    """Say what this is, how to begin, and whether there is a key."""
    from keyapi_async.cli.exits import KEYS  # noqa: PLC0415  # rarely needed

    typer.echo(_WELCOME)
    if os.environ.get("KEYAPI_TOKEN", "").strip():
        typer.echo("KEYAPI_TOKEN is set. ", nl=False)
    else:
        typer.echo(f"KEYAPI_TOKEN is not set: get a key at {KEYS}, then\n  export KEYAPI_TOKEN=...")
    typer.echo("All commands: keyapi-async --help")


def run(args: Sequence[str] | None = None) -> int:
    """Run a command line, that of the process where None; return the exit code."""
    _open_closed_streams()
    switches: dict[str, bool] = {}
    made = cast("LazyGroup", typer.main.get_command(_app))
    made.entries = _commands
    try:
        code = made.main(args, "keyapi-async", standalone_mode=False, obj=switches)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit) as end:  # the latter also where words were completed
        code = 0
        if getattr(end, "code", 1):
            _abandon_output()
    except _UsageError as error:
        code = _fail(_advice(error), 2)
    except (KeyAPIError, OSError) as error:
        from keyapi_async.cli.exits import exit_code, sentence  # noqa: PLC0415  # rarely needed

        if switches.get("debug"):
            traceback.print_exception(error)
        code = _fail(sentence(error), exit_code(error))
    if code == 130 and sys.stderr.isatty():
        sys.stderr.write("\n")  # the terminal's ^C stands there
    return int(code or 0)


def _open_closed_streams() -> None:
    """Give the process the streams that it lacks, lest a ledger be opened in place of one."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123  # for good


def _fail(message: str, code: int) -> int:
    from keyapi_async.cli.terminal import console  # noqa: PLC0415  # rarely needed

    with contextlib.suppress(BrokenPipeError):
        console(sys.stderr).print(message, style="red", soft_wrap=not sys.stderr.isatty())
    return code


def _advice(error: Any) -> str:
    path = "keyapi-async" if error.ctx is None else error.ctx.command_path
    message = " ".join(error.format_message().split()).rstrip(".").replace("Value error, ", "")
    message = printable(message, 1000)
    return f"{path}: {message} (see {path} --help)"


def _abandon_output() -> None:
    """Point both output streams at nothing: their reader has gone."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nothing, stream.fileno())
    os.close(nothing)
