"""The code of the README: every block runs against a sandbox, and mypy accepts it.

A block is a whole program (it ends with ``asyncio.run(main())``), a test (it defines ``test_…``),
a web application (it makes ``app``), or a piece that stands where ``PREAMBLE`` has run and
``GIVEN`` is given. Some import packages that the SDK does not need: they are skipped without them.
The README in Chinese has the same blocks, and the same shape.
"""

# ruff: noqa: S102  # running it is the point

import ast
import asyncio
import inspect
import json
import re
import textwrap
from collections.abc import AsyncIterator, Callable
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, cast

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it has no types
import pytest
from aiohttp import test_utils, web
from mypy import api as mypy

from keyapi_async import KeyAPI
from keyapi_async.api import endpoints, resource_class
from keyapi_async.api.endpoint import Endpoint
from keyapi_async.cli.app import run as run_command
from keyapi_async.sandbox import Faults, Sandbox
from tests.redis_server import RedisServer

README = Path(__file__).parent.parent / "README.md"
CHINESE = README.with_name("README.zh-CN.md")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)
PREAMBLE = """
import asyncio
import json
from collections.abc import Iterator

import attrs

from keyapi_async import *
"""
GIVEN = "api: KeyAPI, product_id: str, product_ids: list[str]"
MYPY = (
    "--strict",
    "--python-version=3.11",
    "--follow-imports=silent",
    "--disable-error-code=import-untyped",  # pandas has no types
    "--allow-untyped-calls",  # Dask has some
)
PAGES_OF_FIFTY = 5
COSTS = README.read_text().partition("## Growing")[2].partition("\n| from |")[0]


def is_program(block: str) -> bool:
    return "asyncio.run(main())" in block


def is_test(block: str) -> bool:
    return "def test_" in block


def is_app(block: str) -> bool:
    return "\napp = " in block


def is_cluster(block: str) -> bool:
    return "harvest_frame(" in block


def is_piece(block: str) -> bool:
    return not any(kind(block) for kind in (is_program, is_test, is_app, is_cluster))


def missing(block: str) -> str | None:
    """Name a module that a block imports and that is not installed."""
    for name in re.findall(r"^(?:from|import) ([\w.]+)", block, re.MULTILINE):
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            return error.name
    return None


