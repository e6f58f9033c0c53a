"""Text that cannot harm a terminal, and a terminal that goes away."""

import io
import sys
from pathlib import Path

import pytest

from keyapi_async.cli.terminal import abandon_output, console, plain


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("Glow Girl", "Glow Girl"),
        ("  two\nlines\t\u2028here ", "two lines here"),
        ("\x1b[31mred\x07\x00", "[31mred"),
        ("\u202eevil\u200b", "evil"),
        ("👩🏽\u200d🦱", "👩🦱"),
        ("🛍\ufe0f", "🛍"),
        ("🇺🇳", "UN"),
        ("美咲 ต้นกล้า", "美咲 ต้นกล้า"),
        ("", ""),
    ],
)
def test_foreign_text_is_one_line_of_plain_glyphs(foreign: str, shown: str) -> None:
    assert plain(foreign) == shown


def test_a_stream_without_the_glyphs_gets_question_marks() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    console(stream).print("é")
    stream.flush()
    assert raw.getvalue() == b"?\n"


def test_text_is_shown_as_it_is() -> None:
    stream = io.StringIO()
    console(stream).print("[bold]:smile: 12[/bold]")
    assert stream.getvalue() == "[bold]:smile: 12[/bold]\n"


def test_abandoned_output_goes_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out"
    with target.open("w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", out)
        abandon_output()
        out.write("unread")
        out.flush()
    assert target.read_text() == ""
