"""The figures of a report: counted by SQLite in a few passes, all of one and the same moment."""

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import orjson

from keyapi_async.harvest.columns import quoted
from keyapi_async.harvest.file import told
from keyapi_async.harvest.reading import Reading
from keyapi_async.harvest.schema import State
from keyapi_async.report.fields import Field, Shape, shape_of
from keyapi_async.report.markup import cut

Row = dict[str, Any]
Points = list[tuple[float, float]]

_CANDIDATES = 1000
"""Best rows looked at: one thing may be in many of them, and is shown once."""
_MOST_NAMES = 200
_MOST_GROUPS = 8
_DAY = 86_400
_STEPS = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, _DAY, 7 * _DAY, 30 * _DAY, 365 * _DAY)


@attrs.frozen
class Spread:
    """How the values of a field are spread; to two digits, which is all that a picture shows.

    Attributes:
        counts: the values in order, and how often each is there.
        total: their sum.
    """

    counts: tuple[tuple[float, int], ...]
    total: float

    @property
    def number(self) -> int:
        """How many values there are."""
        return sum(count for _, count in self.counts)

    @property
    def mean(self) -> float:
        """Their mean; 0 of none."""
        return self.total / (self.number or 1)

    def quantile(self, share: float) -> float | None:
        """The value below which a share of them is."""
        left = share * self.number
        for value, count in self.counts:
            left -= count
            if left <= 0:
                return value
        return None

    @property
    def is_skewed(self) -> bool:
        """Whether only a logarithmic scale shows most of them."""
        low, high = self.quantile(0.05) or 0.0, self.quantile(0.99) or 0.0
        return low >= 0 and high > 50 * max(self.quantile(0.5) or 0.0, 1e-9)

    def bins(self, *, log: bool, most: int = 24) -> list[tuple[float, float, int]]:
        """Put the values into ranges of equal width; on a logarithmic scale, those above 0."""
        counts = [one for one in self.counts if one[0] > 0] if log else list(self.counts)
        if not counts:
            return []
        scale = math.log10 if log else float
        low, high = scale(counts[0][0]), scale(counts[-1][0])
        distinct = len(counts)
        if log:
            low, high = math.floor(low * 4) / 4, math.floor(high * 4 + 1) / 4
            width = max(0.25, math.ceil((high - low) / most * 4) / 4)
        elif distinct <= most and all(value.is_integer() for value, _ in counts) and (
            high - low < most
        ):
            low, high, width = low - 0.5, high + 0.5, 1.0
        else:
            width = ((high - low) or 1.0) / most
        ranges: dict[int, int] = {}
        last = max(0, math.ceil((high - low) / width) - 1)
        for value, count in counts:
            place = min(int((scale(value) - low) / width), last)
            ranges[place] = ranges.get(place, 0) + count
        back = (lambda one: 10.0**one) if log else float
        return [
            (back(low + place * width), back(low + (place + 1) * width), count)
            for place, count in sorted(ranges.items())
        ]


@attrs.frozen
class Groups:
    """How the rows are divided by a field.

    Attributes:
        field: that.
        groups: value, rows and the sum of the first measure; the largest groups first.
        others: how many more groups there are.
        rest: rows and sum of those.
    """

    field: Field
    groups: list[tuple[str, int, float]]
    others: int
    rest: tuple[int, float]


@attrs.frozen
class Unknown:
    """A field that has no column.

    Attributes:
        name: what the API calls it.
        rows: how many rows have it.
        example: one of its values, as JSON.
    """

    name: str
    rows: int
    example: str


