"""Terminals to write to: one in memory, and a real one of 80 columns."""

# ruff: noqa: S603  # what is run is our own command

import io
import os
import pty
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress


class Terminal(io.StringIO):
    """What a program takes for a terminal."""

    def isatty(self) -> bool:
        return True


def environment(**extra: str) -> dict[str, str]:
    unset = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"}
    kept = {name: value for name, value in os.environ.items() if name not in unset}
    return {**kept, "TERM": "xterm-256color", **extra}


def on_terminal(command: Sequence[str], env: Mapping[str, str]) -> tuple[int, str]:
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
