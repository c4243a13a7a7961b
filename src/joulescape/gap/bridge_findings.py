"""What the bridge says, as sentences; and what it says to claims that are often heard."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from statistics import geometric_mean, median

import polars as pl

from joulescape.gap.findings import Find, Finding, Tables
from joulescape.gap.in_words import number
from joulescape.gap.states import UNCOMPRESSED
from joulescape.gap.why import ALIKE
from joulescape.resolve.workloads import REPORTED

ENERGY = "inference_energy_pj"

PUBLISHED_BY_FAMILIES = {"memristive": 1000.0, "photonic": 100.0}
"""Factors in energy that are commonly claimed of a family against digital machines."""

CLAIMS = {
    "memristive": "analog computing in memory saves a thousand times the energy of digital accelerators",
    "photonic": "photonic computing saves a hundred times the energy of digital accelerators",
}

MULTIPLY = "what compression saves and what a new machine saves multiply"

SAVES = 1.02
"""Above this a machine is said to use a compression."""


def best_of_a_family(family: str, tables: Tables) -> Finding | None:
    """The largest factor in energy that both together reach, and the mean over networks of each one's best."""
    mine = _energy(_priced(tables)).filter((pl.col("family") == family) & _is_other)
    if mine.is_empty():
        return None
    best = mine.sort("both", descending=True, nulls_last=True).row(0, named=True)
    by_network = dict(mine.group_by("network").agg(pl.col("both").max()).iter_rows())
    worst = min(by_network, key=by_network.__getitem__)
    mean = geometric_mean(by_network.values())
    return Finding(
        id=f"bridge_best_{family}",
        sentence=f"Compression together with a machine of the {family} family divides the energy of an inference by at "
        f"most {number(best['both'])} ({best['network']}, {best['compression']}, on {best['back_end']}) against "
        f"{best['baseline']} with the network as trained; over {len(by_network)} networks the best of each gives "
        f"{number(mean)} in the geometric mean, and least for {worst}: {number(by_network[worst])}.",
        uncertainty=f"{_ends(best)}; {_assumed_of(tables, best)}accuracy not measured",
    )


def claim_of_a_family(family: str, tables: Tables) -> Finding | None:
    """The factor that is claimed, against ours of the machine alone, at every corner and against another baseline."""
    claimed, every = PUBLISHED_BY_FAMILIES[family], _energy(_priced(tables))
    alone = every.filter((pl.col("family") == family) & (pl.col("compression") == UNCOMPRESSED) & _is_other)
    alone = alone.drop_nulls("machine_alone")
    if alone.is_empty():
        return None
    best = alone.sort("machine_alone", descending=True).row(0, named=True)
    ends = alone["machine_alone_high"].drop_nulls()
    reach = max([*ends, best["machine_alone"]])
    other = _against_a_gpu(tables, best)
    return Finding(
        id=f"claim_{family}",
        sentence=f"With the network as trained, the best {family} machine ({best['back_end']}, {best['network']}) "
        f"divides the energy of {best['baseline']} by {number(best['machine_alone'])}, not by {claimed:g}; the most "
        f"that any of them reaches at the kindest corner of all constants is {number(reach)}.{other}",
        uncertainty=f"{number(best['machine_alone_low'])} to {number(best['machine_alone_high'])} over the corners",
        contradicts=CLAIMS[family] if reach < claimed else None,
    )


def do_they_multiply(tables: Tables) -> Finding | None:
    """How often both together are the product, and the two ends of the interaction with their reasons."""
    mine = _energy(_priced(tables)).filter((pl.col("compression") != UNCOMPRESSED) & _is_other & _is_felt)
    mine = mine.drop_nulls("interaction").sort("interaction")
    if mine.height < 2:
        return None
    values = mine["interaction"].to_list()
    below, above = sum(v < 1 - ALIKE for v in values), sum(v > 1 + ALIKE for v in values)
    ends = "; ".join(_end(row) for row in (mine.row(0, named=True), mine.row(mine.height - 1, named=True)))
    return Finding(
        id="claim_multiply",
        sentence=f"Of {mine.height} pairs of a compressed network and a machine where compression saves energy on that "
        f"machine or on the baseline, both together save less than the product in {below} and more in {above}; in "
        f"{len(values) - below - above} they multiply within {ALIKE:.0%}. The ends: {ends}",
        uncertainty=f"interaction {number(values[0])} to {number(values[-1])}, median {number(median(values))}, "
        "typical corner",
        contradicts=MULTIPLY if below + above > mine.height / 2 else None,
    )


