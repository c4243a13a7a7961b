"""How far from the best a mapping may be over all unrollings: a bound that holds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping_cases import small

from joulescape.network.operators import Loops
from joulescape.simulators._mapping.layer import Layer
from joulescape.simulators._mapping.mapper import Effort
from joulescape.simulators._mapping.objectives import Objective
from joulescape.simulators._mapping.unrolling_search import map_freely, value_of

SHORT = Effort(most_rounds=1, most_mappings=0)
LOOPS = st.builds(Loops, **{name: st.integers(1, 5) for name in ("B", "K", "C", "OX", "FX")})


@given(LOOPS, st.sampled_from(["energy", "latency", "edp"]))
@settings(max_examples=15, deadline=None)
def test_no_mapping_of_any_unrolling_is_better_than_the_gap_allows(loops: Loops, objective: Objective) -> None:
    layer, machine = Layer(loops), small((32, 48, 900))
    short = map_freely(layer, machine, objective, most_unrollings=1000, effort=SHORT)
    proven = map_freely(layer, machine, objective, most_unrollings=1000)
    found, least = (value_of(one.mapped, objective)[0] for one in (short, proven))
    assert 0 <= short.gap_fraction <= 1
    assert found * (1 - short.gap_fraction) <= least * (1 + 1e-9)
    assert short.gap_fraction > 0 or found == pytest.approx(least)


def test_unrollings_that_were_not_tried_are_never_called_beaten() -> None:
    layer, machine = Layer(Loops(K=8, C=8, OX=8, FX=3)), small((32, 48, 900))
    cut = map_freely(layer, machine, "energy", most_unrollings=1)
    least = value_of(map_freely(layer, machine, "energy", most_unrollings=1000).mapped, "energy")[0]
    assert cut.is_truncated
    assert cut.gap_fraction > 0
    assert value_of(cut.mapped, "energy")[0] * (1 - cut.gap_fraction) <= least * (1 + 1e-9)
