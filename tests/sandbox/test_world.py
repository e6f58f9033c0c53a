"""The world: documented rows, determinism, and that its parts agree with one another."""

import itertools
import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyapi_async.sandbox.data import Row, Rows, World, world_of
from keyapi_async.sandbox.ids import read_media_id, split, to_base36, write_media_id

TODAY = date(2025, 11, 20)
MONDAY = date(2025, 11, 3)
SPRAY, PROTEIN = "1729492547846767618", "1729422228922143703"
GLOW, SNACKS, POP_MART = "7122344901288068123", "7190508362273735722", "7288986759428588590"

AGAIN = World(0)
digits = st.from_regex(r"[0-9]{1,20}", fullmatch=True)


@pytest.fixture(scope="module")
def world() -> World:
    return world_of(0)


def by(rows: Rows, name: str) -> list[str | int | float]:
    return [row[name] for row in rows]


def kinds(row: Row) -> dict[str, str]:
    return {name: type(value).__name__ for name, value in row.items()}


# The documentation's examples


def test_the_documented_creator_comes_first(world: World) -> None:
    """The whole row, as documented."""
    assert world.product_creators(SPRAY)[0] == {
        "avatar": "https://echosell-images.tos-ap-southeast-1.volces.com/user-avatar/240/MS4wLjAB"
        "AAAAi_aA0G6-PDRql3EC9KSWlgzM1nYE6wLBwfcM0W7Wj-UpiqjrscMhKsWsQbQyPCHg.jpg",
        "category": "Beauty",
        "nick_name": '" Ishaaaaaaaa 👀',
        "per_product_ifl_gmv_amt": 0,
        "per_product_ifl_sale_cnt": 0,
        "product_id": "1729492547846767618",
        "region": "MY",
        "total_digg_cnt": 39800,
        "total_followers_cnt": 2330,
        "total_following_cnt": 598,
        "total_live_cnt": 0,
        "total_live_views_cnt": 0,
        "total_post_video_cnt": 9,
        "total_views_cnt": 358710,
        "user_id": "7122344901288068123",
    }


def test_the_documented_videos(world: World) -> None:
    """One of its creator's nine; the other has one product, as documented."""
    first, *others = world.influencer_videos(GLOW)
    assert len(others) == 8
    assert (first["video_id"], first["create_time"]) == ("7456066022957665553", "1736000679")
    assert (first["unique_id"], first["data_size"]) == ("mrmnaznrm_", "970184")
    assert str(first["video_desc"]).startswith("memang best weh ! skin nampak")
    [pair] = world.video_products(["7521783049722285367"])
    assert (pair["product_id"], pair["user_id"]) == (PROTEIN, SNACKS)
    assert (pair["total_video_sale_cnt"], pair["total_video_sale_gmv_amt"]) == (4479, 133621.6)
    assert (pair["create_time"], pair["width"], pair["duration"]) == ("1751301603", "576", 164)
    assert pair["hash_tag"] == "#SmallBusiness #startup #proteinsnacks "


def test_the_documented_ranking_row_is_in_every_us_ranking(world: World) -> None:
    """With its numbers, where they put it."""
    for rank_type, day in ((1, TODAY - timedelta(1)), (2, MONDAY), (3, date(2025, 10, 1))):
        rows = world.ranking(day, "US", rank_type, 2, today=TODAY)
        [row] = [row for row in rows if row["user_id"] == "6633792625097490438"]
        assert (row["unique_id"], row["nick_name"]) == ("iamjuliocr", "ﾌひﾚﾉの")
        assert (row["total_sale_cnt"], row["total_sale_gmv_amt"]) == (7752, 73446)
        assert (row["ec_score"], row["sales_flag"]) == (7.33, 4)
        assert str(row["product_category_list"]).endswith(",824328-839944-601223:104")
    assert world.user_id_of("iamjuliocr") == "6633792625097490438"


def test_the_documented_live_stream_comes_first(world: World) -> None:
    """The row's telling fields, as documented."""
    room = world.livestreams(POP_MART)[0]
    assert (room["room_id"], room["duration"]) == ("7321509771910417194", 18009)
    assert (room["create_time"], room["finish_time"]) == (1704672004, 1704690013)
    assert (room["total_sale_cnt"], room["total_sale_gmv_amt"]) == (121, 2627.73)


