"""The first screen: what ``keyapi-async`` alone shows."""

import sys

from rich.text import Text

from keyapi_async.api import RESOURCES
from keyapi_async.cli.exits import KEYS
from keyapi_async.cli.terminal import console
from keyapi_async.version import __version__

_FIRST = (
    ("demo", "see a harvest in half a minute; it needs no key"),
    ("endpoints", "all lists there are, and what each needs"),
    (f"{RESOURCES[0]} --help", "one list: a table here, JSON Lines in a pipe"),
)


def welcome(*, has_key: bool) -> None:
    """Say what this is, how to begin, and whether there is a key."""
    text = Text(f"keyapi-async {__version__}: KeyAPI's TikTok analytics on the command line.\n\n")
    for command, summary in _FIRST:
        text.append(f"  keyapi-async {command:<16}", "bold cyan")
        text.append(f"  {summary}\n")
    if has_key:
        text.append("\nKEYAPI_TOKEN is set. ", "green")
    else:
        text.append("\nKEYAPI_TOKEN is not set: ", "yellow")
        text.append(f"get a key at {KEYS}, then\n  export KEYAPI_TOKEN=...\n")
    text.append("All commands: keyapi-async --help\n")
    console(sys.stdout).print(text, end="", soft_wrap=True)
