"""``harvest``, ``estimate``, ``export`` and ``status``: many lists, and the ledger they go to."""

import asyncio
import io
import re
import signal
import sqlite3
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from keyapi_async.api import endpoints
from keyapi_async.api.endpoint import Endpoint
from keyapi_async.cli.app import run
from keyapi_async.cli.display import display_on, follow
from keyapi_async.cli.ledger import status_lines
from keyapi_async.cli.terminal import console
from keyapi_async.harvest import Harvest, Progress, Status
from keyapi_async.sandbox import Fault, Faults, Sandbox
from tests.cli.commands import Terminal, arguments, interrupt, invoke, uninstall, value_of, when
from tests.csvs import read_csv
from tests.redis_server import RedisServer
from tests.servers import http, raw, served

EVERY = {f"{one.resource} {one.name}": one for one in endpoints()}
CREATORS = ("product", "creators")
HARVEST = ("harvest", *CREATORS, "--ids", "ids.txt", "--db", "x.db")
FAST = ("--qps", "2000")


def rows_of(file: str) -> list[dict[str, str]]:
    return read_csv(Path(file))[1]


def age(ledger: str) -> None:
    """Let everything in a ledger have been read two hours ago."""
    with closing(sqlite3.connect(ledger)) as db, db:
        db.execute("UPDATE list SET read_at = read_at - 7200")


@pytest.mark.parametrize("endpoint", EVERY.values(), ids=EVERY)
def test_every_endpoint_is_estimated_harvested_and_exported(
    endpoint: Endpoint, box: Sandbox
) -> None:
    Path("ids.txt").write_text(f"{value_of(box, endpoint)}  # one\n", encoding="utf-8")
    args = [endpoint.resource, endpoint.name, *arguments(box, endpoint, files=True)]
    estimate = invoke("estimate", *args)
    assert (estimate.code, len(box.requests)) == (0, 0), estimate.err
    assert estimate.facts["credits"].startswith(f"{endpoint.credits} at least")
    result = invoke("harvest", *args, "--max-credits", "4", *FAST)
    assert result.code in {0, 4}, result.err
    ledger = f"{endpoint.resource}-{endpoint.name}.db"
    assert invoke("export", ledger, "x.csv").code == 0
    status = invoke("status", ledger).facts
    assert status["name"] == f"{endpoint.resource} {endpoint.name}"
    assert result.facts["read"] == f"{status['read']}, by this run"
    assert result.facts["read"].startswith(f"{len(rows_of('x.csv')):,} row")


def test_a_second_run_buys_nothing_and_the_exports_agree(box: Sandbox, ids: list[str]) -> None:
    billed = box.billed
    estimate = invoke("estimate", *CREATORS, "--ids", "ids.txt", "--rows-per-list", "10")
    assert estimate.facts["credits"] == "24 at least, with 10 rows a list"
    files = [f"--export=c.{kind}" for kind in ("csv", "jsonl", "parquet")]
    args = [*files, "--report=c.html", *FAST]
    result = invoke(*HARVEST, *args)
    assert result.code == 0, result.err
    assert result.facts["lists"] == "12 done, 0 failed, 0 left"
    spent = box.billed - billed
    rows = rows_of("c.csv")
    assert {row["list_product_id"] for row in rows} == set(ids)
    assert len(Path("c.jsonl").read_text("utf-8").splitlines()) == len(rows)
    assert invoke(*HARVEST, *FAST).code == 0
    assert "holds other lists" in invoke(*HARVEST, "--sort-type", "asc").err
    assert box.billed - billed == spent
    age("x.db")
    assert invoke(*HARVEST, "--max-age", "1h", *FAST).code == 0
    assert box.billed - billed == 2 * spent
    assert invoke("report", "x.db", "d.html").facts["file"] == "d.html"
    assert all("<html" in Path(file).read_text("utf-8") for file in ("c.html", "d.html"))
    assert invoke("export", "x.db", "all.csv", "--snapshots", "all").code == 0
    assert len(rows_of("all.csv")) == 2 * len(rows)
    users = ("influencer", "detail", "--ids", "x.db", "--column", "user_id")
    result = invoke("harvest", *users, *FAST)
    assert f"{len({row['user_id'] for row in rows}) // 10 + 1} done" in result.out
    result = invoke(*_estimate("x.db", "--column", "user-id"))
    assert "x.db has no column 'user-id': one of list_product_id, fetched_at" in result.err


