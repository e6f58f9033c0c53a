"""The cast: who the world's creators are and what its products are, each from its id alone."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any, Final, TypeVar

import attrs

from keyapi_async.sandbox import examples
from keyapi_async.sandbox.ids import Circle, IdPool, mix, to_base36
from keyapi_async.sandbox.words import (
    CATEGORIES,
    EMOJI,
    GIVEN,
    LANGUAGES,
    NICK_NAMES,
    REGIONS,
    SLUGS,
)

__all__ = [
    "CIRCLE",
    "CREATORS",
    "GIVEN_CREATORS",
    "GIVEN_HANDLES",
    "GIVEN_SALES",
    "GLOW",
    "GLOW_SPRAY",
    "ITEMS",
    "JULIO",
    "POP_MART",
    "SHELF",
    "SNACKS",
    "SNAPSHOT",
    "USERS",
    "Creator",
    "Product",
    "chance",
    "image",
    "make_creator",
    "make_product",
    "pick",
    "token",
]

CREATORS: Final = 40_000
_PRODUCTS: Final = 20_000
_LONGEST: Final = 4_000
SNAPSHOT: Final = int(datetime(2025, 11, 1, tzinfo=UTC).timestamp())
"""The world's last moment: nothing in it is younger."""

_WEIGHTS: Final = {category: weight for category, (_, weight) in CATEGORIES.items()}
CIRCLE: Final = Circle(CREATORS, REGIONS, _WEIGHTS)
SHELF: Final = Circle(_PRODUCTS, REGIONS, _WEIGHTS)


def _documented_paths() -> Mapping[str, Sequence[str]]:
    """Category paths by first level: the documented ranking row names over a hundred."""
    paths = defaultdict(list)
    for ranked in str(examples.RANKED["product_category_list"]).split(","):
        path = ranked.partition(":")[0]
        paths[path.partition("-")[0]].append(path)
    return paths


_PATHS: Final = _documented_paths()

GLOW, JULIO, POP_MART, SNACKS = (
    str(row["user_id"])
    for row in (examples.VIDEO, examples.RANKED, examples.LIVESTREAM, examples.VIDEO_PRODUCT)
)
GLOW_SPRAY, _PROTEIN = (
    str(row["product_id"]) for row in (examples.PRODUCT_CREATOR, examples.VIDEO_PRODUCT)
)
USERS: Final = IdPool(
    6_500_000_000_000_000_000,
    10**18 - 11,
    CREATORS,
    {
        CIRCLE.arc("MY", "601450")[0]: GLOW,
        CIRCLE.arc("US", "601755")[0]: JULIO,
        CIRCLE.arc("US", "604206")[0]: POP_MART,
        CIRCLE.arc("US", "700437")[0]: SNACKS,
    },
)
ITEMS: Final = IdPool(
    1_729_000_000_000_000_000,
    10**15 - 11,
    _PRODUCTS,
    {SHELF.arc("MY", "601450")[0]: GLOW_SPRAY, SHELF.arc("US", "700437")[0]: _PROTEIN},
)


@attrs.frozen(eq=False)
class Creator:
    """A creator's profile, and how well he sells."""

    number: int
    user_id: str
    index: int | None
    unique_id: str
    nick_name: str
    avatar: str
    category: str
    region: str
    followers: int
    following: int
    likes: int
    views: int
    videos: int
    lives: int
    live_views: int
    trust: float


@attrs.frozen(eq=False)
class Product:
    """A product, and who sells it."""

    number: int
    product_id: str
    region: str
    path: str
    price: int
    appeal: float
    sellers: range
    """Places on the creators' circle, from the region's start and going round it."""


