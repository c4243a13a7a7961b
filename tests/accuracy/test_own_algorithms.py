"""Ways to train a machine that is its own network: fitted twins, noise in silico, early stopping, hybrids, controls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from joulescape.accuracy.datasets import Data, Part, load_task
from joulescape.accuracy.own_bench import ALGORITHMS, Algorithm, Bench, Draw, Identity
from joulescape.accuracy.own_calibration import Calibrated
from joulescape.accuracy.own_training import OwnRun, fresh, held_count, train
from joulescape.accuracy.training import TrainingRun
from joulescape.errors import Infeasible, SimulatorError
from joulescape.network.build import build_graph
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph, Operator
from joulescape.resolve.training import TrainingSettings
from joulescape.spec.document import read_document
from joulescape.spec.network import NetworkSpec

torch.set_num_threads(1)

MODELS = Path(__file__).parents[2] / "models"
STRONG = {"amplitude_fraction": 0.1, "phase_rad": 0.2, "phase_walk_rad": 0.4, "gamma_error": 0.2}
QUICK = TrainingRun(epochs=3, batch=64, learning_rate=0.02, schedule="cosine", input_noise_fraction=0.05)


def _graph(*operators: dict[str, Any]) -> Graph:
    classes = {"name": "classes", "kind": "spectral_sum", "out_features": 10}
    content = {"about": "small", "task": "digits", "input": [64], "operators": [*operators, classes]}
    return build_graph("small", NetworkSpec.model_validate(content))


@pytest.fixture(scope="module")
def hybrid() -> Graph:
    shg = {"kind": "shg", "bins": 40, "data_bins": 20, "out_features": 20, "chirp_rad": 23.0}
    return _graph(
        {"name": "fc", "kind": "dense", "out_features": 20},
        {"name": "open", "kind": "scale_offset", "out_features": 20},
        {"name": "shg1", **shg}, {"name": "scale1", "kind": "scale_offset", "out_features": 20},
        {"name": "shg2", **shg}, {"name": "scale2", "kind": "scale_offset", "out_features": 20},
    )  # fmt: skip


def _errors(graph: Graph, numbers: dict[str, float] = STRONG) -> Errors:
    return {(o.name, "forward"): ErrorSpec(o.kind, o.name, "forward", numbers) for o in graph.physical_operators}


def _data() -> Data:
    return load_task("digits").shaped((64,))


def test_half_digital_networks_train_on_the_device(hybrid: Graph) -> None:
    data, run = _data(), OwnRun(QUICK, "pat", 0)
    start, trained = fresh(hybrid, _errors(hybrid), run).tensors(), train(hybrid, _errors(hybrid), run, data)
    end = trained.network.tensors()
    assert trained.accuracy(data.validation) > 0.8
    assert all(not torch.equal(start[name], end[name]) for name in ("fc.weight", "shg1.weight", "scale2.offset"))
    assert float(end["shg1.weight"].min()) >= 0 and float(end["shg1.weight"].max()) <= 1


def test_a_fitted_twin_closes_part_of_the_gap(hybrid: Graph) -> None:
    data, graph, errors = _data(), hybrid, _errors(hybrid)
    reached = {
        name: train(graph, errors, OwnRun(QUICK, name, 0, measurements=100), data).accuracy(data.validation)
        for name in ("pat", "in_silico", "in_silico_fitted")
    }
    assert reached["pat"] > reached["in_silico"] + 0.1
    assert reached["in_silico_fitted"] > reached["in_silico"] + 0.5 * (reached["pat"] - reached["in_silico"])


def test_noise_in_silico_is_that_of_a_reading(hybrid: Graph) -> None:
    network = fresh(hybrid, _errors(hybrid, {"read_noise_fraction": 0.1}), OwnRun(QUICK, "in_silico_noise", 0))
    operator, x = hybrid.operator("shg1"), torch.rand(500, 20, generator=torch.Generator().manual_seed(0))
    weight = network.physical["shg1"]
    clean, noisy = (network._bench.run(operator, x, weight, name) for name in ("in_silico", "in_silico_noise"))
    assert float(((noisy - clean) / clean).detach().std()) == pytest.approx(0.1, rel=0.05)


def test_layers_alike_share_one_fit(hybrid: Graph) -> None:
    device, reading, measuring = (torch.Generator().manual_seed(seed) for seed in range(3))
    found = Bench.draw(hybrid, _errors(hybrid), Draw(device.get_state(), reading, measuring, 40))
    assert found.twins["shg1"] is found.twins["shg2"]


@pytest.mark.parametrize("algorithm", ["pat", "in_silico"])
def test_a_twin_of_other_shapes_than_its_system_is_refused(hybrid: Graph, algorithm: Algorithm) -> None:
    """One value for all outputs would be broadcast, and trained upon."""
    network = fresh(hybrid, _errors(hybrid), OwnRun(QUICK, algorithm, 0))
    twins = {**network._bench.twins, "shg1": lambda x, parameters: x[:, :1] * parameters["weight"].mean()}
    object.__setattr__(network._bench, "twins", twins)
    with pytest.raises(SimulatorError, match=r"'shg1': the twin of shg gives \(7, 1\), expected \(7, 20\)"):
        network.scores(_data().train.images[:7], algorithm)


def test_every_algorithm_can_be_asked_for() -> None:
    assert set(ALGORITHMS) == set(TrainingSettings.model_fields["algorithm"].annotation.__args__)


def test_early_stopping_holds_a_slice_out_and_trains_on_the_rest(hybrid: Graph) -> None:
    data, how = _data(), replace(QUICK, epochs=1, early_stopping=True)
    held = held_count(data.train)
    labels = data.train.labels.clone()
    labels[-held:] = (labels[-held:] + 1) % 10
    other = replace(data, train=Part(data.train.images, labels))
    first, second = (train(hybrid, _errors(hybrid), OwnRun(how, "pat", 0), one) for one in (data, other))
    assert held == 107 and first.steps == 16
    ends = [one.network.tensors() for one in (first, second)]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_early_stopping_goes_back_to_the_best_epoch(hybrid: Graph) -> None:
    """At a constant rate a shorter training is the beginning of a longer one; nothing is noisy here."""
    how = replace(QUICK, schedule="constant", learning_rate=0.1)
    data, errors = _data(), _errors(hybrid)
    held = held_count(data.train)
    part, rest = data.train.last(held), replace(data, train=data.train.first(len(data.train.labels) - held))
    reached = [train(hybrid, errors, OwnRun(replace(how, epochs=n), "pat", 0), rest).accuracy(part) for n in (1, 2, 3)]
    kept = train(hybrid, errors, OwnRun(replace(how, epochs=3, early_stopping=True), "pat", 0), data)
    assert kept.accuracy(part) == max(reached)


def test_runaway_dynamics_are_infeasible_at_once() -> None:
    sizes = {"trained": 20, "modes": 4, "highest": 0.5, "stretch": 1e5}
    graph = _graph({"name": "plate", "kind": "plate", "out_features": 20, "sizes": sizes})
    with pytest.raises(Infeasible, match="the plate runs away"):
        train(graph, {}, OwnRun(replace(QUICK, epochs=1000), "pat", 0), _data())


def test_a_calibration_fills_the_range_of_the_system_behind_it() -> None:
    operator = Operator("scale", "scale_offset", ("fc",), ((5,),), (5,), {"out_features": 5})
    recorded = torch.randn(400, 5, generator=torch.Generator().manual_seed(0))
    found = Calibrated(operator, drive=(-1.0, 1.0))(recorded, is_training=True).detach()
    assert float(found.mean()) == pytest.approx(0.0, abs=1e-5)
    assert float(found.std()) == pytest.approx(0.5 / 1.1, rel=0.02)


@pytest.mark.parametrize(("inputs", "outputs"), [(6, 6), (6, 3), (4, 8)])
def test_the_identity_passes_what_it_reads(inputs: int, outputs: int) -> None:
    operator = Operator("shg", "shg", ("input",), ((inputs,),), (outputs,))
    x = torch.rand(3, inputs, generator=torch.Generator().manual_seed(0))
    found = Identity().twin(operator, x, {}, None)
    assert found.shape == (3, outputs)
    assert torch.allclose(found.mean(1), x.mean(1), atol=1e-6)


@pytest.mark.parametrize("path", sorted(MODELS.glob("physical_*.yaml")), ids=lambda path: path.stem)
def test_networks_on_the_shelf_run_on_device_and_twin(path: Path) -> None:
    spec = NetworkSpec.model_validate(read_document(path).content)
    graph = build_graph(path.stem, spec)
    network = fresh(graph, {}, OwnRun(TrainingRun.of(spec.recipe), "pat", 0))
    samples = torch.rand(6, *graph.input_shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = [network.scores(samples, name)[0] for name in ("pat", "in_silico")]
    assert torch.allclose(*found, atol=1e-3) and bool(torch.isfinite(found[0]).all())