def test_ids_come_from_wherever_they_are(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.csv").write_text('name,id\n"x\ny",1\nz, 2\n,\n', encoding="utf-8")
    assert invoke(*_estimate("a.csv", "--column", "id")).facts["lists"] == "2"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbf1\r\n2 # two\r3")))
    assert invoke(*_estimate("-")).facts["lists"] == "3"
    Path("h.txt").write_text("@a\nb\n", encoding="utf-8")
    for name, lists in (("videos", "2"), ("detail", "1, of 10 ids at most")):
        told = invoke("estimate", "influencer", name, "--handles", "h.txt")
        assert told.facts["lists"] == lists
    dates = ("--date", "2026-06-01,2026-07-01", "--region", "US,GB,DE", "--rank-type", "month")
    ranking = ("estimate", "shop", "ranking", *dates, "--seller-rank-field", "total_sale_cnt")
    told = invoke(*ranking, "--rows-per-list", "20", "--until", "empty_page")
    assert told.facts["lists"] == "6"
    assert told.facts["credits"].startswith("18 at least")


def _estimate(file: str, *more: str) -> list[str]:
    return ["estimate", *CREATORS, "--ids", file, *more]


@pytest.mark.parametrize(
    ("text", "more", "told"),
    [
        ("1\nx\n\n1e18\n", [], "2 ids of ids.txt are not accepted (an id is a string of digits,"),
        ("1.7E+18\n", [], "a spreadsheet has rounded ids"),
        ("\uff11\uff12\n", [], "some have full-width characters"),
        ("1,2\n", [], "of a CSV, name the column of the ids with --column"),
        ("x\n" * 300, [], "300 ids of ids.txt are not accepted"),
        ("product_id\n1\n", [], "if that is the name of a column, give it with --column"),
        ("# nothing\n\n", [], "ids.txt has no ids"),
        ("a;b\n1;2\n", ["--column", "b"], "its columns have to be separated by commas"),
        ("a,b\n1,2\n", ["--column", "c"], "has no column 'c'; it has: 'a', 'b'"),
        ('{"a":1}\n', ["--column", "a"], "ids.txt is JSON Lines: give a CSV, or the ledger"),
        ('a\n"' + "x" * 200_000, ["--column", "a"], "is not valid CSV after line"),
        ("\udcff", [], "is not UTF-8 text"),
        ("1\n", ["--ids", "none.txt"], "--ids none.txt: No such file or directory\n"),
        ("1\n", ["--ids", "123"], "--ids 123: No such file or directory; it takes a file of ids"),
        ("1\n", ["--ids", "bare.db"], "is a ledger: name the column of the ids with --column"),
        ("1\n", ["--ids", "bare.db", "--column", "x"], "is not a ledger"),
        ("1\n", ["--export", "none/x.csv"], "its folder does not exist"),
        ("1\n", ["--report", "x.pdf"], "a name with .html"),
        ("1\n", ["--max-age", "1 day"], "is not a time such as 1d, 12h, 30m or 90s"),
        ("1\n", ["--db", "none/x.db"], "its folder does not exist"),
        ("1\n", ["--redis", "nonsense"], "an address of Redis"),
    ],
)
def test_bad_input_costs_nothing(text: str, more: list[str], told: str, box: Sandbox) -> None:
    Path("ids.txt").write_bytes(text.encode(errors="surrogateescape"))
    with closing(sqlite3.connect("bare.db")) as db:
        db.execute("CREATE TABLE x (y)")
    result = invoke("harvest", *CREATORS, "--ids", "ids.txt", *more)
    assert (result.code, result.out) == (2, "")
    assert told in result.err
    if "not accepted" in told and "x" in text:
        assert result.err.startswith(("ids.txt:2: 'x'\nids.txt:4: '1e18'\n", "ids.txt:1: 'x'\n"))
    assert result.err.count("\n") <= 23
    assert not box.requests


def test_a_report_that_lacks_its_extra_is_refused_before_a_credit_is_spent(
    box: Sandbox, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    uninstall(monkeypatch, "vl_convert", "keyapi_async.report")
    result = invoke(*HARVEST, "--report", "c.html")
    assert (result.code, box.requests) == (2, [])
    assert "pip install 'keyapi-async[report]'" in result.err


def test_failed_lists_are_named_and_tried_again(box: Sandbox, ids: list[str]) -> None:
    box.faults = Faults(script=[None, Fault.NOT_FOUND])
    result = invoke(*HARVEST, "--concurrency", "1", *FAST)
    assert result.code == 1
    assert f"{ids[0]} failed: " in result.err
    assert "The same command tries the failed lists again." in result.err
    assert f"{ids[0]} failed: " in invoke("status", "x.db").out
    assert invoke(*HARVEST, *FAST).code == 0
    age("x.db")
    box.faults = Faults(script=[Fault.NOT_FOUND] * 12)
    assert "… and 2 more" in invoke(*HARVEST, "--max-age", "90m", *FAST).err


def test_what_ends_a_run_has_its_code_and_the_way_on(box: Sandbox, ids: list[str]) -> None:
    for fault, credits_, code in (Fault.UNAUTHORIZED, 99, 3), (Fault.QUOTA, 99, 4), (None, 3, 4):
        box.faults = Faults(script=[None, None, None, fault])
        more = ("--max-credits", str(credits_), "--export", "c.csv")
        result = invoke(*HARVEST, *more, *FAST)
        assert (result.code, "12 left" in result.out) == (code, True)
        assert "Kept in x.db; the same command goes on from there, and exports at its" in result.err
        Path("x.db").unlink()


def test_what_is_uncertain_or_invalid_is_told(
    box: Sandbox, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    box.faults = Faults(script=[Fault.TRUNCATE])
    assert "1 more are uncertain" in invoke(*HARVEST, *FAST).facts["credits"]
    one = ("harvest", *CREATORS, "--ids", "-", "--db", "y.db")

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(http(b'{"code": 0, "data": [{"product_id": 1, "user_id": 2}, {}]}'))

    with served(raw(answer)) as server:
        monkeypatch.setenv("KEYAPI_BASE_URL", server.url)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"1")))
        told = "2 rows in 1 page, 1 of them invalid"
        assert invoke(*one).facts["read"] == f"{told}, by this run"
        result = invoke(*CREATORS, "1")
    assert result.out == '{"product_id":"1","user_id":"2"}\n'
    assert result.err == "left out, as invalid: 1 row\n"
    assert invoke("status", "y.db").facts["read"] == told
    assert invoke("export", "y.db", "y.csv").facts["rows"] == "1, 1 left out as invalid"


