"""HTML of parts: text is escaped wherever it meets a tag, and numbers are written to be read."""

import re
from datetime import UTC, datetime
from html import escape

_EMAIL = re.compile(r"[^\s@<>()\[\]\"',;:=]+@[^\s@<>()\[\]\"',;:=]+\.[^\s@<>()\[\]\"',;:=]+")
_PERSONAL = re.compile("e_?mail|phone|mobile|whatsapp|contact|personal data", re.IGNORECASE)
_EMPTY = frozenset({"meta", "link"})
DASH = "\N{EN DASH}"


class Markup(str):
    """HTML that is ready; every other text is escaped."""

    __slots__ = ()


def tag(name: str, /, *inside: object, **attributes: object) -> Markup:
    """Make an element; None stands for nothing, and ``class_`` for ``class``."""
    written = "".join(
        f' {key.strip("_").replace("_", "-")}="{escape(clean(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{written}>{joined(*inside)}{'' if name in _EMPTY else f'</{name}>'}")


def joined(*inside: object) -> Markup:
    """Put parts side by side; numbers are shortened."""
    parts = (one for one in inside if one is not None)
    return Markup("".join(p if isinstance(p, Markup) else escape(clean(short(p))) for p in parts))


def clean(text: object) -> str:
    """Give foreign text without what is not printed, and without e-mail addresses."""
    plain = "".join(char if char.isprintable() else " " for char in str(text))
    return _EMAIL.sub("[e-mail]", plain) if "@" in plain else plain


def is_personal(name: str, doc: str = "") -> bool:
    """Say whether a field holds what belongs to a person, and is never shown."""
    return _PERSONAL.search(f"{name} {doc}") is not None


def cut(text: object, most: int) -> str:
    """Shorten a text; an address in it is gone before it could be cut in two."""
    plain = " ".join(clean(text).split())
    return plain if len(plain) <= most else f"{plain[: most - 1].rstrip()}…"


def short(value: object) -> str:
    """Write a number so that it is read at a glance, such as 1.23M; None is a dash."""
    if not isinstance(value, (int, float)):
        return DASH if value is None else str(value)
    if abs(value) < 999.5:  # below, it has no more than three digits
        return f"{value:.3g}"
    digits, _, power = f"{value:.2e}".partition("e")
    thousands, more = divmod(int(power), 3)
    if thousands > 4:  # larger units have no common names
        return f"{digits}e{int(power)}"
    return f"{float(digits) * 10**more:.3g}{('', *'KMBT')[thousands]}"


def percent(part: float, whole: float) -> str:
    """Write a share; only nothing is 0 %, and only everything is 100 %."""
    share = 100 * part / whole
    return "< 1 %" if 0 < share < 1 else f"{min(round(share), 99) if part < whole else 100} %"


def moment(value: datetime | float | None) -> str:
    """Write a time as people read it, in UTC."""
    if isinstance(value, (int, float)):
        value = datetime.fromtimestamp(value, UTC)
    return f"{value:%Y-%m-%d %H:%M} UTC" if value else DASH
