"""Settings, contexts and works that the tests of the mesh simulator share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from joulescape.network.operators import Loops, Operator
from joulescape.network.work import MatrixWork, Operand, VectorWork
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.base import Context, LayerCost, OffChip
from joulescape.simulators.mzi_mesh import plugin
from joulescape.simulators.mzi_mesh.settings import MeshSettings
from joulescape.spec.sourced import Sourced

ROOT = Path(__file__).parents[2]
OFF_CHIP = OffChip(
    "memory", *(Sourced(value=value, basis="derived", source="joulescape") for value in (4.0, 5.0, 100.0))
)


def mesh(overrides: dict[str, Any] | None = None) -> MeshSettings:
    """The shelf's entry with other values at dotted paths."""
    settings = load_back_end(ROOT, "photonic/mzi_mesh", overrides or {}).settings
    assert isinstance(settings, MeshSettings)
    return settings


def swept(settings: MeshSettings, group: str, **arrays: Any) -> MeshSettings:
    """`settings` with arrays of shape (variants,) in one group."""
    return settings.model_copy(update={group: getattr(settings, group).model_copy(update=arrays)})


def context(is_edge: bool = False, batch: int = 1, includes_off_chip: bool = True) -> Context:
    """A context; `is_edge` makes layer `fc` both first and last."""
    edge = frozenset({"fc"}) if is_edge else frozenset()
    return Context(batch, OFF_CHIP, includes_off_chip, first=edge, last=edge)


def dense(inputs: int, outputs: int, batch: int = 1, layer: str = "fc", role: str = "forward") -> MatrixWork:
    """A dense layer's work at 8 bits."""
    return matrix(Loops(B=batch, K=outputs, C=inputs), layer, role)


def matrix(loops: Loops, layer: str = "fc", role: str = "forward") -> MatrixWork:
    """A matrix work at 8 bits."""
    weights = loops.G * loops.K * loops.reduction
    return MatrixWork(
        layer,
        role,  # type: ignore[arg-type]
        loops,
        weight=Operand(weights, 8),
        input=Operand(loops.G * loops.C * loops.positions, 8),
        output=Operand(loops.G * loops.K * loops.positions, 8),
    )


def update(parameters: int, layer: str = "fc") -> VectorWork:
    """The update of a layer's parameters."""
    return VectorWork(layer, "update", "update", 2.0 * parameters, 2 * parameters, parameters, 32)


def operator(kind: str) -> Operator:
    """An operator of some kind."""
    return Operator("op", kind, ("input",), ((8,),), (8,))


def one(work: Any, settings: MeshSettings, where: Context | None = None) -> LayerCost:
    """The cost of a work alone."""
    return plugin.cost([work], settings, where or context())[0]


def part(cost: LayerCost, name: str) -> Any:
    """Energy of one component."""
    return sum(energy.energy_pj for energy in cost.energies if energy.component.name == name)


def total(cost: LayerCost) -> Any:
    """Dynamic energy of a layer."""
    return sum(energy.energy_pj for energy in cost.energies)
