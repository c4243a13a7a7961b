"""What the bridge says, as sentences; and what it says to claims that are often heard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from statistics import geometric_mean, median
from typing import Any

import polars as pl

from joulescape.gap.caveats import barred, caveat
from joulescape.gap.findings import Find, Finding, Tables
from joulescape.gap.in_words import times
from joulescape.gap.states import UNCOMPRESSED
from joulescape.gap.why import ALIKE
from joulescape.resolve.workloads import REPORTED

ENERGY = "inference_energy_pj"


@dataclass(frozen=True)
class Claim:
    """A factor in energy that was published of a machine of a family."""

    factor: float
    words: str
    """With its source."""
    ground: str
    """What it was measured against, in its source's words: another ground than the bridge's."""


CLAIMS = {
    "memristive": Claim(
        895.0, "analog computing in memory spends 895 times less energy than a neural processing unit (chi2016, "
        "abstract)", "a neural processing unit and benchmarks of its own",
    ),
    "photonic": Claim(
        1000.0, "photonic computing promises three orders of magnitude in power efficiency over the state of the art "
        "(shen2017, abstract of its preprint, arXiv:1610.02365)", "the state of the art of its year, no machine named",
    ),
}  # fmt: skip
"""By family."""

EXACT = "electronic"
"""The family whose machines compute what the network says."""
ERRORS = "what the machine's own errors cost is not measured"
AS_PUBLISHED = "accuracy as published"

KEPT = (UNCOMPRESSED, REPORTED)
"""States whose accuracy is known where none is measured: as trained, and as somebody published it with its loss."""

SAVES = 1.02
"""Above this a machine is said to use a compression."""


def best_of_a_family(family: str, tables: Tables) -> Finding | None:
    """The largest factor in energy that both together reach, and the mean over networks of each one's best: of states
    that keep the network's accuracy, then whatever accuracy it costs."""
    every = _energy(_priced(tables)).filter((pl.col("family") == family) & _is_other)
    mine = every.filter(pl.col("compression").is_in(KEPT))
    if mine.is_empty():
        return None
    best, most = (_largest(some, "both") for some in (mine, every))
    by_network = dict(mine.group_by("network", maintain_order=True).agg(pl.col("both").max()).iter_rows())
    worst = min(by_network, key=by_network.__getitem__)
    mean = geometric_mean(by_network.values())
    without = [name for name in _priced(tables)["network"].unique(maintain_order=True) if name not in by_network]
    none = f"; none of them can carry {', '.join(without)}" if without else ""
    further = f" In any state, whatever accuracy it costs, {_design(most)} at best." if most != best else ""
    return Finding(
        id=f"bridge_best_{family}",
        sentence=f"A machine of the {family} family, with networks as trained or compressed as published, changes the "
        f"energy of an inference at best by {_design(best)}{_against(tables, best)}, counted from {best['baseline']} "
        f"with the network as trained (×: so many times less, ÷: more)"
        f"{_kept(tables, mine, best)}; over {len(by_network)} networks the best of each gives {times(mean)} in the "
        f"geometric mean, and least for {worst}: {times(by_network[worst])}{none}.{further}",
        uncertainty=f"{_ends(best)}; {_assumed_of(tables, best)}{ERRORS if family != EXACT else AS_PUBLISHED}",
    )


def _against(tables: Tables, best: dict[str, Any]) -> str:
    """What speaks against the machine, in the sentence that names it."""
    said = caveat(tables, best["back_end"])
    return f" ({said})" if said else ""


def _kept(tables: Tables, rows: pl.DataFrame, best: dict[str, Any]) -> str:
    """Where the best machine loses too much: the best of those that do not."""
    if best["back_end"] not in barred(tables):
        return ""
    kept = rows.filter(~pl.col("back_end").is_in(barred(tables)))
    if kept.is_empty():
        return "; no other machine of the family is known to keep the accuracy"
    other = _largest(kept, "both")
    return f"; of machines that were not measured to lose too much, by {_design(other)}{_against(tables, other)}"


