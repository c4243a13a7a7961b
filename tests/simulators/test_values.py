"""What measured values of operands make crossbars take: cells by digits and slices, spikes by ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from machine_cases import CROSSBAR, case, number, part, product

from joulescape.network.histograms import BINS, Histogram
from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, Operand
from joulescape.simulators._values import drive_square, pair_level, uniform_digit_square

PIPELAYER = case("memristive/pipelayer")


def all_at(step: int) -> Histogram:
    return tuple(float(place == step) for place in range(BINS))


def work(inputs: Histogram = (), weights: Histogram = (), mean: float = 0.5) -> MatrixWork:
    """Eight-bit operands, inputs that are never negative."""
    plain = product(Loops(K=16, C=64), 8)
    seen = Operand(64, 8, histogram=inputs, mean_fraction=mean, is_signed=False)
    return replace(plain, input=seen, weight=replace(plain.weight, histogram=weights))


def cells(found: MatrixWork, **settings: object) -> float:
    machine = CROSSBAR.at({key.replace("__", "."): value for key, value in settings.items()})
    return number(part(machine.cost(found)[0], "crossbar"))


def test_without_a_measurement_means_decide() -> None:
    assert number(drive_square(Operand(1, 8, mean_fraction=0.2), 8, 1)) == pytest.approx(0.2)
    assert number(drive_square(Operand(1, 8), 8, 2)) == pytest.approx(number(uniform_digit_square(0.5, 2)))
    assert number(pair_level(Operand(1, 8, mean_fraction=0.3), 8, 2)) == pytest.approx(0.15)


@pytest.mark.parametrize(("step", "ones"), [(0, 0), (1, 1), (3, 2), (13, 3), (255, 8)])
def test_cells_of_bit_serial_reads_take_as_many_ones(step: int, ones: int) -> None:
    """Whatever the mean says: 13 of 255 drives three reads of eight."""
    full = cells(work(all_at(255)))
    assert cells(work(all_at(step), mean=step / 255)) == pytest.approx(full * ones / 8)


def test_spikes_are_as_many_as_ones() -> None:
    """song2017: a spike for every bit that is set."""
    energies = [number(part(PIPELAYER.cost(work(all_at(step)))[0], "spike_read")) for step in (255, 13, 0)]
    assert np.asarray(energies) / energies[0] == pytest.approx([1, 3 / 8, 0])


def test_pairs_conduct_as_their_slices_say_and_offset_columns_do_not_ask() -> None:
    """0x55 has 1 in every slice of two bits, a third of full scale; the seventh bit has a slice of its own."""
    low, high = (cells(work(weights=all_at(step)), array__encoding="differential") for step in (0, 255))
    assert low < high
    assert cells(work(weights=all_at(0))) == cells(work(weights=all_at(255)))


def test_a_signed_operand_drives_one_bit_less() -> None:
    signed = Operand(1, 8, histogram=all_at(255))
    assert number(drive_square(signed, 8, 1)) == number(drive_square(replace(signed, is_signed=False), 7, 1)) == 1
