"""A made study: tables of the gap study with plausible, clearly synthetic numbers; and one with nothing in it."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from cited import REFERENCES

from joulescape import gap_tables, tables
from joulescape.report.gap.inputs import StudyTables

NETWORKS = ("AlexNet", "VGG-16", "GoogLeNet", "ResNet-50", "ShuffleNet", "MobileNetV2")
MACHINES = {
    "electronic/systolic_int8": ("electronic", 1.0),
    "electronic/eyeriss": ("electronic", 0.7),
    "memristive/isaac": ("memristive", 4.0),
    "photonic/albireo": ("photonic", 2.2),
    "physical/shg": ("physical", 0.02),
}
BASELINE = "electronic/systolic_int8"
KEYS = ("jouppi2017", "shafiee2016", "made in words")
METRICS = ("inference_energy_pj", "inference_latency_ns", "gops_per_mm2")
QUESTIONS = {"gap_made_imagenet": NETWORKS, "gap_made_digits": ("digits_lenet", "digits_mlp")}
SERIES = {
    "parameters_by_year": ("networks", "exponential", "Parameters", "", {"classifiers": (2e7, 1.5)}),
    "error_by_year": (
        "networks", "exponential", "Top-5 error", "%",
        {"single_crop": (12.0, 0.8), "ensemble": (9.0, 0.7), "multi_crop": (11.0, 0.78)},
    ),
    "operations_by_error": ("networks", "power", "Operations", "", {"single_crop": (4e9, -1.5)}),
    "density_by_year": (
        "chips", "exponential", "Performance density", "GOPS/mm²",
        {"gpu": (8.0, 1.3), "fpga": (1.5, 1.2), "asic": (30.0, 1.25)},
    ),
    "memory_by_year": (
        "memory", "exponential", "Energy of an access", "pJ/bit", {"dram": (20.0, 0.9), "sram_8k": (0.1, 0.97)},
    ),
}  # fmt: skip
"""Series -> file, law, what it shows, unit, groups with (value in 2012 or at 10 %, growth)."""


def made_study(seed: int = 0, name: str = "gap_made") -> StudyTables:
    """Tables of a study in which everything was worked out, the same for the same arguments."""
    rng = np.random.default_rng(seed)
    points, fits = _shores(rng)
    bridge = [row for question in QUESTIONS for row in _bridge(rng, question)]
    rows = {
        "shores": points, "fits": fits, "bridge": bridge, "factors": list(_factors(rng)),
        "overtake": list(_overtake()), "lifecycle": list(_lifecycle()),
        "machines": list(_machines()), "findings": FOUND,
    }  # fmt: skip
    made = {key: tables.make(rows[key], schema) for key, schema in gap_tables.TABLES.items()}
    return StudyTables(name=name, about=about(name), references=REFERENCES, **made)


def nothing(name: str = "gap_nothing") -> StudyTables:
    """A study of which no table has a row and study.json says nothing."""
    made = {key: tables.make([], schema) for key, schema in gap_tables.TABLES.items()}
    return StudyTables(name=name, about={}, references={}, **made)


def about(name: str) -> dict[str, Any]:
    """study.json."""
    ground = {"boundary": "system", "batch": 1, "node": "28", "baseline": BASELINE, "digest": "d" * 12}
    roles = dict(zip(("bridge", "measured"), QUESTIONS, strict=True))
    return {
        "name": name, "file": f"spaces/{name}.yaml", "digest": "abc123",
        "spec": {
            "study": "gap", "question": "How long is the made bridge?", "questions": roles, "baselines": [BASELINE],
            "metrics": list(METRICS), "shores": {"trends": ["networks"], "first_span_until": 2018},
        },
        "questions": {role: {"name": q, "question": f"What closes {q}?", **ground} for role, q in roles.items()},
        "series": {
            key: {"file": f"hwlib/trends/{entry[0]}.yaml", "about": f"{entry[2]}, made",
                  "groups": {group: f"made points of {group}" for group in entry[4]}}
            for key, entry in SERIES.items()
        },
    }  # fmt: skip


def save_study(given: StudyTables, folder: Path) -> Path:
    """The study as files, as `joulescape gap` leaves them."""
    folder.mkdir(parents=True, exist_ok=True)
    for key in gap_tables.TABLES:
        given.table(key).write_parquet(folder / f"{key}.parquet")
    (folder / "study.json").write_text(json.dumps(given.about), encoding="utf-8")
    return folder


def _shores(rng: np.random.Generator) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    points, fits = [], []
    for series, (_, law, label, unit, groups) in SERIES.items():
        for group, (level, growth) in groups.items():
            count = 1 if group == "multi_crop" else 14
            mine = [_point(rng, series, group, law, label, unit, level, growth, place) for place in range(count)]
            points += mine
            fits += [_fit(series, group, law, span, mine) for span in ("first", "all")]
    return points, fits


def _point(
    rng: np.random.Generator, series: str, group: str, law: str, label: str, unit: str, level: float, growth: float,
    place: int,
) -> dict[str, Any]:  # fmt: skip
    year = 2010 + place
    x = float(year) if law == "exponential" else float(np.round(40 * 0.85**place, 3))
    y = level * growth ** (year - 2012) if law == "exponential" else level * (x / 10) ** growth
    confidence = ("high", "medium", "high", "derived", "low")[place % 5]
    return {
        "series": series, "group": group, "name": f"Made-{group[:4]}-{place}", "year": year,
        "node_nm": None if series in ("parameters_by_year", "error_by_year") else 28.0,
        "x": x, "x_name": "Year" if law == "exponential" else "Top-5 error", "x_unit": "" if law != "power" else "%",
        "y": float(y * math.exp(rng.normal(0, 0.25))), "y_name": label, "y_unit": unit,
        "is_later": year > 2018, "is_fitted": year <= 2018 and confidence != "low", "note": "made",
        "source": KEYS[place % len(KEYS)], "where": f"Table {place}", "confidence": confidence,
    }  # fmt: skip


def _fit(series: str, group: str, law: str, span: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Least squares by hand: enough for drawing."""
    names = {"series": series, "group": group, "span": span, "law": law}
    used = [row for row in rows if row["confidence"] != "low" and (span == "all" or not row["is_later"])]
    if len(used) < 3:
        return {**names, "points_count": len(used), "reason": "1 point: a fit with an interval needs 3"}
    x = np.array([row["x"] for row in used])
    along = x if law == "exponential" else np.log10(x)
    up = np.log10([row["y"] for row in used])
    slope, at_mean = np.polyfit(along - along.mean(), up, 1)
    residual = float(np.std(up - at_mean - slope * (along - along.mean()), ddof=2))
    slope_se = residual / float(np.sqrt(((along - along.mean()) ** 2).sum()))
    return {
        **names, "points_count": len(used), "x_low": float(x.min()), "x_high": float(x.max()),
        "centre_x": float(along.mean()), "centre_log10_y": float(at_mean),
        "centre_se": residual / len(used) ** 0.5, "slope_log10": float(slope), "slope_se": slope_se, "t_factor": 2.4,
        "residual_sd_log10": residual, "growth_factor": float(10**slope),
        "growth_low": float(10 ** (slope - 2.4 * slope_se)), "growth_high": float(10 ** (slope + 2.4 * slope_se)),
        "sentence": f"a factor of {10**slope:.3g} a year, made.",
    }  # fmt: skip


