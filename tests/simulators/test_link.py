"""Laws of optical links: losses add, bits and power are each other's inverse, more light never means fewer bits."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape.simulators._link import Booster, Link, Path, Source
from joulescape.simulators._link_limits import link_limits
from joulescape.simulators._optics import Receiver, fraction
from joulescape.units import dbm_to_mw

FRONT = Receiver(1.0, 35e-6, 0.05, 300.0, -140.0, 5.0)
SOURCE = Source(wall_plug_fraction=0.2, max_mw=20.0, extinction_db=10.0)
SIMPLE = Link(Path((("coupling", 2.0), ("modulator", 1.2)), ways=4), SOURCE, FRONT)
LINKS = {
    "direct": SIMPLE,
    "balanced": replace(SIMPLE, detection="balanced", channels=8),
    "homodyne": replace(SIMPLE, detection="homodyne", local_mw=1.0),
    "boosted": replace(SIMPLE, detection="balanced", channels=4, booster=Booster(10.0, 7.0, 3.0)),
}
kinds = pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
powers = st.floats(-50.0, 5.0).map(dbm_to_mw)


@given(st.lists(st.floats(-10.0, 20.0), max_size=6), st.integers(1, 256))
def test_losses_add_and_a_split_divides(losses: list[float], ways: int) -> None:
    path = Path(tuple((str(i), loss) for i, loss in enumerate(losses)), ways)
    assert fraction(path.loss_db) == pytest.approx(fraction(sum(losses)) / ways, rel=1e-9)


def test_the_worst_loss_is_named() -> None:
    assert SIMPLE.path.worst == ("split into 4", pytest.approx(6.0206, rel=1e-4))
    assert replace(SIMPLE.path, ways=1).worst == ("coupling", 2.0)


@pytest.mark.parametrize(("dbm", "bits"), [(-20, 2.91), (-10, 6.00), (-5, 6.84)])
def test_direct_detection_of_one_channel_reaches_the_known_bits(dbm: float, bits: float) -> None:
    """Case G11."""
    assert SIMPLE.bits(dbm_to_mw(dbm)) == pytest.approx(bits, abs=0.05)


@kinds
@given(received=powers)
def test_bits_of_a_power_ask_for_that_power(link: Link, received: float) -> None:
    assert link.received_mw(link.bits(received)) == pytest.approx(received, rel=1e-5)


@kinds
@given(received=powers, more=st.floats(1.01, 10.0))
def test_more_light_never_means_fewer_bits(link: Link, received: float, more: float) -> None:
    assert link.bits(received) < link.bits(received * more) < link.ceiling_bits


@kinds
def test_no_power_reaches_the_ceiling(link: Link) -> None:
    assert link.bits(1e6) == pytest.approx(link.ceiling_bits, abs=1e-3)
    for bits in (link.ceiling_bits, link.ceiling_bits + 1):
        with pytest.raises(ValueError, match="ceiling"):
            link.received_mw(bits)


@kinds
@given(received=powers)
def test_every_noise_costs_bits(link: Link, received: float) -> None:
    quiet = link.bits(received)
    for change in ({"dark_ma": 1.0}, {"load_kohm": 0.01}, {"temperature_kelvin": 400.0}, {"rin_db_per_hz": -130.0}):
        assert replace(link, receiver=replace(FRONT, **change)).bits(received) < quiet, change  # type: ignore[arg-type]
    assert replace(link, receiver=replace(FRONT, rate_ghz=10.0)).bits(received) < quiet


@given(received=powers)
def test_light_of_other_channels_and_of_an_amplifier_is_noise(received: float) -> None:
    one = LINKS["balanced"]
    assert replace(one, channels=64).bits(received) < one.bits(received)
    assert replace(one, booster=Booster(10.0, 7.0, 3.0)).bits(received) < one.bits(received)
    assert replace(one, booster=Booster(10.0, 9.0, 3.0)).bits(received) < LINKS["balanced"].bits(received)


def test_an_amplifier_without_gain_adds_nothing() -> None:
    idle = replace(SIMPLE, booster=Booster(0.0, 7.0, 0.0))
    assert idle.ratio(0.01) == SIMPLE.ratio(0.01)


def test_an_amplified_link_cannot_beat_its_noise_figure() -> None:
    """At huge gain and quiet electronics the ratio^2 is P_in / (2 F h nu B): the amplifier's own limit."""
    gain_db, noise_db, received = 40.0, 6.0, 1.0
    quiet = Receiver(1.0, 0.0, 1e9, 300.0, -300.0, 5.0)
    link = replace(SIMPLE, receiver=quiet, booster=Booster(gain_db, noise_db, 0.0))
    entering = received / 10 ** (gain_db / 10)
    limit = entering / (2 * 10 ** (noise_db / 10) * 1.2816e-7 * 5.0 / 2**0.5)
    assert link.ratio(received) ** 2 == pytest.approx(limit, rel=1e-3)


