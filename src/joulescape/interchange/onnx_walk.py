"""An ONNX file while its nodes become operators of our graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from joulescape.interchange.onnx_file import Array, Node, OnnxFile
from joulescape.network.operators import Attribute


class Refused(Exception):
    """No operator of ours computes this node."""


@dataclass
class Part:
    """One operator of our graph: tensors it reads and gives, by the names of the file, attributes, arrays."""

    node: Node
    kind: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Attribute] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)


@dataclass
class Walk:
    """The file while it is walked; `parts` are by the tensor that they give."""

    file: OnnxFile
    parts: dict[str, Part] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    """Outputs of nodes that became part of an earlier operator or of nothing."""
    open: dict[str, str] = field(default_factory=dict)
    """Heads that are split, or were moved to be merged, by tensor: what was done to it; the next node does the rest."""

    def constant(self, node: Node, place: int) -> Array | None:
        """The constant at an input; None where data or nothing stands there."""
        return self.file.constants.get(node.inputs[place]) if place < len(node.inputs) else None

    def weight(self, node: Node, place: int) -> Array:
        """The constant that must stand at an input."""
        value = self.constant(node, place)
        if value is None:
            raise Refused(f"its input '{node.inputs[place]}' is no constant")
        return np.asarray(value, np.float32)

    def tensor(self, name: str) -> str:
        """The first name of a tensor."""
        name = self.file.tensor(name)
        while name in self.renamed:
            name = self.file.tensor(self.renamed[name])
        return name

    def shape(self, name: str) -> tuple[int, ...]:
        """A tensor's shape, batch of one included."""
        found = self.file.shape(name)
        if found is None:
            raise Refused(f"the shape of '{name}' is unknown")
        return found

    def add(self, node: Node, kind: str, attributes: Mapping[str, Attribute] | None = None, **arrays: Array) -> None:
        """Note an operator that reads the node's inputs that are no constants."""
        read = tuple(self.tensor(name) for name in node.inputs if name and name not in self.file.constants)
        self.parts[node.outputs[0]] = Part(node, kind, read, node.outputs[0], dict(attributes or {}), dict(arrays))

    def then(self, node: Node, kind: str, source: str, output: str) -> None:
        """Note one of several operators that a node becomes, by the tensors that it reads and gives."""
        self.parts[output] = Part(node, kind, (self.tensor(source),), output)

    def pass_on(self, node: Node, place: int = 0) -> None:
        """The node's output is its input under another name."""
        self.renamed[node.outputs[0]] = node.inputs[place]


Rule = Callable[[Node, Walk], None]
"""Adds what a node becomes; raises Refused."""
