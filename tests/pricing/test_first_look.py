"""Pairs that never run are told by `joulescape check`, with the machine's own reason; a starter holds none."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from joulescape.cli.new_command import TEMPLATE
from joulescape.pricing import first_look
from joulescape.pricing.first_look import Barred, barred, tried_values
from joulescape.resolve.design_space import DesignSpace, load_space, resolve_space
from joulescape.resolve.example import example_names
from joulescape.spec.document import Document, read_document

ROOT = Path(__file__).parents[2]
NARROW = "memristive/memristor_12x12"
TENSOR = "photonic/lightning_transformer"


def space_of(network: str, back_end: str, **more: Any) -> DesignSpace:
    content = {
        "question": "Which?",
        "task": "digits",
        "networks": [network],
        "back_ends": [back_end],
        "objectives": {"inference_energy_pj": "minimize"},
        "budget": {"trials": 4},
        **more,
    }
    return resolve_space(Document("spaces/q.yaml", content), ROOT, "q")


def found(network: str, back_end: str, **more: Any) -> list[Barred]:
    return list(barred(space_of(network, back_end, **more)))


@pytest.mark.parametrize(
    ("network", "back_end", "reason"),
    [
        ("digits_attention", "memristive/analog_chain", "no converters between layers"),
        ("digits_lenet", "memristive/analog_chain", "no max_pool"),
        ("digits_mlp", "electronic/truenorth", "`ternary`"),
        ("digits_mlp", NARROW, "66 arrays would do"),
    ],
)
def test_a_pair_that_never_runs_is_told_with_its_reason(network: str, back_end: str, reason: str) -> None:
    (one,) = found(network, back_end)
    assert one.pair == f"{network}@{back_end}"
    assert one.reason.startswith("infeasible as set: ")
    assert reason in one.reason
    assert one.is_proven


def test_one_design_that_runs_is_enough() -> None:
    ternary: dict[str, Any] = {"choice": {"none": {}, "ternary": {}}}
    assert found("digits_mlp", "electronic/truenorth", compression=[ternary], fine_tune={"epochs": 1}) == []
    assert found("digits_mlp", "memristive/analog_chain") == []
    swept = ({"arrays": {"kind": "choice", "options": [1, most]}} for most in (2, 200))
    said = [found("digits_mlp", NARROW, hardware={NARROW: arrays}) for arrays in swept]
    assert [len(each) for each in said] == [1, 0]


def test_few_designs_are_tried_to_the_last_and_many_prove_nothing() -> None:
    bits = {"kind": "int", "low": 2, "high": 8}
    few: list[Any] = [{"quantize": {"weight_bits": bits, "activation_bits": 8}}]
    (all_of_them,) = found("digits_lenet", "memristive/analog_chain", compression=few)
    assert all_of_them.reason.startswith("infeasible in all of its 7 designs: ")
    assert all_of_them.is_proven
    density = {"kind": "float", "low": 0.2, "high": 1.0}
    many: list[Any] = [{"prune": {"granularity": "channel", "density": density}}]
    (some,) = found("digits_lenet", "memristive/analog_chain", compression=many)
    assert some.reason.startswith(f"infeasible in each of {2 + first_look.SPREAD} designs tried: ")
    assert not some.is_proven


def test_values_that_must_differ_to_run_are_met() -> None:
    """Least light with fewest bits drowns, most light with most bits is too much for a laser; between them it runs."""
    space = load_space(ROOT / "spaces" / "photonic_wall.yaml")
    pair = next(one for one in space.pairs if one.back_end == TENSOR)
    assert all(first_look._misfit(space, values) for values in tried_values(space, pair))
    assert list(barred(space)) == []


@pytest.mark.parametrize(("low", "step"), itertools.product((2, 3), (1, 3, 4)))
def test_every_tried_value_may_be_drawn(low: int, step: int) -> None:
    """A range that its step does not end at, and all that is spread over it."""
    bits = {"kind": "int", "low": low, "high": 8, "step": step}
    space = space_of("digits_mlp", NARROW, compression=[{"quantize": {"weight_bits": bits, "activation_bits": 8}}])
    (pair,) = space.pairs
    for values in (*tried_values(space, pair), *first_look._spread(space, pair)):
        assert space.candidate(values).values["pair"] == pair.name


def test_every_pair_of_a_starter_runs(tmp_path: Path) -> None:
    names = example_names(ROOT)
    shown = {"schema": "s", "shown": "s", "task": names.task, "network": names.network}
    file = tmp_path / "starter.yaml"
    file.write_text(TEMPLATE.format(**shown, back_ends=", ".join(names.back_ends)))
    space = resolve_space(read_document(file), ROOT, "starter")
    assert len(space.pairs) == 2
    assert list(barred(space)) == []
