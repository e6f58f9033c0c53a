"""What users program against: the names, their help, the fields, the signatures, the imports."""

import inspect
import pydoc
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from types import FunctionType, NoneType
from typing import Any, get_args, get_type_hints

import attrs
import pytest

import keyapi_async
from keyapi_async import (
    InfluencerLivestream,
    InfluencerVideo,
    ProductCreator,
    RankedInfluencer,
    VideoProduct,
    records,
)
from keyapi_async.api import Influencer, Product, TikTok, Video
from keyapi_async.records.codec import kinds_of
from keyapi_async.streams.stream import PageStream
from tests.rows import DOCUMENTED, RECORDS

NAMES = """
    APIError AttemptTimeoutError AuthenticationError BadRequestError Bookmark CategoryRank
    ConfigurationError ConnectionFailedError CreditBudgetError Credits DeadlineExceededError
    DecodeError Envelope Failure FanOut InfluencerLivestream InfluencerRankField InfluencerVideo
    InfluencerVideoSortField InvalidParameterError KeyAPI KeyAPIError Limiter NotFoundError Page
    PaginationError PermissionDeniedError Permit ProductCreator ProductInfluencerSortField
    QpsLimiter QuotaExceededError RankType RankedInfluencer RateLimitError RecordStream
    RedisLimiter Reject ResponseError RetryPolicy SalesFlag ServerError SortType Stats
    TransportError Until UsageError VideoProduct __version__ converter fan_out unstructure
"""

# The response schema of each endpoint, field by field, as the API documents it.
FIELDS = {
    ProductCreator: """
        avatar category nick_name per_product_ifl_gmv_amt per_product_ifl_sale_cnt product_id
        region total_digg_cnt total_followers_cnt total_following_cnt total_live_cnt
        total_live_views_cnt total_post_video_cnt total_views_cnt user_id
    """,
    InfluencerVideo: """
        create_time created_by_ai data_size duration height ratio reflow_cover region sales_flag
        total_comments_cnt total_digg_1d_cnt total_digg_30d_cnt total_digg_7d_cnt total_digg_cnt
        total_favorites_cnt total_shares_cnt total_video_sale_cnt total_video_sale_gmv_amt
        total_views_1d_cnt total_views_30d_cnt total_views_7d_cnt total_views_cnt unique_id user_id
        video_desc video_id width
    """,
    RankedInfluencer: """
        avatar category ec_score nick_name region sales_flag total_digg_cnt total_digg_history_cnt
        total_followers_cnt total_followers_history_cnt total_live_cnt total_live_history_cnt
        total_post_video_cnt total_post_video_history_cnt total_product_cnt
        total_product_history_cnt total_sale_cnt total_sale_gmv_amt total_sale_gmv_history_amt
        total_sale_history_cnt user_id unique_id product_category_list most_category_id
        most_category_l2_id most_category_l3_id
    """,
    InfluencerLivestream: """
        cover_url create_time duration finish_time nick_name region room_id title
        total_comments_cnt total_digg_cnt total_followers_cnt total_joins_cnt total_product_cnt
        total_sale_cnt total_sale_gmv_amt total_views_cnt user_id
    """,
    VideoProduct: """
        create_time data_size duration hash_tag height play_addr product_id ratio reflow_cover
        region total_comments_cnt total_digg_cnt total_favorites_cnt total_shares_cnt
        total_video_sale_cnt total_video_sale_gmv_amt total_views_cnt user_id video_desc video_id
        width
    """,
}
IDENTITIES = {
    ProductCreator: {"product_id", "user_id"},
    InfluencerVideo: {"user_id", "video_id"},
    RankedInfluencer: {"user_id"},
    InfluencerLivestream: {"room_id", "user_id"},
    VideoProduct: {"product_id", "video_id"},
}
COMPUTED: dict[type, set[str]] = {RankedInfluencer: {"rank"}}

every_record = pytest.mark.parametrize("cls", RECORDS)


def public_classes() -> Iterator[type]:
    for name in keyapi_async.__all__:
        if inspect.isclass(found := getattr(keyapi_async, name)):
            yield found
    yield from (TikTok, Product, Influencer, Video, PageStream)


