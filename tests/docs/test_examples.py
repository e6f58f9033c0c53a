"""The examples run, print what the site shows, and are short."""

import asyncio
import runpy
from pathlib import Path

import pytest

from keyapi_async.sandbox import Sandbox
from tests.docs.outputs import EXAMPLES, OUTPUTS, PROGRAMS, all_outputs, environment, write_ids
from tests.docs.pages import text_of
from tests.docs.serving import answers

MOST_LINES = 60


def test_they_print_what_the_site_shows_and_write_the_key_nowhere(tmp_path: Path) -> None:
    shown = asyncio.run(all_outputs(tmp_path))
    assert shown == {name: text_of(OUTPUTS / f"{name}.txt") for name in [*PROGRAMS, "explore"]}
    written = {file.name: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert {"watch.db", "watch.html", "trends.html", "part.0.parquet"} <= written.keys()
    assert not any(b"sandbox-key" in content for content in written.values())


async def test_the_dashboard_follows_its_harvest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with Sandbox() as box:
        write_ids(box, tmp_path)
        for name, value in environment(box).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PRODUCTS", "few.txt")
        dashboard = runpy.run_path(str(EXAMPLES / "dashboard.py"))
        async with asyncio.timeout(30), answers(dashboard["app"]) as get:
            first = last = (await get("/"))[2]
            while b"6 lists done, 0 to go" not in last:
                last = (await get("/"))[2]
    assert b"<h1>0 lists done" in first
    assert last.count(b"<tr>") == 11


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_each_is_short_and_on_the_site(example: Path) -> None:
    assert len(text_of(example).splitlines()) < MOST_LINES
    assert f"examples/{example.name}" in text_of(OUTPUTS.parent / f"{example.stem}.md")
