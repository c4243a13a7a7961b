"""The benchmark reads ZigZag's answers as ours: layers, nests and unrollings from its plain numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mapping_cases import ALEXNET, K_BY_C, TPU_LIKE

from benchmark_scripts import benchmark
from joulescape.simulators._mapping.unrolling import Spatial
from joulescape.simulators._mapping.zigzag_search import zigzag_cost

ROOT = Path(__file__).resolve().parents[3]


MAPPER = benchmark("mapper")

CONV5: dict[str, Any] = {
    "name": "conv5",
    "loops": {"B": 1, "K": 128, "G": 2, "OX": 12, "OY": 12, "C": 192, "FX": 3, "FY": 3},
    "relations": ["IX = 1*OX + 1*FX", "IY = 1*OY + 1*FY"],
    "input_sizes": {"IX": 12, "IY": 12},
    "bits": {"W": 8, "I": 8, "O_final": 8, "O": 16},
}
LOOPS = [["C", 6], ["FY", 3], ["FX", 3], ["OY", 12], ["OX", 12], ["K", 4], ["G", 2]]
MAPPING: dict[str, Any] = {
    "temporal": {
        "O": [LOOPS[:3], LOOPS[3:], []],
        "W": [LOOPS[:5], LOOPS[5:]],
        "I": [LOOPS, []],
    },
    "unrolling": {"D1": {"K": 32}, "D2": {"C": 32}},
}


def test_a_convolution() -> None:
    assert MAPPER.layer_of(CONV5) == ALEXNET["conv5"]


def test_a_dense_layer_calls_its_batch_d() -> None:
    told = {**CONV5, "loops": {"C": 4096, "D": 1, "K": 1000}, "relations": [], "input_sizes": {}}
    assert MAPPER.layer_of(told) == ALEXNET["fc8"]


def test_a_mapping_and_its_cost() -> None:
    nest, unrolling = MAPPER.nest_of(MAPPING), MAPPER.unrolling_of(MAPPING)
    assert unrolling == K_BY_C
    assert nest.cuts == {"O": (3, 7), "W": (5,), "I": (7,)}
    cost = zigzag_cost(Spatial.of(ALEXNET["conv5"], TPU_LIKE, unrolling), nest)
    assert cost.energy_pj == pytest.approx(61_775_684.352, rel=1e-12)
    assert cost.cycles == 69_184


def test_every_unrolling_that_was_tried_is_searched() -> None:
    other = {**MAPPING, "unrolling": {"D1": {"C": 32}, "D2": {"K": 32}}}
    told = {**CONV5, "samples": [MAPPING, MAPPING, other], "least": {"energy": MAPPING}}
    case = MAPPER.Case(MAPPER.layer_of(told), told)
    assert len(MAPPER.seen_unrollings(case)) == 2


def test_kept_answers_need_no_other_tool(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="--zigzag-python"):
        MAPPER.answers("tpu_like", "alexnet", None, tmp_path)
    (tmp_path / "tpu_like_alexnet.json").write_text('{"network": "alexnet"}')
    assert MAPPER.answers("tpu_like", "alexnet", None, tmp_path) == {"network": "alexnet"}
