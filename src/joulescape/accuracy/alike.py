"""Which questions to `measure` have one answer: the plainest of them names the measurement.

So a design that climbs from one rung to the next is not measured again where nothing of it can change, and settings
that a rung does not use (fine-tuning where none is done) do not part what is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from joulescape.accuracy.kept import content_of
from joulescape.compression.base import Described
from joulescape.network.error_spec import Errors
from joulescape.network.fidelity import Fidelity, Recipe
from joulescape.network.task import TASKS
from joulescape.spec.space import RungName


def plainest(network: Described, errors: Errors, recipe: Recipe, fidelity: Fidelity) -> tuple[Recipe, Fidelity]:
    """The plainest recipe and fidelity that give the same measurement.

    The corner acts through `errors`, a yield follows from the draws; more samples than there are mean all; where
    nothing is drawn one draw is made, and the full simulation is the merged one; a machine that is its own network
    always trains, on every rung.
    """
    recipe = replace(recipe, reference=content_of(recipe.reference))
    common = replace(
        fidelity, corner="typical", is_screening=False, yield_above=None, samples=_samples(recipe, fidelity)
    )
    if network.original.physical_operators:
        return replace(recipe, fine_tune={}), replace(common, rung="full", draws=1, trains_on_machine=False)
    acts = fidelity.fine_tunes and fine_tuning_acts(network, recipe.fine_tune, errors)
    asked = replace(
        recipe,
        fine_tune=recipe.fine_tune if acts else {},
        training=recipe.training if fidelity.trains_on_machine else {},
    )
    return asked, replace(
        common,
        rung=_rung(fidelity, acts, is_exact(recipe, errors)),
        draws=draws_count(recipe, errors, fidelity),
        trainings=fidelity.trainings if fidelity.trains_on_machine else 1,
    )


def met_errors(network: Described, errors: Errors, fidelity: Fidelity) -> Errors:
    """The errors that can change the measurement: those of training only where the machine trains."""
    trains = fidelity.trains_on_machine or bool(network.original.physical_operators)
    return errors if trains else forward_errors(errors)


def forward_errors(errors: Errors) -> Errors:
    """Errors of inference alone, which is all that fine-tuning elsewhere meets."""
    return {key: spec for key, spec in errors.items() if key[1] == "forward"}


def is_exact(recipe: Recipe, errors: Errors) -> bool:
    """Whether nothing is drawn: an exact machine, or no errors at all on the way forward."""
    return recipe.equivalence == "exact" or not any(role == "forward" for _, role in errors)


def draws_count(recipe: Recipe, errors: Errors, fidelity: Fidelity) -> int:
    """Draws that are worth making: of a spiking machine whose neurons are all alike every one is the same."""
    return 1 if is_exact(recipe, errors) or _is_settled(errors) else fidelity.draws


def _is_settled(errors: Errors) -> bool:
    """Whether spiking neurons are told what to do by nothing that is drawn."""
    forward = [spec for (_, role), spec in errors.items() if role == "forward"]
    return all(spec.kind == "spiking" and spec.drawn_by is None for spec in forward)


def fine_tuning_acts(network: Described, how: Mapping[str, Any], errors: Errors) -> bool:
    """Whether fine-tuning changes a weight: only after a compression step, or where it meets the machine's noise."""
    return int(how.get("epochs", 0)) > 0 and bool(network.steps or is_noise_aware(how, errors))


def is_noise_aware(how: Mapping[str, Any], errors: Errors) -> bool:
    """Whether fine-tuning meets the machine's errors."""
    return bool(how.get("noise_aware")) and bool(errors)


def _samples(recipe: Recipe, fidelity: Fidelity) -> int | None:
    task = TASKS[recipe.task]
    whole = task.test_count if fidelity.split == "test" else task.validation_count
    return None if fidelity.samples is None or fidelity.samples >= whole else fidelity.samples


def _rung(fidelity: Fidelity, acts: bool, exact: bool) -> RungName:
    if fidelity.detail == "full" and not exact:
        return "full"
    return "tuned" if acts else "merged"
