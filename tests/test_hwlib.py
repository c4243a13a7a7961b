"""The open shelves hold: every YAML loads, every number has a source, every assumption its bounds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bibtexparser
import pytest
import yaml

from joulescape.pricing.products import product_figures
from joulescape.resolve.back_end import load_back_end
from joulescape.resolve.shelves import back_end_names
from joulescape.simulators._electronics import KINDS as ELECTRONIC_KINDS
from joulescape.simulators._photonics import KINDS as PHOTONIC_KINDS
from joulescape.simulators.base import SCOPES
from joulescape.simulators.crossbar.devices import KINDS as MEMORY_KINDS
from joulescape.spec.back_end import OffChipSpec, PartSpec
from joulescape.spec.sourced import CORNERS, Sourced, at_corner, sourced_values

ROOT = Path(__file__).resolve().parents[1]
HWLIB = ROOT / "hwlib"
FILES = sorted(HWLIB.rglob("*.yaml"))
BACK_ENDS = back_end_names(ROOT)
with (HWLIB / "references.bib").open(encoding="utf-8") as text:
    ENTRIES: list[dict[str, str]] = bibtexparser.load(text).entries
KEYS = {entry["ID"] for entry in ENTRIES}
KINDS = {**PHOTONIC_KINDS, **ELECTRONIC_KINDS, **MEMORY_KINDS}


def content(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def mappings(value: Any, path: str = "") -> Iterator[tuple[str, dict[Any, Any]]]:
    """Every mapping below `value`, with its path."""
    if isinstance(value, dict):
        yield path, value
        for key, item in value.items():
            yield from mappings(item, f"{path}.{key}")
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from mappings(item, f"{path}.{index}")


def test_the_shelf_holds_electronic_back_ends_and_off_chip_memories() -> None:
    assert {"electronic/systolic_int8", "electronic/scalar_core"} <= set(BACK_ENDS)
    assert {"lpddr4", "ddr3", "hbm2"} <= {path.stem for path in (HWLIB / "components").glob("*.yaml")}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HWLIB)))
def test_every_source_is_in_the_bibliography(path: Path) -> None:
    sources = {(where, item["source"]) for where, item in mappings(content(path)) if "source" in item}
    assert sources, "a library file without any source"
    unknown = [(where, source) for where, source in sources if source not in KEYS]
    assert unknown == []


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HWLIB)))
def test_every_sourced_value_is_complete(path: Path) -> None:
    for where, item in mappings(content(path)):
        if "basis" in item:
            constant = Sourced.model_validate(item)
            assert constant.where, f"{where} does not say where in {constant.source}"
            if constant.basis == "assumed":
                assert constant.low < constant.high, f"{where} is assumed and claims to be exact"  # type: ignore[operator]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HWLIB)))
def test_no_number_is_text(path: Path) -> None:
    """YAML reads 1e-3 as text: every leaf that looks like a number is one."""
    for where, item in mappings(content(path)):
        for key, value in item.items():
            if isinstance(value, str):
                with pytest.raises(ValueError, match="could not convert"):
                    pytest.fail(f"{where}.{key} is the text {value!r}: {float(value)}")


@pytest.mark.parametrize("name", BACK_ENDS)
def test_every_back_end_loads_and_answers_at_every_corner(name: str) -> None:
    back_end = load_back_end(ROOT, name)
    assert sourced_values(back_end.settings), "a machine without a sourced number"
    for corner in CORNERS:
        settings = at_corner(back_end.settings, corner)
        assert back_end.simulator.area(settings)
        assert all(float(part.area_mm2) >= 0 for part in back_end.simulator.area(settings))


@pytest.mark.parametrize("name", BACK_ENDS)
def test_components_are_named_once_and_consistently(name: str) -> None:
    """Area names each component once; a component keeps its scope; sources of components are in the bibliography."""
    back_end = load_back_end(ROOT, name)
    areas = [part.component for part in back_end.simulator.area(back_end.settings)]
    powers = [part.component for part in back_end.simulator.static_power(back_end.settings)]
    assert len({component.name for component in areas}) == len(areas)
    assert len({component.name for component in powers}) == len(powers)
    for component in (*areas, *powers):
        assert component.name == component.name.lower().replace(" ", "_")
        assert component.scope in SCOPES
        assert component.source.split(";")[0] in KEYS, component
    scopes = {component.name: component.scope for component in areas}
    assert all(scopes.get(component.name, component.scope) == component.scope for component in powers)


@pytest.mark.parametrize("name", BACK_ENDS)
def test_published_rows_are_about_figures_that_exist(name: str) -> None:
    for row in load_back_end(ROOT, name).spec.published:
        changed = load_back_end(ROOT, name, row.overrides)
        if row.role == "claim" and row.against is None:
            assert row.reason, row.what
        elif row.products:
            assert row.what in product_figures(changed, row.products, row.bits), row.what
        elif row.workload is None:
            assert row.what in changed.simulator.published(changed.settings), row.what
        else:
            assert (ROOT / "models" / f"{row.workload}.yaml").exists(), row.workload


@pytest.mark.parametrize("path", sorted((HWLIB / "components").glob("*.yaml")), ids=lambda p: p.stem)
def test_off_chip_memories_load(path: Path) -> None:
    raw = content(path)
    if raw.get("kind") == "off_chip_memory":
        spec = OffChipSpec.model_validate(raw)
        assert spec.read_pj_per_bit.low <= spec.read_pj_per_bit.value <= spec.read_pj_per_bit.high  # type: ignore[operator]
        assert 1 < spec.bandwidth_gbps.value < 1e5


def test_memories_rank_as_the_literature_has_them() -> None:
    """Energy a bit: DDR3 > DDR4 > LPDDR3 > GDDR5 > LPDDR4 > HMC > HBM > HMC from its own base die > HBM2; stacked and
    graphics memories are the fast ones."""
    ranked = ("ddr3", "ddr4", "lpddr3", "gddr5", "lpddr4", "hmc", "hbm1", "hmc_vault", "hbm2")
    specs = {name: OffChipSpec.model_validate(content(HWLIB / "components" / f"{name}.yaml")) for name in ranked}
    energies = [specs[name].read_pj_per_bit.value for name in ranked]
    assert energies == sorted(energies, reverse=True)
    slowest = min(specs[name].bandwidth_gbps.value for name in ("gddr5", "hmc", "hbm1", "hbm2"))
    assert slowest > 3 * max(specs[name].bandwidth_gbps.value for name in ("ddr3", "ddr4", "lpddr3", "lpddr4"))
    assert specs["hmc"].bandwidth_gbps.value == 16 * specs["hmc_vault"].bandwidth_gbps.value


def test_bibliography_entries_are_complete_and_unique() -> None:
    assert len(KEYS) == len(ENTRIES)
    for entry in ENTRIES:
        assert {"title", "year"} <= entry.keys(), entry["ID"]
        assert "author" in entry or "organization" in entry, entry["ID"]
        assert entry["year"].isdigit(), entry["ID"]


PARTS = sorted((HWLIB / "components").glob("*/*.yaml"))


@pytest.mark.parametrize("path", PARTS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_part_has_the_shape_of_its_kind_at_every_corner(path: Path) -> None:
    spec = PartSpec.model_validate(content(path))
    settings = KINDS[spec.kind].model_validate(spec.parameters)
    assert sourced_values(settings)
    for corner in CORNERS:
        at_corner(settings, corner)


def test_the_shelf_has_every_kind_of_part() -> None:
    kinds = [PartSpec.model_validate(content(path)).kind for path in PARTS]
    assert set(kinds) == set(KINDS)
    assert kinds.count("phase_shifter") == 4
    assert kinds.count("modulator") == 8


def test_columns_of_the_literature_are_corners() -> None:
    """Conservative, moderate, aggressive (shiflett2021): pessimistic, typical, optimistic."""
    ring = KINDS["router"].model_validate(content(HWLIB / "components/photonic/router_albireo.yaml")["parameters"])
    found = [at_corner(ring, corner).static_mw.value for corner in ("pessimistic", "typical", "optimistic")]  # type: ignore[attr-defined]
    assert found == [3.1, 0.388, 0.155]
