"""What cannot be says what would make it possible, and that does: every remedy is read off its message and applied."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.resolve.back_end import BackEnd, load_back_end
from joulescape.resolve.shelves import back_end_names
from joulescape.simulators.base import Limit
from joulescape.spec.sourced import sourced_values
from joulescape.testing.examples import example_context
from joulescape.testing.simulators import at_paths

ROOT = Path(__file__).resolve().parents[2]
NAMES = [name for name in back_end_names(ROOT) if name.startswith("photonic/")]
COUPLING = "laser.coupling_loss_db"
LOSS = {"mzi_mesh": COUPLING, "ring_bank": COUPLING, "tensor_core": "light.path_loss_db"}
RULE = {"mzi_mesh": "link", "ring_bank": "link", "tensor_core": "light.rule"}
SIZES = {
    "mesh.size": r"meshes of at most (\d+) x \d+ \(mesh.size\)",
    "bank.rows": r"at most (\d+) rows \(bank.rows\)",
    "bank.channels": r"at most (\d+) channels \(bank.channels\)",
}
"""Sizes by which a path of light grows, as a message names the largest that would do."""
LINK, NOISE, SPECTRUM, CHIP = 0, 1, 2, -1
"""Places of the limits; the spectrum is that of rings."""
each = pytest.mark.parametrize("name", NAMES)


@cache
def shipped(name: str) -> BackEnd:
    return load_back_end(ROOT, name, {})


def simulator(name: str) -> str:
    return shipped(name).spec.simulator


def value(name: str, path: str) -> float:
    return sourced_values(shipped(name).settings)[path].value


def limits(name: str, overrides: dict[str, Any]) -> list[Limit]:
    """Limits with other settings, and other values of constants, at dotted paths."""
    base = shipped(name).settings
    constants = sourced_values(base)
    values = {
        path: constants[path].model_copy(update={"value": new, "low": None, "high": None}) if path in constants else new
        for path, new in overrides.items()
    }
    return list(shipped(name).simulator.limits([], at_paths(base, values), example_context()))


def number(pattern: str, reason: str) -> float | None:
    found = re.search(pattern, reason)
    return None if found is None else float(found[1])


def check_link(name: str, overrides: dict[str, Any]) -> set[str]:
    """Apply each remedy that a link which does not close names; the kinds that were named."""
    reason, overshoot = limits(name, overrides)[LINK].reason, limits(name, overrides)[LINK].overshoot
    if overshoot <= 0:
        return set()

    def closes(path: str, new: float) -> bool:
        return bool(limits(name, {**overrides, path: new})[LINK].overshoot <= 0)

    loss, rule = LOSS[simulator(name)], RULE[simulator(name)]
    named = {
        "bits": number(r"close with (\d+) bits \(adc.bits\)", reason),
        "loss": number(r"with (\S+) dB less loss", reason),
        "laser": number(r"a laser of (\S+) mW", reason),
        "received": number(r"with (\S+) dBm received", reason),
    }
    if (bits := named["bits"]) is not None:
        assert closes("adc.bits", int(bits)) and not closes("adc.bits", int(bits) + 1), reason
    if (less_db := named["loss"]) is not None:
        least = overrides.get(loss, value(name, loss)) - less_db
        assert closes(loss, least) and not closes(loss, least + 0.2), reason
    if (laser := named["laser"]) is not None:
        assert closes("laser.max_mw", laser) and not closes("laser.max_mw", 0.98 * laser), reason
    if (dbm := named["received"]) is not None:
        assert closes(f"{rule}.received_dbm", dbm) and not closes(f"{rule}.received_dbm", dbm + 0.2), reason
    sizes = {path: number(pattern, reason) for path, pattern in SIZES.items()}
    for path, most in sizes.items():
        if most is not None:
            assert closes(path, int(most)) and not closes(path, int(most) + 1), reason
    found = {kind for kind, said in (named | sizes).items() if said is not None}
    assert found or reason.endswith("by none of its numbers alone") or "at no power" in reason, reason
    return found


@each
@given(bits=st.integers(2, 14), loss_db=st.floats(2.0, 32.0))
@settings(deadline=None, max_examples=15)
def test_a_budget_that_cannot_close_closes_with_each_remedy(name: str, bits: int, loss_db: float) -> None:
    check_link(name, {f"{RULE[simulator(name)]}.rule": "matched", "adc.bits": bits, LOSS[simulator(name)]: loss_db})


@each
def test_some_budget_fails_to_close_and_names_every_remedy(name: str) -> None:
    """The law above is no empty one."""
    rule = f"{RULE[simulator(name)]}.rule"
    lasers = (0.01, 0.02, 0.05, 0.1, 0.3, 1.0, 2.0, 5.0, 9.0, 15.0)
    made = [{rule: "matched", "adc.bits": bits, "laser.max_mw": laser} for bits in (3, 4, 5, 6) for laser in lasers]
    found = [check_link(name, overrides) for overrides in made]
    assert any({"bits", "loss", "laser"} <= named for named in found)
    assert any(named & SIZES.keys() for named in found) is (simulator(name) != "tensor_core")


@pytest.mark.parametrize("size", [17, 32, 64, 128])
def test_a_mesh_too_wide_names_the_widest_that_closes_and_nothing_that_nobody_has(size: int) -> None:
    """Loss grows by 2 dB a mode: the same mesh of 16 does for all of them, a brighter laser for few."""
    assert {"mesh.size"} <= check_link("photonic/mzi_mesh", {"mesh.size": size})
    reason = limits("photonic/mzi_mesh", {"mesh.size": size})[LINK].reason
    assert "meshes of at most 16 x 16 (mesh.size)" in reason
    laser, less_db = number(r"a laser of (\S+) mW", reason), number(r"with (\S+) dB less loss", reason)
    path_db = number(r"a path of (\S+) dB", reason)
    brightest = sourced_values(shipped("photonic/mzi_mesh").settings)["laser.max_mw"].high
    assert path_db is not None and brightest is not None
    assert laser is None or laser <= brightest
    assert less_db is None or less_db <= path_db / 2
    assert ((laser is None), (less_db is None)) == {17: (False, False), 32: (True, False)}.get(size, (True, True))


@given(rows=st.integers(2, 256), channels=st.integers(2, 256), bits=st.integers(3, 7))
@settings(deadline=None, max_examples=20)
def test_a_bank_too_large_closes_at_the_size_that_it_names(rows: int, channels: int, bits: int) -> None:
    check_link("photonic/broadcast_weight", {"bank.rows": rows, "bank.channels": channels, "adc.bits": bits})


@each
@given(dbm=st.floats(-60.0, 20.0))
@settings(deadline=None, max_examples=15)
def test_light_above_the_laser_or_below_the_noise_is_put_right(name: str, dbm: float) -> None:
    rule = RULE[simulator(name)]
    overrides = {f"{rule}.rule": "given", f"{rule}.received_dbm": dbm}
    check_link(name, overrides)
    drowned = limits(name, overrides)[NOISE]
    if drowned.overshoot > 0:
        more = number(r"; (\S+) dB more light", drowned.reason)
        assert more is not None
        for extra, is_enough in ((more, True), (more - 0.2, False)):
            again = limits(name, {**overrides, f"{rule}.received_dbm": dbm + extra})[NOISE]
            assert (again.overshoot <= 0) is is_enough, drowned.reason


@pytest.mark.parametrize("name", [name for name in NAMES if simulator(name) == "ring_bank"])
@given(channels=st.integers(2, 256))
@settings(deadline=None, max_examples=15)
def test_channels_beyond_the_spectral_range_fit_with_each_remedy(name: str, channels: int) -> None:
    limit = limits(name, {"bank.channels": channels})[SPECTRUM]
    most = number(r"at most (\d+) channels fit", limit.reason)
    linewidth = number(r"a linewidth of (\S+) nm", limit.reason)
    assert most is not None and linewidth is not None
    assert (limit.overshoot <= 0) is (channels <= most)
    assert limits(name, {"bank.channels": int(most)})[SPECTRUM].overshoot <= 0
    assert limits(name, {"bank.channels": int(most) + 1})[SPECTRUM].overshoot > 0
    narrower = {"bank.channels": channels, "ring.fwhm_nm": linewidth}
    assert limits(name, narrower)[SPECTRUM].overshoot <= 0, limit.reason


CHIPS = [
    ("photonic/mzi_mesh", {"mesh.size": 128, "mesh.count": 40}),
    ("photonic/mzi_mesh", {"mesh.size": 64, "mesh.count": 4000}),
    ("photonic/broadcast_weight", {"bank.count": 3000}),
    ("photonic/bplight_cnn", {"bank.count": 500}),
    ("photonic/deap_cnn", {"bank.count": 113 * 400}),
    ("photonic/lightning_transformer", {"array.tiles": 900}),
    ("photonic/tempo", {"array.tiles": 400}),
    ("photonic/albireo", {"array.tiles": 9000}),
    ("photonic/netcast", {"array.tiles": 9000}),
]
NUMBERS = {"mesh.count": "meshes", "bank.count": "banks", "array.tiles": "tiles", "array.cores": "cores"}


@pytest.mark.parametrize(("name", "overrides"), CHIPS)
def test_a_machine_beyond_one_chip_fits_with_each_remedy(name: str, overrides: dict[str, Any]) -> None:
    limit = limits(name, overrides)[CHIP]
    assert limit.overshoot > 0
    named = {path: number(rf"at most (\d+) {what} fit", limit.reason) for path, what in NUMBERS.items()}
    named["mesh.size"] = number(r"meshes of at most (\d+) x", limit.reason)
    known = {path: int(most) for path, most in named.items() if most is not None}
    assert known, limit.reason
    for path, most in known.items():
        assert limits(name, {**overrides, path: most})[CHIP].overshoot <= 0, limit.reason
        assert limits(name, {**overrides, path: most + 1})[CHIP].overshoot > 0, limit.reason


def test_a_chip_that_no_single_number_mends_says_so() -> None:
    limit = limits("photonic/tempo", {"fixed_area_mm2": 900.0})[CHIP]
    assert limit.reason.endswith("none of its numbers alone makes it fit")
