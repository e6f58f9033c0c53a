"""What makes a stream, a page and a query of a declared signature.

An endpoint is one typed signature with a docstring; ``endpoint`` makes the method that opens its
stream, and ``page_of`` the sister that buys one page. What differs from endpoint to endpoint stands
in the declaration and nowhere else.
"""

import functools
import inspect
from collections.abc import Callable, Coroutine, Iterator, Mapping
from enum import IntEnum
from types import UnionType
from typing import (
    Annotated,
    Any,
    Concatenate,
    Final,
    Literal,
    ParamSpec,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
)

import attrs

from keyapi_async.api import params
from keyapi_async.api.params import ParamKind
from keyapi_async.call.core import Caller
from keyapi_async.call.wire import query_of
from keyapi_async.errors import InvalidParameterError
from keyapi_async.jsontext import JSON
from keyapi_async.streams.listing import Listing, PageNum
from keyapi_async.streams.page import Page
from keyapi_async.streams.paging import DEFAULTS, Paging
from keyapi_async.streams.stream import RecordStream

T = TypeVar("T")
P = ParamSpec("P")
S = TypeVar("S", bound="Resource")

Evidence = Literal["documented", "example", "inferred"]

_REQUIRED: Final = inspect.Parameter.empty
_PAGING_DOC: Final = inspect.getdoc(Paging) or ""