def test_rows_have_the_documented_fields_and_types(world: World) -> None:
    """Made rows look like documented ones, amounts aside: those may be whole or not."""
    lists = [
        [row for key in world.product_ids(20) for row in world.product_creators(key)],
        [row for key in world.user_ids(20) for row in world.influencer_videos(key)],
        [row for key in (POP_MART, *world.user_ids(20)) for row in world.livestreams(key)],
        [*world.ranking(MONDAY, "US", 2, 2, today=TODAY)],
        [*world.video_products(["7521783049722285367", *world.video_ids(100)])],
    ]
    documented = [
        world.product_creators(SPRAY)[0],
        world.influencer_videos(GLOW)[0],
        world.livestreams(POP_MART)[0],
        next(r for r in lists[3] if r["unique_id"] == "iamjuliocr"),
        lists[4][0],
    ]
    amounts = {"ec_score", "total_sale_gmv_amt", "total_sale_gmv_history_amt"}
    for rows, example in zip(lists, documented, strict=True):
        amount = amounts | ({"total_video_sale_gmv_amt"} if "play_addr" in example else set())
        expected = {k: v for k, v in kinds(example).items() if k not in amount}
        for row in rows:
            assert row.keys() == example.keys()
            assert {k: v for k, v in kinds(row).items() if k not in amount} == expected
            assert all(float(row[k]) == round(float(row[k]), 2) for k in amount & row.keys())


# The same for the same id


def test_the_same_id_always_gives_the_same_rows() -> None:
    """Whatever was asked before, and not what another seed gives."""
    one, two, other = World(3), World(3), World(4)
    for user_id in reversed(two.user_ids(10)):
        two.influencer_videos(user_id)
    for answers in zip(*(everything(world) for world in (one, two, other)), strict=True):
        first, again, different = map(json.dumps, answers)
        assert first == again
        assert first != different


def everything(world: World) -> Sequence[Rows]:
    rooms = [row for user_id in world.user_ids(10) for row in world.livestreams(user_id)]
    return [
        world.product_creators(SPRAY),
        world.influencer_videos(world.user_ids(9)[-1]),
        rooms,
        world.ranking(MONDAY, "GB", 2, 1, today=TODAY),
        world.video_products(world.video_ids(50)),
    ]


@settings(deadline=None, max_examples=40)  # the first of a region takes its time
@given(digits)
def test_every_id_answers(number: str) -> None:
    """Ids that nobody gave out, too, and always the same."""
    world, again = world_of(0), AGAIN
    assert world.product_creators(number) == again.product_creators(number)
    assert len(world.influencer_videos(number)) <= 4000
    assert all(row["user_id"] == number for row in world.livestreams(number))
    assert world.video_products([number]) == again.video_products([number])
    assert all(row["video_id"] == number for row in world.video_products([number]))


def test_ids_are_not_padded(world: World) -> None:
    """An id with a zero before it is another id."""
    assert world.product_creators("0" + SPRAY)[:1] != world.product_creators(SPRAY)[:1]
    plain = world.user_ids(9)[-1]
    assert world.influencer_videos("0" + plain) != world.influencer_videos(plain)


def test_media_ids_of_strangers_are_stand_alone(world: World) -> None:
    """A creator outside the pool has videos; the products of those are anybody's."""
    row = next(r for n in range(1, 50) for r in world.influencer_videos(str(n)))
    assert row["unique_id"] == f"user{row['user_id']}"
    assert all(pair["user_id"] != row["user_id"] for pair in world.video_products(by_id(row)))


def by_id(row: Row) -> list[str]:
    return [str(row["video_id"])]


# What an analyst would find


def test_lists_have_all_lengths(world: World) -> None:
    """Some are empty, most short, a few go into the thousands."""
    lengths = sorted(len(world.product_creators(key)) for key in world.product_ids(400))
    assert lengths[20] == 0
    assert 3 <= lengths[200] <= 30
    assert lengths[360] >= 50
    assert lengths[-1] >= 1000
    assert lengths[-1] <= 4000


