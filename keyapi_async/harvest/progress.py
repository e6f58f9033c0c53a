"""How far a harvest is, what a run has done, and what a ledger holds."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from keyapi_async.bookmark import Bookmark
from keyapi_async.errors import KeyAPIError


@attrs.frozen
class ListFailure:
    """A list that ended with an error; the next run takes it up at its bookmark.

    Attributes:
        key: its key, such as a product's id; several values have spaces between them.
        error: what happened, in words.
        bookmark: where it will be taken up.
    """

    key: str
    error: str
    bookmark: Bookmark


@attrs.frozen(kw_only=True)
class Counts:
    """What there is: lists of the whole ledger, and what came of them.

    Attributes:
        done: lists read to their end.
        failed: lists that ended with an error; the next run tries them again.
        left: lists not begun, or not read to their end.
        pages: pages committed, each of which was paid for.
        rows: rows committed, invalid ones and those of earlier readings included.
        rejects: invalid rows.
    """

    done: int
    failed: int
    left: int
    pages: int = 0
    rows: int = 0
    rejects: int = 0

    @property
    def total(self) -> int:
        """Lists of the ledger."""
        return self.done + self.failed + self.left


@attrs.frozen(kw_only=True)
class Progress(Counts):
    """How far a run is: what its live display shows; pages and rows are of this run alone.

    Attributes:
        before: lists that were done before this run.
        spent: credits spent.
        uncertain: credits that may have been spent: requests sent and never answered.
        requests: requests sent, retries included.
        elapsed: seconds.
        qps: requests a second that the client may send; None where that is unknown.
        budget: credits that the client may spend; None where there is no limit.
        paused: why nothing is sent just now, in words; None where it goes on.
    """

    before: int = 0
    spent: int = 0
    uncertain: int = 0
    requests: int = 0
    elapsed: float = 0.0
    qps: float | None = None
    budget: int | None = None
    paused: str | None = None

    @property
    def rate(self) -> float:
        """Requests a second that were reached."""
        return self.requests / self.elapsed if self.elapsed > 0 else 0.0

    @property
    def time_left(self) -> float | None:
        """Seconds that the rest may take; None while there is nothing to judge by."""
        ended = self.done - self.before
        return self.elapsed / ended * self.left if ended > 0 else None


@attrs.frozen(kw_only=True)
class HarvestReport(Progress):
    """What a run has done.

    Attributes:
        stopped: whether the run ended before its time, by a stop or an error.
        failures: the first hundred of the failed lists.
    """

    stopped: bool = False
    failures: tuple[ListFailure, ...] = ()


@attrs.frozen(kw_only=True)
class Status(Counts):
    """What a ledger holds.

    Attributes:
        listing: what its lists are: name, path, record, page_size, until, and the parameters that
            all of them share; empty before the first run.
        keys: the names of the parameters that tell one list from another.
        size: bytes of the file and of the log beside it.
        first: when the first run began (UTC); None before it.
        last: when a run last wrote something.
        running: whether a run is under way, in whatever process.
        run: how far that run is, or where the last one ended; None before the first.
    """

    listing: Mapping[str, str | int]
    keys: tuple[str, ...]
    size: int
    first: datetime | None
    last: datetime | None
    running: bool
    run: Progress | None


class HarvestStoppedError(KeyAPIError):
    """The key, the credits, the budget or the network ended a run; what was bought is kept.

    It is caused by the error that ended the run.

    Attributes:
        report: what the run has done.
    """

    def __init__(self, message: str, report: HarvestReport) -> None:
        """Say what ended the run, and what it has done."""
        super().__init__(message)
        self.args: tuple[Any, ...] = (message, report)
        self.report = report
