"""The endpoints, one file for each resource of the API: parameters in, a stream or a page out."""

from keyapi_async.api.influencer import Influencer
from keyapi_async.api.product import Product
from keyapi_async.api.video import Video
from keyapi_async.call.core import Caller

__all__ = ["Influencer", "Product", "TikTok", "Video"]


class TikTok:
    """The TikTok part of the API.

    Attributes:
        product: what is known of a product.
        influencer: what is known of an influencer.
        video: what is known of a video.
    """

    def __init__(self, caller: Caller) -> None:
        self.product = Product(caller)
        self.influencer = Influencer(caller)
        self.video = Video(caller)