def test_a_creator_is_the_same_wherever_he_shows(world: World) -> None:
    """Profile fields agree between products, rankings, videos and live streams."""
    seen: dict[str, dict[str, str | int | float]] = {}
    for key in world.product_ids(200):
        for row in world.product_creators(key):
            profile = {name: row[name] for name in row if not name.startswith(("per_", "product"))}
            assert seen.setdefault(str(row["user_id"]), profile) == profile
    shared = 0
    for row in world.ranking(MONDAY, "US", 2, 2, today=TODAY):
        known = seen.get(str(row["user_id"]))
        if known is not None and row["unique_id"] != "iamjuliocr":
            shared += 1
            assert row["total_followers_history_cnt"] == known["total_followers_cnt"]
            assert row["total_digg_history_cnt"] == known["total_digg_cnt"]
            assert (row["nick_name"], row["avatar"]) == (known["nick_name"], known["avatar"])
    assert shared > 10
    for user_id, profile in itertools.islice(seen.items(), 200):
        videos, rooms = world.influencer_videos(user_id), world.livestreams(user_id)
        assert len(videos) == profile["total_post_video_cnt"]
        assert len(rooms) == profile["total_live_cnt"]
        if videos:
            assert sum(map(int, by(videos, "total_views_cnt"))) == profile["total_views_cnt"]
            assert sum(map(int, by(videos, "total_digg_cnt"))) == profile["total_digg_cnt"]
        if rooms:
            assert sum(map(int, by(rooms, "total_views_cnt"))) == profile["total_live_views_cnt"]
            assert set(by(rooms, "nick_name")) == {profile["nick_name"]}
        assert set(by(videos, "region")) <= {profile["region"]}


def test_creators_of_a_product_are_distinct_and_of_one_region(world: World) -> None:
    """And the amount is the number sold times one price."""
    for key in world.product_ids(100):
        rows = world.product_creators(key)
        assert len(set(by(rows, "user_id"))) == len(rows)
        assert len(set(by(rows, "region"))) <= 1
        sold = [row for row in rows if row["per_product_ifl_sale_cnt"]]
        prices = {
            int(row["per_product_ifl_gmv_amt"]) / int(row["per_product_ifl_sale_cnt"])
            for row in sold
        }
        assert len(prices) <= 1


def test_products_of_a_video_agree_with_it_and_with_the_product(world: World) -> None:
    """The video's numbers; its sales split by product; and the creator is one of the product's."""
    checked = 0
    for user_id in (GLOW, *world.user_ids(14)[4:]):
        for video in world.influencer_videos(user_id)[:20]:
            pairs = world.video_products([str(video["video_id"])])
            assert video["sales_flag"] == int(bool(pairs))
            assert sum(map(int, by(pairs, "total_video_sale_cnt"))) == video["total_video_sale_cnt"]
            assert (
                sum(map(int, by(pairs, "total_video_sale_gmv_amt")))
                == (video["total_video_sale_gmv_amt"])
            )
            for pair in pairs:
                shared = (pair.keys() & video.keys()) - {
                    "total_video_sale_cnt",
                    "total_video_sale_gmv_amt",
                }
                assert {k: pair[k] for k in shared} == {k: video[k] for k in shared}
                assert str(pair["video_desc"]).endswith(str(pair["hash_tag"]))
                [seller] = [
                    row
                    for row in world.product_creators(str(pair["product_id"]))
                    if row["user_id"] == user_id
                ]
                assert int(pair["total_video_sale_cnt"]) <= int(seller["per_product_ifl_sale_cnt"])
                checked += 1
    assert checked > 50


def test_ids_of_videos_and_rooms_hold_their_time(world: World) -> None:
    """Unix seconds above 32 bits, as real ones; the documented ones are within a minute."""
    for user_id in world.user_ids(30)[4:]:
        for row in world.influencer_videos(user_id)[:50]:
            assert int(str(row["video_id"])) >> 32 == int(row["create_time"])
        for row in world.livestreams(user_id):
            assert int(str(row["room_id"])) >> 32 == row["create_time"]
            assert int(row["create_time"]) + int(row["duration"]) == row["finish_time"]


