"""The converter that makes records of rows and rows of records, and the readers of streams."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, TypeVar, cast

import attrs

from keyapi_async.errors import DecodeError, InvalidParameterError, printable
from keyapi_async.records.codec import ReadRow, ReadRows, is_record, readers, writer
from keyapi_async.records.fields import Amount, Count, Flag, Kind, Text

if TYPE_CHECKING:
    from cattrs import Converter

    converter: Converter
    """The cattrs converter of all records: ``converter.structure(row, ProductCreator)``."""

T = TypeVar("T")

_CODECS: dict[type, tuple[ReadRow[object], ReadRows[object]]] = {}


def unstructure(record: object) -> dict[str, object]:
    """Give back the row of a record as the API sends it, without the fields that are None."""
    return cast("dict[str, object]", _converter().unstructure(record))


@cache
def _converter() -> "Converter":
    # Imported here, as the codecs are made where they are used: importing the client is cheap.
    from cattrs import Converter  # noqa: PLC0415

    made = Converter()
    for scalar, annotated in ((int, Count), (float, Amount), (bool, Flag), (str, Text)):
        made.register_structure_hook(scalar, _scalar(annotated))
    made.register_structure_hook_factory(_derives_from_record, _hook)
    made.register_unstructure_hook_factory(_derives_from_record, writer)
    return made


# To a type checker, `__getattr__` would make any misspelt name an object.
if not TYPE_CHECKING:  # pragma: no branch

    def __getattr__(name: str) -> object:
        if name == "converter":
            return _converter()
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["converter", "unstructure"]


def _scalar(annotated: object) -> Callable[[object, Callable[..., T]], T]:
    """Read numbers, flags and texts into users' classes as into records; None is an error."""
    kind: Kind = getattr(annotated, "__metadata__")[0]  # noqa: B009  # of Annotated, which has no type

    def structured(value: object, into: Callable[..., T]) -> T:
        if (found := kind.read(value)) is None:
            raise ValueError("is missing")
        into(value)  # what cattrs would refuse is refused
        return into(found)  # an enum of numbers is made here, too

    return structured


def _derives_from_record(cls: object) -> bool:
    return isinstance(cls, type) and any(is_record(base) for base in cls.__mro__)


def _hook(into: type[T]) -> Callable[[object, type[T]], T]:
    """Make the function that reads a row into a record class, or a class derived from one."""
    cls = next(base for base in into.__mro__ if is_record(base))
    read: ReadRow[object] = reader_of(cls)
    if into is cls:
        return lambda row, _: cast("T", read(row, None))
    names = [field.name for field in attrs.fields(cast("type[attrs.AttrsInstance]", cls))]

    def structured(row: object, _: type[T]) -> T:
        record = read(row, None)
        return into(**{name: getattr(record, name) for name in names})

    return structured


def reader_of(into: type[T]) -> ReadRow[T]:
    """Find the function of (row, position in the list) that makes an ``into`` of a row.

    An InvalidParameterError says that rows cannot become that; the function raises a DecodeError.
    """
    return _codec_of(into)[0]


def page_reader_of(into: type[T]) -> ReadRows[T]:
    """Find the function of (rows, position of the first) that does the same for a page."""
    return _codec_of(into)[1]


def _codec_of(into: type[T]) -> tuple[ReadRow[T], ReadRows[T]]:
    if isinstance(into, type) and into in _CODECS:
        return cast("tuple[ReadRow[T], ReadRows[T]]", _CODECS[into])
    if into is not dict and not is_record(into):
        read = _structured(into)
        return read, _one_by_one(read)
    made = (_raw, _one_by_one(_raw)) if into is dict else readers(into)
    _CODECS[into] = cast("tuple[ReadRow[object], ReadRows[object]]", made)
    return cast("tuple[ReadRow[T], ReadRows[T]]", made)


def _one_by_one(read: ReadRow[T]) -> ReadRows[T]:
    return lambda rows, first: [read(row, position) for position, row in enumerate(rows, first)]


def _raw(row: object, _: int | None) -> dict[str, object]:
    if not isinstance(row, dict):
        raise DecodeError(None, row, "is not an object")
    return row


def _structured(into: type[T]) -> ReadRow[T]:
    """Read rows into any class that cattrs can structure."""
    import cattrs  # noqa: PLC0415  # as above

    try:
        structure = _converter().get_structure_hook(into)
    except (TypeError, cattrs.StructureHandlerNotFoundError):
        allowed = "a record class, dict, or a class that cattrs can structure"
        raise InvalidParameterError("into", into, allowed) from None

    def read(row: object, _: int | None) -> T:
        try:
            return cast("T", structure(_raw(row, None), into))
        except cattrs.BaseValidationError as error:
            reason = "; ".join(cattrs.transform_error(error))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            reason = f"{type(error).__name__}: {error}"
        name = into.__name__ if isinstance(into, type) else into
        raise DecodeError(None, row, f"cannot become {name}: {printable(reason)}")

    return read
