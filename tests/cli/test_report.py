"""The table and the costs at the end."""

import io
from pathlib import Path

import attrs
from rich.console import Console

from keyapi_async import ProductCreator
from keyapi_async.cli.report import Report, Seller, print_report
from tests.cli.test_progress import GLANCE


def seller(**fields: object) -> Seller:
    creator = ProductCreator(product_id="1", user_id="42", **fields)  # type: ignore[arg-type]
    one = Seller(creator)
    one.add(creator)
    return one


REPORT = Report(
    sellers=[],
    failures={},
    glance=GLANCE,
    missing=0,
    surplus=0,
    least=1_200,
    lost=0,
    unkept=0,
    killed=False,
    at_once=16,
    qps=50.0,
    files=[Path("/tmp/demo/creators.db"), Path("/tmp/demo/creators.csv")],  # noqa: S108  # a name
)


def printed(report: Report) -> str:
    stream = io.StringIO()
    print_report(Console(file=stream, width=80), report)
    return stream.getvalue()


def test_the_best_come_first_and_the_table_fits() -> None:
    text = printed(
        attrs.evolve(
            REPORT,
            sellers=[
                seller(nick_name="second", per_product_ifl_gmv_amt=10.0),
                seller(
                    nick_name="first \x1b[31m" + "美" * 40,
                    region="US",
                    total_followers_cnt=223_456_789,
                    per_product_ifl_sale_cnt=1_234_567,
                    per_product_ifl_gmv_amt=123_456_789.0,
                ),
                seller(),
            ],
        )
    )
    assert text.index("123,456,789") < text.index("second") < text.index(" 42 ")
    assert "\x1b" not in text
    assert max(len(line) + line.count("美") for line in text.splitlines()) <= 80


def test_a_seller_of_several_products_is_added_up() -> None:
    one = seller(per_product_ifl_sale_cnt=2, per_product_ifl_gmv_amt=3.5)
    one.add(one.creator)
    assert (one.products, one.sales, one.gmv) == (2, 4, 7.0)


def test_bars_are_as_long_as_their_share() -> None:
    gmvs = [90.0, 45.0, 0.0]
    sellers = [seller(nick_name=f"<{gmv:g}>", per_product_ifl_gmv_amt=gmv) for gmv in gmvs]
    lines = printed(attrs.evolve(REPORT, sellers=sellers)).splitlines()
    bars = [line for line in lines if line.startswith(" <")][len(gmvs) :]
    most, half, none = (line.count("█") for line in bars)
    assert most > 40
    assert half == most // 2
    assert none == 0


def test_nobody_sold_anything() -> None:
    text = printed(attrs.evolve(REPORT, sellers=[seller()]))
    assert "The best of 1 creators" in text
    assert "█" not in text


def test_the_costs_are_said_beside_the_least_they_could_be() -> None:
    text = printed(REPORT)
    assert "1,200 credits: the pages of the lists" in text
    assert "1,234 credits\n" in text.replace("  ", "")
    assert "43.3 requests/s, 50 allowed" in text
    assert "nothing: every row is there, and none twice" in text
    assert "of them for" not in text
    assert "SIGKILL" not in text


def test_a_kill_and_lost_answers_have_their_price() -> None:
    text = printed(attrs.evolve(REPORT, lost=20, unkept=14, killed=True))
    assert "20 of them for answers that were lost" in text
    assert "14 of them for what the kill interrupted; never more than 16" in text
    assert "one SIGKILL" in text


def test_rows_that_are_missing_are_not_hushed_up() -> None:
    text = printed(attrs.evolve(REPORT, missing=3, surplus=1))
    assert "3 rows are missing, 1 too many" in text
    assert "nothing" not in text


def test_failed_lists_are_named() -> None:
    text = printed(attrs.evolve(REPORT, failures={"1729": "Internal\nserver error"}))
    assert "product 1729 failed: Internal\\nserver error" in text


def test_files_are_named_each_on_its_line() -> None:
    far = Path("/far") / ("away" * 30) / "creators.csv"
    lines = printed(attrs.evolve(REPORT, files=[*REPORT.files, far])).splitlines()
    assert lines[-3:] == [
        "ledger    /tmp/demo/creators.db",
        "export    /tmp/demo/creators.csv",
        f"export    {far}",
    ]
