"""Commands that are made only when they are asked for, so that each one starts at once."""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

import attrs
import typer
from typer.core import TyperCommand, TyperGroup

HELP: Final = {"help_option_names": ["-h", "--help"]}

Command = Any
"""A command of click's, or of the copy of click that newer typers bring along."""


@attrs.frozen
class Entry:
    """A command before it is made: its line in the list of commands, and what makes it."""

    summary: str
    make: Callable[[], Command]
    panel: str = "Commands"


class _WithPanels:
    def format_options(self: Any, ctx: Any, formatter: Any) -> None:
        """Write the help, panel by panel; Typer's own tables cut long names off."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for one in self.get_params(ctx):
            names, doc = one.get_help_record(ctx)
            if one.param_type_name == "argument":
                panels.setdefault("Arguments", []).append((one.metavar, doc))
            else:
                panels.setdefault(one.rich_help_panel or "Options", []).append((names, doc))
        for name, entry in getattr(self, "entries", dict)().items():
            panels.setdefault(entry.panel, []).append((name, entry.summary))
        for title, rows in panels.items():
            with formatter.section(title):
                formatter.write_dl(rows)


class LazyGroup(_WithPanels, TyperGroup):
    """A group that makes the one command that is run, and lists the others by their summaries."""

    entries: Callable[[], Mapping[str, Entry]]

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # click asks so
        """Give the names."""
        return list(self.entries())

    def get_command(self, ctx: Any, cmd_name: str) -> Command:  # noqa: ARG002  # click asks so
        """Give what completion shows of a command."""
        return TyperCommand(cmd_name, help=self.entries()[cmd_name].summary)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Show the help where no command is named."""
        if not args and not self.invoke_without_command and not ctx.resilient_parsing:
            typer.echo(ctx.get_help())
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Command, list[str]]:
        """Make the command that is to be run, or say which was probably meant."""
        name, entries = args[0], self.entries()
        if name in entries:
            return name, entries[name].make(), args[1:]
        if not ctx.resilient_parsing:
            ctx.fail(f"there is no {name!r} here{meant(name, entries)}")
        return None, None, args[1:]


class _PlainCommand(_WithPanels, TyperCommand):
    """A command whose options are listed by their panels."""


def group(name: str, summary: str, entries: Callable[[], Mapping[str, Entry]]) -> Command:
    """Make a group of commands."""
    made = LazyGroup(name=name, help=summary, context_settings=HELP, rich_markup_mode=None)
    made.entries = entries
    return made


def meant(word: str, words: Iterable[str]) -> str:
    """Say which of some words was probably meant, or else which there are."""
    words = list(words)
    close = get_close_matches(word.lower(), words, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(words)}"


def command(
    name: str, function: Callable[..., object], example: str, doc: str | None = None
) -> Command:
    """Make a command of a function, whose parameters it takes; ``name`` is all of its words."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings={**HELP})
    epilog = f"Example:  keyapi-async {name} {example}".rstrip()
    app.command(name.rpartition(" ")[2], cls=_PlainCommand, help=doc, epilog=epilog)(function)
    return typer.main.get_command(app)
