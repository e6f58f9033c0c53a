"""The pages that users read, and the pieces of Python in them."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import cast

import attrs

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
CHINESE = ROOT / "README.zh-CN.md"
PAGES = (README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PREAMBLE = """
import asyncio
import json
from collections.abc import Iterator

import attrs

from keyapi_async import *
"""


@attrs.frozen
class Block:
    """A block of Python, and where it stands."""

    page: Path
    line: int
    code: str

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def kind(self) -> str:
        """Say what it is: a piece stands where ``PREAMBLE`` has run and some names are given."""
        for mark, kind in (
            ("\nasyncio.run(main())", "program"),
            ("def test_", "test"),
            ("\napp = ", "app"),
            ("harvest_frame(", "cluster"),
            ("(Resource):", "declaration"),
        ):
            if mark in self.code:
                return kind
        return "piece"

    def compiled(self, *, flags: int = 0, code: str | None = None) -> CodeType:
        """Compile it so that tracebacks show the page and the line."""
        padded = "\n" * self.line + (code or self.code)
        return cast("CodeType", compile(padded, str(self.page), "exec", flags=flags))


def text_of(page: Path) -> str:
    """Read a page."""
    return page.read_text(encoding="utf-8")


def code_of(page: Path) -> list[tuple[str, str]]:
    """Give the language and the text of every fenced block."""
    return FENCED.findall(text_of(page))


def prose(page: Path) -> str:
    """Read a page without its code."""
    rest = FENCED.sub("", text_of(page))
    assert "```python" not in rest
    return rest


def blocks_of(page: Path) -> Iterator[Block]:
    """Find the Python of a page."""
    text = text_of(page)
    for found in FENCED.finditer(text):
        if found[1] == "python":
            yield Block(page, text.count("\n", 0, found.start()) + 1, found[2])


BLOCKS = tuple(block for page in PAGES for block in blocks_of(page))