def public_members() -> Iterator[tuple[str, Any]]:
    """Find every public function of ours, by its qualified name: methods and properties too."""
    yield "unstructure", keyapi_async.unstructure
    for cls in public_classes():
        for owner in cls.__mro__:
            if not owner.__module__.startswith("keyapi_async"):
                continue
            for name, member in vars(owner).items():
                function = member.fget if isinstance(member, property) else member
                if isinstance(function, FunctionType) and (
                    name == "__init__" or not name.startswith("_")
                ):
                    yield f"{owner.__qualname__}.{name}", function


MEMBERS = dict(public_members())
every_member = pytest.mark.parametrize("name", sorted(MEMBERS))


def described(cls: type) -> dict[str, str]:
    """Read the attributes that a class docstring describes."""
    text = inspect.getdoc(cls) or ""
    section = text.partition("\nAttributes:\n")[2].partition("\n\n")[0]
    entries = re.findall(r"^ {4}(\w+): ((?:.+\n?(?: {8}.*\n?)*))", section, re.MULTILINE)
    return {name: " ".join(words.split()) for name, words in entries}


def test_the_shared_gate_is_found_with_the_others() -> None:
    gates = import_module("keyapi_async.limiter")
    assert gates.RedisLimiter is keyapi_async.RedisLimiter
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = gates.nothing


def test_the_public_names_are_these() -> None:
    assert keyapi_async.__all__ == NAMES.split()
    assert all(hasattr(keyapi_async, name) for name in keyapi_async.__all__)
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", keyapi_async.__version__)


@pytest.mark.parametrize("name", sorted(set(NAMES.split()) - {"__version__"}))
def test_every_public_name_has_its_help(name: str) -> None:
    thing = getattr(keyapi_async, name)
    doc = inspect.getdoc(thing)
    assert doc
    first = doc.splitlines()[0]
    assert len(first) > 15
    assert first in pydoc.render_doc(thing, renderer=pydoc.TextDoc())


@pytest.mark.parametrize("cls", list(public_classes()))
def test_every_public_class_says_what_it_is_in_its_own_words(cls: type) -> None:
    """Not its base's words, and not a signature that a library has put there."""
    assert cls.__doc__
    assert cls.__doc__.splitlines()[0].strip().endswith((".", ";", ":"))
    assert all(cls.__doc__ != base.__doc__ for base in cls.__mro__[1:])


@every_member
def test_every_public_method_has_a_docstring(name: str) -> None:
    if not name.endswith(".__init__"):  # that is said in the class docstring
        assert inspect.getdoc(MEMBERS[name])


@every_member
def test_signatures_are_explicit(name: str) -> None:
    """No ``**kwargs`` and no ``*args``, so that an editor tells the truth."""
    if name == "Limiter.__init__":  # typing's own, for every protocol
        return
    kinds = {parameter.kind for parameter in inspect.signature(MEMBERS[name]).parameters.values()}
    assert inspect.Parameter.VAR_KEYWORD not in kinds
    assert inspect.Parameter.VAR_POSITIONAL not in kinds


@every_member
def test_no_public_type_is_any(name: str) -> None:
    if name.endswith(".__init__"):
        return
    for hint in get_type_hints(MEMBERS[name]).values():
        assert "Any" not in str(hint)


@every_record
def test_a_record_has_exactly_the_documented_fields(cls: type) -> None:
    documented = set(FIELDS[cls].split())
    assert set(kinds_of(cls)) == documented == set(DOCUMENTED[cls])
    fields = {field.name for field in attrs.fields(cls)}
    assert fields == documented | COMPUTED.get(cls, set()) | {"extra"}


@every_record
def test_identities_are_required_texts_and_all_else_may_be_none(cls: type) -> None:
    hints = get_type_hints(cls)
    for field in attrs.fields(cls):
        hint = hints[field.name]
        if field.name in IDENTITIES[cls]:
            assert (field.default, hint) == (attrs.NOTHING, str)
        elif field.name == "extra":
            assert hint == dict[str, object]
        else:
            assert field.default is None
            assert NoneType in get_args(hint)
        assert field.kw_only


