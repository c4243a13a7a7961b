"""The model's value of one published figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from joulescape.errors import Fault, SpecError
from joulescape.network.digest import digest
from joulescape.pricing.products import product_figures
from joulescape.resolve.back_end import load_back_end
from joulescape.spec.back_end import PublishedRow
from joulescape.units import OPS_PER_MAC

if TYPE_CHECKING:
    from joulescape.pricing import CostReport

ACCURACIES = ("accuracy_fraction", "trained_accuracy_fraction")


@dataclass(frozen=True)
class Reports:
    """Costs of networks on machines, each asked for once however many rows are about its parts."""

    root: Path
    known: dict[str, CostReport] = field(default_factory=dict)
    simulators: dict[str, str] = field(default_factory=dict)
    """By back end."""

    def simulator(self, name: str) -> str:
        """What the back end `name` is computed by; read once however many figures it has."""
        if name not in self.simulators:
            self.simulators[name] = load_back_end(self.root, name).spec.simulator
        return self.simulators[name]

    def of(self, name: str, row: PublishedRow) -> CostReport:
        """What the row's network costs on the back end `name`."""
        from joulescape.pricing import cost

        asked = digest(name, row.workload, _sets(row), row.boundary)
        if asked not in self.known:
            self.known[asked] = cost(cast(str, row.workload), name, _sets(row), boundary=row.boundary, root=self.root)
        return self.known[asked]


def model_figure(root: Path, name: str, row: PublishedRow, reports: Reports | None = None) -> float:
    """What the row is about, as the model has it; SpecError where the model knows no such figure."""
    if row.products:
        return _named(product_figures(load_back_end(root, name, row.overrides), row.products, row.bits), name, row)
    if row.workload is None:
        back_end = load_back_end(root, name, row.overrides)
        return _named(back_end.simulator.published(back_end.settings), name, row)
    if row.what in ACCURACIES:
        return _accuracy(root, name, row)
    return _named(_workload_figures((reports or Reports(root)).of(name, row), name, row), name, row)


def _named(figures: Mapping[str, float | None], name: str, row: PublishedRow) -> float:
    value = figures.get(row.what)
    if value is None:
        known = "one of " + ", ".join(sorted(key for key, figure in figures.items() if figure is not None))
        raise SpecError([Fault(f"hwlib/{name}.yaml", None, "published", f"'{row.what}'", known)])
    return float(value)


def _sets(row: PublishedRow) -> dict[str, str]:
    hardware = {f"hardware.{path}": str(value) for path, value in row.overrides.items()}
    compression = {f"compression.{index}": method for index, method in enumerate(row.compression)}
    return {"batch": str(row.batch), **hardware, **compression, **{path: str(v) for path, v in row.sets.items()}}


def _workload_figures(report: CostReport, name: str, row: PublishedRow) -> dict[str, float | None]:
    """Metrics of `joulescape cost` for the row's network and batch, and figures of the whole batch made of its rows."""
    if row.layer is not None:
        return _layer_figures(report, row, name)
    if row.layers:
        return _layers_figures(report, row, name)
    batch_ns = max(float(layer["end_ns"]) for layer in report.layers)
    macs = sum(int(layer["macs"]) for layer in report.layers)
    moved = [move for move in report.traffic if move["memory"] == "off_chip_memory"]
    return {
        **report.totals,
        "batch_latency_ns": batch_ns,
        "tops": OPS_PER_MAC * macs / batch_ns / 1e3,
        "off_chip_bytes": float(sum(move["read_bytes"] + move["write_bytes"] for move in moved)),
    }


def _layers_figures(report: CostReport, row: PublishedRow, name: str) -> dict[str, float | None]:
    """Figures of several layers one after the other, for the whole batch; energy is per inference."""
    each = [_layer_figures(report, row.model_copy(update={"layer": layer}), name) for layer in row.layers]
    times = [float(figures["batch_latency_ns"] or 0.0) for figures in each]
    energy = sum(float(figures["power_mw"] or 0.0) * time for figures, time in zip(each, times, strict=True))
    macs = sum(int(layer["macs"]) for layer in report.layers if layer["layer"] in row.layers)
    return {
        "batch_latency_ns": sum(times),
        "energy_pj": energy / report.batch,
        "power_mw": energy / sum(times),
        "tops_per_w": OPS_PER_MAC * macs / energy,
    }


def _layer_figures(report: CostReport, row: PublishedRow, name: str) -> dict[str, float | None]:
    """Figures of one layer in its forward pass, for the whole batch."""
    found = next((one for one in report.layers if one["layer"] == row.layer and one["role"] == "forward"), None)
    if found is None:
        known = "one of " + ", ".join(one["layer"] for one in report.layers)
        raise SpecError([Fault(f"hwlib/{name}.yaml", None, "published.layer", f"'{row.layer}'", known)])
    time_ns = float(found["batch_latency_ns"])
    parts = [part for part in report.energy if part["layer"] == row.layer]
    energy = sum(float(part["energy_pj"]) for part in parts)
    moved: dict[str, float | None] = {}
    for move in report.traffic:
        if move["layer"] == row.layer:
            key = f"{move['memory']}_bytes"
            moved[key] = (moved.get(key) or 0.0) + move["read_bytes"] + move["write_bytes"]
    return {
        "batch_latency_ns": time_ns,
        "power_mw": energy * report.batch / time_ns,
        "tops_per_w": OPS_PER_MAC * float(found["macs"]) / (energy * report.batch) if energy else None,
        "active_units": float(found["active_units"]),
        **moved,
        **_relative_energies(parts, int(found["macs"])),
    }


def _relative_energies(parts: Sequence[Mapping[str, Any]], macs: int) -> dict[str, float | None]:
    """Energy of each component of a layer for the whole batch, in energies of one multiply-accumulate; none where no
    component multiplies by itself. `pads` are all memories inside units that are named so."""
    multiplies = sum(float(part["energy_pj"]) for part in parts if part["component"] == "mac_array")
    if not multiplies:
        return {}
    one = multiplies / macs
    found = {f"{part['component']}_relative_energy": float(part["energy_pj"]) / one for part in parts}
    pads = [float(part["energy_pj"]) / one for part in parts if part["component"].endswith("_pad")]
    return {**found, **({"pads_relative_energy": sum(pads)} if pads else {})}


def _accuracy(root: Path, name: str, row: PublishedRow) -> float:
    """Measured on the test split with five draws, after the network's own recipe."""
    from joulescape.evaluation import evaluate
    from joulescape.network.fidelity import Fidelity
    from joulescape.resolve.single import single

    trains = row.what == "trained_accuracy_fraction"
    space, candidate = single(cast(str, row.workload), name, root, _sets(row), phases=("inference",))
    fidelity = Fidelity(rung="full", split="test", draws=5, trains_on_machine=trains)
    return _named(evaluate(candidate, space, fidelity, seed=0)[0].metrics, name, row)
