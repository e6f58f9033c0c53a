"""The specification: which operations there are, what each demands, and what its rows hold.

`specification.json` is made of the API's openapi.json by `.ci/strip_specification.py`;
`outside.json` has a path that openapi.json lacks, and its rows, for clients that reach any path.
"""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

import attrs
import orjson

Schema = Mapping[str, Any]


@attrs.define(slots=False)
class RefusedError(Exception):
    """The sandbox refuses a request."""

    message: str
    status: int = 400
    code: int = 400


@attrs.frozen(eq=False, kw_only=True)
class Operation:
    """One path: its parameters, its price, and the properties of its rows."""

    path: str
    parameters: Mapping[str, Schema]
    properties: Mapping[str, Schema]
    credits: int
    paging: str
    key: Sequence[str]
    identity: Sequence[str]
    row_key: Sequence[str]
    one_of: Sequence[str] = ()
    ids_per_call: Mapping[str, int] = {}
    max_days: int = 0

    def check(self, query: Sequence[tuple[str, str]]) -> None:
        """Refuse a query that the specification does not allow."""
        params, names = dict(query), [name for name, _ in query]
        needed = [[name] for name, schema in self.parameters.items() if schema["required"]]
        for name in names:
            if name not in self.parameters:
                raise RefusedError(f"Unknown parameter: {name}")
            if names.count(name) > 1:
                raise RefusedError(f"Repeated parameter: {name}")
        for some in [*needed, self.one_of] if self.one_of else needed:
            if not any(params.get(name) for name in some):
                raise RefusedError(f"Missing required parameter: {' or '.join(some)}")
        if self.one_of and params.keys() >= {*self.one_of}:
            raise RefusedError(f"Only one of these parameters is allowed: {', '.join(self.one_of)}")
        for name, value in params.items():
            if must := _demand(self.parameters[name], value, self.ids_per_call.get(name)):
                raise RefusedError(f"Invalid parameter: {name} {must}")

    @cached_property
    def subject(self) -> str:
        """The id of what a row is about: `user_id` for a product's creators; "" in a search."""
        own = [name for name in self.row_key if name != "dt"] or [""]
        if self.ids_per_call:
            return own[0]
        keys = {singular(name) for name in self.key}
        return ([name for name in own if name not in keys] or own)[-1]

    @cached_property
    def sorting(self) -> str | None:
        """The parameter whose codes name the field to sort by."""
        for name, schema in self.parameters.items():
            if self.properties.keys() & schema.get("x-names", {}).values():
                return name
        return None

    def value(self, params: Mapping[str, str], name: str | None) -> str | None:
        """What the code of a parameter means; `None` where it is not given."""
        if name is None or name not in self.parameters:
            return None
        schema = self.parameters[name]
        meaning: str | None = schema["x-names"].get(params.get(name, str(schema.get("default"))))
        return meaning

    def row(self, subject: str, searched: int) -> Mapping[str, Schema]:
        """The properties of a row; those of a list, where a search's own are not documented."""
        listed = (one.properties for one in operations().values() if one.row_key == [subject])
        return {
            name: schema
            for name, schema in self.properties.items()
            if "x-when" not in schema or searched in schema["x-when"]["type"]
        } or next(listed)


def _demand(schema: Schema, value: str, most_ids: int | None) -> str | None:
    """What the value of a parameter should be, in words; `None` if it is."""
    codes, whole = [str(code) for code in schema.get("enum", ())], schema["type"] == "integer"
    if most_ids is not None and (many := value.count(",") + 1) > most_ids:
        return f"has {many} ids, and takes {most_ids}"
    if codes:
        words, allows = f"be one of {', '.join(codes)}", value in codes
    elif schema["type"] == "string":
        pattern = schema.get("pattern", "(?s:.+)")
        words, allows = f"match {pattern}", bool(re.fullmatch(pattern, value, re.ASCII))
    else:
        least, most = schema["minimum"], schema.get("maximum", math.inf)
        limits = f"from {least} to {most}" if "maximum" in schema else f"of {least} or more"
        words = f"be {'an integer' if whole else 'a number'} {limits}"
        number = re.fullmatch(r"(-?[0-9]{1,18})(\.[0-9]{1,18})?", value)
        is_number = number and not (whole and number[2])
        allows = bool(is_number) and least <= float(value) <= most
    if allows and "x-format" in schema:
        words = f"be a date of the calendar, {schema['x-format']}"
        try:
            date.fromisoformat(value)
        except ValueError:
            allows = False
    return None if allows else f"must {words}"


def written(schema: Schema, value: Any) -> Any:
    """A value in the form that the specification types."""
    if "string" in schema["type"]:
        in_cents = schema["x-kind"] in {"amount", "count"} and "x-unit" not in schema
        return f"{value:.2f}" if in_cents else str(value)
    return round(value) if schema["type"] == "integer" else round(value, 4)


def singular(name: str) -> str:
    """The field that a parameter of several ids is about: `video_id` for `video_ids`."""
    return name.removesuffix("s")


def read(name: str) -> Mapping[str, Any]:
    """A JSON file of the package."""
    found: Mapping[str, Any] = orjson.loads(files(__package__).joinpath(name).read_bytes())
    return found


@cache
def operations() -> Mapping[str, Operation]:
    """The operations by path; the specification is read at the first call."""
    found = {**read("specification.json"), **read("outside.json")["operations"]}
    return {
        path: Operation(path=path, **{n.removeprefix("x-").replace("-", "_"): one[n] for n in one})
        for path, one in found.items()
    }


@cache
def examples() -> Mapping[str, Mapping[str, Any]]:
    """The rows of the documentation by path, and how many of them a source shows as they are."""
    return {**read("examples.json"), **read("outside.json")["examples"]}
