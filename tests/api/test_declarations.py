"""Every declaration against the specification, and every endpoint on the wire, in memory."""

import inspect
import json
import pydoc
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import attrs
import pytest

from keyapi_async import Bookmark, InvalidParameterError, KeyAPI, Page, RankType, Until, unstructure
from keyapi_async.api import endpoints
from keyapi_async.api.endpoint import Endpoint
from keyapi_async.api.params import ParamKind
from keyapi_async.records.codec import kinds_of
from keyapi_async.streams.paging import DEFAULTS
from tests import virtual
from tests.api.test_params import KINDS, TAKEN
from tests.call.script import Script, bring
from tests.rows import OPERATIONS, STRICT, Row, answer_of, fields_of, lacks

LOOP = virtual.VirtualLoop
ENDPOINTS = list(endpoints())
every_endpoint = pytest.mark.parametrize(
    "told", ENDPOINTS, ids=lambda told: f"{told.resource} {told.name}"
)


def value_of(kind: ParamKind) -> tuple[Any, str]:
    """Give a value of a kind of parameter, and what is sent."""
    if kind.choices is not None:
        value = next(iter(kind.choices))
        return value, str(int(value))
    return next(TAKEN[name][0] for name, one in KINDS.items() if one == kind)


def given_to(told: Endpoint, *, everything: bool = False) -> tuple[Row, dict[str, str]]:
    """Give what a call needs, or all that it takes, and the query that it sends."""
    given, query = {}, dict(told.fixed)
    for one in told.parameters:
        chosen = one.name == told.one_of[0] if told.one_of else one.required
        if chosen or (everything and one.name not in told.one_of):
            given[one.name], query[one.wire] = value_of(one.kind)
        elif one.default is not None:
            query[one.wire] = str(int(one.default))  # type: ignore[call-overload]  # all are codes
    return given, query


def method_of(resource: object, told: Endpoint, name: str) -> Callable[..., Any]:
    made: Callable[..., Any] | None = getattr(resource, name, None)
    assert made, f"write '{name}: Final = page_of({told.method})' below {told.method}"
    return made


async def page_of(api: KeyAPI, told: Endpoint, **given: Any) -> Page[Any]:
    sister: Callable[..., Awaitable[Page[Any]]] = method_of(
        getattr(api.tiktok, told.resource), told, told.name
    )
    return await sister(**given)


SIDES = "left is the declaration, right the specification"


def test_every_operation_is_declared() -> None:
    paths = {one.path for one in ENDPOINTS}
    assert paths == set(OPERATIONS), lacks("the API", paths, OPERATIONS)
    found = len(OPERATIONS), len(ENDPOINTS)
    assert found == (32, 36), "change the numbers here, and where CONTRIBUTING.md says"
    assert KeyAPI("k").tiktok.endpoints() == tuple(ENDPOINTS)


@every_endpoint
def test_a_declaration_says_what_the_specification_says(told: Endpoint) -> None:
    spec = OPERATIONS[told.path]
    assert f"/{told.resource}/" in told.path
    assert told.resource == "search" or told.path.endswith(f"/{told.name}/analytics")
    maximum = None if told.pages is None else told.pages.maximum
    assert (told.credits, told.evidence, maximum) == (
        spec["x-credits"], spec["x-evidence"], spec["x-page-num-max"],
    ), SIDES  # fmt: skip
    assert [*told.key, *told.fixed] == spec["x-key"], SIDES
    assert list(told.one_of) == spec.get("x-one-of", []), SIDES
    assert dict.fromkeys(told.ids, told.ids_per_call) == spec.get("x-ids-per-call", {}), SIDES
    assert told.max_days == spec.get("x-max-days", 180), SIDES
    parameters = {one["name"]: one for one in spec["parameters"]}
    sent = {one.wire for one in told.parameters} | set(told.fixed)
    specified = set(parameters) - {"page_num", "page_size"}
    assert sent == specified, lacks(told.path, sent, specified)
    for one in told.parameters:
        about = parameters[one.wire]
        assert one.kind.name == about["x-kind"], f"{one.name}: {SIDES}"
        always = one.required or (one.wire == "size" and one.default is not None)
        assert always is about["required"], f"required {one.name}: {SIDES}"
        if one.kind.choices is not None:
            named = {str(int(c)): c.name.lower() for c in one.kind.choices}
            assert named == about["x-names"], f"{one.name}: {SIDES}"
        assert one.name.islower()
        assert one.doc.endswith(".")


