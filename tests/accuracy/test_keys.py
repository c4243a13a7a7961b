"""The name of a measurement holds the code that it follows from: an edit there, and nowhere else, measures anew."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from copy import deepcopy
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

import joulescape
from joulescape import source
from joulescape.accuracy import code
from joulescape.accuracy.code import PACKAGES, code_behind
from joulescape.accuracy.keys import accuracy_key
from joulescape.compression.pipeline import describe
from joulescape.evaluation.case import Case
from joulescape.network.fidelity import Fidelity
from joulescape.resolve.back_end import load_back_end
from joulescape.resolve.single import single

ROOT = Path(__file__).resolve().parents[2]
PRUNE = {"compression.prune.density": "0.5"}
QUANTIZE = {"compression.quantize.weight_bits": "4", "compression.quantize.activation_bits": "8"}
DESIGNS = {
    "exact": ("digits_mlp", "electronic/systolic_int8", {}),
    "pruned": ("digits_mlp", "electronic/systolic_int8", {"compression.prune.granularity": "element", **PRUNE}),
    "crossbar": ("digits_mlp", "memristive/isaac", {}),
    "mesh": ("digits_mlp", "photonic/mzi_mesh", QUANTIZE),
    "own": ("shg_digits", "physical/shg", {}),
}


@pytest.fixture(scope="module")
def networks_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("networks")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the sources that may be edited: what runs stays as it is, what is digested is the copy."""
    folder = tmp_path / "joulescape"
    shutil.copytree(ROOT / "src" / "joulescape", folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(joulescape, "__file__", str(folder / "__init__.py"))
    yield folder
    code_behind.cache_clear()


def named(networks_dir: Path) -> dict[str, str]:
    code_behind.cache_clear()
    return {name: key(networks_dir, *design) for name, design in DESIGNS.items()}


def key(networks_dir: Path, network: str, back_end: str, sets: dict[str, str]) -> str:
    space, candidate = single(network, back_end, ROOT, sets)
    case = Case.of(candidate, space, Fidelity(), 0, None)
    errors = case.machine.errors(case.network)
    return accuracy_key(case.network, errors, space.recipe(candidate), Fidelity(), 0, networks_dir)


EVERY = set(DESIGNS)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("accuracy/measure.py", EVERY),
        ("accuracy/fine_tuning.py", EVERY),
        ("network/shapes.py", EVERY),
        ("compression/pipeline.py", EVERY),
        ("numerics/base.py", EVERY),
        ("accuracy/own_network.py", {"own"}),
        ("numerics/crossbar/device.py", {"crossbar"}),
        ("simulators/crossbar/rules.py", {"crossbar"}),
        ("numerics/mzi_mesh/device.py", {"mesh"}),
        ("numerics/shg/optics.py", {"own"}),
        ("compression/prune/elements.py", {"pruned"}),
        ("compression/quantize/__init__.py", {"mesh"}),
        ("simulators/systolic/matrix.py", set()),
        ("simulators/crossbar/roll_up.py", set()),
        ("pricing/metrics.py", set()),
        ("search/study.py", set()),
        ("report/figure.py", set()),
        ("accuracy/own_controls.py", set()),
    ],
)
def test_an_edit_measures_anew_exactly_what_follows_from_it(
    package: Path, networks_dir: Path, file: str, expected: set[str]
) -> None:
    before = named(networks_dir)
    path = package / file
    path.write_text(path.read_text() + "\n# edited\n")
    after = named(networks_dir)
    assert {name for name in DESIGNS if before[name] != after[name]} == expected


def test_another_version_of_a_package_measures_anew(networks_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = named(networks_dir)
    monkeypatch.setattr(code, "versions", lambda packages: ["torch 99"])
    after = named(networks_dir)
    code_behind.cache_clear()
    assert all(before[name] != after[name] for name in DESIGNS)


def test_the_code_of_a_key_can_be_read_back(networks_dir: Path) -> None:
    _, _, found = key(networks_dir, *DESIGNS["crossbar"]).partition("@")
    parts = dict(part.split("=") for part in found.split(","))
    assert {"joulescape.accuracy.measure", "joulescape.numerics.crossbar", PACKAGES} <= set(parts)
    assert all(code_behind(name) == known for name, known in parts.items())


def test_a_guest_counts_with_every_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "guest_method").mkdir()
    (tmp_path / "guest_method" / "__init__.py").write_text("from guest_method.inner import x\n")
    inner = tmp_path / "guest_method" / "inner.py"
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for text in ("x = 1\n", "x = 2\n", "x = 1\n"):
        inner.write_text(text)
        found.append(source.code_of("guest_method"))
    assert found[0] == found[2] != found[1]


