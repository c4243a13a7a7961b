"""An ONNX model while it is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Sheet:
    """A model while it is written."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node; the name of its output."""
        import onnx

        self.nodes.append(onnx.helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, value: Any) -> str:
        """Add a constant; its name."""
        import onnx

        self.constants.append(onnx.numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name
