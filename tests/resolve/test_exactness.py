"""An exact entry is measured with one draw: what draws anything is refused before any work."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from joulescape.errors import SpecError
from joulescape.network.error_spec import ErrorSpec
from joulescape.resolve.design_space import resolve_space
from joulescape.spec.document import Document

ROOT = Path(__file__).resolve().parents[2]
LOW = "electronic/systolic_undervolted"
HIGH_V = {"hardware": {LOW: {"supply.voltage_v": 0.9}}}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with machines that draw and call themselves exact."""
    root = tmp_path_factory.mktemp("project")
    for folder in ("hwlib", "models"):
        shutil.copytree(ROOT / folder, root / folder)
    shutil.copy(ROOT / "pyproject.toml", root)
    for name in (LOW, "electronic/minerva", "photonic/tempo"):
        path = root / "hwlib" / f"{name}.yaml"
        text = path.read_text(encoding="utf-8")
        assert "equivalence: approximate" in text
        path.write_text(text.replace("equivalence: approximate", "equivalence: exact"), encoding="utf-8")
    return root


def resolved(root: Path, *names: str, **more: Any) -> Any:
    content = {
        "question": "?", "task": "digits", "networks": ["digits_mlp"], "back_ends": list(names),
        "phases": ["inference"], "objectives": {"accuracy_fraction": "maximize", "inference_energy_pj": "minimize"},
        "budget": {"trials": 4}, **more,
    }  # fmt: skip
    return resolve_space(Document("q.yaml", content), root, "q")


@pytest.mark.parametrize(
    ("name", "drawn_by"),
    [(LOW, "fault_fraction"), ("electronic/minerva", "weight_fault_fraction"), ("photonic/tempo", "tensor_core")],
)
def test_an_exact_entry_that_draws_is_refused_with_what_draws(shelf: Path, name: str, drawn_by: str) -> None:
    with pytest.raises(SpecError) as caught:
        resolved(shelf, "electronic/systolic_int8", name)
    (fault,) = caught.value.faults
    assert fault.path == "back_ends.1"
    assert f"where {drawn_by} draws" in fault.value
    assert f"equivalence: approximate in hwlib/{name}.yaml" in fault.expected


def test_values_at_which_nothing_is_drawn_are_taken_and_domains_are_checked_at_their_ends(shelf: Path) -> None:
    assert resolved(shelf, LOW, **HIGH_V).pairs
    domain = {"kind": "float", "low": 0.7, "high": 0.9}
    for low, is_drawn in ((0.85, False), (0.7, True)):
        asked = {"hardware": {LOW: {"supply.voltage_v": {**domain, "low": low}}}}
        if is_drawn:
            with pytest.raises(SpecError, match="fault_fraction"):
                resolved(shelf, LOW, **asked)
        else:
            assert resolved(shelf, LOW, **asked).pairs


def test_the_shelf_keeps_its_word() -> None:
    exact = ["electronic/systolic_int8", "electronic/sram_bit_serial", "electronic/lnpu", "electronic/gpu_v100"]
    assert len(resolved(ROOT, *exact).pairs) == len(exact)


def test_a_kind_that_nobody_vouches_for_draws() -> None:
    assert ErrorSpec("a_guests", "fc", "forward", {}).drawn_by == "a_guests"
    assert ErrorSpec("fixed_point", "fc", "forward", {"weight_fault_fraction": 0.0}).drawn_by is None
    assert (
        ErrorSpec("fixed_point", "fc", "forward", {"weight_fault_fraction": 1e-9}).drawn_by == "weight_fault_fraction"
    )