def _bridge(rng: np.random.Generator, question: str) -> Iterator[dict[str, Any]]:
    for network, (back_end, (family, factor)) in itertools.product(QUESTIONS[question], MACHINES.items()):
        for compression, corner in itertools.product(("as published", "8 bits"), ("low", "typical", "high")):
            if network == "ShuffleNet" and compression == "8 bits":
                continue
            cannot = network == "VGG-16" and back_end == "physical/shg"
            energy = 1e9 / factor * (0.4 if compression == "8 bits" else 1.0) * float(rng.uniform(0.9, 1.1))
            yield {
                "question": question, "network": network, "compression": compression,
                "is_compressed": compression == "8 bits", "compression_source": KEYS[0],
                "back_end": back_end, "family": family, "corner": corner, "boundary": "system", "batch": 1,
                "state": "infeasible" if cannot else "valid",
                "reason": "the made system has 64 modes, VGG-16 needs 4,096" if cannot else None,
                "inference_energy_pj": None if cannot else energy,
            }  # fmt: skip


def _factors(rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    for question, networks in QUESTIONS.items():
        for network, metric, (back_end, (family, factor)) in itertools.product(networks, METRICS, MACHINES.items()):
            names = {
                "question": question, "network": network, "metric": metric, "baseline": BASELINE,
                "back_end": back_end, "family": family,
            }  # fmt: skip
            if network == "ShuffleNet":
                yield {**names, "reason": "no density of ShuffleNet was published"}
                continue
            if network == "VGG-16" and family == "physical":
                yield {**names, "reason": "infeasible at every corner: 64 modes are too few"}
                continue
            machine = factor * float(rng.uniform(0.8, 1.25))
            for state, alone in (("none", 1.0), ("4 bits", 1.5 + float(rng.random())), ("reported", 2 + rng.random())):
                yield {**names, **_factor(question, back_end, family, state, float(alone), machine)}


def _factor(question: str, back_end: str, family: str, state: str, alone: float, machine: float) -> dict[str, Any]:
    """Lasers do not shrink, a crossbar's cells do more than shrink: interactions below and above one."""
    change = {"photonic": 0.6, "electronic": 1.0}.get(family, 1.2) if state != "none" else 1.0
    values = {"compression_alone": alone, "machine_alone": machine, "both": alone * machine * change}
    return {
        "compression": state, **values, "product": alone * machine, "interaction": change,
        **{f"{key}_{end}": v * f for key, v in values.items() for end, f in (("low", 0.6), ("high", 1.7))},
        "is_best_of_family": back_end != "electronic/eyeriss",
        "accuracy_loss_fraction": 0.004 if question == "gap_made_digits" else None,
        "equal_within_fraction": 0.02 if question == "gap_made_digits" else None,
        "why": "lasers stay on however few weights are left" if family == "photonic" else None,
        "reason": "the pessimistic corner is infeasible" if back_end == "electronic/eyeriss" else None,
    }  # fmt: skip


def _overtake() -> Iterator[dict[str, Any]]:
    cases = (
        ("photonic/albireo", "photonic", "one", "adc.energy_pj", 1.2, 0.8, 2.0, 1.0, 1.2, "within_corner"),
        ("photonic/albireo", "photonic", "one", "laser.efficiency_fraction", 0.1, 0.05, 0.2, 0.6, 6.0, "beyond_corner"),
        ("photonic/albireo", "photonic", "kind", "dac.energy_pj + adc.energy_pj", 1.0, None, None, 0.9, 1.11,
         "beyond_corner"),
        ("photonic/albireo", "photonic", "all", "9 values", 1.0, None, None, 0.95, 1.05, "beyond_corner"),
        ("memristive/isaac", "memristive", "one", "cell.write_energy_pj", 10.0, 5.0, 20.0, 25.0, 0.4, "already"),
        ("physical/shg", "physical", "one", "pump.power_mw", 200.0, 100.0, 300.0, None, None, "never_alone"),
        ("physical/shg", "physical", "none", "slm.energy_pj", None, None, None, None, None, "infeasible"),
    )  # fmt: skip
    for network, metric in (("ResNet-50", METRICS[0]), ("AlexNet", METRICS[0])):
        for back_end, family, moved, path, today, low, high, needed, improvement, verdict in cases:
            yield {
                "network": network, "compression": "8 bits", "metric": metric, "back_end": back_end, "family": family,
                "moved": moved, "kind": "converters" if moved == "kind" else None, "parameters": path,
                "unit": "of today's" if moved in ("all", "kind") else "pJ", "today": today, "low": low, "high": high,
                "needed": needed, "improvement_needed": improvement, "best_reach": 9e8, "verdict": verdict,
                "rival": BASELINE, "rival_value": 5e8, "own_value": 8e8, "evaluations_count": 12, "basis": "assumed",
                "reason": "its made system cannot hold the network" if verdict == "infeasible" else None,
                "source": KEYS[0], "where": "Table 2", "confidence": "high",
            }  # fmt: skip


def _lifecycle() -> Iterator[dict[str, Any]]:
    for (back_end, (family, factor)), (split, share), corner in itertools.product(
        MACHINES.items(), (("100/0", 0.0), ("50/50", 0.5), ("10/90", 0.9)), ("low", "typical", "high")
    ):
        cannot = back_end == "physical/shg"
        wide = {"low": 0.6, "typical": 1.0, "high": 1.8}[corner]
        yield {
            "network": "digits_lenet", "back_end": back_end, "family": family, "corner": corner, "split": split,
            "inference_share_fraction": share, "inferences": 1e6, "baseline": BASELINE, "rank": 1,
            "factor": None if cannot else (1 + share * (factor - 1)) * (1.0 if factor == 1.0 else wide),
            "state": "infeasible" if cannot else "valid",
            "reason": "it does not train on the machine" if cannot else None,
        }  # fmt: skip


def _machines() -> Iterator[dict[str, Any]]:
    """Photonic ones are predicted by nothing; half of everybody's constants have no range."""
    for name, (family, _) in MACHINES.items():
        yield {
            "back_end": name, "family": family, "equivalence": "exact" if family == "electronic" else "approximate",
            "published_predictions_count": 0 if family == "photonic" else 3, "constants_count": 20,
            "fixed_constants_count": 10,
        }  # fmt: skip


FOUND = [
    {
        "id": "made_first", "sentence": "Needs outgrow delivery 1.2 times a year.", "uncertainty": "95 %: 1.1 to 1.3",
        "command": "joulescape gap spaces/gap_made.yaml --only shores", "contradicts": None,
    },
    {
        "id": "made_second", "sentence": "A made chip saves 2 times, not 100 times.", "uncertainty": "corners: 1 to 4",
        "command": "joulescape gap spaces/gap_made.yaml --only bridge", "contradicts": "100 times (made2020, abstract)",
    },
]  # fmt: skip


def without(given: StudyTables, *names: str) -> StudyTables:
    """The same study with these tables empty."""
    import dataclasses

    gone: dict[str, pl.DataFrame] = {name: given.table(name).clear() for name in names}
    return dataclasses.replace(given, **gone)
