"""Ids that look random and can be read back: the world needs no table to know whose an id is."""

import bisect
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

__all__ = ["Circle", "IdPool", "mix", "read_media_id", "split", "to_base36", "write_media_id"]

_MASK64: Final = (1 << 64) - 1
_MASK32: Final = (1 << 32) - 1
_ODD: Final = 0x9E3779B1
_SEQUENCE_BITS: Final = 12
_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def mix(*keys: int) -> int:
    """64 well-mixed bits of some integers: the same on every machine and Python."""
    h = 0x9E3779B97F4A7C15
    for key in keys:
        h = ((h ^ key) * 0xBF58476D1CE4E5B9) & _MASK64
        h ^= h >> 29
    h = (h * 0x94D049BB133111EB) & _MASK64
    return h ^ (h >> 32)


def split(total: int, weights: Sequence[float]) -> list[int]:
    """Whole shares of `total` in proportion to the weights; they add up to it exactly."""
    if not weights:
        return []
    factor = total / sum(weights)
    ends = [round(end * factor) for end in itertools.accumulate(weights)]
    ends[-1] = total
    return [end - start for start, end in itertools.pairwise([0, *ends])]


def to_base36(number: int) -> str:
    """`number` (not negative) in digits and lower-case letters."""
    digits = ""
    while True:
        number, digit = divmod(number, 36)
        digits = _ALPHABET[digit] + digits
        if not number:
            return digits


class IdPool:
    """`size` ids between `base` and `base + modulus`, which is a prime; some are given."""

    def __init__(self, base: int, modulus: int, size: int, given: Mapping[int, str]) -> None:
        self._base, self._modulus, self._size = base, modulus, size
        self._factor = mix(base) % modulus
        self._inverse = pow(self._factor, -1, modulus)
        self._given = given
        self._given_back = {given_id: index for index, given_id in given.items()}

    def id_of(self, index: int) -> str:
        """The id at that index."""
        if index in self._given:
            return self._given[index]
        return str(self._base + (index + 1) * self._factor % self._modulus)

    def index_of(self, pool_id: str) -> int | None:
        """The index of that id, or `None` if it is not of this pool."""
        if pool_id in self._given_back:
            return self._given_back[pool_id]
        number = int(pool_id) - self._base
        if not 0 <= number < self._modulus:
            return None
        index = number * self._inverse % self._modulus - 1
        known = 0 <= index < self._size and index not in self._given
        return index if known and pool_id == self.id_of(index) else None

    def sample(self, count: int) -> Iterator[str]:
        """`count` ids from all over the pool: the given ones first."""
        if not 0 <= count <= self._size:
            raise ValueError(f"can sample 0 to {self._size} ids, not {count}")
        spread = (index * 7919 % self._size for index in range(self._size))
        rest = (index for index in spread if index not in self._given)
        return map(self.id_of, itertools.islice(itertools.chain(self._given, rest), count))


class Circle:
    """Indices laid out by region, and within a region by category."""

    def __init__(
        self, size: int, regions: Mapping[str, int], categories: Mapping[str, int]
    ) -> None:
        places = list(itertools.product(regions, categories))
        ends = list(
            itertools.accumulate(
                regions[region] * categories[category] for region, category in places
            )
        )
        self._places = places
        self._ends = [end * size // ends[-1] for end in ends]
        starts = [0, *self._ends]
        self._arcs = {
            place: range(start, end)
            for place, start, end in zip(places, starts, self._ends, strict=False)
        }
        first, last = next(iter(categories)), list(categories)[-1]
        self._regions = {
            region: range(self._arcs[region, first].start, self._arcs[region, last].stop)
            for region in regions
        }

    def place(self, index: int) -> tuple[str, str]:
        """Region and category of an index."""
        return self._places[bisect.bisect_right(self._ends, index)]

    def arc(self, region: str, category: str) -> range:
        """The indices of one category in one region."""
        return self._arcs[region, category]

    def region(self, region: str) -> range:
        """The indices of one region; none if it is not of this world."""
        return self._regions.get(region, range(0))


def write_media_id(seconds: int, owner: int, sequence: int) -> str:
    """The id of a video or a live room: Unix seconds above, owner's index and number below."""
    code = (owner << _SEQUENCE_BITS) | sequence
    return str(seconds << 32 | (code * _ODD & _MASK32))


def read_media_id(media_id: str) -> tuple[int, int, int]:
    """Unix seconds, owner's index and number of an id: to be compared with what the owner has."""
    seconds, low = divmod(int(media_id), 1 << 32)
    code = low * pow(_ODD, -1, 1 << 32) & _MASK32
    return seconds, code >> _SEQUENCE_BITS, code & ((1 << _SEQUENCE_BITS) - 1)
