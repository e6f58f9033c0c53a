"""Products and their creators in memory, on a virtual clock, with a ledger on a real disk."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple
from urllib.parse import parse_qsl

from keyapi_async import KeyAPI, KeyAPIError, ProductCreator, RecordStream, RetryPolicy, unstructure
from keyapi_async.call.wire import Answer, Request
from keyapi_async.errors import ConnectionFailedError
from keyapi_async.harvest import Harvest, HarvestReport
from tests import virtual
from tests.streams.lists import Lists

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Row = dict[str, Any]


class InlineLoop(virtual.VirtualLoop):
    """A virtual clock on which what runs in threads runs at once, and is known a moment later."""

    lag = 0.002

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> "asyncio.Future[T]":
        future = self.create_future()
        tell: Callable[[Any], object] = future.set_result
        try:
            value: Any = func(*args)
        except Exception as error:  # noqa: BLE001  # as an executor does
            tell, value = future.set_exception, error
        self.call_later(self.lag, lambda: future.done() or tell(value))
        return future


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine on this clock."""
    return virtual.run(main, InlineLoop)


class Shop(Lists):
    """A server of one list of creators for each product.

    ``strange`` says what stands in a row's place; products that are ``cut_off`` cannot be
    connected to, and nothing can while it is ``offline``.
    """

    def __init__(self, lengths: dict[str, int], latency: float = 0.05) -> None:
        super().__init__(lengths, latency)
        self.strange: dict[tuple[str, int], object] = {}
        self.offline = False
        self.cut_off: set[str] = set()

    @property
    def ids(self) -> list[str]:
        return list(self.lengths)

    def list_of(self, query: Mapping[str, str]) -> str:
        return query["product_id"]

    def row(self, part: str, place: int) -> object:
        return self.strange.get((part, place), creator(part, place))

    def records(self) -> list[Row]:
        rows = (self.row(one, place) for one in self.lengths for place in range(self.lengths[one]))
        return [
            row for row in rows if isinstance(row, dict) and {"product_id", "user_id"} <= set(row)
        ]

    def least(self) -> int:
        return sum(length // 10 + 1 for length in self.lengths.values())

    def fault(self, part: str, page_num: int) -> KeyAPIError | int | None:
        if not self.offline and part not in self.cut_off:
            return super().fault(part, page_num)
        error = ConnectionFailedError("cannot connect to the server")
        error.sent = False
        return error

    def client(self, **options: Any) -> KeyAPI:
        options.setdefault("retry", RetryPolicy(attempts=2, initial=0.01))
        options.setdefault("qps", 1e5)
        return virtual.client(self, **options)


class Answers:
    """A server that answers with whole pages of any rows; ``n`` of the query says which."""

    def __init__(self, pages: Sequence[Any]) -> None:
        self.bodies = [
            page if isinstance(page, bytes) else json.dumps(list(page)).encode() for page in pages
        ]

    async def send(self, request: Request, within: float) -> Answer | KeyAPIError:
        rows = self.bodies[int(dict(parse_qsl(request.query))["n"])]
        return Answer(200, {}, b'{"code": 0, "data": %s}' % rows)

    async def close(self) -> None:
        pass

    def client(self) -> KeyAPI:
        return virtual.client(self, qps=1e5)

    async def harvested(self, harvest: Harvest, into: type[Any] = dict) -> HarvestReport:
        """Harvest every page as a list of its own."""
        api = self.client()
        return await harvest.run(
            range(len(self.bodies)), lambda n: api.iter_records("/x", {"n": n}, into, pages=None)
        )


def creator(product_id: str, place: int) -> Row:
    return {
        "product_id": product_id,
        "user_id": str(7_000_000 + place),
        "nick_name": f'Zoë, "{place}" 🎉\n',
        "total_followers_cnt": place * 10,
        "per_product_ifl_gmv_amt": place + 0.5,
    }


def products(*lengths: int) -> dict[str, int]:
    return {str(100 + place): length for place, length in enumerate(lengths)}


def creators(api: KeyAPI, **options: Any) -> Callable[[str], RecordStream[ProductCreator]]:
    return lambda key: api.tiktok.product.iter_creators(key, **options)


@asynccontextmanager
async def filled(file: Path, *lengths: int) -> AsyncIterator[Harvest]:
    """Open a ledger in which lists of some lengths have been read."""
    server = Shop(products(*lengths))
    async with Harvest.open(file) as harvest:
        await harvest.run(server.ids, creators(server.client()))
        yield harvest


async def rows_in(harvest: Harvest) -> list[Row]:
    return [unstructure(record) async for record in harvest.records(ProductCreator)]


def killed(ledger: Path, into: Path) -> Path:
    """Copy a ledger as a SIGKILL would leave it: what is not on the disk is lost."""
    for suffix in ("", "-wal"):
        source = Path(f"{ledger}{suffix}")
        if source.exists():
            shutil.copy(source, f"{into}{suffix}")
    return into
