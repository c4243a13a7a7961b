"""The mesh simulator: geometry, link, errors, area and static power."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mzi_mesh_cases import ROOT, context, dense, mesh, operator, swept

from joulescape.network.operators import Graph, Loops, Operator
from joulescape.network.work import OperandFormat
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.mzi_mesh import plugin
from joulescape.simulators.mzi_mesh.geometry import (
    matrix_depth,
    matrix_mzis,
    matrix_shifters,
    mzi_area_um2,
    mzi_loss_db,
    transit_ns,
    unitary_depth,
    unitary_mzis,
)
from joulescape.simulators.mzi_mesh.link import budget, channel_loss_db, mesh_laser_mw, receiver
from joulescape.simulators.mzi_mesh.mapping import product
from joulescape.spec.sourced import Sourced, at_corner, sourced_values
from joulescape.units import dbm_to_mw

GRAPH = Graph(
    "two",
    (8,),
    (
        Operator("fc1", "dense", ("input",), ((8,),), (8,), loops=Loops(K=8, C=8)),
        Operator("relu", "relu", ("fc1",), ((8,),), (8,)),
        Operator("fc2", "dense", ("relu",), ((8,),), (4,), loops=Loops(K=4, C=8)),
    ),
)
FORMATS = {operator.name: OperandFormat(8, 8) for operator in GRAPH.operators}


def numbers(overrides: dict[str, Any]) -> dict[str, float]:
    return dict(plugin.errors(GRAPH, FORMATS, mesh(overrides))["fc1", "forward"].numbers)


def test_mzis_of_a_unitary_of_eight() -> None:
    assert unitary_mzis(8) == 28
    assert unitary_depth(8, "clements") == 8
    assert unitary_depth(8, "reck") == 13


@given(st.integers(2, 128))
def test_a_real_matrix_needs_the_square_of_its_size(size: int) -> None:
    assert matrix_mzis(size) == size**2
    assert matrix_shifters(size) == 2 * size * (size - 1) + 3 * size
    assert unitary_depth(size, "reck") >= unitary_depth(size, "clements") - 1


def test_two_modes_are_one_interferometer() -> None:
    assert unitary_mzis(2) == 1
    assert unitary_depth(2, "reck") == 1


def test_depth_counts_both_unitaries_and_the_attenuator() -> None:
    assert matrix_depth(mesh()) == 17
    assert matrix_depth(mesh({"mesh.scheme": "reck"})) == 27


def test_loss_of_one_interferometer_is_composed_from_the_library() -> None:
    """2 * 0.33 dB couplers + 0.25 dB shifter + 210.5 um of waveguide at 1 dB/cm."""
    assert mzi_loss_db(mesh()) == pytest.approx(0.66 + 0.25 + 0.02105)
    assert mzi_loss_db(mesh({"shifter.kind": "mems"})) == pytest.approx(0.66 + 0.33 + 0.02105)


def test_path_loss_adds_ends_and_depth() -> None:
    settings = mesh()
    assert channel_loss_db(settings) == pytest.approx(2.0 + 1.2 + 0.33 + 17 * mzi_loss_db(settings))


def test_light_crosses_a_mesh_in_tens_of_picoseconds() -> None:
    """17 * 0.2105 mm * 4.2 / 299.8 mm/ns."""
    assert transit_ns(mesh()) == pytest.approx(0.0501, rel=2e-3)


def test_area_of_one_interferometer() -> None:
    assert mzi_area_um2(mesh()) == pytest.approx(2 * 100 * 25 + 2 * 5.25 * 2.4)


@pytest.mark.parametrize("bits", [3, 4, 5, 6])
def test_a_matched_link_has_the_bits_of_its_adc(bits: int) -> None:
    link = budget(mesh({"adc.bits": bits}))
    assert link.bits == pytest.approx(bits, abs=1e-6)
    assert link.overshoot < 0


def test_received_power_and_noise_are_one_number() -> None:
    """The power that the laser is charged for is the power whose noise the numbers carry."""
    settings = mesh({"link.rule": "given", "link.received_dbm": -20.0})
    link = budget(settings)
    assert link.received_mw == pytest.approx(dbm_to_mw(-20.0))
    ratio = receiver(settings).homodyne_ratio(link.received_mw, settings.link.local_oscillator_mw)
    assert numbers({"link.rule": "given", "link.received_dbm": -20.0})["noise_fraction"] == pytest.approx(1 / ratio)


def test_more_received_power_costs_laser_and_saves_noise() -> None:
    dim, bright = ({"link.rule": "given", "link.received_dbm": dbm} for dbm in (-35.0, -20.0))
    assert mesh_laser_mw(mesh(dim)) < mesh_laser_mw(mesh(bright))
    assert numbers(dim)["noise_fraction"] > numbers(bright)["noise_fraction"]


def test_laser_of_one_mesh_by_hand() -> None:
    """A line per input: received * 10^(loss/10) / (1 - 10^-1) / 0.2; and 1 mW behind 2.33 dB at each output."""
    settings = mesh({"link.rule": "given", "link.received_dbm": -20.0})
    line = 0.01 * 10 ** (channel_loss_db(settings) / 10) / 0.9 / 0.2
    local = 1.0 * 10**0.233 / 0.2
    assert mesh_laser_mw(settings) == pytest.approx(8 * (line + local))


@pytest.mark.parametrize(
    ("size", "bits", "kind", "is_possible"),
    [
        (8, 6, "thermo_optic", True),
        (8, 8, "thermo_optic", False),
        (16, 5, "mems", True),
        (16, 6, "mems", False),
        (32, 4, "thermo_optic", False),
        (32, 3, "ito", True),
        (64, 4, "ito", False),
    ],
)
def test_the_power_wall(size: int, bits: int, kind: str, is_possible: bool) -> None:
    settings = mesh({"mesh.size": size, "adc.bits": bits, "shifter.kind": kind})
    limit, *_ = plugin.limits([dense(8, 8)], settings, context())
    assert (limit.overshoot <= 0) is is_possible
    assert np.isfinite(limit.overshoot)
    assert "dB" in limit.reason


def test_a_given_power_beyond_the_laser_is_a_limit() -> None:
    beyond = mesh({"link.rule": "given", "link.received_dbm": 5.0})
    limit, *_ = plugin.limits([dense(8, 8)], beyond, context())
    assert 0 < limit.overshoot < 1
    assert "mW received" in limit.reason


def test_an_impossible_link_still_has_a_finite_cost() -> None:
    settings = mesh({"mesh.size": 64, "adc.bits": 8})
    assert budget(settings).received_mw == pytest.approx(23.5 * 0.9 * 10 ** (-channel_loss_db(settings) / 10), rel=1e-9)
    assert np.isfinite(mesh_laser_mw(settings))
    assert np.isfinite(numbers({"mesh.size": 64, "adc.bits": 8})["noise_fraction"])


@pytest.mark.parametrize("size", [8, 16, 32])
def test_a_larger_mesh_never_needs_less_light(size: int) -> None:
    small, large = ({"mesh.size": n, "adc.bits": 4, "shifter.kind": "ito"} for n in (size, 2 * size))
    assert mesh_laser_mw(mesh(small)) < mesh_laser_mw(mesh(large))


def test_takes_stored_weights_only() -> None:
    settings = mesh()
    for kind in ("conv", "dense"):
        assert plugin.takes(operator(kind), "forward", settings)
        assert plugin.takes(operator(kind), "input_gradient", settings)
        assert plugin.takes(operator(kind), "update", settings)
        assert not plugin.takes(operator(kind), "weight_gradient", settings)
    assert not plugin.takes(operator("matmul"), "forward", settings)
    assert not plugin.takes(operator("relu"), "forward", settings)


def test_one_sided_ports_leave_the_input_gradient_to_the_host() -> None:
    settings = mesh({"mesh.is_bidirectional": False})
    assert not plugin.takes(operator("dense"), "input_gradient", settings)
    assert {role for _, role in plugin.errors(GRAPH, FORMATS, settings)} == {"forward"}


def test_errors_cover_what_is_computed_with_light() -> None:
    found = plugin.errors(GRAPH, FORMATS, mesh())
    roles = ("forward", "input_gradient")
    assert set(found) == {(name, role) for name in ("fc1", "fc2") for role in roles}
    assert {spec.kind for spec in found.values()} == {"mzi_mesh"}


def test_numbers_are_the_settings() -> None:
    found = numbers({"mesh.scheme": "reck", "shifter.convention": "push_pull", "dac.bits": 7, "adc.bits": 5})
    assert found["mesh_size"] == 8
    assert found["is_reck"] == 1
    assert found["is_push_pull"] == 1
    assert found["phase_sigma_rad"] == 0.005
    assert found["phase_bits"] == 8
    assert found["input_bits"] == 7
    assert found["output_bits"] == 5
    assert found["mzi_loss_db"] == pytest.approx(mzi_loss_db(mesh()))


SWEPT_ONLY = {
    "mesh.count": 3,
    "buffer.kib": 17,
    "shifter.dac_count": 2,
    "digital.partial_sum_bits": 24,
}


@pytest.mark.parametrize(("path", "value"), SWEPT_ONLY.items())
def test_other_settings_leave_the_numbers_alone(path: str, value: int) -> None:
    assert path not in plugin.changes_numbers
    assert numbers({path: value}) == numbers({})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("mesh.size", 16),
        ("mesh.scheme", "reck"),
        ("clock_ghz", 2.0),
        ("shifter.kind", "mems"),
        ("shifter.convention", "push_pull"),
        ("shifter.bits", 5),
        ("dac.bits", 4),
        ("adc.bits", 4),
    ],
)
def test_declared_settings_change_the_numbers(path: str, value: Any) -> None:
    assert path in plugin.changes_numbers
    overrides = {"link.rule": "given", "link.received_dbm": -25.0}
    assert numbers({**overrides, path: value}) != numbers(overrides)


def test_every_constant_that_moves_the_numbers_is_declared() -> None:
    """Each sourced constant is moved alone; those whose move shows in the errors must be in `changes_numbers`."""
    base = mesh({"mesh.size": 16, "adc.bits": 7})
    reference = plugin.errors(GRAPH, FORMATS, base)["fc1", "forward"].numbers
    for path, constant in sourced_values(base).items():
        moved = _with(base, path.split("."), _scaled(constant))
        if plugin.errors(GRAPH, FORMATS, moved)["fc1", "forward"].numbers != reference:
            assert path in plugin.changes_numbers, path
        else:
            assert path not in plugin.changes_numbers or _is_idle(path), path


def _is_idle(path: str) -> bool:
    """Constants of devices that are not chosen."""
    return path.startswith(("shifter.mems", "shifter.ito", "shifter.carrier"))


def _scaled(constant: Sourced) -> Sourced:
    return constant.model_copy(update={"value": constant.value * 0.9, "low": None, "high": None})


def _with(shape: Any, path: list[str], value: Sourced) -> Any:
    name, *rest = path
    inner = _with(getattr(shape, name), rest, value) if rest else value
    return shape.model_copy(update={name: inner})


def test_searchable_paths_exist() -> None:
    for path in plugin.searchable | plugin.changes_numbers:
        value: Any = mesh()
        for name in path.split("."):
            value = getattr(value, name)


def test_corners_order_light_and_noise() -> None:
    """With the received power left to the laser's limit, a better corner is never noisier."""
    base = mesh({"mesh.size": 16, "adc.bits": 8})
    noise = [budget(at_corner(base, corner)).noise_fraction for corner in ("optimistic", "typical", "pessimistic")]
    assert noise == sorted(noise)


