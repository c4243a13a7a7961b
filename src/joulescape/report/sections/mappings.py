"""How sure the mappings are: whether the search ended before a proof, and how far from the best a layer may be."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from joulescape.report.inputs import Tables
from joulescape.report.sections.breakdown import shown_designs
from joulescape.spec.back_end import MAPPING_OBJECTIVES


@dataclass(frozen=True)
class MappingFacts:
    """Layers of the shown designs whose mapping was searched for; `sentence` is empty without any."""

    searched_count: int
    proven_count: int
    unknown_count: int
    """Layers of which not even a bound is known."""
    sentence: str


def facts(given: Tables) -> MappingFacts:
    """One sentence with the worst gap among the shown designs."""
    names = {design: name for name, design in shown_designs(given).items()}
    rows = given.layers.filter(pl.col("design_id").is_in(list(names)) & pl.col("mapping_gap_fraction").is_not_null())
    gap = pl.col("mapping_gap_fraction")
    proven, unknown = rows.filter(gap == 0).height, rows.filter(gap >= 1).height
    bounded = rows.filter((gap > 0) & (gap < 1)).sort("mapping_gap_fraction", descending=True, maintain_order=True)
    said = [f"Of {rows.height} mappings of layers that were searched for, {proven} are proven the best."]
    if bounded.height:
        worst = bounded.row(0, named=True)
        what, left = MAPPING_OBJECTIVES[worst["mapping_objective"]], f"{100 * worst['mapping_gap_fraction']:.2g} %"
        where = f"{worst['layer']} ({worst['role']}) of {names[worst['design_id']]}"
        said.append(f"Of {bounded.height} the search ended before a proof; the worst is {where}:")
        said.append(f"at most {left} from the least {what}.")
    if unknown:
        said.append(f"Of {unknown} only some were tried, and how far they are from the best is not known.")
    return MappingFacts(rows.height, proven, unknown, " ".join(said) if rows.height else "")
