"""The sandbox's copy of the specification: its rows have all of it; what it refuses of a query."""

import itertools
import json
import re
import runpy
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from keyapi_async.sandbox.data import RULES, facts_of
from keyapi_async.sandbox.lists import list_of
from keyapi_async.sandbox.specification import Operation, examples, read
from tests.sandbox.calls import OPERATIONS, ask, envelope, no_rows, required, service

ROOT = Path(__file__).parents[2]
STRIP = "run 'python .ci/strip_specification.py tests/openapi.json tests/examples'"
PAGE = {"page_num": "1", "page_size": "10"}


def test_the_copy_says_what_the_specification_says() -> None:
    tool = runpy.run_path(str(ROOT / ".ci" / "strip_specification.py"))
    whole = json.loads((ROOT / "tests" / "openapi.json").read_text(encoding="utf-8"))
    specified = tool["strip"](whole)
    shown = tool["examples"](ROOT / "tests" / "examples", specified)
    for name, made in (("specification.json", specified), ("examples.json", shown)):
        copy = read(name)
        old = [one for one in {**made, **copy} if made.get(one) != copy.get(one)]
        assert not old, f"{name} is old in {old}: {STRIP}"
    assert len(OPERATIONS) == 32, "change the number here, and where CONTRIBUTING.md says"
    for path, item in whole["paths"].items():
        one, said = OPERATIONS[path], item["get"]
        assert [one.credits, one.paging, list(one.key), list(one.identity), list(one.row_key)] == [
            said[f"x-{name}"] for name in ("credits", "paging", "key", "identity", "row-key")
        ]
        assert one.parameters.keys() == {parameter["name"] for parameter in said["parameters"]}


MOST = {"interaction_rate": 1, "rating": 5, "product_rating": 5, "ec_score": 10}
TYPES = {"integer": int, "number": int | float, "string": str, "null": type(None)}
# What made rows rightly lack, by the kind of id that they are about.
ABSENT = {
    ("seller_id", "seller_link"): "only ever seen as null",
    ("user_id", "highlight"): "only ever seen as null",
    ("user_id", "seller_id"): "null but for the few creators who have a shop of their own",
}


def assert_plausible(name: str, schema: Mapping[str, Any], value: Any) -> None:
    types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    assert any(isinstance(value, TYPES[one]) for one in types), (name, value)
    kind = schema["x-kind"]
    if value is None:
        return
    if kind == "json":
        json.loads(value)
    elif kind in {"choice", "flag"}:
        assert str(value) in schema["x-names"] or "x-open" in schema, name
    elif kind in {"count", "amount"}:
        assert float(value) >= 0 or "followers" in name, name
    elif kind == "rate":
        assert 0 <= value <= MOST.get(name, 100), name
    elif kind in {"moment", "moment_ms"}:
        assert 1.4e9 < int(value) / (1000 if kind == "moment_ms" else 1) < 1.8e9
    elif kind == "date":
        date.fromisoformat(str(value))  # which reads both forms
    elif kind == "categories":
        assert re.fullmatch(r"([0-9]+-[0-9]+-[0-9]+:[0-9]+,?)*", value)


