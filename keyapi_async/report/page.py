"""A report as one file: nothing is asked for from anywhere, and nothing in it can run."""

import hashlib
from base64 import b64encode
from importlib.resources import files
from pathlib import Path

from keyapi_async.errors import InvalidParameterError
from keyapi_async.harvest.export import ExportError
from keyapi_async.harvest.file import damage_reported
from keyapi_async.report.fields import label_of
from keyapi_async.report.figures import Figures
from keyapi_async.report.markup import Markup, moment, tag
from keyapi_async.report.sections import sections
from keyapi_async.version import __version__


def check_report(file: Path) -> None:
    """See that a report can be written to a file, as far as one can tell before there is any."""
    if file.suffix.lower() != ".html":
        raise InvalidParameterError("path", str(file), "a name with .html")
    if not file.absolute().parent.is_dir():
        raise ExportError(file, "its folder does not exist")


def write_report(ledger: Path, file: Path) -> Path:
    """Write what a ledger holds as one page to look at; blocks.

    Raises:
        InvalidParameterError: the name does not end in ``.html``.
        LedgerError: the ledger holds nothing yet, or cannot be read.
        ExportError: the file cannot be written; what was in its place is still there.
    """
    check_report(file)
    with damage_reported(ledger):
        figures = Figures(ledger)
        try:
            text = _document(figures)
        finally:
            figures.close()
    draft = file.with_name(f".{file.name}.part")
    try:
        draft.write_text(text, "utf-8", "replace")
        draft.replace(file)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ExportError(file, error.strerror or str(error)) from error
    return file


def _document(figures: Figures) -> str:
    style = files("keyapi_async.report").joinpath("style.css").read_text("utf-8")
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )
    title = label_of(str(figures.facts["name"]))
    foot = (
        f"Figures as of {moment(figures.state.last)}, written by keyapi-async {__version__}."
        " GMV and sales are the vendor's estimates; it does not state the currency."
    )
    head = (
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="data:,"),
        tag("title", f"{title}: report"),
        tag("style", Markup(style)),
    )
    body = tag("main", *sections(title, figures), tag("footer", foot))
    return f"<!DOCTYPE html>\n{tag('html', tag('head', *head), tag('body', body), lang='en')}\n"