@every_endpoint
def test_a_records_fields_are_of_the_specified_kinds(told: Endpoint) -> None:
    if told.record is dict:
        return
    found = kinds_of(told.record)
    if told.resource == "search":
        assert set(found) == {name for row in answer_of(told.path)["data"] for name in row}
        return
    specified = {name: about["x-kind"] for name, about in fields_of(told.path).items()}
    wrong = {name: f"{found[name].name}, not {kind}" for name, kind in specified.items()
             if found[name].name != kind}  # fmt: skip
    assert not wrong, f"{told.record.__name__}: first is the record, then the specification"
    assert told.record in STRICT or OPERATIONS[told.path]["x-evidence"] != "documented"


@every_endpoint
def test_signature_and_help_show_every_option_the_source_and_the_price(told: Endpoint) -> None:
    resource = type(getattr(KeyAPI("k").tiktok, told.resource))
    own = [one.name for one in told.parameters]
    for name, more in ((told.method, [*DEFAULTS]), (told.name, ["page_size", "page_num"])):
        function = method_of(resource, told, name)
        assert function.__name__ == name
        assert list(inspect.signature(function).parameters) == ["self", *own, *more]
        text = inspect.getdoc(function) or ""
        assert {*own, *more} <= set(re.findall(r"^ {4}(\w+): ", text, re.MULTILINE))
        assert f"Source: ``GET {told.path}`` ({told.evidence})." in text
        assert re.search(r"^Cost:\n {4}(One|\d) credit", text, re.MULTILINE)
        shown = pydoc.plain(pydoc.render_doc(function))
        assert text.partition("\n")[0] in shown
        assert "Annotated" not in shown.partition("\n\n")[2].partition("\n")[0]
    assert told.summary.endswith(".")
    assert getattr(resource, told.method).endpoint == told


@every_endpoint
async def test_every_endpoint_on_the_wire(told: Endpoint) -> None:
    rows = answer_of(told.path)["data"]
    if told.record is dict:
        rows = [{"a": 1}]
    given, query = given_to(told, everything=True)
    paging = {"page_num": "1", "page_size": "10"} if told.pages else {}
    script = Script(*[bring(*rows)] * 3)
    api = virtual.client(script)
    page = await page_of(api, told, **given)
    (asked,) = script.asked
    pairs = parse_qsl(asked.query, keep_blank_values=True, strict_parsing=True)
    assert (asked.path, sorted(pairs)) == (told.path, sorted((query | paging).items()))
    assert (page.rejects, page.is_last, page.request_id) == ((), True, "r-1")
    stream = told.open(api.tiktok, given)
    assert len(script.asked) == 1
    records = [await anext(stream)]
    saved = json.loads(json.dumps(attrs.asdict(stream.bookmark)))
    resumed = told.open(api.tiktok, given, start=Bookmark(**saved))
    records += await resumed.collect()
    assert tuple(records) == page.records
    assert (api.credits.spent, len(script.asked)) == (3 * told.credits, 3)
    assert [getattr(one, "rank", n) for n, one in enumerate(records, 1)] == [
        row.get("rank", n) for n, row in enumerate(rows, 1)
    ]
    for record, row in zip(records, rows, strict=True):
        back = record if told.record is dict else unstructure(record)
        assert as_json(back) == as_json(row)
    named = {one.name for one in told.parameters if one.kind.metavar in {"ID", "TEXT", "LANGUAGE"}}
    name = next(one for one in given if one in named)
    changed = given | {name: "7" if told.resource != "category" else "id-ID"}
    with pytest.raises(InvalidParameterError, match="belongs to another list"):
        told.open(api.tiktok, changed, start=stream.bookmark)


def as_json(row: Row) -> Row:
    """Read the JSON in a row's texts; None is what is not there."""
    read = {}
    for name, value in row.items():
        try:
            read[name] = json.loads(value) if str(value)[:1] in {"[", "{"} else value
        except ValueError:
            read[name] = value
    return {name: value for name, value in read.items() if value not in (None, "null")}


@every_endpoint
async def test_what_means_nothing_is_refused(told: Endpoint) -> None:
    given, _ = given_to(told)
    api = virtual.client(Script())
    more: Row = {"start": None, "limit": 5, "prefetch": 1, "until": Until.EMPTY_PAGE,
                 "skip_invalid": True}  # fmt: skip
    for name, value in more.items():
        with pytest.raises(InvalidParameterError, match=rf"^{name}=.*(single page|rejects)"):
            await page_of(api, told, **given, **{name: value})
    for unknown in ("page_nr", "self"):
        with pytest.raises(TypeError):
            told.open(api.tiktok, {**given, unknown: 1})
        with pytest.raises(TypeError):
            await page_of(api, told, **given, **{unknown: 1})
    if told.pages is None:
        for name, value in (("page_num", 2), ("page_size", 5), ("page_num", True), ("prefetch", 1)):
            with pytest.raises(InvalidParameterError, match=r"has no pages|is a single call"):
                told.open(api.tiktok, {**given, name: value})
    else:
        with pytest.raises(InvalidParameterError, match=f"1 to {told.pages.maximum}"):
            told.open(api.tiktok, given, page_num=told.pages.maximum + 1)
    for name in {one.name for one in told.parameters if one.required}:
        with pytest.raises(TypeError, match=name):
            told.open(api.tiktok, {key: given[key] for key in given if key != name})


