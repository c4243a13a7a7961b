"""Reads the networks of a project: operators that stand in the YAML file, or in the ONNX file that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from joulescape.errors import Fault
from joulescape.resolve.shelves import network_path, read_or_fault
from joulescape.spec.document import Document, shown
from joulescape.spec.faults import checked
from joulescape.spec.network import AnyNetworkSpec, NetworkSpec, OnnxNetworkSpec, ReadNetworkSpec

ONNX = "onnx"
"""The key of a network's YAML that names a file."""


def read_network(path: Path, faults: list[Fault]) -> tuple[Document, AnyNetworkSpec] | None:
    """The network of a YAML file; None, with its faults added to `faults`, where it cannot be taken."""
    document = read_or_fault(path, faults)
    if document is None:
        return None
    given = isinstance(document.content, dict) and ONNX in document.content
    spec = _from_onnx(path.parent, document, faults) if given else checked(NetworkSpec, document, faults)
    return None if spec is None else (document, spec)


def network_files(path: Path) -> tuple[Path, ...]:
    """The network's YAML file, and the ONNX file that it names, if it does; faults show when the network is read."""
    document = read_or_fault(path, [])
    named = document.content.get(ONNX) if document is not None and isinstance(document.content, dict) else None
    return (path, path.parent / named) if isinstance(named, str) else (path,)


def reference_of(name: str, spec: AnyNetworkSpec, root: Path) -> dict[str, Any]:
    """How the reference weights come to be, as plain values: a training recipe, or `onnx`, `sha256` and the `file`."""
    return reference_beside(network_path(root, name), spec)


def reference_beside(path: Path, spec: AnyNetworkSpec) -> dict[str, Any]:
    """The same by the network's YAML file."""
    return {**spec.recipe, "file": str(onnx_file(path, spec))} if isinstance(spec, ReadNetworkSpec) else spec.recipe


def onnx_file(path: Path, spec: ReadNetworkSpec) -> Path:
    """The ONNX file of the network whose YAML is `path`."""
    return path.absolute().parent / spec.training.onnx


def _from_onnx(folder: Path, document: Document, faults: list[Fault]) -> ReadNetworkSpec | None:
    spec = checked(OnnxNetworkSpec, document, faults)
    if spec is None:
        return None
    from joulescape.interchange.onnx_file import OnnxError
    from joulescape.interchange.onnx_network import network_of

    try:
        return network_of(spec, folder)
    except OnnxError as error:
        faults.append(document.fault((ONNX,), shown(spec.onnx), f"an ONNX file that this project reads: {error}"))
        return None
