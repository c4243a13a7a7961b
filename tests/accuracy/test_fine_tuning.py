"""Fine-tuning of every kind: gradual steps end where they should, what is done stays, shared values are trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.accuracy.activations import calibrate
from joulescape.accuracy.datasets import Data, load_task
from joulescape.accuracy.fine_tuning import _Tuning, compressed, straight_through, untuned
from joulescape.accuracy.input_grids import InputGrid, input_grid
from joulescape.accuracy.measure import measure
from joulescape.accuracy.module import plain, run
from joulescape.accuracy.needs import Source, without_needs
from joulescape.accuracy.reference import reference_tensors
from joulescape.accuracy.saliency import with_saliency
from joulescape.accuracy.stored import with_stored_bytes, written
from joulescape.accuracy.training import correct, fraction
from joulescape.compression._blocks import projected as blocks
from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe
from joulescape.compression.storage import read
from joulescape.network.fidelity import Fidelity
from joulescape.network.lower import lower
from joulescape.network.operators import Graph
from joulescape.network.work import LayerStatistics, OperandFormat
from joulescape.spec.network import NetworkSpec

torch.set_num_threads(1)

HOW = {"epochs": 3, "learning_rate": 0.005, "batch": 32}


@pytest.fixture(scope="module")
def data() -> Data:
    return load_task("digits").shaped((64,))


@pytest.fixture(scope="module")
def reference(small: Graph, small_spec: NetworkSpec, networks_dir: Path) -> dict[str, torch.Tensor]:
    return dict(reference_tensors(small, small_spec.training.model_dump(), "digits", networks_dir))


@pytest.fixture
def tuned(small: Graph, reference: dict[str, torch.Tensor], data: Data) -> Any:
    """(network, weights, validation accuracy) after compression and fine-tuning."""

    def make(*steps: tuple[str, dict[str, Any]], epochs: int = 3) -> tuple[Any, dict[str, torch.Tensor], float]:
        network = describe(small, [Step(name, settings, {}) for name, settings in steps])
        found = dict(compressed(network, reference, {**HOW, "epochs": epochs}, data.train, {}, 0))
        return network, found, accuracy(network, found, data)

    return make


def accuracy(network: Any, tensors: Any, data: Data) -> float:
    calibration = calibrate(network, tensors, data.train.images, rows=0)
    with torch.no_grad():
        scores = run(network.graph, tensors, data.validation.images, calibration.quantised(plain))
    return fraction(correct(scores, data.validation.labels))


# Gradual steps


@pytest.mark.parametrize("granularity", ["element", "n_of_m"])
@pytest.mark.parametrize("epochs", [1, 3])
def test_a_gradual_schedule_ends_at_the_density(tuned: Any, granularity: str, epochs: int) -> None:
    _, found, _ = tuned(("prune", {"granularity": granularity, "density": 0.25, "schedule": "gradual"}), epochs=epochs)
    for layer in ("fc1", "fc2"):
        weight = found[f"{layer}.weight"]
        assert int(torch.count_nonzero(weight)) == round(0.25 * weight.numel())


def test_gradual_pruning_of_all_layers_together(tuned: Any) -> None:
    _, found, reached = tuned(("prune", {"density": 0.1, "scope": "global", "schedule": "gradual"}))
    kept = [int(torch.count_nonzero(found[f"{layer}.weight"])) for layer in ("fc1", "fc2")]
    wanted = round(0.1 * 64 * 24) + round(0.1 * 240)
    assert wanted <= sum(kept) <= wanted + 2 and kept[1] / 240 > kept[0] / 1536
    assert reached > 0.75


def test_incremental_weights_are_powers_of_two_in_the_end(tuned: Any) -> None:
    network, found, reached = tuned(("incremental", {"weight_bits": 5}))
    for layer in ("fc1", "fc2"):
        exponents = torch.log2(found[f"{layer}.weight"][found[f"{layer}.weight"] != 0].abs())
        assert torch.equal(exponents, exponents.round()) and float(exponents.max() - exponents.min()) <= 7
        assert network.formats[layer].arithmetic == "shift"
    assert reached > 0.9


# Shared and trained values


def test_shared_values_are_trained_and_stay_few(tuned: Any, reference: dict[str, torch.Tensor], small: Graph) -> None:
    steps = (("prune", {"density": 0.3}), ("share", {"bits": 3}))
    _, found, reached = tuned(*steps)
    _, before, plainly = tuned(*steps, epochs=0)
    for layer in ("fc1", "fc2"):
        assert len(torch.unique(found[f"{layer}.weight"])) <= 8
        assert torch.equal(found[f"{layer}.codes"], before[f"{layer}.codes"]), "each weight keeps its number"
        assert not torch.equal(found[f"{layer}.codebook"], before[f"{layer}.codebook"]), "the values move"
    assert reached >= plainly and reached > 0.85


def test_deep_compression_prunes_first_and_shares_then(tuned: Any) -> None:
    """Numbers are given when no more weights go: a pruned weight has none, and every other has one."""
    network, found, reached = tuned(
        ("prune", {"density": 0.15, "scope": "global", "schedule": "gradual", "index_bits": 5}),
        ("share", {"bits": 3}), ("huffman", {}),
    )  # fmt: skip
    for layer in ("fc1", "fc2"):
        weight, codes = found[f"{layer}.weight"], found[f"{layer}.codes"]
        assert torch.equal(weight == 0, codes == 0) and len(torch.unique(weight)) <= 8
    file = written(network, found)
    assert 4 * network.graph.parameter_count / len(file.data) > 9 and reached > 0.75
    again = read(network, file.data)
    assert all(np.allclose(again[name], found[name].numpy(), rtol=1e-6) for name in again)


def test_trained_ternary_moves_its_two_scales(tuned: Any) -> None:
    _, before, _ = tuned(("ternary", {"rule": "ttq", "activation_bits": 32}), epochs=0)
    _, found, reached = tuned(("ternary", {"rule": "ttq", "activation_bits": 32}))
    for layer in ("fc1", "fc2"):
        values = torch.unique(found[f"{layer}.weight"])
        scales = sorted([0.0, float(found[f"{layer}.positive"].abs()), -float(found[f"{layer}.negative"].abs())])
        assert values.tolist() == pytest.approx(scales)
        assert not torch.equal(found[f"{layer}.positive"], before[f"{layer}.positive"])
    assert reached > 0.85


@pytest.mark.parametrize(
    ("steps", "least"),
    [
        ([("quantize", {"weight_bits": 4, "activation_bits": 4})], 0.93),
        ([("fixed_point", {"weight_bits": 4, "activation_bits": 4})], 0.9),
        ([("logarithmic", {"weight_bits": 4})], 0.92), ([("ternary", {})], 0.9), ([("binary", {})], 0.87),
        ([("dorefa", {"weight_bits": 3, "activation_bits": 4})], 0.88),
        ([("half_wave", {"activation_bits": 3}), ("binary", {"activation_bits": 32})], 0.82),
        ([("low_rank", {"rank_fraction": 0.5})], 0.9), ([("circulant", {"block": 4})], 0.6),
        ([("prune", {"granularity": "n_of_m", "density": 0.5})], 0.93),
        ([("prune", {"granularity": "channel", "density": 0.6, "criterion": "first_order"})], 0.85),
        ([("low_rank", {"rank_fraction": 0.5, "error": "outputs"})], 0.9), ([("deep_thin", {"rank": 6})], 0.9),
        ([("soft_share", {"bits": 4, "zero_share": 0.5}), ("huffman", {})], 0.85),
        ([("deep_thin", {"rank": 8}), ("binary", {"training": "admm", "activation_bits": 32})], 0.8),
        ([("low_rank", {"rank_fraction": 0.6}), ("quantize", {"weight_bits": 4})], 0.88),
        ([("prune", {"density": 0.4}), ("logarithmic", {"weight_bits": 3}), ("huffman", {})], 0.88),
    ],
    ids=lambda value: "+".join(name for name, _ in value) if isinstance(value, list) else None,
)  # fmt: skip
def test_every_method_recovers_on_digits(tuned: Any, steps: Any, least: float) -> None:
    """A network of 1,800 weights reaches 95 to 97 % uncompressed; what is described is what comes out."""
    network, found, reached = tuned(*steps)
    _, _, plainly = tuned(*steps, epochs=0)
    assert reached >= least and reached >= plainly - 0.02
    for operator in network.graph.matrix_operators:
        assert tuple(found[f"{operator.name}.weight"].shape) == operator.weight_shape
    again = read(network, written(network, found).data)
    for name, array in again.items():
        np.testing.assert_allclose(array, found[name].numpy(), rtol=1e-5, atol=1e-7)


def test_the_same_seed_gives_the_same_weights(tuned: Any) -> None:
    steps = (("prune", {"density": 0.2, "schedule": "gradual"}), ("share", {"bits": 3}))
    one, other = tuned(*steps, epochs=1)[1], tuned(*steps, epochs=1)[1]
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_gradients_go_through_a_projection_to_its_own_parameters() -> None:
    leaves = {"a.weight": torch.tensor([0.4, 1.6]), "a.step": torch.tensor([2.0])}
    leaves = {name: leaf.requires_grad_(True) for name, leaf in leaves.items()}

    def projection(tensors: Any) -> Any:
        return {**tensors, "a.weight": torch.round(tensors["a.weight"]) * tensors["a.step"]}

    seen = straight_through(leaves, projection, frozenset({"step"}))
    assert seen["a.weight"].tolist() == pytest.approx([0.0, 4.0])
    seen["a.weight"].sum().backward()
    assert leaves["a.weight"].grad is not None and leaves["a.weight"].grad.tolist() == [1.0, 1.0]
    assert leaves["a.step"].grad is not None and leaves["a.step"].grad.tolist() == [2.0]
    assert seen["a.step"] is leaves["a.step"]


def test_gradients_of_means_are_those_of_means(tuned: Any, small: Graph, data: Data, reference: Any) -> None:
    """Numbers of one diagonal move together: what comes out is circulant without a last projection's help."""
    network = describe(small, [Step("circulant", {"block": 4}, {})])
    tuning = _Tuning(network, reference, Source(data.train), {}, 0, 10)
    tuning.logits(data.train.images[:32]).logsumexp(1).sum().backward()
    gradient = tuning.leaves["fc1.weight"].grad
    assert gradient is not None
    assert torch.allclose(blocks(gradient, 4), gradient, rtol=1e-4, atol=1e-6)