@kinds
@pytest.mark.parametrize("bits", [1, 2, 3])
def test_a_matched_link_has_the_bits_that_were_asked(link: Link, bits: int) -> None:
    budget = link.matched(bits)
    assert budget.closes
    assert budget.bits == pytest.approx(bits, abs=1e-6)
    assert budget.line_mw <= SOURCE.max_mw
    assert budget.electrical_mw == pytest.approx(budget.line_mw / SOURCE.wall_plug_fraction)


@kinds
def test_a_link_that_cannot_close_takes_all_the_light_there_is(link: Link) -> None:
    budget = link.matched(12)
    assert not budget.closes
    assert budget.received_mw == link.most_mw
    assert budget.line_mw == pytest.approx(SOURCE.max_mw)
    assert budget.bits == pytest.approx(budget.reachable)


@pytest.mark.parametrize("bits", [5, 6])
def test_what_a_dark_link_says_would_close_it_closes_it(bits: int) -> None:
    dim = replace(SIMPLE, path=Path((("coupling", 18.0),)), source=replace(SOURCE, max_mw=1.0))
    budget = dim.matched(bits)
    assert not budget.closes
    reason = budget.reason()
    fewer = int(reason.split("close with ")[1].split(" bits")[0])
    assert dim.matched(fewer).closes and not dim.matched(fewer + 1).closes
    laser = float(reason.split("laser of ")[1].split(" mW")[0])
    assert replace(dim, source=replace(SOURCE, max_mw=laser)).matched(bits).closes
    assert not replace(dim, source=replace(SOURCE, max_mw=laser * 0.99)).matched(bits).closes
    less_db = float(reason.split(" dB less loss")[0].split()[-1])
    assert replace(dim, path=Path((("coupling", 18.0 - less_db),))).matched(bits).closes


def test_beyond_the_ceiling_only_fewer_bits_help() -> None:
    reason = SIMPLE.matched(9).reason()
    assert "it would close with 7 bits" in reason
    assert "dB less" not in reason
    hopeless = replace(SIMPLE, path=Path((("coupling", 60.0),))).matched(9).reason()
    assert hopeless.endswith("at no power: noise ends at 7.1 bits")


def test_a_given_power_beyond_the_laser_names_what_is_missing() -> None:
    lossy = replace(SIMPLE, path=Path((("coupling", 9.2),)))
    budget = lossy.given(2 * lossy.most_mw)
    assert budget.overshoot == pytest.approx(0.5)
    found = re.search(r"with (\S+) dBm received, or with 3.1 dB less loss or a laser of (\S+) mW", budget.reason())
    assert found, budget.reason()
    assert lossy.given(dbm_to_mw(float(found[1]))).closes
    assert not lossy.given(dbm_to_mw(float(found[1]) + 0.11)).closes
    assert 40 <= float(found[2]) <= 40.1


def test_no_remedy_is_named_that_nobody_has() -> None:
    """A laser above the brightest there is, and more than half of a path's loss, are none; then nothing alone does."""
    split = Path((("coupling", 2.0),), ways=4096)
    dim = replace(SIMPLE, path=split, source=replace(SOURCE, available_mw=SOURCE.max_mw))
    hopeless = dim.given(100 * dim.most_mw)
    assert "less loss" not in hopeless.reason() and "a laser of" not in hopeless.reason()
    beyond = dim.matched(6)
    assert not beyond.closes and beyond.reachable < 2
    assert beyond.reason().endswith("by none of its numbers alone")
    assert beyond.reason(["with less of it"]).endswith("it would close with less of it")


@given(received=powers)
def test_noise_fraction_is_the_inverse_ratio(received: float) -> None:
    budget = SIMPLE.given(received)
    assert budget.noise_fraction * SIMPLE.ratio(budget.received_mw) == pytest.approx(1.0)


@kinds
def test_noise_above_the_signal_is_a_limit_that_says_how_much_light_is_missing(link: Link) -> None:
    drowned = link_limits(link.given(1e-6))[1]
    assert drowned.overshoot > 0
    missing_db = float(drowned.reason.split("; ")[1].split(" dB")[0])
    enough = link.given(1e-6 * 10 ** (missing_db / 10))
    assert link_limits(enough)[1].overshoot <= 0
    assert link_limits(link.given(1e-6 * 10 ** (missing_db / 10) * 0.97))[1].overshoot > 0


def test_a_product_may_drown_where_its_detector_does_not() -> None:
    whole = LINKS["balanced"].given(dbm_to_mw(-18.0))
    part = LINKS["balanced"].given(dbm_to_mw(-40.0))
    assert [limit.overshoot > 0 for limit in link_limits(whole)] == [False, False]
    assert [limit.overshoot > 0 for limit in link_limits(whole, part)] == [False, True]
