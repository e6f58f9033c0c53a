"""What makes a plausible value: of other facts, and of a number between 0 and 1.

`facts.json` holds what needs no program: values to pick from, by language where that matters, with
other facts in braces; and counts and prices, each with its median, its spread, and the others that
it is a multiple of.
"""

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from statistics import NormalDist
from typing import Any, Final

from keyapi_async.sandbox.specification import read

__all__ = ["NOW", "SNAPSHOT", "TABLES", "Rule", "chance", "rules_of"]

Rule = Callable[[Any, float], Any]
"""Makes one fact of the others, by their names, and of a number between 0 and 1."""

TABLES: Final = read("facts.json")
SNAPSHOT: Final = date(2025, 11, 1)
"""The day of the totals; nothing made up is younger."""
NOW: Final = int(datetime(2025, 11, 1, tzinfo=UTC).timestamp())
_bell: Final = NormalDist().inv_cdf


def chance(text: str) -> float:
    """A number between 0 and 1, always the same for the same text."""
    mixed = zlib.crc32(text.encode()) * 0x9E3779B97F4A7C15
    return (mixed >> 12 & (1 << 52) - 1 | 1) / (1 << 52)


def rules_of(kind: str) -> Mapping[str, Rule]:
    """The rules that need no more than the tables, for a kind of id."""
    values, counts = (TABLES[name].get(kind, {}) for name in ("values", "counts"))
    return {
        "_rate": lambda _, luck: 1 / (60 + 2000 * luck**2),  # the share that a total gains a day
        "_drift": lambda f, luck: f["_rate"] * (1.2 * luck - 0.2),  # followers may leave, too
        "_has_detail": lambda f, luck: f.is_known or luck >= 0.03,
        "language": lambda f, _: TABLES["languages"][f["region"]],
        **{name: _pick(some) for name, some in values.items()},
        **{name: _number(int, *one) for name, one in counts.items()},
        **{name: _number(_cents, *one) for name, one in TABLES["prices"].items()},
    }


def _number(form: Callable[[float], float], median: float, spread: float, *of: str) -> Rule:
    """A number with a long tail: around so much, or around so many times the others."""

    def rule(facts: Any, luck: float) -> float:
        base: float = math.prod(facts[name] for name in of)
        return form(base * median * math.exp(spread * _bell(luck)))

    return rule


def _cents(amount: float) -> float:
    return round(amount, 2)


def _pick(values: Sequence[Any] | Mapping[str, Sequence[Any]]) -> Rule:
    def rule(facts: Any, luck: float) -> Any:
        some = values[facts["language"]] if isinstance(values, Mapping) else values
        value = some[int(luck * len(some))]
        return value.format_map(facts) if isinstance(value, str) and "{" in value else value

    return rule
