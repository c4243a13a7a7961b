"""Random tables: any number of designs, families and corners, with ties, gaps and absent values among them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import polars as pl
from hypothesis import strategies as st
from synthetic import REFERENCES

from joulescape import tables
from joulescape.report.inputs import Tables

FAMILY_OF = {
    "electronic/a": "electronic",
    "electronic/b": "electronic",
    "photonic/c": "photonic",
    "memristive/d": "memristive",
    "physical/e": "physical",
    "guest/f": "neuromorphic",
}
"""The last is of a family that the report has no colour for: a plug-in's."""

COSTS = ("inference_energy_pj", "inference_latency_ns", "area_mm2", "training_energy_pj", "training_time_ns")
CORNERS = ("optimistic", "typical", "pessimistic")


def random_tables(seed: int, designs: int = 30, back_ends: int = 4, confirmed: int = 6, layers: int = 4) -> Tables:
    """The same tables for the same arguments."""
    rng = np.random.default_rng(seed)
    names = list(rng.permutation(list(FAMILY_OF)))[: max(1, back_ends)]
    rows = [_design(rng, index, str(rng.choice(names))) for index in range(designs)]
    valid = [row for row in rows if row["state"] == "valid" and row["accuracy_fraction"] is not None]
    front = [row for row in valid if rng.random() < 0.4]
    picked = [valid[place] for place in rng.permutation(len(valid))[:confirmed]]
    checked = [entry for row in picked for entry in _corners(rng, row)]
    known = [row for row in checked if row["corner"] == "typical"]
    parameters = {"compression.0.prune.density": pl.Float64, "hardware.electronic/a.array.rows": pl.Int64}
    return Tables(
        name="random",
        trials=tables.make(rows, tables.TRIALS, parameters),
        front=tables.make(front, tables.TRIALS, parameters),
        history=tables.make(_history(rng), tables.HISTORY),
        confirmed=tables.make(checked, tables.CONFIRMED),
        parts=tables.make([part for row in known for part in _parts(rng, row, layers)], tables.PARTS),
        layers=tables.make([row for each in known for row in _schedule(rng, each, layers)], tables.LAYERS),
        published=tables.make(_published(rng, names), tables.PUBLISHED),
        audit=tables.make(_audit(rng), tables.AUDIT),
        resolved={"name": "random", "spec": {"question": "Which?", "batch": 1, "boundary": "system"}},
        references=REFERENCES,
        networks={},
    )


def random_given(max_designs: int = 30) -> st.SearchStrategy[Tables]:
    """Random tables as a hypothesis strategy."""
    return st.builds(
        random_tables,
        seed=st.integers(0, 2**32 - 1),
        designs=st.integers(0, max_designs),
        back_ends=st.integers(1, len(FAMILY_OF)),
        confirmed=st.integers(0, 8),
        layers=st.integers(1, 14),
    )


def shuffled(given: Tables, seed: int) -> Tables:
    """The same tables with the rows of every table in another order."""
    names = ("trials", "front", "confirmed", "parts", "published")
    return dataclasses.replace(
        given, **{name: getattr(given, name).sample(fraction=1.0, shuffle=True, seed=seed) for name in names}
    )


