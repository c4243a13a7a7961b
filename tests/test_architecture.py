"""The house holds: layers, quiet imports, ceilings."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "src" / "joulescape").rglob("*.py"))
HEAVY = ("torch", "optuna", "ray", "altair", "jinja2", "sklearn")
HOMES = {
    "torch": ("numerics", "accuracy"),
    "optuna": ("search",),
    "ray": ("search",),
    "altair": ("report",),
    "jinja2": ("report",),
    "sklearn": ("accuracy",),
}


def functions(path: Path) -> list[tuple[str, int]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [(n.name, (n.end_lineno or n.lineno) - n.lineno + 1) for n in ast.walk(tree) if isinstance(n, kinds)]


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


def test_layers_hold() -> None:
    found = subprocess.run([Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("library", sorted(HOMES))
def test_heavy_libraries_live_in_their_rooms_only(library: str) -> None:
    homes = tuple(ROOT / "src" / "joulescape" / home for home in HOMES[library])
    strangers = [p for p in SOURCES if library in imported(p) and not any(p.is_relative_to(home) for home in homes)]
    assert strangers == []


@pytest.mark.parametrize(
    "module", ["joulescape.cli", "joulescape.resolve.design_space", "joulescape.pricing", "joulescape.validation"]
)
def test_importing_the_light_half_is_torch_free(module: str) -> None:
    code = f"import {module}, sys; print(*[n for n in {HEAVY + ('polars', 'scipy')!r} if n in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_ceilings(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
    assert [name for name, lines in functions(path) if lines > 60] == []


def test_the_median_function_is_short() -> None:
    assert statistics.median(lines for path in SOURCES for _, lines in functions(path)) < 12


def test_there_is_at_least_as_much_test_as_source() -> None:
    def lines(paths: list[Path]) -> int:
        return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)

    assert lines(sorted((ROOT / "tests").rglob("*.py"))) >= lines(SOURCES)


def test_every_public_name_has_a_docstring() -> None:
    naked = [f"{path.relative_to(ROOT)}:{name}" for path in SOURCES for name in undocumented(path)]
    assert naked == []


def undocumented(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.ClassDef)
    nodes = [n for n in tree.body if isinstance(n, kinds) and not n.name.startswith("_")]
    return [n.name for n in nodes if ast.get_docstring(n) is None] + ([] if ast.get_docstring(tree) else ["module"])


def test_no_python_outside_the_package_and_the_tests() -> None:
    shelves = [ROOT / name for name in ("spaces", "models", "hwlib", "rules")]
    assert [path for shelf in shelves for path in shelf.rglob("*.py")] == []
