"""What the engine itself costs, in CPU time: python benchmarks/engine.py [overhead | replay | costs] [--trials N ...].

overhead  a search whose evaluation is next to nothing. What is left is the driver: ask, candidates and their digests,
          keys, cache, JSON, archive, ladder, progress, tables. Its peer is Optuna's NSGA-II alone, asked and told as
          many trials over the same parameters in memory.
replay    `joulescape search` on a finished study, as a process of its own, imports and all.
costs     a question about costs alone: every design of every sweep with its own full cost.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import yaml

from joulescape.evaluation import Evaluation
from joulescape.resolve.design_space import DesignSpace, load_space
from joulescape.search.driver import Means
from joulescape.search.run import search
from joulescape.search.sampler import distributions
from joulescape.tables import METRICS

ROOT = Path(__file__).parents[1]
LADDERS = {"one rung": ["full"], "three rungs": ["merged", "tuned", "full"]}


def main() -> None:
    """Measure what was asked for; everything by default."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["overhead", "replay", "costs"])
    parser.add_argument("--trials", type=int, nargs="+")
    arguments = parser.parse_args()
    logging.getLogger("joulescape").setLevel(logging.CRITICAL)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for what in arguments.what:
        for trials in arguments.trials or {"overhead": [2000, 10000], "replay": [10000], "costs": [1000]}[what]:
            with project() as root:
                {"overhead": overhead, "replay": replay, "costs": costs}[what](root, trials)


@contextmanager
def project() -> Iterator[Path]:
    """A folder with the real shelves and results of its own."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for shelf in ("hwlib", "models"):
            (root / shelf).symlink_to(ROOT / shelf)
        (root / "spaces").mkdir()
        yield root


def question(root: Path, trials: int, **changes: Any) -> DesignSpace:
    """The question of engine.yaml with another budget or other keys."""
    content = yaml.safe_load((ROOT / "benchmarks" / "engine.yaml").read_text(encoding="utf-8"))
    budget = {"trials": trials, **changes.pop("budget", {})}
    path = root / "spaces" / "engine.yaml"
    path.write_text(yaml.safe_dump({**content, **changes, "budget": budget}, sort_keys=False), encoding="utf-8")
    return load_space(path)


def evaluate(candidate: Any, space: Any, fidelity: Any, seed: int, memory: Any = None) -> tuple[Evaluation, ...]:  # noqa: ARG001
    """Next to nothing: a smooth trade-off with as much spread as real designs have."""
    numbers = [float(v) for v in candidate.values.values() if isinstance(v, (int, float))]
    size = sum(numbers) / len(numbers)
    luck = int(hashlib.md5(candidate.candidate_id.encode()).hexdigest()[:6], 16) / 16**6
    scale = 3.0 if candidate.back_end.startswith("electronic") else 1.0
    measured = {
        "accuracy_fraction": 1 - 0.5 / (1 + size) - 0.1 * luck,
        "inference_energy_pj": 1e3 * scale * (size**2 + 20 * luck),
        "inference_latency_ns": 1e4 / scale * (1 + luck) / (1 + size),
    }
    known = fidelity.known(measured)
    name = candidate.candidate_id
    metrics = {**dict.fromkeys(METRICS), **known}
    return (Evaluation(name, name, 0, "valid", None, 0.0, fidelity.name, {}, metrics, {"accuracy_draws_count": 1}),)


def overhead(root: Path, trials: int) -> None:
    """CPU milliseconds a trial of a whole search, beside Optuna alone."""
    warm = question(root, 48)
    search(warm, root / "warm", Means(cache=root / "warm.sqlite"), evaluate)
    peer = alone(warm, trials)
    for name, rungs in LADDERS.items():
        space = question(root, trials, budget={"rungs": rungs})
        began = time.process_time()
        found = search(space, root / name, Means(cache=root / f"{name}.sqlite"), evaluate)
        took = 1e3 * (time.process_time() - began) / trials
        print(
            f"overhead, {trials} trials, {name}: {took:.2f} CPU-ms a trial ({found.judged} evaluations, "
            f"{len(found.front)} on the front); {took / peer:.2f} of Optuna's NSGA-II alone, {peer:.2f} CPU-ms"
        )


def alone(space: DesignSpace, trials: int) -> float:
    """CPU milliseconds a trial of Optuna's NSGA-II in memory: asked, and told random values, nothing else."""
    pair = max(space.pairs, key=lambda one: len(space.parameters(one)))
    drawn = distributions(space.parameters(pair))
    sampler = optuna.samplers.NSGAIISampler(population_size=24, seed=0)
    study = optuna.create_study(directions=["maximize", "minimize", "minimize"], sampler=sampler)
    began = time.process_time()
    for number in range(trials):
        trial = study.ask(dict(drawn))
        study.tell(trial, [((number * prime) % 1009) / 1009 for prime in (7919, 104729, 1299709)])
    return 1e3 * (time.process_time() - began) / trials


def replay(root: Path, trials: int) -> None:
    """CPU seconds of `joulescape search` where everything is remembered."""
    from joulescape.accuracy.reference import ensure

    for name, rungs in LADDERS.items():
        space = question(root, trials, budget={"rungs": rungs})
        for known, network in space.networks.items():
            ensure(space.graphs[known], network.training.model_dump(), space.spec.task, space.networks_dir)
        search(space, root / "results" / "engine", Means(), as_real())
        took, said = again(root)
        print(f"replay, {trials} trials, {name}: {took:.2f} CPU-s in all; {said.partition('; see ')[0]}")


def again(root: Path) -> tuple[float, str]:
    """CPU seconds of the same search by the command line, and what it says at the end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [str(Path(sys.executable).with_name("joulescape")), "search", "spaces/engine.yaml"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, env={**os.environ})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout.strip()


def as_real() -> Any:
    """The evaluation of this file under the name of the real one, so that the command line replays it."""

    def stand_in(*arguments: Any) -> tuple[Evaluation, ...]:
        return evaluate(*arguments)

    stand_in.__module__, stand_in.__qualname__ = "joulescape.evaluation", "evaluate"
    return stand_in


def costs(root: Path, trials: int) -> None:
    """Designs and candidates a CPU second of a question about costs alone, with the real cost models."""
    objectives = {"inference_energy_pj": "minimize", "inference_latency_ns": "minimize", "area_mm2": "minimize"}
    changes: dict[str, Any] = {"objectives": objectives, "budget": {"rungs": ["closed_form"]}}
    search(question(root, 48, **changes), root / "warm", Means(cache=root / "warm.sqlite"))
    space = question(root, trials, **changes)
    began = time.process_time()
    found = search(space, root / "out", Means(cache=root / "c.sqlite"))
    took = time.process_time() - began
    print(
        f"costs alone, {trials} candidates: {found.designs_judged / took:.0f} designs and {trials / took:.0f} "
        f"candidates a CPU second ({found.designs_judged / trials:.0f} designs a candidate)"
    )


if __name__ == "__main__":
    main()
