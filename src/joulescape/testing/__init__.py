"""Laws shipped for plug-in authors: each check raises AssertionError and names the law that broke.

    check_simulator(plugin, settings, sweep={"array.rows": (32, 64), "array.columns": (16, 128)})
    check_compression(plugin, Settings(density=0.5))
    check_steps(graph, [Step("prune", {"density": 0.5}, {}), Step("circulant", {}, {})], tensors)

Built-ins and guests pass the same gate.
"""

from __future__ import annotations

from joulescape.testing.compressions import check_compression, check_steps
from joulescape.testing.examples import example_context, example_formats, example_graph, example_tensors
from joulescape.testing.simulators import check_simulator

__all__ = [
    "check_compression",
    "check_simulator",
    "check_steps",
    "example_context",
    "example_formats",
    "example_graph",
    "example_tensors",
]
