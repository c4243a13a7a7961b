"""Laws of measuring: the same in any process, paired by draw, blind to images that it may not see."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from joulescape.accuracy import datasets, machine_layers, own, reference
from joulescape.accuracy import measure as measuring
from joulescape.accuracy.activations import calibrate
from joulescape.accuracy.dataset_files import Raw
from joulescape.accuracy.datasets import Data, Part, load_task
from joulescape.accuracy.fine_tuning import compressed
from joulescape.accuracy.keys import accuracy_key
from joulescape.accuracy.measure import draws_count, measure
from joulescape.accuracy.module import initial, run
from joulescape.accuracy.randomness import generator
from joulescape.accuracy.reference import reference_tensors, train_reference
from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe
from joulescape.network.build import build_graph
from joulescape.network.error_spec import ErrorSpec
from joulescape.network.fidelity import Fidelity, Recipe
from joulescape.network.operators import Graph
from joulescape.network.task import TASKS
from joulescape.numerics.base import MatrixNumerics, Programmed
from joulescape.spec.network import NetworkSpec

torch.set_num_threads(1)
Make = Callable[..., Any]
PRUNE = Step("prune", {"density": 0.4}, {})
CUT = Step("prune", {"granularity": "channel", "density": 0.5}, {})
QUANTIZE = Step("quantize", {"weight_bits": 4, "activation_bits": 6}, {})


class Forbidden(Part):
    """Samples that nobody may look at."""

    def shaped(self, input_shape: tuple[int, ...]) -> Part:
        return self

    def __getattribute__(self, name: str) -> Any:
        if name in ("images", "labels"):
            raise AssertionError(f"somebody looked at the {name} of a part that is not theirs")
        return super().__getattribute__(name)


def forbidden(part: Part) -> Part:
    return Forbidden(part.images, part.labels)


@pytest.fixture
def see(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replaces parts of the task's data everywhere that loads it."""

    def replace(**parts: Part) -> None:
        changed = dataclasses.replace(load_task("digits"), **parts)
        for module in (measuring, reference, own):
            monkeypatch.setattr(module, "load_task", lambda name: changed)

    return replace


def garbage(part: Part, seed: int) -> Part:
    """The same sizes, other images and labels."""
    stream = torch.Generator().manual_seed(seed)
    labels = part.labels[torch.randperm(len(part.labels), generator=stream)]
    return Part(torch.rand(part.images.shape, generator=stream), labels)


# Images that may not be seen


@pytest.mark.parametrize("steps", [(), (PRUNE, QUANTIZE), (CUT, QUANTIZE)], ids=["plain", "pruned", "cut"])
@pytest.mark.parametrize("trains", [False, True])
def test_validating_never_looks_at_a_test_image(
    small: Graph, recipe: Make, fixed_point: Make, networks_dir: Path, see: Make, steps: tuple[Step, ...], trains: bool
) -> None:
    how = recipe({"epochs": 1, "noise_aware": True}, {"epochs": 2, "target": {"accuracy_fraction": 0.99}})
    reference_tensors(small, how.reference, "digits", networks_dir)
    see(test=forbidden(load_task("digits").test))
    network = describe(small, steps)
    errors = fixed_point(network.graph)
    found = measure(network, errors, how, Fidelity(trains_on_machine=trains), 0, networks_dir)
    assert len(found.correct[0]) == 360


def test_the_trap_works(small: Graph, recipe: Make, networks_dir: Path, see: Make) -> None:
    see(test=forbidden(load_task("digits").test))
    with pytest.raises(AssertionError, match="somebody looked"):
        measure(describe(small, ()), {}, recipe({"epochs": 0}), Fidelity(split="test"), 0, networks_dir)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_what_is_judged_changes_neither_weights_nor_statistics(
    small: Graph, recipe: Make, fixed_point: Make, networks_dir: Path, see: Make, monkeypatch: Any, split: Any
) -> None:
    """Both judged parts are garbage: compression, fine-tuning and calibration come out bit for bit the same."""
    weights: list[dict[str, torch.Tensor]] = []

    def spied(*arguments: Any) -> Any:
        weights.append(dict(compressed(*arguments[:-1])))  # without this process's memory of fine-tuned weights
        return weights[-1]

    monkeypatch.setattr(measuring, "tuned", spied)
    network, how = describe(small, (PRUNE, QUANTIZE)), recipe({"epochs": 1}, {"epochs": 2})
    reference_tensors(small, how.reference, "digits", networks_dir)
    fidelity = Fidelity(split=split, trains_on_machine=True)
    found = [measure(network, fixed_point(small), how, fidelity, 0, networks_dir)]
    data = load_task("digits")
    see(validation=garbage(data.validation, 1), test=garbage(data.test, 2))
    found.append(measure(network, fixed_point(small), how, fidelity, 0, networks_dir))
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert found[0].statistics == found[1].statistics and found[0].training_steps == found[1].training_steps
    assert found[0].accuracy_fraction[0] > 0.8 and found[1].accuracy_fraction[0] < 0.3


