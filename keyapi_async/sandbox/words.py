"""The vocabulary of the world: regions, categories, names and phrases."""

from typing import Final

__all__ = [
    "CATEGORIES",
    "EMOJI",
    "GIVEN",
    "LANGUAGES",
    "LIVE_TITLES",
    "NICK_NAMES",
    "PHRASES",
    "REGIONS",
    "SLUGS",
    "TAGS",
    "Row",
]

Row = dict[str, str | int | float]
"""A row as it goes over the wire."""

REGIONS: Final = {
    "US": 30, "ID": 12, "GB": 9, "MY": 8, "TH": 7, "VN": 7, "PH": 6, "MX": 4, "ES": 3,
    "DE": 3, "BR": 3, "SG": 2, "FR": 2, "IT": 2, "SA": 1, "JP": 1,
}  # fmt: skip

CATEGORIES: Final = {
    "601450": ("Beauty", 18), "601152": ("Fashion", 12), "601352": ("Shoes", 4),
    "601739": ("Tech", 7), "700645": ("Health", 9), "700437": ("Food", 8),
    "605248": ("Fashion", 6), "824328": ("Fashion", 6), "600001": ("Home", 5),
    "600024": ("Home", 4), "603014": ("Sports", 5), "604206": ("Toys", 4),
    "601755": ("Other", 3), "824584": ("Travel", 2), "600154": ("Home", 2),
    "600942": ("Home", 2), "604453": ("Home", 1), "604579": ("DIY", 1),
    "604968": ("DIY", 1), "605196": ("Cars", 1), "953224": ("Jewelry", 1),
}  # fmt: skip
"""Product categories of the first level: the category of the creators who sell them, weight."""

LANGUAGES: Final = {
    "US": "en", "GB": "en", "SG": "en", "PH": "tl", "ID": "ms", "MY": "ms", "TH": "th",
    "VN": "vi", "MX": "es", "ES": "es", "BR": "pt", "DE": "de", "FR": "fr", "IT": "it",
    "SA": "ar", "JP": "ja",
}  # fmt: skip

GIVEN: Final = {
    "en": ("Ava", "Chloe", "Mason", "Liam", "Zoë", "Jada", "Tyler", "O'Neil", "Grace", "Kai"),
    "tl": ("Althea", "Jhon Rey", "Marisol", "Bea", "Paolo", "Niña", "Jasper", "Kyla"),
    "ms": ("Aisyah", "Siti", "Nur", "Farid", "Dewi", "Budi", "Putri", "Rizky", "Intan"),
    "th": ("น้ำฝน", "พลอย", "มายด์", "ก้อง", "แพรว", "ต้นกล้า", "ฟ้าใส"),
    "vi": ("Linh", "Ngọc Ánh", "Thảo", "Minh Đức", "Hà My", "Quỳnh", "Tuấn"),
    "es": ("Lucía", "Sofía", "Mateo", "José", "Valentina", "Íñigo", "Camila"),
    "pt": ("João", "Letícia", "Conceição", "Thiago", "Larissa", "Caio"),
    "de": ("Jörg", "Lena", "Mia", "Günther", "Sophie", "Björn"),
    "fr": ("Chloé", "Noémie", "François", "Inès", "Léo", "Anaïs"),
    "it": ("Giulia", "Niccolò", "Chiara", "Matteo", "Ginevra"),
    "ar": ("سارة", "نورة", "محمد", "ريم", "عبدالله"),
    "ja": ("さくら", "ゆうき", "美咲", "ハルト", "りん"),
}
SLUGS: Final = (
    "ava",
    "its",
    "mimi",
    "shop.with",
    "daily",
    "real",
    "the",
    "kai",
    "nana",
    "officiel",
)

NICK_NAMES: Final = (
    "{0}", "{0}", "{0} {1}", "{0} {1}", "{0} | {2}", "{0} {3}", '" {0} {3}', "✨{0}✨", "itz {0}",
    "{0}'s {2} Finds", "{0} & {1}", 'the "real" {0}', "{3} {0} {1} {3}", "{0}, {2} <3", "{0}_{1}",
)  # fmt: skip
EMOJI: Final = ("👀", "💕", "🌸", "🔥", "🛍️", "👩🏽‍🦱", "🇺🇳", "🥹", "🦋", "🍓")

PHRASES: Final = {
    "en": ("I can't believe this works", "run, don't walk", "restocked again!", "POV: payday"),
    "tl": ("ang ganda nito promise", "budol na naman ako", "sulit, bes!"),
    "ms": ("memang best weh !", "murah gila harini", "wajib beli sebelum habis"),
    "th": ("ใช้แล้วดีมาก บอกต่อ", "ของมันต้องมี", "ถูกมากแม่"),
    "vi": ("mua là mê luôn", "deal hời hôm nay", "xài thử nha cả nhà"),
    "es": ("no puede ser tan barato", "lo uso todos los días", "¡corre que se acaba!"),
    "pt": ("não vivo mais sem", "achadinho do dia", "olha esse preço!"),
    "de": ("das müsst ihr sehen", "nur noch heute", "wirklich überzeugt"),
    "fr": ("je suis fan", "le bon plan du jour", "ça change la vie"),
    "it": ("non ci credevo", "lo adoro", "offerta pazzesca"),
    "ar": ("جربته وعجبني", "عرض اليوم"),
    "ja": ("これ本当に良い", "リピ確定", "今日だけのお得"),
}
TAGS: Final = {
    "Beauty": ("skincare", "glow", "makeup", "facespray"), "Fashion": ("ootd", "haul", "style"),
    "Shoes": ("sneakers", "kicks"), "Tech": ("gadgets", "techtok", "unboxing"),
    "Health": ("wellness", "vitamins", "guthealth"), "Food": ("foodtok", "snacks", "startup"),
    "Home": ("cleantok", "homefinds", "kitchen"), "Sports": ("gymtok", "fitness"),
    "Toys": ("blindbox", "collect"), "Other": ("viral", "musthave"), "Travel": ("packing", "trip"),
    "DIY": ("diy", "tools"), "Cars": ("cartok", "detailing"), "Jewelry": ("jewelry", "gold"),
}  # fmt: skip
LIVE_TITLES: Final = (
    "NEW FREEBIES!!!", "Flash sale 🔥", "Packing your orders", "Q&A + restock", "Buy 1 get 1",
    "LIVE 24h", "Free shipping today 🚚", "", "Come say hi 👋", 'Last chance: "secret" deals',
)  # fmt: skip