def _design(rng: np.random.Generator, index: int, back_end: str) -> dict[str, Any]:
    state = str(rng.choice(["valid", "valid", "valid", "infeasible", "failed", "screened"]))
    row: dict[str, Any] = {
        "design_id": f"d{index:04x}",
        "candidate_id": f"c{index // 2:04x}",
        "variant_id": index % 2,
        "trial": index // 2,
        "batch": index // 8,
        "pair": f"n@{back_end}",
        "network": str(rng.choice(["mlp", "lenet"])),
        "back_end": back_end,
        "family": FAMILY_OF[back_end],
        "state": state,
        "is_front": False,
        "fidelity": "merged/validation/3",
        "equivalence": str(rng.choice(["exact", "approximate", "own"])),
    }
    if state == "screened":
        measured = None if rng.random() < 0.5 else int(rng.integers(0, 101)) / 100
        return {**row, **{cost: _cost(rng) for cost in COSTS}, "accuracy_fraction": measured, "violation": 1e-8}
    if state != "valid":
        return {**row, "reason": str(rng.choice(["area 3.5 mm2 exceeds 2", "area 9 mm2 exceeds 2", "no link"]))}
    draws = int(rng.integers(1, 6))
    return {
        **row,
        **{cost: _cost(rng) for cost in COSTS},
        "accuracy_fraction": None if rng.random() < 0.05 else int(rng.integers(0, 101)) / 100,
        "accuracy_sd_fraction": None if draws == 1 else float(rng.uniform(0, 0.03)),
        "accuracy_draws_count": draws,
        "assumed_energy_fraction": float(rng.uniform(0, 1)),
        "steps_basis": "nominal",
        "compression.0.prune.density": float(rng.uniform(0.1, 1)) if rng.random() < 0.5 else None,
        "hardware.electronic/a.array.rows": int(rng.choice([8, 16])) if back_end == "electronic/a" else None,
    }


def _cost(rng: np.random.Generator) -> float | None:
    """Over many decades, of few digits so that ties happen, and absent or nothing now and then."""
    if rng.random() < 0.06:
        return None if rng.random() < 0.7 else 0.0
    return float(f"{10 ** rng.uniform(-2, 9):.1e}")


def _corners(rng: np.random.Generator, row: dict[str, Any]) -> list[dict[str, Any]]:
    shared = {name: row[name] for name in tables.CONFIRMED if name in row}
    pick = str(rng.choice(["front", "near_front", "best_of_back_end"]))
    found = []
    for corner, (low, high) in zip(CORNERS, ((0.1, 1.0), (1.0, 1.0), (1.0, 9.0)), strict=True):
        kept = {**shared, "pick": pick, "corner": corner, "split": "test", "reason": None}
        if corner != "typical" and rng.random() < 0.25:
            gone = {**dict.fromkeys(tables.METRICS), "state": "infeasible", "reason": f"needs {rng.integers(9)} dB"}
            found.append({**kept, **gone, "accuracy_sd_fraction": None, "accuracy_draws_count": None})
            continue
        scaled = {cost: None if row[cost] is None else row[cost] * float(rng.uniform(low, high)) for cost in COSTS}
        accuracy = min(1.0, max(0.0, row["accuracy_fraction"] + float(rng.normal(0, 0.02))))
        measured = {"accuracy_fraction": accuracy, "search_accuracy_fraction": row["accuracy_fraction"]}
        found.append({**kept, **scaled, **measured, "state": "valid", "paired_loss_fraction": 0.98 - accuracy})
    return found


def _parts(rng: np.random.Generator, row: dict[str, Any], layers: int) -> list[dict[str, Any]]:
    shared = {"design_id": row["design_id"], "role": "forward", "scope": "core", "source": "shafiee2016"}
    found = []
    for node in ("as_published", "28 nm"):
        for layer in range(layers):
            for component in rng.choice(["adc", "dram", "laser", "noc", "novelty"], size=2, replace=False):
                made = {
                    "node": node,
                    "quantity": "energy",
                    "phase": "inference",
                    "layer": f"layer{layer}",
                    "component": str(component),
                    "energy_pj": float(rng.uniform(0, 100)),
                    "basis": str(rng.choice(["measured", "derived", "assumed"])),
                }
                found.append({**shared, **made})
    return found


