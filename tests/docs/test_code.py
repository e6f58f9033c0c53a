"""The code of the README and the site: every block runs against a sandbox, and mypy accepts it.

A page's pieces run one after the other, in one folder, as a reader would try them.
"""

# ruff: noqa: S102  # running it is the point

import ast
import asyncio
import inspect
import json
import re
import shlex
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it has no types
import pytest
from mypy import api as mypy
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from keyapi_async import KeyAPI, RetryPolicy
from keyapi_async.api.declaration import declared_in
from keyapi_async.sandbox import Faults, Sandbox
from tests.cli.commands import invoke
from tests.docs.pages import BLOCKS, PAGES, PREAMBLE, ROOT, Block, code_of
from tests.docs.serving import answers
from tests.redis_server import RedisServer
from tests.servers import served

GIVEN = "api: KeyAPI, product_id: str, product_ids: list[str]"
MYPY = """
[mypy]
cache_dir = .mypy_cache/docs
strict = True
python_version = 3.11
follow_imports = silent
disable_error_code = import-untyped, untyped-decorator

[mypy-aiohttp.*,cattrs.*,dask.*,distributed.*,duckdb.*,fastapi.*,opentelemetry.*,pandas.*,polars.*]
follow_imports = skip
"""
PAGES_OF_FIFTY = 5
CREATORS = "/v1/tiktok/product/creators/analytics"


def blocks(*kinds: str) -> pytest.MarkDecorator:
    chosen = [block for block in BLOCKS if block.kind in kinds]
    return pytest.mark.parametrize("block", chosen, ids=lambda block: block.name)


def the(word: str) -> Block:
    """Find the block with a word."""
    (block,) = (block for block in BLOCKS if word in block.code)
    return block


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    monkeypatch.chdir(tmp_path)  # some blocks write files
    with served(Sandbox()) as box:
        monkeypatch.setenv("KEYAPI_TOKEN", box.api_key)
        monkeypatch.setenv("KEYAPI_BASE_URL", box.url)
        monkeypatch.setitem(KeyAPI.__init__.__kwdefaults__ or {}, "qps", 1000.0)
        yield box