@pytest.mark.parametrize("path", OPERATIONS)
def test_rows_have_every_property_of_the_specification(path: str) -> None:
    """Those that the sandbox makes, of what it has facts of; others are the example's."""
    operation = OPERATIONS[path]
    asked = [required(operation, number) for number in (3, 20, 60)]
    if not operation.subject:
        asked = [{**asked[0], "type": str(kind)} for kind in range(1, 6)]
    lists = [service().rows(path, **params) for params in asked]
    assert lists[0], no_rows(path, asked[0])
    for remembered in (facts_of, list_of):
        remembered.cache_clear()
    assert service().rows(path, **asked[0]) == lists[0]
    for row in itertools.chain(*(rows[:10] for rows in lists)):
        for name in row.keys() & operation.properties.keys():
            assert_plausible(name, operation.properties[name], row[name])
        assert row.keys() <= operation.properties.keys() or not operation.subject
        assert row.keys() >= set(operation.identity)
    keys = [tuple(row[name] for name in operation.row_key) for row in lists[0]]
    assert len(set(keys)) == len(keys) or not operation.row_key
    if operation.subject not in {"", *RULES}:
        return
    other = service(seed=1).rows(path, **asked[0])
    assert other != lists[0] or "category" in path
    made = [row for row in itertools.chain(*lists) if row not in examples()[path]["rows"]]
    assert made, no_rows(path, asked[0])
    kinds = {operation.subject} if operation.subject else RULES.keys()
    absent = {name for kind, name in ABSENT if kind in kinds}
    lacking = sorted(operation.properties.keys() - absent - {name for row in made for name in row})
    todo = f"write rules for {operation.subject!r}: see step 4 of CONTRIBUTING.md"
    assert not lacking, f"no made row of {path} has {lacking}; {todo}"


def wrong_values(schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give values that are not allowed, and what each of them must be."""
    values: list[str] = []
    if "enum" in schema:
        must, values = f"be one of {', '.join(map(str, schema['enum']))}", ["999", "x"]
    elif "pattern" in schema:
        must, values = f"match {schema['pattern']}", ["no, never", "@me"]
        values += [] if "@" in schema["pattern"] else ["٣"]
    elif schema["type"] != "string":
        least, most = schema["minimum"], schema.get("maximum")
        limits = f"of {least} or more" if most is None else f"from {least} to {most}"
        must, values = f"be a number {limits}", ["x", "9" * 5000, str(least - 0.5)]
        if schema["type"] == "integer":
            must, values = f"be an integer {limits}", [*values, str(least - 1), str(least + 0.5)]
        values += [] if most is None else [str(most + 1)]
    yield from ((value, must) for value in values)
    no_day = {"yyyyMMdd": "20250230", "yyyy-MM-dd": "2025-02-30"}.get(schema.get("x-format", ""))
    if no_day:
        yield no_day, f"be a date of the calendar, {schema['x-format']}"


def wrong(operation: Operation) -> Iterator[tuple[Iterable[tuple[str, str]], str]]:
    """Give calls that each differ from a good one in one thing, and what is said of it."""
    paging = PAGE if operation.paging == "page_num" else {}
    good = required(operation) | paging
    yield {**good, "nonsense": "1"}.items(), "Unknown parameter: nonsense"
    yield [*good.items()] * 2, f"Repeated parameter: {next(iter(good))}"
    for name, schema in operation.parameters.items():
        if schema["required"]:
            left = {one: good[one] for one in good if one != name}
            yield left.items(), f"Missing required parameter: {name}"
        others = paging if name in operation.one_of else good
        for value, must in wrong_values(schema):
            yield {**others, name: value}.items(), f"Invalid parameter: {name} must {must}"
        if name in operation.ids_per_call:
            many = {**others, name: ",".join(["1"] * 11)}
            yield many.items(), f"Invalid parameter: {name} has 11 ids, and takes 10"
    if operation.one_of:
        given, other = operation.one_of
        yield paging.items(), f"Missing required parameter: {given} or {other}"
        yield {**good, other: "1"}.items(), "Only one of these parameters"


@pytest.mark.parametrize("path", OPERATIONS)
def test_what_is_not_documented_is_refused(path: str) -> None:
    box, operation = service(), OPERATIONS[path]
    for query, message in wrong(operation):
        response = box.answer(path, query, "Bearer sandbox-key", 0.0)
        assert (response.status, response.code, response.billed) == (400, 400, 0), query
        assert message in envelope(response)["message"]
        assert "requestId" not in envelope(response)
    assert ask(box, path, required(operation)).billed == box.billed == operation.credits
    with pytest.raises(ValueError, match="Unknown parameter: nonsense"):
        box.rows(path, nonsense=1)
