"""Every published figure of the shelf beside the model's: the rows of `tables.PUBLISHED`.

The tolerance follows from the quantity's class, read off its name: what a formula must reproduce (counts, bits, peak
rates, `identity_...`) 0.5 %, time 20 %, energy and power 30 %, area and off-chip traffic 20 %, buffer traffic 25 %.
Rows with role `prediction` are the model's record; a row marked `expected: miss` is shown and counts like any other.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from joulescape.errors import Fault, SpecError
from joulescape.network.digest import digest
from joulescape.pricing.claims import claimed
from joulescape.pricing.products import product_figures
from joulescape.resolve.back_end import BackEnd, load_back_end
from joulescape.resolve.shelves import back_end_names, network_names
from joulescape.spec.back_end import PublishedRow
from joulescape.units import OPS_PER_MAC

if TYPE_CHECKING:
    from joulescape.pricing import CostReport

Row = dict[str, Any]

TOLERANCES: tuple[tuple[tuple[str, ...], float], ...] = (
    (("_count", "_bits", "peak_tops", "peak_gops", "_macs", "cycles"), 0.005),
    (("tops_per_w", "gops_per_w", "_pj", "_mw", "_pj_per_bit"), 0.30),
    (("_ns", "tops", "gops"), 0.20),
    (("_mm2",), 0.20),
    (("buffer_bytes",), 0.25),
    (("_bytes",), 0.20),
)
"""(endings, tolerance): the first that the name ends with decides."""

IDENTITY = 0.005
OTHERWISE = 0.20
ACCURACIES = ("accuracy_fraction", "trained_accuracy_fraction")
STORE = Path("results") / "validation.json"
"""Where slow figures are kept, below the project's root."""


@dataclass(frozen=True)
class Summary:
    """The model's record over predictions that have a figure."""

    prediction_count: int
    prediction_pass_count: int
    median_error_fraction: float | None
    unexpected_miss_count: int
    """Rows that were expected to pass and do not; a claim is not expected to."""


def validate(root: Path, slow: bool = False) -> list[Row]:
    """One row a published figure of every back end below `root`; SpecError when a back end does not load.

    Slow rows (they train) show the stored result with its date and digest, or no figure; `slow` runs them again.
    """
    return [
        published_row(root, name, row, slow)
        for name in back_end_names(root)
        for row in load_back_end(root, name).spec.published
    ]


def summary(rows: Sequence[Mapping[str, Any]]) -> Summary:
    """Counts and the median absolute error over predictions; misses that nobody expected over all rows."""
    known = [row for row in rows if row["role"] == "prediction" and row["model"] is not None]
    return Summary(
        prediction_count=len(known),
        prediction_pass_count=sum(bool(row["pass"]) for row in known),
        median_error_fraction=statistics.median(abs(row["error_fraction"]) for row in known) if known else None,
        unexpected_miss_count=sum(
            row["pass"] is False and row["expected"] == "pass" and row["role"] != "claim" for row in rows
        ),
    )


def tolerance_fraction(what: str) -> float:
    """Largest |model / published - 1| of a quantity, by the class that its name states."""
    if what.startswith("identity_"):
        return IDENTITY
    return next((limit for endings, limit in TOLERANCES if what.endswith(endings)), OTHERWISE)


def published_row(root: Path, name: str, row: PublishedRow, slow: bool) -> Row:
    """One published figure with the model's; none where the project lacks the network or the rival."""
    absent = _absent(root, row)
    if absent is not None:
        return _named_row(name, row) | {"reason": _joined(row.reason, f"not computed: {absent}")}
    if row.role == "claim":
        return claim_row(root, name, row)
    model, reason = (
        _slow_figure(root, name, row, slow) if row.kind == "slow" else (_figure(root, name, row), row.reason)
    )
    error = None if model is None else model / row.value - 1 if row.value else model
    limit = tolerance_fraction(row.what)
    return _named_row(name, row) | {
        "model": model,
        "error_fraction": error,
        "tolerance_fraction": limit,
        "pass": None if error is None else abs(error) <= limit,
        "reason": reason,
    }


def _absent(root: Path, row: PublishedRow) -> str | None:
    """What the row needs and the project does not have."""
    if row.workload is not None and row.workload not in network_names(root):
        return f"there is no network '{row.workload}' in models/"
    if row.against is not None and row.against not in back_end_names(root):
        return f"there is no back end '{row.against}' in hwlib/"
    return None


