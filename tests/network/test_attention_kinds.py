"""Operators of attention networks: shapes, parameters, multiply-accumulates, and the works that they become."""

from __future__ import annotations

from typing import Any

import pytest
from attention_blocks import BERT_BASE, encoder, encoder_block
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import graph_of

from joulescape.network.channels import channel_groups
from joulescape.network.lower import is_nonnegative, lower
from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, VectorWork

TOKENS = 128


def test_the_bert_base_encoder_has_its_parameters_and_multiply_accumulates() -> None:
    """Devlin et al. 2019: 12 layers of width 768, 12 heads, hidden 3072; embeddings and pooler aside.

    MACs of one layer at T tokens: 4 T d^2 (query, key, value, output) + 2 T d h (feed forward) + 2 T^2 d (products).
    """
    graph = graph_of([TOKENS, 768], encoder(**BERT_BASE))
    assert graph.parameter_count == 85_054_464
    width, hidden = BERT_BASE["width"], BERT_BASE["hidden"]
    layer = 4 * TOKENS * width**2 + 2 * TOKENS * width * hidden + 2 * TOKENS**2 * width
    assert graph.macs == BERT_BASE["layers"] * layer == 11_173_625_856
    assert graph.output.out_shape == (TOKENS, width)


def test_shapes_go_from_pixels_to_heads_and_back() -> None:
    graph = graph_of(
        [2, 8, 6],
        [
            {"name": "patches", "kind": "patches", "kernel": 4, "kernel_x": 2},
            {"name": "place", "kind": "position"},
            {"name": "heads", "kind": "split_heads", "heads": 4},
            {"name": "columns", "kind": "transpose"},
            {"name": "rows", "kind": "transpose"},
            {"name": "merged", "kind": "merge_heads"},
            {"name": "norm", "kind": "layer_norm"},
            {"name": "gelu", "kind": "gelu"},
            {"name": "mean", "kind": "mean_tokens"},
        ],
    )
    assert [o.out_shape for o in graph.operators] == [
        (6, 16), (6, 16), (4, 6, 4), (4, 4, 6), (4, 6, 4), (6, 16), (6, 16), (6, 16), (16,),
    ]  # fmt: skip
    assert [o.ops_per_element for o in graph.operators] == [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 7.0, 9.0, 6.0]
    assert [o.parameter_count for o in graph.operators] == [0, 96, 0, 0, 0, 0, 32, 0, 0]


FAULTS: list[tuple[list[int], dict[str, Any], str]] = [
    ([1, 8, 8], {"kind": "patches", "kernel": 3}, "patches of 3 x 3 do not tile an image of 8 x 8"),
    ([1, 8, 8], {"kind": "patches"}, "needs kernel"),
    ([8, 6], {"kind": "split_heads", "heads": 4}, "4 heads do not divide 6 features"),
    ([8], {"kind": "split_heads", "heads": 4}, r"reads \(tokens, features\)"),
    ([8], {"kind": "position"}, r"reads \(tokens, features\)"),
    ([8, 6], {"kind": "merge_heads"}, r"reads \(channels, height, width\)"),
    ([8, 6], {"kind": "layer_norm", "heads": 2}, "takes no heads"),
    ([8], {"kind": "transpose"}, r"reads \(tokens, features\) or"),
]


@pytest.mark.parametrize(("shape", "operator", "message"), FAULTS, ids=[f[2] for f in FAULTS])
def test_what_cannot_be_names_its_operator(shape: list[int], operator: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        graph_of(shape, [{"name": "o", **operator}])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(2, 9), st.integers(1, 6), st.integers(1, 20))
def test_products_of_two_activations_bring_matrices_of_their_own_with_every_sample(
    heads: int, batch: int, tokens: int, features: int, hidden: int
) -> None:
    """Weights are shared by a batch (`B`), matrices made of activations are not (`G`); MACs are the same either way."""
    graph = graph_of([tokens, heads * features], encoder_block("l", "input", heads * features, heads, hidden))
    phase = lower(graph, {}, "training", batch, {})
    works = {(w.layer, w.role): w for w in phase.works}
    for name, outputs, reduction in (("l_scores", tokens, features), ("l_context", features, tokens)):
        forward, backward = works[name, "forward"], works[name, "input_gradient"]
        assert isinstance(forward, MatrixWork) and isinstance(backward, MatrixWork)
        assert forward.loops == Loops(G=batch * heads, K=outputs, C=reduction, OX=tokens)
        assert forward.weight.elements == batch * heads * outputs * reduction and not forward.is_weight_stored
        assert backward.macs == 2 * forward.macs
        assert backward.weight.elements == batch * graph.operator(name).in_elements
        assert (name, "weight_gradient") not in works and (name, "update") not in works
    assert sum(w.macs for w in phase.works if w.role == "forward") == batch * graph.macs


def test_only_what_reads_a_softmax_is_unsigned_and_renaming_is_no_work() -> None:
    graph = graph_of([4, 6], encoder_block("l", "input", 6, 2, 8))
    assert is_nonnegative(graph, "l_weights") and not is_nonnegative(graph, "l_vh")
    assert is_nonnegative(graph, "input")
    worked = {w.layer for w in lower(graph, {}, "training", 1, {}).works}
    assert worked.isdisjoint({"l_qh", "l_kh", "l_kt", "l_vh", "l_merged"})


def test_a_trained_position_is_updated_and_smooth_rectifiers_are_counted_both_ways() -> None:
    operators = [
        {"name": "embed", "kind": "dense", "out_features": 6},
        {"name": "place", "kind": "position"},
        {"name": "gelu", "kind": "gelu"},
        {"name": "norm", "kind": "layer_norm"},
    ]
    works = {(w.layer, w.role): w for w in lower(graph_of([4, 3], operators), {}, "training", 2, {}).works}
    ops = {key: work.ops for key, work in works.items() if isinstance(work, VectorWork)}
    elements = 2 * 4 * 6
    assert ops["gelu", "forward"] == 9 * elements and ops["gelu", "input_gradient"] == 8 * elements
    assert ops["norm", "forward"] == 7 * elements and ops["norm", "input_gradient"] == 11 * elements
    assert ops["place", "update"] == 2 * 24 and ops["norm", "update"] == 2 * 12


def test_channels_of_token_sequences_stay() -> None:
    graph = graph_of([4, 6], [*encoder_block("l", "input", 6, 2, 8), {"name": "mean", "kind": "mean_tokens"}])
    assert all(group.is_fixed for group in channel_groups(graph).groups)
