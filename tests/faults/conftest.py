"""Which cases are wanted."""

import pytest

from tests import faults


def pytest_configure(config: pytest.Config) -> None:
    faults.whole = config.option.markexpr != "not exhaustive"
