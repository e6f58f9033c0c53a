"""HTML of parts: text is escaped wherever it meets a tag, and numbers are written to be read."""

import math
import re
from datetime import UTC, datetime
from html import escape

_EMAIL = re.compile(r"[^\s@<>()\[\]\"',;:=]+@[^\s@<>()\[\]\"',;:=]+\.[^\s@<>()\[\]\"',;:=]+")
_PERSONAL = re.compile(r"e_?mail|phone|mobile|whatsapp|contact|personal data", re.IGNORECASE)
_EMPTY = frozenset({"meta", "link", "rect"})
_THOUSANDS = ("", "K", "M", "B", "T")


class Markup(str):
    """HTML that is ready; every other text is escaped."""

    __slots__ = ()


def tag(name: str, *inside: object, **attributes: object) -> Markup:
    """Make an element; None stands for nothing, and ``class_`` for ``class``."""
    told = "".join(
        f' {key.strip("_").replace("_", "-")}="{escape(clean(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{told}>{joined(*inside)}{'' if name in _EMPTY else f'</{name}>'}")


def joined(*inside: object) -> Markup:
    """Put parts side by side."""
    return Markup(
        "".join(
            part if isinstance(part, Markup) else escape(clean(part), quote=False)
            for part in inside
            if part is not None
        )
    )


def is_personal(name: str, doc: str = "") -> bool:
    """Say whether a field holds what belongs to a person, and is never shown."""
    return _PERSONAL.search(f"{name} {doc}") is not None


def clean(text: object) -> str:
    """Give foreign text without what is not printed, and without e-mail addresses."""
    plain = "".join(char if char.isprintable() else " " for char in str(text))
    return _EMAIL.sub("[e-mail]", plain) if "@" in plain else plain


def cut(text: object, most: int) -> str:
    """Shorten a text; an address in it is gone before it could be cut in two."""
    plain = " ".join(clean(text).split())
    return plain if len(plain) <= most else f"{plain[: most - 1].rstrip()}…"


def short(value: object) -> str:
    """Write a number so that it is read at a glance: 1.2M; all else as it is, and None as a dash.

    ::

        short(1_234_567) == "1.23M"
    """
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if abs(value) < 1000:
        return f"{value:.3g}" if isinstance(value, float) else str(value)
    power = min(int(math.log10(abs(value)) // 3), len(_THOUSANDS) - 1)
    scaled = value / 1000**power
    if abs(scaled) >= 999.5:  # noqa: PLR2004  # it would be written as 1e+03
        if power == len(_THOUSANDS) - 1:
            return f"{value:.2e}"
        power, scaled = power + 1, scaled / 1000
    return f"{scaled:.3g}{_THOUSANDS[power]}"


def percent(part: float, whole: float) -> str:
    """Write a share; only nothing is 0 %, and only everything is 100 %."""
    share = 100 * part / whole if whole else 0.0
    if 0 < share < 1:
        return "< 1 %"
    return f"{math.floor(share) if share < 100 else 100} %"


def counted(number: int, noun: str) -> str:
    """Write how many there are."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def moment(value: datetime | float | None) -> str:
    """Write a time as people read it, in UTC."""
    if value is None:
        return "–"
    when = value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)
    return f"{when:%Y-%m-%d %H:%M} UTC"


def took(seconds: float) -> str:
    """Write how long something took."""
    for most, unit, name in ((90, 1, "s"), (5400, 60, "min"), (129_600, 3600, "h")):
        if seconds < most:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds / 86_400:.3g} days"
