"""What a source claims of a machine against others, beside what the model computes against a machine of its own.

A claim is a ratio, larger is better: the rival's time, energy, or time x area, over the claimant's, for one network and
batch, within one boundary, with CMOS parts at one node. Corners of both machines' constants are taken in all pairs. A
machine whose link does not close at a corner is costed with the light that there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from joulescape.compression.pipeline import describe
from joulescape.network.operators import Phase
from joulescape.pricing.design import all_works, training_plan
from joulescape.pricing.metrics import at_node, metrics_of, price
from joulescape.resolve.back_end import load_back_end
from joulescape.resolve.single import single
from joulescape.spec.back_end import PublishedRow
from joulescape.spec.sourced import CORNERS, Corner

TIMES: Mapping[Phase, str] = {"inference": "inference_interval_ns", "training": "training_time_ns"}
ENERGIES: Mapping[Phase, str] = {"inference": "inference_energy_pj", "training": "training_energy_pj"}


class Claimed(NamedTuple):
    """A ratio at typical values, and its ends over all pairs of corners."""

    typical: float
    low: float
    high: float


def claimed(root: Path, name: str, row: PublishedRow) -> Claimed:
    """The ratio that `row` of back end `name` claims, as the model computes it; `row.against` names the rival."""
    ours = dict(_bills(root, name, row, row.overrides))
    theirs = dict(_bills(root, str(row.against), row, row.against_overrides))
    found = {(a, b): theirs[b] / ours[a] for a in CORNERS for b in CORNERS}
    return Claimed(found["typical", "typical"], min(found.values()), max(found.values()))


def _bills(root: Path, name: str, row: PublishedRow, overrides: Mapping[str, Any]) -> Iterator[tuple[Corner, float]]:
    """What is divided, at each corner."""
    phase, what = _parts(row.what)
    phases: tuple[Phase, ...] = ("inference",) if phase == "inference" else ("inference", "training")
    sets = {"batch": str(row.batch)} | ({"training.batch": str(row.batch)} if phase == "training" else {})
    space, candidate = single(str(row.workload), name, root, sets, phases=phases, boundary=row.boundary)
    network = describe(space.graphs[candidate.network], candidate.compression)
    plan = training_plan(space, candidate)
    works = all_works(space, network, plan)
    back_end = load_back_end(root, name, overrides)
    for corner in CORNERS:
        machine = back_end.machine(row.boundary, corner=corner)
        priced = at_node(price(machine, network, works, plan), machine.node_nm, int(row.node or machine.node_nm))
        metrics = {key: float(value[0]) for key, value in metrics_of(priced, 1, None).items() if value is not None}
        yield corner, _bill(phase, what, metrics)


def _parts(what: str) -> tuple[Phase, str]:
    phase, quantity, _ = what.split("_")
    return ("training" if phase == "training" else "inference"), quantity


def _bill(phase: Phase, what: str, metrics: Mapping[str, float]) -> float:
    """pJ, ns, or ns mm2."""
    if what == "energy":
        return metrics[ENERGIES[phase]]
    return metrics[TIMES[phase]] * (metrics["area_mm2"] if what == "efficiency" else 1.0)
