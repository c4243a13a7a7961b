"""Synthetic tables of one space: four families, realistic magnitudes, infeasible, failed and screened designs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from cited import REFERENCES, SOURCES, published_rows

from joulescape import tables
from joulescape.report.inputs import Tables

OBJECTIVES = {
    "accuracy_fraction": "maximize",
    "inference_energy_pj": "minimize",
    "inference_latency_ns": "minimize",
}
BACK_ENDS = {
    "electronic/systolic_int8": ("electronic", "exact", 0.985, 4.0e5, 9.0e3, 1.4),
    "memristive/isaac": ("memristive", "approximate", 0.972, 1.1e5, 2.1e4, 0.9),
    "photonic/mzi_mesh": ("photonic", "approximate", 0.968, 9.0e5, 6.0e2, 38.0),
    "physical/shg": ("physical", "own", 0.905, 6.0e7, 5.0e5, 120.0),
}
COMPONENTS = {
    "electronic": (("mac_array", "core"), ("sram_buffer", "chip"), ("dram", "system"), ("leakage", "chip")),
    "memristive": (("adc", "core"), ("dac", "core"), ("crossbar", "core"), ("edram_buffer", "chip"), ("noc", "chip")),
    "photonic": (("laser", "core"), ("modulator", "core"), ("adc", "core"), ("heater", "core"), ("dram", "system")),
    "physical": (("pump_laser", "core"), ("slm", "core"), ("camera", "core"), ("host_scalar_core", "system")),
}  # fmt: skip
LAYERS = ("conv1", "conv2", "dense1", "dense2")


def synthetic(designs: int = 600, seed: int = 0, name: str = "which_machine") -> Tables:
    """Tables of a search that went well, the same for the same arguments."""
    rng = np.random.default_rng(seed)
    rows = [_row(rng, index, designs) for index in range(designs)]
    parameters = {"hardware.memristive/isaac.adc.bits": pl.Int64, "compression.0.prune.density": pl.Float64}
    trials = tables.make(rows, tables.TRIALS, parameters)
    valid = trials.filter(pl.col("state") == "valid")
    front = _front(valid)
    trials = trials.with_columns(is_front=pl.col("design_id").is_in(front["design_id"].implode()))
    confirmed = _confirmed(rng, front, valid)
    chosen = confirmed.filter(pl.col("corner") == "typical")
    return Tables(
        name=name,
        trials=trials,
        front=front,
        history=_history(designs),
        confirmed=confirmed,
        parts=tables.make(
            [row for design in chosen.iter_rows(named=True) for row in _parts(rng, design)], tables.PARTS
        ),
        layers=tables.make([row for each in chosen.iter_rows(named=True) for row in _layers(rng, each)], tables.LAYERS),
        published=published_rows(),
        audit=tables.make(AUDIT, tables.AUDIT),
        resolved=_resolved(name),
        references=REFERENCES,
        networks={"digits_lenet": {"test_accuracy_mean_fraction": 0.984, "validation_accuracy_mean_fraction": 0.986}},
    )


def empty(name: str = "hopeless") -> Tables:
    """Tables of a search in which every design was infeasible or failed."""
    full = synthetic(60, name=name)
    nothing = dict.fromkeys(tables.METRICS)
    trials = full.trials.with_columns(
        state=pl.when(pl.col("trial") % 9 == 0).then(pl.lit("failed")).otherwise(pl.lit("infeasible")),
        reason=pl.when(pl.col("trial") % 9 == 0)
        .then(pl.lit("SimulatorError: latency is negative"))
        .otherwise(pl.format("area {} mm2 exceeds 0.1 mm2", pl.col("trial"))),
        is_front=pl.lit(False),
        **{metric: pl.lit(value, pl.Float64) for metric, value in nothing.items()},
    )
    none = {field: tables.make([], schema) for field, schema in EMPTY.items()}
    return Tables(name, trials, history=full.history, resolved=full.resolved, references={}, networks={}, **none)


EMPTY: dict[str, tables.Schema] = {
    "front": tables.TRIALS,
    "confirmed": tables.CONFIRMED,
    "parts": tables.PARTS,
    "layers": tables.LAYERS,
    "published": tables.PUBLISHED,
    "audit": tables.AUDIT,
}

RUNGS = ("merged", "tuned", "full")
AUDIT = [
    dict(zip(tables.AUDIT, row, strict=True))
    for row in (
        ("merged", "tuned", 22, 0.81, 9, 0.72, 0.041, 0.75, 0.031, 1.4),
        ("tuned", "full", 22, 0.97, 9, 0.94, 0.006, 0.5, 1.4, 5.2),
        ("merged", "full", 22, 0.79, 9, 0.68, 0.044, None, 0.031, 5.2),
    )
]
"""Three rungs: the middle one ranks like the top, the lowest does not near the front."""


def save(given: Tables, folder: Path) -> Path:
    """Write the tables as a search would; the folder of the space."""
    import json

    space = folder / given.name
    for field in (
        "trials",
        "front",
        "history",
        "confirmed",
        "parts",
        "layers",
        "audit",
        "constants",
        "errors",
        "mappings",
    ):
        tables.write(getattr(given, field), space / f"{field}.parquet")
    tables.write(given.published, folder / "published.parquet")
    (space / "resolved.json").write_text(json.dumps(given.resolved), encoding="utf-8")
    (folder / "networks").mkdir(exist_ok=True)
    for network, metrics in given.networks.items():
        (folder / "networks" / f"{network}.json").write_text(json.dumps(metrics), encoding="utf-8")
    return space


def _row(rng: np.random.Generator, index: int, total: int) -> dict[str, Any]:
    names = list(BACK_ENDS)
    name = names[index % 4]
    family, equivalence, best, energy, latency, area = BACK_ENDS[name]
    row = {
        "design_id": f"d{index:06x}", "candidate_id": f"c{index // 2:06x}", "variant_id": index % 2,
        "trial": index // 2, "batch": index // 24, "pair": f"digits_lenet@{name}", "back_end": name, "family": family,
        "network": "shg_digits" if family == "physical" else "digits_lenet", "equivalence": equivalence,
        "fidelity": "full/validation/3", "is_front": False, "seconds": 0.3, "violation": 0.0,
    }  # fmt: skip
    if rng.random() < 0.12:
        over = float(rng.uniform(100, 300))
        return {
            **row,
            "state": "infeasible",
            "reason": f"area_mm2 is {over:.1f}, at most 100",
            "violation": over / 100 - 1,
        }
    if index % 7 == 3 and index < 0.5 * total:
        return {**row, "state": "screened", "violation": 1e-7, **_screened(rng, best, energy, latency, area)}
    if rng.random() < 0.01:
        return {**row, "state": "failed", "reason": "SimulatorError: laser budget is not finite"}
    return {**row, "state": "valid", **_metrics(rng, family, best, energy, latency, area, index / total)}


def _screened(rng: np.random.Generator, best: float, energy: float, latency: float, area: float) -> dict[str, Any]:
    """What a cheaper rung said: costs, and an accuracy only where that rung measures one."""
    is_costed_only = rng.random() < 0.4
    return {
        "fidelity": "closed_form/validation/0" if is_costed_only else "merged/validation/1",
        "accuracy_fraction": None if is_costed_only else round(best - 0.2 * float(rng.random()), 4),
        "inference_energy_pj": energy * 2, "inference_latency_ns": latency * 2, "area_mm2": area, "variants_count": 60,
    }  # fmt: skip


def _metrics(
    rng: np.random.Generator, family: str, best: float, energy: float, latency: float, area: float, learnt: float
) -> dict[str, Any]:
    effort = float(np.clip(rng.beta(1.5 + 2 * learnt, 2.0), 0.02, 1.0))
    accuracy = best - 0.22 * (1 - effort) ** 3 - abs(float(rng.normal(0, 0.012)))
    scale = 10 ** (1.3 * (effort - 0.6)) * float(np.exp(rng.normal(0, 0.35)))
    samples = 360
    inference = energy * scale
    latency_ns = latency * scale**0.5 * float(np.exp(rng.normal(0, 0.25)))
    is_measured = family in {"electronic", "memristive"}
    return {
        "accuracy_fraction": round(accuracy * samples) / samples,
        "trained_accuracy_fraction": round((accuracy - 0.01) * samples) / samples if is_measured else None,
        "inference_energy_pj": inference, "inference_latency_ns": latency_ns, "inference_interval_ns": latency_ns / 3,
        "training_energy_pj": inference * 3.2 * 1077 * 12, "training_time_ns": latency_ns * 3 * 1077 * 12,
        "area_mm2": area * (0.4 + effort) * float(np.exp(rng.normal(0, 0.2))), "mean_power_mw": inference / latency_ns,
        "tops_per_w": 2 * 2.8e5 / inference, "gops_per_mm2": 2 * 2.8e5 / latency_ns / area,
        "accuracy_sd_fraction": abs(float(rng.normal(0.004, 0.002))), "accuracy_draws_count": 3,
        "steps_basis": "measured" if is_measured else "nominal", "training_steps_count": 404,
        "assumed_energy_fraction": float(rng.uniform(0.1, 0.7)), "parameter_count": 44_000, "weight_bytes": 44_000.0,
        "macs": 280_000, "variants_count": 80, "compression.0.prune.density": round(effort, 3),
        "hardware.memristive/isaac.adc.bits": int(rng.integers(4, 10)) if family == "memristive" else None,
    }  # fmt: skip


def _front(valid: pl.DataFrame) -> pl.DataFrame:
    points = valid.select("accuracy_fraction", "inference_energy_pj", "inference_latency_ns").to_numpy() * [-1, 1, 1]
    kept = [not np.any(np.all(points <= point, axis=1) & np.any(points < point, axis=1)) for point in points]
    return valid.filter(pl.Series(kept)).with_columns(is_front=pl.lit(True))


def _confirmed(rng: np.random.Generator, front: pl.DataFrame, valid: pl.DataFrame) -> pl.DataFrame:
    best = valid.sort("accuracy_fraction", descending=True).group_by("back_end", maintain_order=True).first()
    picked = [(row, "front") for row in front.iter_rows(named=True)][:16]
    known = {row["design_id"] for row, _ in picked}
    picked += [(row, "best_of_back_end") for row in best.iter_rows(named=True) if row["design_id"] not in known]
    rows: list[dict[str, Any]] = []
    for row, pick in picked:
        optimism = float(rng.normal(0.008, 0.005))
        for corner, factor in (("optimistic", 0.6), ("typical", 1.0), ("pessimistic", 1.9)):
            shared = {name: row[name] for name in tables.CONFIRMED if name in row}
            costs = {name: row[name] * factor for name in ("inference_energy_pj", "training_energy_pj")}
            accuracy = row["accuracy_fraction"] - optimism - (factor - 1) * 0.004
            rows.append(
                {
                    **shared, **costs, "pick": pick, "corner": corner, "split": "test", "accuracy_fraction": accuracy,
                    "accuracy_sd_fraction": 0.005, "accuracy_draws_count": 5, "trained_accuracy_sd_fraction": 0.006,
                    "search_accuracy_fraction": row["accuracy_fraction"], "paired_loss_fraction": 0.984 - accuracy,
                }
            )  # fmt: skip
    return tables.make(rows, tables.CONFIRMED)


def _parts(rng: np.random.Generator, design: Mapping[str, Any]) -> list[dict[str, Any]]:
    components = COMPONENTS[design["family"]]
    weights = rng.dirichlet(np.ones(len(components) * len(LAYERS)) * 1.5)
    shared = {"design_id": design["design_id"], "role": "forward"}
    rows: list[dict[str, Any]] = []
    for node, scale in (("as_published", 1.0), ("28 nm", 0.7 if design["family"] != "physical" else 1.0)):
        for phase in ("inference", "training"):
            pairs = [(layer, component) for layer in LAYERS for component in components]
            for (layer, (component, scope)), weight in zip(pairs, weights, strict=True):
                basis = (
                    "assumed" if scope == "system" else "derived" if component in {"adc", "crossbar"} else "measured"
                )
                energy = scale * float(weight) * design[f"{phase}_energy_pj"]
                rows.append(
                    {**shared, "node": node, "quantity": "energy", "phase": phase, "layer": layer,
                     "component": component, "scope": scope, "energy_pj": energy, "basis": basis,
                     "source": SOURCES[design["family"]]}
                )  # fmt: skip
        for component, scope in components:
            area = scale * design["area_mm2"] / len(components)
            rows.append(
                {**shared, "node": node, "quantity": "area", "component": component, "scope": scope, "area_mm2": area,
                 "basis": "derived", "source": SOURCES[design["family"]]}
            )  # fmt: skip
    return rows


def _layers(rng: np.random.Generator, design: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A schedule: each layer after the other; the vector layer knows no utilisation."""
    rows: list[dict[str, Any]] = []
    for phase, roles in (("inference", ("forward",)), ("training", ("forward", "weight_gradient"))):
        for layer, role in ((layer, role) for layer in (*LAYERS, "relu1") for role in roles):
            is_vector = layer == "relu1"
            time = float(rng.uniform(0.05, 0.4)) * design["inference_latency_ns"]
            used = None if is_vector else float(rng.uniform(0.02, 1))
            rows.append(
                {
                    "design_id": design["design_id"], "phase": phase, "layer": layer, "role": role,
                    "batch_latency_ns": time, "bound_by": "vector units" if is_vector else "array",
                    "utilisation_fraction": used, **_roof(design, layer, time, used),
                }
            )  # fmt: skip
    return rows


