"""What all tests here share: the same dice on every run, and which cases are wanted."""

import random

import pytest

from tests import faults


def pytest_configure(config: pytest.Config) -> None:
    faults.whole = config.option.markexpr != "not exhaustive"


@pytest.fixture(autouse=True)
def same_dice() -> None:
    """Let jitter fall as it fell the last time."""
    random.seed(1)
