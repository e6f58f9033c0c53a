"""The vocabulary of the sample data: markets, categories, names and phrases."""

import itertools
from typing import Final

__all__ = [
    "ADJECTIVES",
    "CATEGORIES",
    "EMOJI",
    "LANGUAGES",
    "MARKETS",
    "NAMES",
    "NICK_NAMES",
    "PATHS",
    "PHRASES",
    "REVIEWS",
    "SLUGS",
    "TITLES",
    "nodes",
]

MARKETS: Final = tuple(
    "US US US US US US ID ID ID GB GB MY MY TH TH VN VN PH MX ES DE BR JP SA".split()  # noqa: SIM905
)
"""A region for each market: the larger ones have several."""

LANGUAGES: Final = {
    "US": "en", "GB": "en", "PH": "en", "ID": "id", "MY": "ms", "TH": "th", "VN": "vi",
    "MX": "es", "ES": "es", "DE": "de", "BR": "pt", "JP": "ja", "SA": "ar",
}  # fmt: skip
NAMES: Final = {
    "en": ("Ava", "Chloe", "Mason", "Zoë", "Jada", "O'Neil", "Grace", "Jhon Rey", "Kai"),
    "id": ("Siti", "Dewi", "Budi", "Putri", "Rizky", "Intan"),
    "ms": ("Aisyah", "Nur", "Farid", "Hafiz", "Mei Ling"),
    "th": ("น้ำฝน", "พลอย", "มายด์", "ก้อง", "แพรว"),
    "vi": ("Linh", "Ngọc Ánh", "Thảo", "Minh Đức", "Quỳnh"),
    "es": ("Lucía", "Mateo", "José", "Valentina", "Íñigo"),
    "de": ("Jörg", "Lena", "Günther", "Sophie"),
    "pt": ("João", "Letícia", "Conceição", "Thiago"),
    "ja": ("さくら", "ゆうき", "美咲", "ハルト"),
    "ar": ("سارة", "نورة", "محمد", "ريم"),
}
PHRASES: Final = {
    "en": ("I can't believe this works", "run, don't walk", "restocked again!", "POV: payday"),
    "id": ("murah banget hari ini", "wajib beli sebelum habis"),
    "ms": ("memang best weh !", "murah gila harini"),
    "th": ("ใช้แล้วดีมาก บอกต่อ", "ของมันต้องมี"),
    "vi": ("mua là mê luôn", "deal hời hôm nay"),
    "es": ("no puede ser tan barato", "¡corre que se acaba!"),
    "de": ("das müsst ihr sehen", "nur noch heute"),
    "pt": ("não vivo mais sem", "achadinho do dia"),
    "ja": ("これ本当に良い", "リピ確定"),
    "ar": ("جربته وعجبني", "عرض اليوم"),
}
NICK_NAMES: Final = (
    "{0}", "{0}", "{0} {1}", "{0} | {2}", "{0} {3}", "✨{0}✨", "{0}'s {2} Finds", "{0} & {1}",
    'the "real" {0}', "{0}, {2} <3", "{0}_{1}", "",
)  # fmt: skip
EMOJI: Final = ("👀", "💕", "🌸", "🔥", "🛍️", "👩🏽‍🦱", "🥹", "🍓")
SLUGS: Final = ("ava", "its", "mimi", "shop.with", "daily", "real", "the", "kai", "nana")
TITLES: Final = ("NEW FREEBIES!!!", "Flash sale 🔥", "Packing your orders", "Q&A + restock", "")
REVIEWS: Final = (
    "Soft, smooth",
    "Came late, but works",
    "",
    "รักเลย",
    "Five stars ⭐",
    'the "best"',
)
ADJECTIVES: Final = ("Gentle", "Pocket", "Everyday", "Deluxe", "2-in-1", "Crème", "Wireless")

CATEGORIES: Final = {
    "601450": ("Beauty & Personal Care", "Beauty", ("Makeup & Perfume", "Haircare", "Skincare")),
    "605248": ("Fashion Accessories", "Clothing & Accessories", ("Jewelry", "Hair Accessories")),
    "601152": ("Womenswear", "Clothing & Accessories", ("Dresses", "Tops")),
    "601739": ("Phones & Electronics", "IT & High-Tech", ("Headphones", "Chargers")),
    "700645": ("Health", "Health & Wellness", ("Vitamins", "Massage")),
    "700437": ("Food & Beverages", "Food & Beverage", ("Snacks", "Coffee & Tea")),
    "600001": ("Home Supplies", "Home, Furniture & Appliances", ("Storage", "Lighting")),
    "603014": ("Sports & Outdoor", "Sports, Fitness & Outdoors", ("Fitness", "Camping")),
    "604206": ("Toys & Hobbies", "Other", ("Blind Boxes", "Puzzles")),
}
"""Categories of the first level: name, the category of the creators who sell them, children."""

PATHS: Final = tuple(
    (first, str(840_008 + 512 * number), str(980_016 + 64 * (3 * number + leaf)), second, third)
    for number, (first, second) in enumerate(
        (first, second) for first, (_, _, seconds) in CATEGORIES.items() for second in seconds
    )
    for leaf, third in enumerate((f"{second} Sets", f"{second} Basics", f"{second} Refills"))
)
"""Every way down the tree: three ids, and the names of the second and third level."""


def nodes() -> list[tuple[str, str, int, str]]:
    """The categories of all levels: id, name, level, id of the parent."""
    ways = [
        (
            (first, CATEGORIES[first][0], 1, "0"),
            (second, second_name, 2, first),
            (third, third_name, 3, second),
        )
        for first, second, third, second_name, third_name in PATHS
    ]
    return list(dict.fromkeys(itertools.chain.from_iterable(ways)))
