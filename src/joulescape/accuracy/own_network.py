"""A network that is a machine: physical operators on a device or its twin, digital operators between them.

Each input of a physical operator is clipped to what the system can be driven with; `scale_offset` operators follow a
calibration (`own_calibration`).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from joulescape.accuracy.module import digital, initial
from joulescape.accuracy.own_bench import Algorithm, Bench
from joulescape.accuracy.own_calibration import Calibrated
from joulescape.accuracy.training import as_leaves
from joulescape.errors import SimulatorError
from joulescape.network.build import DATA
from joulescape.network.operators import Graph, Operator


class OwnNetwork:
    """Trained parameters of physical layers on one bench, and of the digital operators around them."""

    def __init__(self, graph: Graph, bench: Bench, stream: torch.Generator) -> None:
        _check_inputs(graph)
        self._graph, self._bench = graph, bench
        self.physical = {o.name: self._fresh(o, stream) for o in graph.physical_operators}
        drives = _drives(graph, bench)
        self.calibrated = {
            o.name: Calibrated(o, drives.get(o.name)) for o in graph.operators if o.kind == "scale_offset"
        }
        others = tuple(o for o in graph.operators if o.kind != "scale_offset")
        self.weights = as_leaves(initial(replace(graph, operators=others), stream))

    def _fresh(self, operator: Operator, stream: torch.Generator) -> dict[str, Tensor]:
        fresh = self._bench.layers[operator.name].initial(operator, stream)
        return {name: tensor.requires_grad_() for name, tensor in fresh.items()}

    def digital(self) -> list[Tensor]:
        """Trained numbers of the digital part."""
        scales = [t for part in self.calibrated.values() for t in (part.scale, part.offset)]
        return [*scales, *(tensor for tensor in self.weights.values() if tensor.requires_grad)]

    def openings(self) -> list[Tensor]:
        """Trained numbers of the physical part."""
        return [tensor for parameters in self.physical.values() for tensor in parameters.values()]

    def scores(self, samples: Tensor, algorithm: Algorithm, is_training: bool = False) -> tuple[Tensor, Tensor]:
        """(class scores (B, classes), penalty on drives that had to be clipped)."""
        values, penalty = {DATA: samples}, torch.zeros(())
        for operator in self._graph.operators:
            inputs = tuple(values[name] for name in operator.inputs)
            if operator.is_physical:
                driven, excess = self._bench.layers[operator.name].in_range(inputs[0])
                penalty = penalty + excess
                found = self._bench.run(operator, driven, self.physical[operator.name], algorithm)
            elif operator.kind == "scale_offset":
                found = self.calibrated[operator.name](inputs[0], is_training)
            elif operator.kind == "spectral_sum":
                found = inputs[0] @ grouping(inputs[0].shape[1], operator.out_elements)
            else:
                found = digital(operator, inputs, self.weights, is_training)
            values[operator.name] = found
        return values[self._graph.output.name], penalty

    def confine(self) -> None:
        """Move physical parameters back into their range."""
        for name, parameters in self.physical.items():
            self._bench.layers[name].confine(parameters)

    def recalibrate(self, samples: Tensor) -> None:
        """Measure every calibration anew on the device."""
        for part in self.calibrated.values():
            part.forget()
        with torch.no_grad():
            self.scores(samples, "pat")

    def state(self) -> Any:
        """A copy of everything that training moves."""
        return copy.deepcopy((self.physical, self.calibrated, self.weights))

    def restore(self, state: Any) -> None:
        """Go back to a copy; an optimiser that moved the network no longer does."""
        self.physical, self.calibrated, self.weights = state

    def tensors(self) -> dict[str, Tensor]:
        """Every trained number by dotted name, calibrations folded into `.scale` and `.offset`."""
        found = {f"{o}.{name}": t.detach() for o, parameters in self.physical.items() for name, t in parameters.items()}
        found.update({name: tensor.detach() for name, tensor in self.weights.items()})
        for name, part in self.calibrated.items():
            found[f"{name}.scale"], found[f"{name}.offset"] = part.folded()
        return found


def grouping(values: int, groups: int) -> Tensor:
    """The matrix (values, groups) of a `spectral_sum`: group j sums floor(j n / m) to floor((j + 1) n / m) - 1."""
    matrix = torch.zeros(values, groups)
    edges = [j * values // groups for j in range(groups + 1)]
    for group, (first, end) in enumerate(pairwise(edges)):
        matrix[first:end, group] = 1.0
    return matrix


def _drives(graph: Graph, bench: Bench) -> Mapping[str, tuple[float, float]]:
    """By operator whose output reaches a physical one: the range of the first system that it drives."""
    found: dict[str, tuple[float, float]] = {}
    for operator in reversed(graph.operators):
        if operator.is_physical:
            layer = bench.layers[operator.name]
            found.update(dict.fromkeys(operator.inputs, (layer.lowest, layer.highest)))
        elif operator.name in found:
            found.update(dict.fromkeys(operator.inputs, found[operator.name]))
    return found


def _check_inputs(graph: Graph) -> None:
    """Raise SimulatorError where a physical operator reads more than one tensor."""
    for operator in graph.physical_operators:
        if len(operator.inputs) != 1:
            raise SimulatorError(
                f"a physical system is driven by one tensor; '{operator.name}' reads {', '.join(operator.inputs)}"
            )
