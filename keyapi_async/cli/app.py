"""The commands put together, and the one place where their errors end."""

import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Annotated, Any, cast

import attrs
import typer

from keyapi_async.cli.commands import HELP, Command, Entry, LazyGroup, command
from keyapi_async.version import __version__

# Typer raises what click raises, and names of that only this one subclass.
_UsageError = cast("type[Exception]", typer.BadParameter.__base__)

_LISTS, _MANY, _MORE = "One list", "Many lists", "More"

_PLAIN = {
    "demo": ("See a harvest in half a minute, with no key.", "demo --qps 100"),
    "export": ("Write the rows of a ledger to a file.", "export lists.db lists.csv"),
    "status": ("Show what a ledger holds, also while it is written.", "status lists.db --watch"),
    "endpoints": ("List every endpoint, and how sure it is.", "endpoints"),
    "sandbox": ("Serve a KeyAPI with made-up data on this machine.", "sandbox --port 8080"),
}
_HOMES = {"export": "ledger", "status": "ledger"}
_GROUPS = {
    "harvest": (
        "harvest_command",
        "Read many lists into a ledger; run again, it goes on where it ended.",
    ),
    "estimate": (
        "estimate_command",
        "Say what a harvest would cost at least, before it costs anything.",
    ),
}


@attrs.define
class _Switches:
    debug: bool = False


class _Root(LazyGroup):
    def entries(self) -> Mapping[str, Entry]:
        """Give the resources, what is done with many lists, and all else."""
        from keyapi_async.api import RESOURCES, TikTok  # noqa: PLC0415  # --version needs none

        found = {}
        for name in RESOURCES:
            summary = getattr(TikTok, name).__doc__ or ""
            made = _of_resource(name, "lists", "list_command", summary)
            found[name] = Entry(summary, made, _LISTS)
        for name, (maker, summary) in _GROUPS.items():
            found[name] = Entry(summary, _of_resources(name, maker, summary), _MANY)
        for name, (summary, example) in _PLAIN.items():
            panel = _MANY if name in _HOMES else _MORE
            found[name] = Entry(summary, _plain(name, example), panel)
        return found


class _Resource(LazyGroup):
    """The commands of one resource, one for each of its endpoints."""

    resource: str
    maker: Callable[[Any], Command]

    def entries(self) -> Mapping[str, Entry]:
        """Give its endpoints."""
        from keyapi_async.api import resource_class  # noqa: PLC0415  # only this one
        from keyapi_async.api.declaration import declared_in  # noqa: PLC0415

        return {
            one.name: Entry(one.summary, lambda one=one: self.maker(one))
            for one in declared_in(resource_class(self.resource))
        }


class _Resources(LazyGroup):
    """All resources below one command."""

    module: str
    maker: str

    def entries(self) -> Mapping[str, Entry]:
        """Give the resources."""
        from keyapi_async.api import RESOURCES, TikTok  # noqa: PLC0415  # --version needs none

        return {
            name: Entry(
                summary := getattr(TikTok, name).__doc__ or "",
                _of_resource(name, self.module, self.maker, summary),
            )
            for name in RESOURCES
        }


def _of_resource(name: str, module: str, maker: str, summary: str) -> Callable[[], Command]:
    def made() -> Command:
        group = _Resource(name=name, help=summary, no_args_is_help=False, context_settings=HELP)
        group.resource = name
        group.maker = getattr(import_module(f"keyapi_async.cli.{module}"), maker)
        return group

    return made


def _of_resources(name: str, maker: str, summary: str) -> Callable[[], Command]:
    def made() -> Command:
        group = _Resources(name=name, help=summary, context_settings=HELP)
        group.module, group.maker = name, maker
        return group

    return made


def _plain(name: str, example: str) -> Callable[[], Command]:
    def made() -> Command:
        module = import_module(f"keyapi_async.cli.{_HOMES.get(name, name)}")
        return command(name, getattr(module, name), epilog=f"Example:  keyapi-async {example}")

    return made


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"keyapi-async {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=_Root, pretty_exceptions_enable=False, rich_markup_mode="rich", context_settings={**HELP}
)


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
        from keyapi_async.cli.welcome import welcome  # noqa: PLC0415  # rarely shown

        welcome(has_key=bool(os.environ.get("KEYAPI_TOKEN", "").strip()))


def run(args: Sequence[str] | None = None) -> int:
    """Run a command line, that of the process where None; return the exit code."""
    code = _run(args)
    if code == 130 and sys.stderr.isatty():
        sys.stderr.write("\n")  # the terminal's ^C stands there
    return code


def _run(args: Sequence[str] | None) -> int:
    switches = _Switches()
    made = typer.main.get_command(app)
    try:
        code = made.main(args, "keyapi-async", standalone_mode=False, obj=switches)
        sys.stdout.flush()
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except (BrokenPipeError, SystemExit):  # typer makes the latter of one that has an errno
        from keyapi_async.cli.terminal import abandon_output  # noqa: PLC0415  # rarely needed

        abandon_output()
        return 0
    except _UsageError as error:
        return _fail(_advice(error), 2)
    except Exception as error:
        return _explained(error, debug=switches.debug)
    return int(code or 0)


def _explained(error: Exception, *, debug: bool) -> int:
    """Say what an error means, unless it is a bug of ours."""
    from keyapi_async.cli.exits import InputError, exit_code, sentence  # noqa: PLC0415  # rarely
    from keyapi_async.errors import KeyAPIError  # noqa: PLC0415

    if not isinstance(error, (KeyAPIError, InputError, OSError)):
        raise error
    if debug:
        traceback.print_exception(error)
    return _fail(sentence(error), exit_code(error))


def _fail(told: str, code: int) -> int:
    from keyapi_async.cli.terminal import console  # noqa: PLC0415  # rarely needed

    with contextlib.suppress(BrokenPipeError):
        console(sys.stderr).print(told, style="red", soft_wrap=True)
    return code


def _advice(error: Any) -> str:
    from keyapi_async.errors import printable  # noqa: PLC0415  # rarely needed

    path = "keyapi-async" if error.ctx is None else error.ctx.command_path
    # Choices are listed by the help: typer writes them a line each, and an enum's as its numbers.
    told = error.format_message().partition(" Choose from:")[0].replace("Value error, ", "")
    told = printable(" ".join(told.split()).rstrip("."), 1000)
    return f"{path}: {told} (see {path} --help)"
