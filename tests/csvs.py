"""CSV files as a careful reader takes them, however large a cell is."""

import csv
from pathlib import Path


def read_csv(file: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Read the names of the columns, and the rows."""
    before = csv.field_size_limit(2**24)
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.DictReader(text, strict=True)
            return list(reader.fieldnames or ()), list(reader)
    finally:
        csv.field_size_limit(before)