def test_static_power_by_hand() -> None:
    settings = mesh({"mesh.count": 3})
    found = {power.component.name: power.power_mw for power in plugin.static_power(settings)}
    assert found["phase_shifters"] == pytest.approx(3 * 136 * 30.0)
    assert found["laser"] == pytest.approx(3 * mesh_laser_mw(settings))
    assert found["sram_leakage"] == pytest.approx(256 * 0.01)


def test_micromechanical_shifters_hold_for_nothing() -> None:
    found = {p.component.name: p.power_mw for p in plugin.static_power(mesh({"shifter.kind": "mems"}))}
    assert found["phase_shifters"] == 0


def test_assumed_loss_makes_the_laser_assumed() -> None:
    (laser,) = [p.component for p in plugin.static_power(mesh()) if p.component.name == "laser"]
    assert laser.basis == "assumed"
    assert laser.scope == "core"


def test_area_grows_with_meshes_and_ports() -> None:
    def areas(overrides: dict[str, Any]) -> dict[str, float]:
        return {area.component.name: float(area.area_mm2) for area in plugin.area(mesh(overrides))}

    one, four = areas({"mesh.count": 1}), areas({"mesh.count": 4})
    assert four["mesh"] == pytest.approx(4 * one["mesh"])
    assert one["mesh"] == pytest.approx(64 * mzi_area_um2(mesh()) / 1e6)
    assert one["laser"] == pytest.approx(8 * 0.12)
    assert areas({"mesh.count": 1, "mesh.is_bidirectional": False})["adc"] == pytest.approx(one["adc"] / 2)


