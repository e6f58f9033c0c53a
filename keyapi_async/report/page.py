"""A report as one file: nothing is asked for from anywhere, and nothing in it can run."""

import base64
import hashlib
from importlib.resources import files
from pathlib import Path
from typing import BinaryIO

from keyapi_async.errors import InvalidParameterError
from keyapi_async.harvest.export import Export
from keyapi_async.report.fields import label_of
from keyapi_async.report.figures import Figures
from keyapi_async.report.markup import Markup, moment, tag
from keyapi_async.report.sections import page
from keyapi_async.version import __version__


class _Html:
    """A file under way, as an export has it."""

    def __init__(self, stream: BinaryIO, text: str) -> None:
        self.expressions: list[str] = []
        self._stream, self._text = stream, text

    def end(self) -> None:
        self._stream.write(self._text.encode("utf-8", "replace"))


def write_report(ledger: Path, file: Path) -> Path:
    """Write what a ledger holds as one page to look at.

    Raises:
        InvalidParameterError: the name does not end in ``.html``.
        LedgerError: the ledger holds nothing yet, or cannot be read.
        ExportError: the file cannot be written; what was in its place is still there.
    """
    if file.suffix.lower() not in {".html", ".htm"}:
        raise InvalidParameterError("path", str(file), "a name with .html")
    figures = Figures(ledger)
    try:
        text = _document(figures)
    finally:
        figures.close()
    export = Export(file, lambda stream: _Html(stream, text))
    try:
        export.begin()
        return export.finish().file
    except BaseException:
        export.abandon()
        raise


def _document(figures: Figures) -> str:
    style = files("keyapi_async.report").joinpath("style.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )
    foot = (
        f"Figures as of {moment(figures.state.last)}, written by keyapi-async {__version__}."
        " GMV and sales are the vendor's estimates; it does not state the currency."
    )
    head = (
        tag("meta", charset="utf-8"),
        # What is our own needs no escaping, and its quotes must stay.
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="data:,"),
        tag("title", f"{label_of(str(figures.known.facts['name']))}: report"),
        tag("style", Markup(style)),
    )
    body = tag("body", tag("main", page(figures), tag("footer", foot)))
    return f"<!DOCTYPE html>\n{tag('html', tag('head', *head), body, lang='en')}\n"
