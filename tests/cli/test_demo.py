"""The demo, run whole, only short: a real process is killed and replaced."""

import csv
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import attrs
import orjson
import pytest

from keyapi_async.cli import app as app_module
from keyapi_async.cli import demo as demo_module
from keyapi_async.cli import shelf as shelf_module
from keyapi_async.cli.app import run
from keyapi_async.cli.report import Report
from keyapi_async.cli.shelf import shelf
from keyapi_async.harvest import Harvest, LedgerError
from keyapi_async.sandbox import Fault, Sandbox, World
from tests.cli.test_report import REPORT

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def demo_returning(monkeypatch: pytest.MonkeyPatch, report: Report) -> None:
    async def returning(*_: object) -> Report:
        return report

    monkeypatch.setattr(demo_module, "_demo", returning)


def test_it_kills_and_resumes_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    for name in ("KEYAPI_TOKEN", "KEYAPI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://192.0.2.1:9")
    assert run(["demo", "--products", "6", "--qps", "300"]) == 0
    captured = capsys.readouterr()
    assert "The creators of 6 products, from a sandbox on http://127.0.0.1:" in captured.err
    assert "was killed with SIGKILL. The ledger has" in captured.err
    assert "of 6 products in" in captured.out
    assert "nothing: every row is there, and none twice" in captured.out
    assert "\x1b" not in captured.out + captured.err
    shown = captured.out.replace(f"{tmp_path}/", "")
    assert max(map(len, (shown + captured.err).splitlines())) <= 80
    (folder,) = tmp_path.iterdir()
    names = ["creators.csv", "creators.db", "creators.jsonl", "creators.parquet"]
    assert sorted(file.name for file in folder.iterdir()) == names
    assert all(f"{folder / name}\n" in captured.out for name in names)