def test_reference_weights_follow_from_training_images_only(small: Graph, small_spec: NetworkSpec, see: Make) -> None:
    honest, data = train_reference(small, small_spec.training.model_dump(), "digits"), load_task("digits")
    see(validation=garbage(data.validation, 3), test=garbage(data.test, 4))
    blind = train_reference(small, small_spec.training.model_dump(), "digits")
    assert all(torch.equal(honest.tensors[name], blind.tensors[name]) for name in honest.tensors)
    assert blind.metrics.test_accuracy_fraction[0] < 0.3 < 0.9 < honest.metrics.test_accuracy_fraction[0]
    see(train=garbage(data.train, 5))
    misled = train_reference(small, small_spec.training.model_dump(), "digits")
    assert not torch.equal(honest.tensors["fc1.weight"], misled.tensors["fc1.weight"])


def test_parts_are_disjoint_complete_and_stratified_to_the_sample() -> None:
    task = TASKS["digits"]
    from sklearn.datasets import load_digits

    labels = load_digits().target.astype(np.int64)
    chosen = datasets._places(task, Raw(np.arange(len(labels)), labels), None)
    assert sorted(np.concatenate(chosen).tolist()) == list(range(len(labels)))
    for part in chosen:
        wanted = np.bincount(labels) * len(part) / len(labels)
        assert np.abs(np.bincount(labels[part], minlength=10) - wanted).max() <= 1.0
    real = load_task("digits")
    assert np.array_equal(real.test.labels.numpy(), labels[chosen[2]]), "the split is the task's own, not the data's"


def test_the_order_of_a_part_is_not_the_order_of_its_classes() -> None:
    """The first samples of a part stand for all of it: every class is among the first hundred."""
    data = load_task("digits")
    for part in (data.train, data.validation, data.test):
        assert set(part.first(100).labels.tolist()) == set(range(10))


# The same answer anywhere


ELSEWHERE = """
import json, sys
from pathlib import Path
from joulescape.accuracy.keys import accuracy_key
from joulescape.accuracy.measure import measure
from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe
from joulescape.network.build import build_graph
from joulescape.network.error_spec import ErrorSpec
from joulescape.network.fidelity import Fidelity, Recipe
from joulescape.spec.network import NetworkSpec
asked = json.loads(sys.stdin.read())
graph = build_graph("small", NetworkSpec.model_validate(asked["network"]))
network = describe(graph, [Step(*step) for step in asked["steps"]])
errors = {(o, r): ErrorSpec(kind, o, r, numbers) for kind, o, r, numbers in asked["errors"]}
question = (network, errors, Recipe(**asked["recipe"]), Fidelity(**asked["fidelity"]), 7, Path(asked["where"]))
found = measure(*question)
print(json.dumps([accuracy_key(*question), [one.hex() for one in found.correct], found.trained_accuracy_fraction,
                  found.training_steps, {n: s.input_density for n, s in found.statistics.items()}]))
"""


def test_another_process_measures_the_same_to_the_image(
    small: Graph, small_spec: NetworkSpec, recipe: Make, tmp_path: Path
) -> None:
    """Other hash seed, fresh reference weights, errors listed in another order: the same answers and the same key."""
    steps = (PRUNE, QUANTIZE)
    errors = {(o.name, "forward"): _fixed(o.name, "forward", 6) for o in small.matrix_operators}
    errors |= {(o.name, "update"): _fixed(o.name, "update", 8) for o in small.matrix_operators}
    how = recipe({"epochs": 1}, {"epochs": 2, "feedback": "dfa"}, "approximate")
    fidelity = Fidelity(split="test", draws=2, trains_on_machine=True)
    question = (describe(small, steps), errors, how, fidelity, 7, tmp_path / "here")
    here = measure(*question)
    asked = {
        "network": small_spec.model_dump(mode="json", exclude_none=True),
        "steps": [dataclasses.astuple(step) for step in steps],
        "errors": [(s.kind, s.operator, s.role, dict(s.numbers)) for s in reversed(list(errors.values()))],
        "recipe": dataclasses.asdict(how),
        "fidelity": dataclasses.asdict(fidelity),
        "where": str(tmp_path / "there"),
    }
    command = [sys.executable, "-c", ELSEWHERE]
    done = subprocess.run(
        command, input=json.dumps(asked), capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": "5"}
    )
    assert done.returncode == 0, done.stderr
    key, correct, trained, taken, densities = json.loads(done.stdout)
    assert correct == [one.hex() for one in here.correct]
    assert trained == list(here.trained_accuracy_fraction or ()) and taken == here.training_steps
    assert densities == {name: layer.input_density for name, layer in here.statistics.items()}
    assert key == accuracy_key(*question)