def test_area_and_static_power_broadcast_over_meshes() -> None:
    counts = np.array([1, 5, 20])
    together = swept(mesh(), "mesh", count=counts)
    for index, count in enumerate(counts):
        alone = mesh({"mesh.count": int(count)})
        for many, single in zip(plugin.area(together), plugin.area(alone), strict=True):
            assert np.broadcast_to(many.area_mm2, 3)[index] == pytest.approx(single.area_mm2)
        for many, single in zip(plugin.static_power(together), plugin.static_power(alone), strict=True):
            assert np.broadcast_to(many.power_mw, 3)[index] == pytest.approx(single.power_mw)


def test_the_shelf_states_a_source_for_every_constant() -> None:
    keys = (ROOT / "hwlib" / "references.bib").read_text()
    for path, constant in sourced_values(mesh()).items():
        assert f"{{{constant.source}," in keys, path


def test_published_rows_of_the_shelf() -> None:
    for row in load_back_end(ROOT, "photonic/mzi_mesh").spec.published:
        figure = plugin.published(mesh(row.overrides))[row.what]
        assert (abs(figure / row.value - 1) < 0.005) is (row.expected == "pass"), row.what


def test_peak_is_two_operations_a_cell_and_clock() -> None:
    figures = plugin.published(mesh({"mesh.count": 2}))
    assert figures["peak_gops"] == 2 * 64 * 2 * 5.0


