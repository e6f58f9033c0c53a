"""The sandbox's copy of the specification: its rows have all of it; what it refuses of a query."""

import json
import re
import runpy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from keyapi_async.sandbox.data import RULES
from keyapi_async.sandbox.specification import Operation, examples, read
from tests.sandbox.calls import OPERATIONS, ask, envelope, no_rows, path_of, required, service

ROOT = Path(__file__).parents[2]
STRIP = "run 'python .ci/strip_specification.py tests/openapi.json tests/examples'"
PAGE = {"page_num": "1", "page_size": "10"}


def full() -> dict[str, Any]:
    text = (ROOT / "tests" / "openapi.json").read_text(encoding="utf-8")
    whole: dict[str, Any] = json.loads(text)
    return whole


def test_the_copy_says_what_the_specification_says() -> None:
    tool = runpy.run_path(str(ROOT / ".ci" / "strip_specification.py"))
    specified = tool["strip"](full())
    shown = tool["examples"](ROOT / "tests" / "examples", specified)
    for name, made in (("specification.json", specified), ("examples.json", shown)):
        copy = read(name)
        old = [one for one in {**made, **copy} if made.get(one) != copy.get(one)]
        assert not old, f"{name} is old in {old}: {STRIP}"
    assert len(OPERATIONS) == 32, "change the number here, and where CONTRIBUTING.md says"


def test_an_operation_knows_its_paging_its_price_and_its_rows() -> None:
    for path, item in full()["paths"].items():
        assert path in OPERATIONS, f"the copy lacks {path}: {STRIP}"
        one, whole = OPERATIONS[path], item["get"]
        assert [one.credits, one.paging, list(one.key), list(one.identity), list(one.row_key)] == [
            whole[f"x-{name}"] for name in ("credits", "paging", "key", "identity", "row-key")
        ]
        assert one.parameters.keys() == {parameter["name"] for parameter in whole["parameters"]}
        assert one.subject in {*one.row_key, ""}


# What made rows rightly lack, by the kind of id that they are about.
ABSENT = {
    ("seller_id", "seller_link"): "only ever seen as null",
    ("user_id", "highlight"): "only ever seen as null",
    ("user_id", "seller_id"): "null but for the few creators who have a shop of their own",
}


@pytest.mark.parametrize("path", OPERATIONS)
def test_made_rows_have_every_property_of_the_specification(path: str) -> None:
    box, operation = service(), OPERATIONS[path]
    if operation.subject not in {"", *RULES}:
        return  # the example is all that there is
    asked = [required(operation, number) for number in (3, 20, 60)]
    if not operation.subject:
        asked = [{**asked[0], "type": str(kind)} for kind in range(1, 6)]
    rows = [row for params in asked for row in box.rows(path, **params)]
    made = [row for row in rows if row not in examples()[path]["rows"]]
    assert made, no_rows(path, asked[0])
    kinds = {operation.subject} if operation.subject else RULES.keys()
    absent = {name for kind, name in ABSENT if kind in kinds}
    lacking = sorted(operation.properties.keys() - absent - {name for row in made for name in row})
    todo = f"write rules for {operation.subject!r}: see step 4 of CONTRIBUTING.md"
    assert not lacking, f"no made row of {path} has {lacking}; {todo}"


def wrong_values(
    name: str, schema: Mapping[str, Any], most: int | None
) -> Iterator[tuple[str, str]]:
    must = f"Invalid parameter: {name} must"
    whole = "maximum" in schema and "x-format" not in schema
    cases = [
        ("enum" in schema, "999", f"{must} "),
        (whole, str(schema.get("maximum", 0) + 1), f"{must} be an integer from "),
        (whole, str(schema.get("minimum", 0) - 1), f"{must} be an integer from "),
        (schema["type"] == "number", "-0.5", f"{must} be a number of 0 or more"),
        (schema["type"] == "integer", "1.5", f"{must} "),
        (schema["type"] == "integer", "9" * 5000, f"{must} "),
        ("pattern" in schema, "no, never", f"{must} "),
        (most, ",".join(["1"] * 11), f"{name} has 11 ids, and takes 10"),
        (schema.get("x-format") == "yyyyMMdd", "20250230", f"{must} be a date of the calendar"),
        (schema.get("x-format") == "yyyy-MM-dd", "2025-02-30", f"{must} be a date of the calendar"),
    ]
    return ((value, message) for applies, value, message in cases if applies)


def wrong(operation: Operation) -> Iterator[tuple[dict[str, str], str]]:
    """Give calls that each differ from a good one in one thing, and what is said of it."""
    paging = PAGE if operation.paging == "page_num" else {}
    good = required(operation) | paging
    yield {**good, "nonsense": "1"}, "Unknown parameter: nonsense"
    for name, schema in operation.parameters.items():
        if schema["required"]:
            left = {one: good[one] for one in good if one != name}
            yield left, f"Missing required parameter: {name}"
        for value, message in wrong_values(name, schema, operation.ids_per_call.get(name)):
            yield {**(paging if name in operation.one_of else good), name: value}, message
    if operation.one_of:
        given, other = operation.one_of
        yield paging, f"Missing required parameter: {given} or {other}"
        yield {**good, other: "1"}, "Only one of these parameters"


@pytest.mark.parametrize("path", OPERATIONS)
def test_what_is_not_documented_is_refused(path: str) -> None:
    box = service()
    operation = OPERATIONS[path]
    for params, message in wrong(operation):
        response = box.answer(path, params.items(), "Bearer sandbox-key", 0.0)
        assert (response.status, response.code, response.billed) == (400, 400, 0), params
        assert message in envelope(response)["message"]
        assert "requestId" not in envelope(response)
    assert ask(box, path, required(operation)).billed == box.billed == operation.credits


def test_a_repeated_parameter_is_refused() -> None:
    query = [*required(OPERATIONS[path_of("product/creators")]).items(), *PAGE.items()]
    response = service().answer(
        path_of("product/creators"), [*query, ("page_num", "2")], "Bearer sandbox-key", 0.0
    )
    assert envelope(response)["message"] == "Repeated parameter: page_num"


@pytest.mark.parametrize(
    ("operation", "name", "value", "words"),
    [
        ("product/creators", "product_id", "٣", "match ^[0-9]+$"),
        ("influencer/videos", "unique_id", "@me", r"match ^[^@\s,]+$"),
        ("category/primary", "language", "de", "be one of th-TH, en-US, id-ID, zh-CN, ms-MY, vi"),
        ("product/ranking", "rank_type", "0", "be one of 1, 2, 3"),
        ("product/list", "min_total_sale_cnt", "x", "be an integer of 0 or more"),
    ],
)
def test_a_refusal_says_what_is_allowed(operation: str, name: str, value: str, words: str) -> None:
    params = required(OPERATIONS[path_of(operation)])
    params.pop("user_id", None)
    with pytest.raises(ValueError, match=re.escape(f"Invalid parameter: {name} must {words}")):
        service().rows(path_of(operation), **params | {name: value})
