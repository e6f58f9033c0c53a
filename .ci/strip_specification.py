# ruff: noqa: INP001  # a script, in no package
"""Make the sandbox's own copy of the specification: what it reads of it, and nothing else.

    python .ci/strip_specification.py openapi.json [EXAMPLES_DIRECTORY]

writes keyapi_async/sandbox/specification.json, and examples.json beside it where the directory of
the examples is given.
"""

import json
import sys
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1] / "keyapi_async" / "sandbox"
_OPERATION = (
    "x-credits", "x-paging", "x-key", "x-identity", "x-row-key", "x-one-of", "x-ids-per-call",
    "x-max-days",
)  # fmt: skip
_PARAMETER = ("required", "x-kind", "x-names", "x-open", "x-format")
_SCHEMA = ("type", "pattern", "format", "enum", "minimum", "maximum", "minLength", "default")
_PROPERTY = ("type", "x-kind", "x-names", "x-open", "x-format", "x-unit", "x-when")


def strip(full: dict[str, Any]) -> dict[str, Any]:
    """Give the operations by path: their marks, their parameters, and the properties of a row."""
    return {path: _operation(item["get"]) for path, item in full["paths"].items()}


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    rows = answer["properties"]["data"]["items"]["properties"]
    return {
        **_some(operation, _OPERATION),
        "parameters": {
            one["name"]: _some(one, _PARAMETER) | _some(one["schema"], _SCHEMA)
            for one in operation["parameters"]
        },
        "properties": {name: _some(schema, _PROPERTY) for name, schema in rows.items()},
    }


def _some(whole: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: whole[name] for name in names if name in whole}


def examples(directory: Path, paths: dict[str, Any]) -> dict[str, Any]:
    """Give the rows of the examples by path, and how many of them a source shows as they are."""
    found = {}
    for path in paths:
        name = path.removeprefix("/v1/tiktok/").removesuffix("/analytics").replace("/", "_")
        file = directory / f"{'search_items' if name == 'search' else name}.json"
        example = json.loads(file.read_text(encoding="utf-8"))
        rows = example["data"]
        shown = example["x-shown-rows"] if example.get("x-made-up") else len(rows)
        found[path] = {"shown": shown, "rows": rows}
    return found


def write(name: str, value: dict[str, Any]) -> None:
    """Write one file of the package, a line for each path."""
    lines = (f"{json.dumps(key)}:{_compact(value[key])}" for key in value)
    (PACKAGE / name).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


if __name__ == "__main__":
    stripped = strip(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    write("specification.json", stripped)
    if len(sys.argv) > 2:
        write("examples.json", examples(Path(sys.argv[2]), stripped))
