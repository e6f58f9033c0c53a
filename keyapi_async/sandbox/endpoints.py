"""The five documented endpoints: what each demands, and which rows of the world it answers."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Final

import attrs

from keyapi_async.sandbox.data import Rows, World

__all__ = ["ENDPOINTS", "Endpoint", "RefusedError"]

Params = Mapping[str, str]


class RefusedError(Exception):
    """The sandbox says no."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@attrs.frozen
class Parameter:
    """One parameter of the query: its pattern, and the pattern in words."""

    name: str
    pattern: str
    words: str
    required: bool = False

    def check(self, value: str) -> None:
        """Refuse a value that is not documented."""
        if not re.fullmatch(self.pattern, value):
            raise _bad(f"Invalid parameter: {self.name} must be {self.words}")


@attrs.frozen
class Endpoint:
    """One path: its parameters, and its rows in the world."""

    parameters: Mapping[str, Parameter]
    rows: Callable[[World, Params, date], Rows]
    either: Sequence[str] = ()
    """Parameters of which exactly one must be there."""

    def check(self, query: Sequence[tuple[str, str]]) -> None:
        """Refuse a query that the documentation does not allow."""
        params = dict(query)
        for name, _ in query:
            if name not in self.parameters:
                raise _bad(f"Unknown parameter: {name}")
        if len(params) < len(query):
            names = [name for name, _ in query]
            raise _bad(f"Repeated parameter: {next(n for n in names if names.count(n) > 1)}")
        for name, parameter in self.parameters.items():
            if parameter.required and not params.get(name):
                raise _bad(f"Missing required parameter: {name}")
        if self.either and not any(params.get(name) for name in self.either):
            raise _bad(f"Missing required parameter: {' or '.join(self.either)}")
        if self.either and all(name in params for name in self.either):
            raise _bad(f"Only one of these parameters is allowed: {', '.join(self.either)}")
        for name, value in query:
            self.parameters[name].check(value)
        if "date" in params:
            _to_date(params["date"])


def _bad(message: str) -> RefusedError:
    return RefusedError(400, 400, message)


def _to_date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _bad("Invalid parameter: date must be a date of the calendar") from None


def _to_int(text: str | None) -> int | None:
    return None if text is None else int(text)


def _product_creators(world: World, params: Params, _: date) -> Rows:
    return world.product_creators(
        params["product_id"],
        _to_int(params.get("product_influencer_sort_field")),
        _to_int(params.get("sort_type")),
    )


def _influencer_videos(world: World, params: Params, _: date) -> Rows:
    user_id = params.get("user_id") or world.user_id_of(params["unique_id"])
    if user_id is None:
        raise RefusedError(200, 400, "unique_id is invalid")
    return world.influencer_videos(
        user_id,
        _to_int(params.get("influencer_video_sort_field")),
        _to_int(params.get("sort_type")),
    )


def _influencer_ranking(world: World, params: Params, today: date) -> Rows:
    return world.ranking(
        _to_date(params["date"]),
        params["region"].upper(),
        int(params["rank_type"]),
        int(params["influencer_rank_field"]),
        today=today,
        category=params.get("influencer_category_name"),
        product_category=params.get("product_category_id"),
    )


def _influencer_livestreams(world: World, params: Params, _: date) -> Rows:
    return world.livestreams(params["user_id"])


def _video_products(world: World, params: Params, _: date) -> Rows:
    return world.video_products(params["video_ids"].split(","))


def _id(name: str, *, required: bool = True) -> Parameter:
    return Parameter(name, "[0-9]{1,20}", "a string of 1 to 20 digits", required)


def _choice(name: str, first: int, last: int, *, required: bool = False) -> Parameter:
    return Parameter(name, f"[{first}-{last}]", f"an integer from {first} to {last}", required)


_PAGING: Final = (
    Parameter("page_num", "[1-9][0-9]{0,4}|100000", "an integer from 1 to 100000", required=True),
    Parameter("page_size", "[1-9]|10", "an integer from 1 to 10", required=True),
)


def _parameters(*own: Parameter) -> Mapping[str, Parameter]:
    return {parameter.name: parameter for parameter in own + _PAGING}


ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    "/v1/tiktok/product/creators/analytics": Endpoint(
        _parameters(
            _id("product_id"),
            _choice("product_influencer_sort_field", 1, 7),
            _choice("sort_type", 0, 1),
        ),
        _product_creators,
    ),
    "/v1/tiktok/influencer/videos/analytics": Endpoint(
        _parameters(
            _id("user_id", required=False),
            Parameter("unique_id", ".+", "a handle"),
            _choice("influencer_video_sort_field", 1, 4),
            _choice("sort_type", 0, 1),
        ),
        _influencer_videos,
        either=("user_id", "unique_id"),
    ),
    "/v1/tiktok/influencer/ranking/analytics": Endpoint(
        _parameters(
            Parameter("date", "[0-9]{4}-[0-9]{2}-[0-9]{2}", "a date, yyyy-MM-dd", required=True),
            Parameter("region", "[A-Za-z]{2}", "a region code of two letters", required=True),
            _choice("rank_type", 1, 3, required=True),
            _choice("influencer_rank_field", 1, 2, required=True),
            Parameter("influencer_category_name", ".+", "the name of a category"),
            _id("product_category_id", required=False),
        ),
        _influencer_ranking,
    ),
    "/v1/tiktok/influencer/livestreams/analytics": Endpoint(
        _parameters(_id("user_id")), _influencer_livestreams
    ),
    "/v1/tiktok/video/products/analytics": Endpoint(
        _parameters(
            Parameter(
                "video_ids",
                "[0-9]{1,20}(,[0-9]{1,20}){0,9}",
                "1 to 10 strings of digits, separated by commas",
                required=True,
            )
        ),
        _video_products,
    ),
}
