"""What only a process of its own has: completion that is installed, and the demo."""

# ruff: noqa: S603  # what is run is our own command

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from keyapi_async.harvest.file import RunLock
from keyapi_async.sandbox import Sandbox
from tests.cli.commands import interrupt, invoke, when

KEYAPI = (sys.executable, "-m", "keyapi_async")
SHORT = ("demo", "--products", "3", "--qps", "500")


@pytest.fixture(autouse=True)
def _here(box: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where the demo puts its files
    monkeypatch.setattr("tempfile.tempdir", None)


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_completion_is_installed(tmp_path: Path) -> None:
    own = {"HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    env = {**os.environ, **own}
    done = subprocess.run((*KEYAPI, "--install-completion", "bash"), env=env, check=False)
    assert done.returncode == 0
    assert "complete_bash" in next(tmp_path.rglob("*.sh")).read_text()


def test_the_demo_kills_resumes_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("KEYAPI_REDIS", "redis://127.0.0.1:9")  # which the demo leaves alone
    result = invoke(*SHORT, "--into", "d")
    assert result.code == 0, result.err
    assert "was killed with SIGKILL" in result.err
    assert "$ keyapi-async status creators.db" in result.err
    assert result.facts["lost"] == "nothing: every row is there, and none twice"
    assert "Top creators" in result.out
    for kind in ("db", "csv", "jsonl", "parquet", "html"):
        assert Path(result.facts[kind]).stat().st_size


def test_a_demo_overwrites_no_file() -> None:
    Path("creators.csv").write_text("mine")
    Path("file").touch()
    for into, told in ((".", "creators.csv is there already"), ("file/d", "Not a directory")):
        result = invoke(*SHORT, "--into", into)
        assert (result.code, result.err.count("\n")) == (2, 1)
        assert told in result.err
    assert Path("creators.csv").read_text() == "mine"


def test_a_demo_that_fails_says_why() -> None:
    Path("d").mkdir()
    lock = RunLock(Path("d/creators.db"))
    lock.take()
    result = invoke(*SHORT, "--into", "d")
    lock.release()
    assert result.code == 1
    assert "is in use by another run" in result.err.splitlines()[-1]


def test_an_interrupted_demo_leaves_nothing(tmp_path: Path) -> None:
    with when(lambda: any(tmp_path.glob("keyapi-demo-*/creators.db-lock")), interrupt):
        assert invoke(*SHORT, "--qps", "9").code == 130
    assert not list(tmp_path.glob("keyapi-demo-*/*"))
