"""The demo, run whole, only short."""

from collections.abc import Iterable
from typing import cast

import pytest

from keyapi_async.cli import demo as demo_module
from keyapi_async.cli import shelf as shelf_module
from keyapi_async.cli.app import run
from keyapi_async.cli.shelf import shelf
from keyapi_async.sandbox import Fault, Sandbox, World

Capture = pytest.CaptureFixture[str]


def test_it_needs_neither_key_nor_network(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    for name in ("KEYAPI_TOKEN", "KEYAPI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://192.0.2.1:9")
    assert run(["demo", "--products", "3", "--qps", "500"]) == 0
    captured = capsys.readouterr()
    assert "The creators of 3 products, from a sandbox on http://127.0.0.1:" in captured.err
    assert "of 3 products in" in captured.out
    assert "\x1b" not in captured.out + captured.err
    assert max(map(len, captured.out.splitlines())) <= 80


def test_what_it_spends_is_the_least_it_had_to(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(demo_module, "_FAULTS", {})
    assert run(["demo", "--products", "4", "--qps", "1000"]) == 0
    costs = next(line for line in capsys.readouterr().out.splitlines() if "spent" in line)
    spent, least = (part.split()[-1 if "least" in part else 1] for part in costs.split(","))
    assert spent == least


def test_the_seed_changes_the_data(capsys: Capture) -> None:
    tables = set()
    for seed in ("0", "1"):
        assert run(["demo", "--products", "1", "--qps", "1000", "--seed", seed]) == 0
        tables.add(capsys.readouterr().out.partition("read ")[0])
    assert len(tables) == 2


def test_lists_that_fail_are_named_and_change_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(demo_module, "_FAULTS", {Fault.NOT_FOUND: 1.0})
    assert run(["demo", "--products", "2", "--qps", "500"]) == 1
    out = capsys.readouterr().out
    assert out.count(" failed: Not found") == 2
    assert "The best of 0 creators" in out


async def test_the_products_differ_and_share_creators() -> None:
    box = Sandbox()
    product_ids = shelf(box, 40)
    assert len(set(product_ids)) == len(product_ids) == 40
    lists = [box.world.product_creators(product_id) for product_id in product_ids]
    creators = [row["user_id"] for rows in lists for row in rows]
    assert len(set(creators)) < 0.8 * len(creators)
    assert max(map(len, lists)) <= 200


def test_more_products_than_two_markets_have(monkeypatch: pytest.MonkeyPatch) -> None:
    box = Sandbox()
    twice = box.product_ids(1) * 2
    monkeypatch.setattr(shelf_module, "_shown_beside", lambda *_: iter(twice))
    assert shelf(box, 20) == box.product_ids(20)


class TinyWorld:
    """Two creators of product 1; product 9 has more creators than a demo waits for."""

    def product_creators(self, product_id: str) -> list[dict[str, str]]:
        return [{"user_id": "7"}, {"user_id": "8"}] * (200 if product_id == "9" else 1)

    def influencer_videos(self, user_id: str) -> list[dict[str, str]]:
        return [{"video_id": user_id}]

    def video_products(self, video_ids: Iterable[str]) -> list[dict[str, str]]:
        return [{"product_id": other} for _ in video_ids for other in ("1", "2", "9", "3")]


def test_a_market_ends_with_the_products_of_its_creators() -> None:
    assert list(shelf_module._shown_beside(cast(World, TinyWorld()), "1")) == ["2", "3"]
