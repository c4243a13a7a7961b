"""What goes first: criteria, one threshold for all layers, n of m, and gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from compressible import arrays_of, shipped
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.compression.base import GRADUAL_SHARE, Step
from joulescape.compression.pipeline import describe, project, stages
from joulescape.compression.prune.scores import scores

SOME = settings(max_examples=40, deadline=None)


def pruned(arrays: dict[str, Any], **values: Any) -> dict[str, Any]:
    described = describe(shipped("digits_lenet"), [Step("prune", values, {})])
    return dict(project(arrays, described))


def weights_of(arrays: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: array for name, array in arrays.items() if name.endswith(".weight")}


@SOME
@given(st.floats(0.001, 1.0), st.sampled_from(["magnitude", "scaled", "lamp"]), st.integers(0, 99))
def test_together_all_layers_keep_the_density(density: float, criterion: str, seed: int) -> None:
    arrays = arrays_of(shipped("digits_lenet"), seed)
    arrays["fc1.weight"] *= np.float32(0.1)
    found = weights_of(pruned(arrays, density=density, scope="global", criterion=criterion))
    kept = {name: int(np.count_nonzero(array)) for name, array in found.items()}
    wanted = sum(max(1, round(density * array.size)) for array in found.values())
    assert wanted <= sum(kept.values()) <= wanted + len(kept) and min(kept.values()) >= 1


def test_one_threshold_spares_layers_with_large_weights() -> None:
    arrays = arrays_of(shipped("digits_lenet"))
    arrays["fc1.weight"] *= np.float32(0.1)
    found = weights_of(pruned(arrays, density=0.3, scope="global"))
    smallest = min(float(np.abs(array[array != 0]).min()) for name, array in found.items() if name != "fc1.weight")
    gone = [np.abs(arrays[name][array == 0]).max() for name, array in found.items() if (array == 0).any()]
    assert max(gone) <= smallest + 1e-6
    assert np.count_nonzero(found["fc1.weight"]) < 0.03 * found["fc1.weight"].size
    fair = weights_of(pruned(arrays, density=0.3, scope="global", criterion="scaled"))
    assert np.count_nonzero(fair["fc1.weight"]) == pytest.approx(0.3 * found["fc1.weight"].size, rel=0.1)


@SOME
@given(st.integers(1, 60), st.integers(0, 99))
def test_lamp_is_its_definition(count: int, seed: int) -> None:
    weight = np.random.default_rng(seed).standard_normal(count).astype(np.float64)
    found = scores({"a.weight": weight}, "a", "lamp")
    for index, value in enumerate(weight**2):
        assert found[index] == pytest.approx(value / (weight**2)[weight**2 >= value].sum(), rel=1e-9)
    assert found.max() == pytest.approx(1.0), "the largest weight of a layer goes last of all"


def test_the_order_within_a_layer_is_that_of_magnitude_for_all_three() -> None:
    weight = np.random.default_rng(0).standard_normal((8, 9))
    for criterion in ("scaled", "lamp"):
        found = scores({"a.weight": weight}, "a", criterion)
        assert np.array_equal(np.argsort(found.ravel()), np.argsort(np.abs(weight).ravel()))


@SOME
@given(st.integers(2, 9), st.floats(0.05, 1.0), st.integers(0, 99))
def test_of_every_group_the_largest_stay(group: int, density: float, seed: int) -> None:
    arrays = arrays_of(shipped("digits_lenet"), seed)
    found = pruned(arrays, granularity="n_of_m", group=group, density=density)
    kept = max(1, round(density * group))
    for name in ("conv1", "fc1"):
        before, after = (one[f"{name}.weight"].reshape(len(one[f"{name}.weight"]), -1) for one in (arrays, found))
        for start in range(0, before.shape[1], group):
            old, new = before[:, start : start + group], after[:, start : start + group]
            rest = old.shape[1]
            wanted = kept if rest == group else min(kept, max(1, round(density * rest)))
            assert (np.count_nonzero(new, axis=1) == wanted).all()
            for row in range(len(old)):
                gone = np.abs(old[row][new[row] == 0])
                assert gone.max(initial=0.0) <= np.abs(new[row][new[row] != 0]).min()


def test_n_of_m_is_announced_to_the_weight() -> None:
    graph = shipped("lenet5")
    described = describe(graph, [Step("prune", {"granularity": "n_of_m", "group": 4, "density": 0.5}, {})])
    arrays = project(arrays_of(graph), described)
    for operator in graph.matrix_operators:
        form, weight = described.formats[operator.name], arrays[f"{operator.name}.weight"]
        assert form.weight_structure == "n_of_m" and (form.group, form.kept) == (4, 2)
        assert np.count_nonzero(weight) == round(form.weight_density * weight.size)
        # Two bits of place for each weight that stays.
        groups = weight.shape[0] * math.ceil(weight[0].size / 4)
        assert form.weight_bytes == math.ceil(2 * groups * (32 + 2) / 8)


def test_gradients_say_what_goes_where_they_are_asked() -> None:
    arrays = arrays_of(shipped("digits_lenet"))
    with pytest.raises(ValueError, match="'conv1' by first_order needs its gradients"):
        pruned(arrays, criterion="first_order")
    rng = np.random.default_rng(1)
    saliency = {
        name.replace("weight", "saliency"): rng.random(array.shape) for name, array in weights_of(arrays).items()
    }
    found = pruned({**arrays, **saliency}, criterion="first_order", density=0.2)
    for name, array in weights_of(found).items():
        score = saliency[name.replace("weight", "saliency")]
        assert score[array != 0].min() >= score[array == 0].max()
    # Once pruned, nothing needs measuring again.
    again = pruned({name: found[name] for name in arrays}, criterion="first_order", density=0.2)
    assert all(np.array_equal(again[name], found[name]) for name in arrays)


def test_channels_go_by_the_sum_of_their_gradients() -> None:
    arrays = arrays_of(shipped("digits_lenet"))
    saliency = {name.replace("weight", "saliency"): np.zeros_like(array) for name, array in weights_of(arrays).items()}
    saliency["conv1.saliency"][[1, 5]] = 1.0
    values = {"granularity": "channel", "criterion": "first_order", "density": 0.25}
    found = pruned({**arrays, **saliency}, **values)
    assert np.array_equal(found["conv1.weight"], arrays["conv1.weight"][[1, 5]])
    assert found["conv1.saliency"].shape == found["conv1.weight"].shape
    again = pruned({name: found[name] for name in arrays}, **values)
    assert np.array_equal(again["fc1.weight"], found["fc1.weight"])


def test_a_gradual_schedule_starts_whole_and_ends_early_enough() -> None:
    described = describe(shipped("digits_mlp"), [Step("prune", {"density": 0.1, "schedule": "gradual"}, {})])
    (stage,) = stages(described)
    assert stage.method.is_gradual(stage.settings)
    times = (0.0, 0.25 * GRADUAL_SHARE, 0.5 * GRADUAL_SHARE, GRADUAL_SHARE, 1.0)
    densities = [stage.method.partly(stage.settings, t)["fc1"].density for t in times]
    assert densities == pytest.approx([1.0, 0.1 + 0.9 * 0.75**3, 0.1 + 0.9 / 8, 0.1, 0.1])
    (other,) = stages(describe(shipped("digits_mlp"), [Step("prune", {"density": 0.1}, {})]))
    assert not other.method.is_gradual(other.settings)
