"""Judges samplers on known ground: python benchmarks/search_quality.py [--samplers nsga2,random] [--seeds 10].

Every candidate of known_ground.yaml is measured once (kept in results/known_ground, so that a rerun goes on). Then each
sampler searches by looking outcomes up, through `Study` as the search drives it. Its score after so many evaluations is
the share of the true front's hypervolume: log energy, log latency and error, each scaled to [0, 1] between ideal and
nadir of the true front, reference point 1.1 in each.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from joulescape.accuracy.reference import ensure, single_thread
from joulescape.evaluation import Evaluation, evaluate
from joulescape.front import hypervolume, nondominated, objective_matrix
from joulescape.network.digest import digest
from joulescape.resolve.candidate import Candidate
from joulescape.resolve.design_space import DesignSpace, load_space
from joulescape.search.cache import Cache, WorkerMemory
from joulescape.search.digests import code_digest, measured_version, space_digest
from joulescape.search.fidelities import search_fidelity
from joulescape.search.grid import grid
from joulescape.search.outcome import Job, Outcome, run_job
from joulescape.search.sampler import PAIR, active
from joulescape.search.study import Study

ROOT = Path(__file__).parents[1]
SHARES = (0.02, 0.05, 0.1)
REFERENCE = 1.1
FEWER_SEEDS = {"tpe": 5, "gp": 2}
"""Samplers whose asks take so long that ten seeds would take hours."""

FEWER_TRIALS = {"gp": 60}
"""So few that no share is reached: only the price of an ask is shown."""


class Ground:
    """Every candidate with its outcome, and the true front."""

    def __init__(self, space: DesignSpace, table: Mapping[str, Sequence[Evaluation]]) -> None:
        self.space, self.table = space, table
        self._points = {name: _points(space, found) for name, found in table.items()}
        every = np.concatenate(list(self._points.values()))
        self.front = np.unique(every[nondominated(every)], axis=0)
        self._ideal, nadir = self.front.min(axis=0), self.front.max(axis=0)
        self._span = np.where(nadir > self._ideal, nadir - self._ideal, 1.0)
        self._whole = self._volume(self.front)

    def share(self, names: Sequence[str]) -> float:
        """Share of the true hypervolume that these candidates reach."""
        return self._volume(np.concatenate([self._points[name] for name in names])) / self._whole

    def _volume(self, points: np.ndarray) -> float:
        return hypervolume((points - self._ideal) / self._span, [REFERENCE] * points.shape[1])


def main() -> None:
    """Measure what is not measured yet, then print one line a sampler."""
    options = _options()
    single_thread()
    space = load_space(options.space)
    ground = Ground(space, _measured(space, options.results))
    count = len(ground.table)
    sys.stdout.write(f"{count} candidates, {len(space.pairs)} pairs, {len(ground.front)} points on the true front\n")
    header = "".join(f"{f'{share:.0%} ({round(share * count)})':>26}" for share in SHARES)
    sys.stdout.write(f"{'sampler':8}{'seeds':>6}{header}   CPU ms an ask\n{'':14}{'median  [quartiles]':>26}\n")
    for name in options.samplers.split(","):
        sys.stdout.write(_line(ground, name, options.first_seed, options.seeds) + "\n")
        sys.stdout.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", type=Path, default=Path(__file__).with_name("known_ground.yaml"))
    parser.add_argument("--results", type=Path, default=ROOT / "results" / "known_ground")
    parser.add_argument("--samplers", default="random,qmc,nsga2,nsga3")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0, help="where the seeds begin")
    return parser.parse_args()


def _measured(space: DesignSpace, folder: Path) -> dict[str, Sequence[Evaluation]]:
    """The outcome of every candidate, by its identity; those measured before are read back."""
    for name, network in space.networks.items():
        ensure(space.graphs[name], network.training.model_dump(), space.spec.task, space.networks_dir)
    candidates, fidelity, seed = list(_every(space)), search_fidelity(space.spec), space.spec.budget.seed
    found, question = dict[str, Sequence[Evaluation]](), f"{space_digest(space)} {code_digest()}"
    with Cache(folder / "evaluations.sqlite") as cache:
        memory = WorkerMemory(cache.path, measured_version())
        for number, candidate in enumerate(candidates, 1):
            key = digest(candidate.candidate_id, fidelity, question)
            text = cache.outcome(key)
            if text is None:
                outcome = run_job(Job(candidate, fidelity), space, seed, evaluate, memory, space.spec.budget.time_out_s)
                text = outcome.encoded()
                cache.store([(key, text)], memory.hand_over())
            found[candidate.candidate_id] = Outcome.decoded(text).evaluations
            if number % 500 == 0:
                sys.stderr.write(f"{number} of {len(candidates)} measured, {time.process_time():.0f} CPU s\n")
    return found


def _every(space: DesignSpace) -> Iterator[Candidate]:
    for pair in space.pairs:
        parameters = space.parameters(pair)
        for genes in grid(parameters):
            yield space.candidate({PAIR: pair.name, **active(genes, parameters)})


def _line(ground: Ground, sampler: str, first: int, seeds: int) -> str:
    seeds = min(seeds, FEWER_SEEDS.get(sampler, seeds))
    runs = [_run(ground, sampler, seed) for seed in range(first, first + seeds)]
    cells = []
    for place in range(len(SHARES)):
        reached = [shares[place] for shares, _ in runs if place < len(shares)]
        quartiles = np.quantile(reached, [0.5, 0.25, 0.75]) if reached else None
        text = "-" if quartiles is None else "{:.4f}  [{:.4f}, {:.4f}]".format(*quartiles)
        cells.append(f"{text:>26}")
    return f"{sampler:8}{seeds:>6}{''.join(cells)}   {np.median([ms for _, ms in runs]):.2f}"


def _run(ground: Ground, sampler: str, seed: int) -> tuple[list[float], float]:
    """Shares of the hypervolume at each budget, and CPU milliseconds a trial in ask and tell."""
    count, wanted = len(ground.table), [round(share * len(ground.table)) for share in SHARES]
    trials = min(max(wanted), FEWER_TRIALS.get(sampler, count))
    budget = ground.space.spec.budget.model_copy(update={"sampler": sampler, "seed": seed, "trials": trials})
    study = Study(replace(ground.space, spec=ground.space.spec.model_copy(update={"budget": budget})))
    asked: list[str] = []
    began = time.process_time()
    while asks := study.ask():
        study.tell([(ask, ground.table[ask.candidate.candidate_id]) for ask in asks])
        asked += [ask.candidate.candidate_id for ask in asks]
    spent_ms = 1e3 * (time.process_time() - began) / len(asked)
    return [ground.share(asked[:budget]) for budget in wanted if budget <= len(asked)], spent_ms


def _points(space: DesignSpace, found: Sequence[Evaluation]) -> np.ndarray:
    return objective_matrix([item.metrics for item in found if item.state == "valid"], space.spec.objectives)


if __name__ == "__main__":
    main()
