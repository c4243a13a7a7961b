"""A system known by its recordings: the twin learns them, devices lie elsewhere, files that do not fit are refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from joulescape.errors import SimulatorError
from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Operator
from joulescape.network.request import Request
from joulescape.network.shapes import infer
from joulescape.numerics.recorded import plugin

Arrays = dict[str, np.ndarray]


def _law(inputs: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """The instrument: three outputs of four inputs and two controls."""
    turned = np.sin(3 * inputs[:, 1]) + parameters[:, 1]
    return 5 + 2 * np.stack([inputs[:, 0] * parameters[:, 0], turned, inputs[:, 2] ** 2], 1)


def _arrays(count: int = 400, seed: int = 0) -> Arrays:
    stream = np.random.default_rng(seed)
    inputs, parameters = stream.random((count, 4)), stream.random((count, 2))
    return {"inputs": inputs, "parameters": parameters, "outputs": _law(inputs, parameters)}


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Operator]:
    """Writes a file and gives the operator that rests on it; keywords change the operator."""
    monkeypatch.setenv("JOULESCAPE_DATA", str(tmp_path))

    def make(arrays: Arrays, name: str = "bench.npz", **changes: Any) -> Operator:
        path = tmp_path / name
        if path.suffix == ".parquet":
            named = {f"{part[:-1]}_{i}": one for part, values in arrays.items() for i, one in enumerate(values.T)}
            pl.DataFrame(named).write_parquet(path)
        else:
            np.savez(path, **arrays)
        checksum = hashlib.sha256(path.read_bytes()).hexdigest()
        given = {"out_features": 3, "trained": 2, "hidden": 16, "measurements": name, "sha256": checksum, **changes}
        return infer(Request("bench", "recorded", ("input",), ((4,),), given))

    return make


def _stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _spec(**numbers: float) -> ErrorSpec:
    return ErrorSpec("recorded", "bench", "forward", numbers)


@pytest.mark.parametrize("name", ["bench.npz", "bench.parquet"])
def test_the_twin_predicts_what_was_not_recorded(recorded: Callable[..., Operator], name: str) -> None:
    operator = recorded(_arrays(), name)
    controls = plugin.initial(operator, _stream())
    x = torch.rand(50, 4, generator=_stream(1))
    found = plugin.twin(operator, x, controls, None)
    true = _law(x.numpy(), np.repeat(controls["weight"].numpy()[None], 50, 0))
    assert float(np.square(found.numpy() - true).mean()) < 0.02 * float(true.var(0).mean())


def test_a_device_departs_as_far_as_declared(recorded: Callable[..., Operator]) -> None:
    operator = recorded(_arrays(150))
    controls, x = plugin.initial(operator, _stream()), torch.rand(20, 4, generator=_stream(1))
    twin = plugin.twin(operator, x, controls, None)

    def away(fraction: float) -> torch.Tensor:
        return plugin.device(operator, _spec(twin_fraction=fraction), _stream(2))(x, controls, _stream()) - twin

    assert torch.equal(away(0.0), torch.zeros_like(twin))
    assert torch.allclose(away(1.0), 2 * away(0.5), atol=1e-4) and float(away(1.0).abs().max()) > 1e-3


def test_gradients_reach_inputs_and_controls(recorded: Callable[..., Operator]) -> None:
    operator = recorded(_arrays(150))
    weight = plugin.initial(operator, _stream())["weight"].requires_grad_()
    x = torch.rand(5, 4, generator=_stream(1)).requires_grad_()
    plugin.twin(operator, x, {"weight": weight}, None).sum().backward()
    assert weight.grad is not None and float(weight.grad.abs().min()) > 0
    assert x.grad is not None and float(x.grad.abs().max()) > 0


def test_a_twin_of_other_shapes_is_refused(recorded: Callable[..., Operator]) -> None:
    wanted = "holds 4 inputs, 2 parameters, 3 outputs; the system has 4 inputs, 7 parameters, 3 outputs"
    with pytest.raises(SimulatorError, match=f"operator 'bench': bench.npz {wanted}"):
        plugin.initial(recorded(_arrays(), trained=7), _stream())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda a: {**a, "inputs": 2 * a["inputs"]}, "controls outside 0 .. 1"),
        (lambda a: {**a, "outputs": a["outputs"][1:]}, "expected as many rows in each"),
        (lambda a: {**a, "outputs": a["outputs"] * np.nan}, "no numbers"),
        (lambda a: {name: a[name] for name in ("inputs", "outputs")}, "holds no parameters"),
    ],
)
def test_damaged_recordings_are_refused(recorded: Callable[..., Operator], change: Any, reason: str) -> None:
    with pytest.raises(SimulatorError, match=reason):
        plugin.initial(recorded(change(_arrays(30))), _stream())


def test_another_file_or_none_is_refused(recorded: Callable[..., Operator]) -> None:
    with pytest.raises(SimulatorError, match=r"has SHA-256 .* the network states 0000"):
        plugin.initial(recorded(_arrays(30), sha256="0" * 64), _stream())
    with pytest.raises(SimulatorError, match=r"no file elsewhere.npz below one of \["):
        plugin.initial(recorded(_arrays(30), measurements="elsewhere.npz"), _stream())
    with pytest.raises(ValueError, match="needs measurements"):
        infer(Request("bench", "recorded", ("input",), ((4,),), {"out_features": 3, "trained": 2}))
