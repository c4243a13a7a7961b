"""A small space and its evaluation: deterministic, conditional, with designs that are infeasible and some that fail."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

from joulescape.errors import Infeasible
from joulescape.evaluation import Breakdown, Evaluation
from joulescape.network.digest import digest
from joulescape.network.fidelity import Measured
from joulescape.resolve.candidate import Candidate, Pair, Parameter
from joulescape.spec.base import Shape
from joulescape.spec.domain import ChoiceDomain, FloatDomain, IntDomain
from joulescape.spec.space import SpaceSpec
from joulescape.tables import METRICS

FAMILIES = {"electronic/grid": "electronic", "memristive/cells": "memristive", "photonic/mesh": "photonic"}


def shelved(name, equivalence):
    """A back end of the shelf, without settings."""
    memory = SimpleNamespace(name="lpddr4", spec=Shape())
    spec = SimpleNamespace(equivalence=equivalence, node_nm=28)
    return SimpleNamespace(name=name, family=FAMILIES[name], spec=spec, stations=(), off_chip=memory)


PAIRS = (
    Pair("mlp", "electronic/grid"),
    Pair("lenet", "electronic/grid"),
    Pair("mlp", "memristive/cells"),
    Pair("mlp", "photonic/mesh"),
)
PENALTY = {"optimistic": 0.8, "typical": 1.0, "pessimistic": 1.3}


@dataclass(frozen=True)
class FakeSpace:
    """What the search needs of a design space."""

    spec: SpaceSpec
    root: Path
    name: str = "fake"
    pairs: tuple[Pair, ...] = PAIRS
    refused: tuple = (SimpleNamespace(pair=Pair("lenet", "photonic/mesh"), reason="too wide"),)
    notes: tuple = ("compression.0.prune acts on no operator of mlp and is dropped there",)
    steps: tuple = ()
    networks: Mapping = field(default_factory=lambda: {"mlp": None, "lenet": None})

    @property
    def back_ends(self):
        return {name: shelved(name, "approximate") for name in FAMILIES}

    def parameters(self, pair):
        compression = (
            Parameter("compression.0", ChoiceDomain(kind="choice", options=("none", "prune"))),
            Parameter(
                "compression.0.prune.density",
                FloatDomain(kind="float", low=0.1, high=1.0),
                parent="compression.0",
                option="prune",
            ),
            Parameter("compression.1.quantize.weight_bits", IntDomain(kind="int", low=2, high=8)),
        )
        if pair.back_end == "memristive/cells":
            return (*compression, Parameter("hardware.memristive/cells.adc.bits", IntDomain(kind="int", low=4, high=9)))
        return compression

    def candidate(self, values):
        network, _, back_end = values["pair"].partition("@")
        hardware = {name: value for name, value in values.items() if name.startswith("hardware.")}
        training = {name: value for name, value in values.items() if name.startswith("compression.")}
        return Candidate(network, back_end, (), training, hardware, dict(values))

    def digest(self):
        return digest(self.spec, [pair.name for pair in self.pairs])


def make_space(root, **changes):
    """A fake space; `budget` and any key of SpaceSpec may be changed. Each candidate is measured once, on one rung."""
    budget = {"trials": 60, "seed": 3, "population": 12, "per_back_end": 12, "rungs": ("full",)}
    budget.update(changes.pop("budget", {}))
    pairs = changes.pop("pairs", PAIRS)
    changes.setdefault("objectives", {"accuracy_fraction": "maximize", "inference_energy_pj": "minimize"})
    spec = SpaceSpec(
        question="which?",
        task="digits",
        networks=("mlp", "lenet"),
        back_ends=tuple(FAMILIES),
        budget=budget,
        **changes,
    )
    return FakeSpace(spec, Path(root), pairs=tuple(pairs))


def judge(candidate, space, fidelity, seed, memory=None):
    """Three variants a candidate; low density on the mesh is infeasible, 3 and 4 bits on the cells fail."""
    bits = candidate.values["compression.1.quantize.weight_bits"]
    density = candidate.values.get("compression.0.prune.density", 1.0)
    if candidate.back_end == "photonic/mesh" and density < 0.4:
        raise Infeasible(f"mesh too sparse: {density:.3f}", 0.4 / density - 1)
    if candidate.back_end == "memristive/cells" and bits in (3, 4):
        raise ZeroDivisionError("three bits never work here, nor do four")
    adc = candidate.values.get("hardware.memristive/cells.adc.bits", 9)
    accuracy = _remembered(candidate, bits, density, adc, fidelity, memory)
    scale = {"electronic/grid": 1.0, "memristive/cells": 0.4, "photonic/mesh": 0.7}[candidate.back_end]
    return tuple(_design(candidate, fidelity, i, accuracy, scale * bits * density * adc) for i in range(3))


def explain(candidate, space, variant_id, fidelity, seed, memory=None):
    """A breakdown of two parts, one layer, one number of its error and its mapping."""
    design = digest(candidate.candidate_id, variant_id)
    part = {"design_id": design, "node": "as_published", "quantity": "energy", "phase": "inference", "basis": "assumed"}
    layer = {"design_id": design, "phase": "inference", "layer": "dense1", "role": "forward", "macs": 10}
    error = {"design_id": design, "layer": "dense1", "role": "forward", "kind": "x", "number": "bits", "value": 4.0}
    mapping = {"design_id": design, "phase": "inference", "layer": "dense1", "role": "forward", "text": "a nest"}
    return Breakdown(({**part, "energy_pj": 1.0}, {**part, "energy_pj": 2.0}), (layer,), (error,), (mapping,))


def slow_judge(candidate, space, fidelity, seed, memory=None):
    """The same, 20 ms later."""
    time.sleep(0.02)
    return judge(candidate, space, fidelity, seed, memory)


def sleepy_judge(candidate, space, fidelity, seed, memory=None):
    """The same, but lenet sleeps for a minute."""
    if candidate.network == "lenet":
        time.sleep(60)
    return judge(candidate, space, fidelity, seed, memory)


def _remembered(candidate, bits, density, adc, fidelity, memory):
    key = digest(candidate.network, bits, density, adc, fidelity)
    known = None if memory is None else memory.get(key)
    if known is None:
        worst = 0.02 * (8 - bits) ** 1.5 + 0.3 * (1 - density) ** 2 + 0.01 * (9 - adc)
        known = Measured(accuracy_fraction=(max(0.1, 0.98 - worst),), correct=(b"\x01\x00",))
        if memory is not None:
            memory.put(key, known)
    return known.accuracy_fraction[0]


def _design(candidate, fidelity, index, accuracy, energy):
    energy = energy * (1.0, 0.5, 2.0)[index] * PENALTY[fidelity.corner]
    name = f"hardware.{candidate.back_end}.rows"
    return Evaluation(
        design_id=digest(candidate.candidate_id, index),
        candidate_id=candidate.candidate_id,
        variant_id=index,
        state="valid",
        reason=None,
        violation=0.0,
        fidelity=fidelity.name,
        variant={name: 8 * 2**index},
        metrics={**dict.fromkeys(METRICS), "accuracy_fraction": accuracy, "inference_energy_pj": energy},
        facts={"accuracy_draws_count": 1, "paired_loss_fraction": 0.01, "correct": (b"\x01",), "extras": {"a": 1.0}},
    )