def test_describing_a_network_is_all_the_key_needs_of_it(networks_dir: Path) -> None:
    """Two spaces that come to the same network, machine and recipe share the measurement."""
    first, other = (
        single("digits_mlp", "memristive/isaac", ROOT, {"hardware.array.rows": rows}) for rows in ("128", "128")
    )
    found = set()
    for space, candidate in (first, other):
        network = describe(space.graphs["digits_mlp"], candidate.compression)
        errors = space.machine(candidate).errors(network)
        found.add(accuracy_key(network, errors, space.recipe(candidate), Fidelity(), 0, networks_dir))
    assert len(found) == 1


ACTS = {
    "cell.g_on_msiemens", "cell.on_off_ratio", "cell.programming_sigma_fraction", "cell.read_sigma_fraction",
    "cell.stuck_off_fraction", "cell.stuck_on_fraction", "cell.wire_kohm",
}  # fmt: skip
ACTS_IN_TRAINING = {
    f"training.{name}" for name in
    ("asymmetry", "cycle_noise", "states", "step_spread", "bound_spread", "imbalance_spread", "write_noise_fraction")
}  # fmt: skip
CHOICES = {
    "array.rows": "64", "adc.bits": "6", "adc.clip_fraction": "0.8", "cell.bits": "8", "array.is_centred": "true",
    "dac.bits": "2", "cell.copies": "2",
}  # fmt: skip
TRAINED = {"training.update_rule": "tiki_taka_buffered", "training.update_scheme": "pulses"}
COSTS = {"tiles": "99", "adc.per_crossbar": "2", "imas_per_tile": "4"}


ENDS = {"low": min, "high": max}


def constants(raw: Any, path: str = "") -> list[str]:
    """Paths of all constants with a source."""
    if not isinstance(raw, dict):
        return []
    if "basis" in raw:
        return [path]
    return [found for name, value in raw.items() for found in constants(value, f"{path}.{name}".lstrip("."))]


@pytest.mark.parametrize("trains", [False, True])
def test_a_constant_measures_anew_where_it_acts_and_nowhere_else(networks_dir: Path, trains: bool) -> None:
    """Every constant of a machine that is trained in place, each moved by a hundredth."""
    back_end = load_back_end(ROOT, "memristive/rpu")
    space, candidate = single("digits_mlp", "memristive/rpu", ROOT, {})
    network = describe(space.graphs["digits_mlp"], ())
    recipe, fidelity, raw = space.recipe(candidate), Fidelity(trains_on_machine=trains), back_end.settings.model_dump()

    def named(path: str | None) -> str:
        changed = deepcopy(raw)
        if path is not None:
            at = reduce(dict.__getitem__, path.split("."), changed)
            at["value"] = at["value"] * 0.99 or 0.01
            at.update({end: one(at[end], at["value"]) for end, one in ENDS.items() if at[end] is not None})
        settings = type(back_end.settings).model_validate(changed)
        errors = back_end.simulator.errors(network.graph, network.formats, settings)
        return accuracy_key(network, errors, recipe, fidelity, 0, networks_dir)

    known, paths = named(None), constants(raw)
    assert len(paths) > 40
    assert {path for path in paths if named(path) != known} == ACTS | (ACTS_IN_TRAINING if trains else set())


def crossbar_key(networks_dir: Path, fidelity: Fidelity, sets: dict[str, str]) -> str:
    space, candidate = single("digits_mlp", "memristive/rpu", ROOT, {f"hardware.{k}": v for k, v in sets.items()})
    case = Case.of(candidate, space, fidelity, 0, None)
    errors = case.machine.errors(case.network)
    return accuracy_key(case.network, errors, space.recipe(candidate), fidelity, 0, networks_dir)


@pytest.mark.parametrize(
    ("choices", "trains", "measures_anew"),
    [(CHOICES, False, True), (TRAINED, True, True), (TRAINED, False, False), (COSTS, True, False)],
)
def test_a_choice_measures_anew_where_it_acts_and_nowhere_else(
    networks_dir: Path, choices: dict[str, str], trains: bool, measures_anew: bool
) -> None:
    """What training meets names no accuracy of weights that were trained elsewhere; what only costs names none."""
    fidelity = Fidelity(trains_on_machine=trains)
    before = crossbar_key(networks_dir, fidelity, {})
    for path, value in choices.items():
        assert (crossbar_key(networks_dir, fidelity, {path: value}) != before) is measures_anew, path