GIVEN_CREATORS: Final[Mapping[str, Mapping[str, Any]]] = {
    GLOW: {
        "unique_id": str(examples.VIDEO["unique_id"]),
        "nick_name": str(examples.PRODUCT_CREATOR["nick_name"]),
        "avatar": str(examples.PRODUCT_CREATOR["avatar"]),
        "followers": 2330,
        "following": 598,
        "likes": 39_800,
        "views": 358_710,
        "videos": 9,
        "lives": 0,
        "live_views": 0,
    },
    JULIO: {
        "unique_id": str(examples.RANKED["unique_id"]),
        "nick_name": str(examples.RANKED["nick_name"]),
        "avatar": str(examples.RANKED["avatar"]),
        "followers": 46_652,
        "likes": 9_415_852,
        "views": 121_480_332,
        "videos": 1716,
        "lives": 0,
        "live_views": 0,
    },
    POP_MART: {
        "unique_id": "popmartusshop",
        "nick_name": str(examples.LIVESTREAM["nick_name"]),
        "followers": 6,
        "lives": 412,
        "live_views": 5_204_118,
    },
    SNACKS: {
        "unique_id": "fuelweek",
        "followers": 1_240_000,
        "likes": 8_402_110,
        "views": 190_233_801,
        "videos": 212,
    },
}
GIVEN_HANDLES: Final = {given["unique_id"]: user_id for user_id, given in GIVEN_CREATORS.items()}
_GIVEN_SELLERS: Final = {GLOW_SPRAY: 1284, _PROTEIN: 342}
GIVEN_SALES: Final = {(GLOW_SPRAY, GLOW): 0, (_PROTEIN, SNACKS): 5311}


_T = TypeVar("_T")


def make_creator(rng: Random, user_id: str) -> Creator:
    """A creator: the dice decide what the documentation does not."""
    number, index = int(user_id), USERS.index_of(user_id)
    region, category = CIRCLE.place(number % CREATORS if index is None else index)
    names, kind = GIVEN[LANGUAGES[region]], CATEGORIES[category][0]
    nick_name = pick(rng, NICK_NAMES).format(
        pick(rng, names), pick(rng, names), kind, pick(rng, EMOJI)
    )
    slug = f"{pick(rng, SLUGS)}.{kind.lower()}"
    followers = round(rng.lognormvariate(9.2, 2.0))
    videos = min(_LONGEST, int(rng.lognormvariate(3.6, 1.5) * chance(rng, 0.96)))
    per_video = followers**0.8 * rng.lognormvariate(0.6, 0.8) + 20
    views = round(videos * per_video)
    lives = min(_LONGEST, int(rng.lognormvariate(2.4, 1.4) * chance(rng, 0.4)))
    creator = Creator(
        number=number,
        user_id=user_id,
        index=index,
        unique_id=f"user{user_id}" if index is None else f"{slug}_{to_base36(index)}",
        nick_name=nick_name,
        avatar=image("user-avatar", number % 900, f"MS4wLjABAAAA{token(number, 64)}.jpg"),
        category=kind,
        region=region,
        followers=followers,
        following=int(rng.lognormvariate(5, 1.3)),
        likes=round(views * (0.02 + 0.08 * rng.random())),
        views=views,
        videos=videos,
        lives=lives,
        live_views=round(lives * per_video * rng.lognormvariate(-1, 0.7)),
        trust=rng.lognormvariate(0, 0.6) * (followers / 10_000) ** 0.4,
    )
    return attrs.evolve(creator, **GIVEN_CREATORS.get(user_id, {}))


def make_product(rng: Random, product_id: str) -> Product:
    """A product, and which arc of its region's circle of creators sells it."""
    number, index = int(product_id), ITEMS.index_of(product_id)
    region, category = SHELF.place(number % _PRODUCTS if index is None else index)
    circle, arc = CIRCLE.region(region), CIRCLE.arc(region, category)
    listed = int(rng.lognormvariate(2.6, 1.8) * chance(rng, 0.9))
    start = arc.start - circle.start + int(rng.random() * len(arc))
    if product_id in _GIVEN_SELLERS:
        listed, start = _GIVEN_SELLERS[product_id], arc.start - circle.start
    return Product(
        number=number,
        product_id=product_id,
        region=region,
        path=pick(rng, _PATHS[category]),
        price=max(2, round(rng.lognormvariate(2.9, 0.8))),
        appeal=rng.lognormvariate(1.8, 1.4),
        sellers=range(start, start + min(listed, _LONGEST, len(circle))),
    )


def chance(rng: Random, probability: float) -> bool:
    """Whether something of that probability happens."""
    return rng.random() < probability


def pick(rng: Random, choices: Sequence[_T]) -> _T:
    """One of them, by one throw of the dice."""
    return choices[int(rng.random() * len(choices))]


def token(number: int, length: int) -> str:
    """Letters and digits that look random, about so many."""
    parts = (to_base36(mix(number, part)) for part in range(length // 12 + 1))
    return "".join(parts)[:length]


def image(kind: str, folder: int, name: str) -> str:
    """The URL of an image, as unreadable as the real ones."""
    return f"https://echosell-images.tos-ap-southeast-1.volces.com/{kind}/{folder}/{name}"
