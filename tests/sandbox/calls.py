"""One valid call of each operation, made of the specification and of the sandbox's sample ids."""

import functools
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, cast

import orjson

from keyapi_async.sandbox import Response, Service
from keyapi_async.sandbox.specification import Operation, operations

TODAY = date(2026, 1, 20)
OPERATIONS = {path: one for path, one in operations().items() if one.paging != "page_limit"}
Row = dict[str, Any]


def path_of(name: str) -> str:
    return f"/v1/tiktok/{name}/analytics"


def service(**options: Any) -> Service:
    return Service(today=TODAY, **options)


@functools.cache
def _known(number: int) -> dict[str, str]:
    box = service()
    known = {
        "region": "BR",
        "date": "2026-01-12",
        "start_date": "2025-12-01",
        "end_date": "2026-01-19",
        "sk": "a",
        "size": "30",
    }
    for kind in ("product", "user", "seller", "video"):
        ids = getattr(box, f"{kind}_ids")(number + 1)
        known |= {f"{kind}_id": ids[-1], f"{kind}_ids": ",".join(ids[-10:])}
    return known


def required(operation: Operation, number: int = 60) -> dict[str, str]:
    """Give what a call needs, paging left out: the sample id of that number, a past period."""
    known = _known(number)
    names = [name for name, one in operation.parameters.items() if one["required"]]
    given = {}
    for name in [*names, *operation.one_of[:1]]:
        if not name.startswith("page_"):
            codes = operation.parameters[name].get("enum", [])
            assert codes or name in known, f"add {name!r} to _known: a value that leads to rows"
            given[name] = known[name] if name in known else str(codes[0])
    return given


def no_rows(path: str, params: Mapping[str, object]) -> str:
    """Say what to do where a list is empty that should not be."""
    return f"the sandbox has no rows for {dict(params)} of {path}: see step 4 of CONTRIBUTING.md"


def ask(
    box: Service, path: str, params: Mapping[str, object] | Iterable[tuple[str, str]], **more: Any
) -> Response:
    """Ask for one page: the first, of ten rows, unless the parameters say another."""
    known = operations()[path].parameters
    paging = {"page_num": "1", "page_size": "10"} if "page_num" in known else {}
    pairs = {**paging, **{name: str(value) for name, value in dict(params).items()}, **more}
    return box.answer(path, pairs.items(), f"Bearer {box.api_key}", 0.0)


def envelope(response: Response) -> dict[str, Any]:
    return cast("dict[str, Any]", orjson.loads(response.body))


def rows(response: Response) -> list[Row]:
    return cast("list[Row]", envelope(response)["data"])