async def test_ids_go_by_tens_and_once() -> None:
    for told in (one for one in ENDPOINTS if one.ids):
        name = told.ids[0]
        script = Script()
        api = virtual.client(script)
        ids = [*range(25), 3, "4"]
        assert await told.open(api.tiktok, {name: iter(ids)}, prefetch=1).collect() == []
        groups = [request.params[name].split(",") for request in script.asked]
        assert groups == [[*map(str, range(n, min(n + 10, 25)))] for n in (0, 10, 20)]
        assert await told.open(api.tiktok, {name: []}).collect() == []
        for many in (range(11), ()):
            with pytest.raises(InvalidParameterError, match="1 to 10 ids for one page"):
                await page_of(api, told, **{name: many})
        assert (await page_of(api, told, **{name: range(10)})).records == ()


def test_positional_arguments_are_checked_as_python_does() -> None:
    iter_creators = virtual.client(Script()).tiktok.product.iter_creators
    assert iter_creators("1").listing.key == {"product_id": "1"}
    for args, options in ((("1", 2), {}), (("1",), {"product_id": "1"}), ((), {})):
        with pytest.raises(TypeError, match=r"^iter_creators\(\): "):
            iter_creators(*args, **options)  # type: ignore[arg-type]
    for name, meant in (("limt", r"; did you mean 'limit'\?$"), ("nonsense", "'nonsense'$")):
        with pytest.raises(TypeError, match=meant):
            iter_creators("1", **{name: 5})  # type: ignore[arg-type]


def test_the_product_list_is_sorted_unless_it_is_told_otherwise() -> None:
    product = virtual.client(Script()).tiktok.product
    sorting = {"product_sort_field": "1", "sort_type": "1"}
    assert product.iter_list(region="US").listing.shared == sorting
    unsorted = product.iter_list(region="US", product_sort_field=None, sort_type=None)
    assert unsorted.listing.shared == {}


def test_a_listing_tells_keys_from_options() -> None:
    listing = KeyAPI("k").tiktok.search.iter_shops("hat", size=5, search_type=1).listing
    assert (listing.name, listing.key) == ("search shops", {"sk": "hat"})
    assert listing.shared == {"size": "5", "search_type": "1", "type": "3"}
    assert listing.queries == ("sk=hat&size=5&searchType=1&type=3",)


def test_ids_are_sent_under_the_name_that_the_api_has_for_them() -> None:
    told = next(one for one in ENDPOINTS if one.path.endswith("video/detail/analytics"))
    (ids,) = told.parameters
    called = attrs.evolve(told, parameters=(attrs.evolve(ids, wire="videoIds"),))
    listing = called.listing({"video_ids": range(11)})
    assert listing.queries == ("videoIds=0,1,2,3,4,5,6,7,8,9", "videoIds=10")
    assert (listing.ids, listing.key) == ("videoIds", {"video_ids": "0,1,2,3,4,5,6,7,8,9,10"})


@pytest.mark.parametrize("resource", ["product", "influencer", "video", "shop"])
async def test_the_latest_ranking_is_found_for_three_credits_at_most(resource: str) -> None:
    told = next(one for one in ENDPOINTS if (one.resource, one.name) == (resource, "ranking"))
    given, _ = given_to(told)
    del given["date"], given["rank_type"]
    row = answer_of(told.path)["data"][0]
    week = RankType.WEEK.latest()
    periods = [week, RankType.WEEK.latest(week), RankType.WEEK.latest(RankType.WEEK.latest(week))]
    cases = [([bring(row)], 1, week), ([bring(), bring({})], 2, periods[1]), ([], 3, None)]
    for answers, price, found in cases:
        script = Script(*answers)
        api = virtual.client(script)
        latest = getattr(api.tiktok, resource).latest_ranking_date
        assert await latest(rank_type=2, **given) == found
        assert api.credits.spent == price
        dates = [request.params["date"] for request in script.asked]
        assert dates == [*map(str, periods[:price])]
    with pytest.raises(InvalidParameterError, match="rank_type="):
        await latest(rank_type=4, **given)


async def test_prices_are_known_or_told() -> None:
    for path, price in (("shop/products", 2), ("trending/videos", 2), ("video/captions", 1)):
        api = virtual.client(Script())
        await api.get(f"/v1/tiktok/{path}")
        await api.iter_records(f"/v1/tiktok/{path}").collect()
        assert api.credits.spent == 2 * price
        await api.get(f"/v1/tiktok/{path}", credits=5)
        assert api.credits.spent == 2 * price + 5
