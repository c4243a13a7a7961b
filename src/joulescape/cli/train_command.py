"""`joulescape train`: reference weights of a network, and what they reach."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from joulescape.accuracy.reference import ReferenceMetrics
    from joulescape.spec.network import AnyNetworkSpec


def train_command(
    network: Annotated[str, typer.Argument(help="A network of models/, e.g. digits_lenet, or a path to its YAML.")],
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Train so many seeds, five by default; the weights of seed 0 are kept.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for <network>.npz and <network>.json.")] = Path("results/networks"),
) -> None:
    """Train the reference weights of a network in float32 and report validation and test accuracy over seeds."""
    path = _path(network)
    spec = _spec(path)

    from joulescape.accuracy.kept import REFERENCE_SEEDS
    from joulescape.accuracy.reference import train_and_save
    from joulescape.cli.workflow_parent import end_with_workflow
    from joulescape.network.build import build_graph
    from joulescape.resolve.networks import reference_beside

    end_with_workflow()
    graph = build_graph(path.stem, spec)
    metrics = train_and_save(graph, reference_beside(path, spec), spec.task, seeds or REFERENCE_SEEDS, out)
    typer.echo(_line(metrics, out / f"{path.stem}.npz"))


def _path(network: str) -> Path:
    """The network's file; SpecError with the nearest name when there is none."""
    from joulescape.errors import Fault, SpecError
    from joulescape.resolve.shelves import find_root, nearest_name, network_names, network_path

    if network.endswith((".yaml", ".yml")):
        return Path(network)
    root = find_root(Path.cwd())
    known = network_names(root)
    if network not in known:
        expected = f"one of {', '.join(known)}" if known else "a network in models/"
        raise SpecError(
            [Fault("command line", None, "NETWORK", f"'{network}'", expected, nearest_name(network, known))]
        )
    return network_path(root, network)


def _spec(path: Path) -> AnyNetworkSpec:
    """The checked file; SpecError listing every fault, graph faults included."""
    from joulescape.errors import Fault, SpecError
    from joulescape.network.build import build_graph
    from joulescape.resolve.networks import read_network

    faults: list[Fault] = []
    found = read_network(path, faults)
    if found is None:
        raise SpecError(faults)
    spec = found[1]
    if spec.is_workload:
        expected = "a recipe: a network without one is a workload, to be priced and never trained"
        raise SpecError([Fault(str(path), None, "training", "nothing", expected)])
    try:
        build_graph(path.stem, spec)
    except ValueError as error:
        raise SpecError([Fault(str(path), None, "operators", str(error), "a graph whose shapes fit")]) from error
    return spec


def _line(metrics: ReferenceMetrics, weights: Path) -> str:
    row = metrics.row()
    parts = []
    for split in ("validation", "test"):
        spread = row[f"{split}_accuracy_sd_fraction"]
        shown = "" if spread is None else f" (sd {spread:.4f})"
        parts.append(f"{split} {row[f'{split}_accuracy_mean_fraction']:.4f}{shown}")
    seeds = f"{row['seeds_count']} seed{'s' if row['seeds_count'] > 1 else ''}"
    return f"{metrics.network}: {', '.join(parts)} over {seeds}, {metrics.parameter_count} parameters -> {weights}"
