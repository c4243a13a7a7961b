"""Bills at nominal statistics: no data is seen, so networks without weights can be asked for.

Where the question sweeps hardware (how many tiles, say), a state is priced on the variant of least energy x latency at
the typical corner: a machine is neither blamed nor praised for a size that does not suit the network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from joulescape.errors import SimulatorError
from joulescape.evaluation import Evaluation, evaluate, evaluate_and_price
from joulescape.gap.bills import Bill, Row, Tried, Where, added_up
from joulescape.gap.shared import in_shares, workers
from joulescape.gap.states import State, states
from joulescape.network.digest import digest
from joulescape.network.fidelity import Fidelity
from joulescape.pricing.metrics import Priced
from joulescape.pricing.rows import area_rows, energy_rows
from joulescape.resolve.candidate import Candidate, Pair
from joulescape.resolve.design_space import DesignSpace
from joulescape.resolve.machine import LayerRun
from joulescape.resolve.study import Study
from joulescape.spec.sourced import Corner

ENDS: tuple[Corner, ...] = ("optimistic", "pessimistic")

Corners = Mapping[Corner, Row]


def priced_bills(space: DesignSpace, networks: Iterable[str], count: int = 1) -> list[Bill]:
    """Every state of every pair of these networks, in the order of the question, whoever prices them."""
    wanted = set(networks)
    pairs = [pair for pair in space.pairs if pair.network in wanted]
    return [one for bills in in_shares(partial(_share, space), pairs, count) for one in bills]


def bills_of_study(study: Study) -> list[Bill]:
    """Bills of the bridge's question for the networks that the study compares: two of its parts read them, and they are
    the dearest thing in it, so that a process prices them once."""
    space, networks = study.spaces["bridge"], study.networks()
    key = digest(space.digest(), networks)
    if key not in _KNOWN:
        _KNOWN.clear()
        _KNOWN[key] = priced_bills(space, networks, workers())
    return _KNOWN[key]


_KNOWN: dict[str, list[Bill]] = {}
"""By content of what was asked; of the last study alone."""


def bills_of(space: DesignSpace, pair: Pair) -> list[Bill]:
    """Every state of one pair."""
    return [bill(space, state) for state in states(space, pair)]


def bill(space: DesignSpace, state: State) -> Bill:
    """One state at every corner."""
    found = [one for candidate in state.candidates for one in _asked(space, candidate)]
    chosen = _chosen(found)
    best, family = found[chosen], space.back_ends[state.back_end].family
    variant_id = best.evaluation.variant_id
    corners = {**corners_of(space, best.candidate, variant_id), "typical": _row(best.evaluation)}
    is_built = best.evaluation.state == "valid" and best.priced is not None
    where = _where(best.candidate, best.priced, variant_id) if is_built and best.priced is not None else None
    return Bill(state, family, corners, where, tried=tuple(map(_tried, found)), chosen=chosen)


def corners_of(space: DesignSpace, candidate: Candidate, variant_id: int, some: Sequence[Corner] = ENDS) -> Corners:
    """Columns of gap_tables.BRIDGE of one variant at some corners."""
    return {corner: _row(_at(_priced(space, candidate, corner), variant_id)) for corner in some}


def _share(space: DesignSpace, pairs: Sequence[Pair]) -> list[list[Bill]]:
    return [bills_of(space, pair) for pair in pairs]


@dataclass(frozen=True)
class _Asked:
    """One variant of a candidate as it was judged, and the prices of all of them."""

    candidate: Candidate
    evaluation: Evaluation
    priced: Priced | None


def _asked(space: DesignSpace, candidate: Candidate) -> list[_Asked]:
    fidelity = Fidelity(rung="closed_form")
    evaluations, priced = evaluate_and_price(candidate, space, fidelity, space.spec.budget.seed)
    return [_Asked(candidate, one, priced) for one in evaluations]


def _tried(one: _Asked) -> Tried:
    prefix = f"hardware.{one.candidate.back_end}."
    variant = {name.removeprefix(prefix): value for name, value in one.evaluation.variant.items()}
    return Tried(one.candidate, variant, one.evaluation.state, one.evaluation.metrics)


def _chosen(found: Sequence[_Asked]) -> int:
    """The place of the least energy x latency; of those that cannot be built, of what misses by least."""
    valid = [place for place, one in enumerate(found) if one.evaluation.state == "valid"]
    if valid:
        return min(valid, key=lambda place: _product(found[place]))
    return min(range(len(found)), key=lambda place: found[place].evaluation.violation)


def _product(one: _Asked) -> float:
    """Of a valid design, which has every metric of inference: a missing one raises, it is not nothing."""
    energy, latency = (one.evaluation.metrics[name] for name in ("inference_energy_pj", "inference_latency_ns"))
    if energy is None or latency is None:
        raise SimulatorError(f"a valid design on {one.candidate.pair.back_end} has no energy or no latency")
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


def _where(candidate: Candidate, priced: Priced, variant_id: int) -> Where:
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
