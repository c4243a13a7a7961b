"""The bridge: what compression closes of the gap, what another machine closes, and what both close together.

Two questions are read: one of costs alone, whose networks, states and machines are all priced here, and one whose
accuracy was measured, whose results are read. Factors are counted from one baseline in each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from joulescape.gap.bills import Bill, Row, bridge_rows
from joulescape.gap.bridge_findings import FINDINGS
from joulescape.gap.factors import Four, best_of_family, factors, reason
from joulescape.gap.measured import measured_bills
from joulescape.gap.priced import bills_of_study
from joulescape.gap.states import UNCOMPRESSED, silent_networks
from joulescape.gap.why import EXPLAINED, why
from joulescape.resolve.design_space import DesignSpace
from joulescape.resolve.study import Study
from joulescape.resolve.workloads import REPORTED
from joulescape.spec.study import Role

__all__ = ["FINDINGS", "rows"]

SILENT = "no publication was found that says how this network is compressed: only what the question sets is priced"

Index = Mapping[tuple[str, str, str], Bill]
"""Bills by network, state and back end."""


def rows(study: Study) -> dict[str, list[Row]]:
    """Rows of gap_tables.BRIDGE and FACTORS: of the question of costs alone, then of the measured one."""
    found: dict[str, list[Row]] = {"bridge": [], "factors": []}
    for role, space, bills in _billed(study):
        found["bridge"] += [*bridge_rows(space, bills), *silent_rows(space)]
        within = study.spec.equal_accuracy.bridge_fraction if space.spec.needs_accuracy else None
        found["factors"] += factor_rows(space, bills, study.baseline(role), study.spec.metrics, within)
    return found


def factor_rows(
    space: DesignSpace, bills: Sequence[Bill], baseline: str, metrics: Sequence[str], within: float | None = None
) -> list[Row]:
    """Rows of gap_tables.FACTORS: one a bill and metric, with the best machine of each family marked; `within` is the
    largest measured loss of accuracy that counts as none."""
    index = {(one.state.network, one.state.name, one.state.back_end): one for one in bills}
    found = [_factor_row(space, index, one, baseline, metric, within) for one in bills for metric in metrics]
    return best_of_family([row for row in found if row is not None], within)


def silent_rows(space: DesignSpace) -> Iterator[Row]:
    """A row of gap_tables.BRIDGE for each priced network that nobody was found to compress and report."""
    for network in () if space.spec.needs_accuracy else silent_networks(space):
        named = {"question": space.name, "network": network, "compression": REPORTED, "is_compressed": True}
        yield {**named, "state": "infeasible", "reason": SILENT}


def _billed(study: Study) -> Iterator[tuple[Role, DesignSpace, list[Bill]]]:
    if "bridge" in study.spaces:
        yield "bridge", study.spaces["bridge"], bills_of_study(study)
    if "measured" in study.spaces:
        yield "measured", study.spaces["measured"], measured_bills(study.spaces["measured"], study.results("measured"))


def _factor_row(
    space: DesignSpace, index: Index, one: Bill, baseline: str, metric: str, within: float | None
) -> Row | None:
    """None where the question has no network of the baseline's to compare with."""
    network = _compared(space, index, one, baseline)
    if network is None:
        return None
    state, machine = one.state, one.state.back_end
    four = Four(
        base=index[network, UNCOMPRESSED, baseline],
        base_compressed=index.get((network, state.name, baseline)),
        machine=index.get((state.network, UNCOMPRESSED, machine)),
        both=one,
    )
    known = factors(metric, four)
    return {
        "question": space.name,
        "network": state.network,
        "metric": metric,
        "baseline": baseline,
        "back_end": machine,
        "family": one.family,
        "compression": state.name,
        **known,
        "accuracy_loss_fraction": _loss(space, four.base, one),
        "is_best_of_family": False,
        "why": _why(metric, four),
        "reason": _reason(space, four, known, network, within),
        "equal_within_fraction": within,
    }


def _compared(space: DesignSpace, index: Index, one: Bill, baseline: str) -> str | None:
    """The same network on the baseline; of a machine that is its own network, the first one that the baseline runs."""
    known = [network for network in space.networks if (network, UNCOMPRESSED, baseline) in index]
    if one.state.network in known or space.back_ends[one.state.back_end].spec.equivalence != "own":
        return one.state.network if one.state.network in known else None
    return known[0] if known else None


def _loss(space: DesignSpace, base: Bill, one: Bill) -> float | None:
    """Accuracy before minus after: measured on the validation split, or what the publication says."""
    if base.validation_fraction is not None and one.validation_fraction is not None:
        return base.validation_fraction - one.validation_fraction
    if space.back_ends[one.state.back_end].spec.equivalence != "exact":
        return None  # a machine that errs loses more than the publication says
    if not one.state.is_compressed:
        return 0.0
    said = space.networks[one.state.network].reported
    return said.accuracy_loss_fraction if said is not None and one.state.name == REPORTED else None


def _why(metric: str, four: Four) -> str | None:
    """In words, where all four bills are there and say where they go, of metrics that are sums of such parts."""
    if metric not in EXPLAINED:
        return None
    bills = (four.base, four.base_compressed, four.machine, four.both)
    known = [bill for bill in bills if bill is not None and bill.where is not None and bill.metric(metric) is not None]
    return why(metric, *known) if len(known) == len(bills) else None


def _reason(space: DesignSpace, four: Four, known: Mapping[str, Any], network: str, within: float | None) -> str | None:
    """What is missing or to be known of a factor; None where there is nothing."""
    one, said = four.both, [reason(four)]
    if one is not None and network != one.state.network:
        said.append(f"its own network, against {network} on the baseline")
    if known["both"] is not None and (known["both_low"] is None or known["both_high"] is None):
        said.append(_open_ends(four))
    loss = None if one is None else _loss(space, four.base, one)
    if within is not None and loss is not None and loss > within:
        said.append(f"loses {100 * loss:.1f} points of accuracy, more than {100 * within:g}")
    return "; ".join(told for told in said if told) or None


def _open_ends(four: Four) -> str:
    """Why an interval has no end: the corner at which a design is not valid."""
    assert four.both is not None  # an interval is asked of a factor that exists
    for bill in (four.base, four.both):
        for corner in ("pessimistic", "optimistic"):
            found = bill.corners.get(corner)
            if found is not None and found["state"] != "valid":
                return f"{corner} corner of {bill.state.back_end}: {found['reason']}"
    return "not all of the corners are known"