def test_what_it_spends_is_what_the_pages_and_the_kill_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(demo_module, "_FAULTS", {})
    folder = tmp_path / "a" / "b"
    args = ["demo", "--products", "8", "--qps", "400", "--seed", "1", "--into", str(folder)]
    assert run(args) == 0
    told = re.search(
        r"least +([\d,]+) credits.*spent +([\d,]+) credits\s+([\d,]+) of them for what the kill",
        capsys.readouterr().out,
        re.DOTALL,
    )
    assert told is not None
    least, spent, killed = (int(number.replace(",", "")) for number in told.groups())
    assert spent - least == killed
    assert 0 <= killed <= 16  # none where every page in flight had come
    world = Sandbox(seed=1).world
    with (folder / "creators.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    lists = dict.fromkeys(row["list_product_id"] for row in rows)
    assert [row["user_id"] for row in rows] == [
        row["user_id"] for product_id in lists for row in world.product_creators(product_id)
    ]
    lines = (folder / "creators.jsonl").read_bytes().splitlines()
    assert [orjson.loads(line)["user_id"] for line in lines] == [row["user_id"] for row in rows]


def test_without_pyarrow_there_is_no_parquet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setitem(sys.modules, "keyapi_async.harvest.parquet", None)
    assert run(["demo", "--products", "1", "--qps", "1000", "--into", str(tmp_path)]) == 0
    assert ".parquet" not in capsys.readouterr().out
    assert len(list(tmp_path.glob("creators.*"))) == 3


def test_lists_that_fail_are_named_and_change_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(demo_module, "_FAULTS", {Fault.NOT_FOUND: 1.0})
    assert run(["demo", "--products", "2", "--qps", "500"]) == 1
    captured = capsys.readouterr()
    assert captured.out.count(" failed: Not found") == 2
    assert "The best of 0 creators" in captured.out
    assert "rows are missing" in captured.out
    assert "SIGKILL" not in captured.out + captured.err


@pytest.mark.parametrize("lack", [{"missing": 1}, {"surplus": 1}, {"failures": {"1": "no"}}])
def test_whatever_is_not_right_changes_the_exit_code(
    lack: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    demo_returning(monkeypatch, attrs.evolve(REPORT, **lack))  # type: ignore[arg-type]
    assert run(["demo"]) == 1


def test_a_folder_with_a_ledger_is_refused(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "creators.db").touch()
    assert run(["demo", "--into", str(tmp_path)]) == 2
    told = f"keyapi-async: --into {tmp_path}: there is a creators.db already\n"
    assert capsys.readouterr().err == told


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "file"
    file.touch()
    assert run(["demo", "--into", str(file)]) == 2
    assert capsys.readouterr().err == f"keyapi-async: --into {file}: File exists\n"


def test_the_folder_given_is_kept_where_the_demo_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo_returning(monkeypatch, attrs.evolve(REPORT, missing=1))
    assert run(["demo", "--into", str(tmp_path / "mine")]) == 1
    assert (tmp_path / "mine").is_dir()


async def unlocked(ledger: Path) -> None:
    """Return when no process has the ledger open."""
    async with Harvest.open(ledger, create=False):
        pass


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
async def test_no_process_is_left_running(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    ledger = tmp_path / "creators.db"
    with subprocess.Popen(  # noqa: ASYNC220, S603  # it is our own command
        (sys.executable, "-m", "keyapi_async", "demo", "--into", str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "NO_COLOR": "1"},
    ) as process:
        give_up = time.monotonic() + 10
        while not os.path.exists(f"{ledger}-wal"):  # noqa: ASYNC240, PTH110
            assert time.monotonic() < give_up
            time.sleep(0.01)  # noqa: ASYNC251  # nothing else runs here
        with pytest.raises(LedgerError, match="in use"):
            await unlocked(ledger)
        process.send_signal(number)
        out, told = process.communicate(timeout=10)
    assert process.returncode == code
    assert (out, b"Traceback" in told) == (b"", False)
    if number == signal.SIGKILL:
        time.sleep(0.5)  # noqa: ASYNC251  # the orphan has to notice
    await unlocked(ledger)


def test_a_folder_of_its_own_goes_with_an_interrupted_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def interrupted(*_: object) -> Report:
        assert os.listdir(tmp_path)  # noqa: PTH208
        raise KeyboardInterrupt

    monkeypatch.setattr(demo_module, "_demo", interrupted)
    assert run(["demo"]) == 130
    assert not list(tmp_path.iterdir())


def test_a_folder_of_its_own_goes_where_nobody_reads_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unread(*_: object) -> None:
        assert list(tmp_path.iterdir())
        raise BrokenPipeError

    demo_returning(monkeypatch, REPORT)
    monkeypatch.setattr(demo_module, "print_report", unread)
    monkeypatch.setattr(app_module, "abandon_output", lambda: None)
    assert run(["demo"]) == 0
    assert not list(tmp_path.iterdir())


async def test_the_products_differ_and_share_creators() -> None:
    box = Sandbox()
    product_ids = shelf(box, 40)
    assert len(set(product_ids)) == len(product_ids) == 40
    lists = [box.world.product_creators(product_id) for product_id in product_ids]
    creators = [row["user_id"] for rows in lists for row in rows]
    assert len(set(creators)) < 0.8 * len(creators)
    assert max(map(len, lists)) <= 200


def test_more_products_than_two_markets_have(monkeypatch: pytest.MonkeyPatch) -> None:
    box = Sandbox()
    twice = box.product_ids(1) * 2
    monkeypatch.setattr(shelf_module, "_shown_beside", lambda *_: iter(twice))
    assert shelf(box, 20) == box.product_ids(20)


class TinyWorld:
    """Two creators of product 1; product 9 has more creators than a demo waits for."""

    def product_creators(self, product_id: str) -> list[dict[str, str]]:
        return [{"user_id": "7"}, {"user_id": "8"}] * (200 if product_id == "9" else 1)

    def influencer_videos(self, user_id: str) -> list[dict[str, str]]:
        return [{"video_id": user_id}]

    def video_products(self, video_ids: Iterable[str]) -> list[dict[str, str]]:
        return [{"product_id": other} for _ in video_ids for other in ("1", "2", "9", "3")]


def test_a_market_ends_with_the_products_of_its_creators() -> None:
    assert list(shelf_module._shown_beside(cast(World, TinyWorld()), "1")) == ["2", "3"]