# Gradients as a criterion


def test_saliency_is_weight_times_gradient(small: Graph, reference: dict[str, torch.Tensor], data: Data) -> None:
    part = data.train.first(64)
    found = with_saliency(small, reference, part)
    weights = {name: tensor.clone().requires_grad_(True) for name, tensor in reference.items()}
    torch.nn.functional.cross_entropy(run(small, weights, part.images), part.labels).backward()
    for layer in ("fc1", "fc2"):
        weight = weights[f"{layer}.weight"]
        assert weight.grad is not None
        assert torch.allclose(found[f"{layer}.saliency"], (weight.detach() * weight.grad).abs(), rtol=1e-4, atol=1e-8)
    assert without_needs(found).keys() == reference.keys()


def test_first_order_is_measured_where_a_step_asks(
    small: Graph, reference: dict[str, torch.Tensor], data: Data
) -> None:
    network = describe(small, [Step("prune", {"density": 0.3, "criterion": "first_order"}, {})])
    found = untuned(network, reference, data.train)
    assert found.keys() == reference.keys()
    saliency = with_saliency(small, reference, data.train)
    for layer in ("fc1", "fc2"):
        kept, score = found[f"{layer}.weight"] != 0, saliency[f"{layer}.saliency"]
        assert int(kept.sum()) == round(0.3 * kept.numel()) and score[kept].min() >= score[~kept].max()