def claim_of_a_family(family: str, tables: Tables) -> Finding | None:
    """The factor that is claimed, beside ours of the machine alone, at every corner and from another baseline. No claim
    is contradicted: it was made on other ground than the bridge's."""
    claim, every = CLAIMS[family], _energy(_priced(tables))
    alone = every.filter((pl.col("family") == family) & (pl.col("compression") == UNCOMPRESSED) & _is_other)
    alone = alone.drop_nulls("machine_alone")
    if alone.is_empty():
        return None
    best = _largest(alone, "machine_alone")
    reach = max([*alone["machine_alone_high"].drop_nulls(), best["machine_alone"]])
    said = _against_a_gpu(tables, best)
    borne = "within reach of the kindest corner" if reach >= claim.factor else "not borne out here"
    return Finding(
        id=f"claim_{family}",
        sentence=f"That {claim.words} is {borne}: with the network as trained, the best {family} machine "
        f"({best['back_end']}{_against(tables, best)}, {best['network']}) changes the energy of {best['baseline']} by "
        f"{times(best['machine_alone'])} (×: less, ÷: more), and the most that any of them reaches at the kindest "
        f"corner of all constants is {times(reach)}.{said} The claim was made against {claim.ground}: on other ground, "
        "and so not contradicted.",
        uncertainty=f"{_times_of(best['machine_alone_low'])} to {_times_of(best['machine_alone_high'])} over the "
        f"corners; {_ground(tables, best)}",
    )


def _ground(tables: Tables, best: dict[str, Any]) -> str:
    """On what ground ours is counted."""
    rows = tables["bridge"].filter(pl.col("question") == best["question"])
    told = rows.select("boundary", "node", "batch").drop_nulls().head(1).to_dicts()
    where = "".join(f"boundary {one['boundary']}, node {one['node']}, batch {one['batch']}, " for one in told)
    return f"{where}baseline {best['baseline']}"


def _times_of(value: float | None) -> str:
    return "no design at that corner" if value is None else times(value)


def do_they_multiply(tables: Tables) -> Finding | None:
    """How often both together are the product, and the two ends of the interaction with their reasons."""
    mine = _energy(_priced(tables)).filter((pl.col("compression") != UNCOMPRESSED) & _is_other & _is_felt)
    mine = mine.drop_nulls("interaction").sort("interaction", maintain_order=True)
    if mine.height < 2:
        return None
    values = mine["interaction"].to_list()
    below, above = sum(v < 1 - ALIKE for v in values), sum(v > 1 + ALIKE for v in values)
    ends = " And: ".join(_end(row) for row in (mine.row(0, named=True), mine.row(mine.height - 1, named=True)))
    return Finding(
        id="claim_multiply",
        sentence=f"Of {mine.height} pairs of a compressed network and a machine where compression changes the "
        f"energy on that machine or on the baseline, both together save less than the product in {below} and more in "
        f"{above}; in {len(values) - below - above} they multiply within {ALIKE:.0%}. The ends: {ends}",
        uncertainty=f"both over the product: {times(values[0])} to {times(values[-1])}, median "
        f"{times(median(values))}, typical corner; all states, whatever accuracy they cost",
    )


def who_uses_published_pruning(tables: Tables) -> Finding | None:
    """On how many machines a published state saves any energy, by network."""
    bridge = tables["bridge"].filter((pl.col("corner") == "typical") & pl.col("accuracy_fraction").is_null())
    costs = {(r["network"], r["compression"], r["back_end"]): r[ENERGY] for r in bridge.iter_rows(named=True)}
    found = dict(_savings(costs))
    if not found:
        return None
    told = ", ".join(
        f"{name} {sum(saved > SAVES for saved in some)} of {len(some)} (best {times(max(some))})"
        for name, some in found.items()
    )
    return Finding(
        id="bridge_published_states",
        sentence=f"Machines on which a published compressed state saves energy: {told}.",
        uncertainty=f"typical corner; a saving counts above {SAVES - 1:.0%}",
    )


def measured_bridge(tables: Tables) -> Finding | None:
    """The best of each family where accuracy is measured and kept, each network against itself on the baseline; of a
    machine that is its own network, against the first one there."""
    factors = tables["factors"].filter(pl.col("question").is_in(_measured_questions(tables)))
    is_told = pl.col("is_best_of_family") & pl.col("accuracy_loss_fraction").is_not_null()
    kept = _energy(factors).filter(is_told & _is_other)
    best = kept.sort("both", descending=True, maintain_order=True).unique("family", keep="first", maintain_order=True)
    if best.is_empty():
        return None
    told = "; ".join(
        f"{row['family']} {times(row['both'])} ({row['network']}, {row['compression']}, {row['back_end']}, "
        f"{100 * row['accuracy_loss_fraction']:+.1f} points lost)"
        for row in best.iter_rows(named=True)
    )
    return Finding(
        id="bridge_measured",
        sentence=f"Where accuracy is measured, and {_at_most(best)} of it are lost, "
        f"the best of each family, compressed or not, changes the energy of {best['baseline'][0]} "
        f"by (×: less, ÷: more): {told}.",
        uncertainty="; ".join(f"{row['family']} {_ends(row)}" for row in best.iter_rows(named=True))
        + "; losses on the split by which designs are chosen",
    )