def claim_row(root: Path, name: str, row: PublishedRow) -> Row:
    """One claimed ratio with the model's and its ends over all corners: it passes where the model's is as large."""
    found = None if row.against is None else claimed(root, name, row)
    return _named_row(name, row) | {
        "model": None if found is None else found.typical,
        "model_low": None if found is None else found.low,
        "model_high": None if found is None else found.high,
        "error_fraction": None if found is None else found.typical / row.value - 1,
        "pass": None if found is None else found.typical >= row.value,
    }


def _named_row(name: str, row: PublishedRow) -> Row:
    """What the YAML says; every column of the table."""
    return {
        "back_end": name,
        "family": name.partition("/")[0],
        "what": row.what,
        "workload": _workload(row),
        "role": row.role,
        "confidence": row.confidence,
        "published": row.value,
        "model": None,
        "error_fraction": None,
        "tolerance_fraction": None,
        "pass": None,
        "expected": row.expected,
        "reason": row.reason,
        "source": row.source,
        "where": row.where,
        "kind": row.kind,
        "against": row.against,
        "model_low": None,
        "model_high": None,
    }


def _workload(row: PublishedRow) -> str | None:
    """The network, with the layers that the figure is of."""
    named = row.layers or ((row.layer,) if row.layer else ())
    return row.workload if not named else f"{row.workload}, {named[0]}" + (f" to {named[-1]}" if named[1:] else "")


def _figure(root: Path, name: str, row: PublishedRow) -> float:
    if row.products:
        return _named(product_figures(load_back_end(root, name, row.overrides), row.products, row.bits), name, row)
    if row.workload is None:
        back_end = load_back_end(root, name, row.overrides)
        return _named(back_end.simulator.published(back_end.settings), name, row)
    if row.what in ACCURACIES:
        return _accuracy(root, name, row)
    return _named(_workload_figures(root, name, row), name, row)


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


def _workload_figures(root: Path, name: str, row: PublishedRow) -> dict[str, float | None]:
    """Metrics of `joulescape cost` for the row's network and batch, and figures of the whole batch made of its rows."""
    from joulescape.pricing import cost

    report = cost(cast(str, row.workload), name, _sets(row), boundary=row.boundary, root=root)
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
    energy = sum(float(part["energy_pj"]) for part in report.energy if part["layer"] == row.layer)
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
    }


def _accuracy(root: Path, name: str, row: PublishedRow) -> float:
    """Measured on the test split with five draws, after the network's own recipe."""
    from joulescape.evaluation import evaluate
    from joulescape.network.fidelity import Fidelity
    from joulescape.resolve.single import single

    trains = row.what == "trained_accuracy_fraction"
    space, candidate = single(cast(str, row.workload), name, root, _sets(row), phases=("inference",))
    fidelity = Fidelity(rung="full", split="test", draws=5, trains_on_machine=trains)
    return _named(evaluate(candidate, space, fidelity, seed=0)[0].metrics, name, row)


def _slow_figure(
    root: Path, name: str, row: PublishedRow, slow: bool, measured: Callable[[Path, str, PublishedRow], float] = _figure
) -> tuple[float | None, str | None]:
    """The stored figure, or a new one; with the row's reason and when, for which entry, it was measured."""
    store, key = root / STORE, digest(name, row.what, row.workload, row.batch, row.overrides)
    known = json.loads(store.read_text(encoding="utf-8")) if store.exists() else {}
    if slow:
        entry = {
            "model": measured(root, name, row),
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "digest": _entry_digest(root, name),
        }
        known[key] = entry
        store.parent.mkdir(parents=True, exist_ok=True)
        store.write_text(json.dumps(known, indent=2, sort_keys=True), encoding="utf-8")
    found = known.get(key)
    if found is None:
        return None, _joined(row.reason, "not measured yet: run with --slow")
    changed = "" if found["digest"] == _entry_digest(root, name) else ", the entry has changed since"
    return found["model"], _joined(row.reason, f"measured {found['date']}, entry {found['digest']}{changed}")


def _entry_digest(root: Path, name: str) -> str:
    back_end: BackEnd = load_back_end(root, name)
    return digest(back_end.spec.simulator, back_end.spec.parameters)


def _joined(*texts: str | None) -> str:
    return "; ".join(text for text in texts if text)
