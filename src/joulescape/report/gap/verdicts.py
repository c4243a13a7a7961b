"""Whether a constant overtakes: marks and words."""

from __future__ import annotations

from markupsafe import Markup

VERDICTS = {
    "already": ("✓", "ahead already"),
    "within_corner": ("◐", "within today's range"),
    "beyond_corner": ("○", "beyond today's range"),
    "never_alone": ("✕", "never by this alone"),
    "infeasible": ("–", "cannot be judged"),
    "absent": ("∅", "the machine has none"),
}
"""Verdict -> mark, words; from the nearest to the farthest. What is absent stands in the table alone."""


def verdict_mark(verdict: str) -> Markup:
    """A verdict's mark with its words for those who do not see it."""
    mark, said = VERDICTS[verdict]
    return Markup('<span role="img" aria-label="{}" title="{}">{}</span>').format(said, said, mark)
