"""Gradients of a network on a device: errors go back through what the device realises, or through exact weights."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from joulescape.accuracy.activations import calibrate
from joulescape.accuracy.machine_layers import MachineLayers, program, program_training
from joulescape.accuracy.module import initial, run
from joulescape.accuracy.randomness import generator
from joulescape.compression.pipeline import describe
from joulescape.network.build import build_graph
from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Graph, Role
from joulescape.numerics.base import Chance
from joulescape.spec.network import NetworkSpec

torch.set_num_threads(1)
MESH: dict[str, float] = {
    "mesh_size": 8, "is_reck": 0, "is_push_pull": 1, "phase_sigma_rad": 0.0, "splitter_sigma_rad": 0.0,
    "mzi_loss_db": 0.0, "noise_fraction": 0.0, "crosstalk_fraction": 0.0,
}  # fmt: skip
BANK: dict[str, float] = {
    "channels": 8, "rows": 8, "spacing_fwhm": 1e4, "is_calibrated": 0, "sigma_fwhm": 0.0, "drift_fwhm": 0.0,
    "store_sigma_fraction": 0.0, "dark_fraction": 0.0, "shot_fraction": 0.0, "intensity_fraction": 0.0,
}  # fmt: skip
KINDS = {"mzi_mesh": (MESH, {"phase_sigma_rad": 0.1}), "ring_bank": (BANK, {"store_sigma_fraction": 0.05})}
kinds = pytest.mark.parametrize("kind", list(KINDS))
BOTH: tuple[Role, ...] = ("forward", "input_gradient")


@pytest.fixture(scope="module")
def graph() -> Graph:
    """Convolutions, one of them grouped, and a dense layer; linear, so that no small error turns a gradient off."""
    operators = [
        {"name": "conv1", "kind": "conv", "out_channels": 4, "kernel": 3, "padding": 1},
        {"name": "conv2", "kind": "conv", "out_channels": 6, "kernel": 3, "groups": 2},
        {"name": "flat", "kind": "flatten"},
        {"name": "fc", "kind": "dense", "out_features": 10},
    ]
    content = {"about": "-", "task": "digits", "input": [1, 8, 8], "operators": operators, "training": {"epochs": 1}}
    return build_graph("way", NetworkSpec.model_validate(content))


class Trained:
    """Fresh weights, a batch, and devices that hold them."""

    def __init__(self, graph: Graph, kind: str, roles: tuple[Role, ...], is_worn: bool) -> None:
        plain, worn = KINDS[kind]
        numbers = {**plain, **(worn if is_worn else {})}
        self.errors: dict[tuple[str, Role], ErrorSpec] = {
            (o.name, role): ErrorSpec(kind, o.name, role, numbers) for o in graph.matrix_operators for role in roles
        }
        self.graph, self.images = graph, torch.rand((16, 1, 8, 8), generator=generator(0, "images"))
        tensors = initial(graph, generator(0, "initial weights"))
        self.calibration = calibrate(describe(graph, ()), tensors, self.images, rows=64)
        self.tensors = {name: value.requires_grad_() for name, value in tensors.items()}

    def device(self, write: int = 1) -> MachineLayers:
        """As it stands after an update."""
        chance = Chance(*(generator(0, purpose) for purpose in ("device", "back", f"write {write}", "write 0")))
        streams = chance, generator(0, "read")
        return program_training(self.graph, self.tensors, self.errors, self.calibration, *streams, "merged")

    def gradients(self, device: MachineLayers | None = None) -> dict[str, Tensor]:
        """By weight and by the images, of a sum of logits; without a device in float32."""
        images = self.images.clone().requires_grad_()
        rule = None if device is None else device.straight_through(self.tensors)
        loss = run(self.graph, self.tensors, images, rule)[:, :3].sum()
        wanted = {"images": images, **self.tensors}
        return dict(zip(wanted, torch.autograd.grad(loss, list(wanted.values())), strict=True))


def apart(first: Tensor, second: Tensor) -> float:
    """Relative distance."""
    return float((first - second).norm() / second.norm())


@kinds
def test_without_errors_gradients_are_those_of_the_network(graph: Graph, kind: str) -> None:
    trained = Trained(graph, kind, BOTH, is_worn=False)
    found, exact = trained.gradients(trained.device()), trained.gradients()
    assert max(apart(found[name], exact[name]) for name in exact) < 1e-3


@kinds
def test_errors_go_back_through_what_the_device_realises(graph: Graph, kind: str) -> None:
    """The gradient of the realised product, not of the ideal one: that of a linear layer is its realised transpose."""
    trained = Trained(graph, kind, BOTH, is_worn=True)
    device = trained.device()
    x = torch.randn((5, graph.operator("fc").in_elements), requires_grad=True)
    y = device.straight_through(trained.tensors)(graph.operator("fc"), (x,), trained.tensors)
    (back,) = torch.autograd.grad(y, x, torch.eye(10)[:5])
    (realised,) = device.backward["fc"]
    assert torch.allclose(back, realised[:5], atol=1e-6)
    ideal = trained.tensors["fc.weight"].detach()
    assert apart(back, ideal[:5]) > 0.01
    silent = torch.zeros_like(x)
    unit = torch.eye(x.shape[1])[:5]
    with torch.no_grad():
        made = device.rule(graph.operator("fc"), (unit,), trained.tensors)
        made = made - device.rule(graph.operator("fc"), (silent,), trained.tensors)
    assert apart(made, realised.T[:5]) < 0.02, "the forward product multiplies by the same matrix"


@kinds
def test_static_errors_reach_every_layer_below(graph: Graph, kind: str) -> None:
    trained = Trained(graph, kind, BOTH, is_worn=True)
    by_device, by_host = trained.gradients(trained.device()), Trained(graph, kind, ("forward",), is_worn=True)
    exact = by_host.gradients(by_host.device())
    for name in ("images", "conv1.weight", "conv2.weight"):
        assert apart(by_device[name], exact[name]) > 0.01
    assert torch.allclose(by_device["fc.weight"], exact["fc.weight"], atol=1e-5), "nothing came back to it yet"


@kinds
def test_a_host_sends_errors_back_through_exact_weights(graph: Graph, kind: str) -> None:
    trained = Trained(graph, kind, ("forward",), is_worn=True)
    assert not trained.device().backward
    for name in ("conv1", "conv2", "fc"):
        for role in ("input_gradient", "update"):
            trained.errors[name, role] = ErrorSpec("fixed_point", name, role, {"gradient_bits": 8})
    assert not trained.device().backward, "the host's numbers are no errors of the device"


def test_convolutions_go_back_through_their_realised_kernels(graph: Graph) -> None:
    """Put in place of the weights, what the device realises gives the same gradient by the images in plain autograd."""
    trained = Trained(graph, "mzi_mesh", BOTH, is_worn=True)
    device, operator = trained.device(), graph.operator("conv2")
    x = torch.randn((3, 4, 8, 8), generator=generator(0, "x"), requires_grad=True)
    found = device.straight_through(trained.tensors)(operator, (x,), trained.tensors)
    error = torch.randn(found.shape, generator=generator(0, "error"))
    (back,) = torch.autograd.grad(found, x, error)
    kernels = torch.cat(device.backward["conv2"]).reshape(6, 2, 3, 3)
    (expected,) = torch.autograd.grad(torch.nn.functional.conv2d(x, kernels, groups=2), x, error)
    assert torch.allclose(back, expected, atol=1e-5)


def test_a_device_off_training_holds_the_first_write_of_one_stream(graph: Graph) -> None:
    """Measuring draws everything from the device's stream, as before: one write, for ever."""
    trained = Trained(graph, "ring_bank", ("forward",), is_worn=True)
    streams = generator(0, "device"), generator(0, "read")
    once, twice = (
        program(graph, trained.tensors, trained.errors, trained.calibration, generator(0, "device"), streams[1], "full")
        for _ in range(2)
    )
    x = trained.images
    first, second = (run(graph, trained.tensors, x, one.rule) for one in (once, twice))
    assert torch.equal(first, second)
    later, other = (run(graph, trained.tensors, x, trained.device(write).rule) for write in (1, 2))
    assert not torch.equal(later, other)
