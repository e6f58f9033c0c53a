"""A report read strictly: its texts, its tables, and what it may not have."""

import base64
import hashlib
import re
from pathlib import Path
from xml.etree import ElementTree as ET

SVG = "{http://www.w3.org/2000/svg}"
ELEMENTS = {
    *("html", "head", "meta", "link", "title", "style", "body", "main", "header", "section"),
    *("footer", "div", "p", "h1", "h2", "h3", "dl", "dt", "dd", "ul", "li", "code", "table"),
    *("thead", "tbody", "tr", "th", "td", "svg", "g", "path", "rect", "line", "text"),
}


class Page:
    """The parts of a report, which is refused where it has anything that a report must not have.

    But for what is empty it is XML, to which a stray ``<`` or quote would put an end.
    """

    def __init__(self, file: Path) -> None:
        self.source = file.read_text("utf-8")
        assert not re.search(r"<!(?!DOCTYPE html>)|<\?", self.source)
        closed = re.sub(r"<((?:meta|link) [^>]*)>", r"<\1/>", self.source)
        root = ET.fromstring(closed)  # noqa: S314  # we wrote it
        for one in root.iter():
            assert one.tag.removeprefix(SVG) in ELEMENTS
            for name, value in one.items():
                assert not name.startswith("on")
                assert name not in {"style", "src", "srcset", "action"}
                assert name != "href" or value == "data:,"
        (policy,) = (str(one.get("content")) for one in root.iter("meta") if one.get("http-equiv"))
        (style,) = (str(one.text) for one in root.iter("style"))
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"style-src 'sha256-{digest}'" in policy
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"url\(|@import", style)
        assert len(self.source.encode()) < 3_000_000
        self.texts = [text for text in root.itertext() if text != style]
        self.text = " ".join(self.texts)
        self.rows = [["".join(cell.itertext()) for cell in row] for row in root.iter("tr")]
