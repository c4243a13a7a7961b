"""Closed forms of crossbar design against published and hand-made values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape.simulators._values import uniform_digit_square
from joulescape.simulators.crossbar.converters import AdcScaling
from joulescape.simulators.crossbar.rules import (
    column_attenuation,
    input_cycles,
    lossless_adc_bits,
)

TABLE = AdcScaling(
    bits=(4, 6, 8), energy_pj=(1.0, 2.0, 4.0), area_mm2=(1.0, 1.0, 3.0), source="shafiee2016", where="made up"
)


@pytest.mark.parametrize(
    ("rows", "dac", "cell", "bits"), [(128, 1, 2, 9), (64, 1, 1, 7), (256, 1, 2, 10), (128, 2, 2, 11)]
)
def test_lossless_converter_bits(rows: int, dac: int, cell: int, bits: int) -> None:
    assert lossless_adc_bits(rows, dac, cell) == bits
    assert lossless_adc_bits(rows, dac, cell, is_flipped=True) == bits - 1


@given(st.integers(3, 10), st.integers(1, 4), st.integers(1, 4))
def test_lossless_bits_hold_the_largest_column_sum(log_rows: int, dac: int, cell: int) -> None:
    largest = 2**log_rows * (2**dac - 1) * (2**cell - 1)
    assert largest <= 2 ** lossless_adc_bits(2**log_rows, dac, cell)


CASES = [(128, 10, 0.948), (128, 1e6 / 6000, 0.559), (128, 500, 0.343), (32, 500, 0.852)]


def nodal_column(wire_kohm: float, g_msiemens: float, rows: int) -> float:
    """Current of a grounded column over its ideal, by Kirchhoff's law at every node: one segment between neighbours."""
    link = 1 / wire_kohm
    matrix = np.diag(np.full(rows, 2 * link + g_msiemens)) - np.diag(np.full(rows - 1, link), 1)
    matrix -= np.diag(np.full(rows - 1, link), -1)
    matrix[0, 0] -= link
    nodes = np.linalg.solve(matrix, np.full(rows, g_msiemens))
    return float(np.sum(g_msiemens * (1 - nodes)) / (rows * g_msiemens))


@pytest.mark.parametrize(("rows", "g_us", "expected"), CASES)
def test_ir_drop_of_a_column_at_one_ohm(rows: int, g_us: float, expected: float) -> None:
    closed = column_attenuation(0.001, g_us / 1e3, rows)
    exact = nodal_column(0.001, g_us / 1e3, rows)
    assert exact == pytest.approx(expected, rel=0.002)
    assert closed == pytest.approx(exact, rel=0.013)


def test_ir_drop_at_ten_microsiemens_is_the_published_case() -> None:
    assert column_attenuation(0.001, 0.01, 128) == pytest.approx(0.948, rel=0.005)


def test_no_wire_no_loss() -> None:
    assert column_attenuation(0.0, 0.01, 128) == 1.0


@given(st.integers(8, 512), st.floats(1e-5, 1e-2))
def test_ir_drop_grows_with_length_and_resistance(rows: int, wire: float) -> None:
    here = column_attenuation(wire, 0.01, rows)
    assert 0 < column_attenuation(wire, 0.01, 2 * rows) < here <= 1
    assert column_attenuation(2 * wire, 0.01, rows) < here


def test_converter_scaling_is_exact_at_points_and_log_linear_between() -> None:
    assert float(np.asarray(TABLE.factor(8, 8, "energy_pj"))) == pytest.approx(1.0)
    assert float(np.asarray(TABLE.factor(4, 8, "energy_pj"))) == pytest.approx(0.25)
    assert float(np.asarray(TABLE.factor(7, 8, "energy_pj"))) == pytest.approx(math.sqrt(0.5))
    assert float(np.asarray(TABLE.factor(5, 8, "area_mm2"))) == pytest.approx(1 / 3)


def test_a_signed_input_drives_its_sign_in_a_cycle_of_its_own() -> None:
    assert [int(input_cycles(8, signed, dac)) for signed in (False, True) for dac in (1, 2, 4)] == [8, 4, 2, 8, 5, 3]


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_mean_square_of_uniform_digits(bits: int) -> None:
    digits = np.arange(2**bits) / (2**bits - 1)
    assert float(np.asarray(uniform_digit_square(0.5, bits))) == pytest.approx(float(np.mean(digits**2)))
