"""Options that several commands have, and checks that typer's own ranges cannot make."""

import math
from collections.abc import Sequence
from typing import Annotated

import typer


def positive(value: float | None) -> float | None:
    """Check a number above 0, if it is given; a range of typer's would let nan pass."""
    if value is None or 0 < value < math.inf:
        return value
    raise typer.BadParameter(f"{value:g} is not a number above 0.")


def finite(value: float) -> float:
    """Check a number of 0 or more."""
    if 0 <= value < math.inf:
        return value
    raise typer.BadParameter(f"{value:g} is not a number of 0 or more.")


Qps = Annotated[
    float,
    typer.Option(
        "--qps", metavar="N", callback=positive, help="Queries a second that the plan allows."
    ),
]
MaxCredits = Annotated[
    int | None, typer.Option("--max-credits", metavar="N", min=0, help="Credits to spend at most.")
]
CategoryName = Annotated[
    str | None,
    typer.Option(
        "--influencer-category-name", metavar="NAME", help="Influencers of a category alone."
    ),
]
ProductCategory = Annotated[
    str | None,
    typer.Option(
        "--product-category-id", metavar="ID", help="Influencers who sell a category alone."
    ),
]
IdsFile = Annotated[
    str,
    typer.Option("--ids", metavar="FILE", help="Ids, one a line, or a CSV; - for standard input."),
]
Column = Annotated[
    str | None,
    typer.Option("--column", metavar="NAME", help="Column of the ids, where the file is a CSV."),
]
Dates = Annotated[
    list[str],
    typer.Option("--dates", metavar="DATE,…", help="yyyy-MM-dd: the first days of the periods."),
]
Regions = Annotated[
    list[str], typer.Option("--regions", metavar="CODE,…", help="Two letters each, such as US.")
]


def split(given: Sequence[str]) -> list[str]:
    """Take apart what is given with commas, as a repeated option, or both."""
    return [one.strip() for text in given for one in text.split(",")]
