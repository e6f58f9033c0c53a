"""The figures of a report: counted by SQLite in a few passes, all of one and the same moment."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import orjson

from keyapi_async.harvest.columns import quoted
from keyapi_async.harvest.progress import Status
from keyapi_async.harvest.reading import Reading
from keyapi_async.harvest.schema import State
from keyapi_async.report.fields import (
    Field,
    dimensions_of,
    fields_of,
    keys_of,
    label_of,
    measures_of,
    names_of,
)
from keyapi_async.report.markup import DASH, cut, is_personal

Row = dict[str, Any]
Points = list[tuple[float, float]]

_CANDIDATES = 1000
"""Best rows looked at: one thing may be in many of them, and is shown once."""
_MOST_NAMES, _MOST_GROUPS, _MOST_STEPS = 200, 8, 60


@attrs.frozen
class Spread:
    """How numbers are spread: their sum, and how often each is there, in order, to two digits."""

    total: float = 0.0
    counts: list[tuple[float, int]] = attrs.field(factory=list)

    @property
    def number(self) -> int:
        """How many there are."""
        return sum(count for _, count in self.counts)

    @property
    def mean(self) -> float:
        """Their mean."""
        return self.total / self.number

    def quantile(self, share: float) -> float:
        """Give the one below which a share of them is."""
        left = share * self.number
        return next(value for value, count in self.counts if (left := left - count) <= 0)

    @property
    def is_skewed(self) -> bool:
        """Whether only a logarithmic scale shows most of those above 0."""
        above = [one for one in self.counts if one[0] > 0]
        if not above or self.counts[0][0] < 0:
            return False
        return above[-1][0] > 15 * Spread(0, above).quantile(0.5)


class Figures(Reading):
    """The figures of a ledger, as they are at the moment of opening it."""

    state: Status  # how far it is
    facts: Mapping[str, Any]  # what all its lists have in common
    doc: str  # what a row is, in one sentence
    fields: list[Field]  # all fields of its rows
    keys: list[Field]  # those that tell one thing from another
    measures: list[Field]  # what is measured, the most telling first
    day: Field | None  # the day that a row's figures belong to, in a trend
    moment: Field | None  # the time of what a row is about, such as the publishing of a video
    rank: Field | None  # the place in a ranking
    dimensions: list[Field]  # what divides the rows into groups
    listed: list[Field]  # what a table shows of a row
    number: int  # how many rows are shown; those of earlier readings are not
    filled: dict[str, int]  # how many of them have a value, by field
    spreads: dict[str, Spread]  # how the measures are spread
    unknown: list[Any]  # fields that have no column: name, rows, example
    asked: list[tuple[Any, ...]]  # parameters that tell lists apart: name, values, some of them

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        try:
            self._choose()
            self._count()
        except BaseException:
            self.close()
            raise

    def _choose(self) -> None:
        """See what the rows are, and choose what to show of them."""
        self._all("BEGIN")
        self.state, known = self.status(), self.about()
        self.facts = known.facts
        self.doc, self.fields = fields_of(known)
        shown = [one for one in self.fields if not is_personal(one.name, one.doc)]
        self.keys = keys_of(shown)
        days = [one for one in shown if (one.name, one.kind) == ("dt", "date")]
        self.day = attrs.evolve(days[0], label="Day") if days else None
        self.moment = next((one for one in shown if one.kind.startswith("moment")), None)
        self.measures = measures_of(shown, is_trend=bool(days))
        self.asked = [
            (name, *self._all(
                f"SELECT count(DISTINCT {column}), (SELECT group_concat({column}, ', ') FROM"  # noqa: S608
                f" (SELECT DISTINCT {column} FROM list LIMIT 3)) FROM list"
            )[0])
            for name, column in zip(known.keys, map(quoted, known.key_columns), strict=True)
        ]  # fmt: skip
        own = {one.name for one in self.fields}
        asked = [
            Field(f"list_{name}", "text", label_of(name))
            for name, number, _ in self.asked
            if number > 1 and name not in own and not name.endswith("ids")
        ]
        self.dimensions = [*dimensions_of(shown), *asked]
        self._named = names_of(shown)
        self._ids = sorted(self.keys, key=self._different, reverse=True)
        rank = [one for one in shown if one.kind == "position"]
        self.rank = rank[0] if rank else None
        day = [self.day] if self.day else []
        codes = set() if self.measures else {"choice", "flag"}  # where there is room
        some = [one for one in self.dimensions if one.kind in {"text", "id", *codes}]
        when = [self.moment] if self.moment else []
        columns = [*rank, *self._named, *self.keys, *some[:2], *asked, *day, *when]
        columns += self.measures
        if not (self._named or self.keys):  # their fields are not documented
            columns += shown[: max(0, 8 - len(columns))]
        self.listed = list({one.name: one for one in columns}.values())

    def _different(self, field: Field) -> int:
        """Count the values of a field, in so many rows as tell which one names a row best."""
        name = quoted(field.name)
        sql = f"SELECT count(DISTINCT {name}) FROM (SELECT {name} FROM records LIMIT 10000)"  # noqa: S608
        return int(self._all(sql)[0][0])

    def _all(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._db.execute(sql, values).fetchall()

    def _count(self) -> None:
        """Look at every row: once for all fields, and once for each measure."""
        values = [f", count(nullif({quoted(one.name)}, ''))" for one in self.fields]
        ((self.number, *found),) = self._all(f"SELECT count(*){''.join(values)} FROM records")  # noqa: S608
        self.filled = {one.name: count for one, count in zip(self.fields, found, strict=True)}
        self.spreads = {one.name: self._spread(_number(one), "records") for one in self.measures}
        unknown: dict[str, tuple[int, str]] = {}
        for (extra,) in self._db.execute("SELECT extra FROM records WHERE extra NOT NULL"):
            for name, value in orjson.loads(extra).items():
                number, example = unknown.get(name, (0, ""))
                if number or len(unknown) < _MOST_NAMES:
                    unknown[name] = number + 1, example or cut(orjson.dumps(value).decode(), 80)
        most = sorted(unknown.items(), key=lambda one: -one[1][0])
        self.unknown = [(name, *rest) for name, rest in most]

    def _spread(self, number: str, rows: str) -> Spread:
        """Count numbers to two digits; a million of them are some hundred."""
        found = self._all(
            f"SELECT printf('%.2g', {number}) * 1.0, count(*), total({number}) FROM {rows}"  # noqa: S608
            f" WHERE {number} NOT NULL GROUP BY 1 ORDER BY 1"
        )
        return Spread(sum(one[2] for one in found), [one[:2] for one in found])

    def best(self, measure: Field | None, most: int) -> list[Row]:
        """Give the rows with the highest values or ranks, each thing once; of no field, the first.

        Where values are the same, the newest come first.
        """
        number = _number(measure) if measure else ""
        sense = "ASC" if measure and measure.kind == "position" else "DESC"
        time = self.day or self.moment
        newest = f", {quoted(time.name)} DESC" if time else ""
        order = f"WHERE {number} NOT NULL ORDER BY {number} {sense}{newest}" if measure else ""
        names = ", ".join(quoted(one.name) for one in self.listed) or "extra"
        found = self._all(f"SELECT {names} FROM records {order} LIMIT {_CANDIDATES}")  # noqa: S608
        once: dict[object, Row] = {}
        for n, values in enumerate(found):
            row = {one.name: value for one, value in zip(self.listed, values, strict=False)}
            key: tuple[object, ...] = tuple(row[one.name] for one in self.keys)
            name = next((row[one.name] for one in self._named if row[one.name]), None)
            if measure and measure.sums == "last" and name and not self.day:
                key = name, row[measure.name]  # it is the account's, in whatever list it stands
            once.setdefault(key or n, row)
        return list(once.values())[:most]

    def labels(self, rows: Sequence[Row]) -> list[str]:
        """Name rows as people know them; those of one name by what else is known of them."""
        fields = (*self._named, *self._ids)
        known = [[cut(row[one.name], 60) for one in fields if row[one.name]] for row in rows]
        times = Counter(names[0] for names in known if names)
        return [" · ".join(names[: min(2, times[names[0]])]) if names else DASH for names in known]

    def groups(self, field: Field) -> list[tuple[str, int, float]]:
        """Divide the rows by a field: value, rows and the sum of the first measure."""
        total = f"total({_number(self.measures[0])})" if self.measures else "0"
        sql = f"SELECT {quoted(field.name)}, count(*), {total} FROM records GROUP BY 1"  # noqa: S608
        found: list[tuple[str, int, float]] = []
        more, rows, sums = 0, 0, 0.0
        for value, number, total in self._db.execute(f"{sql} ORDER BY 2 DESC, 1"):
            if len(found) < _MOST_GROUPS:
                name = "No value" if value in {None, ""} else field.choices.get(value, value)
                found.append((cut(name, 40), number, total))
            else:  # there may be a million: none is kept
                more, rows, sums = more + 1, rows + number, sums + total
        return [*found, (f"{more:,} more", rows, sums)] if more else found

    def days(self, measure: Field) -> Points:
        """Sum up a measure day by day, or give its mean, as its kind demands."""
        assert self.day is not None  # noqa: S101  # the caller knows
        number, day = _number(measure), quoted(self.day.name)
        known = f"FROM records WHERE {day} || {number} NOT NULL"  # quoted names
        if measure.sums == "last":
            key = "||' '||".join(quoted(one.name) for one in self.keys)
            sql = f"SELECT {key}, {day}, {number} {known} ORDER BY 2"
            return [(_seconds(at), value) for at, value in self._newest(sql, 0.9)]
        sums = "total" if measure.sums == "sum" else "avg"
        sql = f"SELECT {day}, {sums}({number}) {known} GROUP BY 1"
        return [(_seconds(at), value) for at, value in self._all(sql)]

    def snapshots(self, measure: Field) -> Points:
        """Sum up a measure over the lists that were read more than once, after each reading."""
        sql = (
            f"SELECT list.id, max(page.fetched_at), total({_number(measure)}) FROM list"  # noqa: S608
            " JOIN page ON page.list = list.id AND page.reading <= list.shown LEFT JOIN record"
            " ON record._id BETWEEN page.first AND page.first + page.rows - 1"
            " WHERE list.shown > 1 GROUP BY list.id, page.reading ORDER BY 2"
        )
        points = self._newest(sql, 1)
        return points[:: 1 + len(points) // 500]

    def _newest(self, sql: str, share: float) -> list[tuple[Any, float]]:
        """Add up the newest value of each thing as time goes on, from when most have one."""
        newest: dict[object, float] = {}
        points: dict[object, tuple[float, int]] = {}
        whole = 0.0
        for one, at, value in self._db.execute(sql):
            whole += value - newest.get(one, 0.0)
            newest[one] = value
            points[at] = whole, len(newest)
        least = share * len(newest)
        return [(at, whole) for at, (whole, known) in points.items() if known >= least]

    def arrivals(self) -> tuple[float, Points]:
        """Count the pages as they came in: the seconds of a step, and when each begins."""
        ((span,),) = self._all("SELECT max(fetched_at) - min(fetched_at) FROM page")
        step = 1 + (span or 0) // _MOST_STEPS
        sql = "SELECT fetched_at / ? * ?, count(*) FROM page GROUP BY 1 ORDER BY 1"
        return step, [(at, pages) for at, pages in self._all(sql, step, step)]

    def lists(self) -> Spread:
        """Tell how many rows the lists have."""
        return self._spread(
            "n",
            "(SELECT sum(rows) AS n FROM page JOIN list ON page.list = list.id"
            " AND page.reading = list.shown GROUP BY list.id)",
        )

    def runs(self) -> list[tuple[Any, ...]]:
        """List the runs, the last one first."""
        return self._all(
            "SELECT started_at, updated_at, pages, rows, spent, uncertain, requests, qps FROM run"
            " ORDER BY id DESC"
        )

    def reasons(self, table: str) -> list[tuple[str, int]]:
        """Count why rows are invalid (``reject``), or why lists failed (``list``)."""
        only = "" if table == "reject" else f"WHERE state = {State.FAILED.value}"
        errors = self._db.execute(f"SELECT error FROM {table} {only}")  # noqa: S608
        return Counter(_reason(error or "") for (error,) in errors).most_common()


def _number(measure: Field) -> str:
    """Write a measure in SQL; what is too large to be meant is left out, and spoils no sum."""
    name = quoted(measure.name)
    return f"iif(abs({name} * 1.0) < 1e100, {name} * 1.0, NULL)"  # abs(-2**63) is an error


def _seconds(day: str) -> float:
    """Read a day as Unix seconds."""
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


_VALUES = re.compile(r"'(?:[^'\\]|\\.)*'?|\"(?:[^\"\\]|\\.)*\"?|\d+")
_STATUS = re.compile(r"HTTP \d+")


def _reason(error: str) -> str:
    """Say what went wrong: where, and with which value, is left out."""
    what, _, where = error.partition(" [")
    status = _STATUS.match(where)
    return f"{cut(_VALUES.sub('…', what), 160)}{f', {status[0]}' if status else ''}"