def test_growth_is_less_than_the_whole(world: World) -> None:
    """Of a month, a week and a day."""
    for row in world.influencer_videos("6633792625097490438"):
        for what in ("views", "digg"):
            spans = [int(row[f"total_{what}_{span}cnt"]) for span in ("1d_", "7d_", "30d_", "")]
            assert spans == sorted(spans)


# Sorting, and rankings


@pytest.mark.parametrize(
    ("field", "name"),
    [
        (1, "total_followers_cnt"),
        (2, "total_digg_cnt"),
        (3, "per_product_ifl_sale_cnt"),
        (4, "per_product_ifl_gmv_amt"),
        (5, "total_post_video_cnt"),
        (6, "total_views_cnt"),
        (7, "total_live_views_cnt"),
    ],
)
def test_creators_are_sorted(world: World, field: int, name: str) -> None:
    """Either way, largest first unless told otherwise; ties as they stood."""
    plain = world.product_creators(SPRAY)
    up, down = (world.product_creators(SPRAY, field, order) for order in (0, 1))
    assert up == sorted(plain, key=lambda row: int(row[name]))
    assert down == sorted(plain, key=lambda row: -int(row[name]))
    assert world.product_creators(SPRAY, field) == down
    assert world.product_creators(SPRAY, None, 0) == plain


@pytest.mark.parametrize(
    ("field", "name"),
    [
        (1, "total_views_cnt"),
        (2, "total_video_sale_cnt"),
        (3, "total_video_sale_gmv_amt"),
        (4, "create_time"),
    ],
)
def test_videos_are_sorted(world: World, field: int, name: str) -> None:
    """By number, also where the number comes as a string."""
    for order in (0, 1):
        rows = world.influencer_videos(SNACKS, field, order)
        numbers = [int(row[name]) for row in rows]
        assert numbers == sorted(numbers, reverse=order == 1)
        assert len(rows) == 212


@pytest.mark.parametrize("region", ["US", "SG", "JP"])
@pytest.mark.parametrize(("field", "name"), [(1, "total_followers_cnt"), (2, "total_sale_cnt")])
def test_rankings_are_sorted(world: World, region: str, field: int, name: str) -> None:
    """A few hundred distinct creators of the region, by what they gained."""
    rows = world.ranking(MONDAY, region, 2, field, today=TODAY)
    assert 200 <= len(rows) <= 1200
    assert len(set(by(rows, "user_id"))) == len(rows)
    assert set(by(rows, "region")) == {region}
    gains = [int(row[name]) for row in rows]
    assert gains == sorted(gains, reverse=True)
    for row in rows:
        assert int(row["total_sale_cnt"]) <= int(row["total_sale_history_cnt"])
        assert row["sales_flag"] in range(5)


def test_rankings_by_either_field_hold_the_same_rows(world: World) -> None:
    """Only their order differs."""
    by_followers, by_sales = (
        world.ranking(MONDAY, "MY", 2, field, today=TODAY) for field in (1, 2)
    )
    assert by_followers != by_sales
    assert Counter(map(json.dumps, by_followers)) == Counter(map(json.dumps, by_sales))


def test_rankings_are_filtered(world: World) -> None:
    """By the creator's category, and by a product category of any level."""
    whole = world.ranking(MONDAY, "US", 2, 2, today=TODAY)
    beauty = world.ranking(MONDAY, "US", 2, 2, today=TODAY, category="Beauty")
    assert beauty == [row for row in whole if row["category"] == "Beauty"]
    assert 0 < len(beauty) < len(whole)
    for level in ("601739", "909064", "601925"):
        some = world.ranking(MONDAY, "US", 2, 2, today=TODAY, product_category=level)
        assert 0 < len(some) < len(whole)
        assert all(level in str(row["product_category_list"]) for row in some)
    assert not world.ranking(MONDAY, "US", 2, 2, today=TODAY, category="Nonsense")


