"""A compressed state that a publication reports, layer by layer: densities and widths to price a network by.

The values stand in the network's YAML under `reported:`, with their source; the step takes them from there. There are
no weights behind it, so nothing can be measured: `joulescape check` lets it stand only where costs alone are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from joulescape.compression._nominal import with_bytes
from joulescape.compression.base import Described, Method, Tensors
from joulescape.errors import JoulescapeError
from joulescape.network.operators import Operator
from joulescape.network.work import OperandFormat
from joulescape.spec.reported import ReportedLayer
from joulescape.units import FLOAT_BITS


class Reported(Method[ReportedLayer]):
    """Zeros anywhere, found by a relative index; weights and inputs of fewer bits."""

    name = "reported"
    Settings = ReportedLayer

    def takes(self, operator: Operator) -> bool:
        """Layers with weights."""
        return operator.is_matrix and operator.weight_shape is not None

    def describe(self, described: Described, settings: Mapping[str, ReportedLayer]) -> Described:
        """The reported densities, widths and the bytes that follow; shapes stay."""
        changed = {
            o.name: with_bytes(o, _form(described.formats[o.name], settings[o.name]))
            for o in described.graph.operators
            if o.name in settings
        }
        return replace(described, formats={**described.formats, **changed})

    def project(self, tensors: Tensors, described: Described, settings: Mapping[str, ReportedLayer]) -> Tensors:  # noqa: ARG002
        """The weights as they are where nothing is reported of any layer; JoulescapeError elsewhere."""
        if any(at != ReportedLayer() for at in settings.values()):
            raise JoulescapeError("a reported state of a network has densities and widths, but no weights to measure")
        return tensors


def _form(form: OperandFormat, at: ReportedLayer) -> OperandFormat:
    sparse = {"weight_density": at.weight_density, "weight_structure": "unstructured"} if at.weight_density < 1 else {}
    narrow = {} if at.input_bits >= FLOAT_BITS else {"activation_bits": float(at.input_bits)}
    return form.with_(**sparse, **_code(at), **narrow, input_density=at.input_density)


def _code(at: ReportedLayer) -> dict[str, Any]:
    """How a stored weight is written: an index has no grid, a level stands on one."""
    if at.weight_bits >= FLOAT_BITS:
        return {}
    width = {"code_bits": float(at.weight_bits)} if at.values == "codebook" else {"weight_bits": float(at.weight_bits)}
    return {**width, "values": at.values}


plugin = Reported()
