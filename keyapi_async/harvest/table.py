"""What an exported file looks like, whatever its format."""

import json
from collections.abc import Sequence
from typing import Protocol, cast

import attrs
import orjson

from keyapi_async.harvest.job import AnySubject
from keyapi_async.records.codec import kinds_of
from keyapi_async.records.fields import Kind

Key = tuple[str, ...]


@attrs.frozen
class Column:
    """A field of a record as a column.

    Attributes:
        name: the field's.
        of: the type of its values.
        kind: how the API writes it; None for what the API does not send by this name.
    """

    name: str
    of: object
    kind: Kind | None


@attrs.frozen
class Table:
    """What a sheet looks like: the key of the list, the fields, and what is beyond them.

    Attributes:
        keys: the names of the key's columns.
        fields: the record's documented fields, in their order.
    """

    keys: tuple[str, ...]
    fields: tuple[Column, ...]

    @property
    def head(self) -> list[str]:
        """All names, in their order."""
        return [*self.keys, *(field.name for field in self.fields), "extra"]


class Sheet(Protocol):
    """A file under way, in one format."""

    def add(self, keys: Sequence[Key], records: Sequence[object]) -> None:
        """Write some records, each with the key of its list."""
        ...

    def end(self) -> None:
        """Write what is left to write."""
        ...


def table_of(subject: AnySubject) -> Table:
    """Lay out the columns of a subject's records."""
    kinds = kinds_of(subject.record)
    fields = attrs.fields(cast("type[attrs.AttrsInstance]", subject.record))
    return Table(
        tuple(f"list_{name}" for name in subject.key),
        tuple(
            Column(field.name, kind.becomes if kind else field.type, kind)
            for field in fields
            for kind in [kinds.get(field.name)]
            if field.name != "extra"
        ),
    )


def json_text(value: object) -> bytes:
    """Write JSON; whole numbers may be longer than 64 bits."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
