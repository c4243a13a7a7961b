"""Soft weight sharing (Nowlan and Hinton 1992; Ullrich, Meeds and Welling 2017): a mixture of Gaussians as a prior.

While fine-tuning, the loss has the term

    strength * mean over layers and a layer's weights of -log sum_j share_j N(w; mean_j, spread_j^2)

and shares, means and spreads follow the weights by rounds of expectation maximisation; each layer has a mixture of its
own. One component stays at zero with the share `zero_share`: what it draws in is pruned. Then each weight takes the
mean of its most responsible component; the means are trained for the rest of the way. Without fine-tuning the mixture
is fitted to the weights as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from joulescape.compression._grid_method import ActivationBits, GridMethod, GridSettings, acted_on, activations
from joulescape.compression._mixture import Mixture, assigned, fitted, followed, log_likelihood
from joulescape.compression.base import Described, Tensors
from joulescape.compression.share import found_before, looked_up
from joulescape.network.work import OperandFormat


class SoftShareSettings(GridSettings):
    """The mixture of one layer."""

    bits: Annotated[int, Field(ge=1, le=6)] = 4
    """2^bits components; one of them stays at zero."""
    zero_share: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """Share of the component at zero: the larger, the more weights become zero."""
    strength: Annotated[float, Field(gt=0)] = 1.0
    """How much the prior weighs beside the mean cross entropy."""
    index_bits: Annotated[int, Field(ge=1, le=8)] = 4
    """Width of one relative index, where so many weights are zero that an index pays."""
    activation_bits: ActivationBits = 32
    """Bits of the layer's input, on a uniform grid; 32 leaves it as it is."""


class SoftShare(GridMethod[SoftShareSettings]):
    """Keeps, beside each weight, `.codes` and `.codebook` as k-means sharing does, and its mixture: `.means` of the
    components away from zero, `.log_spreads` and `.log_shares` of all, the one at zero first.
    """

    name = "soft_share"
    sources = ("nowlan1992", "ullrich2017")
    Settings = SoftShareSettings
    trained = frozenset({"codebook"})
    prior = frozenset({"means", "log_spreads", "log_shares"})

    def form(self, form: OperandFormat, at: SoftShareSettings) -> OperandFormat:
        """Short numbers and a list of values, announced without a zero: how many there are is known afterwards."""
        is_new = form.weight_structure == "dense"
        return form.with_(
            weight_bits=32.0,
            code_bits=float(max(at.bits, 2)),
            values="codebook",
            arithmetic="multiply",
            weight_structure="unstructured" if is_new else form.weight_structure,
            index_bits=at.index_bits if is_new else form.index_bits,
            **activations(at.activation_bits, "mse"),
        )

    def on_grid(self, weight: Any, at: SoftShareSettings) -> Any:
        """Each weight's most responsible mean, of a mixture fitted to the weights."""
        return looked_up(*assigned(weight, fitted(weight, 1 << at.bits, at.zero_share)))

    def is_free(self, settings: Mapping[str, SoftShareSettings]) -> bool:  # noqa: ARG002
        """Always: the prior alone draws the weights together."""
        return True

    def project(self, tensors: Tensors, described: Described, settings: Mapping[str, SoftShareSettings]) -> Tensors:
        """Values by number; numbers follow from the mixture, the mixture from the weights, where either is absent."""
        found = dict(tensors)
        for operator in acted_on(described, settings):
            if operator.weight_shape:
                found.update(_layer(operator.name, tensors, settings[operator.name]))
        return found

    def followed(self, tensors: Tensors, described: Described, settings: Mapping[str, SoftShareSettings]) -> Tensors:
        """The mixtures after another round of expectation maximisation."""
        found: dict[str, Any] = {}
        for operator in acted_on(described, settings):
            if operator.weight_shape:
                name = operator.name
                mixture = _mixture_of(name, tensors, settings[name].zero_share)
                found.update(_named(name, followed(tensors[f"{name}.weight"], mixture)))
        return found

    def penalty(self, tensors: Tensors, described: Described, settings: Mapping[str, SoftShareSettings]) -> Any:
        """The mixtures' mean negative log likelihood, over the weights of all layers that have one."""
        chosen = [o.name for o in acted_on(described, settings) if o.weight_shape]
        terms = [_penalty(name, tensors, settings[name]) / len(chosen) for name in chosen]
        return sum(terms[1:], start=terms[0]) if terms else None


def _penalty(name: str, tensors: Tensors, at: SoftShareSettings) -> Any:
    weight = tensors[f"{name}.weight"]
    return -at.strength / math.prod(weight.shape) * log_likelihood(weight, _mixture_of(name, tensors, at.zero_share))


def _layer(name: str, tensors: Tensors, at: SoftShareSettings) -> dict[str, Any]:
    weight = tensors[f"{name}.weight"]
    if f"{name}.means" in tensors:
        mixture = _mixture_of(name, tensors, at.zero_share)
    else:
        mixture = fitted(weight, 1 << at.bits, at.zero_share)
    listed = found_before(name, tensors, (1 << at.bits) - 1)
    codes, book = assigned(weight, mixture) if listed is None else listed
    found = {"codes": codes, "codebook": book, "weight": looked_up(codes, book)}
    return {**{f"{name}.{short}": array for short, array in found.items()}, **_named(name, mixture)}


def _named(name: str, mixture: Mixture) -> dict[str, Any]:
    found = {"means": mixture.means, "log_spreads": mixture.log_spreads, "log_shares": mixture.log_shares}
    return {f"{name}.{short}": array for short, array in found.items()}


def _mixture_of(name: str, tensors: Tensors, zero_share: float) -> Mixture:
    means, spreads, shares = (tensors[f"{name}.{short}"] for short in ("means", "log_spreads", "log_shares"))
    return Mixture(means, spreads, shares, zero_share)


plugin = SoftShare()