def test_reciprocity_transposes_the_forward_product() -> None:
    forward = dense(64, 10, batch=4)
    back = product(dense(10, 64, batch=4, role="input_gradient"), forward)
    assert (back.reduction, back.outputs, back.positions) == (10, 64, 4)
    assert back.macs == forward.macs


def test_calibration_takes_crosstalk_back() -> None:
    """The mechanism of in-situ calibration: what it knows of the heat between shifters leaves the numbers."""
    assert numbers({"shifter.compensated_fraction": 0.0})["crosstalk_fraction"] == pytest.approx(0.001)
    assert numbers({"shifter.compensated_fraction": 0.9})["crosstalk_fraction"] == pytest.approx(0.0001)
    assert numbers({"shifter.compensated_fraction": 1.0})["crosstalk_fraction"] == 0
    assert numbers({"shifter.kind": "mems"})["crosstalk_fraction"] == 0


def test_calibration_in_place_is_a_number_of_its_own() -> None:
    """The error stays what the device has; what is known of it stands beside, by default nothing."""
    assert numbers({})["phase_calibrated_fraction"] == 0
    known = numbers({"shifter.calibrated_fraction": 0.9})
    assert known["phase_calibrated_fraction"] == 0.9
    assert known["phase_sigma_rad"] == numbers({})["phase_sigma_rad"]


@pytest.mark.parametrize(("kind", "settle_ns"), [("thermo_optic", 10000.0), ("mems", 2000.0), ("carrier", 1.0)])
def test_reload_time_is_the_converters_turns_and_the_shifters_response(kind: str, settle_ns: float) -> None:
    """136 shifters of an 8 x 8 matrix over 8 converters at 5 GHz: 17 turns, then the shifters settle."""
    from joulescape.simulators.mzi_mesh.mapping import write_ns

    assert write_ns(mesh({"shifter.kind": kind})) == pytest.approx(17 / 5.0 + settle_ns)


def test_fast_shifters_are_paid_for_in_light() -> None:
    """Free carriers absorb: the mesh that reloads in nanoseconds loses 8 dB more than a heated one of equal depth."""
    slow, fast = (mzi_loss_db(mesh({"shifter.kind": kind})) for kind in ("thermo_optic", "carrier"))
    assert fast - slow == pytest.approx(0.77, abs=0.02)
    assert budget(mesh({"shifter.kind": "carrier", "adc.bits": 8})).reachable < budget(mesh({"adc.bits": 8})).reachable


def test_meshes_beyond_one_chip_are_a_limit() -> None:
    chip = plugin.limits([dense(8, 8)], mesh({"mesh.size": 64, "mesh.count": 50}), context())[2]
    assert chip.overshoot > 0
    assert "858 mm2" in chip.reason
