"""A guest simulator: multipliers beside DRAM banks. Its arithmetic lives in a program of its own, called per layer."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph, Operator, Role
from joulescape.network.work import OperandFormat, Work
from joulescape.simulators.base import Area, Component, Context, Energy, LayerCost, Simulator, StaticPower
from joulescape.spec.base import Shape
from joulescape.spec.sourced import LowerIsBetter


class ToolError(RuntimeError):
    """The outside program refused a layer."""


class Settings(Shape):
    """Parameters of the near-memory machine."""

    banks: int
    macs_per_bank: int
    clock_ghz: float
    mac_pj: LowerIsBetter
    bank_read_pj_per_byte: LowerIsBetter
    bank_mm2: LowerIsBetter
    bank_leakage_mw: LowerIsBetter


class NearMemory(Simulator[Settings]):
    """Weights never leave their bank: each bank multiplies what it stores."""

    name = "near_memory"
    Settings = Settings
    changes_numbers = frozenset()
    searchable = frozenset({"banks", "macs_per_bank"})

    def takes(self, operator: Operator, role: Role, settings: Settings) -> bool:
        return operator.is_matrix and role == "forward"

    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: Settings) -> Errors:
        numbers = {"weight_bits": 8, "input_bits": 8, "accumulator_bits": 32}
        return {
            (o.name, "forward"): ErrorSpec("fixed_point", o.name, "forward", numbers) for o in graph.matrix_operators
        }

    def cost(self, works: Sequence[Work], settings: Settings, context: Context) -> Sequence[LayerCost]:
        return [self._layer(work, settings) for work in works]

    def area(self, settings: Settings) -> Sequence[Area]:
        return [Area(Component.of("banks", "core", settings.bank_mm2), settings.banks * settings.bank_mm2.value)]

    def static_power(self, settings: Settings) -> Sequence[StaticPower]:
        leakage = settings.bank_leakage_mw
        return [StaticPower(Component.of("bank_leakage", "core", leakage), settings.banks * leakage.value)]

    def _layer(self, work: Any, settings: Settings) -> LayerCost:
        sizes = np.broadcast_arrays(np.atleast_1d(settings.banks), np.atleast_1d(settings.macs_per_bank))
        banks, lanes = sizes
        answers = [ask(work.macs, int(b), int(m), settings.clock_ghz) for b, m in zip(banks, lanes, strict=True)]
        latency = np.array([answer["latency_ns"] for answer in answers])
        utilisation = np.array([answer["utilisation_fraction"] for answer in answers])
        read = work.weight.elements + work.input.elements
        return LayerCost(
            layer=work.layer,
            role=work.role,
            macs=work.macs,
            latency_ns=latency,
            active_units=banks * lanes * utilisation,
            utilisation_fraction=utilisation,
            bound_by="compute",
            energies=(
                Energy(Component.of("mac", "core", settings.mac_pj), work.macs * settings.mac_pj.value),
                Energy(
                    Component.of("bank_read", "core", settings.bank_read_pj_per_byte),
                    read * settings.bank_read_pj_per_byte.value,
                ),
            ),
        )


def ask(macs: int, banks: int, macs_per_bank: int, clock_ghz: float) -> dict[str, float]:
    """One slow call of the outside program."""
    question = json.dumps({"macs": macs, "banks": banks, "macs_per_bank": macs_per_bank, "clock_ghz": clock_ghz})
    command = [sys.executable, "-S", "-m", "near_memory_guest_tool"]
    answer = subprocess.run(command, input=question, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise ToolError(answer.stderr.strip())
    found: dict[str, float] = json.loads(answer.stdout)
    return found


plugin = NearMemory()
