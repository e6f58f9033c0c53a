"""Help, version, usage errors and the end of every other error."""

import importlib
import sys

import pytest
import typer

from keyapi_async import __version__
from keyapi_async.cli import app as app_module
from keyapi_async.cli import demo as demo_module
from keyapi_async.cli import main
from keyapi_async.cli.app import run
from keyapi_async.errors import QuotaExceededError

Capture = pytest.CaptureFixture[str]


def demo_raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    async def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(demo_module, "_demo", fail)


def test_version(capsys: Capture) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"keyapi-async {__version__}\n"


NOUNS = ("creators", "videos", "ranking", "livestreams", "products")
COMMANDS = ("demo", "sandbox", "export", "status", "estimate", "harvest", *NOUNS)


@pytest.mark.parametrize(
    "args", [[], *([name] for name in COMMANDS), *(["harvest", noun] for noun in NOUNS)]
)
def test_every_help_has_an_example_and_fits(args: list[str], capsys: Capture) -> None:
    assert run([*args, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.strip().startswith("Example:  keyapi-async") for line in lines)
    assert max(map(len, lines)) <= 80
    assert not any(line.lstrip("│ *").split("  ")[0].endswith("…") for line in lines)


def test_no_command_gets_the_help(capsys: Capture) -> None:
    assert run([]) == 2
    told = capsys.readouterr().out
    assert "Example:  keyapi-async demo" in told
    assert "The key comes from KEYAPI_TOKEN" in told


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["dmeo"], "keyapi-async: No such command 'dmeo'"),
        (["--colour"], "keyapi-async: No such option: --colour"),
        (["demo", "--products", "0"], "keyapi-async demo: Invalid value for '--products'"),
        (
            ["estimate"],
            "keyapi-async estimate: Missing argument 'noun' (see keyapi-async estimate --",
        ),
        (["estimate", "x"], "'noun': 'x' is not one of 'creators', 'videos', 'ranking', "),
        (
            ["ranking", "--region", "US"],
            "Missing option '--rank-type' (see keyapi-async ranking --",
        ),
        (["demo", "--products", "many"], "keyapi-async demo: Invalid value for '--products'"),
        (["demo", "--qps", "0"], "'--qps': 0 is not a number above 0 (see"),
        (["demo", "--qps", "nan"], "keyapi-async demo: Invalid value for '--qps'"),
        (["demo", "--qps", "1e9"], "keyapi-async demo: Invalid value for '--qps'"),
        (["demo", "--seed", "-1"], "keyapi-async demo: Invalid value for '--seed'"),
        (["sandbox", "--port", "65536"], "keyapi-async sandbox: Invalid value for '--port'"),
        (["sandbox", "--qps", "inf"], "'--qps': inf is not a number above 0 (see"),
        (["sandbox", "--latency", "nan"], "'--latency': nan is not a number of 0 or more (see"),
        (["sandbox", "--window", "round"], "keyapi-async sandbox: Invalid value for '--window'"),
    ],
)
def test_bad_usage_gets_one_sentence(args: list[str], told: str, capsys: Capture) -> None:
    assert run(args) == 2
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.err.endswith("--help)\n")
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_an_error_gets_one_sentence_and_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    demo_raising(monkeypatch, QuotaExceededError("apiKey quota is not enough"))
    assert run(["demo"]) == 4
    assert capsys.readouterr().err == "keyapi-async: apiKey quota is not enough\n"


def test_debug_shows_where_an_error_came_from(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    demo_raising(monkeypatch, OSError("disk full"))
    assert run(["--debug", "demo"]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback")
    assert shown.endswith("\nkeyapi-async: disk full\n")


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    demo_raising(monkeypatch, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        run(["demo"])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), typer.Abort()])
def test_an_interrupt_is_quiet(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    demo_raising(monkeypatch, error)
    assert run(["demo"]) == 130
    captured = capsys.readouterr()
    assert captured.out + captured.err.strip() == ""


def test_an_interrupt_on_a_terminal_leaves_the_line_of_its_sign(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    demo_raising(monkeypatch, typer.Abort())
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert run(["demo"]) == 130
    assert capsys.readouterr().err == "\n"


def test_a_closed_pipe_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    abandoned = []
    monkeypatch.setattr(app_module, "abandon_output", lambda: abandoned.append(True))

    def write(_: str) -> int:
        raise BrokenPipeError

    monkeypatch.setattr(sys.stdout, "write", write)
    assert run(["demo", "--products", "1", "--qps", "1000"]) == 0
    assert abandoned == [True]
    assert "Traceback" not in capsys.readouterr().err


def test_module_and_entry_point_are_one(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(sys, "argv", ["keyapi-async", "--version"])
    with pytest.raises(SystemExit) as ended:
        importlib.import_module("keyapi_async.__main__")
    assert ended.value.code == main() == 0
    assert capsys.readouterr().out == f"keyapi-async {__version__}\n" * 2


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra_one_sentence_says_what_to_install(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    for name in list(sys.modules):
        if name.startswith(("keyapi_async.cli.", missing + ".")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    assert main() == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "pip install 'keyapi-async[cli]'" in captured.err
    assert captured.out == ""


def test_any_other_missing_module_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyapi_async.cli.app", None)
    with pytest.raises(ModuleNotFoundError):
        main()
