"""The report: what a harvest brought, as one page to look at."""

from keyapi_async.report.page import write_report

__all__ = ["write_report"]
