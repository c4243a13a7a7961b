"""The page on the wall of optical computing: its tables are what the benchmark prints, its sentences follow."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from benchmark_scripts import benchmark

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "photonic_wall.md").read_text(encoding="utf-8")


WALL = benchmark("photonic_wall")
placed = pytest.mark.parametrize("name", WALL.PLACES)


@cache
def tables() -> dict[str, str]:
    """The tables of the page by their headings, as the benchmark prints them."""
    return dict(WALL.tables())


def cells(heading: str) -> list[list[str]]:
    """Rows of a table without its head."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in tables()[heading].splitlines()[2:]]


@cache
def kinds(name: str, batch: int) -> dict[str, float]:
    back_end = WALL.load_back_end(ROOT, name, WALL.REUSED[name])
    found: dict[str, float] = WALL.by_kind(WALL.energy_parts(back_end, batch))
    return found


def test_every_table_of_the_page_is_computed() -> None:
    written = {heading: f"{heading}:\n\n{table}\n" in PAGE for heading, table in tables().items()}
    assert len(written) >= len(WALL.PLACES)
    assert [heading for heading, is_there in written.items() if not is_there] == []


def test_seven_bits_are_the_end() -> None:
    for machine, *found, most in cells("Effective bits of one channel by the light that reaches its receiver at 5 GHz"):
        assert most == "7.1", machine
        known = [float(bits) for bits in found if bits != "none"]
        assert known == sorted(known)
        assert known[-1] <= 7.1


@placed
def test_bits_and_size_cost_light_until_there_is_no_more(name: str) -> None:
    """Along sizes and along bits a line never takes less, and beyond what does not close nothing does."""
    rows = [row[1:] for row in cells(f"`{name}`, optical power of one line")]
    for line in [*rows, *map(list, zip(*rows, strict=True))]:
        powers = [float(cell.split()[0]) for cell in line if cell.endswith("mW")]
        assert powers == sorted(powers)
        assert [cell.endswith("mW") for cell in line] == [True] * len(powers) + [False] * (len(line) - len(powers))


def test_a_bit_costs_two_to_five_times_the_light_and_the_seventh_more() -> None:
    ratios: dict[bool, list[float]] = {True: [], False: []}
    for name in WALL.PLACES:
        for row in cells(f"`{name}`, optical power of one line"):
            powers = [float(cell.split()[0]) for cell in row[1:] if cell.endswith("mW")]
            for place, (less, more) in enumerate(pairwise(powers)):
                ratios[place == 3].append(more / less)
    assert min(ratios[False]) > 1.9
    assert max(ratios[False]) < 5.1
    assert min(ratios[True]) > 7.5
    assert max(ratios[True]) < 25.5


@placed
def test_light_is_a_growing_share_of_the_bill(name: str) -> None:
    def share(bits: int) -> float:
        places = dict.fromkeys(WALL.PLACES[name], 8) | {"adc.bits": bits}
        parts = WALL.energy_parts(WALL.load_back_end(ROOT, name, places), WALL.BATCH)
        return float(parts["laser"] / sum(parts.values()))

    shares = [share(bits) for bits in (3, 4, 5, 6)]
    assert shares == sorted(shares)


def test_what_dominates_changes_at_the_wall() -> None:
    for row in cells("`photonic/broadcast_weight`, pJ per MAC and its largest part"):
        assert ("transimpedance" if row[0] == "4" else "ring tuning") in row[1]
        assert all("laser" in cell for cell in row[3:] if not cell.startswith("only"))
    for row in cells("`photonic/mzi_mesh`, pJ per MAC and its largest part"):
        assert all("phase shifters" in cell for cell in row[1:] if not cell.endswith("bits"))


@pytest.mark.parametrize("name", WALL.REUSED)
def test_reuse_never_costs_and_every_kind_is_on_the_bill(name: str) -> None:
    bills = [kinds(name, batch) for batch in WALL.BATCHES]
    for less, more in pairwise(bills):
        assert sum(more.values()) <= sum(less.values()) * (1 + 1e-9)
    for found in bills:
        none = {kind for kind, value in found.items() if value == 0}
        assert none <= ({"digital"} if name == "photonic/deap_cnn" else set()), "one conversion needs no adder"


def test_a_reload_is_what_one_use_pays_for() -> None:
    for name, single in (("photonic/broadcast_weight", 17.3e3), ("photonic/mzi_mesh", 635e3)):
        assert sum(kinds(name, 1).values()) == pytest.approx(single, rel=0.01)
        assert sum(kinds(name, 4096).values()) < sum(kinds(name, 1).values()) / 3000


def test_memory_is_the_next_wall_where_nothing_is_reloaded() -> None:
    for name, fraction, used in (("photonic/lightning_transformer", 0.52, 0.47), ("photonic/tempo", 0.39, 0.18)):
        found, back_end = kinds(name, 4096), WALL.load_back_end(ROOT, name, {})
        assert found["memory"] / sum(found.values()) == pytest.approx(fraction, abs=0.01)
        cost = WALL.layer(back_end, 4096)
        assert cost.bound_by == "off_chip_memory"
        assert float(cost.utilisation_fraction) == pytest.approx(used, abs=0.01)


def test_waiting_receivers_would_add_to_tensor_cores() -> None:
    """What the page says they would, were they on all the time."""
    for name, more in (("photonic/lightning_transformer", 0.07), ("photonic/tempo", 0.18)):
        detection, cost = kinds(name, 4096)["detection"], WALL.layer(WALL.load_back_end(ROOT, name, {}), 4096)
        assert detection / float(cost.utilisation_fraction) - detection == pytest.approx(more, abs=0.006)


def test_only_known_parts_are_charged() -> None:
    with pytest.raises(KeyError, match="unheard"):
        WALL.by_kind({"unheard": 1.0})
