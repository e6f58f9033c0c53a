"""The table and the costs at the end."""

import io

import attrs
from rich.console import Console

from keyapi_async import ProductCreator, ServerError
from keyapi_async.cli.report import Report, Seller, print_report
from tests.cli.test_progress import GLANCE


def seller(**fields: object) -> Seller:
    creator = ProductCreator(product_id="1", user_id="42", **fields)  # type: ignore[arg-type]
    one = Seller(creator)
    one.add(creator)
    return one


REPORT = Report(sellers=[], failures={}, glance=GLANCE, least=1_200, uncertain=0, qps=50.0)


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


def test_the_costs_are_said_beside_the_least_they_could_be() -> None:
    text = printed(REPORT)
    assert "1,234 spent, the least it had to cost: 1,200" in text
    assert "43.3 requests/s, 50 allowed" in text
    assert "lost" not in text


def test_lost_answers_and_failed_lists_are_named() -> None:
    error = ServerError("Internal\nserver error")
    text = printed(attrs.evolve(REPORT, uncertain=7, failures={"1729": error}))
    assert "7 more where the answer was lost" in text
    assert "12,345 rows of 39 products" in text
    assert "product 1729 failed: Internal\\nserver error" in text
