"""The command line itself: help, versions, errors and exit codes, and the small commands."""

import importlib
import io
import json
import os
import re
import socket
import sqlite3
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from keyapi_async import __version__, errors
from keyapi_async.api import endpoints
from keyapi_async.cli import main
from keyapi_async.cli.app import run
from keyapi_async.cli.exits import InputError, exit_code, sentence
from keyapi_async.cli.terminal import clock, console, plain
from keyapi_async.harvest import HarvestReport, HarvestStoppedError, LedgerError
from keyapi_async.harvest.file import RunLock
from keyapi_async.sandbox import Sandbox
from tests.cli.commands import RANKING, Terminal, interrupt, invoke, uninstall, when

NAMES = [(one.resource, one.name) for one in endpoints()]
PLAIN = [("export",), ("status",), ("report",), ("demo",), ("endpoints",), ("sandbox",)]
SHORT = ("demo", "--products", "3", "--qps", "500")
COMMANDS = [
    *((), ("product",), ("harvest",), ("estimate", "shop")),
    *PLAIN,
    *NAMES,
    *(("harvest", *one) for one in NAMES[::5]),
    ("estimate", "influencer", "detail"),
]


@pytest.mark.parametrize("args", COMMANDS, ids=" ".join)
def test_every_help_fits_and_has_an_example(args: tuple[str, ...]) -> None:
    result = invoke(*args, "--help")
    assert (result.code, result.err) == (0, "")
    assert max(map(len, result.out.splitlines())) <= 80
    assert not re.search(r"``|iter_|…|<(bool|int|float|str|function)", result.out)
    if len(args) != 1 or args in PLAIN:
        lines = " ".join(result.out.split())
        assert f"Example: keyapi-async {' '.join(args) or 'demo'}" in lines or "COMMAND" in lines


def test_the_first_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEYAPI_TOKEN", raising=False)
    told = invoke().out
    for word in (__version__, "keyapi-async demo", "is not set: get a key at https://"):
        assert word in told
    monkeypatch.setenv("KEYAPI_TOKEN", "secret")
    told = invoke().out
    assert "KEYAPI_TOKEN is set." in told
    assert "secret" not in told
    result = invoke("harvest")
    assert (result.code, result.err) == (2, "")
    assert "Usage: keyapi-async harvest" in result.out


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["prodct"], "keyapi-async: there is no 'prodct' here; did you mean product? (see"),
        (["product", "creatrs"], "did you mean creators? (see keyapi-async product --help)"),
        (["harvest", "shop", "x"], "there are list, detail, trends"),
        (["--verson"], "No such option: --verson (Possible options: --version)"),
        (["status"], "Missing argument 'LEDGER'"),
        (["demo", "--qps", "0"], "0 is not a number above 0"),
        (["demo", "extra\x1b]0;"], "unexpected extra argument"),
        (["product", "creators", "abc"], "'abc' is not accepted: an id is a string of digits"),
        (["product", "creators"], "Missing argument 'PRODUCT_ID'"),
        (["product", "creators", "1", "--sort-type", "dessc"], "did you mean desc?"),
        (["product", "creators", "1", "--until", "never"], "'never' is not one of"),
        (["product", "creators", "1", "--columns", "nickname"], "did you mean nick_name?"),
        (["product", "creators", "1", "--columns", " ,"], "--columns: name one field at least"),
        (["influencer", "videos"], "give either --user-id or --unique-id"),
        (["product", "list", "--region", "US", "--min-views-cnt", "x"], "No such option"),
        (["product", "list", "--region", "US", "--free-shipping", "x"], "'x' is not accepted"),
        ([*RANKING, "--date", "2026-07-02"], "you probably mean 2026-07-01"),
        (["status", "none.db"], "there is no ledger of this name"),
        (["export", "x.db", "x.csv", "--snapshots", "some"], "'some' is not one of"),
        (["export", "x.db", "x.xls"], "a name with .parquet"),
        (["report", "x.db", "none/x.html"], "its folder does not exist"),
        (["harvest", "influencer", "videos"], "give either --ids or --handles"),
        (["estimate", "influencer", "videos", "--ids=a", "--handles=b"], "give either --ids or"),
        (["sandbox", "--host", "0.0.0.0"], "loopback"),  # noqa: S104  # it is refused
    ],
)
def test_bad_usage_gets_one_sentence_and_costs_nothing(
    args: list[str], told: str, box: Sandbox
) -> None:
    result = invoke(*args)
    assert (result.code, result.out) == (2, "")
    assert told in result.err
    assert result.err.count("\n") == 1
    assert not box.requests