def _at_most(rows: pl.DataFrame) -> str:
    """The loss that counts as none, as the study says it."""
    within = rows["equal_within_fraction"].drop_nulls()
    return f"no more than {100 * within[0]:g} points" if len(within) else "no more than what counts as none"


_is_other = pl.col("back_end") != pl.col("baseline")
_is_felt = ((pl.col("both") / pl.col("machine_alone") - 1).abs() > ALIKE) | (
    (pl.col("compression_alone") - 1).abs() > ALIKE
)
"""Compression changes something, on this machine or on the baseline: elsewhere the product holds and says nothing."""


def _priced(tables: Tables) -> pl.DataFrame:
    return tables["factors"].filter(~pl.col("question").is_in(_measured_questions(tables)))


def _measured_questions(tables: Tables) -> list[str]:
    return tables["bridge"].filter(pl.col("accuracy_fraction").is_not_null())["question"].unique().to_list()


def _energy(factors: pl.DataFrame) -> pl.DataFrame:
    return factors.filter((pl.col("metric") == ENERGY) & pl.col("both").is_not_null())


def _largest(some: pl.DataFrame, column: str) -> dict[str, Any]:
    """The row with the largest value; of equal ones the first."""
    return some.sort(column, descending=True, nulls_last=True, maintain_order=True).row(0, named=True)


def _design(row: dict[str, Any]) -> str:
    return f"{times(row['both'])} ({row['network']}, {row['compression']}, on {row['back_end']})"


def _ends(row: dict[str, float | None]) -> str:
    low, high = (row[f"both_{end}"] for end in ("low", "high"))
    if low is None and high is None:
        return "typical corner alone: not confirmed at the others"
    shown = (_times_of(end) for end in (low, high))
    return f"{' to '.join(shown)} over the corners"


def _assumed_of(tables: Tables, row: dict[str, str]) -> str:
    """How much of a design's energy rests on assumed numbers."""
    keys = ("question", "network", "compression", "back_end")
    here = pl.all_horizontal([pl.col("corner") == "typical", *(pl.col(key) == row[key] for key in keys)])
    shares = tables["bridge"].filter(here)["assumed_energy_fraction"].drop_nulls()
    return f"{shares[0]:.0%} of its energy rests on assumed numbers; " if len(shares) else ""


def _end(row: dict[str, str]) -> str:
    return f"{times(float(row['interaction']))} for {row['network']}, {row['compression']}, on {row['back_end']}. " + (
        row["why"] or ""
    )


def _against_a_gpu(tables: Tables, best: dict[str, Any]) -> str:
    """The same machine, and the baseline itself, against a graphics processor where the question has one."""
    bridge = tables["bridge"].filter(
        (pl.col("network") == best["network"])
        & (pl.col("compression") == UNCOMPRESSED)
        & (pl.col("corner") == "typical")
        & (pl.col("question") == best["question"])
    )
    costs = dict(bridge.select("back_end", ENERGY).iter_rows())
    rival = next((name for name in costs if name.startswith("electronic/gpu") and costs[name]), None)
    if rival is None:
        return ""
    mine, base = (costs[rival] / costs[name] for name in (best["back_end"], best["baseline"]))
    return (
        f" Against {rival} at the same batch it is {times(mine)}, of which {best['baseline']} alone is {times(base)}."
    )


def _savings(costs: dict[tuple[str, str, str], float | None]) -> Iterator[tuple[str, list[float]]]:
    """By network: the cost as trained over that of its published state, on each machine that runs both."""
    for network in dict.fromkeys(name for name, state, _ in costs if state == REPORTED):
        pairs = (
            (costs.get((network, UNCOMPRESSED, back_end)), after)
            for (name, state, back_end), after in costs.items()
            if name == network and state == REPORTED
        )
        saved = [before / after for before, after in pairs if before and after]
        if saved:
            yield network, saved


FINDINGS: tuple[Find, ...] = (
    *(partial(best_of_a_family, family) for family in ("electronic", "memristive", "photonic")),
    *(partial(claim_of_a_family, family) for family in CLAIMS),
    do_they_multiply,
    who_uses_published_pruning,
    measured_bridge,
)
"""In the order in which they are told."""
