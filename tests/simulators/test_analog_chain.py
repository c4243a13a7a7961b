"""Layers that hand on voltages: what is charged, what is not, and what is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from crossbar_cases import SIMULATOR, dense, energy, part
from pydantic import ValidationError

from joulescape.errors import Infeasible, SpecError
from joulescape.network.histograms import BINS
from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, Operand, VectorWork, Work
from joulescape.pricing import cost as price_of
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.base import Context, LayerCost
from joulescape.simulators.crossbar.settings import CrossbarSettings
from joulescape.testing.examples import example_context
from joulescape.testing.simulators import at_paths

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = CrossbarSettings.model_validate(load_back_end(ROOT, "memristive/analog_chain").settings.model_dump())
SETTLE_NS, CONVERT_NS = 20.0, 10.0
CONVERTERS = 16
TOLD = {"value": 0.1, "basis": "derived", "source": "joulescape", "where": "a test"}
SPECULATION = {"first_bits": 4, "next_bits": 2, "failed_fraction": TOLD, "cell_factor": TOLD}


def chain(*widths: int) -> list[Work]:
    """Dense layers of 5 bits with rectifiers between them."""
    works: list[Work] = []
    for index, (inputs, outputs) in enumerate(pairwise(widths)):
        works.append(replace(dense(inputs, outputs, 5), layer=f"fc{index}"))
        if index < len(widths) - 2:
            works.append(VectorWork(f"relu{index}", "forward", "relu", outputs, outputs, outputs, 5))
    return works


def costs(works: list[Work], **changes: Any) -> dict[str, LayerCost]:
    settings = at_paths(SHIPPED, {k.replace("__", "."): v for k, v in changes.items()})
    return {c.layer: c for c in SIMULATOR.cost(works, settings, around(works))}


def around(works: list[Work], **changes: Any) -> Context:
    named = {"first": frozenset({works[0].layer}), "last": frozenset({works[-1].layer}), **changes}
    return replace(example_context(), **named)


def whole(found: dict[str, LayerCost], name: str | None = None) -> float:
    return sum(energy(c) if name is None else part(c, name) for c in found.values())


def refusals(works: list[Work], context: Context | None = None, **changes: Any) -> list[str]:
    settings = at_paths(SHIPPED, {k.replace("__", "."): v for k, v in changes.items()})
    limits = SIMULATOR.limits(works, settings, context or around(works))
    return [limit.reason for limit in limits if float(np.max(limit.overshoot)) > 0]


# --- what is charged ---------------------------------------------------------------------------------------------


def test_only_what_enters_and_what_leaves_is_converted() -> None:
    found = costs(chain(64, 100, 100, 10))
    assert whole(found, "input_dac") == pytest.approx(64 * 0.291)
    assert {layer: part(c, "adc") > 0 for layer, c in found.items() if layer.startswith("fc")} == {
        "fc0": False, "fc1": False, "fc2": True}  # fmt: skip
    wide = costs(chain(64, 100, 100, 20))
    assert whole(wide, "adc") == pytest.approx(2 * whole(found, "adc"))


def test_an_amplifier_draws_for_its_own_layer_and_all_behind_it() -> None:
    """0.05 mW a neuron: three settling times and the conversion for the first layer, one for the last."""
    found = costs(chain(64, 100, 100, 10))
    for layer, outputs, times in (("fc0", 100, 3), ("fc1", 100, 2), ("fc2", 10, 1)):
        assert part(found[layer], "amplifier") == pytest.approx(outputs * 0.05 * (times * SETTLE_NS + CONVERT_NS))
    ratio = part(found["fc0"], "crossbar") / part(found["fc1"], "crossbar")
    assert ratio == pytest.approx(64 / 100 * 70 / 50)


def test_cells_draw_what_measured_values_make_them_draw() -> None:
    """Inputs that are all at full scale take the whole square, three times a uniform one's third; dark ones nothing.
    Weights likewise: one cell of a pair holds a magnitude, the other the least conductance."""
    cell, steps = SHIPPED.cell, range(BINS)
    bright, dark = (tuple(float(step == at) for step in steps) for at in (BINS - 1, 0))
    (plain,) = costs(chain(64, 10)).values()
    drawn = {}
    for name, histogram in (("bright", bright), ("dark", dark)):
        (work,) = chain(64, 10)
        assert isinstance(work, MatrixWork)
        (found,) = costs([replace(work, input=replace(work.input, histogram=histogram))]).values()
        (held,) = costs([replace(work, weight=replace(work.weight, histogram=histogram))]).values()
        drawn[name] = part(found, "crossbar"), part(held, "crossbar")
    assert drawn["bright"][0] == pytest.approx(3 * part(plain, "crossbar")) and drawn["dark"][0] == pytest.approx(0.0)
    least = 1 / cell.on_off_ratio.value
    assert drawn["bright"][1] / drawn["dark"][1] == pytest.approx((least + (1 - least) / 2) / least)


def test_depth_costs_more_than_its_share_since_every_layer_waits_for_the_last() -> None:
    shallow, deep = (whole(costs(chain(*[100] * n, 10)), "amplifier") for n in (2, 5))
    assert deep > 2.5 * shallow


def test_more_results_than_converters_take_turns_while_everything_holds() -> None:
    few, many = costs(chain(64, 100, 16)), costs(chain(64, 100, 17))
    assert float(few["fc1"].latency_ns) == SETTLE_NS + CONVERT_NS
    assert float(many["fc1"].latency_ns) == SETTLE_NS + 2 * CONVERT_NS
    assert part(many["fc0"], "amplifier") > part(few["fc0"], "amplifier")


def test_samples_do_not_overlap() -> None:
    assert not SIMULATOR.overlaps("inference", SHIPPED)
    found = costs(chain(64, 100, 10))
    assert {float(c.occupancy_ns) for layer, c in found.items() if layer.startswith("fc")} == {  # type: ignore[arg-type]
        2 * SETTLE_NS + CONVERT_NS}  # fmt: skip
    totals = price_of("digits_mlp", "memristive/analog_chain", root=ROOT).totals
    assert totals["inference_interval_ns"] == pytest.approx(totals["inference_latency_ns"])


def test_converters_between_layers_cost_more_energy_and_time_and_less_room() -> None:
    """The mechanism off: the same arrays with a converter each, inputs bit by bit, buffers and buses. A converter
    serves a whole array; an amplifier one pair of columns."""
    on = costs(chain(64, 100, 100, 10))
    off = costs(chain(64, 100, 100, 10), analog_activations__is_on=False)
    assert whole(off, "adc") > 20 * whole(on, "adc")
    assert whole(off) > 2 * whole(on)
    assert float(off["fc0"].latency_ns) > 2 * float(on["fc0"].latency_ns)
    assert all(part(c, "amplifier") == 0 and part(c, "input_dac") == 0 for c in off.values())
    chains, converted = (
        sum(float(np.asarray(a.area_mm2)) for a in SIMULATOR.area(settings))
        for settings in (SHIPPED, at_paths(SHIPPED, {"analog_activations.is_on": False}))
    )
    assert converted < chains


def test_an_activation_is_the_amplifiers_own() -> None:
    found = costs(chain(64, 100, 10))["relu0"]
    assert energy(found) == 0
    assert float(found.latency_ns) == 0


# --- what is refused ---------------------------------------------------------------------------------------------


def test_the_shipped_chain_runs_a_perceptron_and_says_why_it_does_not_run_a_convolutional_network() -> None:
    assert refusals(chain(64, 100, 10)) == []
    with pytest.raises(Infeasible, match="more crossbars|no max_pool"):
        price_of("lenet5", "memristive/analog_chain", root=ROOT)


@pytest.mark.parametrize(("changes", "reason"), [
    ({"analog_activations__inputs__bits": 4}, "fc0 would be driven in parts .*inputs.bits 5, not 4"),
    ({"analog_activations__inputs__count": 40}, "64 inputs that must stand at once: .*inputs.count 64"),
    ({"cell__bits": 2}, "weights of 5 bits in 2 cells .* cell.bits 4, or weights of 3 bits"),
    ({"array__encoding": "offset"}, "array.encoding differential needs none"),
    ({"analog_activations__functions": ("sigmoid",)}, "relu0: the hand-over circuit has sigmoid, no relu"),
])  # fmt: skip
def test_what_voltages_cannot_do_is_refused_with_what_would_do(changes: dict[str, Any], reason: str) -> None:
    found = refusals(chain(64, 100, 10), **changes)
    assert any(re.search(reason, one) for one in found), found


@pytest.mark.parametrize(("changes", "need"), [
    ({"layout.chips": 2}, "layout.chips: 1"),
    ({"conversion": "leading_bits"}, "conversion: every_part"),
    ({"speculation": SPECULATION}, "speculation.is_on: false"),
    ({"layout.overflow": "reload"}, "no analog_activations"),
])  # fmt: skip
def test_what_needs_numbers_between_layers_does_not_go_with_voltages(changes: dict[str, Any], need: str) -> None:
    """Links carry bits; what is tried again or left out is a conversion. Converted, the same machine may."""
    with pytest.raises((SpecError, ValidationError), match=f"needs {need}"):
        load_back_end(ROOT, "memristive/analog_chain", changes)
    assert load_back_end(ROOT, "memristive/analog_chain", {**changes, "analog_activations.is_on": False})


def test_a_chain_that_is_too_large_is_not_told_to_buy_chips() -> None:
    (reason,) = [one for one in refusals(chain(64, 30000, 10)) if "crossbars" in one]
    assert "tiles" in reason and "would do" in reason and "layout.chips" not in reason and "reload" not in reason


def test_each_position_of_a_convolution_needs_arrays_of_its_own() -> None:
    loops = Loops(K=8, C=1, OY=6, OX=6, FY=3, FX=3)
    conv = MatrixWork("conv", "forward", loops, Operand(72, 5), Operand(64, 5, is_signed=False), Operand(288, 5))
    assert refusals([conv]) == []
    (reason,) = refusals([conv], positions_per_copy=4)
    assert "conv has 36 output positions" in reason


def test_maxima_and_values_from_the_host_are_refused() -> None:
    works = [*chain(64, 100, 10)]
    works[1] = VectorWork("pool", "forward", "max_pool", 100, 100, 100, 5)
    assert any("no max_pool" in one for one in refusals(works))
    (reason,) = refusals(chain(64, 100, 10), around(chain(64, 100, 10), received=frozenset({"fc1"})))
    assert reason == "fc1: inputs come from the host as numbers, and there are no converters between layers"


def test_errors_do_not_come_back_as_numbers() -> None:
    works: list[Work] = [replace(dense(64, 10, 5), role="input_gradient")]
    assert any("cannot come back" in one for one in refusals(works))