class Resource:
    """The endpoints of one resource."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller


@attrs.frozen
class Parameter:
    """One parameter of an endpoint.

    Attributes:
        name: what it is called here.
        wire: what the API calls it.
        kind: what it may be.
        required: whether there is no default.
        default: what it is where nothing is given.
        doc: what it says, from the docstring.
    """

    name: str
    wire: str
    kind: ParamKind
    required: bool
    default: object
    doc: str


@attrs.frozen(kw_only=True)
class Endpoint:
    """One endpoint, as it is declared.

    Attributes:
        resource: such as ``product``.
        name: such as ``creators``; the name of the page sister.
        method: such as ``iter_creators``.
        path: where it is asked for.
        record: what a row becomes.
        key: the parameters that tell one list from another.
        parameters: all of them, paging left out.
        credits: what one call costs.
        evidence: how sure its parameters and fields are.
        pages: how it is paged, or None.
        one_of: parameters of which exactly one is given.
        ids_per_call: how many ids go in one call, where it takes several.
        max_days: how long a range of days may be.
        fixed: what is always sent.
        doc: its docstring, without the parameters.
    """

    resource: str
    name: str
    method: str
    path: str
    record: type
    key: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    credits: int
    evidence: Evidence
    pages: PageNum | None
    one_of: tuple[str, ...]
    ids_per_call: int
    max_days: int
    fixed: Mapping[str, str]
    doc: str

    @property
    def ids(self) -> tuple[str, ...]:
        """The parameters that take several ids."""
        return tuple(one.name for one in self.parameters if one.kind.many)

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return self.doc.partition("\n")[0]

    def listing(self, given: Mapping[str, Any]) -> Listing[Any]:
        """Check parameters, and say what is to be walked.

        Raises:
            InvalidParameterError: one is refused; nothing was sent.
        """
        params.one_of(self.one_of, given)
        sent: dict[str, str] = {}
        groups: list[str] | None = None
        grouped = None
        for one in self.parameters:
            value = given.get(one.name, one.default)
            if value is None and not one.required:
                continue
            if one.kind.many:
                ids = params.several(one.name, value, one.kind.check)
                groups = list(params.in_groups(ids, self.ids_per_call))
                grouped = one.name
                sent[one.name] = ",".join(ids)
            else:
                sent[one.name] = one.kind.check(one.name, value)
        params.pairs(sent)
        params.period(sent)
        params.trend(sent, self.max_days)
        wire = {one.wire: sent[one.name] for one in self.parameters if one.name in sent}
        wire.update(self.fixed)
        if grouped is None:
            queries: tuple[str, ...] = (query_of(wire),)
        else:
            queries = tuple(query_of({**wire, grouped: group}) for group in groups or ())
        return Listing(
            name=f"{self.resource} {self.name}",
            path=self.path,
            into=self.record,
            queries=queries,
            key={name: sent[name] for name in self.key if name in sent},
            shared={
                name: value
                for name, value in {**sent, **self.fixed}.items()
                if name not in self.key
            },
            ids=grouped,
            ids_per_call=self.ids_per_call,
            pages=self.pages,
            credits=self.credits,
        )


Declared = Callable[Concatenate[S, P], RecordStream[T]]
Bought = Callable[Concatenate[S, P], Coroutine[Any, Any, Page[T]]]


def endpoint(
    path: str,
    *,
    key: str | tuple[str, ...],
    evidence: Evidence,
    pages: PageNum | None = PageNum(),  # noqa: B008  # it is frozen
    one_of: tuple[str, ...] = (),
    credits: int = 1,  # noqa: A002
    ids_per_call: int = 10,
    max_days: int = 180,
    wire: Mapping[str, str] = {},
    fixed: Mapping[str, str] = {},
) -> Callable[[Declared[S, P, T]], Declared[S, P, T]]:
    """Make the method that opens the stream of a declared signature.

    Args:
        path: the documented endpoint.
        key: the parameters that tell one list from another; filters and sorting are not.
        evidence: how sure parameters and fields are.
        pages: how it is paged; None where every part is one call.
        one_of: parameters of which exactly one is given.
        credits: what one call costs.
        ids_per_call: how many ids go in one call, where a parameter takes several.
        max_days: how long a range of days may be.
        wire: what the API calls parameters that are called otherwise here.
        fixed: what is always sent.
    """

    def declare(declared: Declared[S, P, T]) -> Declared[S, P, T]:
        signature = _full_signature(declared)
        told = endpoint_of(
            declared,
            path=path,
            key=(key,) if isinstance(key, str) else key,
            evidence=evidence,
            pages=pages,
            one_of=one_of,
            credits=credits,
            ids_per_call=ids_per_call,
            max_days=max_days,
            wire=wire,
            fixed=fixed,
        )
        positional = tuple(
            one.name
            for one in signature.parameters.values()
            if one.kind is one.POSITIONAL_OR_KEYWORD
        )[1:]
        known = signature.parameters.keys() - {"self"}
        required = {one.name for one in told.parameters if one.required}

        @functools.wraps(declared)
        def opened(self: S, *args: P.args, **kwargs: P.kwargs) -> RecordStream[T]:
            given = dict(zip(positional, args, strict=False))
            if (
                len(args) > len(positional)
                or given.keys() & kwargs.keys()
                or not known >= kwargs.keys()
                or not required <= given.keys() | kwargs.keys()
            ):
                signature.bind(self, *args, **kwargs)  # it says what is wrong, as Python would
            given.update(kwargs)
            paging = {name: given.pop(name) for name in DEFAULTS if name in given}
            return RecordStream(self._caller, told.listing(given), **cast("Paging", paging))

        made = cast("Any", opened)
        made.__signature__, made.endpoint = signature, told
        made.__doc__ = _full_doc(told, _PAGING_DOC.partition("Attributes:")[2])
        return cast("Declared[S, P, T]", made)

    return declare


def page_of(declared: Declared[S, P, T]) -> Bought[S, P, T]:
    """Make the sister that buys one page of a declared list."""
    told: Endpoint = cast("Any", declared).endpoint

    @functools.wraps(declared)
    async def bought(self: S, *args: P.args, **kwargs: P.kwargs) -> Page[T]:
        for name, reason in _NO_PAGE_OPTIONS.items():
            if name in kwargs:
                raise InvalidParameterError(name, kwargs[name], reason)
        stream = declared(self, *args, **kwargs)
        if len(stream.listing.queries) != 1:
            name, most = stream.listing.ids or "", told.ids_per_call
            allowed = f"1 to {most} ids for one page; {told.method} takes any number"
            raise InvalidParameterError(name, stream.listing.key.get(name), allowed)
        page = await stream.next_page()
        assert page is not None  # noqa: S101  # every part has a first page
        return page

    made = cast("Any", bought)
    made.__name__ = told.name
    made.__qualname__ = made.__qualname__.replace(told.method, told.name)
    kept = [
        one
        for one in inspect.signature(declared).parameters.values()
        if one.name not in _NO_PAGE_OPTIONS
    ]
    made.__signature__ = inspect.Signature(kept, return_annotation=Page[told.record])  # type: ignore[name-defined]  # made at run time
    made.__doc__ = _full_doc(
        attrs.evolve(told, doc=f"Get one page of ``{told.method}``.\n\n{told.doc}"),
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
    declared: Callable[..., RecordStream[Any]], *, wire: Mapping[str, str], **more: Any
) -> Endpoint:
    """Read a declared signature."""
    described = inspect.getdoc(declared) or ""
    doc, _, listed = described.partition("\n\nArgs:\n")
    listed, _, rest = listed.partition("\n\n")
    docs = _by_name(listed)
    parameters = []
    signature = inspect.signature(declared)
    for one in list(signature.parameters.values())[1:]:
        if one.kind is one.VAR_KEYWORD:
            continue
        required = one.default is _REQUIRED
        parameters.append(
            Parameter(
                one.name,
                wire.get(one.name, one.name),
                _kind_of(one.annotation),
                required,
                None if required else one.default,
                docs.get(one.name) or _common_doc(one.name),
            )
        )
    method = declared.__name__
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


def _kind_of(annotation: object) -> ParamKind:
    """Find what a parameter may be in its annotation."""
    if get_origin(annotation) is Annotated:
        return next(word for word in get_args(annotation)[1:] if isinstance(word, ParamKind))
    if isinstance(annotation, type) and issubclass(annotation, IntEnum):
        return params.choice(annotation)
    for one in get_args(annotation):
        if get_origin(one) is Annotated or (isinstance(one, type) and issubclass(one, IntEnum)):
            return _kind_of(one)
    raise TypeError(f"{annotation}: annotate a parameter with a kind of keyapi_async.api.params")


def _plain(annotation: object) -> object:
    """Strip an annotation of the kinds, for those who read signatures."""
    if get_origin(annotation) is Annotated:
        return get_args(annotation)[0]
    if get_origin(annotation) in {Union, UnionType}:
        return functools.reduce(lambda a, b: a | b, map(_plain, get_args(annotation)))  # type: ignore[operator]  # types can
    return annotation


def _full_signature(declared: Callable[..., Any]) -> inspect.Signature:
    """Show every option by name, the paging ones included."""
    signature = inspect.signature(declared)
    own = [
        one.replace(annotation=_plain(one.annotation))
        for one in signature.parameters.values()
        if one.kind is not one.VAR_KEYWORD
    ]
    paging = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=Paging.__annotations__[name],
        )
        for name, default in DEFAULTS.items()
    ]
    return signature.replace(parameters=own + paging)


def _full_doc(told: Endpoint, paging: str) -> str:
    """Write the docstring with every parameter, the price and the source."""
    lines = [told.doc, "", "Args:"]
    lines += [f"    {one.name}: {one.doc}" for one in told.parameters]
    lines.append(paging.strip("\n"))
    price = "One credit" if told.credits == 1 else f"{told.credits} credits"
    lines += [
        "",
        "Cost:",
        f"    {price} {'a page' if told.pages else 'a call'}.",
        "",
        "Raises:",
        "    InvalidParameterError: at once, before anything is sent.",
        "    KeyAPIError: a page could not be had.",
        "",
        f"Source: ``GET {told.path}`` ({told.evidence}).",
    ]
    return "\n".join(lines)


def _by_name(listed: str) -> dict[str, str]:
    docs: dict[str, str] = {}
    name = ""
    for line in listed.splitlines():
        if line.startswith("    ") and not line.startswith("     "):
            name, _, docs[name] = line.strip().partition(": ")
        else:
            docs[name] += f" {line.strip()}"
    return docs


_COMMON_DOCS: Final = {
    "product_id": "Id of the product.",
    "product_ids": "Ids of products; ten go in one call.",
    "user_id": "Permanent numeric id of the influencer.",
    "user_ids": "Permanent numeric ids of influencers; ten go in one call.",
    "unique_id": "Public handle; a leading @ is dropped.",
    "unique_ids": "Public handles; ten go in one call.",
    "video_id": "Id of the video.",
    "video_ids": "Ids of videos; ten go in one call.",
    "seller_id": "Numeric id of the shop.",
    "region": "Market as a two-letter code.",
    "date": "Start of the period: the day itself, the Monday of a week, the 1st of a month.",
    "start_date": "First day.",
    "end_date": "Last day; at most 180 days after the first.",
    "rank_type": "Length of the period: day, week or month.",
    "sort_type": "Direction of the sort.",
    "category_id": "Only this first-level category.",
    "category_l2_id": "Only this second-level category.",
    "category_l3_id": "Only this third-level category.",
    "product_category_id": "Only this product category.",
    "sales_trend_flag": "Only sales of this course over the last 7 days.",
    "from_flag": "Only shops that sell from here, or from abroad.",
    "sales_flag": "Only this main way of selling.",
    "language": "Language of the names, such as en-US.",
    "parent_id": "Only what lies below this category.",
    "influencer_category_name": "Only influencers of this field, by its English name.",
    "created_by_ai": "Only videos made with AI, or only the others.",
}


def _common_doc(name: str) -> str:
    """Describe a parameter that means the same wherever it stands."""
    if name in _COMMON_DOCS:
        return _COMMON_DOCS[name]
    if name.endswith("_sort_field") or name == "influencer_sort_field_v2":
        return "What to sort by."
    if name.endswith("_rank_field"):
        return "What to rank by."
    bound, _, field = name.partition("_")
    if bound in {"min", "max"}:
        return f"At {'least' if bound == 'min' else 'most'} this {field}."
    raise TypeError(f"{name}: describe it in the docstring, under Args")


Rows = dict[str, JSON]
"""Rows that nobody documents."""
