"""What each ONNX operator becomes: an operator of our graph with its arrays, or a refusal that says why."""

from __future__ import annotations

from collections.abc import Mapping

from joulescape.interchange import onnx_arrangement, onnx_layers, onnx_products
from joulescape.interchange.onnx_file import Node
from joulescape.interchange.onnx_foreign import FOREIGN_DOMAIN
from joulescape.interchange.onnx_walk import Refused, Rule, Walk

RULES: Mapping[str, Rule] = {**onnx_products.RULES, **onnx_layers.RULES, **onnx_arrangement.RULES}
"""By ONNX operator. A kind that is absent is refused with its share of the network's MACs."""


def translate(node: Node, walk: Walk) -> None:
    """Add what the node becomes to the walk; Refused where nothing of ours computes it."""
    rule = RULES.get(node.kind)
    if rule is None:
        raise Refused(FOREIGN_DOMAIN if "::" in node.kind else "no operator of this kind")
    rule(node, walk)
