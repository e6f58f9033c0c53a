"""The asyncio client for KeyAPI's TikTok analytics: streams of typed records.

Names are imported when they are first asked for: pytest loads the package in every run for its
plugin, and the command line for a mere ``--help``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from keyapi_async.version import __version__

if TYPE_CHECKING:
    from keyapi_async.bookmark import Bookmark
    from keyapi_async.call.core import Stats
    from keyapi_async.call.credits import Credits
    from keyapi_async.call.retry import RetryPolicy
    from keyapi_async.call.wire import Envelope
    from keyapi_async.client import KeyAPI
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
    from keyapi_async.limiter import Limiter, Permit, QpsLimiter, RedisLimiter
    from keyapi_async.params import (
        InfluencerRankField,
        InfluencerVideoSortField,
        ProductInfluencerSortField,
        RankType,
        SortType,
        Until,
    )
    from keyapi_async.records.converter import (
        InfluencerLivestream,
        InfluencerVideo,
        ProductCreator,
        RankedInfluencer,
        VideoProduct,
        converter,
        unstructure,
    )
    from keyapi_async.records.fields import CategoryRank, SalesFlag
    from keyapi_async.streams.fanout import Failure, FanOut, fan_out
    from keyapi_async.streams.stream import Page, RecordStream, Reject

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
    "call.core": "Stats",
    "call.credits": "Credits",
    "call.retry": "RetryPolicy",
    "call.wire": "Envelope",
    "errors": (
        "APIError AttemptTimeoutError AuthenticationError BadRequestError ConfigurationError "
        "ConnectionFailedError CreditBudgetError DeadlineExceededError DecodeError "
        "InvalidParameterError KeyAPIError NotFoundError PaginationError "
        "PermissionDeniedError QuotaExceededError RateLimitError ResponseError ServerError "
        "TransportError UsageError"
    ),
    "limiter": "Limiter Permit QpsLimiter RedisLimiter",
    "params": (
        "InfluencerRankField InfluencerVideoSortField ProductInfluencerSortField RankType "
        "SortType Until"
    ),
    "records.converter": (
        "InfluencerLivestream InfluencerVideo ProductCreator RankedInfluencer VideoProduct "
        "converter unstructure"
    ),
    "records.fields": "CategoryRank SalesFlag",
    "streams.fanout": "Failure FanOut fan_out",
    "streams.stream": "Page RecordStream Reject",
}


# To a type checker, `__getattr__` would make any misspelt name an object.
if not TYPE_CHECKING:  # pragma: no branch

    def __getattr__(name: str) -> object:
        for home, names in _HOMES.items():
            if name in names.split():
                value: object = getattr(import_module(f"{__name__}.{home}"), name)
                globals()[name] = value
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return __all__
