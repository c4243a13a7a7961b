"""Pages of the ordinary search, drawn once a process: same tables, same bytes (test_report_page holds that)."""

from __future__ import annotations

from functools import cache

from synthetic import empty, synthetic

from joulescape.report.page import render


@cache
def ordinary_page(designs: int = 160) -> str:
    """The page of `synthetic(designs)`."""
    return render(synthetic(designs))


@cache
def empty_page() -> str:
    """The page of a search in which nothing was feasible."""
    return render(empty())
