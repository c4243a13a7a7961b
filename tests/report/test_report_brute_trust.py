"""Breakdown, confirmation, published figures, reasons and training against brute force on random tables."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from random_tables import random_given

from joulescape.report import theme
from joulescape.report.blob import rounded
from joulescape.report.decide import default_limit
from joulescape.report.designs import design_columns
from joulescape.report.inputs import Tables
from joulescape.report.sections import (
    assumed,
    breakdown,
    convergence,
    decision,
    published,
    refused,
    tested,
    training,
)

EXAMPLES = settings(max_examples=40, deadline=None)


def valid_rows(tables: Tables) -> list[dict[str, object]]:
    return [
        row
        for row in tables.trials.iter_rows(named=True)
        if row["state"] == "valid" and row["accuracy_fraction"] is not None
    ]


@given(random_given())
@EXAMPLES
def test_parts_add_up_by_component_and_by_layer(tables: Tables) -> None:
    found = breakdown.facts(tables)
    for name, design in found.designs.items():
        mine = [
            row
            for row in tables.parts.iter_rows(named=True)
            if row["design_id"] == design and row["node"] == "as_published" and row["quantity"] == "energy"
        ]
        total = sum(row["energy_pj"] for row in mine) * 1e-12
        for rows in (found.components, found.layers):
            own = [row for row in rows if row["back_end"] == name]
            assert sum(row["energy"] for row in own) == pytest.approx(total, rel=2e-3)
            assert sum(row["share"] for row in own) == pytest.approx(1.0, abs=5e-3)
        by_class = Counter[str]()
        for row in mine:
            by_class[theme.component_class(row["component"])] += row["energy_pj"]
        drawn = {row["class"]: row["energy"] for row in found.components if row["back_end"] == name}
        assert drawn == {kind: rounded(value * 1e-12) for kind, value in by_class.items()}


@given(random_given())
@EXAMPLES
def test_few_layers_are_named_and_they_are_the_largest(tables: Tables) -> None:
    found = breakdown.facts(tables)
    for name, design in found.designs.items():
        energy = Counter[str]()
        for row in tables.parts.iter_rows(named=True):
            if row["design_id"] == design and row["node"] == "as_published":
                energy[row["layer"]] += row["energy_pj"]
        shown = list(dict.fromkeys(row["layer"] for row in found.layers if row["back_end"] == name))
        assert len(shown) == min(len(energy), breakdown.LAYERS_SHOWN)
        named = [layer for layer in shown if layer in energy]
        largest = [layer for layer, _ in energy.most_common(len(named))]
        assert set(named) == set(largest)
        assert named == sorted(named, key=lambda layer: int(layer.removeprefix("layer")))
        if len(named) < len(energy):
            assert shown[-1] == f"{len(energy) - len(named)} other layers"


@given(random_given())
@EXAMPLES
def test_the_shown_design_is_confirmed_and_of_its_back_end(tables: Tables) -> None:
    confirmed = {row["design_id"]: row for row in tables.confirmed.iter_rows(named=True) if row["corner"] == "typical"}
    limit = default_limit(design_columns(tables)) or 0.0
    for name, design in breakdown.shown_designs(tables).items():
        assert confirmed[design]["back_end"] == name
        mates = [row["accuracy_fraction"] for row in confirmed.values() if row["back_end"] == name]
        panel = {offer.row for offer in decision.facts(tables).offers}
        ids = design_columns(tables)["id"]
        if design not in {ids[row] for row in panel if row is not None}:
            is_within = confirmed[design]["accuracy_fraction"] >= limit
            assert is_within == (max(mates) >= limit)


@given(random_given())
@EXAMPLES
def test_confirmed_rows_are_labelled_apart(tables: Tables) -> None:
    found = tested.facts(tables)
    typical = [row for row in tables.confirmed.iter_rows(named=True) if row["corner"] == "typical"]
    assert len(found.rows) == len(typical)
    assert len({row["label"] for row in found.rows}) == len(found.rows)
    for row in found.rows:
        assert row["label"].startswith(f"{row['network']} · {row['back_end'].split('/')[-1]} · ")
        assert row["energy"] is None or row["energy_low"] <= row["energy"] <= row["energy_high"]
        assert (row["low"] is None) == (row["high"] is None) == (row["spread"] == "one run: no spread known")
        assert row["low"] is None or row["low"] <= row["test"] <= row["high"] <= 1


@given(random_given())
@EXAMPLES
def test_every_failing_corner_is_in_the_table_once(tables: Tables) -> None:
    found = tested.facts(tables)
    bad = [row for row in tables.confirmed.iter_rows(named=True) if row["state"] == "infeasible"]
    assert found.failed_count == len(bad)
    assert sum(len(row.designs) for row in found.failed) == len(bad)
    assert {(row.back_end, row.corner) for row in found.failed} == {(row["back_end"], row["corner"]) for row in bad}
    labels = {row["label"]: row for row in found.rows}
    for failure in found.failed:
        assert all(labels[label]["open"] for label in failure.designs)
        assert all(labels[label]["back_end"] == failure.back_end for label in failure.designs)
        assert not any(character.isdigit() for character in failure.reason)
    assert sum(row["open"] for row in found.rows) == len({row["design_id"] for row in bad})


@given(random_given())
@EXAMPLES
def test_optimism_and_losses_are_over_the_right_rows(tables: Tables) -> None:
    found = tested.facts(tables)
    typical = [row for row in tables.confirmed.iter_rows(named=True) if row["corner"] == "typical"]
    gaps = [r["search_accuracy_fraction"] - r["accuracy_fraction"] for r in typical if r["pick"] == "front"]
    assert found.count == len(gaps)
    assert (found.optimism_fraction is None) == (not gaps)
    assert not gaps or found.optimism_fraction == pytest.approx(math.fsum(gaps) / len(gaps), abs=2e-4)
    losses = sorted(row["paired_loss_fraction"] for row in typical)
    assert (found.loss_fractions is None) == (not losses)
    if found.loss_fractions:
        least, middle, most = found.loss_fractions
        assert (least, most) == (pytest.approx(losses[0], abs=1e-4), pytest.approx(losses[-1], abs=1e-4))
        assert least <= middle <= most


@given(random_given())
@EXAMPLES
def test_reasons_count_every_design_that_did_not_work(tables: Tables) -> None:
    found = refused.facts(tables)
    states = Counter(tables.trials["state"])
    assert found.states == dict(states)
    unmeasured = ("infeasible", "failed", "screened")
    assert sum(reason.count for reason in found.reasons) == sum(states[name] for name in unmeasured)
    assert [(count, state) for count, state, _ in found.meanings] == [(states[n], n) for n in unmeasured if states[n]]
    tried = Counter(tables.trials["back_end"])
    for reason in found.reasons:
        assert reason.fraction == pytest.approx(reason.count / tried[reason.back_end])
        assert refused.NUMBER.sub("…", reason.example) == reason.reason
    counts = [reason.count for reason in found.reasons]
    assert counts == sorted(counts, reverse=True)


@given(random_given())
@EXAMPLES
def test_the_hypervolume_s_axis_holds_its_curve_closely(tables: Tables) -> None:
    found = convergence.facts(tables)
    if found.rows:
        low, high = convergence.domain(found.rows)
        volumes = [row["hypervolume"] for row in found.rows]
        assert low < min(volumes) <= max(volumes) < high
        assert high - low <= 1.3 * (max(volumes) - min(volumes)) or max(volumes) == min(volumes)
    if found.late_gain_fraction is not None:
        assert 0 <= found.late_gain_fraction <= 1


@given(random_given())
@EXAMPLES
def test_ratios_are_model_over_published(tables: Tables) -> None:
    found = published.facts(tables)
    names = {name for name, _ in tables.back_ends}
    known = [row for row in tables.published.iter_rows(named=True) if row["back_end"] in names and row["model"]]
    assert len(found.table) == len(known)
    predicted = [row for row in known if row["role"] == "prediction"]
    assert found.prediction_count == len(predicted)
    assert found.prediction_pass_count == sum(row["pass"] for row in predicted)
    drawn = [row for figure in published.figures(found) for row in figure.data["published"]]
    told = [row for row in known if row["role"] == "prediction" or not row["pass"]]
    assert len(drawn) == len(told) and len({row["label"] for row in drawn}) == len(drawn)
    for row in drawn:
        assert row["ratio"] == rounded(row["model"] / row["published"])
        assert row["least"] <= 1 <= row["most"]
        assert (row["verdict"] == "miss") == (not row["passes"])


@given(random_given())
@EXAMPLES
def test_shares_by_basis_are_of_the_shown_design(tables: Tables) -> None:
    shown = breakdown.shown_designs(tables)
    for row in assumed.facts(tables).rows:
        mine = [
            part
            for part in tables.parts.iter_rows(named=True)
            if part["design_id"] == shown.get(row.back_end) and part["node"] == "as_published"
        ]
        total = sum(part["energy_pj"] for part in mine)
        for basis, share in row.shares.items():
            assert share * total == pytest.approx(sum(p["energy_pj"] for p in mine if p["basis"] == basis), abs=1e-6)
        assert bool(row.shares) == (total > 0)


@given(random_given())
@EXAMPLES
def test_training_counts_every_costed_design(tables: Tables) -> None:
    found = training.facts(tables)
    costed = [row for row in valid_rows(tables) if row["training_energy_pj"] is not None]
    assert found.total == len(costed) == len(found.rows)
    assert found.nominal_count == len(costed)
    assert {row["back_end"] for row in found.beside} == {row["back_end"] for row in valid_rows(tables)}