def test_a_shared_gate_is_asked(box: Sandbox, ids: list[str], redis: RedisServer) -> None:
    assert invoke(*HARVEST, "--redis", redis.url, *FAST).code == 0
    assert "cmdstat_evalsha" in redis.ask("INFO", "commandstats")


def test_a_signal_keeps_what_is_in_flight_and_a_second_one_ends_it(
    box: Sandbox, ids: list[str]
) -> None:
    billed, kept = box.billed, "Kept in x.db; the same command goes on from there"
    with when(lambda: len(box.requests) > 9, lambda: interrupt(signal.SIGTERM)):
        result = invoke(*HARVEST, "--qps", "50", "--export", "c.csv")
    assert (result.code, kept in result.err, " left" in result.out) == (130, True, True)
    once = box.billed - billed
    box.faults = Faults(script=[Fault.HANG] * 100)
    box.requests.clear()

    def twice() -> None:
        interrupt()
        time.sleep(0.2)
        interrupt()

    with when(lambda: len(box.requests) > 3, twice):
        result = invoke(*HARVEST, *FAST)
    assert (result.code, kept in result.err) == (130, True)
    box.faults, before = Faults(), box.billed
    assert invoke(*HARVEST, *FAST).code == 0
    with closing(sqlite3.connect("x.db")) as db:
        assert db.execute("SELECT count(*) FROM page").fetchone() == (once + box.billed - before,)


