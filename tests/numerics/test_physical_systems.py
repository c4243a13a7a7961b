"""Laws of every physical system: a device like its twin, adjoints, noise, ranges, dynamics that stay bounded."""

from __future__ import annotations

import math
import re
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from joulescape.errors import Infeasible
from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Operator
from joulescape.network.request import Request
from joulescape.network.shapes import infer
from joulescape.numerics import circuit, oscillators, plate
from joulescape.numerics._series import in_turns, series
from joulescape.numerics._systems import System
from joulescape.numerics.oscillators import pull, swing, swing_smoothly, symmetric
from joulescape.numerics.plate import heard, ladder
from joulescape.numerics.shg import plugin as shg
from joulescape.numerics.shg.optics import pulse, spectrum

SIZES: Mapping[str, Mapping[str, Any]] = {
    "shg": {"bins": 24, "data_bins": 6, "out_features": 6, "chirp_rad": 12.0, "envelope": 0.3},
    "oscillators": {"units": 9, "out_features": 4, "duration": 1.0, "steps": 6, "order": 2},
    "plate": {"trained": 6, "out_features": 4, "modes": 3},
    "circuit": {"trained": 6, "out_features": 4},
}
PLUGINS: Mapping[str, System[Any]] = {
    "shg": shg, "oscillators": oscillators.plugin, "plate": plate.plugin, "circuit": circuit.plugin,
}  # fmt: skip
STRONG: Mapping[str, Mapping[str, float]] = {
    "shg": {"amplitude_fraction": 0.1, "phase_rad": 0.2, "gamma_error": 0.2, "crosstalk_bins": 0.4},
    "oscillators": {"frequency_fraction": 0.1, "coupling_fraction": 0.3, "nonlinearity": 0.1},
    "plate": {
        "frequency_fraction": 0.05, "damping_fraction": 0.2, "shape_fraction": 0.1, "stretch_fraction": 0.2,
    },
    "circuit": {"frequency_fraction": 0.1, "resistance_fraction": 0.1, "gain_fraction": 0.2, "threshold": 0.1},
}  # fmt: skip
every_system = pytest.mark.parametrize("name", SIZES)


def _operator(name: str, **changes: Any) -> Operator:
    return infer(Request("layer", name, ("input",), ((6,),), {**SIZES[name], **changes}))


def _spec(name: str, **numbers: float) -> ErrorSpec:
    return ErrorSpec(name, "layer", "forward", numbers)


def _stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _case(name: str) -> tuple[System[Any], Operator, torch.Tensor, dict[str, torch.Tensor]]:
    system, operator = PLUGINS[name], _operator(name)
    x = system.lowest + (system.highest - system.lowest) * torch.rand(7, 6, generator=_stream(1))
    return system, operator, x, dict(system.initial(operator, _stream(2)))


@every_system
def test_a_device_without_departures_is_its_twin(name: str) -> None:
    system, operator, x, parameters = _case(name)
    twin, device = system.twin(operator, x, parameters, None), system.device(operator, _spec(name), _stream())
    assert twin.shape == (7, operator.out_elements)
    assert torch.allclose(device(x, parameters, _stream()), twin, atol=1e-6)


@every_system
def test_departures_move_a_device_and_stay_while_noise_is_fresh(name: str) -> None:
    system, operator, x, parameters = _case(name)
    twin = system.twin(operator, x, parameters, None)
    device = system.device(operator, _spec(name, **STRONG[name]), _stream(3))
    first, again = (device(x, parameters, _stream(seed)) for seed in (0, 1))
    assert torch.equal(first, again)
    assert float((first - twin).square().mean().sqrt()) > 0.02 * float(twin.std())
    noisy = system.device(operator, _spec(name, read_noise_fraction=0.05), _stream(3))
    assert not torch.equal(noisy(x, parameters, _stream(0)), noisy(x, parameters, _stream(1)))


