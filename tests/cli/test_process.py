"""Signals, pipes and terminals, which only a process of its own has."""

# ruff: noqa: S603  # what is run is our own command

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.terminals import on_terminal

KEYAPI = (sys.executable, "-m", "keyapi_async")
SHORT = ("demo", "--products", "2", "--qps", "500")


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where the demo puts its files


def environment(**extra: str) -> dict[str, str]:
    unset = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"}
    return {
        **{name: value for name, value in os.environ.items() if name not in unset},
        "TERM": "xterm-256color",
        **extra,
    }


def at_80_columns(*args: str, **extra: str) -> tuple[int, str]:
    """Run a command on a terminal of 80 columns; give its exit code and all it wrote."""
    return on_terminal((*KEYAPI, *args), environment(COLUMNS="80", LINES="24", **extra))


def test_a_terminal_gets_colours_and_a_live_display_that_is_wiped() -> None:
    code, shown = at_80_columns(*SHORT)
    assert code == 0
    assert "products" in shown
    assert "\x1b[32m" in shown or "\x1b[1;32m" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
    assert shown.rindex("The best of") > shown.rindex("requests/s  ")


def test_no_color_is_respected() -> None:
    code, shown = at_80_columns(*SHORT, NO_COLOR="1")
    assert code == 0
    assert "\x1b[32m" not in shown
    assert "\x1b[1;32m" not in shown


@pytest.mark.parametrize(
    ("args", "stream"), [(("sandbox", "--port", "0"), "stdout"), (("demo",), "stderr")]
)
def test_ctrl_c_is_quiet(args: tuple[str, ...], stream: str) -> None:
    with subprocess.Popen(
        (*KEYAPI, *args),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        output = process.stdout if stream == "stdout" else process.stderr
        assert output is not None
        assert output.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_a_closed_pipe_is_quiet() -> None:
    here, there = os.pipe()
    os.close(here)
    ended = subprocess.run(
        (*KEYAPI, *SHORT),
        stdout=there,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env=environment(),
    )
    os.close(there)
    assert ended.returncode == 0
    assert "Traceback" not in ended.stderr
    assert "BrokenPipe" not in ended.stderr


def test_it_is_quiet_where_nobody_reads_anything() -> None:
    here, there = os.pipe()
    os.close(here)
    ended = subprocess.run(
        (*KEYAPI, *SHORT), stdout=there, stderr=there, check=False, env=environment()
    )
    os.close(there)
    assert ended.returncode == 0
