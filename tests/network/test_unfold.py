"""Blocks: written out, they are the list that one would have written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from joulescape.network.build import build_graph
from joulescape.network.unfold import unfolded
from joulescape.spec.network import NetworkSpec

Written = dict[str, Any]

UNIT = [
    {"name": "conv", "kind": "conv", "out_channels": "width", "kernel": 3, "padding": 1, "stride": "stride"},
    {"name": "relu", "kind": "relu"},
]


def spec_of(blocks: dict[str, list[Written]], *operators: Written) -> NetworkSpec:
    content = {"about": "a", "task": "digits", "input": [1, 8, 8], "blocks": blocks, "operators": list(operators)}
    return NetworkSpec.model_validate(content)


def test_a_block_put_once_has_its_name_in_front() -> None:
    spec = spec_of(
        {"unit": UNIT},
        {"name": "a", "block": "unit", "values": {"width": 4, "stride": 2}},
        {"name": "fc", "kind": "global_avg_pool"},
    )
    conv, relu, pool = unfolded(spec)
    assert (conv.name, conv.inputs, conv.out_channels, conv.stride) == ("a_conv", ("input",), 4, 2)
    assert (relu.name, relu.inputs, pool.inputs) == ("a_relu", ("a_conv",), ("a_relu",))


def test_a_block_put_often_is_a_chain_and_its_name_is_its_end() -> None:
    residual = [*UNIT, {"name": "sum", "kind": "add", "inputs": ["relu", "input"]}]
    spec = spec_of(
        {"block": residual},
        {"name": "stem", "kind": "conv", "out_channels": 4, "kernel": 1},
        {"name": "s", "block": "block", "repeat": 3, "values": {"width": 4, "stride": 1}},
        {"name": "both", "kind": "add", "inputs": ["s", "stem"]},
    )
    operators = {operator.name: operator for operator in unfolded(spec)}
    assert [name for name in operators if name.endswith("sum")] == ["s_1_sum", "s_2_sum", "s_3_sum"]
    assert operators["s_1_sum"].inputs == ("s_1_relu", "stem")
    assert operators["s_3_conv"].inputs == ("s_2_sum",)
    assert operators["both"].inputs == ("s_3_sum", "stem")
    assert build_graph("net", spec).output.out_shape == (4, 8, 8)


def test_blocks_within_blocks_hand_their_values_down() -> None:
    outer = [
        {"name": "one", "block": "unit", "values": {"width": "wide", "stride": 1}},
        {"name": "two", "block": "unit", "repeat": "count", "values": {"width": "wide", "stride": 2}},
    ]
    spec = spec_of({"unit": UNIT, "pair": outer}, {"name": "p", "block": "pair", "values": {"wide": 6, "count": 2}})
    names = [operator.name for operator in unfolded(spec)]
    assert names == ["p_one_conv", "p_one_relu", "p_two_1_conv", "p_two_1_relu", "p_two_2_conv", "p_two_2_relu"]
    assert {operator.out_channels for operator in unfolded(spec) if operator.kind == "conv"} == {6}


def test_without_blocks_nothing_changes_but_inputs_are_named() -> None:
    spec = spec_of({}, {"name": "a", "kind": "relu"}, {"name": "b", "kind": "relu"})
    assert [(operator.name, operator.inputs) for operator in unfolded(spec)] == [("a", ("input",)), ("b", ("a",))]


USE: Written = {"name": "a", "block": "unit", "values": {"width": 4, "stride": 1}}
FAULTS: list[tuple[dict[str, list[Written]], Written, str]] = [
    ({"unit": UNIT}, {**USE, "block": "unti"}, "operator 'a': there is no block 'unti'; did you mean 'unit'"),
    ({"unit": UNIT}, {**USE, "values": {"width": 4}}, "operator 'a_conv' of block 'unit': stride is 'stride', a value"),
    ({"unit": UNIT}, {**USE, "values": {"width": 4, "stride": 1, "depth": 2}}, "block 'unit' names no value depth"),
    ({"unit": [*UNIT, {"name": "again", "block": "unit"}]}, USE, "'a_again' of block 'unit': block 'unit' stands with"),
    ({"unit": [{"name": "r", "kind": "rleu"}]}, {"name": "a", "block": "unit"}, "operator 'a_r' of block 'unit': kind"),
    ({"unit": [{"name": "r", "kind": "relu", "inputs": ["x"]}]}, {"name": "a", "block": "unit"}, "no earlier operator"),
    ({"unit": UNIT}, {**USE, "values": {"width": 0, "stride": 1}}, "'a_conv' of block 'unit': out_channels: Input sho"),
    ({"unit": [{"kind": "relu"}]}, {"name": "a", "block": "unit"}, "operator 'a_None' of block 'unit': name"),
]  # fmt: skip


@pytest.mark.parametrize(("blocks", "use", "message"), FAULTS, ids=[fault[2] for fault in FAULTS])
def test_what_cannot_be_put_is_named(blocks: dict[str, list[Written]], use: Written, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        unfolded(spec_of(blocks, use))
