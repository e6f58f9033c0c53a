"""Draws ``benchmarks/demo.svg``, the picture in the README, from a real run of the demo.

Run it with ``python -m benchmarks.picture``; it takes half a minute.
"""

import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.style import Style
from rich.text import Text

PICTURE = Path(__file__).with_name("demo.svg")
CELLS = re.compile(r"\S+(?: \S+)*")
"""What is drawn by itself, so that characters of double width push nothing aside."""
REMOTE_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        ran = subprocess.run(
            [sys.executable, "-m", "keyapi_async", "demo"],
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "COLUMNS": "92", "FORCE_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        )
    paper = Console(record=True, width=92, file=io.StringIO(), force_terminal=True)
    paper.print(Text("$ keyapi-async demo", style="bold"))
    text = Text.from_ansi(ran.stdout)
    for number, cell in enumerate(CELLS.finditer(text.plain)):
        text.stylize(Style(meta={"cell": number}), *cell.span())
    paper.print(text)
    svg = paper.export_svg(title="keyapi-async demo", unique_id="demo")
    PICTURE.write_text(REMOTE_FONTS.sub("", svg), encoding="utf-8")


if __name__ == "__main__":
    main()
