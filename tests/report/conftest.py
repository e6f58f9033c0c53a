"""A browser that judges pages."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.report import browser


@pytest.fixture(scope="session")
def wrong_with() -> Iterator[Callable[[Path], list[str]]]:
    """Give a function that lists what a browser finds wrong with a page; without one, nothing."""
    if browser.CHROMIUM is None:
        yield lambda _: []
        return
    with browser.browser() as address:
        yield lambda file: asyncio.run(browser.wrong_with(address, file))
