"""Signals, pipes, terminals and kills, which only a process of its own has; the demo."""

# ruff: noqa: S603  # what is run is our own command

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from keyapi_async.harvest.file import RunLock
from keyapi_async.sandbox import Sandbox
from tests.cli.commands import Capture, interrupt, said, when
from tests.cli.terminals import environment, on_terminal

KEYAPI = (sys.executable, "-m", "keyapi_async")
HARVEST = ("harvest", "product", "creators", "--ids", "ids.txt", "--db", "x.db")
SHORT = ("demo", "--products", "3", "--qps", "500")


@pytest.fixture(autouse=True)
def _here(box: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where the demo puts its files
    monkeypatch.setattr("tempfile.tempdir", None)


def test_a_terminal_gets_a_display_that_is_wiped(ids: list[str]) -> None:
    env = environment(COLUMNS="80", LINES="24")
    code, shown = on_terminal((*KEYAPI, *HARVEST, "--qps", "100"), env)
    assert code == 0
    assert "requests/s" in shown
    assert "\x1b[36m" in shown or "\x1b[32m" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
    assert "12 done, 0 failed, 0 left" in shown


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_completion_is_installed(tmp_path: Path) -> None:
    env = environment(HOME=str(tmp_path), _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    done = subprocess.run((*KEYAPI, "--install-completion", "bash"), env=env, check=False)
    assert done.returncode == 0
    assert "complete_bash" in next(tmp_path.rglob("*.sh")).read_text()


def test_the_demo_kills_resumes_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("KEYAPI_REDIS", "redis://127.0.0.1:9")  # which the demo leaves alone
    heard = said(capsys, *SHORT, "--into", "d")
    assert heard.code == 0, heard.err
    assert "was killed with SIGKILL" in heard.err
    assert "$ keyapi-async status creators.db" in heard.err
    assert heard.facts["lost"] == "nothing: every row is there, and none twice"
    assert "Top creators" in heard.out
    for kind in ("db", "csv", "jsonl", "parquet", "html"):
        assert Path(heard.facts[kind]).stat().st_size
    heard = said(capsys, *SHORT, "--into", "d")
    assert heard.code == 2
    assert heard.err == "keyapi-async: --into d: creators.db: File exists\n"


def test_a_demo_that_fails_says_why(capsys: Capture) -> None:
    Path("d").mkdir()
    lock = RunLock(Path("d/creators.db"))
    lock.take()
    heard = said(capsys, *SHORT, "--into", "d")
    lock.release()
    assert heard.code == 1
    assert "is in use by another run" in heard.err.splitlines()[-1]


def test_an_interrupted_demo_leaves_nothing(capsys: Capture, tmp_path: Path) -> None:
    there = when(lambda: any(tmp_path.glob("keyapi-demo-*/creators.db-lock")), interrupt)
    assert said(capsys, *SHORT, "--qps", "9").code == 130
    there.join()
    assert not list(tmp_path.glob("keyapi-demo-*/*"))
