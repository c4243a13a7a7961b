"""Two steps in a row, every pair of methods: what the second announces is what the arrays hold and the file takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compressible import arrays_of, built

from joulescape import registry
from joulescape.compression.base import Step
from joulescape.compression.circulant import Circulant
from joulescape.compression.pipeline import GROUP, describe, project
from joulescape.compression.storage import measured_bytes
from joulescape.testing import check_steps

GRAPH = built(
    [
        {"name": "conv", "kind": "conv", "out_channels": 12, "kernel": 3, "padding": 1},
        {"name": "norm", "kind": "norm"},
        {"name": "relu", "kind": "relu"},
        {"name": "inner", "kind": "conv", "out_channels": 20, "kernel": 3, "padding": 1},
        {"name": "pool", "kind": "avg_pool", "kernel": 2, "stride": 2},
        {"name": "flat", "kind": "flatten"},
        {"name": "hidden", "kind": "dense", "out_features": 40},
        {"name": "hidden_norm", "kind": "norm"},
        {"name": "head", "kind": "dense", "out_features": 10},
    ],
    (3, 8, 8),
)  # fmt: skip
"""Sizes that blocks of eight divide and that they do not, and something for `merge` to take up after each kind."""

TENSORS = arrays_of(GRAPH)

STEPS: dict[str, tuple[str, dict[str, Any]]] = {
    "prune": ("prune", {"density": 0.3}),
    "n_of_m": ("prune", {"granularity": "n_of_m", "density": 0.5}),
    "channels": ("prune", {"granularity": "channel", "density": 0.6}),
    "quantize": ("quantize", {"weight_bits": 3}),
    "quantize_by_layer": ("quantize", {"weight_bits": 3, "scale_per": "layer"}),
    "fixed_point": ("fixed_point", {"weight_bits": 5}),
    "logarithmic": ("logarithmic", {}),
    "logarithmic_fine": ("logarithmic", {"weight_bits": 7}),
    "incremental": ("incremental", {}),
    "ternary": ("ternary", {}),
    "ternary_ttq": ("ternary", {"rule": "ttq"}),
    "binary": ("binary", {}),
    "binary_by_layer": ("binary", {"scale_per": "layer"}),
    "dorefa": ("dorefa", {"weight_bits": 3}),
    "half_wave": ("half_wave", {}),
    "share": ("share", {"bits": 3}),
    "soft_share": ("soft_share", {"bits": 3}),
    "huffman": ("huffman", {"bias_bits": 16}),
    "low_rank": ("low_rank", {}),
    "deep_thin": ("deep_thin", {"rank": 4}),
    "circulant": ("circulant", {}),
    "winograd": ("winograd", {}),
    "fft": ("fft", {}),
    "strassen": ("strassen", {"levels": 1}),
    "merge": ("merge", {"pooling": True}),
    "reported": ("reported", {}),
}


def step(name: str, **more: Any) -> Step:
    method, settings = STEPS[name]
    return Step(method, {**settings, **more}, {})


def test_every_method_is_among_the_steps() -> None:
    shipped = {
        name for name in registry.names(GROUP) if type(registry.load(GROUP, name)).__module__.startswith("joule")
    }
    of_systems = {"restack"}  # takes physical systems alone: test_restack.py
    assert shipped == {method for method, _ in STEPS.values()} | of_systems


@pytest.mark.parametrize("first", STEPS)
def test_of_two_steps_the_announced_format_is_true(first: str) -> None:
    for second in STEPS:
        check_steps(GRAPH, [step(first), step(second)], TENSORS)


@pytest.mark.parametrize("grid", ["ternary", "quantize", "share", "logarithmic", "prune", "n_of_m", "binary"])
def test_means_of_diagonals_stand_on_no_earlier_grid(grid: str) -> None:
    form = describe(GRAPH, [step(grid), step("circulant")]).formats["hidden"]
    alone = describe(GRAPH, [step("circulant")]).formats["hidden"]
    assert (form.values, form.weight_bits, form.code_bits, form.weight_density) == ("real", 32.0, None, 1.0)
    assert form.weight_bytes == alone.weight_bytes == 40 * 320 * 4 / 8


@pytest.mark.parametrize("cut", ["prune", "n_of_m", "channels"])
def test_circulant_blocks_end_where_weights_go(cut: str) -> None:
    form = describe(GRAPH, [step("circulant"), step(cut)]).formats["hidden"]
    assert form.block == 1 and form.arithmetic == "multiply"


def test_a_grid_over_circulant_blocks_keeps_them_where_its_scales_do() -> None:
    """`hidden` reads 320 features, `conv` three channels: there rows of one block hold different weights."""
    by_channel = describe(GRAPH, [step("circulant"), step("quantize")]).formats
    assert by_channel["hidden"].block == 8 and by_channel["conv"].block == 1
    described = describe(GRAPH, [step("circulant"), step("quantize_by_layer")])
    assert described.formats["conv"].block == 8
    held = measured_bytes(described, project(TENSORS, described))
    assert held["conv"].weight_bytes == 2 * 1 * 9 * 8 * 3 / 8 == described.formats["conv"].weight_bytes


def test_a_list_of_values_has_a_place_for_the_zeros_of_a_later_mask() -> None:
    """Of eight values the smallest is pruned in part only: nine stand in the layer."""
    described = describe(GRAPH, [step("share"), step("prune", density=0.95)])
    weight = project(TENSORS, described)["hidden.weight"]
    assert len(np.unique(weight)) == 9 and described.formats["hidden"].code_bits == 4.0
    listed = describe(GRAPH, [step("ternary_ttq"), step("prune")]).formats["hidden"]
    assert listed.code_bits == 2.0


@pytest.mark.parametrize(("first", "second"), [(4, 2), (2, 4)])
def test_of_two_lists_of_values_the_last_one_counts(first: int, second: int) -> None:
    for names in (("share", "share"), ("share", "soft_share"), ("soft_share", "share")):
        described = describe(GRAPH, [step(names[0], bits=first), step(names[1], bits=second)])
        once = project(TENSORS, described)
        assert 2 <= len(np.unique(once["hidden.weight"])) <= 1 << second
        assert len(np.unique(project(once, described)["hidden.weight"])) <= 1 << second


def test_a_bias_that_is_made_anew_is_stored_whole() -> None:
    forms = describe(GRAPH, [step("huffman"), step("merge")]).formats
    assert forms["conv"].bias_bits == 32 and forms["head"].bias_bits == 16


def test_a_fast_algorithm_stays_where_factors_come_after_it() -> None:
    """Thin factors are multiplied out before they are used: the order of both steps does not matter."""
    one, other = (
        describe(GRAPH, [step(a), step(b)]).formats["hidden"]
        for a, b in (("strassen", "deep_thin"), ("deep_thin", "strassen"))
    )
    assert one == other and one.transform == "strassen"


@pytest.mark.parametrize("first", ["ternary", "quantize", "n_of_m"])
def test_a_format_that_keeps_what_no_longer_holds_breaks_the_law(first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = lambda self, form, at: form.with_(block=at.block, arithmetic="circulant")  # noqa: E731
    monkeypatch.setattr(Circulant, "form", kept)
    with pytest.raises(AssertionError, match="circulant after"):
        check_steps(GRAPH, [step(first), step("circulant")], TENSORS)
