"""How a list is walked: options, ends, other ways of paging."""

from typing import Any

import attrs
import pytest

from keyapi_async import Bookmark, InvalidParameterError, PaginationError, Until
from keyapi_async.streams.listing import PageLimit, PageNum
from keyapi_async.streams.paging import DEFAULTS, Paging
from tests import virtual
from tests.streams.lists import LIMIT, PATH, Lists, all_ids, ids, ids_of, parts, read_on, stream

LOOP = virtual.VirtualLoop


@pytest.mark.parametrize(
    ("paging", "name"),
    [
        ({"page_size": 0}, "page_size"), ({"page_size": 11}, "page_size"),
        ({"page_num": 0}, "page_num"), ({"page_num": 100_001}, "page_num"),
        ({"page_num": 2, "start": Bookmark(2)}, "page_num"), ({"limit": -1}, "limit"),
        ({"prefetch": -1}, "prefetch"), ({"prefetch": 100_001}, "prefetch"),
        ({"until": "short"}, "until"), ({"skip_invalid": 1}, "skip_invalid"),
        ({"pages": PageLimit(), "page_size": 101}, "page_size"),
        ({"pages": PageLimit(maximum=5), "page_num": 6}, "page_num"),
        ({"pages": PageNum}, "pages"), ({"pages": None, "page_num": 2}, "page_num"),
        ({"pages": None, "page_size": 5}, "page_size"),
        ({"pages": None, "page_num": True}, "page_num"),
        ({"pages": None, "prefetch": 1}, "prefetch"), ({"rows": "list"}, "rows"),
        ({"rows": None}, "rows"), ({"credits": -1}, "credits"),
        ({"start": Bookmark(1, 0, 5)}, "start"), ({"start": Bookmark(0)}, "start.page_num"),
        ({"start": Bookmark(100_002)}, "start.page_num"),
        ({"pages": None, "start": Bookmark(3)}, "start.page_num"),
        ({"start": Bookmark(1, -1)}, "start.offset"),
        ({"start": Bookmark(1, 0, 10, 1)}, "start.part"), ({"start": 3}, "start"),
        ({"start": {"page_num": 3}}, "start"),
    ],
)  # fmt: skip
def test_paging_parameters_are_checked_at_once(paging: dict[str, Any], name: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        virtual.client(Lists([5])).iter_records(PATH, **paging)
    assert caught.value.parameter == name


@pytest.mark.parametrize("pages", [PageNum, PageLimit])
def test_a_last_page_is_a_number_of_a_page(pages: Any) -> None:
    for wrong in (0, None, "5", True):
        with pytest.raises(InvalidParameterError, match=r"^maximum=.*1 or more"):
            pages(maximum=wrong)
    assert pages(5).maximum == 5


@pytest.mark.parametrize(
    ("length", "says", "pages"), [(40, True, 2), (40, False, 3), (45, True, 3), (45, False, 3)]
)
async def test_page_and_limit_end_where_the_answer_says_so(
    length: int, says: bool, pages: int
) -> None:
    lists = Lists([length], names=LIMIT, says=says)
    rows = stream(lists, pages=PageLimit(), page_size=20, rows="data.list")
    assert ids(await rows.collect()) == all_ids([length])
    assert len(lists.asked) == pages


@pytest.mark.parametrize("empty", [False, True])
async def test_a_short_page_ends_no_list_that_goes_on_as_the_answer_says(empty: bool) -> None:
    """A server may give fewer rows than it was asked for; only a page of none ends such a list."""
    lists = Lists([60], names=LIMIT, says=True)
    lists.rows[0, 2] = [] if empty else [{"id": "short"}]
    rows = await stream(lists, pages=PageLimit(), page_size=20, rows="data.list").collect()
    assert ids(rows) == all_ids([20]) + ([] if empty else ["short", *all_ids([60])[40:]])


async def test_page_and_limit_take_a_hundred_rows_and_have_a_last_page() -> None:
    lists = Lists([250], names=LIMIT)
    rows = stream(lists, pages=PageLimit(maximum=2), page_size=100, rows="data.list")
    seen: list[object] = []
    with pytest.raises(PaginationError, match="no page after 2"):
        await read_on(rows, seen)
    assert seen == all_ids([200])


@pytest.mark.parametrize("until", Until)
async def test_a_list_without_pages_is_one_call_however_many_rows_it_has(until: Until) -> None:
    lists = Lists([30], names=())
    rows = stream(lists, pages=None, until=until)
    assert ids([await anext(rows) for _ in range(25)]) == all_ids([30])[:25]
    assert rows.bookmark == Bookmark(1, 25)
    again = stream(lists, pages=None, start=rows.bookmark)
    assert ids(await again.collect()) == ids(await rows.collect()) == all_ids([30])[25:]
    (page,) = [page async for page in stream(lists, pages=None).pages()]
    assert (len(page.records), page.is_last) == (30, True)
    assert lists.asked == [(0, 1)] * 3


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize("lengths", [[10, 0, 3, 10], []])
async def test_parts_without_pages_are_a_call_each(lengths: list[int], prefetch: int) -> None:
    lists = Lists(lengths, names=())
    rows = await parts(lists, pages=None, prefetch=prefetch).collect()
    assert ids(rows) == all_ids(lengths)
    assert lists.asked == [(part, 1) for part in range(len(lengths))]


@pytest.mark.parametrize("pages", [PageNum(), None])
async def test_another_stream_walks_other_queries_in_the_same_way(pages: PageNum | None) -> None:
    lists = Lists([8, 9], names=() if pages is None else ("page_num", "page_size"))
    wanted = ids_of(1, 9)
    paging: dict[str, Any] = {} if pages is None else {"page_size": 7}
    first = parts(lists, pages=pages, until=Until.EMPTY_PAGE, **paging)
    other = first.another(("part=1",), into=dict)
    assert (other.page_size, other.until) == (first.page_size, Until.EMPTY_PAGE)
    assert other.listing == attrs.evolve(first.listing, queries=("part=1",))
    assert ids(await other.collect()) == wanted
    mark = attrs.evolve(other.bookmark, page_num=1, offset=2)
    rest = first.another(("part=1",), start=mark, into=dict)
    assert ids(await rest.collect()) == wanted[2:]
    with pytest.raises(InvalidParameterError, match="another list"):
        first.another(("part=0",), start=mark, into=dict)


def test_every_option_has_a_default() -> None:
    assert list(DEFAULTS) == list(Paging.__annotations__)
