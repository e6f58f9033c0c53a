"""``export``, ``status`` and ``estimate``: what costs nothing."""

from pathlib import Path

import pytest

from keyapi_async.cli import ledger as ledger_module
from keyapi_async.cli.app import run
from keyapi_async.harvest import Exported, Status
from keyapi_async.sandbox import Sandbox

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def ledger(box: Sandbox, capsys: Capture) -> str:
    ids = [one for one in box.product_ids(100) if 0 < len(box.world.product_creators(one)) < 30]
    Path("ids.txt").write_text("\n".join(ids[:2]), encoding="utf-8")
    assert run(["harvest", "creators", "--ids", "ids.txt", "--db", "x.db", "--qps", "1000"]) == 0
    capsys.readouterr()
    return "x.db"


def test_status_and_export(ledger: str, capsys: Capture) -> None:
    assert run(["status", ledger]) == 0
    shown = capsys.readouterr().out
    assert "product_creators" in shown
    assert "2 done, 0 failed, 0 left" in shown
    assert run(["export", ledger, "x.csv", "--escape-formulas"]) == 0
    assert "x.csv" in capsys.readouterr().out
    assert Path("x.csv").read_bytes().startswith(b"\xef\xbb\xbflist_product_id,")


def test_rows_that_are_no_record_are_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    async def status(_: Path) -> Status:
        return Status({}, done=1, failed=0, left=0, pages=1, rows=3, rejects=2)

    async def export(_: Path, file: Path, *, escape_formulas: bool) -> Exported:
        return Exported(file, 1, 2)

    monkeypatch.setattr(ledger_module, "_status", status)
    monkeypatch.setattr(ledger_module, "_export", export)
    assert run(["status", "x.db"]) == 0
    assert "3, 2 of them no record" in capsys.readouterr().out
    assert run(["export", "x.db", "x.csv"]) == 0
    assert "1, 2 left out that are no record" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["status", "none.db"], "none.db: there is no such ledger"),
        (["status", "ids.txt"], "is no ledger"),
        (["export", "x.db", "x.xml"], "a name with .parquet, .csv or .jsonl"),
        (["export", "x.db"], "keyapi-async export: Missing argument 'FILE'"),
    ],
)
def test_bad_usage(args: list[str], told: str, ledger: str, capsys: Capture) -> None:
    assert run(args) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "lists", "credits_", "time"),
    [
        (["creators", "--ids", "ids.txt"], 25, 25, "2.5 s"),
        (["products", "--ids", "ids.txt"], 3, 3, "0.3 s"),
        (["videos", "--handles", "ids.txt", "--rows-per-list", "20"], 25, 75, "7.5 s"),
        (["videos", "--ids", "ids.txt", "--rows-per-list", "19"], 25, 50, "5.0 s"),
        (
            ["livestreams", "--ids", "ids.txt", "--rows-per-list", "19", "--until", "empty-page"],
            25,
            75,
            "7.5 s",
        ),
        (["creators", "--ids", "ids.txt", "--until", "empty-page", "--qps", "5"], 25, 25, "5.0 s"),
        (["ranking", "--dates", "2026-06-01,2026-06-02", "--regions", "us,US,GB"], 4, 4, "0.4 s"),
    ],
)
def test_estimates(  # noqa: PLR0917
    args: list[str], lists: int, credits_: int, time: str, box: Sandbox, capsys: Capture
) -> None:
    Path("ids.txt").write_text("\n".join(map(str, range(25))), encoding="utf-8")
    assert run(["estimate", *args]) == 0
    out = capsys.readouterr().out.split()
    assert out[:2] == ["lists", str(lists)]
    assert out[2:4] == ["credits", str(credits_)]
    assert time in " ".join(out)
    assert ("--rows-per-list" in out) == ("--rows-per-list" not in args)
    assert not box.requests


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["creators"], "creators: give --ids"),
        (["creators", "--ids", "x", "--handles", "y"], "creators: give --ids"),
        (["videos"], "give either --ids or --handles"),
        (["videos", "--ids", "x", "--handles", "y"], "give either --ids or --handles"),
        (["ranking", "--dates", "2026-06-01"], "give --dates and --regions"),
        (["ranking", "--dates", "June", "--regions", "US"], "yyyy-MM-dd"),
        (["songs"], "keyapi-async estimate: Invalid value"),
    ],
)
def test_an_estimate_of_nothing(args: list[str], told: str, capsys: Capture) -> None:
    assert run(["estimate", *args]) == 2
    assert told in capsys.readouterr().err
