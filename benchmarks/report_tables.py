"""Tables of a large study, drawn from a seed: networks, back ends, parameters, screened and infeasible rows.

Shaped like a real `trials.parquet`: digests of sixteen hexadecimal figures, several hardware variants of each
candidate that share its accuracy and its counts, and parameters that only the designs of one back end have.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from joulescape import tables
from joulescape.front import nondominated
from joulescape.report.inputs import Tables

Floats = NDArray[np.float64]

BACK_ENDS = {
    "electronic/systolic_int8": ("electronic", "exact", 0.985, 4.0e5, 9.0e3, 1.4),
    "electronic/eyeriss_v2": ("electronic", "exact", 0.985, 7.0e5, 1.4e4, 2.2),
    "memristive/isaac": ("memristive", "approximate", 0.972, 1.1e5, 2.1e4, 0.9),
    "memristive/puma": ("memristive", "approximate", 0.969, 1.6e5, 1.2e4, 1.7),
    "photonic/mzi_mesh": ("photonic", "approximate", 0.968, 9.0e5, 6.0e2, 38.0),
    "photonic/broadcast_weight": ("photonic", "approximate", 0.961, 6.0e5, 4.0e2, 21.0),
    "physical/shg": ("physical", "own", 0.905, 6.0e7, 5.0e5, 120.0),
}
"""Family, equivalence, best accuracy, energy in pJ, latency in ns and area in mm2 about which designs are drawn."""

NETWORKS = {"digits_lenet": 280_000, "digits_mlp": 4_736, "digits_resnet": 1_900_000, "digits_attention": 61_000}
"""Multiply-accumulates of each network."""

VARIANTS = 4
"""Designs of one candidate: they differ in the hardware that changes no number."""

SWEPT = {
    "array.rows": (32, 64, 128, 256), "array.columns": (32, 64, 128, 256), "buffer.bytes": (65536, 131072, 262144),
}  # fmt: skip
DRAWN = {"adc.bits": (4, 5, 6, 7, 8, 9), "cell.bits": (1, 2, 4)}
"""Parameters of every back end: those swept differ between variants, those drawn between candidates."""

COMPONENTS = (("adc", "core"), ("array", "core"), ("sram_buffer", "chip"), ("dram", "system"), ("leakage", "chip"))
LAYERS = ("conv1", "conv2", "dense1", "dense2")
REASON = "area_mm2 is over the limit of 100"


def study(valid: int, seed: int = 0) -> Tables:
    """Tables with exactly `valid` valid designs, a tenth as many screened and a twelfth as many infeasible."""
    rng = np.random.default_rng(seed)
    trials = pl.concat(
        [
            _trials(rng, valid, "valid", 0),
            _trials(rng, valid // 10, "screened", valid),
            _trials(rng, valid // 12, "infeasible", 2 * valid),
        ]
    )
    points = trials.filter(pl.col("state") == "valid").select(
        -pl.col("accuracy_fraction"), pl.col("inference_energy_pj").log10(), pl.col("inference_latency_ns").log10()
    )
    on_front = pl.Series(np.append(nondominated(points.to_numpy()), np.zeros(trials.height - valid, dtype=bool)))
    trials = trials.with_columns(is_front=on_front)
    front = trials.filter(on_front)
    confirmed = _confirmed(front)
    chosen = confirmed.filter(pl.col("corner") == "typical")
    return Tables(
        name=f"designs_{valid}",
        trials=trials,
        front=front,
        history=tables.make(_history(valid), tables.HISTORY),
        confirmed=confirmed,
        parts=tables.make([part for row in chosen.iter_rows(named=True) for part in _parts(row)], tables.PARTS),
        layers=tables.make([layer for row in chosen.iter_rows(named=True) for layer in _layers(row)], tables.LAYERS),
        published=tables.make([], tables.PUBLISHED),
        audit=tables.make([], tables.AUDIT),
        resolved=_resolved(valid),
        references={},
        networks={},
    )


def _trials(rng: np.random.Generator, count: int, state: str, first: int) -> pl.DataFrame:
    """`count` rows of one state; the trials of a search are in no order of back ends or networks."""
    groups = -(-count // VARIANTS)
    back_end, network = rng.integers(len(BACK_ENDS), size=groups), rng.integers(len(NETWORKS), size=groups)
    candidate = {name: values.repeat(VARIANTS)[:count] for name, values in _candidates(rng, back_end, network).items()}
    names = np.array(list(BACK_ENDS))[back_end].repeat(VARIANTS)[:count]
    known = {
        **_identity(rng, names, np.array(list(NETWORKS))[network].repeat(VARIANTS)[:count], state, first),
        **candidate,
        **_costs(rng, candidate, names),
        **_parameters(rng, names, candidate),
    }
    known["design_id"] = _digests(rng, count)
    if state != "valid":
        known["trained_accuracy_fraction"] = None
    if state == "infeasible":
        known.update(dict.fromkeys(tables.METRICS), reason=REASON, violation=0.5)
    schema = {**tables.TRIALS, **_parameter_schema()}
    frame = pl.DataFrame(
        {name: known[name] for name in schema if isinstance(known.get(name), np.ndarray)}, nan_to_null=True
    )
    rest = {name: pl.lit(known.get(name), kind) for name, kind in schema.items() if name not in frame.columns}
    return frame.with_columns(**rest).cast(schema).select(list(schema))


def _digests(rng: np.random.Generator, count: int) -> NDArray[Any]:
    return np.array([f"{digits:016x}" for digits in rng.integers(0, 2**63, size=count, dtype=np.uint64)])


def _identity(
    rng: np.random.Generator, names: NDArray[Any], networks: NDArray[Any], state: str, first: int
) -> dict[str, Any]:
    count = len(names)
    trial = first // VARIANTS + np.arange(count) // VARIANTS
    digests = _digests(rng, -(-count // VARIANTS))
    return {
        "candidate_id": digests.repeat(VARIANTS)[:count], "variant_id": rng.integers(0, 64, size=count),
        "trial": trial, "batch": trial // 24, "pair": np.char.add(np.char.add(networks, "@"), names),
        "network": networks, "back_end": names, "family": np.array([BACK_ENDS[name][0] for name in names]),
        "equivalence": np.array([BACK_ENDS[name][1] for name in names]), "state": state, "violation": 0.0,
        "fidelity": "merged/validation/1" if state == "screened" else "full/validation/3", "seconds": 0.3,
    }  # fmt: skip


def _candidates(rng: np.random.Generator, back_end: NDArray[Any], network: NDArray[Any]) -> dict[str, Any]:
    """What the variants of a candidate share: accuracy, compression and counts."""
    count = len(back_end)
    effort, best = rng.beta(2.5, 2.0, size=count), np.array([entry[2] for entry in BACK_ENDS.values()])[back_end]
    loss = 0.22 * (1 - effort) ** 3 + np.abs(rng.normal(0, 0.012, size=count))
    accuracy = np.round((best - loss) * 1800) / 1800
    macs, bits = np.array(list(NETWORKS.values()))[network], rng.integers(2, 9, size=count)
    kept = np.round(macs * effort)
    return {
        "effort": effort, "accuracy_fraction": accuracy, "trained_accuracy_fraction": np.round(accuracy * 360) / 360,
        "accuracy_sd_fraction": np.abs(rng.normal(0.004, 0.002, size=count)), "accuracy_draws_count": np.full(count, 3),
        "steps_basis": np.where(rng.random(count) < 0.5, "measured", "nominal"),
        "training_steps_count": np.full(count, 404), "parameter_count": np.round(macs / 6),
        "file_bytes": np.round(kept * bits / 48), "weight_bytes": np.round(kept * bits / 48),
        "index_bytes": np.where(effort < 0.5, np.round(kept / 64), 0.0), "activation_bytes": np.round(kept / 90),
        "macs": macs, "multiplications": kept, "additions": kept, "shifts": np.zeros(count), "gates": np.zeros(count),
        "variants_count": np.full(count, 64), "compression.0.prune.density": np.round(effort, 4),
        "compression.0": np.where(effort < 0.5, "prune", "none"), "compression.1.quantize.weight_bits": bits,
        "compression.1.quantize.activation_bits": rng.integers(2, 9, size=count),
        **{f"drawn {path}": rng.choice(values, size=count) for path, values in DRAWN.items()},
    }  # fmt: skip


def _costs(rng: np.random.Generator, shared: dict[str, Any], names: NDArray[Any]) -> dict[str, Floats]:
    count, effort, macs = len(names), shared["effort"], shared["macs"]
    energy, latency, area = np.array([BACK_ENDS[name][3:] for name in names], dtype=float).reshape(count, 3).T
    size = (macs / 280_000) ** 0.9
    energy = energy * size * 10 ** (1.3 * (effort - 0.6)) * np.exp(rng.normal(0, 0.35, size=count))
    latency = latency * size * 10 ** (0.6 * (effort - 0.6)) * np.exp(rng.normal(0, 0.25, size=count))
    area = area * (0.4 + effort) * np.exp(rng.normal(0, 0.2, size=count))
    return {
        "inference_energy_pj": energy, "inference_latency_ns": latency, "inference_interval_ns": latency / 3,
        "training_energy_pj": energy * 3.2 * 12_924, "training_time_ns": latency * 3 * 12_924, "area_mm2": area,
        "mean_power_mw": energy / latency, "tops_per_w": 2 * macs / energy, "gops_per_mm2": 6 * macs / latency / area,
        "assumed_energy_fraction": rng.uniform(0.1, 0.7, size=count),
    }  # fmt: skip


def _parameters(rng: np.random.Generator, names: NDArray[Any], shared: dict[str, Any]) -> dict[str, Floats]:
    made: dict[str, Floats] = {}
    for name in BACK_ENDS:
        for path in DRAWN:
            made[f"hardware.{name}.{path}"] = np.where(names == name, shared[f"drawn {path}"], np.nan)
        for path, values in SWEPT.items():
            made[f"hardware.{name}.{path}"] = np.where(names == name, rng.choice(values, size=len(names)), np.nan)
    return made


def _parameter_schema() -> dict[str, Any]:
    compression = {
        "compression.0": pl.String, "compression.0.prune.density": pl.Float64,
        "compression.1.quantize.weight_bits": pl.Int64, "compression.1.quantize.activation_bits": pl.Int64,
    }  # fmt: skip
    return {**compression, **{f"hardware.{name}.{path}": pl.Int64 for name in BACK_ENDS for path in (*DRAWN, *SWEPT)}}


def _confirmed(front: pl.DataFrame) -> pl.DataFrame:
    """The front's first sixteen designs at three corners."""
    rows = []
    for row in front.head(16).iter_rows(named=True):
        for corner, factor in (("optimistic", 0.6), ("typical", 1.0), ("pessimistic", 1.9)):
            shared = {name: row[name] for name in tables.CONFIRMED if name in row}
            costs = {name: row[name] * factor for name in ("inference_energy_pj", "training_energy_pj")}
            accuracy = row["accuracy_fraction"] - 0.004 * factor
            own = {"pick": "front", "corner": corner, "split": "test", "accuracy_fraction": accuracy,
                   "accuracy_sd_fraction": 0.005, "accuracy_draws_count": 5,
                   "search_accuracy_fraction": row["accuracy_fraction"]}  # fmt: skip
            rows.append({**shared, **costs, **own})
    return tables.make(rows, tables.CONFIRMED)


