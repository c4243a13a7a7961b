"""Memory devices as settings: every one of the shelf is whole, laws become numbers, cells have the levels they need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from crossbar_cases import ROOT, SIMULATOR, dense, isaac
from pydantic import ValidationError

from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.crossbar.devices import AgedCell, MemoryDevice, ProgrammingLaw, device_numbers, level_limit
from joulescape.spec.sourced import CORNERS, at_corner, sourced_values
from joulescape.testing.examples import example_context, example_formats, example_graph

SHELF = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "hwlib" / "components" / "memristive").glob("*.yaml"))
}
DEVICES = {name: part["parameters"] for name, part in SHELF.items() if part["kind"] == "memory_device"}
STRENGTH = {"value": 2.0, "basis": "derived", "source": "joulescape", "where": "a test"}


def law(**changes: Any) -> ProgrammingLaw:
    raw = {"form": "polynomial", "full_scale": 10.0, "ages_s": [1.0, 100.0], "coefficients": [[1.0], [3.0, 1.0]],
           "strength": STRENGTH, "source": "joulescape", "where": "a test"}  # fmt: skip
    return ProgrammingLaw.model_validate({**raw, **changes})


def test_every_family_of_devices_is_there() -> None:
    assert {"rram_1t1r", "rram_wan2022", "pcm", "stt_mram", "fefet", "nor_flash", "sonos", "ecram"} <= set(DEVICES)


@pytest.mark.parametrize("name", DEVICES)
def test_every_device_says_how_it_is_written_and_what_it_is_worth_at_every_corner(name: str) -> None:
    device = MemoryDevice.model_validate(DEVICES[name])
    assert device.writing is not None
    assert device.levels is not None or device.programming is not None
    for corner in CORNERS:
        moved = at_corner(device, corner)
        assert all(constant.value >= 0 for constant in sourced_values(moved).values())
        assert moved.on_off_ratio.value > 1
    best, worst = (at_corner(device, corner) for corner in ("optimistic", "pessimistic"))
    assert best.programming_sigma_fraction.value <= worst.programming_sigma_fraction.value
    assert best.writing.endurance_writes.value >= worst.writing.endurance_writes.value  # type: ignore[union-attr]


def test_known_points_of_devices() -> None:
    """Two states of a magnetic junction; 32 levels and a contrast of 45 (jerry2017); 1 to 40 uS (wan2022)."""
    devices = {name: MemoryDevice.model_validate(raw) for name, raw in DEVICES.items()}
    assert devices["stt_mram"].levels.value == 2  # type: ignore[union-attr]
    assert devices["fefet"].levels.value == 32  # type: ignore[union-attr]
    assert devices["fefet"].on_off_ratio.value == 45
    assert devices["rram_wan2022"].g_on_msiemens.value / devices["rram_wan2022"].on_off_ratio.value == 0.001
    endurances = [devices[name].writing.endurance_writes.value for name in ("nor_flash", "rram_1t1r", "stt_mram")]  # type: ignore[union-attr]
    assert endurances == sorted(endurances)


# --- laws as numbers ----------------------------------------------------------------------------------------------


def test_coefficients_are_shares_of_full_scale_times_their_strength() -> None:
    assert law().numbers(0.0) == {"programming_c0": 0.2, "programming_c1": 0.0}
    assert law().numbers(1e6) == pytest.approx({"programming_c0": 0.6, "programming_c1": 0.2})
    assert law().numbers(10.0) == pytest.approx({"programming_c0": 0.4, "programming_c1": 0.1})


def test_a_saturating_law_has_a_height_and_a_reach() -> None:
    found = law(form="saturating", ages_s=[1.0], coefficients=[[4.0, 5.0]]).numbers(1.0)
    assert found == pytest.approx({"programming_height": 0.8, "programming_reach": 0.5})


@pytest.mark.parametrize(("changes", "reason"), [
    ({"ages_s": [1.0]}, "one length"),
    ({"ages_s": [2.0, 1.0]}, "rise"),
    ({"ages_s": [0.0, 1.0]}, "positive"),
    ({"form": "saturating", "coefficients": [[1.0, 2.0, 3.0], [1.0, 2.0]]}, "1 to 2 coefficients"),
])  # fmt: skip
def test_a_law_that_is_no_fit_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        law(**changes)


def test_age_and_compensation_are_numbers_of_devices_that_age_alone() -> None:
    pcm = AgedCell.model_validate({**DEVICES["pcm"], "age_s": 3600.0, "compensation": "none", "remapping": "rows"})
    found = device_numbers(pcm)
    assert found["age_s"] == 3600.0
    assert found["is_compensated"] == 0.0
    assert found["is_remapped_by_rows"] == 1.0
    assert "age_s" not in device_numbers(AgedCell.model_validate({**DEVICES["stt_mram"], "age_s": 3600.0}))


def forward_numbers(settings: Any) -> dict[str, float]:
    graph = example_graph()
    errors = SIMULATOR.errors(graph, example_formats(graph, 8.0), settings)
    return dict(next(spec for (_, role), spec in errors.items() if role == "forward").numbers)


def test_what_is_off_adds_nothing_to_the_numbers_of_a_machine() -> None:
    """So accuracies that were measured stay what they were."""
    named = {"least_step_levels", "is_analog", "age_s", "has_nodal_wires", "is_remapped_by_rows"}
    assert not named & forward_numbers(isaac()).keys()


@pytest.mark.parametrize(("changes", "name", "value"), [
    ({"adc__least_step_levels": 0.0}, "least_step_levels", 0.0),
    ({"cell__has_nodal_wires": True}, "has_nodal_wires", 1.0),
    ({"cell__remapping": "pairs"}, "is_remapped_by_pairs", 1.0),
    ({"array__is_centred": True, "array__encoding": "differential"}, "is_centred", 1.0),
    ({"conversion": "leading_bits", "array__encoding": "differential"}, "is_leading", 1.0),
    ({"input_bits": 6}, "input_bits", 6.0),
])  # fmt: skip
def test_what_is_asked_for_reaches_the_numbers(changes: dict[str, Any], name: str, value: float) -> None:
    assert forward_numbers(isaac(**changes))[name] == value


# --- levels -------------------------------------------------------------------------------------------------------


def test_more_levels_than_the_device_has_are_infeasible_and_the_reason_names_the_remedy() -> None:
    magnetic = MemoryDevice.model_validate(DEVICES["stt_mram"])
    assert level_limit(1, magnetic) == ()
    (limit,) = level_limit(3, magnetic)
    assert limit.overshoot == pytest.approx(3.0)
    assert limit.reason == "cells of 3 bits need 8 levels and the device has 2: at most 1 bits a cell"


def test_the_machine_asks_for_its_levels() -> None:
    few = {**STRENGTH, "value": 2.0}
    limits = [SIMULATOR.limits([dense(64, 64)], isaac(**changes), example_context())
              for changes in ({}, {"cell__levels": few})]  # fmt: skip
    assert len(limits[1]) == len(limits[0]) + 1
    assert "at most 1 bits" in limits[1][0].reason


@pytest.mark.parametrize("remapping", ["sign", "pairs"])
def test_ways_around_stuck_cells_that_need_a_pair_are_infeasible_without_one(remapping: str) -> None:
    def broken(encoding: str, way: str) -> list[str]:
        settings = isaac(array__encoding=encoding, cell__remapping=way)
        found = SIMULATOR.limits([dense(64, 64)], settings, example_context())
        return [limit.reason for limit in found if float(limit.overshoot) > 0]

    (reason,) = broken("offset", remapping)
    assert reason.startswith(f"cell.remapping {remapping} needs a second array")
    assert reason.endswith("cell.remapping rows, or array.encoding differential")
    for encoding, way in (("offset", "rows"), ("offset", "none"), ("differential", remapping)):
        assert broken(encoding, way) == []


@pytest.mark.parametrize("name", ["memristive/isaac", "memristive/pipelayer"])
def test_machines_pick_their_device_off_the_shelf_and_may_take_another(name: str) -> None:
    text = yaml.safe_load((Path(ROOT) / "hwlib" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert text["parameters"]["cell"]["component"] == "memristive/rram_1t1r"
    cell = load_back_end(ROOT, name).settings.cell
    assert cell.g_on_msiemens.value == 0.01
    assert cell.programming_sigma_fraction.value == 0.038
