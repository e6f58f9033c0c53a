"""The code of the README: every block runs against a sandbox, and mypy accepts it.

A block is a whole program (it ends with ``asyncio.run(main())``), a test (it defines ``test_…``),
or a piece that stands where ``PREAMBLE`` has run and ``GIVEN`` is given.
"""

# ruff: noqa: S102  # running it is the point

import ast
import inspect
import re
import textwrap
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, cast

import pytest
from mypy import api as mypy

from keyapi_async import KeyAPI
from keyapi_async.sandbox import Sandbox

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)
PREAMBLE = """
import asyncio
import json
from collections.abc import Iterator

import attrs

from keyapi_async import *
"""
GIVEN = "api: KeyAPI, product_id: str, product_ids: list[str]"
MYPY = ("--strict", "--python-version=3.11", "--follow-imports=silent")


def is_program(block: str) -> bool:
    return "asyncio.run(main())" in block


def is_test(block: str) -> bool:
    return "def test_" in block


def is_piece(block: str) -> bool:
    return not is_program(block) and not is_test(block)


def blocks(kind: Callable[[str], bool]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("block", [block for block in BLOCKS if kind(block)])


def compiled(code: str, flags: int = 0) -> CodeType:
    return cast(CodeType, compile(code, str(README), "exec", flags=flags))


@pytest.fixture
async def box() -> AsyncIterator[Sandbox]:
    async with Sandbox() as box:
        yield box


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


@blocks(is_piece)
async def test_pieces_run(
    block: str, box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # some write files
    async with KeyAPI(box.api_key, base_url=box.url, qps=1000, proxy="") as api:
        names: dict[str, Any] = {
            "api": api,
            "product_id": "1729492547846767618",
            "product_ids": box.product_ids(20),
        }
        exec(PREAMBLE, names)
        code = compiled(block, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        outcome = FunctionType(code, names)()
        if inspect.isawaitable(outcome):
            await outcome


@blocks(is_test)
async def test_tests_pass(block: str, keyapi: KeyAPI, keyapi_sandbox: Sandbox) -> None:
    names: dict[str, Any] = {}
    exec(compiled(block), names)
    (test,) = (value for name, value in names.items() if name.startswith("test_"))
    await test(keyapi, keyapi_sandbox)


def test_mypy_accepts_it_all(tmp_path: Path) -> None:
    for number, block in enumerate(BLOCKS):
        code = block
        if is_piece(block):
            piece = textwrap.indent(block, "    ")
            code = f"{PREAMBLE}\n\nasync def piece({GIVEN}) -> None:\n{piece}"
        (tmp_path / f"block_{number}.py").write_text(code)
    shown, errors, status = mypy.run([*MYPY, str(tmp_path)])
    assert (status, errors) == (0, ""), shown
