"""``RESOURCE NAME``: one list of every endpoint, as table, JSON Lines and CSV."""

import csv
import io
import json
import sys
from datetime import UTC, date, datetime

import pytest
from rich.cells import cell_len

from keyapi_async import Product
from keyapi_async.api import endpoints
from keyapi_async.api.endpoint import Endpoint
from keyapi_async.api.params import RankType
from keyapi_async.cli import columns
from keyapi_async.cli.app import run
from keyapi_async.cli.options import Format
from keyapi_async.cli.output import Output
from keyapi_async.sandbox import Fault, Faults, Sandbox
from tests.cli.commands import RANKING, Result, Terminal, arguments, invoke

EVERY = {f"{one.resource} {one.name}": one for one in endpoints()}
CREATORS = ("product", "creators", "1729492547846767618", "--qps", "1000")
RANKED = (*RANKING, "--limit", "1")


@pytest.mark.parametrize("endpoint", EVERY.values(), ids=EVERY)
def test_every_list_in_every_form(
    endpoint: Endpoint, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = [endpoint.resource, endpoint.name, *arguments(box, endpoint), "--limit", "12"]
    args += ["--qps", "1000"]
    rows = [json.loads(line) for line in invoke(*args).out.splitlines()]
    assert 0 < len(rows) <= 12
    known = box.rows(endpoint.path, **box.requests[-1].params)[: len(rows)]
    told = invoke(*args, "--format", "csv").out
    table = list(csv.DictReader(io.StringIO(told, newline="")))
    ids = [one for one in known[0] if one.endswith("_id") and all(row.get(one) for row in known)]
    shown = [[[str(row[one]) for one in ids] for row in some] for some in (known, rows, table)]
    assert shown[0] == shown[1] == shown[2]
    widths = []
    for width in (80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        head, *lines = invoke(*args, "--format", "table").out.splitlines()
        assert len(lines) == len(rows)
        assert max(map(cell_len, [head, *lines])) <= width
        widths.append(len(head.rstrip()))
    assert 40 < widths[0] <= widths[1] or len(table[0]) < 7  # a record of few fields is narrow


def test_parameters_are_passed_on(box: Sandbox) -> None:
    options = ["--product-influencer-sort-field", "2", "--sort-type", "DESC", "--limit", "1"]
    assert invoke(*CREATORS, *options).code == 0
    asked = {"product_influencer_sort_field": "2", "sort_type": "1"}
    assert box.requests[-1].params.items() >= asked.items()
    some = ["--min-total-sale-cnt", "5", "--free-shipping", "1", "--min-spu-avg-price", "1.5"]
    assert invoke("product", "list", "--region", "us", *some, "--limit", "1").code == 0
    asked = {"min_total_sale_cnt": "5", "free_shipping": "1", "min_spu_avg_price": "1.5"}
    assert box.requests[-1].params.items() >= (asked | {"region": "US", "sort_type": "1"}).items()
    videos = ("video", "list", "--region", "US", "--limit", "1", "--min-create-time")
    for text in ("1767225600", "2026-01-01T00:00", "2026-01-01T01:00+01:00", "20260101"):
        told = invoke(*videos, text)
        assert told.code == 0, told.err
        assert box.requests[-1].params["min_create_time"] == "1767225600"


def test_the_latest_ranking_is_found(box: Sandbox) -> None:
    day = RankType.MONTH.latest(RankType.MONTH.latest()).isoformat()
    assert invoke(*RANKED, "--date", day).code == 0
    assert [one.params["date"] for one in box.requests] == [day]
    assert json.loads(invoke(*RANKED).out)["rank"] == 1
    box.faults = Faults(script=[Fault.NULL_DATA] * 3)
    result = invoke(*RANKED)
    assert result.code == 2
    assert "give a --date" in result.err


def test_an_error_has_its_code(box: Sandbox) -> None:
    box.faults = Faults(script=[None, Fault.NOT_FOUND])
    result = invoke(*CREATORS)
    assert (result.code, len(result.out.splitlines()), result.err.count("\n")) == (1, 10, 1)
    assert invoke(*CREATORS, "--max-credits", "1").code == 4


def test_a_terminal_gets_a_table_and_what_it_cost(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out, err = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    assert run((*CREATORS, "--limit", "3")) == 0
    assert "user id" in out.getvalue().splitlines()[0]
    assert "\x1b[3" not in out.getvalue() + err.getvalue()  # no colour
    assert "3 rows, 1 credit" in err.getvalue()


def test_a_list_without_rows_has_a_head(box: Sandbox) -> None:
    nothing = ("search", "shops", "nothing-like-this", "--columns", "id", "--format")
    for form, head in ("csv", "product_id,user_id,"), ("table", "user id"), ("jsonl", ""):
        told = invoke(*CREATORS, "--limit", "0", "--format", form).out
        assert told.startswith(head)
        assert bool(told) == bool(head)
        assert invoke(*nothing, form) == Result(0, "", "")


def test_columns_are_those_that_were_named(box: Sandbox) -> None:
    args = (*CREATORS, "--limit", "2", "--columns", "nick-name,total_followers_cnt", "--format")
    head, *_ = invoke(*args, "table").out.splitlines()
    assert head.split() == ["name", "followers"]
    assert invoke(*args, "csv").out.splitlines()[0] == "nick_name,total_followers_cnt"
    row = json.loads(invoke(*args, "jsonl").out.splitlines()[1])
    assert list(row) == ["nick_name", "total_followers_cnt"]


def test_rows_that_nobody_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"id": "1", "avatar_url": "u", "gmv_amt": 5, "tags": ["a"], "new_name": "x"}]
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    Output(dict, Format.TABLE, None).add(rows)
    assert out.getvalue().split() == ["new", "name", "GMV", "id", "x", "5", "1"]
    Output(dict, Format.TABLE, None).add([{"avatar_url": "where"}])  # there is nothing better
    assert out.getvalue().rstrip().endswith("where")
    Output(dict, Format.TABLE, None).add([{"\u7f8e\u54b2": "x"}])
    assert "\u7f8e\u54b2" in out.getvalue()  # two cells each, and not cut off
    Output(dict, Format.TABLE, "tags,new-name").add(rows)
    assert '["a"]' in out.getvalue()
    Output(dict, Format.CSV, None).add(rows)
    assert '1,u,5,"[""a""]",x' in out.getvalue()
    row = {"a": True, "b": False, "c": datetime(2025, 1, 4, 14, 24, 39, tzinfo=UTC), "d": "\x9b"}
    Output(dict, Format.CSV, None).add([row])
    assert out.getvalue().endswith("a,b,c,d\r\ntrue,false,2025-01-04T14:24:39Z,\x9b\r\n")


def test_cells_are_readable() -> None:
    cells: list[tuple[str, object, str]] = [
        ("count", 10**30, "1,000,000,000,000,000.0P"),
        ("count", 1234567, "1,234,567"),
        ("amount", 0.12345, "0.1235"),
        ("amount", 12.5, "12.50"),
        ("amount", 1e9, "1,000.0M"),
        ("flag", True, "yes"),
        ("flag", False, "no"),
        ("choice", RankType.DAY, "day"),
        ("moment", datetime(2026, 7, 1, 12, tzinfo=UTC), "2026-07-01 12:00"),
        ("date", date(2026, 7, 1), "2026-07-01"),
        ("json", {"a": 1}, '{"a":1}'),
        ("count", "12?", "12?"),
        ("text", None, ""),
    ]
    for kind, value, shown in cells:
        assert columns.cell(columns.TableColumn("x", kind, "x", 9), {"x": value}) == shown


@pytest.mark.parametrize("width", [1, 40, 80, 120, 300])
def test_columns_are_chosen_by_the_width(width: int) -> None:
    fields = columns.fields_of(Product, ())
    heads = columns.important(Product, fields, {"region"})
    rows = [Product(product_id="1729492547846767618", product_name="A long name " * 9)]
    chosen = columns.fitting(heads, fields, rows, width)
    needed = sum(column.width + columns.GAP for column in chosen) - columns.GAP
    assert needed <= width or len(chosen) == 1
    assert len(columns.fitting(heads, fields, rows, width + 100)) > len(chosen)
    assert [one.field for one in chosen][:2] == ["product_id", "product_name"][: len(chosen)]
