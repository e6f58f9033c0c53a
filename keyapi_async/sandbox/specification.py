"""The specification: which operations there are, what each demands, and what its rows hold.

`specification.json` is made of the API's openapi.json by `.ci/strip_specification.py`.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.resources import files
from typing import Any, Final

import attrs
import orjson

__all__ = ["Operation", "Parameter", "RefusedError", "examples", "operations", "singular"]

DATE_FORMATS: Final = {"yyyy-MM-dd": "%Y-%m-%d", "yyyyMMdd": "%Y%m%d"}
_WORDS: Final = {
    "^[0-9]+$": "a string of digits",
    "^[0-9]+(,[0-9]+){0,9}$": "1 to 10 strings of digits, separated by commas",
    "^[A-Z]{2}$": "a region code of two capital letters",
    "^[^@\\s,]+$": "a handle without @",
    "^[^@\\s,]+(,[^@\\s,]+){0,9}$": "1 to 10 handles without @, separated by commas",
    "^\\d{4}-\\d{2}-\\d{2}$": "a date, yyyy-MM-dd",
}
_OUTSIDE: Final[Mapping[str, Mapping[str, Any]]] = {
    "/v1/tiktok/trending/hashtags": {
        "x-credits": 2,
        "x-paging": "page",
        "parameters": {
            "page": {"type": "integer", "minimum": 1, "required": True},
            "limit": {"type": "integer", "minimum": 1, "maximum": 100, "required": True},
        },
    },
    "/v1/tiktok/hashtag/search": {
        "x-credits": 1,
        "x-paging": "none",
        "parameters": {"keyword": {"type": "string", "minLength": 1, "required": True}},
    },
}
"""Two paths that the specification lacks, for clients that reach any path."""


class RefusedError(Exception):
    """The sandbox refuses a request."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def _bad(message: str) -> RefusedError:
    return RefusedError(400, 400, message)


@attrs.frozen
class Parameter:
    """One parameter of the query."""

    name: str
    schema: Mapping[str, Any]
    most: int | None = None
    """How many ids it takes, separated by commas."""

    @property
    def names(self) -> Mapping[str, str]:
        """What its codes mean."""
        names: Mapping[str, str] = self.schema.get("x-names", {})
        return names

    def check(self, value: str) -> None:
        """Refuse a value that is not documented."""
        if self.most is not None and (many := value.count(",") + 1) > self.most:
            raise _bad(f"Invalid parameter: {self.name} has {many} ids, and takes {self.most}")
        if not self._allows(value):
            raise _bad(f"Invalid parameter: {self.name} must be {self._words()}")
        form = self.schema.get("x-format")
        if form is not None:
            try:
                datetime.strptime(value, DATE_FORMATS[form])  # noqa: DTZ007  # a day has no zone
            except ValueError:
                raise _bad(
                    f"Invalid parameter: {self.name} must be a date of the calendar, {form}"
                ) from None

    def _allows(self, value: str) -> bool:
        schema = self.schema
        if "enum" in schema:
            return value in map(str, schema["enum"])
        if schema["type"] == "string":
            return len(value) >= schema.get("minLength", 1) and bool(
                re.fullmatch(schema.get("pattern", "(?s:.*)"), value, re.ASCII)
            )
        pattern = "-?[0-9]{1,18}" + ("" if schema["type"] == "integer" else r"(\.[0-9]{1,18})?")
        return bool(re.fullmatch(pattern, value)) and (
            schema["minimum"] <= float(value) <= schema.get("maximum", float("inf"))
        )

    def _words(self) -> str:
        schema = self.schema
        if "enum" in schema:
            values = schema["enum"]
            if schema["type"] == "integer":
                return f"an integer from {values[0]} to {values[-1]}"
            return f"one of {', '.join(values)}"
        if schema["type"] == "string":
            pattern = schema.get("pattern")
            return _WORDS.get(pattern, f"of the form {pattern}") if pattern else "a text"
        number = "an integer" if schema["type"] == "integer" else "a number"
        if "maximum" in schema:
            return f"{number} from {schema['minimum']} to {schema['maximum']}"
        return f"{number} of {schema['minimum']} or more"


@attrs.frozen(eq=False)
class Operation:
    """One path: its parameters, its price, and the properties of its rows."""

    path: str
    parameters: Mapping[str, Parameter]
    properties: Mapping[str, Mapping[str, Any]]
    credits: int
    paging: str
    key: Sequence[str] = ()
    identity: Sequence[str] = ()
    row_key: Sequence[str] = ()
    one_of: Sequence[str] = ()
    max_days: int = 0

    def check(self, query: Sequence[tuple[str, str]]) -> None:
        """Refuse a query that the specification does not allow."""
        params = dict(query)
        for name in params:
            if name not in self.parameters:
                raise _bad(f"Unknown parameter: {name}")
        if len(params) < len(query):
            names = [name for name, _ in query]
            raise _bad(f"Repeated parameter: {next(n for n in names if names.count(n) > 1)}")
        for name, parameter in self.parameters.items():
            if parameter.schema["required"] and not params.get(name):
                raise _bad(f"Missing required parameter: {name}")
        if self.one_of and not any(params.get(name) for name in self.one_of):
            raise _bad(f"Missing required parameter: {' or '.join(self.one_of)}")
        if self.one_of and all(name in params for name in self.one_of):
            raise _bad(f"Only one of these parameters is allowed: {', '.join(self.one_of)}")
        for name, value in params.items():
            self.parameters[name].check(value)

    @functools.cached_property
    def subject(self) -> str:
        """The id of what a row is about: `user_id` for a product's creators; "" in a search."""
        own = [name for name in self.row_key if name != "dt"] or [""]
        if any(parameter.most for parameter in self.parameters.values()):
            return own[0]
        keys = {singular(name) for name in self.key}
        return ([name for name in own if name not in keys] or own)[-1]

    @functools.cached_property
    def sorting(self) -> Parameter | None:
        """The parameter whose codes name the field to sort by."""
        for parameter in self.parameters.values():
            if any(name in self.properties for name in parameter.names.values()):
                return parameter
        return None

    def value(self, params: Mapping[str, str], name: str) -> str | None:
        """What the code of a parameter means; `None` where it is not given."""
        parameter = self.parameters.get(name)
        if parameter is None:
            return None
        default = parameter.schema.get("default", "")
        return parameter.names.get(params.get(name, str(default)))


def singular(name: str) -> str:
    """The field that a parameter of several ids is about: `video_id` for `video_ids`."""
    return name.removesuffix("s")


def _operation(path: str, found: Mapping[str, Any]) -> Operation:
    most = found.get("x-ids-per-call", {})
    return Operation(
        path=path,
        parameters={
            name: Parameter(name, schema, most.get(name))
            for name, schema in found["parameters"].items()
        },
        properties=found.get("properties", {}),
        credits=found["x-credits"],
        paging=found["x-paging"],
        key=found.get("x-key", ()),
        identity=found.get("x-identity", ()),
        row_key=found.get("x-row-key", ()),
        one_of=found.get("x-one-of", ()),
        max_days=found.get("x-max-days", 0),
    )


def _read(name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = orjson.loads(files(__package__).joinpath(name).read_bytes())
    return found


@functools.cache
def operations() -> Mapping[str, Operation]:
    """The operations by path; the specification is read at the first call."""
    found = {**_read("specification.json"), **_OUTSIDE}
    return {path: _operation(path, found[path]) for path in found}


@functools.cache
def examples() -> Mapping[str, Mapping[str, Any]]:
    """The rows of the documentation by path, and how many of them a source shows as they are."""
    return _read("examples.json")
