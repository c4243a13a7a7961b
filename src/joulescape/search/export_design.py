"""A design of a finished search as an ONNX file, with its compressed weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from joulescape.errors import ResultsError
from joulescape.pricing.energy import described_for
from joulescape.resolve.design_space import load_space
from joulescape.resolve.shelves import find_root
from joulescape.search.confirm import candidate_of, check_question
from joulescape.search.fidelities import rung_fidelity
from joulescape.search.record import read_trials, writing

if TYPE_CHECKING:
    from joulescape.resolve.design_space import DesignSpace


@dataclass(frozen=True)
class ExportedDesign:
    """Which design was written, its bytes, and what ONNX could not hold of it."""

    design_id: str
    file_bytes: int
    notes: tuple[str, ...]


def export_design(folder: Path, out: Path, design: str | None = None) -> ExportedDesign:
    """Write the design whose id begins with `design` (default: the most accurate one of the front) to `out`.

    ResultsError where the search's files are missing, of another version of the question, or hold no such design;
    OnnxError where ONNX cannot hold the network.
    """
    from joulescape.accuracy.as_onnx import as_onnx

    space = _space(folder)
    check_question(space, folder / "resolved.json")
    row = _row(read_trials(folder), folder, design)
    candidate, rung = candidate_of(space, row), row["fidelity"].partition("/")[0]
    fidelity = rung_fidelity(space.spec, rung)
    if not fidelity.measures:
        raise ResultsError(f"design {row['design_id']} was never measured: it has costs, and no weights")
    network = described_for(space, candidate)
    errors = space.machine(candidate, fidelity.corner).errors(network)
    file = as_onnx(network, errors, space.recipe(candidate), fidelity, space.spec.budget.seed, space.networks_dir)
    with writing(out.parent):
        _write(out, file.data)
    return ExportedDesign(row["design_id"], len(file.data), file.notes)


def _space(folder: Path) -> DesignSpace:
    """The question that a results folder answers, from its project."""
    path = folder / "resolved.json"
    try:
        name = json.loads(path.read_text(encoding="utf-8"))["name"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultsError(f"{path} cannot be read ({error}): run `joulescape search` first") from error
    return load_space(find_root(folder) / "spaces" / f"{name}.yaml")


def _row(trials: pl.DataFrame, folder: Path, design: str | None) -> Mapping[str, Any]:
    if design is None:
        front = trials.filter(pl.col("is_front") & pl.col("accuracy_fraction").is_not_null())
        found = front.sort("accuracy_fraction", descending=True, maintain_order=True).head(1)
        wanted = "a measured design on its front"
    else:
        found = trials.filter(pl.col("design_id").str.starts_with(design)).unique("design_id", maintain_order=True)
        wanted = f"one design whose id begins with '{design}'"
    if len(found) != 1:
        raise ResultsError(f"{folder}/trials.parquet holds {len(found)} such designs; expected {wanted}")
    return found.row(0, named=True)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_bytes(data)
    draft.replace(path)
