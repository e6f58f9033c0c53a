"""Foreign text is shown, logged and printed as text: it commands no terminal and forges no line."""

import csv
import io
import json
import logging
import pickle
import sqlite3
import sys
import traceback
import unicodedata
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keyapi_async.cli.choices import Format
from keyapi_async.harvest.job import CREATORS

from keyapi_async import InvalidParameterError, KeyAPI, KeyAPIError, ResponseError
from keyapi_async.cli.app import run
from keyapi_async.cli.output import output
from keyapi_async.harvest import ExportError, Harvest, Job, LedgerError
from keyapi_async.harvest.export import open_export
from keyapi_async.records.codec import ReadRow
from keyapi_async.records.converter import reader_of
from tests import virtual
from tests.harvest import shop
from tests.hostile.documents import (
    ENDPOINTS,
    EVIL,
    Endpoint,
    Wire,
    literals,
    page_of,
    row_text,
    success,
)
from tests.rows import steady

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
every_evil = pytest.mark.parametrize("evil", EVIL.values(), ids=EVIL)
every_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
texts = st.text(st.characters(codec="utf-8")) | st.lists(st.sampled_from([*EVIL.values()])).map(
    "".join
)


def harmless(shown: str, *, lines: int = 1) -> bool:
    """Tell whether a terminal shows it, in so many lines, and obeys nothing in it."""
    assert len(shown.splitlines()) <= lines, shown
    commands = [c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Cs"} and c != "\n"]
    assert not set(commands) - {"\u200c", "\u200d"}, commands
    return True


def text(value: str) -> bytes:
    return json.dumps(value).encode()


def creators(**fields: str) -> bytes:
    given = {name: text(value) for name, value in fields.items()}
    return row_text(literals(ENDPOINTS[0].example) | given)


# Errors and logs.


def whole_story(error: BaseException) -> list[str]:
    """Give all that is shown of an error: its text, and each line of its traceback."""
    lines = "".join(traceback.format_exception(error)).split("\n")
    return [str(error), repr(error), *lines]


async def provoked(api: KeyAPI, endpoint: Endpoint) -> list[BaseException]:
    """Read a page; give the errors of its rows, or its own."""
    try:
        return [reject.error for reject in (await page_of(api, endpoint)).rejects]
    except KeyAPIError as error:
        return [error]


def bodies(evil: str) -> list[tuple[int, bytes]]:
    """List the places in an answer where a foreign text ends up in an error or a log."""
    told, good = text(evil), creators()
    error = b'{"code":%s,"message":%s,"requestId":%s}'
    return [
        (200, success(good, request_id=told)),
        (200, success(b"5", request_id=told)),
        (200, success(creators(total_digg_cnt=evil), request_id=told)),
        (200, success(row_text([(evil, told)]), told)),
        (200, b'{"code":0,"data":5,"requestId":%s}' % told),
        (200, error % (b"1001", told, told)),
        (429, error % (b"429", told, told)),
        (500, error % (told, told, told)),
        (503, evil.encode()),
        (200, evil.encode()),
        (200, b"[%s]" % told),
        (402, error % (b"402", told, told)),
    ]


@every_evil
def test_no_error_and_no_log_line_is_commanded_or_forged(
    evil: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main(status: int, body: bytes) -> None:
        api = Wire(body, status, **{"Retry-After": evil}).client()
        for error in await provoked(api, ENDPOINTS[0]):
            again = pickle.loads(pickle.dumps(error))  # noqa: S301
            told = [*whole_story(error), *whole_story(again)]
            assert all(line.isprintable() for line in told)
            assert len(str(error)) < 800

    with caplog.at_level(logging.DEBUG, "keyapi_async"):
        for answer in bodies(evil):
            virtual.run(partial(main, *answer))
    lines = [logging.Formatter("%(levelname)s %(message)s").format(one) for one in caplog.records]
    assert len(lines) > len(bodies(evil))
    assert all(line.isprintable() for line in lines)


async def test_a_key_quoted_in_a_success_is_in_no_error_and_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = success(b"5", request_id=b'"sandbox-key"')
    with caplog.at_level(logging.DEBUG, "keyapi_async"):
        (error,) = await provoked(Wire(body).client(), ENDPOINTS[0])
    assert "request id ***" in str(error)
    assert "sandbox-key" not in caplog.text + "".join(whole_story(error))


@every_evil
def test_what_a_caller_gives_is_shown_escaped(evil: str) -> None:
    api = Wire().client()
    for refused in (
        lambda: api.tiktok.product.iter_creators(evil),
        lambda: api.iter_records(f"/v1/{evil}"),
        lambda: api.iter_records("/v1/x", {evil: 1}),
        lambda: api.tiktok.influencer.iter_videos(unique_id=evil),
    ):
        with pytest.raises(InvalidParameterError) as caught:
            refused()
        assert all(line.isprintable() for line in whole_story(caught.value)[:2])


@every_evil
async def test_a_query_that_failed_is_shown_escaped(evil: str) -> None:
    with pytest.raises(KeyAPIError) as caught:
        await Wire(b"", 404).client().get("/v1/x", {"name": evil})
    assert all(line.isprintable() for line in whole_story(caught.value))


@every_evil
def test_a_files_name_is_shown_escaped(evil: str, tmp_path: Path) -> None:
    name = evil.replace("\x00", "").replace("/", "")
    for error in (
        LedgerError(tmp_path / name, evil),
        ExportError(tmp_path / name, evil),
        LedgerError(tmp_path / "\udcff.db", "x"),
    ):
        assert str(error).isprintable()
        assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301
    with pytest.raises(InvalidParameterError) as caught:
        open_export(tmp_path / name, CREATORS, 10, escape_formulas=False)
    assert str(caught.value).isprintable()


# The terminal.


class Screen(io.StringIO):
    """A standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


def records_of(endpoint: Endpoint, evil: str) -> list[Any]:
    """Make records whose every text, and whose unknown fields, are a foreign text."""
    row = endpoint.example | {
        name: evil for name, about in endpoint.fields.items()
        if about["type"] == "string" and not str(endpoint.example[name]).isdigit()
        and name not in {"created_by_ai", "product_category_list"}
    }  # fmt: skip
    more = {evil: evil, "rank": evil, "new": [evil, {evil: evil}]}
    return [reader_of(endpoint.record)({**row, **one}, 3) for one in ({}, more)]


def printed(monkeypatch: pytest.MonkeyPatch, kind: Format, records: list[Any]) -> str:
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "300")
    written = output(type(records[0]), kind)
    written.add(records)
    written.add([])
    return screen.getvalue()


@every_evil
@every_endpoint
@pytest.mark.parametrize("kind", Format)
def test_each_record_is_one_harmless_line_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch, kind: Format, endpoint: Endpoint, evil: str
) -> None:
    records = records_of(endpoint, evil)
    shown = printed(monkeypatch, kind, records)
    assert harmless(shown.replace("\r\n", "\n"), lines=3)
    if kind is Format.JSONL:
        assert [json.loads(line)["region"] for line in shown.splitlines()] == [evil, evil]
    elif "[bold" in evil:
        assert "[bold re" in shown


@every_endpoint
@given(evil=texts)
@settings(steady, max_examples=40)
def test_any_text_at_all_is_harmless_on_the_terminal(endpoint: Endpoint, evil: str) -> None:
    records = records_of(endpoint, evil)
    with pytest.MonkeyPatch.context() as patch:
        for kind in Format:
            shown = printed(patch, kind, records).replace("\r\n", "\n")
            assert not set(shown) & {"\x1b", "\x9b", "\r", "\x00", *BIDI}
            assert len(shown.split("\n")) <= 4


def test_a_rank_is_the_place_in_the_list_whatever_a_row_calls_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = printed(monkeypatch, Format.CSV, records_of(ENDPOINTS[2], "=1"))
    assert [row["rank"] for row in csv.DictReader(io.StringIO(shown))] == ["3", "3"]


@pytest.mark.parametrize("digits", ["9" * 400, "9" * 4000, "-" + "9" * 400])
def test_a_number_of_any_length_fits_its_column(
    monkeypatch: pytest.MonkeyPatch, digits: str
) -> None:
    row = ENDPOINTS[0].example | {"total_followers_cnt": digits, "per_product_ifl_gmv_amt": "1e308"}
    for kind in Format:
        shown = printed(monkeypatch, kind, [reader_of(ENDPOINTS[0].record)(row, None)])
        assert "\n" in shown
        assert kind is not Format.TABLE or len(shown.splitlines()[1]) <= 300


@pytest.mark.parametrize("kind", Format)
def test_a_row_nested_too_deep_to_be_written_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, kind: Format
) -> None:
    read: ReadRow[object] = reader_of(ENDPOINTS[0].record)
    rows = [read(ENDPOINTS[0].example | {"new": _nested(n)}, None) for n in (300, 100_000)]
    assert len(printed(monkeypatch, kind, rows[:1]).splitlines()) <= 2
    if kind is Format.TABLE:
        assert printed(monkeypatch, kind, rows)
    else:
        with pytest.raises(ResponseError, match="a row is nested deeper than can be written"):
            printed(monkeypatch, kind, rows)


def _nested(levels: int) -> list[object]:
    value: list[object] = []
    for _ in range(levels):
        value = [value]
    return value


@every_evil
@pytest.mark.parametrize(
    "args",
    [["{}"], ["creators", "{}"], ["creators", "1", "{}"], ["creators", "1", "--limit", "{}"],
     ["videos", "--{}"], ["status", "{}.db"], ["export", "{}.db", "{}.csv"],
     ["ranking", "--region", "{}", "--rank-type", "{}", "--rank-field", "{}"],
     ["harvest", "creators", "--ids", "{}", "--column", "{}"]],
    ids=" ".join,
)  # fmt: skip
def test_no_argument_comes_back_as_a_command(
    args: list[str], evil: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYAPI_TOKEN", "key")
    monkeypatch.setenv("KEYAPI_BASE_URL", "http://127.0.0.1:9")
    given = evil.replace("\x00", "").replace("/", "")
    assert run([one.replace("{}", given) for one in args]) in {1, 2}
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.removesuffix("\n").isprintable()


# The harvest.


@every_evil
def test_a_ledger_tells_what_failed_harmlessly(
    evil: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = Job.influencer_ranking(
        dates="2026-01-05", regions="US", rank_type=2, influencer_rank_field=1
    )

    async def main(status: int, body: bytes, file: Path) -> tuple[Any, ...]:
        async with Harvest.open(file) as harvest:
            report = await harvest.run(Wire(body, status).client(), job)
            return report.failures

    failed = b'{"code":404,"message":%s,"requestId":%s}' % (text(evil), text(evil))
    bad = row_text({"user_id": b"{}", evil: text(evil)})
    told = [one.error for one in shop.run(lambda: main(404, failed, tmp_path / "a.db"))]
    assert shop.run(lambda: main(200, success(bad, request_id=text(evil)), tmp_path / "b.db")) == ()
    with sqlite3.connect(tmp_path / "b.db") as ledger:
        told += [error for (error,) in ledger.execute("SELECT error FROM reject")]
    ledger.close()
    assert len(told) == 2
    assert all(error.isprintable() for error in told)
    assert run(["status", str(tmp_path / "b.db")]) == 0
    assert harmless(capsys.readouterr().out, lines=20)