class Figures(Reading):
    """The figures of a ledger, as they are at the moment of opening it."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        for name, aggregate in _AGGREGATES.items():
            self._db.create_aggregate(name, 1, aggregate)  # type: ignore[arg-type]  # as sqlite3 wants them
        with told(file):
            self._db.execute("BEGIN")
        self.known = self.about()
        self.shape: Shape = shape_of(self.known)
        self.state = self.status()
        self.rows, self.filled, self.spreads, self.unknown = self._all_rows()

    def _all(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with told(self._file):
            return self._db.execute(sql, values).fetchall()

    def _all_rows(self) -> tuple[int, dict[str, int], dict[str, Spread], list[Unknown]]:
        """Look at every row, once."""
        fields, measures = self.shape.fields, self.shape.measures
        wanted = ["count(*)", "unknown(extra)"]
        wanted += [f"count(nullif({quoted(one.name)}, ''))" for one in fields]
        for one in measures:
            wanted += [f"spread({quoted(one.name)})", f"total({quoted(one.name)})"]
        ((rows, unknown, *rest),) = self._all(f"SELECT {', '.join(wanted)} FROM records")  # noqa: S608
        filled = {one.name: count for one, count in zip(fields, rest, strict=False)}
        rest = rest[len(fields) :]
        spreads = {
            one.name: Spread(tuple(map(tuple, orjson.loads(rest[2 * n]))), rest[2 * n + 1])
            for n, one in enumerate(measures)
        }
        return rows, filled, spreads, [Unknown(*one) for one in orjson.loads(unknown)]

    @property
    def list_keys(self) -> list[str]:
        """The parameters that tell lists apart, and are no field of the rows."""
        names = {field.name for field in self.shape.fields}
        return [key for key in self.known.keys if key not in names]

    def best(self, measure: Field | None, most: int) -> list[Row]:
        """Give the rows with the highest values, each thing once; the first rows by no measure."""
        shape = self.shape
        rank = [one.name for one in shape.fields if one.kind == "position"]
        fields = [*shape.names, *shape.keys, *shape.parts[:2], *shape.measures]
        names = [*rank, *(one.name for one in fields), *(f"list_{key}" for key in self.list_keys)]
        if shape.day is not None:
            names.append(shape.day.name)
        if not (shape.names or shape.keys):  # rows that nobody has described
            names = [one.name for one in shape.fields if not one.is_personal][:8]
        names = list(dict.fromkeys(names))
        order = "" if measure is None else (
            f" WHERE {quoted(measure.name)} IS NOT NULL ORDER BY {quoted(measure.name)} * 1.0 DESC"
        )  # fmt: skip
        wanted = ", ".join(map(quoted, names)) or "extra"
        found = self._all(f"SELECT {wanted} FROM records{order} LIMIT {_CANDIDATES}")  # noqa: S608
        once: dict[tuple[object, ...], Row] = {}
        for n, values in enumerate(found):
            row = dict(zip(names, values, strict=False))
            once.setdefault(tuple(row[one.name] for one in shape.keys) or (n,), row)
        return list(once.values())[:most]

    def label(self, row: Row) -> str:
        """Name a row as people know it."""
        fields = (*self.shape.names, *self.shape.keys[::-1])
        return next((cut(row[one.name], 60) for one in fields if row.get(one.name)), "–")

    def groups(self) -> list[Groups]:
        """Divide the rows by region, category, codes and flags, and by what was asked for."""
        asked = [Field(f"list_{key}", "text", f"Asked: {key}") for key in self.list_keys]
        return [
            self._groups(one)
            for one in (*self.shape.parts, *(one for one in asked if not one.name.endswith("ids")))
        ]

    def _groups(self, field: Field) -> Groups:
        measure = self.shape.measures[0].name if self.shape.measures else None
        value = "0" if measure is None else f"total({quoted(measure)})"
        groups: list[tuple[str, int, float]] = []
        others, rest = 0, (0, 0.0)
        with told(self._file):
            for part, rows, total in self._db.execute(
                f"SELECT {quoted(field.name)}, count(*), {value} FROM records"  # noqa: S608
                " GROUP BY 1 ORDER BY 2 DESC, 1"
            ):
                if len(groups) < _MOST_GROUPS:
                    name = field.choices.get(part, part) if isinstance(part, int) else part
                    groups.append(("none" if name in (None, "") else cut(name, 40), rows, total))
                else:
                    others, rest = others + 1, (rest[0] + rows, rest[1] + total)
        return Groups(field, groups, others, rest)

    def days(self) -> tuple[bool, dict[str, Points]]:
        """Sum up each measure day by day; where days lack rows, their mean instead.

        Returns:
            Whether it is the sums, and the points by the name of the measure.
        """
        day = quoted(self.shape.day.name) if self.shape.day else "NULL"
        sums = ", ".join(f"total({quoted(one.name)})" for one in self.shape.measures) or "0"
        found = self._all(
            f"SELECT {day}, count(*), {sums} FROM records WHERE {day} IS NOT NULL"  # noqa: S608
            " GROUP BY 1 ORDER BY 1"
        )
        whole = len({rows for _, rows, *_ in found}) <= 1
        points: dict[str, Points] = {one.name: [] for one in self.shape.measures}
        for at, rows, *totals in found:
            for one, total in zip(self.shape.measures, totals, strict=True):
                points[one.name].append((_seconds(at), total if whole else total / rows))
        return whole, points

    def published(self) -> tuple[Points, float]:
        """Count rows by the time of what they are about: by the month, or by the day.

        Returns:
            The points, and the seconds that each stands for.
        """
        if self.shape.moment is None:
            return [], 0
        name = quoted(self.shape.moment.name)
        for digits, step in ((7, 30 * _DAY), (10, _DAY)):
            found = self._all(
                f"SELECT substr({name}, 1, {digits}), count(*) FROM records"  # noqa: S608
                f" WHERE {name} IS NOT NULL GROUP BY 1 ORDER BY 1 DESC LIMIT 60"
            )
            if len(found) > 3:  # noqa: PLR2004  # fewer months are shown by their days
                break
        return [(_seconds(at), rows) for at, rows in reversed(found)], step

    def pages(self) -> tuple[Points, int]:
        """Count the pages as they came in.

        Returns:
            The points, and the seconds that each stands for.
        """
        ((first, last),) = self._all("SELECT min(fetched_at), max(fetched_at) FROM page")
        if first is None:
            return [], 1
        step = next((one for one in _STEPS if (last - first) / one <= 60), _STEPS[-1])  # noqa: PLR2004
        sql = "SELECT fetched_at / ? * ?, count(*) FROM page GROUP BY 1 ORDER BY 1"
        return [(at, pages) for at, pages in self._all(sql, step, step)], step

    def lists(self) -> tuple[Spread, list[tuple[str, int]]]:
        """Tell how many rows the lists have that were read, and which have most."""
        keys = " || ' ' || ".join(f"coalesce(list.{quoted(one)}, '')" for one in self.known.key_columns)
        each = (
            f"SELECT {keys or quoted('query')} AS name, total(rows) AS rows FROM list JOIN page"  # noqa: S608
            " ON page.list = list.id AND page.reading = list.shown"
            f" WHERE state = {State.DONE.value} OR rows GROUP BY list.id"
        )
        ((spread, total),) = self._all(f"SELECT spread(rows), total(rows) FROM ({each})")  # noqa: S608
        most = self._all(f"{each} ORDER BY 2 DESC, list.id LIMIT 8")
        return Spread(tuple(map(tuple, orjson.loads(spread))), total), [
            (str(name), int(rows)) for name, rows in most
        ]

    def asked(self) -> list[tuple[str, int, list[str]]]:
        """Tell of each parameter that tells lists apart how many values it has, and a few."""
        found = []
        for key, column in zip(self.known.keys, self.known.key_columns, strict=True):
            name = quoted(column)
            ((number,),) = self._all(f"SELECT count(DISTINCT {name}) FROM list")  # noqa: S608
            some = self._all(f"SELECT DISTINCT {name} FROM list WHERE {name} IS NOT NULL LIMIT 3")  # noqa: S608
            if number:
                found.append((key, number, [str(value) for (value,) in some]))
        return found

    def runs(self) -> list[tuple[Any, ...]]:
        """List the runs: began, ended, pages, rows, credits spent and uncertain, requests, qps."""
        return self._all(
            "SELECT started_at, updated_at, pages, rows, spent, uncertain, requests, qps FROM run"
            " ORDER BY id"
        )

    def snapshots(self, measure: Field) -> Points:
        """Sum up a measure over the lists that were read more than once, as time went on."""
        name = quoted(measure.name)
        found = self._all(
            f"SELECT list.id, max(page.fetched_at), total({name}) FROM list JOIN page"  # noqa: S608
            " ON page.list = list.id AND page.reading <= list.shown LEFT JOIN record"
            " ON record._id BETWEEN page.first AND page.first + page.rows - 1"
            " WHERE list.shown > 1 GROUP BY list.id, page.reading ORDER BY 2"
        )
        lists = len({one for one, *_ in found})
        newest: dict[int, float] = {}
        points: dict[float, float] = {}
        for one, at, total in found:
            newest[one] = total
            if len(newest) == lists:
                points[at] = sum(newest.values()) if lists < _CANDIDATES else 0.0
        return list(points.items())

    def reasons(self) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
        """Count why rows are invalid, and why lists failed."""
        ((rejects,),) = self._all("SELECT reasons(error) FROM reject")
        ((failed,),) = self._all(
            f"SELECT reasons(error) FROM list WHERE state = {State.FAILED.value}"  # noqa: S608
        )
        return [tuple(one) for one in orjson.loads(rejects)], [
            tuple(one) for one in orjson.loads(failed)
        ]


def _seconds(day: str) -> float:
    """Read a day or a month as Unix seconds."""
    whole = day if len(day) > 7 else f"{day}-01"  # noqa: PLR2004  # such as 2026-01
    return datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp()


class _Spread:
    """Counts numbers to two digits; a million of them are some hundred."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def step(self, value: object) -> None:
        try:
            key = "%.2g" % value  # type: ignore[operator]  # noqa: UP031  # most are numbers; an f-string costs twice
        except TypeError:
            return
        self._counts[key] = self._counts.get(key, 0) + 1

    def finalize(self) -> str:
        return orjson.dumps(sorted((float(key), n) for key, n in self._counts.items())).decode()


