"""What a harvest has done, and what is left of it."""

import attrs

from keyapi_async.bookmark import Bookmark
from keyapi_async.errors import KeyAPIError


@attrs.frozen
class ListFailure:
    """A list that ended with an error; the next run takes it up at its bookmark.

    Attributes:
        key: its key, such as a product's id.
        error: what happened, in words.
        bookmark: where it will be taken up.
    """

    key: str
    error: str
    bookmark: Bookmark


@attrs.frozen
class Status:
    """What a ledger holds.

    Attributes:
        job: its job, as parameters by name; empty before the first run.
        done: lists read to their end.
        failed: lists that ended with an error; they will be tried again.
        left: lists not begun, or not read to their end.
        pages: pages in the ledger, each of which cost a credit.
        rows: rows in the ledger, those that are no record among them.
        rejects: rows that are no record.
    """

    job: dict[str, int | str]
    done: int
    failed: int
    left: int
    pages: int
    rows: int
    rejects: int


@attrs.frozen(kw_only=True)
class HarvestReport:
    """What a run has done.

    ``done``, ``failed`` and ``left`` count the lists of the whole ledger; everything else is of
    this run alone.

    Attributes:
        done: lists read to their end.
        failed: lists that ended with an error; the next run tries them again.
        left: lists not begun, or not read to their end.
        pages: pages committed.
        rows: rows committed, those that are no record among them.
        rejects: rows that are no record.
        spent: credits spent.
        uncertain: credits of which nobody knows: sent, and never answered.
        requests: requests sent, retries included.
        elapsed: seconds.
        qps: requests a second that the client may send; None where that is unknown.
        stopped: whether the run ended before its time, by a stop or an error.
        failures: the first hundred of the failed lists; empty while the run goes on.
    """

    done: int
    failed: int
    left: int
    pages: int
    rows: int
    rejects: int
    spent: int
    uncertain: int
    requests: int
    elapsed: float
    qps: float | None
    stopped: bool = False
    failures: tuple[ListFailure, ...] = ()

    @property
    def rate(self) -> float:
        """Requests a second that were reached."""
        return self.requests / self.elapsed if self.elapsed > 0 else 0.0


class HarvestStoppedError(KeyAPIError):
    """The key, the credits or the budget ended a run; what was paid for is in the ledger.

    It is caused by the error that ended the run.

    Attributes:
        report: what the run has done.
    """

    def __init__(self, message: str, report: HarvestReport) -> None:
        """Say what ended the run, and what it has done."""
        super().__init__(message)
        self.args = (message, report)
        self.report = report
