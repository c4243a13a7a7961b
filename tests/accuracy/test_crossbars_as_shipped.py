"""What programming errors of shipped crossbar machines cost, and how weights are cut into slices decides how much."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from joulescape.accuracy.measure import measure
from joulescape.compression.pipeline import describe
from joulescape.network.fidelity import Fidelity
from joulescape.network.operators import Graph
from joulescape.resolve.back_end import load_back_end

ROOT = Path(__file__).resolve().parents[2]
EXACT = {f"cell.programming_sigma_fraction.{end}": 0.0 for end in ("value", "low")}
CHIPS = 8
Chips = Callable[..., Any]


@pytest.fixture(scope="module")
def chips(small: Graph, recipe: Callable[..., Any], networks_dir: Path) -> Chips:
    """Accuracies of drawn chips of an entry, with changed settings by dotted path."""

    def found(name: str, changes: dict[str, Any] | None = None, draws: int = CHIPS) -> Any:
        network, how = describe(small, ()), recipe(equivalence="approximate")
        machine = load_back_end(ROOT, f"memristive/{name}", changes or {}).machine("system")
        fidelity = Fidelity(rung="full", split="test", draws=draws)
        return np.array(measure(network, machine.errors(network), how, fidelity, 0, networks_dir).accuracy_fraction)

    return found


@pytest.mark.parametrize("name", ["pipelayer", "raella"])
def test_exact_cells_lose_nothing_and_shipped_ones_do(chips: Chips, name: str) -> None:
    """The loss that docs/crossbar_accuracy.md shows is that of writing, not of converters or centres."""
    ideal = chips("isaac", EXACT, draws=1)[0]
    assert chips(name, EXACT, draws=1)[0] == pytest.approx(ideal, abs=0.01)
    shipped = chips(name)
    assert shipped.mean() < ideal - 0.02
    assert shipped.std() > 0.005


def test_slices_of_two_bits_keep_what_three_lose(chips: Chips) -> None:
    """Eight bits in slices of 3: the first holds at most two, and errs by a share of all its levels at a weight of 64.

    The largest errors of a weight are sigma (2^b - 1) 2^(b (n - 1)): 8.5, 3.6 and 4.6 units at 3, 2 and 4 bits.
    """
    shipped, two, four = chips("raella"), chips("raella", {"cell.bits": 2}), chips("raella", {"cell.bits": 4})
    assert min(two.mean(), four.mean()) > shipped.mean() + 0.02
    assert max(two.std(), four.std()) < shipped.std()
