"""What the wild sends: every oddity of the sandbox, through a whole stream."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from keyapi_async import (
    AuthenticationError,
    KeyAPI,
    KeyAPIError,
    NotFoundError,
    PermissionDeniedError,
    ProductCreator,
    QuotaExceededError,
    RecordStream,
    ResponseError,
    unstructure,
)
from keyapi_async.sandbox import Service
from keyapi_async.sandbox.faults import Fault, Faults
from tests import virtual

CREATORS = "/v1/tiktok/product/creators/analytics"
PRODUCT = "1729492547846767618"


def run(faults: Faults, main: Callable[[KeyAPI, Service], Awaitable[None]]) -> None:
    service = Service(faults=faults)

    async def whole() -> None:
        await main(virtual.client(virtual.SandboxTransport(service), timeout=5.0), service)

    virtual.run(whole)


async def read(stream: RecordStream[ProductCreator], into: list[ProductCreator]) -> None:
    async for creator in stream:
        into.append(creator)  # noqa: PERF401  # what comes before an error counts


def documented(service: Service) -> list[dict[str, object]]:
    return [dict(row) for row in service.rows(CREATORS, product_id=PRODUCT)]


@pytest.mark.parametrize("fault", [None, "numeric_strings", "object_data", "delay"])
def test_odd_forms_are_the_same_records(fault: str | None) -> None:
    async def main(api: KeyAPI, service: Service) -> None:
        service.faults = Faults(script=[fault] * 1000, delay=0.5)
        creators = await api.tiktok.product.iter_creators(PRODUCT).collect()
        assert [unstructure(creator) for creator in creators] == documented(service)

    run(Faults(), main)


def test_unknown_fields_are_kept_untouched() -> None:
    async def main(api: KeyAPI, service: Service) -> None:
        creators = await api.tiktok.product.iter_creators(PRODUCT, limit=30).collect()
        extra = {"is_ad": 0, "video_products": "[1732322694475518433]"}
        assert [creator.extra for creator in creators] == [extra] * 30
        plain = [{k: v for k, v in unstructure(c).items() if k not in extra} for c in creators]
        assert plain == documented(service)[:30]

    run(Faults(script=["unknown_fields"] * 10), main)


def test_missing_fields_are_none() -> None:
    async def main(api: KeyAPI, service: Service) -> None:
        creators = await api.tiktok.product.iter_creators(PRODUCT, limit=10).collect()
        assert creators == [
            ProductCreator(product_id=str(row["product_id"]), user_id=str(row["user_id"]))
            for row in documented(service)[:10]
        ]

    run(Faults(script=["missing_fields"]), main)


@pytest.mark.parametrize("fault", ["null_data", "missing_data"])
def test_null_and_nothing_are_an_empty_list(fault: str) -> None:
    async def main(api: KeyAPI, service: Service) -> None:
        assert await api.tiktok.product.iter_creators(PRODUCT).collect() == []
        assert api.credits.spent == 1

    run(Faults(script=[fault]), main)


PASSING = [
    "429", "500", "502", "503", "reset", "close", "truncate", "hang", "drip", "bad_json",
    "bad_utf8", "html", "empty_body", "error_in_200", "429_in_200",
]  # fmt: skip


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("page", [1, 4])
@pytest.mark.parametrize("prefetch", [0, 3])
def test_what_passes_loses_and_repeats_no_row(fault: str, page: int, prefetch: int) -> None:
    async def main(api: KeyAPI, service: Service) -> None:
        stream = api.tiktok.product.iter_creators(PRODUCT, limit=60, prefetch=prefetch)
        creators = await stream.collect()
        assert [unstructure(creator) for creator in creators] == documented(service)[:60]
        assert api.credits.spent == 6
        assert service.billed <= api.credits.spent + api.credits.uncertain
        assert api.stats.requests == len(service.requests) == 7

    run(Faults(script=[*[None] * (page - 1), fault]), main)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("401", AuthenticationError),
        ("402", QuotaExceededError),
        ("quota_500", QuotaExceededError),
        ("403", PermissionDeniedError),
        ("404", NotFoundError),
        ("redirect", ResponseError),
        ("zeros", ResponseError),
    ],
)
@pytest.mark.parametrize("prefetch", [0, 3])
def test_what_does_not_pass_is_told_and_the_stream_goes_on(
    fault: str, error: type[KeyAPIError], prefetch: int
) -> None:
    async def main(api: KeyAPI, service: Service) -> None:
        stream = api.tiktok.product.iter_creators(PRODUCT, limit=60, prefetch=prefetch)
        got: list[ProductCreator] = []
        with pytest.raises(error) as caught:
            await read(stream, got)
        assert caught.value.bookmark == stream.bookmark
        assert caught.value.bookmark is not None
        assert (caught.value.bookmark.page_num - 1) * 10 == len(got)
        await asyncio.sleep(301)
        api.credits.reset()
        got += await stream.collect()
        assert [unstructure(creator) for creator in got] == documented(service)[:60]
        await stream.aclose()

    run(Faults(script=[None, None, fault]), main)


def test_every_fault_of_the_sandbox_is_one_of_these() -> None:
    odd = {"numeric_strings", "object_data", "delay", "unknown_fields", "missing_fields"}
    odd |= {"control_characters"}  # read as they are: tests of the wire
    final = {"401", "402", "quota_500", "403", "404", "redirect", "zeros"}
    assert {*PASSING, *odd, *final, "null_data", "missing_data"} == set(Fault)
