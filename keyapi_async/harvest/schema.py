"""What a ledger is: its tables, the views that show it, and what its lists have in common."""

import sqlite3
from collections.abc import Mapping
from enum import IntEnum
from itertools import chain
from typing import Any

import attrs
import orjson

from keyapi_async.harvest.columns import Column, declared, quoted, shown
from keyapi_async.streams.stream import RecordStream

TABLES = """
CREATE TABLE about (facts TEXT NOT NULL);
CREATE TABLE field (
    position INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL, wire TEXT NOT NULL
);
CREATE TABLE list (
    id INTEGER PRIMARY KEY, query TEXT NOT NULL UNIQUE,
    state INTEGER NOT NULL DEFAULT 0, reading INTEGER NOT NULL DEFAULT 1,
    shown INTEGER NOT NULL DEFAULT 1, page_num INTEGER NOT NULL DEFAULT 1,
    read_at INTEGER, error TEXT{keys}
);
CREATE INDEX list_by_state ON list (state);
CREATE TABLE known_id (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE page (
    list INTEGER NOT NULL, reading INTEGER NOT NULL, page_num INTEGER NOT NULL,
    fetched_at INTEGER NOT NULL, request_id TEXT,
    first INTEGER NOT NULL, rows INTEGER NOT NULL, rejects INTEGER NOT NULL,
    PRIMARY KEY (list, reading, page_num)
) WITHOUT ROWID;
CREATE TABLE record (_id INTEGER PRIMARY KEY, extra TEXT, _as_sent INTEGER{columns});
CREATE TABLE as_sent (id INTEGER PRIMARY KEY, difference TEXT NOT NULL UNIQUE);
CREATE TABLE reject (
    list INTEGER NOT NULL, reading INTEGER NOT NULL, page_num INTEGER NOT NULL,
    place INTEGER NOT NULL, row TEXT, error TEXT NOT NULL,
    PRIMARY KEY (list, reading, page_num, place)
) WITHOUT ROWID;
CREATE TABLE run (
    id INTEGER PRIMARY KEY, pid INTEGER NOT NULL,
    started_at REAL NOT NULL, updated_at REAL NOT NULL,
    before INTEGER NOT NULL, qps REAL, budget INTEGER,
    pages INTEGER NOT NULL DEFAULT 0, rows INTEGER NOT NULL DEFAULT 0,
    rejects INTEGER NOT NULL DEFAULT 0, spent INTEGER NOT NULL DEFAULT 0,
    uncertain INTEGER NOT NULL DEFAULT 0, requests INTEGER NOT NULL DEFAULT 0,
    paused TEXT
)"""


class State(IntEnum):
    """How far a list is."""

    LEFT = 0
    DONE = 1
    FAILED = 2


@attrs.frozen
class About:
    """What all lists of a ledger have in common.

    Attributes:
        facts: what must be the same for every list, by name.
        keys: the names of the parameters that tell one list from another.
        columns: the fields of the rows.
    """

    facts: Mapping[str, Any]
    keys: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The names of the columns that have the key of the list."""
        return tuple(f"list_{name}" for name in self.keys)

    @property
    def names(self) -> list[str]:
        """The names of all columns that are shown, in their order."""
        return [*self.key_columns, "fetched_at", *(one.name for one in self.columns), "extra"]

    @property
    def reserved(self) -> tuple[str, ...]:
        """Names that no field of a row may have as a column."""
        return (*self.key_columns, "fetched_at", "extra", "_id", "_as_sent")

    @property
    def record(self) -> str:
        """The name of the record class; "dict" where there is none."""
        return str(self.facts["record"])

    @property
    def page_size(self) -> int:
        """Rows a page."""
        return int(self.facts["page_size"])


def facts_of(stream: RecordStream[Any]) -> dict[str, str | int]:
    """Tell what must be the same for every list of a ledger."""
    listing = stream.listing
    return {
        "name": listing.name,
        "path": listing.path,
        "record": listing.into.__name__,
        "rows": listing.rows,
        "paging": "none" if listing.pages is None else type(listing.pages).__name__,
        "page_size": stream.page_size,
        "until": stream.until.value,
        "key": " ".join(listing.key),
        **{f"parameter {name}": value for name, value in listing.shared.items()},
    }


def difference(known: Mapping[str, object], other: Mapping[str, object], where: str) -> str | None:
    """Name what is not the same, if anything is not."""
    unequal = [
        f"{name} is {known.get(name, 'not set')} {where}, and {other.get(name, 'not set')} here"
        for name in {**known, **other}
        if known.get(name) != other.get(name)
    ]
    return ", ".join(unequal) or None


def count_lists(db: sqlite3.Connection) -> dict[str, Any]:
    """Count the lists that are done, failed and left; by their index, so that it is quick."""
    found = dict(db.execute("SELECT state, count(*) FROM list GROUP BY state").fetchall())
    return {state.name.lower(): found.get(state, 0) for state in State}


def about(db: sqlite3.Connection) -> About | None:
    """Read what a ledger's lists have in common; None where it has none yet."""
    if not db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'about'").fetchone()[0]:
        return None
    (text,) = db.execute("SELECT facts FROM about").fetchone()
    stored = orjson.loads(text)
    fields = db.execute("SELECT name, kind, wire FROM field ORDER BY position").fetchall()
    if not all(
        isinstance(one, str) for one in (*stored["facts"], *stored["keys"], *chain(*fields))
    ):
        raise TypeError("names that are not texts")
    return About(stored["facts"], tuple(stored["keys"]), tuple(Column(*field) for field in fields))


def create(db: sqlite3.Connection, made: About) -> None:
    """Make the tables and views of a ledger."""
    script = TABLES.format(
        keys="".join(f", {quoted(name)} TEXT" for name in made.key_columns),
        columns="".join(f", {declared(column)}" for column in made.columns),
    )
    for statement in script.split(";\n"):
        db.execute(statement)
    text = orjson.dumps({"facts": made.facts, "keys": made.keys}).decode()
    db.execute("INSERT INTO about VALUES (?)", (text,))
    db.executemany(
        "INSERT INTO field (name, kind, wire) VALUES (?, ?, ?)",
        [(column.name, column.kind, column.wire) for column in made.columns],
    )
    show(db, made)


def show(db: sqlite3.Connection, made: About) -> None:
    """Make the views: ``records`` as the exports are, and ``snapshots`` with every reading."""
    columns = [
        *(f"list.{quoted(name)}" for name in made.key_columns),
        f"{FETCHED_AT} AS fetched_at",
        *(f"{shown(column)} AS {quoted(column.name)}" for column in made.columns),
        "record.extra AS extra",
    ]
    for name, which in (("records", " AND page.reading = list.shown"), ("snapshots", "")):
        db.execute(f"DROP VIEW IF EXISTS {name}")
        db.execute(
            f"CREATE VIEW {name} AS SELECT {', '.join(columns)}"  # noqa: S608  # quoted names
            f" FROM list CROSS JOIN page ON page.list = list.id{which}"
            " CROSS JOIN record ON record._id BETWEEN page.first AND page.first + page.rows - 1"
        )


FETCHED_AT = "strftime('%Y-%m-%dT%H:%M:%SZ', page.fetched_at, 'unixepoch')"
