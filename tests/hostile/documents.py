"""Answers made from the documented API, and what breaks them: as the bytes that travel."""

import json
import unicodedata
from collections.abc import Mapping
from typing import Any, TypeAlias

from keyapi_async import KeyAPI, ProductCreator, RetryPolicy
from keyapi_async.call.wire import Answer
from tests import virtual
from tests.call.script import Script
from tests.rows import DOCUMENTED

Row: TypeAlias = dict[str, Any]
Literals: TypeAlias = Mapping[str, bytes]
"""A row as JSON text: for each field, how its value is written."""


EXAMPLE = DOCUMENTED[ProductCreator]
"""The best documented shape, and a row with every documented field."""

# What is good JSON, and means a terminal, a log, a spreadsheet or a template.

EVIL = {
    "colour": "\x1b[31;5mred",
    "clear": "\x1b[2J\x1b[H",
    "title": "\x1b]0;owned\x07",
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "hyperlink": "\x1b]8;;https://evil.example\x1b\\here\x1b]8;;\x1b\\",
    "report": "\x1bP$q q\x1b\\",
    "c1": "\x9b31m\x9d0;owned\x9c\x90",
    "line": "a\nWARNING keyapi_async: forged",
    "return": "good\rEVIL",
    "crlf": "a\r\n\r\nb",
    "bell": "\x07\x08\x08\x7f",
    "nul": "a\x00b",
    "bidi": "\u202egnp.exe\u202c\u2066\u2069\u200f\u061c",
    "zero width": "a\u200b\u2060\ufeffb",
    "separators": "a\u2028b\u2029c\x85d\x0bd\x0ce\x1cf",
    "markup": "[bold red]x[/] [link=https://evil.example]y[/link] [/]",
    "emoji": ":skull: :smile:",
    "logging": "%s %d %(message)s {0} {error}",
    "formula": '=HYPERLINK("https://evil.example")',
}


def literals(row: Row) -> dict[str, bytes]:
    """Write a row's values."""
    return {name: json.dumps(value).encode() for name, value in row.items()}


def row_text(row: Literals) -> bytes:
    """Write a row."""
    return b"{" + b",".join(json.dumps(k).encode() + b":" + v for k, v in row.items()) + b"}"


def success(*rows: bytes, request_id: bytes = b'"r-1"') -> bytes:
    """Write the answer that brings some rows."""
    listed = b",".join(rows)
    return b'{"code":0,"message":"success","data":[%s],"requestId":%s}' % (listed, request_id)


def harmless(shown: str) -> bool:
    """Tell whether a screen shows it and obeys nothing in it."""
    commands = {c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    assert not commands - {"\u200c", "\u200d", "\n"}, commands
    return True


def answering(body: bytes, status: int = 200, **headers: str) -> KeyAPI:
    """Make a client of a server that answers so, whatever it is asked."""
    return virtual.client(
        Script(*[Answer(status, headers, body)] * 9), qps=1e6, retry=RetryPolicy(attempts=2)
    )
