"""The asyncio client for KeyAPI's TikTok analytics: streams of typed records.

Names are imported when they are first asked for: pytest loads the package in every run for its
plugin, and the command line for a mere ``--help``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from keyapi_async.version import __version__

if TYPE_CHECKING:
    from keyapi_async.bookmark import Bookmark
    from keyapi_async.client import KeyAPI
    from keyapi_async.core import Stats
    from keyapi_async.credits import Credits
    from keyapi_async.errors import (
        APIError,
        AttemptTimeoutError,
        AuthenticationError,
        BadRequestError,
        ConfigurationError,
        ConnectionFailedError,
        CreditBudgetError,
        DeadlineExceededError,
        DecodeError,
        InvalidParameterError,
        KeyAPIError,
        NotFoundError,
        PaginationError,
        PermissionDeniedError,
        QuotaExceededError,
        RateLimitError,
        ResponseError,
        ServerError,
        TransportError,
        UsageError,
    )
    from keyapi_async.fanout import Failure, FanOut, fan_out
    from keyapi_async.kinds import CategoryRank, SalesFlag
    from keyapi_async.limiter import Limiter, Permit, QpsLimiter, RedisLimiter
    from keyapi_async.paging import Page, RecordStream, Reject
    from keyapi_async.params import (
        InfluencerRankField,
        InfluencerVideoSortField,
        ProductInfluencerSortField,
        RankType,
        SortType,
        Until,
    )
    from keyapi_async.records import (
        InfluencerLivestream,
        InfluencerVideo,
        ProductCreator,
        RankedInfluencer,
        VideoProduct,
        converter,
        unstructure,
    )
    from keyapi_async.retry import RetryPolicy
    from keyapi_async.wire import Envelope

__all__ = [
    "APIError",
    "AttemptTimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "Bookmark",
    "CategoryRank",
    "ConfigurationError",
    "ConnectionFailedError",
    "CreditBudgetError",
    "Credits",
    "DeadlineExceededError",
    "DecodeError",
    "Envelope",
    "Failure",
    "FanOut",
    "InfluencerLivestream",
    "InfluencerRankField",
    "InfluencerVideo",
    "InfluencerVideoSortField",
    "InvalidParameterError",
    "KeyAPI",
    "KeyAPIError",
    "Limiter",
    "NotFoundError",
    "Page",
    "PaginationError",
    "PermissionDeniedError",
    "Permit",
    "ProductCreator",
    "ProductInfluencerSortField",
    "QpsLimiter",
    "QuotaExceededError",
    "RankType",
    "RankedInfluencer",
    "RateLimitError",
    "RecordStream",
    "RedisLimiter",
    "Reject",
    "ResponseError",
    "RetryPolicy",
    "SalesFlag",
    "ServerError",
    "SortType",
    "Stats",
    "TransportError",
    "Until",
    "UsageError",
    "VideoProduct",
    "__version__",
    "converter",
    "fan_out",
    "unstructure",
]

_HOMES = {
    "bookmark": "Bookmark",
    "client": "KeyAPI",
    "core": "Stats",
    "credits": "Credits",
    "errors": (
        "APIError AttemptTimeoutError AuthenticationError BadRequestError ConfigurationError "
        "ConnectionFailedError CreditBudgetError DeadlineExceededError DecodeError "
        "InvalidParameterError KeyAPIError NotFoundError PaginationError "
        "PermissionDeniedError QuotaExceededError RateLimitError ResponseError ServerError "
        "TransportError UsageError"
    ),
    "fanout": "Failure FanOut fan_out",
    "kinds": "CategoryRank SalesFlag",
    "limiter": "Limiter Permit QpsLimiter RedisLimiter",
    "paging": "Page RecordStream Reject",
    "params": (
        "InfluencerRankField InfluencerVideoSortField ProductInfluencerSortField RankType "
        "SortType Until"
    ),
    "records": (
        "InfluencerLivestream InfluencerVideo ProductCreator RankedInfluencer VideoProduct "
        "converter unstructure"
    ),
    "retry": "RetryPolicy",
    "wire": "Envelope",
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name == home:
            return import_module(f"{__name__}.{home}")
        if name in names.split():
            value: object = getattr(import_module(f"{__name__}.{home}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
