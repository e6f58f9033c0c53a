"""A report read as a browser reads it: its elements, its texts, and what it may not have."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link"}
ELEMENTS = {
    *("html", "head", "meta", "link", "title", "style", "body", "main", "header", "section"),
    *("footer", "div", "p", "h1", "h2", "h3", "dl", "dt", "dd", "ul", "li", "code", "table"),
    *("thead", "tbody", "tr", "th", "td", "svg", "g", "path", "rect", "line", "text"),
}


class Page(HTMLParser):
    """The parts of a report, which is refused where it has anything that a report must not have."""

    def __init__(self, file: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.source = file.read_text("utf-8")
        self.texts: list[str] = []
        self.rows: list[list[str]] = []
        self._open: list[str] = []
        self._style = ""
        self._policy = ""
        self.feed(self.source)
        self.close()
        assert not self._open
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        assert f"style-src 'sha256-{digest}'" in self._policy
        assert "default-src 'none'" in self._policy
        assert "unsafe" not in self._policy
        assert not re.search(r"url\(|@import", self._style)
        assert len(self.source.encode()) < 3_000_000

    @property
    def text(self) -> str:
        return " ".join(self.texts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ELEMENTS
        for name, value in attrs:
            assert not name.startswith("on")
            assert name not in {"style", "src", "srcset", "action"}
            assert name != "href" or value == "data:,"
        if ("http-equiv", "Content-Security-Policy") in attrs:
            self._policy = str(dict(attrs)["content"])
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["style"]:
            self._style += data
            return
        self.texts.append(data)
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    handle_pi = unknown_decl = handle_comment
