"""An endpoint as it is declared, and the list that it opens."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

import attrs

from keyapi_async.api import params
from keyapi_async.api.params import ParamKind
from keyapi_async.call.wire import query_of
from keyapi_async.streams.listing import Listing, PageNum
from keyapi_async.streams.paging import Paging
from keyapi_async.streams.stream import RecordStream

if TYPE_CHECKING:
    from keyapi_async.api import TikTok

__all__ = ["Endpoint", "Parameter"]

Evidence = Literal["documented", "example", "inferred"]


class Details(TypedDict, total=False):
    """What a declaration says of an endpoint that is not as usual."""

    credits: int
    pages: PageNum | None
    one_of: tuple[str, ...]
    ids_per_call: int
    max_days: int
    fixed: Mapping[str, str]


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
        name: such as ``creators``; also the name of the method that gets one page.
        method: such as ``iter_creators``.
        path: where it is asked for.
        record: what a row becomes.
        key: the parameters that tell one list from another.
        parameters: all of them, paging left out.
        doc: its docstring, without the parameters.
        evidence: how sure its parameters and fields are.
        credits: what one call costs.
        pages: how it is paged, or None.
        one_of: parameters of which exactly one is given.
        ids_per_call: how many ids go in one call, where it takes several.
        max_days: how long a range of days may be.
        fixed: what is always sent.
    """

    resource: str
    name: str
    method: str
    path: str
    record: type
    key: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    doc: str
    evidence: Evidence
    credits: int = 1
    pages: PageNum | None = PageNum()
    one_of: tuple[str, ...] = ()
    ids_per_call: int = 10
    max_days: int = 180
    fixed: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def cost(self) -> str:
        """What it costs, in words."""
        price = "One credit" if self.credits == 1 else f"{self.credits} credits"
        return f"{price} a {'page' if self.pages else 'call'}."

    @property
    def ids(self) -> tuple[str, ...]:
        """The parameters that take several ids."""
        return tuple(one.name for one in self.parameters if one.kind.many)

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return self.doc.partition("\n")[0]

    def open(
        self, tiktok: "TikTok", given: Mapping[str, Any], **paging: Unpack[Paging]
    ) -> RecordStream[Any]:
        """Open its stream: ``endpoint.open(api.tiktok, {"product_id": "1729492547846767618"})``.

        Raises:
            InvalidParameterError: a parameter is refused; nothing was sent.
        """
        method: Callable[..., RecordStream[Any]]
        method = getattr(getattr(tiktok, self.resource), self.method)
        return method(**given, **paging)

    def listing(self, given: Mapping[str, Any]) -> Listing[Any]:
        """Check parameters, and say what is to be walked.

        Raises:
            InvalidParameterError: one is refused; nothing was sent.
        """
        params.one_of(self.one_of, given)
        sent: dict[str, str] = {}
        ids: list[str] = []
        grouped = None
        for one in self.parameters:
            value = given.get(one.name, one.default)
            if value is None and not one.required:
                continue
            if one.kind.many:
                ids = params.several(one.name, value, one.kind.check)
                grouped = one.wire
                sent[one.name] = ",".join(ids)
            else:
                sent[one.name] = one.kind.check(one.name, value)
        params.pairs(sent)
        params.period(sent)
        params.trend(sent, self.max_days)
        wire = {one.wire: sent[one.name] for one in self.parameters if one.name in sent}
        wire.update(self.fixed)
        asked = [wire]
        if grouped is not None:
            asked = [{**wire, grouped: some} for some in params.in_groups(ids, self.ids_per_call)]
        return Listing(
            name=f"{self.resource} {self.name}",
            path=self.path,
            into=self.record,
            queries=tuple(map(query_of, asked)),
            key={name: sent[name] for name in self.key if name in sent},
            shared={n: v for n, v in {**sent, **self.fixed}.items() if n not in self.key},
            ids=grouped,
            ids_per_call=self.ids_per_call,
            pages=self.pages,
            credits=self.credits,
        )
