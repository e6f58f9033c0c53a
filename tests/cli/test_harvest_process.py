"""A harvest that is stopped: signals, pipes and terminals need a process of its own."""

# ruff: noqa: S603  # what is run is our own command

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from keyapi_async import KeyAPI
from keyapi_async.cli import harvest as harvest_module
from keyapi_async.cli.app import run
from keyapi_async.cli.gauge import LineGauge, Moment
from keyapi_async.harvest import HarvestReport
from keyapi_async.sandbox import Fault, Faults, Sandbox
from tests.cli.terminals import on_terminal

KEYAPI = (sys.executable, "-m", "keyapi_async")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def ids(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("LINES", "24")
    fit = [one for one in box.product_ids(200) if 30 < len(box.world.product_creators(one)) < 300]
    Path("ids.txt").write_text("\n".join(fit[:30]), encoding="utf-8")
    return fit[:30]


HARVEST = ("harvest", "creators", "--ids", "ids.txt", "--db", "x.db")


def until(true: Callable[[], bool]) -> None:
    for _ in range(1000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it never came true")


def pages_in(ledger: str) -> int:
    with closing(sqlite3.connect(ledger)) as db:
        (count,) = db.execute("SELECT count(*) FROM page").fetchone()
        (of_lists,) = db.execute("SELECT total(pages) FROM list").fetchone()
    assert count == of_lists
    return int(count)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_what_is_in_flight_and_the_next_run_goes_on(
    number: signal.Signals, box: Sandbox, ids: list[str]
) -> None:
    billed = box.billed
    with subprocess.Popen(
        (*KEYAPI, *HARVEST, "--qps", "40", "--export", "c.csv"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        until(lambda: len(box.requests) >= 20)
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Kept in x.db; the same command goes on from there, and exports at its end." in err
    assert "Traceback" not in err
    assert " left" in out
    assert pages_in("x.db") == box.billed - billed
    assert run([*HARVEST, "--qps", "3000"]) == 0
    assert pages_in("x.db") == box.billed - billed
    assert box.billed - billed == sum(len(box.world.product_creators(one)) // 10 + 1 for one in ids)


def test_a_second_signal_ends_it_at_once(box: Sandbox, ids: list[str]) -> None:
    box.faults = Faults(script=[None, *[Fault.HANG] * 1000])
    with subprocess.Popen(
        (*KEYAPI, *HARVEST), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        until(lambda: len(box.requests) >= 3)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert process.stderr.readline().startswith("stopping: ")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "the same command goes on" in err
    assert "Traceback" not in err


def test_a_terminal_gets_a_display_that_is_wiped(box: Sandbox, ids: list[str]) -> None:
    code, shown = on_terminal((*KEYAPI, *HARVEST, "--qps", "400"))
    assert code == 0
    assert "requests/s" in shown
    assert "\x1b[36m" in shown or "\x1b[32m" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
    assert "30 done, 0 failed, 0 left" in shown


def test_a_closed_pipe_ends_a_list_quietly(box: Sandbox, ids: list[str]) -> None:
    here, there = os.pipe()
    os.close(here)
    product = ids[0]
    ended = subprocess.run(
        (*KEYAPI, "creators", product), stdout=there, stderr=subprocess.PIPE, check=False
    )
    os.close(there)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert len(box.requests) == 1


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM, signal.SIGINT]])
def test_the_same_within_this_process(
    signals: list[signal.Signals],
    box: Sandbox,
    ids: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    box.faults = Faults(script=[*[None] * 40, *[Fault.HANG] * 1000 * (len(signals) - 1)])
    shown = harvest_module._moment

    def interrupting(report: HarvestReport, api: KeyAPI, before: int, elapsed: float) -> Moment:
        if len(box.requests) > 20 and signals:
            os.kill(os.getpid(), signals.pop(0))
        return shown(report, api, before, elapsed)

    monkeypatch.setattr(harvest_module, "_moment", interrupting)
    monkeypatch.setattr(LineGauge, "every", 0.02)
    assert run([*HARVEST, "--qps", "100"]) == 130
    err = capsys.readouterr().err
    assert "Kept in x.db; the same command goes on from there." in err
    assert not signals
