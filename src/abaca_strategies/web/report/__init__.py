"""The result of a back-test for people: the parts that the page and the report of one file share, and that report."""

from abaca_strategies.web.report.onefile import report

__all__ = ["report"]
