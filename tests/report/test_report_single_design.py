"""The question of one design holds that design and nothing else: every shipped question, drawn as a search draws."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from synthetic import synthetic

from joulescape import evaluate, load_space
from joulescape.network.digest import canonical
from joulescape.network.fidelity import Fidelity
from joulescape.report.inputs import Tables
from joulescape.report.pinned import is_each, pinned, question_text
from joulescape.resolve.candidate import Candidate
from joulescape.resolve.design_space import DesignSpace
from joulescape.search.sampler import active
from joulescape.spec.domain import FloatDomain, IntDomain

ROOT = Path(__file__).parents[2]
SPACES = sorted(path.stem for path in (ROOT / "spaces").glob("*.yaml") if "study:" not in path.read_text())


def asked(space: DesignSpace) -> Tables:
    """Tables that know this question, as resolved.json holds it."""
    spec = json.loads(json.dumps(canonical(space.spec)))
    return dataclasses.replace(synthetic(12), resolved={"spec": spec})


def drawn(domain: Any, chance: random.Random) -> Any:
    if isinstance(domain, IntDomain):
        return chance.randint(domain.low, domain.high)
    return (
        chance.choice([domain.low, domain.high]) if isinstance(domain, FloatDomain) else chance.choice(domain.options)
    )


def a_design(space: DesignSpace, chance: random.Random) -> tuple[Candidate, dict[str, Any]]:
    """A candidate with its first variant, and its row of the trials."""
    pair = chance.choice(space.pairs)
    parameters = space.parameters(pair)
    values = active({p.name: drawn(p.domain, chance) for p in parameters if p.name != "pair"}, parameters)
    candidate = space.candidate({**values, "pair": pair.name})
    variant = space.machine(candidate).variants[0]
    swept = {f"hardware.{pair.back_end}.{path}": value for path, value in variant.items()}
    row = {"design_id": "d1", "network": pair.network, "back_end": pair.back_end, **values, **swept}
    return candidate, row


def costed(space: DesignSpace, candidate: Candidate) -> tuple[Any, Any]:
    """Costs of the first variant in closed form, and why it is infeasible where it is."""
    first = evaluate(candidate, space, Fidelity(rung="closed_form"), 0)[0]
    return first.metrics, first.reason


def alone(text: str, tmp_path: Path) -> DesignSpace:
    """The question of one design in a project of its own, as `joulescape check` reads it."""
    for shelf in ("hwlib", "models"):
        if not (tmp_path / shelf).exists():
            (tmp_path / shelf).symlink_to(ROOT / shelf)
    path = tmp_path / "spaces" / "alone.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return load_space(path)


@pytest.mark.parametrize("name", SPACES)
def test_a_pinned_question_is_accepted_and_is_the_design(name: str, tmp_path: Path) -> None:
    space, chance = load_space(ROOT / "spaces" / f"{name}.yaml"), random.Random(name)
    for _ in range(3):
        candidate, row = a_design(space, chance)
        found = alone(question_text(asked(space), row), tmp_path)
        (pair,) = found.pairs
        assert not [p.name for p in found.parameters(pair) if p.name != "pair"]
        again = found.candidate({"pair": pair.name})
        assert (again.network, again.back_end) == (candidate.network, candidate.back_end)
        assert [(s.method, s.settings) for s in again.compression] == [
            (s.method, s.settings) for s in candidate.compression
        ]
        assert again.training == candidate.training
        variant = space.machine(candidate).variants[0]
        assert dict(again.hardware) == {**candidate.hardware, **variant}
        assert len(found.machine(again).variants) == 1


def test_it_costs_what_the_design_costs(tmp_path: Path) -> None:
    space, chance = load_space(ROOT / "spaces" / "photonic_wall.yaml"), random.Random(3)
    costs = []
    for _ in range(6):
        candidate, row = a_design(space, chance)
        found = alone(question_text(asked(space), row), tmp_path)
        costs.append(costed(space, candidate))
        assert costed(found, found.candidate({"pair": found.pairs[0].name})) == costs[-1]
    assert sum(metrics["inference_energy_pj"] is not None for metrics, _ in costs) > 0


def test_options_of_several_kinds_come_back_as_they_were_written() -> None:
    domain = {"kind": "choice", "options": [2, 2.5, True, "full"]}
    space = dataclasses.replace(synthetic(12), resolved={"spec": {"hardware": {"b": {"x": domain}}}})
    spelt = {"2": 2, "2.5": 2.5, "true": True, "full": "full", 2.0: 2}
    for text, value in spelt.items():
        found = pinned(space, {"network": "n", "back_end": "b", "hardware.b.x": text})["hardware"]["b"]["x"]
        assert found == value and type(found) is type(value)


def test_layers_of_their_own_are_held_by_no_question() -> None:
    row = {"network": "mlp", "back_end": "b", "compression.0.quantize.weight_bits.mlp.fc1": 4}
    other = {"network": "lenet", "back_end": "b", "compression.0.quantize.weight_bits.mlp.fc1": None}
    assert is_each(row) and not is_each(other)
    tables = dataclasses.replace(synthetic(12), resolved={"spec": {"compression": []}})
    assert question_text(tables, row) == "" and yaml.safe_load(question_text(tables, other))["networks"] == ["lenet"]