def test_on_a_terminal_an_error_breaks_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = invoke("product", "creators", "abc").err
    seen = Terminal()
    monkeypatch.setattr(sys, "stderr", seen)
    monkeypatch.setenv("COLUMNS", "40")
    assert run(["product", "creators", "abc"]) == 2
    lines = re.sub(r"\x1b\[\d+m", "", seen.getvalue()).splitlines()
    assert " ".join(lines).split() == plain.split()
    assert 30 < max(map(len, lines)) <= 40


def test_endpoints_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [json.loads(line) for line in invoke("endpoints").out.splitlines()]
    assert [(one["resource"], one["name"]) for one in listed] == NAMES
    ranking = next(one for one in listed if one["name"] == "ranking")
    assert "date" in set(ranking["parameters"]) - set(ranking["required"])
    seen = Terminal()
    monkeypatch.setattr(sys, "stdout", seen)
    monkeypatch.setenv("TERM", "dumb")
    assert run(["endpoints"]) == 0
    assert run(["endpoints", "--long"]) == 0
    assert all(seen.getvalue().count(f"{one} {name} ") == 2 for one, name in NAMES)
    assert "ProductCreator: " in seen.getvalue()


def test_the_sandbox_serves_until_ctrl_c_and_leaves_the_line_of_its_sign(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = invoke("sandbox", "--port", str(port))
    told = f"cannot listen on port {port} of 127.0.0.1 (address already in use)"
    assert (result.code, result.err) == (2, f"keyapi-async: {told}: choose another --port\n")
    out, err = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setattr("keyapi_async.cli.sandbox.FORGET_AFTER", 0.01)

    def after_a_while() -> None:
        time.sleep(0.1)  # it forgets what was asked, now and then
        interrupt()

    serves = "export KEYAPI_BASE_URL=http://127.0.0.1:"
    with when(lambda: serves in out.getvalue(), after_a_while):
        assert run(["sandbox", "--port", "0"]) == 130
    assert err.getvalue() == "\n"


STOPPED = HarvestStoppedError("stopped", HarvestReport(done=0, failed=0, left=0))
SPOILT = LedgerError(Path("x"), "no")


def _sqlite(name: str) -> sqlite3.Error:
    error = sqlite3.OperationalError()
    error.sqlite_errorname = name
    return error


@pytest.mark.parametrize(
    ("error", "cause", "code", "told"),
    [
        (InputError("bad \x1b input"), None, 2, r"keyapi-async: bad \x1b input"),
        (errors.ConfigurationError("no key"), None, 2, "keyapi-async: no key"),
        (errors.InvalidParameterError("x", 1, "2"), None, 2, "x=1 is not accepted"),
        (errors.AuthenticationError("invalid"), None, 3, "check KEYAPI_TOKEN: the key alone"),
        (errors.QuotaExceededError("no"), None, 4, "no"),
        (errors.CreditBudgetError("no"), None, 4, "no"),
        (errors.ConnectionFailedError("no"), None, 1, "check the network, and KEYAPI_BASE_URL"),
        (STOPPED, errors.AuthenticationError("no"), 3, "check KEYAPI_TOKEN"),
        (STOPPED, errors.ConnectionFailedError("no"), 1, "check the network"),
        (STOPPED, None, 1, "stopped"),
        (SPOILT, _sqlite("SQLITE_FULL"), 1, "x: no"),
        (SPOILT, _sqlite("SQLITE_NOTADB"), 2, "x: no"),
        (errors.KeyAPIError(""), None, 1, "keyapi-async: KeyAPIError"),
        (OSError(28, "No space left on device"), None, 1, "No space left on device"),
    ],
)
def test_every_error_has_its_code_and_its_sentence(
    error: Exception, cause: Exception | None, code: int, told: str
) -> None:
    error.__cause__ = cause
    assert exit_code(error) == code
    assert told in sentence(error)
    assert sentence(error).isprintable()


def test_debug_shows_where_an_error_came_from(box: Sandbox) -> None:
    result = invoke("--debug", "status", "none.db")
    assert result.err.startswith("Traceback")
    assert result.err.endswith("\nkeyapi-async: none.db: there is no ledger of this name\n")


def test_a_closed_pipe_is_quiet(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = os.pipe()
    os.close(here)
    rows = ["product", "creators", box.product_ids(9)[-1], "--format", "table"]
    broken = ["status", "none.db"]
    for args, code in (["endpoints"], 0), (["--help"], 0), (rows, 0), (broken, 2):
        streams = [os.fdopen(os.dup(there), "w") for _ in range(2)]
        monkeypatch.setattr(sys, "stdout", streams[0])
        monkeypatch.setattr(sys, "stderr", streams[1])
        assert run(args) == code
        for stream in streams:
            with suppress(BrokenPipeError):
                stream.close()
    os.close(there)
    assert len(box.requests) == 1


def test_a_stream_that_was_closed_before_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, args, code in (
        ("stdin", ["estimate", "product", "creators", "--ids", "-"], 2),
        ("stdout", ["endpoints"], 0),
        ("stderr", ["status", "none.db"], 2),
    ):
        monkeypatch.setattr(sys, name, None)
        assert run(args) == code
        getattr(sys, name).close()
        monkeypatch.undo()


def test_an_interrupt_before_or_after_a_command_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("keyapi_async.cli.app.run", interrupted)
    assert main() == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("prod", "product"),
        ("harvest product crea", "creators"),
        ("product nothing x", ""),
        ("product creators --sort-type d", "desc"),
        ("product creators --product-inf", "--product-influencer-sort-field"),
    ],
)
def test_words_are_completed(words: str, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_KEYAPI_ASYNC_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line := f"keyapi-async {words}")
    monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
    result = invoke()
    assert (result.code, result.out.strip(), result.err) == (0, found, "")