def who_uses_published_pruning(tables: Tables) -> Finding | None:
    """On how many machines a published state saves any energy, by network."""
    bridge = tables["bridge"].filter((pl.col("corner") == "typical") & pl.col("accuracy_fraction").is_null())
    costs = {(r["network"], r["compression"], r["back_end"]): r[ENERGY] for r in bridge.iter_rows(named=True)}
    found = dict(_savings(costs))
    if not found:
        return None
    told = ", ".join(
        f"{name} {sum(saved > SAVES for saved in some)} of {len(some)} (at most {number(max(some))})"
        for name, some in found.items()
    )
    return Finding(
        id="bridge_published_states",
        sentence=f"Machines on which a published compressed state saves energy: {told}.",
        uncertainty=f"typical corner; a saving counts above {SAVES - 1:.0%}",
    )


def measured_bridge(tables: Tables) -> Finding | None:
    """The best of each family where accuracy is measured and kept, against the cheapest network on the baseline."""
    factors = tables["factors"].filter(pl.col("question").is_in(_measured_questions(tables)))
    kept = _energy(factors).filter(pl.col("is_best_of_family") & pl.col("both").is_not_null() & _is_other)
    best = kept.sort("both", descending=True).unique("family", keep="first", maintain_order=True)
    if best.is_empty():
        return None
    told = "; ".join(
        f"{row['family']} {number(row['both'])} ({row['network']}, {row['compression']}, {row['back_end']}, "
        f"{100 * (row['accuracy_loss_fraction'] or 0.0):+.1f} points lost)"
        for row in best.iter_rows(named=True)
    )
    return Finding(
        id="bridge_measured",
        sentence=f"Where accuracy is measured and kept, both together divide the energy of {best['baseline'][0]} by: "
        f"{told}.",
        uncertainty="; ".join(f"{row['family']} {_ends(row)}" for row in best.iter_rows(named=True)),
    )


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


def _ends(row: dict[str, float | None]) -> str:
    low, high = (row[f"both_{end}"] for end in ("low", "high"))
    if low is None and high is None:
        return "typical corner alone: not confirmed at the others"
    shown = (number(end) if end is not None else "no design at that corner" for end in (low, high))
    return f"{' to '.join(shown)} over the corners"


def _assumed_of(tables: Tables, row: dict[str, str]) -> str:
    """How much of a design's energy rests on assumed numbers."""
    keys = ("question", "network", "compression", "back_end")
    here = pl.all_horizontal([pl.col("corner") == "typical", *(pl.col(key) == row[key] for key in keys)])
    shares = tables["bridge"].filter(here)["assumed_energy_fraction"].drop_nulls()
    return f"{shares[0]:.0%} of its energy rests on assumed numbers; " if len(shares) else ""


def _end(row: dict[str, str]) -> str:
    return f"{number(float(row['interaction']))} for {row['network']}, {row['compression']}, on {row['back_end']}. " + (
        row["why"] or ""
    )


def _against_a_gpu(tables: Tables, best: dict[str, str]) -> str:
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
        f" Against {rival} at the same batch it is {number(mine)}, of which {best['baseline']} alone is {number(base)}."
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
    *(partial(claim_of_a_family, family) for family in PUBLISHED_BY_FAMILIES),
    do_they_multiply,
    who_uses_published_pruning,
    measured_bridge,
)
"""In the order in which they are told."""
