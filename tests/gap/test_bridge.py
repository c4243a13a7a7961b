"""The bridge of a small question: identities of its factors, corners in order, and what cannot be built is said."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest
from bridge_questions import BASELINE, METRICS, asked, billed, question, study

from joulescape import gap_tables, tables
from joulescape.gap import bridge
from joulescape.gap.bills import bridge_rows
from joulescape.gap.bridge import factor_rows
from joulescape.gap.bridge_findings import FINDINGS, claim_of_a_family, do_they_multiply
from joulescape.gap.in_words import times
from joulescape.gap.priced import priced_bills
from joulescape.pricing import cost


def factors() -> pl.DataFrame:
    return tables.make(factor_rows(asked(), billed(), BASELINE, METRICS), gap_tables.FACTORS)


def priced() -> pl.DataFrame:
    return tables.make(bridge_rows(asked(), billed()), gap_tables.BRIDGE)


def test_a_bill_is_what_the_price_list_says() -> None:
    sets = {"node": 28, "compression.fixed_point.weight_bits": 4, "compression.fixed_point.activation_bits": 4}
    report = cost("digits_mlp", BASELINE, sets)
    (row,) = priced().filter(
        (pl.col("network") == "digits_mlp") & (pl.col("back_end") == BASELINE) & (pl.col("corner") == "typical")
        & (pl.col("compression") == "fixed_point 4/4")
    ).to_dicts()  # fmt: skip
    assert all(row[name] == pytest.approx(report.totals[name]) for name in METRICS)
    assert row["file_bytes"] == 4736 // 2 and row["macs"] == 4736 and row["node"] == "28 nm"
    spent: dict[str, float] = {}
    for part in report.energy:
        spent[part["component"]] = spent.get(part["component"], 0.0) + part["energy_pj"]
    assert row["largest_component"] == max(spent, key=spent.__getitem__)
    assert row["largest_share_fraction"] == pytest.approx(max(spent.values()) / sum(spent.values()))


def test_one_row_a_network_state_machine_and_corner() -> None:
    table = priced()
    assert table.height == 2 * 3 * 4 * 3
    keys = table.select("network", "compression", "back_end", "corner")
    assert keys.n_unique() == table.height


def test_interaction_is_both_over_the_product() -> None:
    known = factors().drop_nulls("interaction")
    assert known.height > 60
    for row in known.iter_rows(named=True):
        assert row["product"] == pytest.approx(row["compression_alone"] * row["machine_alone"])
        assert row["interaction"] == pytest.approx(row["both"] / row["product"])


def test_the_baseline_alone_and_no_compression_are_ones() -> None:
    base = factors().filter(pl.col("back_end") == BASELINE)
    assert set(base["machine_alone"]) == {1.0} and set(base["interaction"]) == {1.0}
    assert base["both"].equals(base["compression_alone"])
    trained = factors().filter(pl.col("compression") == "none")
    assert set(trained["compression_alone"]) == {1.0}
    assert trained["both"].equals(trained["machine_alone"])


def test_corners_stand_in_order() -> None:
    """The optimistic corner of every constant is the better one for energy; intervals hold their value."""
    for row in factors().filter(pl.col("metric") == "inference_energy_pj").iter_rows(named=True):
        for name in ("compression_alone", "machine_alone", "both"):
            low, value, high = (row[name + end] for end in ("_low", "", "_high"))
            assert low is None or low <= value * (1 + 1e-12)
            assert high is None or value <= high * (1 + 1e-12)
    energies = priced().pivot(on="corner", index=["network", "compression", "back_end"], values="inference_energy_pj")
    both = energies.drop_nulls()
    assert (
        both.height and (both["optimistic"] <= both["typical"]).all() and (both["typical"] <= both["pessimistic"]).all()
    )


def test_a_sweep_is_answered_by_its_best_variant() -> None:
    """Of three sizes of one machine the bill is that of least energy x latency."""
    products = []
    for tiles in (1, 2, 8):
        totals = cost("digits_mlp", "memristive/isaac", _isaac(tiles)).totals
        products.append((totals["inference_energy_pj"] or math.inf) * (totals["inference_latency_ns"] or math.inf))
    (bill,) = (b for b in billed() if b.state.pair.name == "digits_mlp@memristive/isaac" and b.state.name == "none")
    energy, latency = bill.metric("inference_energy_pj"), bill.metric("inference_latency_ns")
    assert energy is not None and latency is not None and energy * latency == pytest.approx(min(products))


def _isaac(tiles: int) -> dict[str, Any]:
    return {"node": 28, "hardware.tiles": tiles, "hardware.hypertransport.links": 0}


def test_a_machine_that_cannot_hold_the_network_has_rows_with_the_reason_and_no_numbers() -> None:
    smallest = {"memristive/isaac": {"tiles": 1, "imas_per_tile": 1, "crossbars_per_ima": 1}}
    space = question(networks=["digits_lenet"], back_ends=[BASELINE, "memristive/isaac"], hardware=smallest)
    some = priced_bills(space, space.networks)
    refused = [one for one in some if one.refusal is not None]
    assert refused and all("crossbars" in str(one.refusal) for one in refused)
    rows = tables.make(factor_rows(space, some, BASELINE, METRICS), gap_tables.FACTORS)
    lost = rows.filter(pl.col("both").is_null())
    assert lost.height == 3 * len(refused) and not lost["is_best_of_family"].any()
    assert all(reason is not None and "crossbars" in reason for reason in lost["reason"])
    infeasible = tables.make(bridge_rows(space, refused), gap_tables.BRIDGE)
    assert (
        set(infeasible["state"]) == {"infeasible"}
        and infeasible["inference_energy_pj"].null_count() == infeasible.height
    )


def test_one_machine_a_family_is_best_for_each_network_state_and_metric() -> None:
    best = factors().filter("is_best_of_family")
    assert best.select("network", "compression", "metric", "family").n_unique() == best.height == 2 * 3 * 3 * 3
    electronic = factors().filter((pl.col("family") == "electronic") & (pl.col("metric") == METRICS[0]))
    most = electronic.group_by("network", "compression").agg(pl.col("both").max())
    joined = best.join(most, on=["network", "compression"], suffix="_most")
    mine = joined.filter((pl.col("family") == "electronic") & (pl.col("metric") == METRICS[0]))
    assert mine["both"].equals(mine["both_most"])


def test_reasons_name_the_parts_that_hold_most_of_the_bill() -> None:
    row = factors().row(by_predicate=(pl.col("network") == "digits_mlp") & (pl.col("metric") == METRICS[0])
                        & (pl.col("back_end") == "memristive/isaac") & (pl.col("compression") == "fixed_point 4/4"),
                        named=True)  # fmt: skip
    (before,) = (b for b in billed() if b.state.pair.name == "digits_mlp@memristive/isaac" and b.state.name == "none")
    assert before.where is not None
    largest = max(before.where.energy, key=before.where.energy.__getitem__).replace("_", " ")
    saved = row["both"] / row["machine_alone"]
    assert f"divides energy by {saved:.3g}" in row["why"] and f"Here {largest} (" in row["why"]


def test_two_processes_price_as_one_does() -> None:
    space = question(networks=["digits_mlp"], back_ends=[BASELINE, "electronic/stripes"], compression=[],
                     hardware={})  # fmt: skip
    one, two = (list(bridge_rows(space, priced_bills(space, space.networks, workers))) for workers in (1, 2))
    assert one == two and [row["back_end"] for row in one[::3]] == [BASELINE, "electronic/stripes"]


def test_a_study_of_costs_alone_has_its_rows_and_its_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "bills_of_study", lambda _: list(billed()))
    found = bridge.rows(study(asked()))
    known = {
        name: tables.make(found.get(name, []), gap_tables.TABLES[name]) for name in ("bridge", "factors", "machines")
    }
    assert known["bridge"].height == 72 + 2 and known["factors"].height == 72
    told = {one.id: one for one in (find(known) for find in FINDINGS) if one is not None}
    assert {"bridge_best_memristive", "bridge_best_photonic", "claim_memristive", "claim_photonic"} <= set(told)
    assert "bridge_measured" not in told and "bridge_published_states" not in told
    best = known["factors"].filter((pl.col("family") == "memristive") & (pl.col("metric") == METRICS[0]))["both"].max()
    assert f"{times(best)} (" in told["bridge_best_memristive"].sentence
    assert "895 times less energy than a neural processing unit" in told["claim_memristive"].sentence


def test_a_claim_is_borne_out_only_where_some_corner_reaches_it() -> None:
    table = {"bridge": priced(), "factors": factors(), "machines": tables.make([], gap_tables.MACHINES)}
    assert (claim := claim_of_a_family("memristive", table)) is not None and "not borne out here" in claim.sentence
    kinder = table["factors"].with_columns(pl.col("machine_alone_high") * 1e6)
    assert (claim := claim_of_a_family("memristive", {**table, "factors": kinder})) is not None
    assert "within reach of the kindest corner" in claim.sentence and claim.contradicts is None


def test_states_that_change_nothing_do_not_count_as_multiplying() -> None:
    table = factors()
    counted = do_they_multiply({"bridge": priced(), "factors": table})
    felt = [
        row
        for row in table.filter(pl.col("metric") == METRICS[0]).iter_rows(named=True)
        if row["compression"] != "none" and row["back_end"] != BASELINE
        and (abs(row["both"] / row["machine_alone"] - 1) > 0.05 or abs(row["compression_alone"] - 1) > 0.05)
    ]  # fmt: skip
    assert counted is not None and counted.sentence.startswith(f"Of {len(felt)} pairs")
    less = sum(row["interaction"] < 0.95 for row in felt)
    assert f"save less than the product in {less} " in counted.sentence
