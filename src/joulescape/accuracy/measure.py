"""Measures one candidate: compress, fine-tune, run on drawn devices; train on the machine where that is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor

from joulescape.accuracy.activations import Calibration, calibrate
from joulescape.accuracy.alike import draws_count
from joulescape.accuracy.datasets import Data, Part, load_task
from joulescape.accuracy.fine_tuning import tuned, untuned
from joulescape.accuracy.keys import accuracy_key, tuned_key
from joulescape.accuracy.machine_layers import program
from joulescape.accuracy.module import run
from joulescape.accuracy.on_machine import Trained, train_on_machine
from joulescape.accuracy.randomness import drawn, generator
from joulescape.accuracy.reference import is_own, reference_tensors, single_thread
from joulescape.accuracy.spiking import spiking_draw, spiking_extras, with_spikes
from joulescape.accuracy.spiking_plan import is_spiking
from joulescape.accuracy.stored import with_stored_bytes, written
from joulescape.accuracy.training import correct, fraction
from joulescape.accuracy.winograd import tiles_of
from joulescape.compression.base import Described
from joulescape.network.error_spec import Errors
from joulescape.network.fidelity import Fidelity, Measured, Recipe

__all__ = ["accuracy_key", "draws_count", "measure"]


def measure(
    network: Described, errors: Errors, recipe: Recipe, fidelity: Fidelity, seed: int, networks_dir: Path
) -> Measured:
    """One accuracy a device draw on the fidelity's split, statistics a layer, and training facts where asked for.

    Any rung but the closed form, which measures nothing.

    Reference weights are trained and kept first where `networks_dir` lacks them. All candidates of a seed meet the same
    draws of a split. Raises SimulatorError when training diverges or the machine's output is not a number.
    """
    single_thread()
    if is_own(network.original):
        own: Measured = import_module("joulescape.accuracy.own").measure_own(
            network, errors, recipe, fidelity, seed, networks_dir
        )
        return own
    data = load_task(recipe.task).shaped(network.graph.input_shape)
    tensors = weights(network, errors, recipe, fidelity, seed, networks_dir, data)
    calibration = calibrate(network, tensors, data.train.images, tiles=tiles_of(errors))
    part = data.part(fidelity.split).first(fidelity.samples)
    draws = drawn(fidelity.split, draws_count(recipe, errors, fidelity))
    in_time = [
        spiking_draw(network, tensors, errors, data, fidelity, seed, draw) for draw in draws if is_spiking(errors)
    ]
    right = tuple(one.right for one in in_time) or tuple(
        _one_draw(network, tensors, errors, calibration, part, fidelity, seed, draw) for draw in draws
    )
    trained = _trained(network, errors, recipe, fidelity, seed, data)
    file = written(network, tensors)
    return Measured(
        accuracy_fraction=tuple(fraction(one) for one in right),
        trained_accuracy_fraction=None if trained is None else trained.accuracy_fraction,
        training_steps=None if trained is None else trained.steps,
        reached_target=None if trained is None else trained.reached_target,
        statistics=with_stored_bytes(with_spikes(calibration.statistics, in_time), file),
        correct=right,
        extras={"file_bytes": float(len(file.data)), **spiking_extras(in_time)},
    )


def weights(
    network: Described, errors: Errors, recipe: Recipe, fidelity: Fidelity, seed: int, networks_dir: Path, data: Data
) -> Mapping[str, Tensor]:
    """The candidate's weights: the reference's, compressed, and fine-tuned where the fidelity does so."""
    reference = reference_tensors(network.original, recipe.reference, recipe.task, networks_dir)
    if not fidelity.fine_tunes:
        return untuned(network, reference, data.train)
    key = tuned_key(network, errors, recipe, seed, networks_dir)
    return tuned(network, reference, recipe.fine_tune, data.train, errors, seed, key)


def _one_draw(
    network: Described,
    tensors: Mapping[str, Tensor],
    errors: Errors,
    calibration: Calibration,
    part: Part,
    fidelity: Fidelity,
    seed: int,
    draw: int,
) -> bytes:
    device, reading = (generator(seed, purpose, draw) for purpose in ("device", "read"))
    machine = program(network.graph, tensors, errors, calibration, device, reading, fidelity.detail)
    with torch.no_grad():
        return correct(run(network.graph, tensors, part.images, machine.rule), part.labels)


def _trained(
    network: Described, errors: Errors, recipe: Recipe, fidelity: Fidelity, seed: int, data: Data
) -> Trained | None:
    return train_on_machine(network, errors, recipe, fidelity, seed, data) if fidelity.trains_on_machine else None
