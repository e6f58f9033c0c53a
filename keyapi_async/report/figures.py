"""The figures of a report: counted by SQLite in a few passes, all of one and the same moment."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import orjson

from keyapi_async.harvest.columns import quoted
from keyapi_async.harvest.file import told
from keyapi_async.harvest.reading import Reading
from keyapi_async.harvest.schema import State
from keyapi_async.report.fields import Field, label_of, shape_of
from keyapi_async.report.markup import cut

Row = dict[str, Any]
Points = list[tuple[float, float]]

_CANDIDATES = 1000
"""Best rows looked at: one thing may be in many of them, and is shown once."""
_MOST_NAMES, _MOST_GROUPS, _MOST_STEPS = 200, 8, 60


@attrs.frozen
class Spread:
    """How numbers are spread, to two digits, which is all that a picture shows.

    Attributes:
        total: their sum.
        counts: the numbers in order, and how often each is there.
    """

    total: float
    counts: list[tuple[float, int]]

    @property
    def number(self) -> int:
        """How many there are."""
        return sum(count for _, count in self.counts)

    def quantile(self, share: float, *, least: float = float("-inf")) -> float | None:
        """Give the one below which a share of them is, of those above the least."""
        counts = [one for one in self.counts if one[0] > least]
        left = share * sum(count for _, count in counts)
        for value, count in counts:
            left -= count
            if left <= 0:
                return value
        return None

    @property
    def is_skewed(self) -> bool:
        """Whether only a logarithmic scale shows most of them."""
        middle = self.quantile(0.5, least=0)
        return middle is not None and self.counts[0][0] >= 0 and self.counts[-1][0] > 30 * middle


class Figures(Reading):
    """The figures of a ledger, as they are at the moment of opening it."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self.known = self.about()
        for aggregate in (_Spread, _Unknown, _Reasons):
            self._db.create_aggregate(aggregate.name, 1, aggregate)
        self._all("BEGIN")
        self.state, self.shape = self.status(), shape_of(self.known)
        self._count()

    def _all(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with told(self._file):
            return self._db.execute(sql, values).fetchall()

    def _count(self) -> None:
        """Look at every row, once."""
        fields, measures = self.shape.fields, self.shape.measures
        wanted = [f"count(nullif({quoted(one.name)}, ''))" for one in fields]
        for one in measures:
            wanted += [f"total({quoted(one.name)})", f"spread({quoted(one.name)})"]
        ((self.rows, unknown, *found),) = self._all(
            f"SELECT {', '.join(['count(*)', 'unknown(extra)', *wanted])} FROM records"  # noqa: S608
        )
        self.filled = {one.name: found.pop(0) for one in fields}
        self.spreads = {one.name: Spread(found.pop(0), _read(found.pop(0))) for one in measures}
        self.unknown: list[tuple[str, int, str]] = _read(unknown)
        own = {one.name for one in fields}
        self.keys = self._keys()
        self.asked = [
            Field(f"list_{name}", "text", label_of(name))
            for name, number, _ in self.keys
            if number > 1 and name not in own and not name.endswith("ids")
        ]

    def best(self, measure: Field | None, most: int) -> tuple[list[Field], list[Row]]:
        """Give the rows with the highest values, each thing once; the first rows by no measure.

        Returns:
            What a table shows of them, and they themselves.
        """
        shape = self.shape
        rank = [one for one in shape.fields if one.kind == "position"]
        fields = [*rank, *shape.names, *shape.keys, *shape.parts[:2], *self.asked]
        fields += [shape.day] if shape.day else []
        if not shape.keys:  # nobody has described these rows
            fields += shape.shown[: 8 - len(fields)]
        fields = list({one.name: one for one in (*fields, *shape.measures)}.values())
        order = ""
        if measure is not None:
            order = f"WHERE {quoted(measure.name)} NOT NULL ORDER BY {quoted(measure.name)} * 1.0 DESC"
        names = ", ".join(quoted(one.name) for one in fields) or "extra"
        found = self._all(f"SELECT {names} FROM records {order} LIMIT {_CANDIDATES}")  # noqa: S608
        once: dict[object, Row] = {}
        for n, values in enumerate(found):
            row = {one.name: value for one, value in zip(fields, values, strict=False)}
            once.setdefault(tuple(row[one.name] for one in shape.keys) or n, row)
        return fields, list(once.values())[:most]

    def label(self, row: Row) -> str:
        """Name a row as people know it."""
        fields = (*self.shape.names, *self.shape.keys[::-1])
        return next((cut(row[one.name], 60) for one in fields if row[one.name]), "–")

    def groups(self, field: Field) -> list[tuple[str, int, float]]:
        """Divide the rows by a field: value, rows and the sum of the first measure."""
        totals = [f"total({quoted(one.name)})" for one in self.shape.measures[:1]]
        sql = (
            f"SELECT {quoted(field.name)}, count(*), {(totals or ['0'])[0]} FROM records"  # noqa: S608
            " GROUP BY 1 ORDER BY 2 DESC, 1"
        )
        found: list[tuple[str, int, float]] = []
        others = [0, 0, 0.0]
        with told(self._file):
            for value, rows, total in self._db.execute(sql):
                if len(found) < _MOST_GROUPS:
                    name = field.choices.get(value, value)
                    found.append(("none" if name in (None, "") else cut(name, 40), rows, total))
                else:
                    others = [others[0] + 1, others[1] + rows, others[2] + total]
        return [*found, (f"{others[0]:,} more", int(others[1]), others[2])] if others[0] else found

    def days(self) -> tuple[str, dict[str, Points]]:
        """Sum up each measure day by day; where days lack rows, give their mean instead."""
        if self.shape.day is None:
            return "", {}
        sums = "".join(f", total({quoted(one.name)})" for one in self.shape.measures)
        found = self._all(
            f"SELECT {quoted(self.shape.day.name)}, count(*){sums} FROM records"  # noqa: S608
            " GROUP BY 1 ORDER BY 1"
        )
        found = [one for one in found if one[0]]
        is_whole = len({rows for _, rows, *_ in found}) <= 1
        return "Sum" if is_whole else "Mean", {
            one.name: [(_seconds(row[0]), row[n] / (1 if is_whole else row[1])) for row in found]
            for n, one in enumerate(self.shape.measures, 2)
        }

    def moments(self) -> Points:
        """Count rows by the month, or where there are few months by the day, of what they are of."""
        name = quoted(self.shape.moment.name) if self.shape.moment else "NULL"
        for digits in (7, 10):
            found = self._all(
                f"SELECT substr({name}, 1, {digits}), count(*) FROM records"  # noqa: S608
                f" WHERE {name} NOT NULL GROUP BY 1 ORDER BY 1 DESC LIMIT {_MOST_STEPS}"
            )
            if len(found) > 3:  # noqa: PLR2004  # fewer months are shown by their days
                break
        return [(_seconds(at), rows) for at, rows in reversed(found)]

    def pages(self) -> Points:
        """Count the pages as they came in."""
        ((first, last),) = self._all("SELECT min(fetched_at), max(fetched_at) FROM page")
        step = 1 + ((last or 0) - (first or 0)) // _MOST_STEPS
        sql = "SELECT fetched_at / ? * ?, count(*) FROM page GROUP BY 1 ORDER BY 1"
        return [(at, pages) for at, pages in self._all(sql, step, step)]

    def lists(self) -> Spread:
        """Tell how many rows the lists have."""
        ((total, spread),) = self._all(
            "SELECT total(n), spread(n) FROM (SELECT sum(rows) AS n FROM page JOIN list"
            " ON page.list = list.id AND page.reading = list.shown GROUP BY list.id)"
        )
        return Spread(total, _read(spread))

    def _keys(self) -> list[tuple[str, int, str]]:
        """Tell of each parameter that tells lists apart how many values it has, and some."""
        return [
            (key, *self._all(
                f"SELECT count(DISTINCT {name}), (SELECT group_concat({name}, ', ') FROM"  # noqa: S608
                f" (SELECT DISTINCT {name} FROM list LIMIT 3)) FROM list"
            )[0])
            for key, name in zip(self.known.keys, map(quoted, self.known.key_columns), strict=True)
        ]  # fmt: skip

    def runs(self) -> list[tuple[Any, ...]]:
        """List the runs, the last one first."""
        return self._all(
            "SELECT started_at, updated_at, pages, rows, spent, uncertain, requests, qps FROM run"
            " ORDER BY id DESC"
        )

    def snapshots(self, measure: Field) -> Points:
        """Sum up a measure over the lists that were read more than once, after each reading."""
        found = self._all(
            f"SELECT list.id, max(page.fetched_at), total({quoted(measure.name)}) FROM list"  # noqa: S608
            " JOIN page ON page.list = list.id AND page.reading <= list.shown LEFT JOIN record"
            " ON record._id BETWEEN page.first AND page.first + page.rows - 1"
            " WHERE list.shown > 1 GROUP BY list.id, page.reading ORDER BY 2"
        )
        lists, whole = len({one for one, *_ in found}), 0.0
        newest: dict[int, float] = {}
        points: dict[float, float] = {}
        for one, at, total in found:
            whole += total - newest.get(one, 0.0)
            newest[one] = total
            if len(newest) == lists:
                points[at] = whole
        return list(points.items())[:: 1 + len(points) // 500]

    def reasons(self, table: str) -> list[tuple[str, int]]:
        """Count why rows are invalid (``reject``), or why lists failed (``list``)."""
        only = "" if table == "reject" else f"WHERE state = {State.FAILED.value}"
        ((found,),) = self._all(f"SELECT reasons(error) FROM {table} {only}")  # noqa: S608
        return _read(found)


def _seconds(day: str) -> float:
    """Read a day, or a month such as 2026-01, as Unix seconds."""
    return datetime.fromisoformat(f"{day}-01"[:10]).replace(tzinfo=UTC).timestamp()


def _read(text: str | None) -> list[tuple[Any, ...]]:
    """Read what an aggregate gave; nothing where it saw no row."""
    return [tuple(one) for one in orjson.loads(text or "[]")]


class _Spread:
    """Counts numbers to two digits; a million of them are some hundred."""

    name = "spread"

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def step(self, value: object) -> None:
        if isinstance(value, (int, float)):
            key = "%.2g" % value  # noqa: UP031  # an f-string takes twice as long
            self._counts[key] = self._counts.get(key, 0) + 1

    def finalize(self) -> str:
        return orjson.dumps(sorted((float(key), n) for key, n in self._counts.items())).decode()


class _Unknown:
    """Counts the fields that have no column, with an example of each."""

    name = "unknown"

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, str]] = {}

    def step(self, extra: str | None) -> None:
        for name, value in orjson.loads(extra or "{}").items():
            if name in self._found:
                count, example = self._found[name]
                self._found[name] = count + 1, example
            elif len(self._found) < _MOST_NAMES:
                self._found[name] = 1, cut(orjson.dumps(value).decode(), 80)

    def finalize(self) -> str:
        most = sorted(self._found.items(), key=lambda one: -one[1][0])
        return orjson.dumps([(name, *rest) for name, rest in most]).decode()


_VALUES = re.compile(r"'(?:[^'\\]|\\.)*'?|\"(?:[^\"\\]|\\.)*\"?|\d+")


class _Reasons(_Unknown):
    """Counts errors by what went wrong: where, and with which value, is left out."""

    name = "reasons"

    def step(self, error: str | None) -> None:
        reason = cut(_VALUES.sub("…", (error or "").partition(" (")[0]), 160)
        super().step(orjson.dumps({reason: None}).decode())