def test_dead_inputs_go_first_by_gradients_but_not_by_magnitude(
    small: Graph, reference: dict[str, torch.Tensor], data: Data
) -> None:
    """Some pixels are always zero: whatever their weights are, they matter nothing."""
    dead = (data.train.images == 0).all(dim=0)
    assert 1 <= int(dead.sum()) < 20
    loud = {**reference, "fc1.weight": reference["fc1.weight"] + 3.0 * dead}
    left = {}
    for criterion in ("magnitude", "first_order"):
        network = describe(small, [Step("prune", {"density": 0.5, "criterion": criterion}, {})])
        left[criterion] = untuned(network, loud, data.train)["fc1.weight"][:, dead]
    assert bool((left["magnitude"] != 0).all()) and bool((left["first_order"] == 0).all())


# Grids of inputs


def form(rule: Any, bits: float, **more: Any) -> OperandFormat:
    return OperandFormat(activation_bits=bits, activation_rule=rule, **more)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["mse", "peak", "power_of_two", "percentile"]), st.integers(2, 8), st.booleans(), st.integers(0, 99)
)
def test_uniform_inputs_stand_on_their_grid(rule: str, bits: int, is_signed: bool, seed: int) -> None:
    x = torch.randn(400, generator=torch.Generator().manual_seed(seed))
    x = x if is_signed else x.abs()
    grid = input_grid(x, form(rule, float(bits), activation_percentile=98.0))
    assert grid.is_signed == is_signed and grid.bits == bits
    levels = grid(x) / grid.scale
    assert torch.allclose(levels, levels.round(), atol=1e-3)
    assert len(torch.unique(levels.round())) <= 2**bits
    if rule == "power_of_two":
        assert float(np.log2(grid.scale)).is_integer()
    if rule == "peak":
        assert float(grid(x).abs().max()) == pytest.approx(float(x.abs().max()), rel=1e-5)


