"""``creators`` and its sisters: one list on standard output."""

import csv
import io
import json
import sys
from datetime import UTC, datetime

import pytest

from keyapi_async import (
    InfluencerLivestream,
    ProductCreator,
    RankedInfluencer,
    RankType,
    Video,
    VideoProduct,
)
from keyapi_async.api.influencer import InfluencerResource
from keyapi_async.cli import columns
from keyapi_async.cli.app import run
from keyapi_async.cli.output import CsvOutput, JsonLinesOutput, TableOutput, output
from keyapi_async.sandbox import Fault, Faults, Sandbox, World

Capture = pytest.CaptureFixture[str]

PRODUCT = "1729492547846767618"
FAST = ("--qps", "1000")
EVIL = ProductCreator(
    product_id="1",
    user_id="2",
    nick_name="a\x1b[31m\x9bb\n",
    total_followers_cnt=123_456_789_012_345,
    extra={"new": "\x9b"},
)


def asked(box: Sandbox, name: str) -> list[str | None]:
    return [dict(one.params).get(name) for one in box.requests]


def test_a_pipe_gets_json_lines(box: Sandbox, capsys: Capture) -> None:
    assert run(["creators", PRODUCT, "--limit", "12", *FAST]) == 0
    captured = capsys.readouterr()
    rows = [json.loads(line) for line in captured.out.splitlines()]
    assert rows == list(box.world.product_creators(PRODUCT))[:12]
    assert captured.err == ""
    assert box.billed


def test_csv_has_every_column_of_every_row(box: Sandbox, capsys: Capture) -> None:
    user = box.user_ids(3)[-1]
    args = ["videos", "--user-id", user, "--format", "csv", "--limit", "5", *FAST]
    assert run(args) == 0
    out = capsys.readouterr().out
    assert out.count("\r\n") >= 6
    rows = list(csv.DictReader(io.StringIO(out, newline="")))
    wire = list(box.world.influencer_videos(user))[:5]
    assert [row["video_id"] for row in rows] == [row["video_id"] for row in wire]
    moment = datetime.fromtimestamp(int(str(wire[0]["create_time"])), UTC)
    assert datetime.fromisoformat(rows[0]["create_time"]) == moment
    assert rows[0]["sales_flag"] in {"0", "1"}
    assert rows[0]["extra"] == ""


@pytest.mark.parametrize(
    "args",
    [
        ["creators", PRODUCT, "--sort-field", "total_views_cnt", "--sort-type", "ASC"],
        ["videos", "--unique-id", "HANDLE", "--sort-field", "create_time", "--sort-type", "desc"],
        ["ranking", "--region", "us", "--rank-type", "week", "--rank-field", "sales"],
        ["livestreams", "USER"],
        ["products", "VIDEO", "VIDEO2", "--until", "empty-page"],
    ],
)
def test_every_list_as_a_table_fits_80_columns(
    args: list[str], box: Sandbox, capsys: Capture
) -> None:
    known = {"HANDLE": box.unique_ids(3)[-1], "USER": box.user_ids(3)[-1]}
    known |= dict(zip(("VIDEO", "VIDEO2"), box.video_ids(2), strict=True))
    args = [known.get(arg, arg) for arg in args]
    assert run([*args, "--format", "table", "--limit", "15", *FAST]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert 0 < len(lines) <= 15
    assert max(map(len, lines)) <= 80
    assert not any(line.startswith(head[:12]) for line in lines)


def test_sorting_is_passed_on(box: Sandbox) -> None:
    args = ["--sort-field", "total_digg_cnt", "--sort-type", "desc", "--limit", "1"]
    assert run(["creators", PRODUCT, *args]) == 0
    assert asked(box, "product_influencer_sort_field") == ["2"]
    assert asked(box, "sort_type") == ["1"]


def test_a_ranking_of_a_date_is_asked_for_once(box: Sandbox) -> None:
    day = RankType.MONTH.latest(RankType.MONTH.latest()).isoformat()
    args = ["--region", "US", "--rank-type", "month", "--rank-field", "followers", "--limit", "1"]
    assert run(["ranking", "--date", day, *args]) == 0
    assert asked(box, "date") == [day]


def test_a_region_without_rankings_is_said(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    async def never(*_: object, **__: object) -> None:
        """Find nothing."""

    monkeypatch.setattr(InfluencerResource, "latest_ranking_date", never)
    args = ["--region", "US", "--rank-type", "day", "--rank-field", "sales"]
    assert run(["ranking", *args]) == 2
    assert "give a --date" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["creators", "abc"], "product_id='abc' is not accepted"),
        (["creators", "1", "--sort-type", "up"], "'up' is none of asc, desc (see"),
        (["creators", "1", "--until", "never"], "'never' is none of short-page, empty-page (see"),
        (["creators", "1", "--format", "xml"], "keyapi-async creators: Invalid value"),
        (["videos"], "give either --user-id or --unique-id"),
        (["videos", "--user-id", "1", "--unique-id", "x"], "give either --user-id or"),
    ],
)
def test_bad_usage_costs_nothing(args: list[str], told: str, box: Sandbox, capsys: Capture) -> None:
    assert run(args) == 2
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.err.count("\n") == 1
    assert not box.requests


