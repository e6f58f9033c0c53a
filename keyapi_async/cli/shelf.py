"""Which products the demo asks for."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from keyapi_async.sandbox import Sandbox, World

_LONGEST = 200
"""Creators of a product at most: the pages of one list come one after another."""


def shelf(box: Sandbox, count: int) -> list[str]:
    """Choose products of two markets that share creators, so that totals add something up."""
    markets = [_shown_beside(box.world, product_id) for product_id in box.product_ids(2)]
    near = chain.from_iterable(zip(*markets, strict=False))
    far = box.product_ids(2 * count)  # where the markets are exhausted
    return list(islice(_unique(chain(near, far)), count))


def _unique(ids: Iterable[str]) -> Iterator[str]:
    seen = set[str]()
    for one in ids:
        if one not in seen:
            seen.add(one)
            yield one


def _shown_beside(world: World, product_id: str) -> Iterator[str]:
    """Give the products in the videos of a product's creators, each once."""
    for other in _unique(_products_of_sellers(world, product_id)):
        if other != product_id and len(world.product_creators(other)) <= _LONGEST:
            yield other


def _products_of_sellers(world: World, product_id: str) -> Iterator[str]:
    for creator in world.product_creators(product_id):
        videos = world.influencer_videos(str(creator["user_id"]))
        for offer in world.video_products(str(video["video_id"]) for video in videos):
            yield str(offer["product_id"])