def test_binary_inputs_have_two_values() -> None:
    x = torch.randn(500, generator=torch.Generator().manual_seed(1))
    signs = input_grid(x, form("binary", 2.0))
    assert torch.unique(signs(x)).tolist() == pytest.approx([-float(x.abs().mean()), float(x.abs().mean())])
    assert torch.equal(torch.sign(signs(x)), torch.where(x >= 0, 1.0, -1.0))
    positive = input_grid(x.relu(), form("binary", 2.0))
    assert (
        not positive.is_signed and len(torch.unique(positive(x.relu()))) == 2 and float(positive(x.relu()).min()) == 0
    )


def test_gradients_of_a_sign_stop_far_from_zero() -> None:
    grid = InputGrid(1.0, 2, True, is_sign=True)
    x = torch.tensor([-3.0, -0.5, 0.5, 3.0], requires_grad=True)
    grid(x).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [0.0, 1.0, 1.0, 0.0]


@pytest.mark.parametrize(("bits", "step"), [(2, 0.65), (3, 0.34), (4, 0.18)])
def test_half_wave_steps_are_optimal_for_a_half_gaussian(bits: int, step: float) -> None:
    x = torch.randn(200_000, generator=torch.Generator().manual_seed(2)).relu()
    grid = input_grid(x, form("half_wave", float(bits)))
    assert grid.scale == pytest.approx(step, abs=0.07)
    error = [float(((InputGrid(grid.scale * f, bits, False)(x) - x) ** 2).mean()) for f in (0.93, 1.0, 1.07)]
    assert error[1] <= min(error[0], error[2]) * 1.001


@pytest.mark.parametrize("x", [torch.zeros(64), torch.linspace(-1, 1, 64)])
def test_without_a_half_wave_its_grid_is_the_uniform_one(x: torch.Tensor) -> None:
    """Inputs that can be negative, or that are all zero, have no half-wave Gaussian."""
    assert input_grid(x, form("half_wave", 3.0)) == input_grid(x, form("mse", 3.0))


def test_percentiles_clip_what_is_rare() -> None:
    x = torch.cat([torch.rand(990), torch.full((10,), 50.0)])
    clipped, whole = (input_grid(x, form("percentile", 8.0, activation_percentile=p)) for p in (98.5, 100.0))
    assert float(clipped(x).max()) < 1.1 and float(whole(x).max()) == pytest.approx(50.0)


# What is stored


def test_measured_bytes_reach_the_cost(recipe: Any, small: Graph, networks_dir: Path) -> None:
    steps = [
        Step("prune", {"density": 0.2, "index_bits": 5}, {}),
        Step("share", {"bits": 3}, {}),
        Step("huffman", {}, {}),
    ]
    network = describe(small, steps)
    found = measure(network, {}, recipe(fine_tune={"epochs": 1}), Fidelity(), 0, networks_dir)
    for layer in ("fc1", "fc2"):
        seen = found.statistics[layer]
        assert seen.weight_bytes is not None and seen.index_bytes is not None
        assert seen.index_bytes < seen.weight_bytes < (network.formats[layer].weight_bytes or 0)
        assert seen.weight_density == pytest.approx(network.formats[layer].weight_density, abs=0.01)
    assert (found.statistics["fc1"].index_bytes or 0) > 0
    works = {w.layer: w for w in lower(network.graph, network.formats, "inference", 1, found.statistics).works}
    assert works["fc1"].weight.stored_bytes == found.statistics["fc1"].weight_bytes  # type: ignore[union-attr]
    assert works["fc1"].weight.index_bytes == found.statistics["fc1"].index_bytes  # type: ignore[union-attr]
    nominal = {w.layer: w for w in lower(network.graph, network.formats, "inference", 1, {}).works}
    assert nominal["fc1"].weight.stored_bytes == network.formats["fc1"].weight_bytes  # type: ignore[union-attr]
    assert found.extras["file_bytes"] > sum(seen.weight_bytes or 0 for seen in found.statistics.values())


def test_layers_without_weights_have_no_bytes(small: Graph, reference: dict[str, torch.Tensor]) -> None:
    file = written(describe(small, []), reference)
    seen = with_stored_bytes({"fc1": LayerStatistics(), "scores": LayerStatistics()}, file)
    assert seen["fc1"].weight_bytes == 4 * 64 * 24 and seen["scores"].weight_bytes is None
