"""What makes a stream, a page and a query of a declared signature.

An endpoint is one typed signature with a docstring; ``endpoint`` makes the method that opens its
stream, and ``page_of`` the method that gets one page. What differs from endpoint to endpoint stands
in the declaration and nowhere else.
"""

import functools
import inspect
from collections.abc import Callable, Coroutine, Iterator, Mapping
from enum import IntEnum
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, Unpack, cast, get_args, get_origin

import attrs

from keyapi_async.api import params
from keyapi_async.api.endpoint import Details, Endpoint, Evidence, Parameter
from keyapi_async.api.help import by_name, common_doc, full_doc, full_signature
from keyapi_async.api.params import ParamKind
from keyapi_async.call.core import Caller
from keyapi_async.errors import InvalidParameterError
from keyapi_async.jsontext import JSON
from keyapi_async.streams.page import Page
from keyapi_async.streams.paging import DEFAULTS, Paging
from keyapi_async.streams.stream import RecordStream

T = TypeVar("T")
P = ParamSpec("P")
S = TypeVar("S", bound="Resource")

_PAGING_DOC: Final = inspect.getdoc(Paging) or ""


class Resource:
    """The endpoints of one resource."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller


Declared = Callable[Concatenate[S, P], RecordStream[T]]
Bought = Callable[Concatenate[S, P], Coroutine[Any, Any, Page[T]]]


def endpoint(
    path: str,
    *,
    key: str | tuple[str, ...],
    evidence: Evidence = "inferred",
    wire: Mapping[str, str] = {},
    **details: Unpack[Details],
) -> Callable[[Declared[S, P, T]], Declared[S, P, T]]:
    """Make the method that opens the stream of a declared signature.

    Args:
        path: the documented endpoint.
        key: the parameters that tell one list from another; filters and sorting are not.
        evidence: how sure parameters and fields are.
        wire: what the API calls parameters that are called otherwise here.
        details: what else ``Endpoint`` says, where it is not as usual.
    """

    def declare(declared: Declared[S, P, T]) -> Declared[S, P, T]:
        signature = full_signature(declared)
        keys = (key,) if isinstance(key, str) else key
        spec = endpoint_of(declared, wire, path=path, key=keys, evidence=evidence, **details)

        @functools.wraps(declared)
        def opened(self: S, *args: P.args, **kwargs: P.kwargs) -> RecordStream[T]:
            try:
                given = signature.bind(self, *args, **kwargs).arguments
            except TypeError as error:
                from difflib import get_close_matches  # noqa: PLC0415  # errors alone need it

                unknown = sorted(kwargs.keys() - signature.parameters)
                close = get_close_matches(unknown[0], signature.parameters, 1) if unknown else []
                meant = f"; did you mean {close[0]!r}?" if close else ""
                raise TypeError(f"{declared.__name__}(): {error}{meant}") from None
            del given["self"]
            paging = {name: given.pop(name) for name in DEFAULTS if name in given}
            return RecordStream(self._caller, spec.listing(given), **cast("Paging", paging))

        made = cast("Any", opened)
        made.__signature__, made.endpoint = signature, spec
        made.__doc__ = full_doc(spec, _PAGING_DOC.partition("Attributes:")[2])
        return cast("Declared[S, P, T]", made)

    return declare


def page_of(declared: Declared[S, P, T]) -> Bought[S, P, T]:
    """Make the method that gets one page of a declared list."""
    spec: Endpoint = cast("Any", declared).endpoint

    @functools.wraps(declared)
    async def bought(self: S, *args: P.args, **kwargs: P.kwargs) -> Page[T]:
        for name, reason in _NO_PAGE_OPTIONS.items():
            if name in kwargs:
                raise InvalidParameterError(name, kwargs[name], reason)
        stream = declared(self, *args, **kwargs)
        if len(stream.listing.queries) != 1:
            name, ids = next(one for one in stream.listing.key.items() if one[0] in spec.ids)
            allowed = f"1 to {spec.ids_per_call} ids for one page; {spec.method} takes any number"
            raise InvalidParameterError(name, ids, allowed)
        page = await stream.next_page()
        assert page is not None  # noqa: S101  # every part has a first page
        return page

    made = cast("Any", bought)
    made.__name__ = spec.name
    made.__qualname__ = made.__qualname__.replace(spec.method, spec.name)
    kept = [
        one
        for one in inspect.signature(declared).parameters.values()
        if one.name not in _NO_PAGE_OPTIONS
    ]
    made.__signature__ = inspect.Signature(kept, return_annotation=Page[spec.record])  # type: ignore[name-defined]  # made at run time
    made.__doc__ = full_doc(
        attrs.evolve(spec, doc=f"Get one page of ``{spec.method}``.\n\n{spec.doc}"),
        "\n    page_size: rows a page, 1 to 10.\n    page_num: which page, from 1.\n",
    )
    return cast("Bought[S, P, T]", made)


_NO_PAGE_OPTIONS: Final = {
    "start": "a single page begins at its beginning: say page_num",
    "limit": "a single page is bought whole: say page_size",
    "prefetch": "a single page has nothing ahead",
    "until": "a single page has no end to find",
    "skip_invalid": "a page keeps its invalid rows in rejects",
}


def declared_in(resource: type[Resource]) -> Iterator[Endpoint]:
    """List the endpoints that a resource declares, in their order."""
    for member in vars(resource).values():
        if isinstance(found := getattr(member, "endpoint", None), Endpoint) and not (
            inspect.iscoroutinefunction(member)
        ):
            yield found


def endpoint_of(
    declared: Callable[..., RecordStream[Any]], wire: Mapping[str, str], **more: Any
) -> Endpoint:
    """Read a declared signature."""
    described = inspect.getdoc(declared) or ""
    doc, _, listed = described.partition("\n\nArgs:\n")
    listed, _, rest = listed.partition("\n\n")
    docs = by_name(listed)
    method, parameters = declared.__name__, []
    signature = inspect.signature(declared)
    for one in list(signature.parameters.values())[1:]:
        if one.kind is one.VAR_KEYWORD:
            continue
        if (kind := _kind_of(one.annotation)) is None:
            raise TypeError(f"{one}: annotate it with a kind of keyapi_async.api.params")
        required, sent = one.default is one.empty, wire.get(one.name, one.name)
        default = None if required else one.default
        about = docs.get(one.name) or common_doc(method, one.name)
        parameters.append(Parameter(one.name, sent, kind, required, default, about))
    (record,) = get_args(signature.return_annotation)
    return Endpoint(
        resource=declared.__qualname__.partition("Resource")[0].lower(),
        name=method.removeprefix("iter_"),
        method=method,
        record=dict if get_origin(record) is dict else record,
        parameters=tuple(parameters),
        doc=f"{doc}\n\n{rest}".rstrip(),
        **more,
    )


def _kind_of(annotation: object) -> ParamKind | None:
    """Find what a parameter may be in its annotation."""
    if isinstance(annotation, ParamKind):
        return annotation
    if isinstance(annotation, type) and issubclass(annotation, IntEnum):
        return params.choice(annotation)
    return next(filter(None, map(_kind_of, get_args(annotation))), None)


Rows = dict[str, JSON]
"""Rows whose shape is not documented."""
