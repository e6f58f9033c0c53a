"""Terminals to write to: one in memory, and a real one of 80 columns."""

# ruff: noqa: S603  # what is run is our own command

import io
import os
import pty
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from rich.console import Console


class Terminal(io.StringIO):
    """What a program takes for a terminal."""

    def isatty(self) -> bool:
        return True


def screen(stream: io.StringIO, term: str = "xterm-256color") -> Console:
    return Console(
        file=stream, width=80, force_terminal=True, color_system=None, _environ={"TERM": term}
    )


def on_terminal(command: Sequence[str], env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run a command on a pseudo-terminal; give its exit code and all it wrote."""
    here, there = pty.openpty()
    with subprocess.Popen(command, stdin=there, stdout=there, stderr=there, env=env) as process:
        os.close(there)
        written = b""
        with suppress(OSError):  # Linux says EIO where the other end is closed
            while chunk := os.read(here, 65536):
                written += chunk
        os.close(here)
        return process.wait(10), written.decode()