@pytest.mark.parametrize(
    ("day", "rank_type", "region"),
    [
        (MONDAY + timedelta(1), 2, "US"),  # no Monday
        (date(2025, 10, 2), 3, "US"),  # not the first of the month
        (TODAY, 1, "US"),
        (TODAY + timedelta(1), 1, "US"),
        (date(2025, 11, 17), 2, "US"),  # a week not over
        (date(2025, 11, 1), 3, "US"),  # a month not over
        (date(1999, 1, 1), 3, "US"),
        (date(9999, 12, 31), 1, "US"),
        (MONDAY, 2, "AQ"),
    ],
)
def test_rankings_that_do_not_exist_are_empty(
    world: World, day: date, rank_type: int, region: str
) -> None:
    """No error: an empty list, as the real one answers."""
    assert not world.ranking(day, region, rank_type, 2, today=TODAY)


def test_a_period_is_ranked_when_it_is_over(world: World) -> None:
    """A day on the next, a week on the next Monday, a month on the next first."""
    for day, rank_type, over in (
        (MONDAY, 1, MONDAY + timedelta(1)),
        (MONDAY, 2, MONDAY + timedelta(7)),
        (date(2024, 12, 1), 3, date(2025, 1, 1)),
    ):
        assert world.ranking(day, "US", rank_type, 2, today=over)
        assert not world.ranking(day, "US", rank_type, 2, today=over - timedelta(1))


# Ids and handles


def test_handles_lead_back_to_their_creators(world: World) -> None:
    """In either case of letters, for members of the pool and for others."""
    for user_id, handle in zip(world.user_ids(300), world.unique_ids(300), strict=True):
        assert world.user_id_of(handle) == user_id
        assert world.user_id_of(handle.upper()) == user_id
    assert world.user_id_of("user12345") == "12345"
    assert len(set(world.unique_ids(300))) == 300


@pytest.mark.parametrize(
    "handle",
    [
        "",
        "_",
        "nobody",
        "nobody_zzz",
        "x_zzzz",
        "x_ü",
        "user" + "9" * 21,
        "user",
        f"user{GLOW}",
        "a_bcdefgh",
    ],
)
def test_a_handle_that_nobody_has(world: World, handle: str) -> None:
    """Is nobody's, also if it looks like one."""
    assert world.user_id_of(handle) is None


def test_samples_are_distinct_and_begin_with_the_documented_ones(world: World) -> None:
    """As many as asked for."""
    assert world.product_ids(2) == [SPRAY, PROTEIN]
    assert GLOW in world.user_ids(4)
    assert world.video_ids(2) == ["7456066022957665553", "7521783049722285367"]
    for sample in (world.product_ids(20_000), world.user_ids(40_000), world.video_ids(500)):
        assert len(set(sample)) == len(sample)
        assert all(item.isdecimal() for item in sample)
    assert world.user_ids(0) == world.video_ids(0) == []


def test_samples_have_bounds(world: World) -> None:
    """A clear error beyond them."""
    with pytest.raises(ValueError, match="can sample 0 to 20000 ids, not 20001"):
        world.product_ids(20_001)
    with pytest.raises(ValueError, match="not -1"):
        world.user_ids(-1)
    with pytest.raises(ValueError, match="not -1"):
        world.video_ids(-1)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**16 - 1), st.integers(0, 2**12 - 1))
def test_media_ids_can_be_read_back(seconds: int, owner: int, sequence: int) -> None:
    """Time, owner and number."""
    assert read_media_id(write_media_id(seconds, owner, sequence)) == (seconds, owner, sequence)


@given(st.integers(0, 10**9), st.lists(st.floats(0.01, 100), min_size=1))
def test_shares_add_up(total: int, weights: list[float]) -> None:
    """Exactly, and none is negative."""
    shares = split(total, weights)
    assert sum(shares) == total
    assert min(shares) >= 0
    assert len(shares) == len(weights)


@given(st.integers(0, 10**12))
def test_base36_reads_back(number: int) -> None:
    """With Python's own reader."""
    assert int(to_base36(number), 36) == number


def test_nothing_is_younger_than_the_snapshot(world: World) -> None:
    """The world ends with October 2025."""
    end = datetime(2025, 11, 1, tzinfo=UTC).timestamp()
    for user_id in world.user_ids(20):
        assert all(int(row["create_time"]) < end for row in world.influencer_videos(user_id))
        assert all(int(row["create_time"]) < end for row in world.livestreams(user_id))
