"""Laws of cutting a product into tiles."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ring_bank_cases import work

from joulescape.network.operators import Loops
from joulescape.simulators._tiling import RETICLE_MM2, Tiling, optics_mm2, reticle_limit
from joulescape.simulators.base import Area, Component

tilings = st.builds(
    Tiling, groups=st.integers(1, 4), reduction=st.integers(1, 300), outputs=st.integers(1, 300),
    positions=st.integers(1, 50), rows=st.integers(1, 64), columns=st.integers(1, 64),
)  # fmt: skip


@given(tilings)
def test_tiles_cover_the_matrix_and_no_more_than_one_a_side_is_broken(cut: Tiling) -> None:
    assert cut.down * cut.rows >= cut.outputs > (cut.down - 1) * cut.rows
    assert cut.across * cut.columns >= cut.reduction > (cut.across - 1) * cut.columns
    assert cut.tiles == cut.groups * cut.down * cut.across


@given(tilings)
def test_inputs_meet_every_row_of_tiles_and_sums_every_column(cut: Tiling) -> None:
    assert cut.sent == cut.groups * cut.reduction * cut.positions * cut.down
    assert cut.received == cut.groups * cut.outputs * cut.positions * cut.across
    assert cut.received - cut.added == cut.groups * cut.outputs * cut.positions


@given(tilings)
def test_a_tile_that_holds_all_sends_and_reads_once(cut: Tiling) -> None:
    whole = Tiling(cut.groups, cut.reduction, cut.outputs, cut.positions, rows=300, columns=300)
    assert whole.tiles == cut.groups
    assert whole.added == 0
    assert whole.sent <= cut.sent
    assert whole.received <= cut.received


def test_a_convolution_is_its_im2col_matrix() -> None:
    cut = Tiling.of(work(Loops(B=2, G=3, K=10, C=4, OY=5, OX=6, FY=3, FX=3)), rows=8, columns=16)
    assert (cut.groups, cut.reduction, cut.outputs, cut.positions) == (3, 36, 10, 60)
    assert (cut.down, cut.across) == (2, math.ceil(36 / 16))


@pytest.mark.parametrize(("mm2", "fits"), [(0.5 * RETICLE_MM2, True), (RETICLE_MM2, True), (1.1 * RETICLE_MM2, False)])
def test_one_exposure_bounds_a_chip(mm2: float, fits: bool) -> None:
    component = Component("optics", "core", "derived", "joulescape")
    limit = reticle_limit([Area(component, mm2 / 2), Area(component, mm2 / 2)], "this", {})
    assert (limit.overshoot <= 0) is fits
    assert limit.reason.startswith("this takes more than the 858 mm2")


@given(st.floats(0.01, 2000.0), st.floats(0.0, 2000.0))
def test_the_largest_number_that_fits_is_found(each: float, fixed: float) -> None:
    component = Component("optics", "core", "derived", "joulescape")

    def area_of(number: int) -> float:
        return fixed + each * number

    limit = reticle_limit([Area(component, RETICLE_MM2 * 2)], "this", {"at most {} fit": (area_of, 1)})
    said = limit.reason.split("at most ")[-1].split(" fit")[0]
    if area_of(1) > RETICLE_MM2:
        assert limit.reason.endswith("none of its numbers alone makes it fit")
    else:
        assert area_of(int(said)) <= RETICLE_MM2 < area_of(int(said) + 1)


def test_what_lies_off_the_chip_takes_none_of_it() -> None:
    components = [Component("any", scope, "derived", "joulescape") for scope in ("core", "chip", "system")]  # type: ignore[arg-type]
    assert optics_mm2([Area(component, 1.0) for component in components]) == 1.0
