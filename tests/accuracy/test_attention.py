"""Attention in torch: against torch's own encoder layer; on machines; the shipped network and its recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor, nn

from joulescape.accuracy.activations import calibrate
from joulescape.accuracy.datasets import load_task
from joulescape.accuracy.machine_layers import program
from joulescape.accuracy.module import initial, run
from joulescape.accuracy.on_machine import train_on_machine
from joulescape.accuracy.randomness import generator
from joulescape.accuracy.training import TrainingRun, correct, fraction, train_weights
from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe, project
from joulescape.compression.storage import read, write
from joulescape.network.build import build_graph
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.fidelity import Fidelity, Recipe
from joulescape.network.operators import Graph
from joulescape.resolve.back_end import load_back_end
from joulescape.spec.network import NetworkSpec

torch.set_num_threads(1)
MODEL = Path(__file__).parents[2] / "models" / "digits_attention.yaml"
QUIET: dict[str, float] = {
    "terms_per_sample": 12, "integration_cycles": 3, "gain_sigma_fraction": 0.0, "dark_fraction": 0.0,
    "shot_fraction": 0.0, "intensity_fraction": 0.0,
}  # fmt: skip


def graph_of(shape: list[int], operators: list[dict[str, Any]]) -> Graph:
    content = {"about": "a", "task": "digits", "input": shape, "operators": operators, "training": {"epochs": 1}}
    return build_graph("net", NetworkSpec.model_validate(content))


@pytest.fixture(scope="module")
def block() -> Graph:
    """One encoder block of width 6 with 2 heads, normalised after each sum."""
    return graph_of(
        [5, 6],
        [
            {"name": "q", "kind": "dense", "out_features": 6},
            {"name": "qh", "kind": "split_heads", "heads": 2},
            {"name": "k", "kind": "dense", "out_features": 6, "inputs": ["input"]},
            {"name": "kh", "kind": "split_heads", "heads": 2},
            {"name": "kt", "kind": "transpose"},
            {"name": "v", "kind": "dense", "out_features": 6, "inputs": ["input"]},
            {"name": "vh", "kind": "split_heads", "heads": 2},
            {"name": "scores", "kind": "matmul", "inputs": ["qh", "kt"], "scale": 3**-0.5},
            {"name": "weights", "kind": "softmax"},
            {"name": "context", "kind": "matmul", "inputs": ["weights", "vh"]},
            {"name": "merged", "kind": "merge_heads"},
            {"name": "project", "kind": "dense", "out_features": 6},
            {"name": "sum1", "kind": "add", "inputs": ["project", "input"]},
            {"name": "norm1", "kind": "layer_norm"},
            {"name": "expand", "kind": "dense", "out_features": 8},
            {"name": "gelu", "kind": "gelu"},
            {"name": "contract", "kind": "dense", "out_features": 6},
            {"name": "sum2", "kind": "add", "inputs": ["contract", "norm1"]},
            {"name": "norm2", "kind": "layer_norm"},
        ],
    )


def randomised(graph: Graph) -> dict[str, Tensor]:
    stream = generator(0, "randomised")
    fresh = initial(graph, generator(0, "w"))
    return {name: x + 0.1 * torch.randn(x.shape, generator=stream) for name, x in fresh.items()}


def test_a_block_equals_torchs_encoder_layer(block: Graph) -> None:
    tensors, x = randomised(block), torch.randn(7, 5, 6, generator=generator(0, "x"))
    gelu = nn.GELU(approximate="tanh")
    theirs = nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0, activation=gelu, batch_first=True)
    ours = {
        "linear1.weight": "expand.weight", "linear1.bias": "expand.bias", "linear2.weight": "contract.weight",
        "linear2.bias": "contract.bias", "self_attn.out_proj.weight": "project.weight",
        "self_attn.out_proj.bias": "project.bias", "norm1.weight": "norm1.weight", "norm1.bias": "norm1.bias",
        "norm2.weight": "norm2.weight", "norm2.bias": "norm2.bias",
    }  # fmt: skip
    projections = {
        f"self_attn.in_proj_{s}": torch.cat([tensors[f"{n}.{s}"] for n in "qkv"]) for s in ("weight", "bias")
    }
    theirs.load_state_dict({name: tensors[own] for name, own in ours.items()} | projections)
    assert torch.allclose(run(block, tensors, x), theirs(x), atol=1e-5)
    assert sum(p.numel() for p in theirs.parameters()) == block.parameter_count


def test_patches_are_read_row_by_row_and_tokens_averaged() -> None:
    operators = [{"name": "p", "kind": "patches", "kernel": 2, "kernel_x": 3}, {"name": "m", "kind": "mean_tokens"}]
    x = torch.arange(2 * 2 * 4 * 6.0).reshape(2, 2, 4, 6)
    graph = graph_of([2, 4, 6], operators)
    tokens = run(graph_of([2, 4, 6], operators[:1]), {}, x)
    assert torch.equal(tokens[1, 1], x[1, :, :2, 3:].flatten())
    assert torch.allclose(run(graph, {}, x), tokens.mean(1)) and graph.output.out_shape == (12,)


def test_a_trained_position_is_added_to_each_token() -> None:
    graph = graph_of([3, 4], [{"name": "p", "kind": "position"}])
    tensors, x = initial(graph, generator(0, "w")), torch.randn(2, 3, 4, generator=generator(0, "x"))
    assert torch.equal(run(graph, tensors, x) - x, (x + tensors["p.weight"]) - x)
    assert tensors["p.weight"].shape == (3, 4)


def light(graph: Graph, **numbers: float) -> Errors:
    return {
        (o.name, "forward"): ErrorSpec("tensor_core", o.name, "forward", {**QUIET, **numbers})
        for o in graph.matrix_operators
    }


def on_machine(graph: Graph, tensors: dict[str, Tensor], x: Tensor, errors: Errors, seed: int = 0) -> Tensor:
    calibration = calibrate(describe(graph, ()), tensors, x)
    streams = generator(seed, "device"), generator(seed, "read")
    return run(graph, tensors, x, program(graph, tensors, errors, calibration, *streams, "full").rule)


def test_a_quiet_machine_of_light_computes_the_block(block: Graph) -> None:
    tensors, x = randomised(block), torch.randn(20, 5, 6, generator=generator(0, "x"))
    assert torch.allclose(on_machine(block, tensors, x, light(block)), run(block, tensors, x), atol=1e-4)


def test_only_the_products_of_two_activations_can_carry_the_errors(block: Graph) -> None:
    """Fewer bits at the two products alone change the output, the more the fewer; other layers stay float32."""
    tensors, x = randomised(block), torch.randn(40, 5, 6, generator=generator(0, "x"))
    wanted = run(block, tensors, x)
    products = {key: spec for key, spec in light(block).items() if key[0] in {"scores", "context"}}
    departures = []
    for bits in (3, 5, 8):
        widths = {name: float(bits) for name in ("weight_bits", "input_bits", "output_bits")}
        errors = {k: ErrorSpec(s.kind, s.operator, s.role, {**s.numbers, **widths}) for k, s in products.items()}
        departures.append(float((on_machine(block, tensors, x, errors) - wanted).abs().mean()))
    assert departures[0] > 2 * departures[1] > 4 * departures[2] > 0


def test_a_straight_through_product_has_the_gradient_of_the_plain_one(block: Graph) -> None:
    tensors, x = randomised(block), torch.randn(6, 5, 6, generator=generator(0, "x"))
    errors = light(block, dark_fraction=0.05)
    calibration = calibrate(describe(block, ()), tensors, x)
    machine = program(block, tensors, errors, calibration, generator(0, "d"), generator(0, "r"), "merged")
    assert set(machine.products) == {"scores", "context"} and "scores" not in machine.programmed
    left = torch.randn(6, 2, 5, 3, generator=generator(0, "l"), requires_grad=True)
    right = torch.randn(6, 2, 3, 5, generator=generator(0, "r"), requires_grad=True)
    found = machine.straight_through(tensors)(block.operator("scores"), (left, right), tensors)
    plain = left @ right * 3**-0.5
    assert not torch.allclose(found, plain, atol=1e-3)
    for one, other in zip(*(torch.autograd.grad(y.sum(), (left, right)) for y in (found, plain)), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


@pytest.fixture(scope="module")
def digits() -> Graph:
    return build_graph("digits_attention", NetworkSpec.model_validate(yaml.safe_load(MODEL.read_text())))


@pytest.fixture(scope="module")
def briefly_trained(digits: Graph) -> dict[str, Tensor]:
    how = TrainingRun.of({**yaml.safe_load(MODEL.read_text())["training"], "epochs": 6})
    return train_weights(digits, how, load_task("digits").shaped(digits.input_shape).train, 0)


def accuracy(graph: Graph, tensors: dict[str, Tensor]) -> float:
    part = load_task("digits").shaped(graph.input_shape).test
    with torch.no_grad():
        return fraction(correct(run(graph, tensors, part.images), part.labels))


def test_the_shipped_network_learns_in_a_few_epochs(digits: Graph, briefly_trained: dict[str, Tensor]) -> None:
    """Its own recipe takes 40 epochs to 98.2 % (docs/how_to_add_a_network.md); six are on the way."""
    assert digits.parameter_count == 9_482 and digits.macs == 72_000
    assert accuracy(digits, briefly_trained) > 0.88


STEPS = {
    "quantize": {"weight_bits": 6, "activation_bits": 6},
    "prune": {"density": 0.85},
    "share": {"bits": 5},
}


@pytest.mark.parametrize("method", STEPS)
def test_compression_takes_its_dense_layers(method: str, digits: Graph, briefly_trained: dict[str, Tensor]) -> None:
    network = describe(digits, [Step(method, STEPS[method], {})])
    smaller = dict(project(briefly_trained, network))
    assert accuracy(digits, smaller) > accuracy(digits, briefly_trained) - 0.05
    kept, plain = (
        sum(d.formats[o.name].weight_bytes or 0.0 for o in digits.matrix_operators)
        for d in (network, describe(digits, ()))
    )
    assert kept < plain
    arrays = {name: tensor.numpy() for name, tensor in smaller.items()}
    again = read(network, write(network, arrays))
    assert set(again) >= set(briefly_trained)
    assert all(torch.allclose(torch.from_numpy(again[n]), smaller[n], atol=1e-6) for n in briefly_trained)


def test_both_operands_of_a_product_have_grids_of_their_own(digits: Graph, briefly_trained: dict[str, Tensor]) -> None:
    network = describe(digits, [Step("quantize", {"weight_bits": 8, "activation_bits": 4}, {})])
    images = load_task("digits").shaped(digits.input_shape).train.images
    found = calibrate(network, briefly_trained, images)
    attention, values = found.grids["context"]
    assert not attention.is_signed and values.is_signed and attention.scale <= 1 / 15
    left, right = found.operands["context"]
    assert left.shape[1:] == (2, 8, 8) and right.shape[1:] == (2, 8, 16) and len(left) == 64
    assert len(torch.unique(left)) <= 16


def test_it_is_trained_on_light_forwards_and_backwards(digits: Graph) -> None:
    """Plain descent on Lightning-Transformer at 8 bits, errors of both operands as its receivers read them."""
    wide = {"weight_dac.bits": 8, "dac.bits": 8, "adc.bits": 8}
    machine = load_back_end(MODEL.parents[1], "photonic/lightning_transformer", wide).machine("system")
    network = describe(digits, ())
    errors = machine.errors(network)
    assert {("scores", "forward"), ("scores", "input_gradient")} <= set(errors)
    training = {"epochs": 3, "batch": 32, "learning_rate": 0.2, "optimizer": "sgd", "schedule": "one_cycle"}
    recipe = Recipe("digits", {}, {}, training, "approximate")
    data = load_task("digits").shaped(digits.input_shape)
    found = train_on_machine(network, errors, recipe, Fidelity(trains_on_machine=True, trainings=1), 0, data)
    assert found.accuracy_fraction[0] > 0.35 and found.steps == 3 * 34