@every_system
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    system, operator, x, parameters = _case(name)
    out = system.twin(operator, x, parameters, None)
    weights = torch.randn(out.shape, generator=_stream(4))
    leaves = {key: value.clone().requires_grad_() for key, value in parameters.items()}
    data = x.clone().requires_grad_()
    (system.twin(operator, data, leaves, None) * weights).sum().backward()

    def loss(sample: torch.Tensor, values: Mapping[str, torch.Tensor]) -> float:
        return float((system.twin(operator, sample, values, None).double() * weights.double()).sum())

    found, expected = [], []
    for key, leaf in {"input": data, **leaves}.items():
        step, place = 2e-2, tuple(size // 2 for size in leaf.shape)
        ends = []
        for sign in (1, -1):
            moved = leaf.detach().clone()
            moved[place] += sign * step
            ends.append(loss(moved, parameters) if key == "input" else loss(x, {**parameters, key: moved}))
        assert leaf.grad is not None
        found.append(float(leaf.grad[place]))
        expected.append((ends[0] - ends[1]) / (2 * step))
    assert found == pytest.approx(expected, rel=2e-2, abs=2e-3 * float(out.detach().abs().mean()))


@pytest.mark.parametrize("name", ["plate", "circuit"])
def test_adjoints_agree_with_automatic_differentiation(name: str) -> None:
    system, operator, x, parameters = _case(name)
    drive = series(x, parameters["weight"])
    hand, plain = (drive.clone().requires_grad_() for _ in range(2))
    physics = system.drawn(operator, system.departures.of(STRONG[name]), _stream(3))
    run, slow = (heard, _plate_by_torch) if name == "plate" else (circuit.recorded, _circuit_by_torch)
    found, expected = run(hand, physics), slow(plain, physics)
    assert torch.allclose(found, expected, atol=1e-5)
    found.square().sum().backward()
    expected.square().sum().backward()
    assert hand.grad is not None and plain.grad is not None
    assert float((hand.grad - plain.grad).norm() / plain.grad.norm()) < 1e-4


def _plate_by_torch(force: torch.Tensor, modes: plate.Modes) -> torch.Tensor:
    step = 1 / plate.SUBSTEPS
    place, speed, heard_at = torch.zeros(force.shape[1], len(modes.angle)), 0.0, []
    for sample in force:
        for _ in range(plate.SUBSTEPS):
            stiff = 1 + modes.stretch * place.square().sum(1, keepdim=True)
            push = step * modes.coil * modes.angle[0] * sample[:, None]
            speed = (1 - step * modes.damping) * speed - step * modes.angle * stiff * place + push
            place = place + step * modes.angle * speed
        heard_at.append(place @ modes.microphone)
    return torch.stack(heard_at)


def _circuit_by_torch(voltage: torch.Tensor, parts: circuit.Parts) -> torch.Tensor:
    step = parts.angle / circuit.SUBSTEPS
    held, current, recorded = torch.zeros(voltage.shape[1]), torch.zeros(voltage.shape[1]), []
    for sample in voltage:
        for _ in range(circuit.SUBSTEPS):
            current = (1 - step * parts.loss) * current + step * (parts.drive * sample - held)
            opened = torch.nn.functional.softplus((held - parts.threshold) / circuit.SLOPE)
            held = held + step * (current - parts.gain * opened.square())
        recorded.append(held)
    return torch.stack(recorded)


@every_system
def test_parameters_are_confined_to_what_controls_can_set(name: str) -> None:
    system, _, _, parameters = _case(name)
    wild = {key: 100 * (value - 0.5) for key, value in parameters.items()}
    system.confine(wild)
    again = {key: value.clone() for key, value in wild.items()}
    system.confine(again)
    limit = oscillators.STRONGEST if name == "oscillators" else max(abs(system.lowest), abs(system.highest))
    assert all(float(value.abs().max()) == pytest.approx(limit) for value in wild.values())
    assert all(torch.equal(wild[key], again[key]) for key in wild)


@every_system
def test_inputs_outside_the_range_are_clipped_and_punished(name: str) -> None:
    system = PLUGINS[name]
    inside, excess = system.in_range(torch.tensor([[system.lowest - 1, system.highest + 2]]))
    assert inside.tolist() == [pytest.approx([system.lowest, system.highest])]
    assert float(excess) == pytest.approx((1 + 4) / 2)


@every_system
def test_coarser_controls_are_known_to_the_twin(name: str) -> None:
    system, operator, x, parameters = _case(name)
    bits = "modulator_bits" if name == "shg" else "control_bits"
    spec = _spec(name, **{bits: 2.0})
    coarse = system.twin(operator, x, parameters, spec)
    assert torch.allclose(system.device(operator, spec, _stream())(x, parameters, _stream()), coarse, atol=1e-6)
    fine = system.twin(operator, x, parameters, _spec(name, **{bits: 12.0}))
    exact = system.twin(operator, x, parameters, None)
    assert (fine - exact).abs().mean() < (coarse - exact).abs().mean()


@every_system
def test_unknown_departures_are_named(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} knows no departure named wobble; known: .*read_noise_fraction"):
        PLUGINS[name].device(_operator(name), _spec(name, wobble=1.0), _stream())


@every_system
def test_a_fitted_twin_knows_the_device_better(name: str) -> None:
    system, operator, x, parameters = _case(name)
    spec = _spec(name, **{key: value for key, value in STRONG[name].items() if key != "coupling_fraction"})
    device = system.device(operator, spec, _stream(3))
    fitted = system.fitted(operator, spec, device, _stream(5), 64)
    true, nominal = device(x, parameters, _stream()), system.twin(operator, x, parameters, spec)
    assert (fitted(x, parameters) - true).square().mean() < 0.1 * (nominal - true).square().mean()


@pytest.mark.parametrize(
    ("modulation", "expected"),
    [
        ([1.0, 1.0, 1.0, 1.0], [1, 4, 9, 16, 9, 4, 1]),
        ([1.0, 0.0, 0.0, 1.0], [1, 0, 0, 4, 0, 0, 1]),
        ([1.0, 1.0, -1.0, 1.0], [1, 4, 1, 0, 9, 4, 1]),
    ],
)
def test_second_harmonics_of_four_bins_are_exact(modulation: list[float], expected: list[float]) -> None:
    flat = torch.ones(4, dtype=torch.complex128)
    found = spectrum(torch.tensor([modulation], dtype=torch.float64), flat)
    assert found[0].tolist() == pytest.approx(expected, abs=1e-6)


def test_a_twin_of_a_pulse_has_its_power() -> None:
    field = pulse(64, 20.0, 0.0)
    assert float(field.abs().square().sum()) == pytest.approx(1.5**2, rel=1e-5)


def test_a_free_plate_keeps_its_energy_bounded() -> None:
    modes = ladder(8, 0.15, math.inf, 1.0)
    kick = torch.zeros(4000, 1)
    kick[:5] = 1.0
    sound = heard(kick, modes)[:, 0].numpy()
    early, late = (np.square(part).mean() for part in (sound[100:600], sound[-500:]))
    assert 0.5 < late / early < 2.0
    assert np.abs(sound).max() < 10


def test_a_lossy_plate_falls_silent() -> None:
    kick = torch.zeros(2000, 1)
    kick[:5] = 1.0
    sound = heard(kick, ladder(8, 0.15, 20.0, 1.0))[:, 0].abs()
    assert float(sound[-100:].max()) < 1e-3 * float(sound.max())


def test_a_plate_without_stretching_is_linear() -> None:
    force = torch.randn(60, 3, generator=_stream())
    modes = ladder(6, 0.15, 20.0, 0.0)
    assert torch.allclose(heard(3 * force, modes), 3 * heard(force, modes), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["plate", "circuit", "oscillators"])
def test_dynamics_that_run_away_are_infeasible(name: str) -> None:
    """An integrator whose steps are too long for the system: said at the first pass, never trained on."""
    sizes = {"plate": {"highest": 0.5, "stretch": 1000.0}, "circuit": {"spacing": 100.0, "drive": 1e6},
             "oscillators": {"duration": 1e30}}  # fmt: skip
    system, operator = PLUGINS[name], _operator(name, **sizes[name])
    x = torch.full((2, 6), system.highest)
    x[0] = 1.0
    with pytest.raises(Infeasible, match="runs? away") as refused:
        for _ in range(2):
            system.twin(operator, x * (1e30 if name == "oscillators" else 1), system.initial(operator, _stream()), None)
    assert refused.value.violation > 0


def test_verlet_and_runge_kutta_meet_where_steps_are_short() -> None:
    start = 2 * torch.rand(3, 5, generator=_stream(), dtype=torch.float64)
    weight = torch.randn(5, 5, generator=_stream(1), dtype=torch.float64)
    force = pull(symmetric(weight), torch.ones(5, dtype=torch.float64))
    drive = torch.full((5,), 0.1, dtype=torch.float64)
    exact = swing_smoothly(start, force, drive, 1.0, 0.005, 200)
    for law, order in ((swing, 2), (swing_smoothly, 4)):
        errors = [float((law(start, force, drive, 1.0, 1 / n, n) - exact).abs().max()) for n in (10, 20)]
        assert errors[0] / errors[1] == pytest.approx(2**order, rel=0.4)


def test_the_diagonal_of_the_couplings_acts() -> None:
    """Q_ii = -w^2 - sum over j of J_ij, its own diagonal included, as the published example has it."""
    couplings = torch.tensor([[2.0, 3.0], [3.0, 5.0]])
    assert pull(couplings, torch.ones(2)).tolist() == [[-6.0, 3.0], [3.0, -9.0]]


def test_one_pendulum_swings_as_a_pendulum_does() -> None:
    """Small swings of w = 1 are cosines."""
    end = swing_smoothly(torch.tensor([[0.01]]), pull(torch.zeros(1, 1), torch.ones(1)), torch.zeros(1), 1.0, 0.1, 20)
    assert float(end) == pytest.approx(0.01 * math.cos(2.0), rel=1e-3)


@pytest.mark.parametrize(("inputs", "trained"), [(3, 3), (5, 2), (2, 7)])
def test_data_and_trained_samples_stand_in_turns(inputs: int, trained: int) -> None:
    order = in_turns(inputs, trained).tolist()
    assert sorted(order) == list(range(inputs + trained))
    assert [place for place in order if place < inputs] == list(range(inputs))
    assert order[0] == 0


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("oscillators", {"units": 4}, "6 inputs do not fit 4 oscillators"),
        ("oscillators", {"out_features": 10}, "cannot read 10 of 9 oscillators"),
        ("oscillators", {"order": 3}, "order must be 2"),
        ("oscillators", {"duration": 0.0}, "duration must be above 0"),
        ("plate", {"trained": 0}, "trained must be at least 1"),
        ("plate", {"highest": 0.6}, "highest mode 0.6 must be at most 0.5"),
        ("plate", {"out_features": 100}, "cannot record 100 averages of 24 samples"),
        ("circuit", {"modes": 3}, "takes no modes"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(name: str, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        _operator(name, **changes)


def test_the_guides_system_obeys_the_laws() -> None:
    """The two modules that docs/how_to_add_a_physical_system.md writes."""
    guide = (Path(__file__).parents[2] / "docs" / "how_to_add_a_physical_system.md").read_text(encoding="utf-8")
    parts = []
    for name, text in zip(("system", "numerics"), re.findall(r"```python\n(.*?)```", guide, re.DOTALL), strict=True):
        module = types.ModuleType(f"diode_row_{name}")
        sys.modules[module.__name__] = module
        exec(compile(text, name, "exec"), module.__dict__)
        parts.append(module.plugin)
    kind, system = parts
    operator = kind.rule(Request("row", "diode_row", ("input",), ((6,),), {"slope": 5.0}))
    x, parameters = torch.rand(9, 6, generator=_stream(1)), system.initial(operator, _stream(2))
    twin = system.twin(operator, x, parameters, None)
    same = system.device(operator, _spec("diode_row"), _stream())(x, parameters, _stream())
    assert torch.allclose(same, twin)
    spec = _spec("diode_row", slope_fraction=0.3)
    device = system.device(operator, spec, _stream(3))
    fitted = system.fitted(operator, spec, device, _stream(4), 40)
    assert float((device(x, parameters, _stream()) - twin).abs().max()) > 0.01
    assert torch.allclose(fitted(x, parameters), device(x, parameters, _stream()), atol=1e-3)
    with pytest.raises(ValueError, match="diode_row_numerics knows no departure named wobble"):
        system.device(operator, _spec("diode_row", wobble=1.0), _stream())
