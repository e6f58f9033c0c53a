"""The specification: which operations there are, what each demands, and what its rows hold.

`specification.json` is made of the API's openapi.json by `.ci/strip_specification.py`; `outside.json`
adds a path that openapi.json lacks, for clients that reach any path.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Final

import attrs
import orjson

__all__ = [
    "Operation", "Parameter", "RefusedError", "Schema", "examples", "operations", "read", "singular"
]  # fmt: skip

Schema = Mapping[str, Any]

_DATES: Final = {"yyyy-MM-dd": "%Y-%m-%d", "yyyyMMdd": "%Y%m%d"}
_WORDS: Final = {
    "^[0-9]+$": "a string of digits",
    "^[0-9]+(,[0-9]+){0,9}$": "1 to 10 strings of digits, separated by commas",
    "^[A-Z]{2}$": "a region code of two capital letters",
    "^[^@\\s,]+$": "a handle without @",
    "^[^@\\s,]+(,[^@\\s,]+){0,9}$": "1 to 10 handles without @, separated by commas",
    "^\\d{4}-\\d{2}-\\d{2}$": "a date, yyyy-MM-dd",
}


class RefusedError(Exception):
    """The sandbox refuses a request."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status: int = status
        self.code: int = code


def _bad(message: str) -> RefusedError:
    return RefusedError(400, 400, message)


@attrs.frozen
class Parameter:
    """One parameter of the query."""

    name: str
    schema: Schema
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
        allows, words = self._allowed(value)
        if not allows:
            raise _bad(f"Invalid parameter: {self.name} must be {words}")
        if form := self.schema.get("x-format"):
            try:
                datetime.strptime(value, _DATES[form])  # noqa: DTZ007  # a day has no zone
            except ValueError:
                raise _bad(
                    f"Invalid parameter: {self.name} must be a date of the calendar, {form}"
                ) from None

    def _allowed(self, value: str) -> tuple[bool, str]:
        """Whether the value is of the form that the specification types, and that in words."""
        schema, whole = self.schema, self.schema["type"] == "integer"
        if codes := [str(code) for code in schema.get("enum", ())]:
            one_of = f"one of {', '.join(codes)}"
            return value in codes, f"an integer from {codes[0]} to {codes[-1]}" if whole else one_of
        if schema["type"] == "string":
            pattern = schema.get("pattern", "(?s:.+)")
            words = (
                _WORDS.get(pattern, f"of the form {pattern}") if "pattern" in schema else "a text"
            )
            return bool(re.fullmatch(pattern, value, re.ASCII)), words
        form = "-?[0-9]{1,18}" + ("" if whole else r"(\.[0-9]{1,18})?")
        least, most = schema["minimum"], schema.get("maximum")
        allows = re.fullmatch(form, value) and least <= float(value) <= (most or float("inf"))
        limits = f"of {least} or more" if most is None else f"from {least} to {most}"
        return bool(allows), f"{'an integer' if whole else 'a number'} {limits}"


@attrs.frozen(eq=False, kw_only=True)
class Operation:
    """One path: its parameters, its price, and the properties of its rows."""

    path: str
    parameters: Mapping[str, Parameter]
    properties: Mapping[str, Schema]
    credits: int
    paging: str
    key: Sequence[str]
    identity: Sequence[str]
    row_key: Sequence[str]
    one_of: Sequence[str]
    max_days: int

    def check(self, query: Sequence[tuple[str, str]]) -> None:
        """Refuse a query that the specification does not allow."""
        params = dict(query)
        for name, _ in query:
            if name not in self.parameters:
                raise _bad(f"Unknown parameter: {name}")
            if sum(name == other for other, _ in query) > 1:
                raise _bad(f"Repeated parameter: {name}")
        for name, parameter in self.parameters.items():
            if parameter.schema["required"] and not params.get(name):
                raise _bad(f"Missing required parameter: {name}")
        if self.one_of and not any(params.get(name) for name in self.one_of):
            raise _bad(f"Missing required parameter: {' or '.join(self.one_of)}")
        if self.one_of and all(name in params for name in self.one_of):
            raise _bad(f"Only one of these parameters is allowed: {', '.join(self.one_of)}")
        for name, value in params.items():
            self.parameters[name].check(value)

    @cached_property
    def subject(self) -> str:
        """The id of what a row is about: `user_id` for a product's creators; "" in a search."""
        own = [name for name in self.row_key if name != "dt"] or [""]
        if any(parameter.most for parameter in self.parameters.values()):
            return own[0]
        keys = {singular(name) for name in self.key}
        return ([name for name in own if name not in keys] or own)[-1]

    @cached_property
    def sorting(self) -> Parameter | None:
        """The parameter whose codes name the field to sort by."""
        for parameter in self.parameters.values():
            if self.properties.keys() & parameter.names.values():
                return parameter
        return None

    def value(self, params: Mapping[str, str], name: str) -> str | None:
        """What the code of a parameter means; `None` where it is not given."""
        parameter = self.parameters.get(name)
        if parameter is None:
            return None
        return parameter.names.get(params.get(name, str(parameter.schema.get("default", ""))))


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
    return {
        path: Operation(
            path=path,
            parameters={
                name: Parameter(name, schema, found.get("x-ids-per-call", {}).get(name))
                for name, schema in found["parameters"].items()
            },
            properties=found["properties"],
            credits=found["x-credits"],
            paging=found["x-paging"],
            key=found["x-key"],
            identity=found["x-identity"],
            row_key=found["x-row-key"],
            one_of=found.get("x-one-of", ()),
            max_days=found.get("x-max-days", 0),
        )
        for path, found in {**read("specification.json"), **read("outside.json")}.items()
    }


@cache
def examples() -> Mapping[str, Mapping[str, Any]]:
    """The rows of the documentation by path, and how many of them a source shows as they are."""
    return read("examples.json")