def _parts(design: dict[str, Any]) -> list[dict[str, Any]]:
    share = design["inference_energy_pj"] / len(LAYERS) / len(COMPONENTS)
    shared = {"design_id": design["design_id"], "node": "as_published", "quantity": "energy", "phase": "inference"}
    return [
        {**shared, "role": "forward", "layer": layer, "component": component, "scope": scope, "energy_pj": share,
         "basis": "derived", "source": "none"}
        for layer in LAYERS for component, scope in COMPONENTS
    ]  # fmt: skip


def _layers(design: dict[str, Any]) -> list[dict[str, Any]]:
    shared = {"design_id": design["design_id"], "phase": "inference", "role": "forward", "macs": 1000}
    time = design["inference_latency_ns"] / len(LAYERS)
    return [{**shared, "layer": layer, "batch_latency_ns": time, "bound_by": "array"} for layer in LAYERS]


def _history(designs: int) -> list[dict[str, Any]]:
    batches = max(2, designs // 96)
    return [
        {"batch": batch, "trials_told": 24 * (batch + 1), "valid_count": 20 * (batch + 1), "infeasible_count": batch,
         "failed_count": 0, "front_size": 4 + batch // 2, "screened_count": 2 * batch,
         "measured_count": 22 * (batch + 1), "promote_fraction": 0.5, "designs_judged_count": 1400 * (batch + 1),
         "hypervolume": 3.1 * (1 - float(np.exp(-(batch + 1) / 6)))}
        for batch in range(batches)
    ]  # fmt: skip


def _resolved(designs: int) -> dict[str, Any]:
    return {
        "name": f"designs_{designs}",
        "run": {"ended": "the budget of trials is spent", "seed": 0, "sampler": "tpe"},
        "spec": {
            "question": "Which machine recognises digits for the least energy?", "task": "digits",
            "networks": list(NETWORKS), "back_ends": list(BACK_ENDS), "boundary": "system", "batch": 1,
            "node": "as_published", "phases": ["inference", "training"],
            "objectives": {"accuracy_fraction": "maximize", "inference_energy_pj": "minimize",
                           "inference_latency_ns": "minimize"},
            "constraints": {"area_mm2": {"at_most": 100}},
            "budget": {"trials": designs // VARIANTS, "seed": 0, "sampler": "tpe", "rungs": ["merged", "full"]},
        },
    }  # fmt: skip