@blocks("program")
async def test_programs_run(block: Block, box: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    exec(block.compiled(code=block.code.replace("asyncio.run(main())", "")), names)
    await names["main"]()
    *rows, told = capsys.readouterr().out.splitlines()
    number, *_, what = told.split()
    assert what.startswith("credit")
    assert len(rows) == {"1": 5, "5": 50, "10": 0}[number]  # the last one counts ten lists


def rows_of(box: Sandbox, product_id: str) -> int:
    return len(box.rows(CREATORS, product_id=product_id))


def short_lists(box: Sandbox) -> list[str]:
    """Give products of few creators, but of some."""
    return sorted(box.product_ids(20), key=lambda one: rows_of(box, one) or 10**6)[:4]


async def run(block: Block, box: Sandbox) -> dict[str, Any]:
    async with KeyAPI(box.api_key, base_url=box.url, qps=1000, proxy="") as api:
        names: dict[str, Any] = {"api": api, "product_id": "1729492547846767618"}
        names["product_ids"] = short_lists(box)
        exec(PREAMBLE, names)
        code = block.compiled(flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if inspect.isawaitable(outcome := FunctionType(code, names)()):
            await outcome
    return names


@pytest.mark.parametrize(
    "page",
    sorted({block.page for block in BLOCKS if block.kind == "piece"}),
    ids=lambda page: str(page.relative_to(ROOT)),
)
async def test_pieces_run(page: Path, box: Sandbox) -> None:
    for block in BLOCKS:
        if block.page == page and block.kind == "piece":
            await run(block, box)


async def test_frames_have_the_types_that_the_recipes_say(box: Sandbox) -> None:
    records = (await run(the("pd.DataFrame("), box))["frame"]
    assert isinstance(records["user_id"].iloc[0], str)
    exported = (await run(the("pd.read_parquet("), box))["frame"]
    assert exported.dtypes["list_product_id"] == exported.dtypes["user_id"] == "string[pyarrow]"


async def test_spans_do_not_show_the_key(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    box.faults = Faults(script=["reset", "500"])
    await run(the("create_trace_config"), box)
    *attempts, around = kept.get_finished_spans()
    assert len(attempts) == len(box.requests) == PAGES_OF_FIFTY + 2
    assert {span.parent and span.parent.span_id for span in attempts} == {
        around.context and around.context.span_id
    }
    assert not any(box.api_key in span.to_json() for span in attempts)


async def test_a_page_in_the_cache_is_not_asked_for_again(box: Sandbox) -> None:
    box.faults = Faults(script=["error_in_200"])
    names = await run(the("CachedSession("), box)
    assert len(box.requests) == PAGES_OF_FIFTY + 1
    assert names["cached"].credits.spent == 2 * PAGES_OF_FIFTY
    kept = [answer async for answer in names["session"].cache.responses.values()]
    assert len(kept) == PAGES_OF_FIFTY
    assert not any(box.api_key in str(answer) for answer in kept)


@blocks("app")
async def test_applications_serve(block: Block, box: Sandbox) -> None:
    names: dict[str, Any] = {"__name__": "app"}
    exec(block.compiled(), names)
    async with answers(names["app"]) as get:
        status, _, body = await get("/creators/1729492547846767618")
    rows = json.loads(body)
    assert (status, len(rows), rows[0]["product_id"]) == (200, 50, "1729492547846767618")


@pytest.mark.parametrize(
    ("fault", "options", "status", "retry_after"),
    [
        ("402", {}, 402, None),
        ("429", {}, 429, "7"),
        ("hang", {"timeout": 0.1}, 504, None),
        ("hang", {"deadline": 0.1}, 504, None),
        (None, {"max_credits": 0}, 402, None),
        ("500", {}, 502, None),
    ],
)
async def test_the_recipe_answers_errors_with_a_status(
    fault: str | None, options: Any, status: int, retry_after: str | None, box: Sandbox
) -> None:
    box.faults = Faults(script=[fault], retry_after=7)
    names: dict[str, Any] = {"__name__": "app"}
    exec(the("exception_handler").compiled(), names)
    state = names["app"].state
    async with answers(names["app"]) as get:
        state.keyapi = state.keyapi.with_options(retry=RetryPolicy(attempts=1), **options)
        answered, headers, body = await get("/creators/1729492547846767618")
        refused, *_ = await get("/creators/x")
    assert (answered, refused, headers.get("retry-after")) == (status, 400, retry_after)
    assert json.loads(body)["detail"]


@blocks("test")
async def test_tests_pass(block: Block, keyapi: KeyAPI, keyapi_sandbox: Sandbox) -> None:
    names: dict[str, Any] = {}
    exec(block.compiled(), names)
    (test,) = (value for name, value in names.items() if name.startswith("test_"))
    fixtures = {"keyapi": keyapi, "keyapi_sandbox": keyapi_sandbox}
    given = [fixtures[name] for name in inspect.signature(test).parameters]
    if inspect.isawaitable(outcome := await asyncio.to_thread(test, *given)):
        await outcome  # another one may have run a loop of its own


@blocks("declaration")
def test_declarations_declare(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    module = type(sys)("product")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # attrs looks a class's module up
    exec(block.compiled(), vars(module))
    (told,) = declared_in(module.ProductResource)
    listing = told.listing({"product_id": 7})
    assert (listing.name, listing.queries) == ("product questions", ("product_id=7",))


@blocks("cluster")
async def test_a_cluster_harvests(block: Block, box: Sandbox, redis: RedisServer) -> None:
    """The workers are threads here: those of `tests/test_dask.py` are processes."""
    names: dict[str, Any] = {"__name__": "docs"}
    exec(block.compiled(), names)
    names["REDIS"] = redis.url
    await asyncio.to_thread(names["harvest"], box.product_ids(3))
    rows = pq.read_table("creators").num_rows
    assert rows == sum(rows_of(box, one) for one in box.product_ids(3))
    assert redis.ask("KEYS", "*") != "*0"


def commands() -> list[list[str]]:
    """Give all commands; ``demo`` and ``sandbox`` have tests of their own."""
    consoles = "".join(text for page in PAGES for name, text in code_of(page) if name == "console")
    shown = re.findall(r"^\$ (keyapi-async (?!demo|sandbox).*)", consoles, re.MULTILINE)
    return [shlex.split(line, comments=True)[1:] for line in dict.fromkeys(shown)]


def test_commands_run(box: Sandbox) -> None:
    """In this process: `tests/cli/test_app.py` starts a demo, which has one of its own."""
    Path("products.txt").write_text("\n".join(short_lists(box)))
    every = commands()
    assert len(every) > 5
    for words in sorted(every, key=lambda words: (">" not in words, words[0] != "harvest")):
        into = words.index(">") if ">" in words else len(words)
        fast = ["--qps", "1000"] if words[0] in {"harvest", "product"} else []
        said = invoke(*words[:into], *fast)
        assert said.code == 0, (words, said.err)
        assert said.out or said.err, words
        for file in words[into + 1 :]:  # of ids, for the commands after it
            Path(file).write_text(said.out)


MISSPELT = """
import keyapi_async
from keyapi_async import KeyAPI, Video, fan_out
from keyapi_async.records.converter import converter
from keyapi_async import KeyApi  # wrong
from keyapi_async import InfluencerVideos  # wrong
from keyapi_async.records.converter import convertor  # wrong
keyapi_async.KeyAPI, keyapi_async.RedisLimiter
keyapi_async.fanout_  # wrong
"""


def test_mypy_accepts_it_all_and_no_misspelt_name(tmp_path: Path) -> None:
    (tmp_path / "misspelt.py").write_text(MISSPELT)
    wrong = [n for n, line in enumerate(MISSPELT.splitlines(), 1) if line.endswith("# wrong")]
    for number, block in enumerate(BLOCKS):
        code = f"# {block.name}\n{block.code}"
        if block.kind == "piece":
            piece = textwrap.indent(block.code, "    ")
            code = f"# {block.name}\n{PREAMBLE}\n\nasync def piece({GIVEN}) -> None:\n{piece}"
        (tmp_path / f"block_{number}.py").write_text(code)
    config = tmp_path / "mypy.ini"
    config.write_text(MYPY)
    shown, errors, status = mypy.run(["--config-file", str(config), "--no-pretty", str(tmp_path)])
    assert (status, errors) == (1, "")
    found = re.findall(r"misspelt\.py:(\d+): error: .*\[attr-defined\]", shown)
    assert [int(n) for n in found] == wrong, shown
    assert shown.count(" error: ") == len(wrong), shown