def _schedule(rng: np.random.Generator, row: dict[str, Any], layers: int) -> list[dict[str, Any]]:
    """Layers of one or two roles; utilisation and bound absent now and then, and layers that take no time."""
    return [
        {
            "design_id": row["design_id"],
            "phase": "inference",
            "layer": f"layer{layer}",
            "role": role,
            "batch_latency_ns": float(rng.choice([0.0, rng.uniform(0, 1e4)])),
            "utilisation_fraction": None if rng.random() < 0.3 else float(rng.uniform(0, 1)),
            "bound_by": None if rng.random() < 0.2 else str(rng.choice(["array", "off_chip"])),
            **_roof(np.random.default_rng([layer, len(role)]), row["back_end"]),
        }
        for layer in range(layers)
        for role in ("forward", "update")[: int(rng.integers(1, 3))]
    ]


def _roof(rng: np.random.Generator, back_end: str) -> dict[str, Any]:
    """What bounds a layer from above, each absent now and then; drawn by itself, so that the rest stays as it was."""
    absent = rng.random(5) < 0.2
    return {
        "station": None if absent[0] else str(rng.choice([back_end, back_end, "electronic/scalar_core"])),
        "macs": 0 if absent[1] else int(10 ** rng.uniform(1, 9)),
        "off_chip_bytes": None if absent[2] else float(rng.choice([0.0, 10 ** rng.uniform(0, 7)])),
        "peak_gops": None if absent[3] else float(10 ** rng.uniform(5, 12)),
        "off_chip_gbps": None if absent[4] else float(10 ** rng.uniform(0, 4)),
    }


def _history(rng: np.random.Generator) -> list[dict[str, Any]]:
    told = np.cumsum(rng.integers(1, 20, size=int(rng.integers(0, 9))))
    volumes = np.sort(rng.uniform(0, 5, size=len(told)))
    return [
        {
            "batch": batch,
            "trials_told": int(count),
            "valid_count": int(count) // 2,
            "infeasible_count": int(count) // 3,
            "failed_count": 0,
            "screened_count": batch,
            "front_size": batch,
            "hypervolume": float(volume),
        }
        for batch, (count, volume) in enumerate(zip(told, volumes, strict=True))
    ]


def _audit(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Pairs of up to four rungs in order, each figure absent now and then."""
    names = ("closed_form", "merged", "tuned", "full")
    kept = [name for name in names if rng.random() < 0.7]

    def known(value: float) -> float | None:
        return None if rng.random() < 0.2 else value

    return [
        {
            "low_rung": low,
            "high_rung": high,
            "designs_count": int(rng.integers(0, 40)),
            "spearman": known(float(rng.uniform(-1, 1))),
            "near_front_count": int(rng.integers(0, 12)),
            "near_front_spearman": known(float(rng.uniform(-1, 1))),
            "mean_abs_error": known(float(rng.uniform(0, 0.3))),
            "promote_fraction": known(float(rng.uniform(0.05, 1))),
            "low_seconds": known(float(10 ** rng.uniform(-4, 1))),
            "high_seconds": known(float(10 ** rng.uniform(-4, 3))),
        }
        for place, low in enumerate(kept)
        for high in kept[place + 1 :]
    ]


def _published(rng: np.random.Generator, names: list[str]) -> list[dict[str, Any]]:
    found = []
    for index in range(int(rng.integers(0, 7))):
        back_end = str(rng.choice(names))
        published, model = float(10 ** rng.uniform(-6, 6)), float(10 ** rng.uniform(-6, 6))
        error, tolerance = model / published - 1, float(rng.uniform(0, 0.5))
        role = str(rng.choice(["prediction", "input", "calibration"]))
        found.append(
            {
                "back_end": back_end,
                "family": FAMILY_OF[back_end],
                "what": str(rng.choice(["chip_power_mw", "peak_tops", "area_mm2"])),
                "workload": None if index % 2 else "mlp",
                "role": role,
                "published": published,
                "model": None if rng.random() < 0.1 else model,
                "error_fraction": error,
                "tolerance_fraction": tolerance,
                "pass": abs(error) <= tolerance,
                "expected": str(rng.choice(["pass", "miss"])),
                "source": "shen2017",
                "where": "Table 2",
                "kind": "quick",
            }
        )
    return found