def test_completion_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    assert invoke("--install-completion", "bash").code == 0
    assert "_KEYAPI_ASYNC_COMPLETE=complete_bash" in next(tmp_path.rglob("*.sh")).read_text()


def test_module_and_entry_point_are_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["keyapi-async", "--version"])
    with pytest.raises(SystemExit) as ended:
        importlib.import_module("keyapi_async.__main__")
    assert ended.value.code == main() == 0
    assert capsys.readouterr().out == f"keyapi-async {__version__}\n" * 2


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra_one_sentence_says_what_to_install(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    uninstall(monkeypatch, missing, "keyapi_async.cli")
    monkeypatch.setattr(sys, "argv", ["keyapi-async", "endpoints"])
    assert main() == 2
    result = capsys.readouterr()
    assert (result.out, result.err.count("\n")) == ("", 1)
    assert "pip install 'keyapi-async[cli]'" in result.err


def test_any_other_missing_module_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyapi_async.cli.app", None)
    with pytest.raises(ModuleNotFoundError):
        main()


def test_foreign_text_is_one_line_of_plain_glyphs() -> None:
    shown = {
        "  two\nlines\t\u2028here ": "two lines here",
        "\x1b[31mred\x07\x00": "[31mred",
        "\u202eevil\u200b": "evil",
        "👩🏽\u200d🦱": "👩🦱",
        "🛍\ufe0f": "🛍",
        "🇺🇳": "UN",
        "美咲 ต้นกล้า": "美咲 ต้นกล้า",
    }
    assert {foreign: plain(foreign) for foreign in shown} == shown


def test_consoles_show_text_as_it_is_and_what_a_stream_can() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    console(stream).print("[bold]:smile: é")
    stream.flush()
    assert raw.getvalue() == b"[bold]:smile: ?\n"
    assert [clock(one) for one in (None, 0.1, 100_000)] == ["-:--:--", "0:00:01", "1 day, 3:46:40"]
    assert clock(1e300).startswith("925925925 days")


def test_a_demo_kills_resumes_and_loses_nothing(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYAPI_REDIS", "redis://127.0.0.1:9")  # which the demo leaves alone
    result = invoke(*SHORT, "--into", "d")
    assert result.code == 0, result.err
    assert "was killed with SIGKILL" in result.err
    assert "$ keyapi-async status creators.db" in result.err
    assert result.facts["lost"] == "nothing: every row is there, and none twice"
    assert "Top creators" in result.out
    for kind in ("db", "csv", "jsonl", "parquet", "html"):
        assert Path(result.facts[kind]).stat().st_size


def test_a_demo_overwrites_no_file(box: Sandbox) -> None:
    Path("creators.csv").write_text("mine")
    Path("file").touch()
    for into, told in ((".", "creators.csv is there already"), ("file/d", "Not a directory")):
        result = invoke(*SHORT, "--into", into)
        assert (result.code, result.err.count("\n")) == (2, 1)
        assert told in result.err
    assert Path("creators.csv").read_text() == "mine"


def test_a_demo_that_fails_says_why(box: Sandbox) -> None:
    Path("d").mkdir()
    lock = RunLock(Path("d/creators.db"))
    lock.take()
    result = invoke(*SHORT, "--into", "d")
    lock.release()
    assert result.code == 1
    assert "is in use by another run" in result.err.splitlines()[-1]


def test_an_interrupted_demo_leaves_nothing(box: Sandbox, tmp_path: Path) -> None:
    with when(lambda: any(tmp_path.glob("keyapi-demo-*/creators.db-lock")), interrupt):
        assert invoke(*SHORT, "--qps", "9").code == 130
    assert not list(tmp_path.glob("keyapi-demo-*/*"))