def _roof(design: Mapping[str, Any], layer: str, time: float, used: float | None) -> dict[str, Any]:
    """Two layers cross the chip's edge, one stays inside; the last is the host's; a physical system multiplies nothing
    and counts no bytes."""
    if design["family"] == "physical":
        return {"macs": 0, "station": design["back_end"]}
    macs = 0 if used is None else 1000
    return {
        "macs": macs, "station": "electronic/scalar_core" if layer == "dense2" else design["back_end"],
        "peak_gops": None if used is None else 2 * macs / time / used,
        "off_chip_bytes": {"conv1": 500.0, "dense1": 100.0}.get(layer, 0.0),
        "off_chip_gbps": 8 * 500.0 / (0.05 * design["inference_latency_ns"]),
    }  # fmt: skip


def _history(designs: int) -> pl.DataFrame:
    batches = max(2, designs // 24)
    return tables.make(
        [
            {
                "batch": batch, "trials_told": 12 * (batch + 1), "valid_count": 9 * (batch + 1),
                "infeasible_count": 2 * (batch + 1), "failed_count": batch // 4, "front_size": 4 + batch // 2,
                "screened_count": batch + 1 - batch // 4, "measured_count": 11 * (batch + 1), "promote_fraction": 0.5,
                "designs_judged_count": 1400 * (batch + 1),
                "hypervolume": 3.1 * (1 - float(np.exp(-(batch + 1) / 6))),
            }
            for batch in range(batches)
        ],
        tables.HISTORY,
    )  # fmt: skip


def _resolved(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "digests": {"space": "5f2c1d0a9b", "code": "77aa", "weights": {"digits_lenet": "19bc"}},
        "run": {
            "ended": "the budget of trials is spent", "seed": 0, "fidelity": "full/validation/3", "sampler": "tpe",
            "sampler_notes": ["sampler tpe: each pair is modelled alone: a conditional space is learnt more slowly"],
            "designs_judged_count": 41_000, "measurements_count": 300, "designs_per_measurement": 41_000 / 300,
        },
        "git_commit": None,
        "machine": {"system": "Linux", "cores": 2},
        "versions": {"joulescape": "0.1.0", "python": "3.11.2", "numpy": "2.4.6"},
        "refused": [{"network": "shg_digits", "back_end": "memristive/isaac", "reason": "'shg1' is not taken"}],
        "notes": ["compression step 1 takes no operator of shg_digits and is dropped there"],
        "spec": {
            "question": "Which machine recognises digits for the least energy?", "task": "digits",
            "networks": ["digits_lenet", "shg_digits"], "back_ends": list(BACK_ENDS), "boundary": "system", "batch": 1,
            "node": "as_published", "normalise_to_nm": 28, "phases": ["inference", "training"],
            "objectives": OBJECTIVES,
            "constraints": {"area_mm2": {"at_most": 100}},
            "budget": {"trials": 300, "seed": 0, "sampler": "tpe", "promote": 0.5, "rungs": list(RUNGS)},
        },
    }  # fmt: skip