@pytest.mark.parametrize(
    ("fault", "code"), [(Fault.UNAUTHORIZED, 3), (Fault.QUOTA, 4), (Fault.NOT_FOUND, 1)]
)
def test_an_error_has_its_code(fault: Fault, code: int, box: Sandbox, capsys: Capture) -> None:
    box.faults = Faults(script=[None, fault])
    assert run(["creators", PRODUCT, *FAST]) == code
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 10
    assert captured.err.count("\n") == 1


def test_a_budget_is_kept(box: Sandbox, capsys: Capture) -> None:
    assert run(["creators", PRODUCT, "--max-credits", "1", *FAST]) == 4
    assert len(capsys.readouterr().out.splitlines()) == 10
    assert len(box.requests) == 1


def test_rows_that_are_no_record_are_counted(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    rows = [{"product_id": PRODUCT, "user_id": user} for user in ("1", None, "3")]
    monkeypatch.setattr(World, "product_creators", lambda *_: rows)
    assert run(["creators", PRODUCT, *FAST]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 2
    assert captured.err == "left out, as no record: 1 row\n"


def test_a_terminal_gets_a_table_and_what_it_cost(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert run(["creators", PRODUCT, "--limit", "3", *FAST]) == 0
    captured = capsys.readouterr()
    assert "user id" in captured.out.splitlines()[0]
    assert "3 rows, 1 credit" in captured.err
    assert "\x1b[3" not in captured.out + captured.err  # no colour


def test_a_list_without_rows_has_a_head(box: Sandbox, capsys: Capture) -> None:
    args = ["creators", PRODUCT, "--limit", "0"]
    assert run([*args, "--format", "csv"]) == 0
    assert capsys.readouterr().out.startswith("product_id,user_id,")
    assert run([*args, "--format", "table"]) == 0
    assert capsys.readouterr().out.startswith("user id")
    assert run(args) == 0
    assert capsys.readouterr().out == ""


def test_no_terminal_obeys_a_name(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    stream = io.StringIO()
    JsonLinesOutput(stream).add([EVIL])
    assert json.loads(stream.getvalue())["nick_name"] == EVIL.nick_name
    CsvOutput(stream, ProductCreator).add([EVIL])
    assert "\x9b" in stream.getvalue().split("\n", 1)[1]  # a file gets what there is
    seen = io.StringIO()
    monkeypatch.setattr(seen, "isatty", lambda: True, raising=False)
    CsvOutput(seen, ProductCreator).add([EVIL])
    TableOutput(ProductCreator).add([EVIL])
    shown = seen.getvalue() + capsys.readouterr().out
    assert not {"\x1b", "\x9b"} & set(shown)
    assert "123,456.8G" in shown


def test_output_needs_no_real_file(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    output(ProductCreator, None).add([EVIL])
    assert stream.getvalue().startswith('{"product_id":"1"')


RECORDS = [ProductCreator, Video, RankedInfluencer, InfluencerLivestream, VideoProduct]


@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("width", [1, 40, 80, 120, 300])
def test_columns_are_chosen_by_the_width(record: type, width: int) -> None:
    chosen = columns.fitting(record, width)
    needed = sum(column.width + columns.GAP for column in chosen) - columns.GAP
    assert needed <= width or len(chosen) == 1
    assert len(columns.fitting(record, width + 100)) >= len(chosen)


def test_cells_say_what_is_there() -> None:
    assert columns._number("n/a", 5) == "n/a"
    assert columns._number(10**30, 3).endswith("P")
    assert columns._moment("n/a", 10) == ""
    assert str(columns.cell(columns.Column("", "region", 6, columns._number), EVIL)) == ""
