"""The report: what a harvest brought, as one page to look at."""

from keyapi_async.report.page import check_report, write_report

__all__ = ["check_report", "write_report"]
