"""What report.json says beside the page's words: its version, how many designs came to what, and from which files."""

from __future__ import annotations

from typing import Any

from joulescape import tables
from joulescape.report.inputs import Tables, family_rank

SCHEMA = "joulescape report 1"
"""Name and version of report.json: a key is added without a new version; one that changes or goes takes a new one.
results/README.md explains every key."""
STATES = ("valid", "infeasible", "failed", "screened")


def tally(given: Tables) -> dict[str, Any]:
    """Counts, front, picked row and provenance, as plain values."""
    states = dict(given.trials.drop_nulls("state").group_by("state").len().rows())
    fronts = dict(given.front.drop_nulls("family").group_by("family").len().rows())
    return {
        "schema": SCHEMA,
        "counts": {
            "designs": given.trials.height,
            "candidates": given.trials["candidate_id"].n_unique(),
            **{state: states.get(state, 0) for state in STATES},
            "front": given.front.height,
            "confirmed": given.confirmed["design_id"].n_unique(),
        },
        "front_families": {name: fronts[name] for name in sorted(fronts, key=lambda name: (family_rank(name), name))},
        "digests": dict(given.resolved.get("digests") or {}),
        "versions": dict(given.resolved.get("versions") or {}),
        "git_commit": given.resolved.get("git_commit"),
        "files": dict(given.files),
        "unsound": dict(given.unsound),
        "unsound_valid": dict(given.unsound_valid),
        "missing": list(given.missing),
    }


def counted_words(given: Tables) -> str:
    """What a row of trials is: `Counted here: 24 designs. 16 hardware variants of each candidate were costed ...`"""
    designs, candidates = given.trials.height, given.trials["candidate_id"].n_unique()
    counts = given.trials["variants_count"].drop_nulls().to_list()
    said = f"Counted here: {designs:,} design{'' if designs == 1 else 's'} of {candidates:,} candidates."
    if not counts or max(counts) == 1:
        return said
    low, high = min(counts), max(counts)
    many = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    return (
        f"{said} {many} hardware variants of each candidate were costed; those that another variant of the same "
        "candidate beats are not kept."
    )


def left_out_words(given: Tables) -> str:
    """For the scope, where more was costed than is kept: how many variants, and which are not kept."""
    judged = given.run.get("designs_judged_count")
    if judged is None or judged <= given.trials.height:
        return ""
    return f"{given.trials.height:,} designs kept of {judged:,} hardware variants costed, those that no other beats"


def picked(given: Tables, index: int | None) -> dict[str, Any] | None:
    """The recommended design's metrics and parameters; None where there is none."""
    if index is None:
        return None
    row = given.valid.row(index, named=True)
    kept = ("design_id", "network", "back_end", "family", *tables.METRICS, *tables.parameter_columns(given.trials))
    return {name: row[name] for name in kept if row[name] is not None}
