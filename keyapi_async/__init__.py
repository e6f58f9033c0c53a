"""The asyncio client for KeyAPI's TikTok analytics: streams of typed records.

Names are imported when they are first asked for: pytest loads the package in every run for its
plugin, and the command line for a mere ``--help``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from keyapi_async.version import __version__

if TYPE_CHECKING:
    from keyapi_async.api.category import (
        Category,
        CategoryLevel,
    )
    from keyapi_async.api.declaration import (
        Endpoint,
        Parameter,
    )
    from keyapi_async.api.influencer import (
        Influencer,
        InfluencerLivestream,
        InfluencerProduct,
        InfluencerProductSortField,
        InfluencerRankField,
        InfluencerSalesFlag,
        InfluencerSortField,
        InfluencerTrend,
        InfluencerVideoSortField,
        RankedInfluencer,
    )
    from keyapi_async.api.params import (
        RankType,
        SortType,
    )
    from keyapi_async.api.product import (
        ProductCreator,
        ProductInfluencerSortField,
        ProductLiveSortField,
        ProductLivestream,
        ProductRankField,
        ProductReview,
        ProductSortField,
        ProductTrend,
        ProductVideoSortField,
        RankedProduct,
        VideoProduct,
    )
    from keyapi_async.api.product_record import (
        Product,
    )
    from keyapi_async.api.search import (
        FoundInfluencer,
        SearchSortType,
        SearchType,
    )
    from keyapi_async.api.shared import (
        FromFlag,
        ProductSalesFlag,
        SalesTrendFlag,
    )
    from keyapi_async.api.shop import (
        RankedShop,
        SellerInfluencerSortField,
        SellerLiveSortField,
        SellerProductSortField,
        SellerRankField,
        SellerSortField,
        SellerVideoSortField,
        Shop,
        ShopCreator,
        ShopLivestream,
        ShopTrend,
        ShopVideo,
    )
    from keyapi_async.api.video import (
        RankedVideo,
        Video,
        VideoRankField,
        VideoSalesFlag,
        VideoSortField,
        VideoTrend,
    )
    from keyapi_async.bookmark import (
        Bookmark,
    )
    from keyapi_async.call.core import (
        Stats,
    )
    from keyapi_async.call.credits import (
        Credits,
    )
    from keyapi_async.call.retry import (
        RetryPolicy,
    )
    from keyapi_async.call.wire import (
        Envelope,
    )
    from keyapi_async.client import (
        KeyAPI,
    )
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
    from keyapi_async.limiter import (
        Limiter,
        Permit,
        QpsLimiter,
        RedisLimiter,
    )
    from keyapi_async.records.converter import (
        converter,
        unstructure,
    )
    from keyapi_async.records.fields import (
        CategoryRank,
        SalesFlag,
    )
    from keyapi_async.streams.fanout import (
        Failure,
        FanOut,
        fan_out,
    )
    from keyapi_async.streams.listing import (
        PageLimit,
        PageNum,
    )
    from keyapi_async.streams.page import (
        Page,
        Reject,
    )
    from keyapi_async.streams.paging import (
        Paging,
        Until,
    )
    from keyapi_async.streams.stream import (
        RecordStream,
    )

__all__ = [
    "APIError",
    "AttemptTimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "Bookmark",
    "Category",
    "CategoryLevel",
    "CategoryRank",
    "ConfigurationError",
    "ConnectionFailedError",
    "CreditBudgetError",
    "Credits",
    "DeadlineExceededError",
    "DecodeError",
    "Endpoint",
    "Envelope",
    "Failure",
    "FanOut",
    "FoundInfluencer",
    "FromFlag",
    "Influencer",
    "InfluencerLivestream",
    "InfluencerProduct",
    "InfluencerProductSortField",
    "InfluencerRankField",
    "InfluencerSalesFlag",
    "InfluencerSortField",
    "InfluencerTrend",
    "InfluencerVideoSortField",
    "InvalidParameterError",
    "KeyAPI",
    "KeyAPIError",
    "Limiter",
    "NotFoundError",
    "Page",
    "PageLimit",
    "PageNum",
    "PaginationError",
    "Paging",
    "Parameter",
    "PermissionDeniedError",
    "Permit",
    "Product",
    "ProductCreator",
    "ProductInfluencerSortField",
    "ProductLiveSortField",
    "ProductLivestream",
    "ProductRankField",
    "ProductReview",
    "ProductSalesFlag",
    "ProductSortField",
    "ProductTrend",
    "ProductVideoSortField",
    "QpsLimiter",
    "QuotaExceededError",
    "RankType",
    "RankedInfluencer",
    "RankedProduct",
    "RankedShop",
    "RankedVideo",
    "RateLimitError",
    "RecordStream",
    "RedisLimiter",
    "Reject",
    "ResponseError",
    "RetryPolicy",
    "SalesFlag",
    "SalesTrendFlag",
    "SearchSortType",
    "SearchType",
    "SellerInfluencerSortField",
    "SellerLiveSortField",
    "SellerProductSortField",
    "SellerRankField",
    "SellerSortField",
    "SellerVideoSortField",
    "ServerError",
    "Shop",
    "ShopCreator",
    "ShopLivestream",
    "ShopTrend",
    "ShopVideo",
    "SortType",
    "Stats",
    "TransportError",
    "Until",
    "UsageError",
    "Video",
    "VideoProduct",
    "VideoRankField",
    "VideoSalesFlag",
    "VideoSortField",
    "VideoTrend",
    "__version__",
    "converter",
    "fan_out",
    "unstructure",
]

_HOMES = {
    "api.category": "Category CategoryLevel",
    "api.declaration": "Endpoint Parameter",
    "api.influencer": (
        "Influencer InfluencerLivestream InfluencerProduct InfluencerProductSortField "
        "InfluencerRankField InfluencerSalesFlag InfluencerSortField InfluencerTrend "
        "InfluencerVideoSortField RankedInfluencer "
    ),
    "api.params": "RankType SortType",
    "api.product": (
        "ProductCreator ProductInfluencerSortField ProductLiveSortField ProductLivestream "
        "ProductRankField ProductReview ProductSortField ProductTrend ProductVideoSortField "
        "RankedProduct VideoProduct "
    ),
    "api.product_record": "Product",
    "api.search": "FoundInfluencer SearchSortType SearchType",
    "api.shared": "FromFlag ProductSalesFlag SalesTrendFlag",
    "api.shop": (
        "RankedShop SellerInfluencerSortField SellerLiveSortField SellerProductSortField "
        "SellerRankField SellerSortField SellerVideoSortField Shop ShopCreator ShopLivestream "
        "ShopTrend ShopVideo "
    ),
    "api.video": "RankedVideo Video VideoRankField VideoSalesFlag VideoSortField VideoTrend",
    "bookmark": "Bookmark",
    "call.core": "Stats",
    "call.credits": "Credits",
    "call.retry": "RetryPolicy",
    "call.wire": "Envelope",
    "client": "KeyAPI",
    "errors": (
        "APIError AttemptTimeoutError AuthenticationError BadRequestError ConfigurationError "
        "ConnectionFailedError CreditBudgetError DeadlineExceededError DecodeError "
        "InvalidParameterError KeyAPIError NotFoundError PaginationError PermissionDeniedError "
        "QuotaExceededError RateLimitError ResponseError ServerError TransportError UsageError "
    ),
    "limiter": "Limiter Permit QpsLimiter RedisLimiter",
    "records.converter": "converter unstructure",
    "records.fields": "CategoryRank SalesFlag",
    "streams.fanout": "Failure FanOut fan_out",
    "streams.listing": "PageLimit PageNum",
    "streams.page": "Page Reject",
    "streams.paging": "Paging Until",
    "streams.stream": "RecordStream",
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
