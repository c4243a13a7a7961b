"""A network from an ONNX file: operators for our graph, and the file's own weights by dotted name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from joulescape.interchange.onnx_file import Array, Node, OnnxError, OnnxFile, load_file, read_bytes
from joulescape.interchange.onnx_foreign import leave_to_host
from joulescape.interchange.onnx_macs import macs_of
from joulescape.interchange.onnx_rules import translate
from joulescape.interchange.onnx_walk import Part, Refused, Walk
from joulescape.network.build import DATA
from joulescape.spec.network import (
    FOREIGN,
    ForeignOperatorSpec,
    GivenWeights,
    OneOperator,
    OnnxNetworkSpec,
    OperatorSpec,
    ReadNetworkSpec,
)


@dataclass(frozen=True)
class OnnxNetwork:
    """What a file holds: the network in our operators, and its weights (`<operator>.weight`, `.bias` ...)."""

    input_shape: tuple[int, ...]
    operators: tuple[OneOperator, ...]
    arrays: Mapping[str, Array]
    sha256: str


def read_onnx(path: Path, hosted: Mapping[str, float] | None = None) -> OnnxNetwork:
    """The file's network; OnnxError that lists every operator we have not, each with its share of the MACs.

    `hosted` names ONNX operators to be left to the host, with their operations per element.
    """
    return _read(path, read_bytes(path)[1], tuple(sorted((hosted or {}).items())))


def network_of(spec: OnnxNetworkSpec, folder: Path) -> ReadNetworkSpec:
    """The network that a YAML file in `folder` points to, as if its operators stood there.

    OnnxError where the file has not the checksum that the YAML states, or cannot be taken.
    """
    found = read_onnx(folder / spec.onnx, {kind: how.ops_per_element for kind, how in spec.treat_as.items()})
    if spec.sha256 is not None and spec.sha256 != found.sha256:
        raise OnnxError(f"{folder / spec.onnx} has SHA-256 {found.sha256}, expected {spec.sha256}")
    return ReadNetworkSpec(
        about=spec.about,
        task=spec.task,
        input=found.input_shape,
        operators=found.operators,
        training=GivenWeights(onnx=spec.onnx, sha256=found.sha256, treat_as=spec.treat_as),
    )


def outputs_of(data: bytes, samples: Array) -> Array:
    """What a file's bytes themselves make of samples (a batch), by onnx's reference evaluator."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(onnx.load_from_string(data))
    (output,) = evaluator.run(None, {evaluator.input_names[0]: samples})
    return np.asarray(output)


@lru_cache(maxsize=8)
def _read(path: Path, sha256: str, hosted: tuple[tuple[str, float], ...]) -> OnnxNetwork:  # noqa: ARG001
    file, host = load_file(path), dict(hosted)
    walk, refused = Walk(file), list[tuple[Node, str]]()
    absent = sorted(set(host) - {node.kind for node in file.nodes})
    if absent:
        raise OnnxError(f"{path} holds no {', '.join(absent)}, which treat_as names")
    for node in file.nodes:
        try:
            _take(node, walk, host)
        except Refused as error:
            refused.append((node, str(error)))
    if refused:
        raise OnnxError(_listing(file, refused))
    return _network(file, walk)


def _take(node: Node, walk: Walk, host: Mapping[str, float]) -> None:
    """As an operator of ours where there is one, else as one of the host's where the user left it to the host."""
    try:
        translate(node, walk)
    except Refused:
        if node.kind not in host:
            raise
        leave_to_host(node, walk, host[node.kind])


def _listing(file: OnnxFile, refused: list[tuple[Node, str]]) -> str:
    """Every refused kind and reason with its nodes and its share of the MACs, the largest first."""
    counts = {node.outputs: macs_of(node, file) for node in file.nodes}
    total = sum(count or 0 for count in counts.values()) or 1
    groups: dict[tuple[str, str], list[Node]] = {}
    for node, reason in refused:
        groups.setdefault((node.kind, reason), []).append(node)
    shares = {key: sum(counts[node.outputs] or 0 for node in nodes) / total for key, nodes in groups.items()}
    lines = []
    for kind, reason in sorted(groups, key=lambda key: -shares[key]):
        nodes = groups[kind, reason]
        is_known = all(counts[node.outputs] is not None for node in nodes)
        share = f"{100 * shares[kind, reason]:.1f} % of the MACs" if is_known else "its share of the MACs is unknown"
        lines.append(f"  {kind} ({_names(nodes)}): {reason}; {share}")
    of = "its MACs" if None not in counts.values() else "those of its MACs that can be counted"
    head = f"{file.path} holds operators that this project has not, {100 * sum(shares.values()):.1f} % of {of}:"
    return "\n".join([head, *lines])


def _names(nodes: list[Node]) -> str:
    shown = ", ".join(node.name for node in nodes[:4])
    return shown if len(nodes) <= 4 else f"{shown} and {len(nodes) - 4} more"


def _network(file: OnnxFile, walk: Walk) -> OnnxNetwork:
    parts, last = list(walk.parts.values()), walk.tensor(file.output)
    if not parts or parts[-1].output != last:
        raise OnnxError(f"{file.path}: the output '{file.output}' is not what its last operator gives")
    named = _named(parts)
    place = {file.input: DATA, **{part.output: name for name, part in named.items()}}
    unknown = sorted({tensor for part in parts for tensor in part.inputs} - set(place))
    if unknown:
        raise OnnxError(f"{file.path}: nothing that this project reads gives {', '.join(unknown)}")
    operators = tuple(
        (ForeignOperatorSpec if part.kind == FOREIGN else OperatorSpec).model_validate(
            {"name": name, "kind": part.kind, "inputs": tuple(place[t] for t in part.inputs), **part.attributes}
        )
        for name, part in named.items()
    )
    arrays = {f"{name}.{short}": array for name, part in named.items() for short, array in part.arrays.items()}
    shape = file.shape(file.input)
    if shape is None or len(shape) < 2:
        raise OnnxError(f"{file.path}: the input '{file.input}' has the shape {shape}; expected (batch, sizes ...)")
    return OnnxNetwork(shape[1:], operators, arrays, file.sha256)


def _named(parts: list[Part]) -> dict[str, Part]:
    """Names that our YAML could hold: of the weights, of the node, or of the kind; each once."""
    found: dict[str, Part] = {}
    for part in parts:
        weights = [name for name in part.node.inputs if name.endswith((".weight", "_weight"))]
        given = weights[0][: -len("_weight")] if weights else part.node.name
        name = re.sub(r"_+", "_", re.sub(r"[^a-z0-9]", "_", given.lower())).strip("_")
        name = name if re.match("[a-z]", name) and name != DATA else f"{part.kind}_{name}".rstrip("_")
        found[name if name not in found else f"{name}_{len(found)}"] = part
    return found