@every_record
def test_a_records_signature_tells_the_types_of_its_fields(cls: type) -> None:
    signature = inspect.signature(cls)
    assert set(signature.parameters) == {field.name for field in attrs.fields(cls)}
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in signature.parameters.values())
    assert "Kind(" not in str(signature)


UNITS = {
    r"_cnt$": r"\w",
    r"_amt$": r"GMV.*estimated",
    r"sale_(history_)?cnt$": r"(units|Units).*estimated",
    r"_time$": r"UTC.*Unix seconds",
    r"^duration$": r"seconds",
    r"^(height|width)$": r"pixels",
    r"^data_size$": r"bytes",
    r"^(avatar|reflow_cover|cover_url|play_addr)$": r"URL",
    r"_(1|7|30)d_cnt$": r"past \d+ days?",
    r"_history_(cnt|amt)$": r"all-time",
    r"_id$": r"id|handle",
}


@every_record
def test_every_field_is_documented_with_its_unit_or_meaning(cls: type) -> None:
    words = described(cls)
    assert list(words) == [field.name for field in attrs.fields(cls)]
    for name, meaning in words.items():
        assert meaning.endswith(".")
        assert len(meaning) > 5
        for pattern, unit in UNITS.items():
            if re.search(pattern, name):
                assert re.search(unit, meaning), f"{name}: {meaning}"


@every_record
def test_a_record_names_the_documented_endpoint(cls: type) -> None:
    assert re.search(r"Source: ``GET /v1/tiktok/\w+/\w+/analytics``", inspect.getdoc(cls) or "")


@pytest.mark.parametrize(
    "cls",
    [
        getattr(keyapi_async, name)
        for name in (
            "Bookmark",
            "CategoryRank",
            "Envelope",
            "Page",
            "Reject",
            "RetryPolicy",
            "Stats",
        )
    ],
)
def test_every_value_class_describes_its_fields(cls: type) -> None:
    fields: Any = getattr(cls, "_fields", None) or [field.name for field in attrs.fields(cls)]
    assert list(described(cls)) == list(fields)


FOREIGN = {"rich", "typer", "click", "pyarrow", "pytest", "hypothesis", "redis", "dask", "sqlite3"}


def test_every_public_name_has_one_home_and_is_loaded_from_it() -> None:
    program = (
        "import keyapi_async as k\n"
        "homes = [name for names in k._HOMES.values() for name in names.split()]\n"
        "assert sorted([*homes, '__version__']) == sorted(k.__all__) == sorted(dir(k))\n"
        "assert all(getattr(k, name) is not None for name in k.__all__)\n"
        "assert all(getattr(k, home).__name__ == f'keyapi_async.{home}' for home in k._HOMES)\n"
        "from keyapi_async import *\n"
        "assert KeyAPI is k.KeyAPI\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)  # noqa: S603
    assert keyapi_async.__getattr__("client").KeyAPI is keyapi_async.KeyAPI  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = keyapi_async.nothing
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = records.nothing


def test_dir_lists_every_public_name_even_one_that_is_not_loaded_yet() -> None:
    assert set(keyapi_async.__all__) <= set(dir(keyapi_async))


def test_importing_the_package_alone_does_not_even_import_aiohttp() -> None:
    program = "import sys, keyapi_async; sys.exit('aiohttp' in sys.modules)"
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)  # noqa: S603


def test_importing_the_package_imports_nothing_that_it_does_not_need() -> None:
    program = (
        "import sys; before = set(sys.modules); import keyapi_async.client;"
        "print(*{name for name in set(sys.modules) - before})"
    )
    ran = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(ran.stdout.split())
    assert "keyapi_async.client" in loaded
    assert not [name for name in loaded if name.split(".")[0] in FOREIGN]
    ours = {".".join(name.split(".")[:2]) for name in loaded if name.startswith("keyapi_async.")}
    assert not ours & {f"keyapi_async.{room}" for room in ("sandbox", "cli", "harvest", "dask")}
