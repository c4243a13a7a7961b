"""Shares of variance: known laws are found, shared explanations are split, and chance earns nothing."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.report.importance import Importance, importance, level_codes, moving

EXAMPLES = settings(max_examples=25, deadline=None)


def found(knobs: pl.DataFrame, values: object, candidates: list[str] | None = None) -> Importance:
    metrics = pl.DataFrame({"energy": values})
    names = candidates or [str(row) for row in range(knobs.height)]
    result = importance(knobs, metrics, names, seed=0)
    assert result is not None
    return result


def grid(generator: np.random.Generator, count: int, **levels: int) -> pl.DataFrame:
    return pl.DataFrame({name: generator.integers(0, most, count) for name, most in levels.items()})


@given(st.integers(0, 2**16), st.floats(0.1, 10))
@EXAMPLES
def test_independent_knobs_earn_their_variance(seed: int, weight: float) -> None:
    generator = np.random.default_rng(seed)
    knobs = pl.DataFrame({"a": np.tile([0, 1], 200), "b": np.repeat([0, 1], 200)})
    a, b = knobs["a"].to_numpy(), knobs["b"].to_numpy()
    result = found(knobs, a + weight * b + 1e-6 * generator.normal(size=400))
    assert result.shares["a", "energy"].value == pytest.approx(1 / (1 + weight**2), abs=1e-3)
    assert result.shares["b", "energy"].value == pytest.approx(weight**2 / (1 + weight**2), abs=1e-3)
    assert result.explained["energy"] == pytest.approx(1.0, abs=1e-3)


@given(st.integers(0, 2**16))
@EXAMPLES
def test_shares_add_up_to_what_is_explained(seed: int) -> None:
    generator = np.random.default_rng(seed)
    knobs = grid(generator, 300, a=3, b=4, c=2)
    y = knobs["a"].to_numpy() + generator.normal(size=300) + 2.0 * knobs["b"].to_numpy()
    result = found(knobs, y)
    total = sum(share.value for share in result.shares.values())
    assert total == pytest.approx(result.explained["energy"], abs=0.05)
    assert total <= 1 + 1e-9


@given(st.integers(0, 2**16))
@EXAMPLES
def test_a_knob_and_its_copy_share_evenly(seed: int) -> None:
    generator = np.random.default_rng(seed)
    knobs = grid(generator, 200, a=3, b=3)
    twice = knobs.with_columns(copy=pl.col("a"))
    y = 3.0 * knobs["a"].to_numpy() + knobs["b"].to_numpy()
    alone, both = found(knobs, y), found(twice, y)
    first, second = (both.shares[name, "energy"].value for name in ("a", "copy"))
    assert first == pytest.approx(second, abs=0.02)
    assert first + second == pytest.approx(alone.shares["a", "energy"].value, abs=0.04)


def test_a_knob_that_does_nothing_earns_nothing_on_average() -> None:
    shares = []
    for seed in range(20):
        generator = np.random.default_rng(seed)
        knobs = grid(generator, 120, real=2, idle=6)
        y = knobs["real"].to_numpy() + generator.normal(size=120)
        shares.append(found(knobs, y).shares["idle", "energy"].value)
    assert float(np.mean(shares)) < 0.02


def test_designs_of_one_candidate_are_not_counted_as_many() -> None:
    generator = np.random.default_rng(5)
    few = grid(generator, 20, a=2, b=2)
    noise = generator.normal(size=20)
    swept = pl.concat([few] * 10)
    y = np.tile(few["a"].to_numpy() + noise, 10)
    apart = found(swept, y).shares["a", "energy"]
    owners = [str(row) for row in range(20)] * 10
    together = found(swept, y, owners).shares["a", "energy"]
    assert together.value == pytest.approx(apart.value)
    assert together.high - together.low > 2 * (apart.high - apart.low)


@given(st.integers(0, 2**16))
@EXAMPLES
def test_an_interval_holds_its_share(seed: int) -> None:
    generator = np.random.default_rng(seed)
    knobs = grid(generator, 90, a=3, b=5)
    for share in found(knobs, knobs["a"].to_numpy() + generator.normal(size=90)).shares.values():
        assert 0 <= share.low <= share.value <= share.high <= 1


def test_scale_and_origin_of_a_metric_do_not_matter() -> None:
    generator = np.random.default_rng(1)
    knobs = grid(generator, 100, a=3, b=3)
    y = knobs["a"].to_numpy() + generator.normal(size=100)
    plain, moved = found(knobs, y), found(knobs, 1e3 - 1e-4 * y)
    for name, share in plain.shares.items():
        assert moved.shares[name].value == pytest.approx(share.value, abs=1e-6)


def test_a_constant_metric_has_nothing_to_explain() -> None:
    knobs = grid(np.random.default_rng(2), 60, a=3)
    result = found(knobs, np.full(60, 7.3))
    assert result.explained["energy"] == 0.0 and result.shares["a", "energy"].value == 0.0


def test_too_few_designs_tell_nothing() -> None:
    knobs = grid(np.random.default_rng(3), 8, a=4, b=4)
    metrics = pl.DataFrame({"energy": np.arange(8.0)})
    assert importance(knobs, metrics, [str(row) for row in range(8)], 0) is None
    still = pl.DataFrame({"a": [1] * 50})
    assert importance(still, pl.DataFrame({"energy": np.arange(50.0)}), ["x"] * 50, 0) is None


@pytest.mark.parametrize("values", [[1.5, None, 2.5, None], ["x", None, "y", None], list(range(40)) + [None]])
def test_what_does_not_apply_is_a_level_of_its_own(values: list[object]) -> None:
    series = pl.Series(values, strict=False)
    codes = level_codes(series)
    absent = {int(code) for code, value in zip(codes, values, strict=True) if value is None}
    present = {int(code) for code, value in zip(codes, values, strict=True) if value is not None}
    assert len(absent) == 1 and not absent & present
    assert set(codes) == set(range(len(set(codes))))


def test_many_values_are_cut_at_their_quantiles() -> None:
    codes = level_codes(pl.Series(np.exp(np.linspace(0, 20, 600))))
    assert np.bincount(codes).tolist() == [120] * 5
    assert (np.diff(codes) >= 0).all()


def test_knobs_that_never_moved_are_left_out() -> None:
    assert moving(pl.DataFrame({"a": [1, 1], "b": [1, None]})).columns == ["b"]
