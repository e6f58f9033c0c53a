"""Every report in a real browser: silent, asking for nothing, whole and readable."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.report import browser

pytestmark = pytest.mark.skipif(
    browser.CHROMIUM is None, reason="no Chromium here: apt-get install chromium"
)


async def test_reports_of_all_shapes(reports: Mapping[type, Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text(
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">'
        '<p style="color:red">a</p><img src="http://127.0.0.1:9/x.png">'
        "<pre>" + "wide " * 500 + '</pre><font color="#999">pale</font>'
    )
    async with browser.tab() as tab:
        seen = " ".join(await tab.wrong_with(bad, "light", 390))
        for what in ("Content Security Policy", "page of", "cut: wide", "contrast 2.8: pale"):
            assert what in seen
        wrong = {
            (record.__name__, scheme, width): found
            for record, ledger in reports.items()
            for scheme in ("light", "dark")
            for width in (390, 1280)
            if (found := await tab.wrong_with(ledger.with_suffix(".html"), scheme, width))
        }
    assert not wrong