def _fixed(operator: str, role: Any, bits: float) -> ErrorSpec:
    numbers = {"weight_bits": bits, "input_bits": bits} if role == "forward" else {"update_bits": bits}
    return ErrorSpec("fixed_point", operator, role, numbers)


# Draws


class Drawn(MatrixNumerics):
    """Adds one drawn device's noise and remembers what it drew, by draw."""

    kind = "drawn"

    def __init__(self) -> None:
        self.noise: list[torch.Tensor] = []
        self.read: list[float] = []

    def program(self, weight: Any, errors: Any, calibration: Any, generator: Any, detail: Any) -> Programmed:
        self.noise.append(torch.randn(weight.shape, generator=generator))
        held = weight + errors.numbers["sigma"] * self.noise[-1]

        def product(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
            self.read.append(float(torch.rand((), generator=generator)))
            return x @ held.T

        return product


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """The numerics behind every error of kind `drawn`."""
    machine = Drawn()
    monkeypatch.setattr(machine_layers, "numerics", lambda kind: machine)
    return machine


def drawn_errors(graph: Graph, sigma: float) -> dict[Any, ErrorSpec]:
    return {
        (o.name, "forward"): ErrorSpec("drawn", o.name, "forward", {"sigma": sigma}) for o in graph.matrix_operators
    }


def test_candidates_meet_the_same_devices_and_the_same_reads(
    small: Graph, recipe: Make, drawn: Drawn, networks_dir: Path
) -> None:
    """Another compression, another sigma, another recipe, more draws: draw i is the same device and the same reads."""
    candidates = [
        ((), 0.1, recipe({"epochs": 0}, equivalence="approximate"), Fidelity(draws=2)),
        ((QUANTIZE,), 0.2, recipe({"epochs": 1}, equivalence="approximate"), Fidelity(draws=2, corner="optimistic")),
        ((PRUNE,), 0.3, recipe({"epochs": 0}, equivalence="approximate"), Fidelity(draws=2, rung="full")),
    ]
    met = []
    for steps, sigma, how, fidelity in candidates:
        drawn.noise, drawn.read = [], []
        measure(describe(small, steps), drawn_errors(small, sigma), how, fidelity, 0, networks_dir)
        met.append((drawn.noise, drawn.read))
    for noise, read in met[1:]:
        assert read == met[0][1] and len(read) == 4
        assert all(torch.equal(one, other) for one, other in zip(noise, met[0][0], strict=True))
    first, second = met[0][0][:2], met[0][0][2:]
    assert not any(torch.equal(one, other) for one, other in zip(first, second, strict=True)), "draws must differ"
    assert len(set(met[0][1])) == 4


def test_the_test_split_meets_other_devices_than_those_that_chose(
    small: Graph, recipe: Make, drawn: Drawn, networks_dir: Path
) -> None:
    """No chip that a design was chosen on counts in its yield, however many are drawn."""
    how, met = recipe({"epochs": 0}, equivalence="approximate"), []
    for split in ("validation", "test"):
        drawn.noise, drawn.read = [], []
        fidelity = Fidelity(draws=4, split=split)  # type: ignore[arg-type]
        measure(describe(small, ()), drawn_errors(small, 0.1), how, fidelity, 0, networks_dir)
        met.append(list(drawn.noise))
    assert len(met[0]) == len(met[1]) == 8
    assert not any(torch.equal(one, other) for one in met[0] for other in met[1] if one.shape == other.shape)


def test_another_seed_is_another_device(small: Graph, recipe: Make, drawn: Drawn, networks_dir: Path) -> None:
    how = recipe({"epochs": 0}, equivalence="approximate")
    for seed in (0, 1):
        measure(describe(small, ()), drawn_errors(small, 0.1), how, Fidelity(draws=1), seed, networks_dir)
    assert not torch.equal(drawn.noise[0], drawn.noise[2])


@pytest.mark.parametrize(("equivalence", "roles", "wanted"), [
    ("exact", ("forward",), 1), ("approximate", ("forward",), 5),
    ("approximate", ("update",), 1), ("approximate", (), 1),
])  # fmt: skip
def test_what_is_not_drawn_is_measured_once(
    recipe: Make, equivalence: str, roles: tuple[str, ...], wanted: int
) -> None:
    errors: Any = {("fc1", role): ErrorSpec("drawn", "fc1", role, {}) for role in roles}  # type: ignore[arg-type]
    assert draws_count(recipe(equivalence=equivalence), errors, Fidelity(draws=5)) == wanted


def test_more_bits_are_never_worse_on_average(
    small: Graph, recipe: Make, fixed_point: Make, networks_dir: Path
) -> None:
    """Both splits together; half a per cent is what a handful of images near the boundary may do."""
    reached = []
    for bits in (1, 2, 3, 4, 6, 8, 12):
        errors = fixed_point(small, weight_bits=bits, input_bits=max(bits, 2))
        both = [
            measure(describe(small, ()), errors, recipe({"epochs": 0}), Fidelity(split=split), 0, networks_dir)
            for split in ("validation", "test")
        ]
        reached.append(sum(found.accuracy_fraction[0] for found in both) / 2)
    assert all(more >= less - 0.005 for less, more in pairwise(reached))
    assert reached[-1] > 0.93 and reached[0] < reached[-1] - 0.02


# Networks with normalisation, branches and groups

CONVNET: list[dict[str, Any]] = [
    {"name": "stem", "kind": "conv", "out_channels": 6, "kernel": 3, "stride": 2, "padding": 1, "bias": False},
    {"name": "norm", "kind": "norm"},
    {"name": "relu", "kind": "relu"},
    {"name": "branch", "kind": "conv", "out_channels": 6, "kernel": 3, "padding": 1},
    {"name": "sum", "kind": "add", "inputs": ["branch", "relu"]},
    {"name": "deep", "kind": "conv", "out_channels": 6, "kernel": 3, "groups": 6},
    {"name": "flat", "kind": "flatten"},
    {"name": "fc", "kind": "dense", "out_features": 10},
]


@pytest.fixture(scope="module")
def convnet() -> Graph:
    content = {"about": "a", "task": "digits", "input": [1, 8, 8], "operators": CONVNET, "training": {"epochs": 1}}
    return build_graph("convnet", NetworkSpec.model_validate(content))


def test_fine_tuning_moves_running_statistics_and_keeps_shapes(convnet: Graph) -> None:
    network, data = describe(convnet, (PRUNE, QUANTIZE)), load_task("digits")
    before = initial(convnet, generator(0, "initial weights"))
    kept = {name: tensor.clone() for name, tensor in before.items()}
    how = {"epochs": 1, "batch": 64, "learning_rate": 0.005}
    tuned = compressed(network, before, how, data.train, {}, 0)
    assert {n: t.shape for n, t in tuned.items()} == {n: t.shape for n, t in before.items()}
    assert all(torch.equal(before[name], kept[name]) for name in kept), "the reference must not move"
    for name in ("norm.mean", "norm.variance", "fc.bias"):
        assert not torch.equal(tuned[name], before[name]) and bool(torch.isfinite(tuned[name]).all())
    assert not any(tensor.requires_grad for tensor in tuned.values())
    whole = run(convnet, tuned, data.test.images[:20])
    alone = torch.cat([run(convnet, tuned, data.test.images[i : i + 1]) for i in range(20)])
    assert torch.allclose(whole, alone, atol=1e-5), "an image's answer must not depend on its batch"


def test_a_convnet_with_groups_and_branches_is_measured_on_a_machine(
    convnet: Graph, recipe: Make, fixed_point: Make, tmp_path: Path
) -> None:
    how = dataclasses.replace(recipe({"epochs": 1}), reference={"epochs": 4, "batch": 32, "learning_rate": 0.01})
    plain = measure(describe(convnet, ()), {}, how, Fidelity(), 0, tmp_path)
    wide = fixed_point(convnet, weight_bits=14, input_bits=14, accumulator_bits=40)
    machine = measure(describe(convnet, ()), wide, how, Fidelity(), 0, tmp_path)
    same = np.frombuffer(plain.correct[0], np.uint8) == np.frombuffer(machine.correct[0], np.uint8)
    assert same.mean() > 0.995 and plain.accuracy_fraction[0] > 0.7
    network = describe(convnet, (PRUNE, QUANTIZE))
    narrow = measure(network, fixed_point(convnet, weight_bits=4, input_bits=6), how, Fidelity(), 0, tmp_path)
    assert narrow.accuracy_fraction[0] > 0.5
    assert set(narrow.statistics) == {"stem", "branch", "deep", "fc"}
    assert all(layer.weight_density <= 0.42 for layer in narrow.statistics.values())


def test_calibration_rows_come_from_every_column(convnet: Graph) -> None:
    """The image holds its column number: the kept rows of a 1 x 1 layer hold all of them about equally often."""
    operators = [{"name": "c", "kind": "conv", "out_channels": 1, "kernel": 1}, {"name": "f", "kind": "flatten"}]
    for size in (8, 12, 16):
        content = {"about": "a", "task": "digits", "input": [1, size, size], "operators": operators}
        graph = build_graph("columns", NetworkSpec.model_validate({**content, "training": {"epochs": 1}}))
        images = torch.arange(size).float().expand(256, 1, size, size).contiguous()
        rows = calibrate(describe(graph, ()), initial(graph, generator(0, "w")), images).rows["c"]
        counts = torch.bincount(rows.flatten().int(), minlength=size).float()
        assert float(counts.min()) > 0.7 * float(counts.mean()) and rows.shape[1] == 512


def test_a_product_of_two_activations_is_measured_with_the_machines_errors(recipe: Make, tmp_path: Path) -> None:
    operators = [
        {"name": "a", "kind": "dense", "out_features": 8},
        {"name": "m", "kind": "matmul", "inputs": ["a", "input"]},
        {"name": "f", "kind": "flatten"},
        {"name": "fc", "kind": "dense", "out_features": 10},
    ]
    content = {"about": "a", "task": "digits", "input": [8, 8], "operators": operators, "training": {"epochs": 1}}
    graph = build_graph("attention", NetworkSpec.model_validate(content))
    how = dataclasses.replace(recipe(), reference={"epochs": 1, "batch": 64, "learning_rate": 0.01})
    network = describe(graph, (QUANTIZE,))
    assert measure(network, {}, how, Fidelity(), 0, tmp_path).accuracy_fraction[0] > 0.2
    found = [
        measure(network, {("m", "forward"): _fixed("m", "forward", bits)}, how, Fidelity(), 0, tmp_path)
        for bits in (8, 2)
    ]
    assert found[0].accuracy_fraction[0] > found[1].accuracy_fraction[0] + 0.05


def test_the_key_names_every_field_of_a_fidelity_that_can_change_the_number(
    small: Graph, recipe: Make, fixed_point: Make, networks_dir: Path
) -> None:
    """A field that is added to `Fidelity` without a value here fails: nobody may forget it in the key."""
    other: dict[str, Any] = {
        "rung": "full",
        "split": "test",
        "samples": 9,
        "draws": 4,
        "trains_on_machine": False,
        "trainings": 7,
        "corner": "optimistic",
        "is_screening": True,
        "yield_above": 0.9,
    }
    plain, network = Fidelity(trains_on_machine=True), describe(small, (PRUNE,))
    assert other.keys() == {field.name for field in dataclasses.fields(plain)}

    def key(fidelity: Fidelity) -> str:
        return accuracy_key(network, fixed_point(small), recipe(equivalence="approximate"), fidelity, 0, networks_dir)

    changed = {name: key(dataclasses.replace(plain, **{name: value})) for name, value in other.items()}
    assert {changed.pop(name) for name in ("corner", "is_screening", "yield_above")} == {key(plain)}
    assert len({key(plain), *changed.values()}) == len(changed) + 1


def test_data_are_never_changed_by_a_measurement(small: Graph, recipe: Make, networks_dir: Path) -> None:
    data: Data = load_task("digits")
    before = {name: getattr(data, name).images.clone() for name in ("train", "validation", "test")}
    how: Recipe = recipe({"epochs": 1})
    measure(describe(small, (CUT, QUANTIZE)), {}, how, Fidelity(), 0, networks_dir)
    assert all(torch.equal(getattr(data, name).images, images) for name, images in before.items())
