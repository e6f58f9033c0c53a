"""What the API is: one file a resource, with its enums, records and declarations side by side."""

from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from keyapi_async.api.category import CategoryResource
    from keyapi_async.api.declaration import Resource
    from keyapi_async.api.endpoint import Endpoint
    from keyapi_async.api.influencer import InfluencerResource
    from keyapi_async.api.product import ProductResource
    from keyapi_async.api.search import SearchResource
    from keyapi_async.api.shop import ShopResource
    from keyapi_async.api.video import VideoResource
    from keyapi_async.call.core import Caller

RESOURCES = ("product", "influencer", "video", "shop", "category", "search")


class TikTok:
    """The TikTok part of the API; a resource is imported when it is first asked for."""

    def __init__(self, caller: "Caller") -> None:
        self._caller = caller

    @cached_property
    def product(self) -> "ProductResource":
        """Products: what sells, who promotes it, and how it goes."""
        return cast("ProductResource", resource_class("product")(self._caller))

    @cached_property
    def influencer(self) -> "InfluencerResource":
        """Influencers: who they are, what they publish and what they sell."""
        return cast("InfluencerResource", resource_class("influencer")(self._caller))

    @cached_property
    def video(self) -> "VideoResource":
        """Videos: what they show, and how they go."""
        return cast("VideoResource", resource_class("video")(self._caller))

    @cached_property
    def shop(self) -> "ShopResource":
        """Shops: what they sell, and who sells for them."""
        return cast("ShopResource", resource_class("shop")(self._caller))

    @cached_property
    def category(self) -> "CategoryResource":
        """Product categories, three levels of them."""
        return cast("CategoryResource", resource_class("category")(self._caller))

    @cached_property
    def search(self) -> "SearchResource":
        """The search: one answer of up to thirty rows."""
        return cast("SearchResource", resource_class("search")(self._caller))

    @staticmethod
    def endpoints() -> "tuple[Endpoint, ...]":
        """List the declared endpoints."""
        return tuple(endpoints())


def resource_class(name: str) -> "type[Resource]":
    """Import the class that declares the endpoints of a resource."""
    module = import_module(f"{__name__}.{name}")
    return cast("type[Resource]", getattr(module, f"{name.title()}Resource"))


def endpoints() -> "Iterator[Endpoint]":
    """List the declared endpoints, resource by resource."""
    from keyapi_async.api.declaration import declared_in  # noqa: PLC0415  # it costs where unused

    for name in RESOURCES:
        yield from declared_in(resource_class(name))
