"""Commands that are made only when they are asked for, so that each one starts at once."""

import inspect
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
    """A command before it is made.

    Attributes:
        summary: one line for the list of commands.
        make: makes the command.
        panel: the group of commands in which it is listed.
    """

    summary: str
    make: Callable[[], Command]
    panel: str | None = None


class LazyGroup(TyperGroup):
    """A group that makes the one command that is run, and lists the others by their summaries."""

    entries: Callable[[], Mapping[str, Entry]]

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # click asks so
        """Give the names."""
        return list(self.entries())

    def get_command(self, ctx: Any, cmd_name: str) -> Command:  # noqa: ARG002  # click asks so
        """Give what a list of commands shows of one."""
        entry = self.entries()[cmd_name]
        return TyperCommand(cmd_name, help=entry.summary, rich_help_panel=entry.panel)

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


def group(name: str, summary: str, entries: Callable[[], Mapping[str, Entry]]) -> Command:
    """Make a group of commands."""
    made = LazyGroup(name=name, help=summary, context_settings=HELP)
    made.entries = entries
    return made


def meant(word: str, words: Iterable[str]) -> str:
    """Say which of some words was probably meant, or else which there are."""
    words = list(words)
    close = get_close_matches(word.lower(), words, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(words)}"


def plain_command(
    name: str, function: Callable[..., object], epilog: str, doc: str | None = None
) -> Command:
    """Make a command of a function."""
    app = typer.Typer(add_completion=False, rich_markup_mode="rich", context_settings={**HELP})
    app.command(name, help=doc, epilog=epilog)(function)
    return typer.main.get_command(app)


def command(
    name: str,
    act: Callable[[dict[str, Any]], None],
    *,
    parameters: list[inspect.Parameter],
    doc: str,
    epilog: str,
) -> Command:
    """Make a command of what it takes, what it says, and what it does with what it was given."""

    def called(**values: Any) -> None:
        act(values)

    vars(called)["__signature__"] = inspect.Signature(parameters)
    called.__annotations__ = {one.name: one.annotation for one in parameters}
    paragraphs = (" ".join(one.split()) for one in doc.replace("``", "").split("\n\n"))
    return plain_command(name, called, epilog, "\n\n".join(paragraphs))
