"""The name of a measurement holds the code that it follows from: an edit there, and nowhere else, measures anew."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import joulescape
from joulescape import source
from joulescape.accuracy import code
from joulescape.accuracy.code import PACKAGES, code_behind
from joulescape.accuracy.keys import accuracy_key
from joulescape.compression.pipeline import describe
from joulescape.evaluation.case import Case
from joulescape.network.fidelity import Fidelity
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
