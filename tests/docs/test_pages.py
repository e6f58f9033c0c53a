"""What the pages say: the same in both languages, true tables, tests and files that exist."""

import re
import tomllib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from keyapi_async.sandbox import Fault
from tests.cli.commands import invoke
from tests.docs.pages import CHINESE, PAGES, README, ROOT, code_of, prose, text_of

START = ROOT / "docs" / "start.md"
COSTS = ROOT / "docs" / "cost.md"
THREATS = ROOT / "docs" / "threats.md"
CITED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
LINK = re.compile(r"!?\[[^]]*\]\(([^)#][^)]*)\)")


def headings_of(page: Path) -> list[str]:
    return re.findall(r"^(#+) ", prose(page), re.MULTILINE)


def rows_of(page: Path) -> list[tuple[int, list[str]]]:
    """Give the columns and the numbers of every row of a table; words may stand for digits."""
    rows = re.findall(r"^\|.*$", prose(page), re.MULTILINE)
    return [(row.count("|"), sorted(re.findall(r"\d[\d,.]+", row))) for row in rows]


def links_of(page: Path) -> list[str]:
    """Give where links and pictures lead, but those to the other language."""
    return sorted(set(LINK.findall(prose(page))) - {README.name, CHINESE.name})


@pytest.mark.parametrize("part", [code_of, headings_of, rows_of, links_of])
def test_both_languages_have_the_same(part: Callable[[Path], list[Any]]) -> None:
    english = part(README)
    assert english
    assert part(CHINESE) == english


@pytest.mark.parametrize(("readme", "other"), [(README, CHINESE), (CHINESE, README)])
def test_each_language_is_short_and_leads_to_the_other(readme: Path, other: Path) -> None:
    lines = text_of(readme).split("\n")
    assert len(lines) <= 151
    assert "asyncio.run(main())" in lines[:30]
    assert f"]({other.name})" in "\n".join(lines[:5])


@pytest.mark.parametrize("page", [README, CHINESE, *PAGES], ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    files = [link.partition("#")[0] for link in links_of(page) if "://" not in link]
    assert [link for link in files if not (page.parent / link).exists()] == []


def test_the_dependencies_are_those_of_the_package() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    (told,) = re.findall(r"the dependencies are (.+)\.$", text_of(START), re.MULTILINE)
    assert re.split(", | and ", told) == [
        re.split(r"\W", one)[0] for one in project["dependencies"]
    ]
    extras = re.findall(r"^\| `(\w+)` \| ", text_of(START), re.MULTILINE)
    assert sorted(extras) == sorted(project["optional-dependencies"])


def test_every_fault_of_the_sandbox_is_listed() -> None:
    page = text_of(ROOT / "docs" / "testing.md")
    listed = re.findall(r'^\| .* \| (.*`".*) \|$', page, re.MULTILINE)
    assert sorted(re.findall(r'`"(\w+)"`', " ".join(listed))) == sorted(Fault)


def test_tests_that_are_named_as_proof_exist() -> None:
    named = {one for page in PAGES for one in CITED.findall(prose(page))}
    assert len(named) > 20
    for file, test in named:
        assert (f"def {test}(" if test else "") in text_of(ROOT / file), (file, test)
    _, _, *threats = [line for line in text_of(THREATS).split("\n") if line.startswith("|")]
    assert threats
    assert [line for line in threats if not CITED.search(line)] == []


def test_the_table_of_costs_is_what_estimate_says(tmp_path: Path) -> None:
    header, *rows = re.findall(r"^\| ([\d,]+|lists) \| (.+) \|$", text_of(COSTS), re.MULTILINE)
    speeds = [int(cell.removesuffix(" QPS")) for cell in header[1].split(" | ")[1:]]
    assert len(rows) == 3
    for lists, cells in rows:
        price = 5 * int(lists.replace(",", ""))
        times = [str(timedelta(seconds=price / qps)) for qps in speeds]
        assert cells.split(" | ") == [f"{price:,}", *times]
    file = tmp_path / "ids"
    file.write_text("\n".join(map(str, range(10**6, 10**6 + 1000))))
    args = ("estimate", "product", "creators", "--ids", str(file), "--rows-per-list", "45")
    facts = invoke(*args, "--qps", "5").facts
    assert facts["credits"].startswith("5,000 at least")
    assert facts["time"].startswith("0:16:40 at least")
