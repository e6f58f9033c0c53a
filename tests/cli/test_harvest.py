"""``harvest``: the bulk job, its ids, its files and its exit codes."""

import csv
import io
import json
import re
import sqlite3
import sys
from pathlib import Path

import pytest

from keyapi_async.cli import harvest as harvest_module
from keyapi_async.cli import keys
from keyapi_async.cli.app import run
from keyapi_async.cli.exits import exit_code
from keyapi_async.errors import QuotaExceededError
from keyapi_async.harvest import HarvestReport, HarvestStoppedError, Job, LedgerError
from keyapi_async.sandbox import Fault, Faults, Sandbox
from tests.redis_server import RedisServer

Capture = pytest.CaptureFixture[str]

FAST = ("--qps", "2000")
MONTH = ("--regions", "US", "--rank-type", "month", "--rank-field", "sales")
TOLD = (
    "keyapi-async: 3 of 5 ids of ids.txt are not accepted"
    " (an id is a string of digits, or an int); nothing was asked for"
    "; a spreadsheet has rounded ids: format their column as text there, and fill it anew"
)


def file_of(name: str, *lines: str) -> str:
    Path(name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return name


def short(box: Sandbox, count: int = 4) -> list[str]:
    """Give products whose lists are short."""
    ids = [one for one in box.product_ids(100) if len(box.world.product_creators(one)) < 40]
    return ids[:count]


def rows_of(box: Sandbox, ids: list[str]) -> int:
    return sum(len(box.world.product_creators(one)) for one in ids)


def test_it_reads_all_lists_exports_them_and_asks_for_nothing_twice(
    box: Sandbox, capsys: Capture
) -> None:
    ids = short(box)
    file_of("ids.txt", ids[0], "", f"  {ids[1]}  ", *ids[2:], ids[0])
    files = ("--export", "c.csv", "--export", "c.jsonl", "--export", "c.parquet")
    assert run(["harvest", "creators", "--ids", "ids.txt", *files, *FAST]) == 0
    captured = capsys.readouterr()
    rows = rows_of(box, ids)
    assert "4 done, 0 failed, 0 left" in captured.out
    assert f"c.csv ({rows:,} rows)" in captured.out
    assert captured.err == ""
    lines = Path("c.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["list_product_id"] for line in lines} <= set(ids)
    assert len(lines) == rows
    assert Path("creators.db").exists()
    asked = len(box.requests)
    assert run(["harvest", "creators", "--ids", "ids.txt", *FAST]) == 0
    assert len(box.requests) == asked
    assert "0 rows in 0 pages" in capsys.readouterr().out


@pytest.mark.parametrize("noun", ["videos", "handles", "ranking", "livestreams", "products"])
def test_every_noun_is_harvested(noun: str, box: Sandbox, capsys: Capture) -> None:
    file_of("users.txt", *box.user_ids(2))
    file_of("handles.txt", *("@" + one for one in box.unique_ids(2)))
    file_of("videos.txt", *box.video_ids(11))
    args = {
        "videos": ["videos", "--ids", "users.txt", "--sort-field", "create_time"],
        "handles": ["videos", "--handles", "handles.txt"],
        "ranking": ["ranking", "--dates", "2026-06-01,2026-07-01", "--regions", "US,gb", *MONTH],
        "livestreams": ["livestreams", "--ids", "users.txt"],
        "products": ["products", "--ids", "videos.txt", "--until", "empty-page"],
    }[noun]
    code = run(["harvest", *args, "--db", "x.db", "--max-credits", "60", *FAST])
    assert code in {0, 4}
    assert Path("x.db").exists()
    lists = 4 if noun == "ranking" else 2
    with sqlite3.connect("x.db") as db:
        assert db.execute("SELECT count(*) FROM list").fetchone() == (lists,)
    db.close()
    assert "credits" in capsys.readouterr().out


def test_a_column_of_a_csv_has_the_ids(box: Sandbox) -> None:
    ids = short(box, 2)
    with Path("ids.csv").open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([["name", "id"], ["a\nb", ids[0]], ["c"], ["d", ids[1]]])
    args = ["harvest", "creators", "--ids", "ids.csv", "--column", "id"]
    assert run([*args, *FAST]) == 0
    assert {dict(one.params)["product_id"] for one in box.requests} == set(ids)


def test_standard_input_has_the_ids(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("\ufeff" + "\n".join(short(box, 1))))
    assert run(["harvest", "creators", "--ids", "-", *FAST]) == 0


def test_all_bad_ids_are_told_with_their_lines(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    file_of("ids.txt", "1", "abc", "", "1.7e18", "2", "\x1b[31m")
    assert run(["harvest", "creators", "--ids", "ids.txt"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "ids.txt:2: 'abc'",
        "ids.txt:4: '1.7e18'",
        "ids.txt:6: '\\x1b[31m'",
        TOLD,
    ]
    monkeypatch.setattr(keys, "_SHOWN", 1)
    assert run(["harvest", "videos", "--handles", file_of("h.txt", "a b", "ok", "c d")]) == 2
    assert capsys.readouterr().err.startswith("h.txt:1: 'a b'\n… and 1 more\nkeyapi-async: 2 of 3")
    assert run(["estimate", "creators", "--ids", "ids.txt"]) == 2
    assert not box.requests
    assert not list(Path().glob("*.db"))


def test_the_line_of_a_bad_cell_is_that_of_the_file(box: Sandbox, capsys: Capture) -> None:
    Path("ids.csv").write_text('id,name\n1,"a\nb"\nx,c\n', encoding="utf-8")
    assert run(["harvest", "creators", "--ids", "ids.csv", "--column", "id"]) == 2
    assert capsys.readouterr().err.startswith("ids.csv:4: 'x'\n")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["creators", "--ids", "none.txt"], "none.txt: No such file or directory"),
        (["creators", "--ids", "empty.txt"], "empty.txt has no ids"),
        (["creators", "--ids", "latin.txt"], "latin.txt is no UTF-8 text: save it as"),
        (["creators", "--ids", "t.csv", "--column", "z"], "no column 'z'; it has: 'id', 'name'"),
        (["creators", "--ids", "t.csv"], "; of a CSV, name the column of the ids with --column"),
        (["creators", "--ids", "semi.csv", "--column", "id"], "have to be separated by commas"),
        (["creators", "--ids", "sheet.txt"], "; a spreadsheet has rounded ids: format their"),
        (["creators", "--ids", "empty.txt", "--column", "z"], "no column 'z'; it has: "),
        (["creators", "--ids", "wide.csv", "--column", "id"], "wide.csv is no CSV after line 1"),
        (["creators", "--ids", "ids.txt", "--export", "c.xml"], "'c.xml' is not accepted"),
        (["creators", "--ids", "ids.txt", "--export", "no/c.csv"], "there is no such folder"),
        (["creators", "--ids", "ids.txt", "--db", "no/c.db"], "there is no such folder"),
        (["creators", "--ids", "ids.txt", "--db", "t.csv"], "is no ledger"),
        (["creators", "--ids", "ids.txt", "--concurrency", "0"], "harvest creators: Invalid"),
        ([], "keyapi-async harvest: Missing command (see keyapi-async harvest --help)"),
        (["creators"], "keyapi-async harvest creators: Missing option '--ids'"),
        (["videos"], "give either --ids or --handles"),
        (["videos", "--ids", "ids.txt", "--handles", "ids.txt"], "give either --ids or --han"),
        (
            ["ranking", "--dates", "2026-06-02", *MONTH],
            "you probably mean 2026-06-01",
        ),
    ],
)
def test_bad_usage_costs_nothing(args: list[str], told: str, box: Sandbox, capsys: Capture) -> None:
    file_of("ids.txt", "1")
    file_of("empty.txt", "", " ")
    file_of("t.csv", "id,name")
    file_of("semi.csv", "id;name")
    file_of("sheet.txt", "1", "1.72949E+18")
    file_of("wide.csv", "id", "1" * 140_000)
    Path("latin.txt").write_bytes(b"\xe9\n")
    assert run(["harvest", *args]) == 2
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.err.splitlines()[-1].count("keyapi-async") <= 3
    assert captured.out == ""
    assert not box.requests


def test_a_ledger_of_another_job_is_refused(box: Sandbox, capsys: Capture) -> None:
    args = ["harvest", "creators", "--ids", file_of("ids.txt", *short(box, 1)), *FAST]
    assert run(args) == 0
    assert run([*args, "--sort-field", "total_digg_cnt"]) == 2
    assert "holds another job" in capsys.readouterr().err


def test_lists_that_failed_are_named_and_tried_again(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    box.faults = Faults(script=[Fault.NOT_FOUND] * 3)
    monkeypatch.setattr(harvest_module, "_FAILURES", 2)
    args = ["harvest", "creators", "--ids", file_of("ids.txt", *short(box)), *FAST]
    assert run(args) == 1
    captured = capsys.readouterr()
    assert "1 done, 3 failed, 0 left" in captured.out
    assert captured.err.count(" failed: ") == 2
    assert captured.err.endswith("… and 1 more\nThe same command tries the failed lists again.\n")
    assert run(args) == 0
    assert "4 done, 0 failed, 0 left" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("fault", "code"), [(Fault.UNAUTHORIZED, 3), (Fault.FORBIDDEN, 1), (Fault.QUOTA, 4)]
)
def test_what_ends_a_run_has_its_code(
    fault: Fault, code: int, box: Sandbox, capsys: Capture
) -> None:
    ids = short(box, 1)
    file_of("ids.txt", *ids)
    box.faults = Faults(script=[fault])
    args = ["harvest", "creators", "--ids", "ids.txt", "--export", "c.csv", *FAST]
    assert run(args) == code
    assert "Traceback" not in capsys.readouterr().err
    assert run(args) == 0
    assert str(rows_of(box, ids)) in capsys.readouterr().out


def test_a_budget_ends_a_run_and_says_how_to_go_on(box: Sandbox, capsys: Capture) -> None:
    file_of("ids.txt", *short(box))
    args = ["harvest", "creators", "--ids", "ids.txt", "--export", "c.csv", *FAST]
    assert run([*args, "--max-credits", "2", "--concurrency", "1"]) == 4
    captured = capsys.readouterr()
    way_on, sentence = captured.err.splitlines()
    assert way_on == (
        "Kept in creators.db; the same command goes on from there, and exports at its end."
    )
    assert sentence.startswith("keyapi-async: the harvest was stopped: max_credits=2")
    assert "2 spent" in captured.out
    assert not Path("c.csv").exists()


def test_what_was_uncertain_or_no_record_is_told(box: Sandbox, capsys: Capture) -> None:
    order = harvest_module._Order(
        job=Job.product_creators(["1"]),
        ledger=Path("x.db"),
        exports=(),
        qps=10,
        concurrency=1,
        max_credits=None,
        redis=None,
    )
    report = HarvestReport(
        done=1, failed=0, left=0, pages=1, rows=10, rejects=2, spent=3, uncertain=4,
        requests=5, elapsed=1.0, qps=10,
    )  # fmt: skip
    harvest_module._print_report(order, report, ())
    out = capsys.readouterr().out
    assert "10 rows in 1 page, 2 of them no record" in out
    assert "3 spent, 4 more are uncertain" in out


def test_a_full_disk_is_no_bad_usage() -> None:
    report = HarvestReport(
        done=0, failed=0, left=0, pages=0, rows=0, rejects=0, spent=0, uncertain=0,
        requests=0, elapsed=0.0, qps=None,
    )  # fmt: skip
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    error = LedgerError(Path("x.db"), "the disk is full")
    assert exit_code(error) == 2
    error.__cause__ = full
    assert exit_code(error) == 1
    stopped = HarvestStoppedError("stopped", report)
    assert exit_code(stopped) == 1
    stopped.__cause__ = QuotaExceededError("apiKey quota is not enough")
    assert exit_code(stopped) == 4


def test_a_shared_gate_is_asked_for_each_page(box: Sandbox, redis: RedisServer) -> None:
    (one,) = short(box, 1)
    args = ["harvest", "creators", "--ids", file_of("ids.txt", one), *FAST]
    assert run([*args, "--redis", redis.url]) == 0
    pages = len(box.requests)
    assert pages == rows_of(box, [one]) // 10 + 1
    stats = redis.ask("INFO", "commandstats")
    calls = re.search(r"cmdstat_evalsha:calls=(\d+)", stats)
    assert calls is not None
    assert int(calls[1]) >= pages


def test_an_address_that_is_none_is_refused_before_a_credit_is_spent(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("KEYAPI_REDIS", "localhost")
    assert run(["harvest", "creators", "--ids", file_of("ids.txt", "1")]) == 2
    told = "keyapi-async: url: an address of Redis, such as redis://localhost:6379/0; known are"
    assert capsys.readouterr().err.startswith(told)
    assert not box.requests