class _Counted:
    """Counts texts with an example of each, up to some hundred different ones."""

    def __init__(self) -> None:
        self._found: dict[str, list[Any]] = {}

    def add(self, name: str, *example: object) -> None:
        if name not in self._found:
            if len(self._found) >= _MOST_NAMES:
                name = "…"
            self._found.setdefault(name, [0, *example])
        self._found[name][0] += 1

    def finalize(self) -> str:
        most = sorted(self._found.items(), key=lambda one: -one[1][0])
        return orjson.dumps([(name, *rest) for name, rest in most]).decode()


class _Unknown(_Counted):
    def step(self, extra: str | None) -> None:
        for name, value in orjson.loads(extra or "{}").items():
            seen = name in self._found
            self.add(name, "" if seen else cut(orjson.dumps(value).decode(), 80))


class _Reasons(_Counted):
    def step(self, error: str | None) -> None:
        self.add(_reason(error or ""))


_VALUES = re.compile(r"'(?:[^'\\]|\\.)*'?|\"(?:[^\"\\]|\\.)*\"?|\d+")


def _reason(error: str) -> str:
    """Say what went wrong without saying where: that is the same for many."""
    return cut(_VALUES.sub("…", error.partition(" (")[0]), 160)


_AGGREGATES: dict[str, type] = {"spread": _Spread, "unknown": _Unknown, "reasons": _Reasons}


def longest(points: Iterable[Points]) -> int:
    """Give how many points the longest line has."""
    return max(map(len, points), default=0)