def test_another_terminal_watches(
    box: Sandbox, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Terminal()

    async def watch() -> None:
        async with Harvest.open("x.db", read_only=True) as harvest:
            await follow(harvest, console(seen), lambda now: not now.running)

    with when(lambda: len(box.requests) > 3, lambda: asyncio.run(watch())):
        assert invoke(*HARVEST, "--qps", "60").code == 0
    assert re.search("/12.*requests/s", seen.getvalue(), re.DOTALL)
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert run(("status", "x.db", "--watch")) == 0
    assert "12 done" in out.getvalue()


COUNTS: dict[str, Any] = {"done": 3, "failed": 1, "left": 6, "pages": 40, "rows": 400}
RUN = Progress(
    **COUNTS, before=1, spent=41, uncertain=1, requests=42, elapsed=10.0, qps=10.0, budget=100
)


def test_a_log_gets_a_line_now_and_then() -> None:
    log = io.StringIO()
    with display_on(console(log)) as show:
        for at in (1, 6, 7):
            show(_at(at))
        for at in (8, 20):
            show(_at(at, paused="the connection\x1b is lost"))
        show(_at(21))
    first, lost, last = log.getvalue().splitlines()
    assert first == (
        "3 of 10 lists, 1 failed; by this run 400 rows, 40 pages, 41 of 100 credits;"
        " 7.0 of 10 requests/s, 0:00:18 left"
    )
    assert lost == "the connection is lost"
    assert last.endswith("2.0 of 10 requests/s, 0:01:03 left")


def _at(elapsed: float, **other: object) -> Progress:
    return attrs.evolve(RUN, elapsed=elapsed, **other)  # type: ignore[arg-type]  # any field


def test_a_terminal_gets_lines_that_move_and_are_wiped() -> None:
    seen = Terminal()
    with display_on(console(seen)) as show:
        show(_at(0.0, requests=0))
        show(_at(1.5, requests=10, qps=None, budget=None))
        show(_at(2))
        show(_at(3, paused="the connection is lost"))
    some = ("4", "/10", "21.0", "400 rows", "40 pages", "41 of 100 credits", "1 failed", "\x1b[36m")
    for told in some:
        assert told in seen.getvalue()
    assert "0:00:02 gone, 0:00:06 left" in seen.getvalue()
    with display_on(console(seen)) as show:
        show(_at(10, requests=460))
        show(_at(1, requests=47))  # another run of the ledger has begun
    assert "47.0" in seen.getvalue()
    assert seen.getvalue().rindex("\x1b[?25h") > seen.getvalue().rindex("\x1b[?25l")


def test_status_tells_of_a_pause_and_of_nothing() -> None:
    begun = datetime(2026, 7, 1, tzinfo=UTC)
    held = Status(
        listing={"name": "product creators", "path": "/x", "parameter sort_type": 1},
        keys=("product_id",), size=2_500_000, first=begun, last=begun + timedelta(hours=1),
        running=True, run=_at(10, paused="no network"), rejects=0, **COUNTS,
    )  # fmt: skip
    lines = dict(status_lines(held))
    assert lines.items() >= {"sort_type": "1", "size": "2.5 MB", "run": "no network"}.items()
    assert "path" not in lines
    left = attrs.evolve(held, running=False, run=_at(10))
    assert dict(status_lines(left))["run"] == "ended before its time; the same command goes on"
    assert dict(status_lines(attrs.evolve(left, left=0)))["run"] == "ended"
    nothing: dict[str, Any] = dict.fromkeys(COUNTS, 0)
    new = attrs.evolve(left, listing={}, first=None, last=None, run=None, **nothing)
    assert [name for name, _ in status_lines(new)] == ["lists", "read", "size"]
