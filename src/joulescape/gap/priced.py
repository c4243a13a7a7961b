"""Bills at nominal statistics: no data is seen, so networks without weights can be asked for.

Where the question sweeps hardware (how many tiles, say), a state is priced on the variant of least energy x latency at
the typical corner: a machine is neither blamed nor praised for a size that does not suit the network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np

from joulescape.errors import SimulatorError
from joulescape.evaluation import Evaluation, evaluate
from joulescape.evaluation.case import Case
from joulescape.gap.bills import Bill, Row, Where, added_up
from joulescape.gap.states import State, states
from joulescape.network.fidelity import Fidelity
from joulescape.pricing.rows import area_rows, energy_rows
from joulescape.resolve.candidate import Candidate, Pair
from joulescape.resolve.design_space import DesignSpace
from joulescape.resolve.machine import LayerRun
from joulescape.spec.sourced import Corner

ENDS: tuple[Corner, ...] = ("optimistic", "pessimistic")

Corners = Mapping[Corner, Row]


def priced_bills(space: DesignSpace, networks: Iterable[str], workers: int = 1) -> list[Bill]:
    """Every state of every pair of these networks, in the order of the question, whoever prices them."""
    wanted = set(networks)
    pairs = [pair for pair in space.pairs if pair.network in wanted]
    if workers < 2:
        return [one for pair in pairs for one in bills_of(space, pair)]
    # Fresh processes: a fork would take the locks of Polars' threads along.
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        shares = pool.map(_share, [(space, pairs[first::workers]) for first in range(workers)])
        found = {bills[0].state.pair: bills for share in shares for bills in share}
    return [one for pair in pairs for one in found[pair]]


def bills_of(space: DesignSpace, pair: Pair) -> list[Bill]:
    """Every state of one pair."""
    return [bill(space, state) for state in states(space, pair)]


def bill(space: DesignSpace, state: State) -> Bill:
    """One state at every corner."""
    candidate, chosen = _chosen(space, state)
    variant_id, family = chosen.variant_id, space.back_ends[state.back_end].family
    corners = {**corners_of(space, candidate, variant_id), "typical": _row(chosen)}
    where = _where(space, candidate, variant_id) if chosen.state == "valid" else None
    return Bill(state, family, corners, where)


def corners_of(space: DesignSpace, candidate: Candidate, variant_id: int, some: Sequence[Corner] = ENDS) -> Corners:
    """Columns of gap_tables.BRIDGE of one variant at some corners."""
    return {corner: _row(_at(_priced(space, candidate, corner), variant_id)) for corner in some}


def _share(asked: tuple[DesignSpace, list[Pair]]) -> list[list[Bill]]:
    space, pairs = asked
    return [bills_of(space, pair) for pair in pairs]


def _chosen(space: DesignSpace, state: State) -> tuple[Candidate, Evaluation]:
    """The candidate and variant of least energy x latency; of those that cannot be built, what misses by least."""
    found = [(candidate, one) for candidate in state.candidates for one in _priced(space, candidate, "typical")]
    valid = [item for item in found if item[1].state == "valid"]
    return min(valid, key=_product) if valid else min(found, key=lambda item: item[1].violation)


def _product(item: tuple[Candidate, Evaluation]) -> float:
    """Of a valid design, which has every metric of inference: a missing one raises, it is not nothing."""
    energy, latency = (item[1].metrics[name] for name in ("inference_energy_pj", "inference_latency_ns"))
    if energy is None or latency is None:
        raise SimulatorError(f"a valid design on {item[0].pair.back_end} has no energy or no latency")
    return energy * latency


def _priced(space: DesignSpace, candidate: Candidate, corner: Corner) -> tuple[Evaluation, ...]:
    return evaluate(candidate, space, Fidelity(rung="closed_form", corner=corner), space.spec.budget.seed)


def _at(evaluations: tuple[Evaluation, ...], variant_id: int) -> Evaluation:
    """The variant's evaluation; of a candidate that no variant can carry, its only one."""
    return next((one for one in evaluations if one.variant_id == variant_id), evaluations[0])


def _row(found: Evaluation) -> Row:
    """Columns of gap_tables.BRIDGE; the file is what the weights and their index would take."""
    weights = found.facts.get("weight_bytes")
    return {
        "state": found.state,
        "reason": found.reason,
        **found.metrics,
        "macs": found.facts.get("macs"),
        "file_bytes": None if weights is None else round(weights),
        "assumed_energy_fraction": found.facts.get("assumed_energy_fraction"),
    }


def _where(space: DesignSpace, candidate: Candidate, variant_id: int) -> Where:
    priced = Case.of(candidate, space, Fidelity(rung="closed_form"), space.spec.budget.seed, None).priced(None)
    energies = (row for row in energy_rows(priced, variant_id) if row["phase"] == "inference")
    layers = priced.phases["inference"].layers
    times = ((_bound(candidate, run, variant_id), run.cost.latency_ns) for run in layers)
    return Where(
        energy=added_up((row["component"], row["energy_pj"]) for row in energies),
        time=added_up((name, float(_of(time, variant_id))) for name, time in times),
        area=added_up((row["component"], row["area_mm2"]) for row in area_rows(priced, variant_id)),
    )


def _bound(candidate: Candidate, run: LayerRun, variant_id: int) -> str:
    """What a layer's time hangs on, and where, if that is not the back end's own part."""
    bound = str(_of(run.cost.bound_by, variant_id))
    return bound if run.station == candidate.back_end else f"{bound} of the host"


def _of(values: Any, variant_id: int) -> Any:
    """One variant's value; what no variant changes has one alone."""
    array = np.asarray(values)
    return array.flat[variant_id if array.size > 1 else 0]
