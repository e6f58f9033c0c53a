"""Answers made from the documented API, and what breaks them: as the bytes that travel."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import attrs
from hypothesis import strategies as st

from keyapi_async import KeyAPI, KeyAPIError, Page, ProductCreator, RecordStream, RetryPolicy
from keyapi_async.call.wire import Answer, Request
from keyapi_async.records.codec import kinds_of
from keyapi_async.records.fields import Kind
from tests import virtual
from tests.rows import DECLARED, DOCUMENTED, RECORDS, STRICT

Row: TypeAlias = dict[str, Any]
Literals: TypeAlias = Mapping[str, bytes]
"""A row as JSON text: for each field, how its value is written."""


@attrs.frozen(eq=False)
class Endpoint:
    """An endpoint, and the record that its rows become.

    Attributes:
        example: a row with every documented field.
        fields: one of each kind, and all that are required.
        strict: whether a value that does not fit makes its row invalid.
    """

    record: type
    path: str
    example: Row
    fields: Mapping[str, Kind]
    strict: bool

    def __str__(self) -> str:
        return self.record.__name__


def _endpoint(record: type) -> Endpoint:
    kinds = kinds_of(record)
    first = {kind: name for name, kind in reversed(kinds.items())}
    fields = {n: kind for n, kind in kinds.items() if kind.required or first[kind] == n}
    return Endpoint(record, DECLARED[record][0].path, DOCUMENTED[record], fields, record in STRICT)


ENDPOINTS = [_endpoint(one) for one in sorted(RECORDS, key=lambda one: one is not ProductCreator)]
"""All shapes, the best documented first."""

# What breaks them. A value is the text that stands in the JSON.

SCALARS = [
    b"null", b"true", b"false", b"0", b"1", b"-1", b"-0", b"-0.0", b"1.0", b"1.5", b"-5", b"1e3",
    b"7007199254740991", b"7007199254740992", b"7007199254740993", b"7007199254740993.0",
    b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808",
    b"-9223372036854775809", b"18446744073709551615", b"18446744073709551616",
    b"7122344901288068123", b"7.122344901288068123e18", b"1e-400", b"1e300",
    b"253402300799", b"253402300800", b"1736000677000", b"-62135596800", b"-62135596801",
]  # fmt: skip
TEXTS = [
    b'""', b'" "', b'"0"', b'"-5"', b'"+5"', b'" 7 "', b'"7.0"', b'"7.5"', b'"1e3"', b'"1e400"',
    b'"1e-400"', b'"nan"', b'"NaN"', b'"Infinity"', b'"-inf"', b'"0x10"', b'"1_000"', b'"1,234"',
    b'"1 2"', b'"7\\u0000"', b'"\\u0000"', b'"\\uFF17"', b'"\\u0667"', b'"\\u00b2"', b'"true"',
    b'"True"', b'"yes"', b'"null"', b'"1-2-3:4"', b'"1-2-3:4,"', b'"7007199254740993"',
    b'"7007199254740993.0"', b'"18446744073709551616"', b'"253402300800"', b'"\\ufeff7"',
    b'"\xef\xbb\xbf7"', b'"\\ud83d\\ude00"', b'"' + b"9" * 400 + b'"', b'"' + b"9" * 5000 + b'"',
    b'"0.' + b"3" * 400 + b'"', b'"' + b"x" * 10**6 + b'"', b'"' + b"9" * 10**5 + b'"',
    b'"' + b"1:1," * 10**4 + b'1:1"',
]  # fmt: skip
NESTED = [
    b"[]", b"{}", b"[1]", b'["1"]', b"[[[]]]", b"[[1],[2]]", b'{"a":{"b":[null]}}',
    b"[" * 700 + b"]" * 700, b'{"a":' * 700 + b"1" + b"}" * 700, b"[" + b"[]," * 10**3 + b"[]]",
]  # fmt: skip
NO_JSON = [
    b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"1" * 400, b"-" + b"1" * 400, b"01",
    b"+1", b".5", b"5.", b"0x10", b"1_000", b"True", b"None", b"undefined", b"", b"'x'", b'"x',
    b'"\\x41"', b'"\xff"', b'"\xed\xa0\x80"',
    b'"\xc0\xaf"', b'"\xf5\x80\x80\x80"', b"\x00",
    b"\xef\xbb\xbf1", b"[1,]", b"/**/1", b"[" * 10**4 + b"]" * 10**4, b'{"a":' * 10**4,
]  # fmt: skip
"""What a strict reader of JSON refuses, and so is no answer of the API."""

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

any_json: st.SearchStrategy[bytes] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**30), 10**30),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(codec="utf-8"), max_size=6),
        st.text("0123456789+-.eE,: ", max_size=12),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=2),
    max_leaves=5,
).map(lambda value: json.dumps(value).encode())


def literals(row: Row) -> dict[str, bytes]:
    """Write a row's values."""
    return {name: json.dumps(value).encode() for name, value in row.items()}


def row_text(row: Literals | Sequence[tuple[str, bytes]]) -> bytes:
    """Write a row; as a sequence of pairs it may have a field twice."""
    pairs = row.items() if isinstance(row, Mapping) else row
    return b"{" + b",".join(json.dumps(k).encode() + b":" + v for k, v in pairs) + b"}"


def success(*rows: bytes, request_id: bytes = b'"r-1"') -> bytes:
    """Write the answer that brings some rows."""
    listed = b",".join(rows)
    return b'{"code":0,"message":"success","data":[%s],"requestId":%s}' % (listed, request_id)


def plainly(text: bytes) -> Any:
    """Read JSON for the judge: whole numbers with every digit, all others as the nearest float."""
    return json.loads(text)


class Wire:
    """A server that answers whatever its bytes are, under any status."""

    def __init__(self, body: bytes = b"", status: int = 200, **headers: str) -> None:
        self.body = body
        self.status = status
        self.headers = headers
        self.asked = 0

    async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
        self.asked += 1
        return Answer(self.status, self.headers, self.body)

    async def close(self) -> None:
        return None

    def client(self, **options: Any) -> KeyAPI:
        options.setdefault("retry", RetryPolicy(attempts=2))
        return virtual.client(self, qps=1e6, **options)


async def page_of(api: KeyAPI, endpoint: Endpoint) -> Page[Any]:
    """Buy one page through the whole client, as ``pages()`` does."""
    stream: RecordStream[Any] = api.iter_records(endpoint.path, {}, endpoint.record)
    return await anext(stream.pages())


async def outcome(body: bytes, endpoint: Endpoint) -> Page[Any] | KeyAPIError:
    """Give what becomes of an answer: a page, or an error of ours; nothing else passes."""
    try:
        return await page_of(Wire(body).client(), endpoint)
    except KeyAPIError as error:
        return error


def read(body: bytes, endpoint: Endpoint) -> Page[Any] | KeyAPIError:
    """Give what becomes of an answer, on a clock of its own."""
    return virtual.run(lambda: outcome(body, endpoint))