def blocks(kind: Callable[[str], bool]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("block", [block for block in BLOCKS if kind(block)])


def compiled(code: str, flags: int = 0) -> CodeType:
    return cast(CodeType, compile(code, str(README), "exec", flags=flags))


@pytest.fixture
async def box(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sandbox]:
    async with Sandbox() as box:
        monkeypatch.setenv("KEYAPI_TOKEN", box.api_key)
        monkeypatch.setenv("KEYAPI_BASE_URL", box.url)
        yield box


def here(block: str) -> str:
    """Skip the test where the block cannot run."""
    if name := missing(block):
        pytest.skip(f"{name} is not installed")
    return block


def the(word: str) -> str:
    """Find the block with a word."""
    (block,) = (block for block in BLOCKS if word in block)
    return here(block)


def test_there_is_a_whole_program_within_thirty_lines() -> None:
    first = README.read_text().split("\n")[:30]
    assert "asyncio.run(main())" in first
    assert [is_program(block) for block in BLOCKS] == [True] + [False] * (len(BLOCKS) - 1)


@blocks(is_program)
def test_programs_run(
    block: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served = ast.unparse(ast.parse(block)).replace("asyncio.run(main())", "")
    names: dict[str, Any] = {}
    exec(compiled(served), names)

    async def main() -> None:
        async with Sandbox() as box:
            monkeypatch.setenv("KEYAPI_TOKEN", box.api_key)
            monkeypatch.setenv("KEYAPI_BASE_URL", box.url)
            await names["main"]()

    names["asyncio"].run(main())
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 51
    assert lines[-1] == "5 credits"


async def run(piece: str, box: Sandbox) -> dict[str, Any]:
    async with KeyAPI(box.api_key, base_url=box.url, qps=1000, proxy="") as api:
        names: dict[str, Any] = {
            "api": api,
            "product_id": "1729492547846767618",
            "product_ids": box.product_ids(20),
        }
        exec(PREAMBLE, names)
        code = compiled(piece, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        outcome = FunctionType(code, names)()
        if inspect.isawaitable(outcome):
            await outcome
    return names


@blocks(is_piece)
async def test_pieces_run(
    block: str, box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # some write files
    await run(here(block), box)


async def test_frames_have_the_types_that_the_readme_says(
    box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    records = (await run(the("pd.DataFrame("), box))["frame"]
    assert isinstance(records["user_id"].iloc[0], str)
    exported = (await run(the("pd.read_parquet("), box))["frame"]
    assert exported.dtypes["list_product_id"] == exported.dtypes["user_id"] == "string[pyarrow]"


async def test_spans_do_not_show_the_key(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    piece = the("create_trace_config")
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    kept, provider = memory.InMemorySpanExporter(), sdk.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(kept))
    monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", lambda: provider)
    box.faults = Faults(script=["reset", "500"])
    await run(piece, box)
    *attempts, around = kept.get_finished_spans()
    assert len(attempts) == len(box.requests) == PAGES_OF_FIFTY + 2
    assert {span.parent.span_id for span in attempts} == {around.context.span_id}
    assert not any(box.api_key in span.to_json() for span in attempts)


async def test_a_page_in_the_cache_is_not_asked_for_again(box: Sandbox) -> None:
    box.faults = Faults(script=["error_in_200"])
    names = await run(the("CachedSession("), box)
    assert len(box.requests) == PAGES_OF_FIFTY + 1
    assert names["cached"].credits.spent == 2 * PAGES_OF_FIFTY
    kept = [answer async for answer in names["session"].cache.responses.values()]
    assert len(kept) == PAGES_OF_FIFTY
    assert not any(box.api_key in str(answer) for answer in kept)


async def get(app: Any, path: str) -> Any:
    """Start an application, get a path, and stop it."""
    if isinstance(app, web.Application):
        async with test_utils.TestClient(test_utils.TestServer(app)) as client:
            return await (await client.get(path)).json()
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
    async with app.router.lifespan_context(app):
        await app(scope, None, send)
    return json.loads(b"".join(message.get("body", b"") for message in sent))


@blocks(is_app)
async def test_applications_serve(block: str, box: Sandbox) -> None:
    names: dict[str, Any] = {"__name__": "app"}
    exec(compiled(here(block)), names)
    rows = await get(names["app"], "/creators/1729492547846767618")
    assert len(rows) == 50
    assert rows[0]["product_id"] == "1729492547846767618"


@blocks(is_test)
async def test_tests_pass(block: str, keyapi: KeyAPI, keyapi_sandbox: Sandbox) -> None:
    names: dict[str, Any] = {}
    exec(compiled(block), names)
    (test,) = (value for name, value in names.items() if name.startswith("test_"))
    fixtures = {"keyapi": keyapi, "keyapi_sandbox": keyapi_sandbox}
    await test(**{name: fixtures[name] for name in inspect.signature(test).parameters})


def test_mypy_accepts_it_all(tmp_path: Path) -> None:
    for number, block in enumerate(BLOCKS):
        if missing(block):
            continue
        code = block
        if is_piece(block):
            piece = textwrap.indent(block, "    ")
            code = f"{PREAMBLE}\n\nasync def piece({GIVEN}) -> None:\n{piece}"
        (tmp_path / f"block_{number}.py").write_text(code)
    shown, errors, status = mypy.run([*MYPY, str(tmp_path)])
    assert (status, errors) == (0, ""), shown


@blocks(is_cluster)
async def test_a_cluster_harvests(
    block: str, box: Sandbox, redis: RedisServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The workers are threads here: those of `tests/test_dask.py` are processes."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compiled(here(block)), names)
    names["REDIS"] = redis.url
    await asyncio.to_thread(names["harvest"], box.product_ids(3))
    rows = pq.read_table("creators").num_rows
    path = "/v1/tiktok/product/creators/analytics"
    assert rows == sum(len(box.rows(path, product_id=one)) for one in box.product_ids(3))
    assert "flying" in redis.ask("KEYS", "*") or "landed" in redis.ask("KEYS", "*")


def test_the_table_of_costs_is_what_estimate_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header, *rows = re.findall(r"^\| ([\d,]+|lists) \| (.+) \|$", COSTS, re.MULTILINE)
    speeds = [cell.removesuffix(" QPS") for cell in header[1].split(" | ")[1:]]
    assert len(rows) == 3
    for lists, cells in rows:
        count = int(lists.replace(",", ""))
        file = tmp_path / "ids"
        file.write_text("\n".join(str(10**6 + number) for number in range(count)))
        for qps, told in zip(speeds, cells.split(" | ")[1:], strict=True):
            args = ["estimate", "creators", "--ids", str(file), "--rows-per-list", "45"]
            assert run_command([*args, "--qps", qps]) == 0
            out = capsys.readouterr().out
            assert f" {cells.split(' | ')[0]} at least" in out
            assert f" {told} at least" in out


def shown_call(one: Endpoint) -> str:
    """Write a call of an endpoint with what it needs: names of keywords end with ``=…``."""
    function = getattr(resource_class(one.resource), one.method)
    needed = [
        name if parameter.kind is parameter.POSITIONAL_OR_KEYWORD else f"{name}=…"
        for name, parameter in list(inspect.signature(function).parameters.items())[1:]
        if parameter.default is parameter.empty or name in one.one_of[:1]
    ]
    return f"{one.resource}.{one.method}({', '.join(needed)})"


def test_the_table_of_endpoints_is_the_declarations() -> None:
    told = re.findall(r"^\| `(\w+\.iter_.+)` \| `(\w+)` \| \S.* \|$", prose(README), re.MULTILINE)
    assert told == [(shown_call(one), one.record.__name__) for one in endpoints()]


def prose(readme: Path) -> str:
    rest = FENCED.sub("", readme.read_text(encoding="utf-8"))
    assert "```" not in rest
    return rest


def code_of(readme: Path) -> list[tuple[str, str]]:
    """Give the language and the text of every fenced block."""
    return cast(list[tuple[str, str]], FENCED.findall(readme.read_text(encoding="utf-8")))


def headings_of(readme: Path) -> list[str]:
    return re.findall(r"^(#+) ", prose(readme), re.MULTILINE)


def rows_of(readme: Path) -> list[list[tuple[int, list[str]]]]:
    """Give the columns and the numbers of every row of every table; words may stand for digits."""
    return [
        [(row.count("|"), sorted(re.findall(r"\d[\d,.]+", row))) for row in table.splitlines()]
        for table in re.findall(r"(?:^\|.*\n)+", prose(readme), re.MULTILINE)
    ]


def images_of(readme: Path) -> list[str]:
    return re.findall(r"!\[[^]]*\]\(([^)]+)\)", prose(readme))


def links_of(readme: Path) -> list[str]:
    """Give where the links lead, but those within the file and to the other one."""
    targets = re.findall(r"(?<!!)\[[^]]*\]\(([^)#][^)]*)\)", prose(readme))
    return sorted(target for target in targets if target not in {README.name, CHINESE.name})


@pytest.mark.parametrize("part", [code_of, headings_of, rows_of, images_of, links_of])
def test_both_languages_have_the_same(part: Callable[[Path], list[Any]]) -> None:
    english = part(README)
    assert english
    assert part(CHINESE) == english


@pytest.mark.parametrize(("readme", "other"), [(README, CHINESE), (CHINESE, README)])
def test_each_language_leads_to_the_other(readme: Path, other: Path) -> None:
    first = readme.read_text(encoding="utf-8").split("\n")[:5]
    assert f"]({other.name})" in "\n".join(first)


@pytest.mark.parametrize("readme", [README, CHINESE])
def test_anchors_are_there(readme: Path) -> None:
    text = prose(readme)
    anchors = set(re.findall(r'<a id="([^"]+)"></a>', text))
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        anchors.add(re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-"))
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors
