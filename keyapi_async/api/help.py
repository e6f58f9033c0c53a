"""What ``help()`` shows of an endpoint: every option by name, its price and its source."""

import functools
import inspect
from collections.abc import Callable
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from keyapi_async.api.endpoint import Endpoint
from keyapi_async.streams.paging import DEFAULTS, Paging


def _plain(annotation: object) -> object:
    """Strip an annotation of the kinds, for those who read signatures."""
    if get_origin(annotation) is Annotated:
        return get_args(annotation)[0]
    if get_origin(annotation) in {Union, UnionType}:
        return functools.reduce(lambda a, b: a | b, map(_plain, get_args(annotation)))  # type: ignore[operator]  # types can
    return annotation


def full_signature(declared: Callable[..., Any]) -> inspect.Signature:
    """Show every option by name, the paging ones included."""
    signature = inspect.signature(declared)
    own = [
        one.replace(annotation=_plain(one.annotation))
        for one in signature.parameters.values()
        if one.kind is not one.VAR_KEYWORD
    ]
    kind, hints = inspect.Parameter.KEYWORD_ONLY, Paging.__annotations__
    own += [
        inspect.Parameter(name, kind, default=default, annotation=hints[name])
        for name, default in DEFAULTS.items()
    ]
    return signature.replace(parameters=own)


def full_doc(endpoint: Endpoint, paging: str) -> str:
    """Write the docstring with every parameter, the price and the source."""
    listed = "\n".join(f"    {one.name}: {one.doc}" for one in endpoint.parameters)
    return f"""{endpoint.doc}

Args:
{listed}
{paging.strip(chr(10))}

Cost:
    {endpoint.cost}

Raises:
    InvalidParameterError: at once, before anything is sent.
    KeyAPIError: a page could not be fetched.

Source: ``GET {endpoint.path}`` ({endpoint.evidence})."""


def by_name(listed: str) -> dict[str, str]:
    """Read what an ``Args`` section says of each parameter."""
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


def common_doc(method: str, name: str) -> str:
    """Describe a parameter of a method that means the same wherever it stands."""
    if name in _COMMON_DOCS:
        return _COMMON_DOCS[name]
    if name.endswith("_sort_field") or name == "influencer_sort_field_v2":
        return "What to sort by."
    if name.endswith("_rank_field"):
        return "What to rank by."
    bound, _, field = name.partition("_")
    if bound in {"min", "max"}:
        return f"At {'least' if bound == 'min' else 'most'} this {field}."
    raise TypeError(f"{method}: {name}: describe it in the docstring, under Args")
