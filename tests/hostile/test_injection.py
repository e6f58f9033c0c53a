"""Foreign text is shown, logged and printed as text: it commands no terminal and forges no line."""

import json
import logging
import pickle
import sys
import traceback
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keyapi_async import InvalidParameterError, KeyAPI, KeyAPIError, ProductCreator, ResponseError
from keyapi_async.cli.app import run
from keyapi_async.cli.options import Format
from keyapi_async.cli.output import Output
from keyapi_async.harvest import ExportError, LedgerError, check_export
from keyapi_async.records.codec import kinds_of
from keyapi_async.records.converter import reader_of
from tests import virtual
from tests.cli.commands import Terminal
from tests.hostile.documents import EVIL, EXAMPLE, answering, harmless, literals, row_text, success
from tests.rows import DOCUMENTED, RECORDS, steady

every_evil = pytest.mark.parametrize("evil", EVIL.values(), ids=EVIL)
texts = st.text(st.characters(codec="utf-8")) | st.lists(st.sampled_from([*EVIL.values()])).map(
    "".join
)


def whole_story(error: BaseException) -> list[str]:
    """Give all that is shown of an error: its text, and each line of its traceback."""
    return [str(error), repr(error), *"".join(traceback.format_exception(error)).split("\n")]


async def provoked(api: KeyAPI) -> list[BaseException]:
    """Read a page; give the errors of its rows, or its own."""
    try:
        page = await anext(api.tiktok.product.iter_creators("1").pages())
        return [reject.error for reject in page.rejects]
    except KeyAPIError as error:
        return [error]


def answers(evil: str) -> list[tuple[int, bytes]]:
    """List the places in an answer where a foreign text ends up in an error or a log."""
    told, good = json.dumps(evil).encode(), literals(EXAMPLE)
    error = b'{"code":%s,"message":%s,"requestId":%s}'
    return [
        (200, success(row_text(good), request_id=told)),
        (200, success(b"5", request_id=told)),
        (200, success(row_text({**good, "total_digg_cnt": told}), request_id=told)),
        (200, success(row_text({evil: told}), told)),
        (200, b'{"code":0,"data":5,"requestId":%s}' % told),
        (200, error % (b"1001", told, told)),
        (429, error % (b"429", told, told)),
        (500, error % (told, told, told)),
        (503, evil.encode()),
        (200, b"[%s]" % told),
        (402, error % (b"402", told, told)),
    ]


@every_evil
def test_no_error_and_no_log_line_is_commanded_or_forged(
    evil: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main(status: int, body: bytes) -> None:
        for error in await provoked(answering(body, status, **{"Retry-After": evil})):
            again = pickle.loads(pickle.dumps(error))  # noqa: S301
            assert all(line.isprintable() for line in [*whole_story(error), *whole_story(again)])
            assert len(str(error)) < 800

    with caplog.at_level(logging.DEBUG, "keyapi_async"):
        for answer in answers(evil):
            virtual.run(partial(main, *answer))
    lines = [logging.Formatter("%(levelname)s %(message)s").format(one) for one in caplog.records]
    assert len(lines) > len(answers(evil))
    assert all(line.isprintable() for line in lines)


async def test_a_key_quoted_in_a_success_is_never_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "keyapi_async"):
        (error,) = await provoked(answering(success(b"5", request_id=b'"sandbox-key"')))
    assert "request id ***" in str(error)
    assert "sandbox-key" not in caplog.text + "".join(whole_story(error))


@every_evil
async def test_what_a_caller_gives_is_shown_escaped(evil: str, tmp_path: Path) -> None:
    api, name = answering(b"", 404), evil.replace("\x00", "").replace("/", "")
    for refused in (
        lambda: api.tiktok.product.iter_creators(evil),
        lambda: api.iter_records(f"/v1/{evil}"),
        lambda: api.iter_records("/v1/x", {evil: 1}),
        lambda: api.tiktok.influencer.iter_videos(unique_id=evil),
        lambda: check_export(tmp_path / name),
    ):
        with pytest.raises(InvalidParameterError) as caught:
            refused()
        assert all(line.isprintable() for line in whole_story(caught.value)[:2])
    with pytest.raises(KeyAPIError) as failed:
        await api.get("/v1/x", {"name": evil})
    assert all(line.isprintable() for line in whole_story(failed.value))
    for error in (LedgerError(tmp_path / name, evil), ExportError(tmp_path / "\udcff.db", evil)):
        assert str(error).isprintable()
        assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301


def printed(cls: type, kind: Format, rows: list[Any]) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", screen := Terminal())
        for name, value in {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "300"}.items():
            patch.setenv(name, value)
        Output(cls, kind, None).add(rows)
        return screen.getvalue().replace("\r\n", "\n")


def check_terminal(cls: type, evil: str) -> None:
    """Print rows whose every text, and whose unknown fields, are a foreign text."""
    names = ["text", "", evil] if cls is dict else [
        name for name, kind in kinds_of(cls).items() if kind.passes is str and not kind.required
    ]  # fmt: skip
    row = DOCUMENTED.get(cls, {}) | dict.fromkeys(names, evil)
    rows: list[Any] = [
        reader_of(cls)(row | more, 3) for more in ({}, {evil: evil, "new": [evil, {evil: evil}]})
    ]
    for kind in Format:
        shown = printed(cls, kind, rows)
        assert harmless(shown)
        assert len(shown.split("\n")) == (3 if kind is Format.JSONL else 4)
        if kind is Format.JSONL:
            lines = [json.loads(line) for line in shown.splitlines()]
            assert all(line[name] == evil for line in lines for name in names)


@example("".join(EVIL.values()), ProductCreator)
@example("".join(EVIL.values()), dict)
@given(evil=texts, cls=st.sampled_from([*RECORDS, dict]))
@settings(steady, max_examples=60)
def test_any_text_at_all_is_harmless_on_the_terminal(evil: str, cls: type) -> None:
    check_terminal(cls, evil)


@pytest.mark.parametrize("kind", Format)
def test_what_is_long_or_deep_fits_or_is_told_in_one_sentence(kind: Format) -> None:
    cls, nested = ProductCreator, list[Any]()
    long: Any = reader_of(cls)(
        EXAMPLE | {"total_followers_cnt": "9" * 4000, "per_product_ifl_gmv_amt": "1e308"}, None
    )
    assert kind is not Format.TABLE or len(printed(cls, kind, [long]).splitlines()[1]) <= 300
    for _ in range(200_000):  # newer Pythons write thousands of levels
        nested = [nested]
    deep = attrs.evolve(long, extra={"new": nested})
    if kind is Format.TABLE:
        assert printed(cls, kind, [deep])
        return
    with pytest.raises(ResponseError, match="a row is nested deeper than can be written"):
        printed(cls, kind, [deep] * 2)


@pytest.mark.parametrize(
    "args",
    ["{}", "product {}", "product creators {}", "product creators 1 {}", "video list --{}",
     "product creators 1 --limit {}", "status {}.db", "export {}.db {}.csv",
     "influencer ranking --region {} --rank-type {}", "harvest product creators --ids {}"],
)  # fmt: skip
def test_no_argument_comes_back_as_a_command(
    args: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYAPI_TOKEN", "key")
    monkeypatch.setenv("KEYAPI_BASE_URL", "http://127.0.0.1:9")
    for evil in EVIL.values():
        foreign = evil.replace("\x00", "").replace("/", "")
        assert run([one.replace("{}", foreign) for one in args.split()]) in {1, 2}
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.removesuffix("\n").isprintable()
