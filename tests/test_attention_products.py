"""The page on products of two activations: its tables are what the benchmark prints, its sentences follow from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark_scripts import benchmark

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "attention.md").read_text(encoding="utf-8")


SHARES = benchmark("attention_products")
networks = pytest.mark.parametrize("name", SHARES.NETWORKS)


@networks
def test_the_tables_of_the_page_are_computed(name: str) -> None:
    assert SHARES.table(name) in PAGE


def test_the_claim_is_computed_and_its_direction_follows_at_every_corner() -> None:
    assert SHARES.claim_table() in PAGE
    for rival in (SHARES.BANKS, SHARES.MESH):
        found = SHARES.claim_ratios(rival)
        assert found["energy"][1] > SHARES.CLAIM_ENERGY and found["latency"][1] > SHARES.CLAIM_LATENCY
        assert all(low <= typical <= high for typical, low, high in found.values())


@networks
def test_turning_dynamic_products_off_moves_the_bill_to_the_host(name: str) -> None:
    """The paper's point: on light they cost no more than their share of MACs, on the host many times that."""
    light, host = (SHARES.share(name, f"lightning_transformer, on {where}") for where in ("light", "the host"))
    assert light.energy < light.macs and light.latency < light.macs
    assert host.energy > 4 * host.macs and host.latency > 4 * host.macs
    assert host.pj_per_mac > 100 * light.pj_per_mac
    assert host.stored_pj_per_mac == pytest.approx(light.stored_pj_per_mac)


@networks
@pytest.mark.parametrize("machine", ["broadcast_weight", "mzi_mesh"])
def test_a_batch_repays_weights_and_not_activations(name: str, machine: str) -> None:
    one, many = (SHARES.share(name, f"{machine}, written", batch) for batch in (1, SHARES.LARGE))
    assert one.stored_pj_per_mac > 10 * many.stored_pj_per_mac
    assert many.pj_per_mac > one.pj_per_mac / 5
    assert many.pj_per_mac > 30 * many.stored_pj_per_mac


def test_on_bert_writing_beats_a_scalar_host_and_on_the_digits_it_does_not() -> None:
    for machine in ("broadcast_weight", "mzi_mesh"):
        for name, is_cheaper in (("bert_base", True), ("digits_attention", False)):
            written, host = (SHARES.share(name, f"{machine}, {way}").pj_per_mac for way in ("written", "on the host"))
            assert (written < host) == is_cheaper
