"""Device quantities: which constant is which, and what a machine without one says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from gap_designs import ISAAC, MESH, design

from joulescape.gap.levers import Lever, levers
from joulescape.gap.quantities import LASER_AS_ASKED, NONE_OF, QUANTITIES, TRAINED_ALONE, absent, costliest, quantity_of
from joulescape.gap.variation import VARIATION
from joulescape.spec.base import Shape
from joulescape.spec.sourced import Sourced


@pytest.mark.parametrize(
    ("path", "quantity"),
    [
        ("adc.energy_pj", "converter energy"), ("weights.dac.power_mw", "converter energy"),
        ("laser.wall_plug_fraction", "laser efficiency"), ("laser.coupling_loss_db", None),
        ("cell.writing.energy_pj", "write energy"), ("cell.writing.pulse_ns", None),
        ("bench.source_mw", "source power"), ("idle_fraction", None), ("host.leakage_mw", None),
    ],
)  # fmt: skip
def test_a_constant_is_of_one_quantity_or_of_none(path: str, quantity: str | None) -> None:
    assert quantity_of(path) == quantity
    assert quantity is None or quantity in QUANTITIES


def test_every_quantity_is_among_the_constants_or_said_to_be_absent() -> None:
    for back_end in (ISAAC, MESH):
        machine = design(back_end).typical
        every = list(levers(machine).values())
        told = {row["quantity"] for row in absent(machine, every, is_measured=True)}
        assert told | set(costliest(machine, every)) | {VARIATION} == set(QUANTITIES)
        assert told.isdisjoint(costliest(machine, every)) and VARIATION not in told


def test_the_first_of_a_quantity_stands_for_it() -> None:
    machine = design(ISAAC).typical
    every = list(levers(machine).values())
    for order in (every, every[::-1]):
        first = next(one for one in order if quantity_of(one.path) == "converter energy")
        assert costliest(machine, order)["converter energy"] is first


def test_who_has_no_laser_and_who_has_no_source_say_it_in_their_own_words() -> None:
    told = {
        (back_end, row["quantity"]): row["reason"]
        for back_end in (ISAAC, MESH)
        for row in absent(design(back_end).typical, list(levers(design(back_end).typical).values()), is_measured=True)
    }
    assert told[ISAAC, "laser efficiency"] == NONE_OF["laser efficiency"]
    assert told[ISAAC, "source power"] == NONE_OF["source power"]
    assert told[MESH, "source power"] == LASER_AS_ASKED and told[MESH, "write energy"] == NONE_OF["write energy"]


def test_a_spread_that_nobody_measured_has_its_value_of_today_and_no_verdict() -> None:
    machine = design(ISAAC).typical
    (row,) = (
        one
        for one in absent(machine, list(levers(machine).values()), is_measured=False)
        if one["quantity"] == VARIATION
    )
    assert (row["verdict"], row["parameters"]) == ("infeasible", "cell.programming_sigma_fraction")
    assert row["low"] <= row["today"] <= row["high"] and row["source"] and "not known" in row["reason"]


def cost(value: float) -> Sourced:
    return Sourced(value=value, low=0.0, high=9.0, basis="assumed", source="joulescape", where="mirrors")


class Parts(Shape):
    converter_pj: Sourced
    source_mw: Sourced


class Bench(Shape):
    interface: str
    bench: Parts
    integrated: Parts


def test_an_interface_that_was_not_chosen_has_no_say_and_a_cost_of_nothing_is_said() -> None:
    settings = Bench(
        interface="bench",
        bench=Parts(converter_pj=cost(0.0), source_mw=cost(5.0)),
        integrated=Parts(converter_pj=cost(2.0), source_mw=cost(3.0)),
    )
    machine = cast(Any, SimpleNamespace(own=SimpleNamespace(settings=settings), equivalence="own"))
    paths = ("integrated.converter_pj", "integrated.source_mw", "bench.source_mw")
    every = [Lever(path, "source", cost(2.0), "mW", 0.0) for path in paths]
    assert {name: one.path for name, one in costliest(machine, every).items()} == {"source power": "bench.source_mw"}
    told = {row["quantity"]: row["reason"] for row in absent(machine, every, is_measured=True)}
    assert told["converter energy"] == "bench.converter_pj is 0: mirrors"
    assert told[VARIATION] == TRAINED_ALONE
