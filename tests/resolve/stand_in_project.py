"""Stand-in plug-ins and the files of a small project, so that resolve is tested without any real physics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from joulescape.compression.base import Described, Method
from joulescape.simulators.base import Area, Component, Energy, LayerCost, Simulator
from joulescape.spec.base import Shape
from joulescape.spec.sourced import HigherIsBetter, LowerIsBetter


class Converter(Shape):
    """An ADC whose width scales its energy."""

    bits: int = Field(ge=1, le=12)
    energy_pj: LowerIsBetter


class Grid(Shape):
    """An array."""

    rows: int = Field(ge=1, le=1024)
    columns: int = Field(ge=1, le=1024)


class GridSettings(Shape):
    """Settings of the stand-in matrix machine."""

    array: Grid
    adc: Converter
    dataflow: Literal["weight_stationary", "output_stationary"] = "weight_stationary"
    is_fast: bool = False
    efficiency: HigherIsBetter | None = None


class GridMachine(Simulator[GridSettings]):
    """Takes matrix operators forward and leaves the rest to its host."""

    name = "grid"
    Settings = GridSettings
    changes_numbers = frozenset({"adc.bits"})
    searchable = frozenset({"adc.bits", "array.rows", "array.columns", "dataflow", "is_fast"})

    def takes(self, operator, role, settings):
        return operator.is_matrix and role == "forward"

    def errors(self, graph, formats, settings):
        return {}

    def cost(self, works, settings, context):
        component = Component.of("adc", "core", settings.adc.energy_pj)
        energy = settings.adc.energy_pj.value * settings.array.rows
        return [
            LayerCost(w.layer, w.role, w.macs, 1.0, 1.0, 1.0, "compute", (Energy(component, energy),)) for w in works
        ]

    def area(self, settings):
        return [Area(Component.of("array", "core", settings.adc.energy_pj), 1e-3 * settings.array.rows)]

    def static_power(self, settings):
        return []


class CoreSettings(Shape):
    """Settings of the stand-in host."""

    lanes: int = Field(ge=1)
    op_energy_pj: LowerIsBetter


class Core(Simulator[CoreSettings]):
    """Takes every digital operator in every role."""

    name = "core"
    Settings = CoreSettings
    changes_numbers: frozenset[str] = frozenset()
    searchable = frozenset({"lanes"})

    def takes(self, operator, role, settings):
        return not operator.is_physical or role != "forward"

    def errors(self, graph, formats, settings):
        return {}

    def cost(self, works, settings, context):
        component = Component.of("alu", "chip", settings.op_energy_pj)
        return [LayerCost(w.layer, w.role, w.macs, 1.0, 1.0, 1.0, "compute", (Energy(component, 1.0),)) for w in works]

    def area(self, settings):
        return []

    def static_power(self, settings):
        return []


class Lens(Core):
    """A physical system that is its own network."""

    name = "lens"

    def takes(self, operator, role, settings):
        return operator.is_physical and role == "forward"


class ShrinkSettings(Shape):
    """Settings of the stand-in method."""

    bits: int = Field(ge=1, le=8)
    density: float = Field(default=1.0, gt=0, le=1)
    mode: Literal["element", "channel"] = "element"


class Shrink(Method[ShrinkSettings]):
    """Acts on matrix operators."""

    name = "shrink"
    Settings = ShrinkSettings

    def takes(self, operator):
        return operator.is_matrix

    def describe(self, described: Described, settings: Mapping[str, ShrinkSettings]) -> Described:
        return described

    def project(self, tensors, described, settings):
        return tensors


class Whole(Shrink):
    """Acts on convolutions, and refuses a network without one."""

    name = "whole"
    is_whole = True

    def takes(self, operator):
        return operator.kind == "conv"


class Spectral(Shrink):
    """Acts on convolutions only."""

    name = "spectral"

    def takes(self, operator):
        return operator.kind == "conv"


PLUGINS: dict[str, dict[str, Any]] = {
    "joulescape.simulators": {"grid": GridMachine(), "core": Core(), "lens": Lens()},
    "joulescape.compression": {"shrink": Shrink(), "whole": Whole(), "spectral": Spectral()},
}

FILES = {
    "hwlib/components/lpddr4.yaml": """\
kind: off_chip_memory
about: a memory
read_pj_per_bit: {value: 4.0, low: 3.0, high: 6.0, basis: derived, source: a2020}
write_pj_per_bit: {value: 4.5, low: 3.5, high: 6.5, basis: derived, source: a2020}
bandwidth_gbps: {value: 100, low: 50, high: 200, basis: derived, source: a2020}
""",
    "hwlib/electronic/grid.yaml": """\
about: an array
simulator: grid
equivalence: approximate
host: electronic/core
node_nm: 28
parameters:
  array: {rows: 16, columns: 16}
  adc:
    bits: 8
    energy_pj: {value: 2.0, low: 1.0, high: 4.0, basis: measured, source: a2020, where: Table I}
""",
    "hwlib/electronic/core.yaml": """\
about: a host
simulator: core
equivalence: exact
off_chip: lpddr4
node_nm: 28
is_design: false
parameters:
  lanes: 4
  op_energy_pj: {value: 1.0, basis: measured, source: a2020}
""",
    "hwlib/physical/lens.yaml": """\
about: a physical network
simulator: lens
equivalence: own
host: electronic/core
node_nm: 28
parameters:
  lanes: 4
  op_energy_pj: {value: 1.0, basis: measured, source: a2020}
""",
    "models/mlp.yaml": """\
about: two layers
task: digits
input: [64]
operators:
  - {name: fc1, kind: dense, out_features: 16}
  - {name: relu1, kind: relu}
  - {name: fc2, kind: dense, out_features: 10}
training: {epochs: 2}
""",
    "models/optical.yaml": """\
about: a physical layer and a readout
task: digits
input: [64]
operators:
  - {name: shg1, kind: shg, out_features: 100, bins: 128, data_bins: 64, chirp_rad: 1.0, envelope: 1.0}
  - {name: sum, kind: spectral_sum, out_features: 10}
training: {epochs: 2}
""",
    "models/narrow.yaml": """\
about: wrong sizes
task: digits
input: [32]
operators:
  - {name: fc1, kind: dense, out_features: 12}
training: {epochs: 2}
""",
    "models/broken.yaml": """\
about: operators that do not fit
task: digits
input: [64]
operators:
  - {name: fc1, kind: dense, out_features: 10}
  - {name: pool1, kind: max_pool, kernel: 2}
training: {epochs: 2}
""",
    "models/letters.yaml": """\
about: another task
task: letters
input: [64]
operators:
  - {name: fc1, kind: dense, out_features: 10}
training: {epochs: 2}
""",
}

SPACE = """\
question: Which?
task: digits
networks: [mlp]
back_ends: [electronic/grid]
phases: [inference]
objectives: {accuracy_fraction: maximize, inference_energy_pj: minimize}
budget: {trials: 10}
"""
